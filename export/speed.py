"""Command: times the page's engine in a browser, beside the article's graph.

    python -m export.speed [--json] [--output_dir=O]

Both run in one page load, bench.html of the built page, on each backend that the browser has. The
article's graph is the dense graph that `export.tfjs` writes. It computes what the article's own
file does: all cells of the canvas, living or not, in each step. Each round times the two right
after each other, so that a slower machine slows down both. The page itself is timed beside them at
its speed "as fast as possible", where it also draws. Takes about ten minutes.

Close other programs first. Without a graphics card WebGL and WebGPU run on the CPU, through
SwiftShader, and their figures say little about a card.
"""

from __future__ import annotations

import json
import platform
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags, logging

from experiments import markdown
from export import browser, building, serving
from selforg_mnist import data_flags, output_files, startup
from selforg_mnist.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Page

_JSON = flags.DEFINE_bool("json", False, "Print JSON instead of a table.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "", "Also write speed.json and speed.md here.")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "Timings of each row.")
_SECONDS = flags.DEFINE_float("seconds", 1.0, "Shortest length of one timing.")
_BACKENDS = flags.DEFINE_list(
    "backends", [], "Backends to time, such as wasm,cpu (default: all that the browser has)."
)
flags.adopt_module_key_flags(data_flags)

_MODEL = "l2_noise"
_CANVASES = ({"size": 56, "digits": 1}, {"size": 140, "digits": 25})
_COMPARED_STEPS = 20
# Steps a second that the page takes while it plays.
_PAGE_RATE = """async (seconds) => {
  const [begin, first] = [performance.now(), window.demo.step];
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  return (1000 * (window.demo.step - first)) / (performance.now() - begin);
}"""
_WARM_UP_SECONDS = 1
_WEBGL_RENDERER = """() => {
  const gl = document.createElement('canvas').getContext('webgl2');
  const info = gl?.getExtension('WEBGL_debug_renderer_info');
  return info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : null;
}"""


def measure(page: Page, rounds: int, seconds: float, backends: list[str]) -> list[dict[str, Any]]:
    """Times both engines in a page.

    Returns:
      rows: plain values, one for each backend, canvas, and with or without residual noise.
        `article` and `ours` are steps per second, medians over the rounds. `ratio` is the median
        over the rounds of ours divided by the article's in the same round. `difference` is the
        largest between their states after 20 steps with the same fire masks and noise.
    """
    rows: list[dict[str, Any]] = []
    for backend in backends:
        compared = {"backend": backend, "model": _MODEL, "steps": _COMPARED_STEPS}
        difference = page.evaluate("(request) => window.bench.difference(request)", compared)
        rows += [
            {"backend": backend, **canvas, "noise": noise, "difference": difference}
            for canvas in _CANVASES
            for noise in (False, True)
        ]
    rates: list[list[tuple[float, float]]] = [[] for _ in rows]
    for number in range(rounds):
        logging.info("Round %d of %d.", number + 1, rounds)
        for row, timed in zip(rows, rates, strict=True):
            timed.append((_rate(page, row, "dense", seconds), _rate(page, row, "living", seconds)))
    for row, timed in zip(rows, rates, strict=True):
        row["article"] = statistics.median(article for article, _ in timed)
        row["ours"] = statistics.median(ours for _, ours in timed)
        row["ratio"] = statistics.median(ours / article for article, ours in timed)
    return rows


def measure_page(
    bench: Page, page: Page, address: str, rounds: int, seconds: float, backends: list[str]
) -> list[dict[str, Any]]:
    """Times the page as one sees it, beside its engine alone and the article's graph.

    Returns:
      rows: one for each backend, of one digit with residual noise on 56 x 56 cells: `article`,
        `ours` and `page` are steps a second, medians over the rounds; `share` is the median over
        the rounds of the page's to that of the engine alone.
    """
    rows: list[dict[str, Any]] = []
    for backend in backends:
        row: dict[str, Any] = {"backend": backend, "size": 56, "digits": 1, "noise": True}
        page.goto("about:blank")
        page.goto(f"{address}#backend={backend}&model={_MODEL}&speed=max&digit=3-0&play=no")
        page.evaluate("window.demo.ready")
        timed = []
        for _ in range(rounds):
            article, ours = (_rate(bench, row, kind, seconds) for kind in ("dense", "living"))
            page.get_by_role("button", name="Play", exact=True).click()
            page.evaluate(_PAGE_RATE, _WARM_UP_SECONDS)
            timed.append((article, ours, float(page.evaluate(_PAGE_RATE, seconds))))
            page.get_by_role("button", name="Pause", exact=True).click()
        row["article"], row["ours"], row["page"] = map(statistics.median, zip(*timed, strict=True))
        row["share"] = statistics.median(page / ours for _, ours, page in timed)
        rows.append(row)
    page.goto("about:blank")
    return rows


def _rate(page: Page, row: dict[str, Any], engine: str, seconds: float) -> float:
    """Steps per second."""
    wanted = {key: row[key] for key in ("backend", "size", "digits", "noise")}
    request = {**wanted, "engine": engine, "model": _MODEL, "seconds": seconds}
    done = page.evaluate("(request) => window.bench.measure(request)", request)
    return float(done["stepsPerSecond"])


def _measure_in_browser(site: Path) -> dict[str, Any]:
    with serving.serve(site) as address, browser.chromium() as chromium:
        page = chromium.new_page()
        page.goto(f"{address}bench.html")
        page.evaluate("window.bench.ready")
        there = page.evaluate("window.bench.backends")
        backends = _BACKENDS.value or there
        for backend in backends:
            if backend not in there:
                raise UserError(f"backends={backend}: expected some of {', '.join(there)}")
        return {
            "model": _MODEL,
            "rows": measure(page, _ROUNDS.value, _SECONDS.value, backends),
            "page": measure_page(
                page, chromium.new_page(), address, _ROUNDS.value, _SECONDS.value, backends
            ),
            "browser": f"Chromium {chromium.version}, headless",
            "webgl_renderer": page.evaluate(_WEBGL_RENDERER),
            "cores": startup.available_cores(),
            "machine": platform.machine(),
            "rounds": _ROUNDS.value,
            "seconds": _SECONDS.value,
        }


def _text(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    heads = ["backend", "canvas", "noise", "article's graph", "ours", "ratio", "difference"]
    lines = [heads]
    for row in report["rows"]:
        digits = "one digit" if row["digits"] == 1 else f"{row['digits']} digits"
        lines.append(
            [
                row["backend"],
                f"{row['size']} x {row['size']}, {digits}",
                "yes" if row["noise"] else "no",
                f"{row['article']:.1f}",
                f"{row['ours']:.1f}",
                f"{row['ratio']:.1f}",
                f"{row['difference']:.1e}",
            ]
        )
    seen = [["backend", "article's graph", "our engine alone", "the page", "of the engine"]]
    for row in report["page"]:
        rates = [f"{row[key]:.1f}" for key in ("article", "ours", "page")]
        seen.append([row["backend"], *rates, f"{100 * row['share']:.0f}%"])
    return (
        f"CA steps per second of {report['model']}, medians of {report['rounds']} timings of "
        f"{report['seconds']:g} s each, in one page load. {report['browser']}, "
        f"{report['cores']} cores, {report['machine']}. WebGL: {report['webgl_renderer']}.\n\n"
        f"{markdown.table(lines)}\n\n"
        "The article's graph is our dense export, which computes what the article's file does. "
        f"Difference: the largest between their states after {_COMPARED_STEPS} steps with the "
        "same fire masks and noise.\n\n"
        'The page, at its speed "as fast as possible", with one digit and noise on 56 x 56 cells, '
        "beside the two:\n\n"
        f"{markdown.table(seen)}\n"
    )


def _speed() -> int:
    for flag in (_ROUNDS, _SECONDS):
        if flag.value <= 0:
            raise UserError(f"{flag.name}={flag.value}: expected more than 0")
    data_flags.check()
    npm = building.find_tools()
    digits = data_flags.load(building.SPLIT, seed=0)
    report = _measure_in_browser(building.build(npm, building.MODELS, digits))
    as_json, as_text = json.dumps(report, indent=2), _text(report)
    if _OUTPUT_DIR.value:
        folder = Path(_OUTPUT_DIR.value).expanduser()
        output_files.write_text(folder / "speed.json", as_json + "\n")
        output_files.write_text(folder / "speed.md", as_text)
    print(as_json if _JSON.value else as_text)
    return 0


if __name__ == "__main__":
    startup.run(_speed)
