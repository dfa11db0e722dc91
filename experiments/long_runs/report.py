"""The report on long runs: a table, and how the largest states grow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from experiments import markdown
from experiments.long_runs.measure import LARGE, LongRun
from selforg_mnist import output_files
from selforg_mnist.data.digits import Digits
from selforg_mnist.pictures import render

_SHOWN = 24  # growing digits per model

_SHARES = (
    ("cells right", "cell_accuracy"),
    ("agree", "total_agreement"),
    ("agree and are right", "correct_agreement"),
    (f"states above {LARGE:g} medians", "large"),
    ("states not finite", "not_finite"),
)


def write(
    folder: Path, digits: Digits, runs: Mapping[str, LongRun], about: Mapping[str, Any]
) -> Sequence[str]:
    """Writes report.md, long_runs.json, growth.png, and one picture of growing digits per model.

    Returns:
      names: of the files.
    """
    numbers = {
        name: {
            **{key: [round(100 * v, 2) for v in getattr(run, key)] for _, key in _SHARES},
            "marks": run.marks,
            "median_of_largest_state": [float(f"{v:.4g}") for v in run.median],
            "growing_digits": [int(i) for i in run.growing],
        }
        for name, run in runs.items()
    }
    text = json.dumps({"about": dict(about), "models": numbers}, indent=2)
    output_files.write_text(folder / "long_runs.json", text + "\n")
    with output_files.beside(folder / "growth.png") as partial:
        Image.fromarray(_growth(runs)).save(partial)
    pictures = {name: f"growing_{name}.png" for name, run in runs.items() if run.growing}
    for name, file in pictures.items():
        with output_files.beside(folder / file) as partial:
            shown = 255 - digits.images[runs[name].growing[:_SHOWN]]
            Image.fromarray(render.mosaic(shown, columns=12, gap=2, scale=3)).save(partial)
    output_files.write_text(folder / "report.md", _page(runs, about, pictures))
    return ["report.md", "long_runs.json", "growth.png", *pictures.values()]


def _growth(runs: Mapping[str, LongRun]) -> np.ndarray:
    """The largest |state| of growing digits over CA steps, a panel per model: [H, W, 3] uint8."""
    figure = Figure(figsize=(3.2 * len(runs) + 0.6, 3.4), dpi=90, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(runs), squeeze=False, sharey=True)[0]
    for panel, (name, run) in zip(panels, runs.items(), strict=True):
        for line in run.growth:
            shown = np.where(np.isfinite(line), line, np.nan)
            panel.plot(10 * np.arange(1, len(line) + 1), shown, linewidth=1.2)
        panel.plot(run.marks, run.median, color="black", linestyle="--", linewidth=1.5)
        panel.set_title(name, fontsize=11)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("CA step")
        panel.grid(alpha=0.3)
        if not len(run.growth):
            panel.text(0.5, 0.9, "none grows", transform=panel.transAxes, ha="center")
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(min(low, 1.0), max(high, 100.0))
    panels[0].set_ylabel("largest |state| of a digit")
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def _page(
    runs: Mapping[str, LongRun], about: Mapping[str, Any], pictures: Mapping[str, str]
) -> str:
    sections = []
    for name, run in runs.items():
        lines = [["after CA step", *(f"{mark:,}" for mark in run.marks)]]
        for title, key in _SHARES:
            lines.append([f"{title}, %", *(f"{100 * v:.1f}" for v in getattr(run, key))])
        lines.append(["median of the largest state", *(f"{v:.3g}" for v in run.median)])
        sections.append(f"## {name}\n\n{about['models'][name]}\n\n{markdown.table(lines)}")
        if name in pictures:
            sections.append(
                f"Digits that grow at the end (the first {_SHOWN} at most):\n\n"
                f"![Digits whose states grow under {name}]({pictures[name]})"
            )
    tables = "\n\n".join(sections)
    return f"""# Ten thousand steps

{about["num_samples"]} test digits of {about["dataset"]}, {about["steps"]:,} CA steps. A digit's
largest state is the largest |state| of its living cells. The digit counts as growing if this is
above {LARGE:g} times the median over all digits, or not finite.

{tables}

![The largest states of growing digits over CA steps](growth.png)

Solid: digits that have grown at the end, up to eight per model. Dashed: the median of all digits.

Made by `{about["command"]}` in {about["seconds"]} s.
"""
