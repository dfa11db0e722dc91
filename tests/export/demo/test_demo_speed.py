"""The living-cell engine computes what the article's graph does, and takes less time for it."""

import json

import pytest

from selforg_mnist.evaluation.article import TABLE
from support import command
from support.demo_page import tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow

SPEED = "export.speed"


@pytest.fixture(scope="module")
def bench(browser, address):
    with tab(browser, address) as opened:
        opened.page.goto(f"{address}bench.html")
        opened.page.evaluate("window.bench.ready")
        yield opened.page


def test_all_backends_are_there(bench):
    # SwiftShader lends the CPU to the two that want a graphics card.
    assert set(bench.evaluate("window.bench.backends")) == {"webgpu", "webgl", "wasm", "cpu"}


@pytest.mark.parametrize(
    ("backend", "model"),
    [
        *(("wasm", model) for model in TABLE),
        pytest.param("cpu", "l2", marks=pytest.mark.long),
        ("webgl", "l2"),
        pytest.param("webgpu", "l2_noise", marks=pytest.mark.long),
    ],
)
def test_the_engine_equals_the_article_s_graph(bench, backend, model):
    request = {"backend": backend, "model": model, "steps": 20}
    found = bench.evaluate("(request) => window.bench.difference(request)", request)
    # Rounding alone: states reach 10, and each step builds on the one before. A single cell that
    # fires in one and not in the other makes a difference of a tenth and more.
    assert 0 < found < 1e-4


@pytest.mark.timing
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
@pytest.mark.long
def test_the_engine_is_faster(bench, backend):
    ratios = []
    for _ in range(3):
        rates = []
        for engine in ("dense", "living"):
            request = {"backend": backend, "engine": engine, "model": "l2_noise", "noise": True}
            request |= {"seconds": 0.5, "size": 56, "digits": 1}
            done = bench.evaluate("(request) => window.bench.measure(request)", request)
            rates.append(done["stepsPerSecond"])
        ratios.append(rates[1] / rates[0])
    # Far below what is measured, for busy machines.
    assert sorted(ratios)[1] > 3


# Counts the frames from each event of a stroke to the one in which its ink is on the canvas.
LATENCY = """() => {
  const canvas = document.getElementById('cells');
  let [frame, waiting] = [0, null];
  window.latencies = [];
  canvas.addEventListener('pointermove', (event) => {
    if (!event.buttons || waiting) return;
    const box = canvas.getBoundingClientRect();
    const at = (place, start, side) => Math.floor(((place - start) / side) * canvas.width);
    const [x, y] = [at(event.clientX, box.x, box.width), at(event.clientY, box.y, box.height)];
    if (dark(x, y) === false) waiting = {x, y, frame};
  }, true);
  const context = canvas.getContext('2d');
  const dark = (x, y) => Math.min(...context.getImageData(x, y, 1, 1).data.slice(0, 3)) < 200;
  const {port1, port2} = new MessageChannel();
  port1.onmessage = ({data: frame}) => {  // when all that this frame draws is drawn
    if (!waiting || !dark(waiting.x, waiting.y)) return;
    window.latencies.push(frame - waiting.frame);
    waiting = null;
  };
  requestAnimationFrame(function count() {
    frame++;
    requestAnimationFrame(count);
    port2.postMessage(frame);
  });
}"""


@pytest.mark.parametrize(
    ("backend", "slower"),
    [
        ("wasm", 1),
        *(pytest.param(*case, marks=pytest.mark.long) for case in (("wasm", 6), ("webgl", 1))),
    ],
)
def test_a_stroke_is_ink_on_the_next_frame(browser, address, backend, slower):
    """However fast the cells go, on a busy machine too, and though a GPU's states come later."""
    with tab(browser, address) as demo:
        demo.open(f"backend={backend}&speed=max&digit=3-0&play=no")
        demo.click("Bin", "Play")
        demo.until("demo.living === 0")
        session = demo.page.context.new_cdp_session(demo.page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        demo.page.evaluate(LATENCY)
        demo.stroke(*((x, 8 if x % 10 else 30) for x in range(5, 52, 5)))
        demo.stroke(*((x, 45) for x in range(5, 52, 5)))
        demo.settle()
        latencies = demo.page.evaluate("window.latencies")
        session.detach()  # ends the throttling: another test gets this tab
        assert len(latencies) > 5
        assert max(latencies) <= 1
        assert demo.living > 100


@pytest.mark.timing
@pytest.mark.long
def test_the_page_is_as_fast_as_its_engine(browser, address, bench):
    """Drawing and listening cost something; the frames' rhythm costs nothing."""
    from export import speed

    page = browser.new_page()
    # Whatever else a machine does lowers the page's share now and then; what the page itself
    # does would lower it each time.
    for _ in range(6):
        (row,) = speed.measure_page(bench, page, address, 1, 0.5, ["wasm"])
        if row["share"] > 0.5:
            break
    page.close()
    assert row["share"] > 0.5


@pytest.mark.timing
@pytest.mark.long
def test_speed_report(checkout, tmp_path):
    flags = [f"--output_dir={tmp_path / 'out'}", "--rounds=1", "--seconds=0.05"]
    flags += ["--json", "--backends=wasm", "--dataset=drawn"]
    status, printed, said = command.run(SPEED, *flags, cwd=checkout)
    assert status == 0, said
    report = json.loads(printed)
    assert json.loads((tmp_path / "out" / "speed.json").read_text()) == report
    assert report["browser"].startswith("Chromium ")
    rows = {(row["size"], row["digits"], row["noise"]): row for row in report["rows"]}
    assert set(rows) == {(56, 1, False), (56, 1, True), (140, 25, False), (140, 25, True)}
    for row in rows.values():
        assert row["ratio"] == pytest.approx(row["ours"] / row["article"])
        assert row["ratio"] > 1.5
    assert rows[56, 1, True]["ours"] > rows[140, 25, True]["ours"]
    (seen,) = report["page"]
    assert seen["share"] == pytest.approx(seen["page"] / seen["ours"])
    assert seen["page"] > 1.5 * seen["article"]
    table = (tmp_path / "out" / "speed.md").read_text()
    row = rows[56, 1, False]
    assert f"| wasm | 56 x 56, one digit | no | {row['article']:.1f} |" in table
    assert "our dense export" in table
    assert f"| wasm | {seen['article']:.1f} | {seen['ours']:.1f} | {seen['page']:.1f} |" in table


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--rounds=0"], "rounds=0: expected more than 0"),
        (["--seconds=-1"], "seconds=-1.0: expected more than 0"),
        (["more"], "more: expected flags only"),
    ],
)
def test_a_mistake_is_one_line_at_once(tmp_path, flags, said):
    assert said in command.refused(SPEED, *flags, cwd=tmp_path)
