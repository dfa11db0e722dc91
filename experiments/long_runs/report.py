"""The report on long runs: a table, and how the largest states grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments import markdown
from experiments.long_runs.measure import LARGE, LongRun
from experiments.study import Report
from selforg_mnist.data.digits import Digits
from selforg_mnist.pictures import figures, render

_SHOWN = 24  # growing digits per model

_SHARES = (
    ("cells right", "cell_accuracy"),
    ("agree", "total_agreement"),
    ("agree and are right", "correct_agreement"),
    (f"states above {LARGE:g} medians", "large"),
    ("states not finite", "not_finite"),
)


def make(digits: Digits, runs: Mapping[str, LongRun], about: Mapping[str, Any]) -> Report:
    """The tables, how the largest states grow, and pictures of the digits whose states grow."""
    numbers = {
        name: {
            **{key: [round(100 * v, 2) for v in getattr(run, key)] for _, key in _SHARES},
            "marks": run.marks,
            "median_of_largest_state": [float(f"{v:.4g}") for v in run.median],
            "growing_digits": [int(i) for i in run.growing],
        }
        for name, run in runs.items()
    }
    pictures = {"growth.png": _growth(runs)}
    for name, run in runs.items():
        if run.growing:
            shown = 255 - digits.images[run.growing[:_SHOWN]]
            pictures[_file(name)] = render.mosaic(shown, columns=12, gap=2, scale=3)
    return Report(numbers, pictures, _page(runs, about))


def _file(model: str) -> str:
    return f"growing_{model}.png"


def _growth(runs: Mapping[str, LongRun]) -> np.ndarray:
    """The largest |state| of growing digits over CA steps, a panel per model: [H, W, 3] uint8."""
    figure = Figure(figsize=(3.2 * len(runs) + 0.6, 3.4), dpi=90, layout="constrained")
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
    return figures.pixels(figure)


def _page(runs: Mapping[str, LongRun], about: Mapping[str, Any]) -> str:
    sections = []
    for name, run in runs.items():
        lines = [["after CA step", *(f"{mark:,}" for mark in run.marks)]]
        for title, key in _SHARES:
            lines.append([f"{title}, %", *(f"{100 * v:.1f}" for v in getattr(run, key))])
        lines.append(["median of the largest state", *(f"{v:.3g}" for v in run.median)])
        sections.append(f"## {name}\n\n{about['models'][name]}\n\n{markdown.table(lines)}")
        if run.growing:
            sections.append(
                f"Digits that grow at the end (the first {_SHOWN} at most):\n\n"
                f"![Digits whose states grow under {name}]({_file(name)})"
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
