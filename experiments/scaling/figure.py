"""The figure of the scaling report: what a training step's time depends on, and what it doesn't.

Holds drawing only; the numbers come from `measure.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.scaling.measure import Timing
from selforg_mnist.pictures.figures import pixels

_Style = dict[str, Any]

# Filled and hollow markers differ in gray as well.
_OURS: _Style = {"color": "tab:blue", "linestyle": "-", "fillstyle": "full"}
_REFERENCE: _Style = {"color": "tab:orange", "linestyle": "--", "fillstyle": "none"}
_MARKERS = {"batch": "o", "canvas": "s", "living": "^"}
_GROWING = {"batch": "batch size", "canvas": "canvas size", "living": "living share"}
_SERIES: dict[tuple[str, int], tuple[str, _Style]] = {
    ("living", 1): ("living engine", _OURS | {"marker": "o"}),
    ("living", 2): (
        "living, 2 replicas",
        {"color": "tab:purple", "marker": "D", "linestyle": ":", "fillstyle": "none"},
    ),
    ("dense", 1): (
        "dense engine",
        {"color": "tab:brown", "marker": "s", "linestyle": "--", "fillstyle": "none"},
    ),
}


def draw(rows: Sequence[Timing]) -> np.ndarray:
    """Draws up to three panels, over canvas, firing cells and batch, for which there are rows.

    Returns:
      picture: [H, W, 3] uint8.
    """
    alone = [row for row in rows if row.engine == "living" and row.replicas == 1]
    by_canvas = [row for row in alone if row.study == "canvas"]
    compared = [row for row in rows if row.study in ("batch", "replicas") and row.ratio]
    panels: list[tuple[Callable[[Axes, Sequence[Timing]], None], Sequence[Timing]]] = [
        (_over_canvas, by_canvas),
        (_over_firing, alone),
        (_over_batch, compared),
    ]
    panels = [(panel, own) for panel, own in panels if own]
    figure = Figure(figsize=(5.4 * len(panels), 5.4), dpi=100, layout="constrained")
    for axes, (panel, own) in zip(
        figure.subplots(1, len(panels), squeeze=False).flat, panels, strict=True
    ):
        panel(axes, own)
        axes.grid(alpha=0.3)
        # The legend is below the panel: among the points it would hide some.
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=2, frameon=False)
    return pixels(figure)


def _over_canvas(panel: Axes, rows: Sequence[Timing]) -> None:
    sides = [row.canvas for row in rows]
    reference = [(row.canvas, row.reference_ms) for row in rows if row.reference_ms]
    if reference:
        x, y = zip(*reference, strict=True)
        panel.plot(x, y, marker="s", label="dense reference", **_REFERENCE)
    panel.plot(sides, [row.ms for row in rows], marker="o", label="living engine", **_OURS)
    panel.set(
        title=f"One digit on a growing canvas (batch {rows[0].batch})",
        xlabel="side of the canvas (cells)",
        ylabel="time of a training step (ms)",
    )
    _log_axis(panel, "x", sides)
    _log_axis(panel, "y")


def _over_firing(panel: Axes, rows: Sequence[Timing]) -> None:
    _dots(panel, rows, [row.ms for row in rows], "living engine", _OURS)
    cells, ms = max((row.firing_cells, row.ms) for row in rows)
    x = np.array([min(row.firing_cells for row in rows), cells])
    panel.plot(x, ms * x / cells, ":", color="0.4", label="proportional to firing cells")
    _dots(panel, rows, [row.reference_ms for row in rows], "dense reference", _REFERENCE)
    panel.set(
        title="Each row by the cells that have work to do",
        xlabel="living cells of a batch that fire in a CA step",
        ylabel="time of a training step (ms)",
    )
    _log_axis(panel, "x")
    _log_axis(panel, "y")


def _dots(
    panel: Axes, rows: Sequence[Timing], times: Sequence[float | None], name: str, style: _Style
) -> None:
    """Draws times over firing cells as dots; lines between them could be vertical."""
    for study, title in _GROWING.items():
        points = [
            (row.firing_cells, ms)
            for row, ms in zip(rows, times, strict=True)
            # One replica in the study of replicas is the same as in the study of batches.
            if ms and ("batch" if row.study == "replicas" else row.study) == study
        ]
        if points:
            dots = style | {"linestyle": "none", "marker": _MARKERS[study]}
            panel.plot(*zip(*points, strict=True), label=f"{name}, {title}", **dots)


def _over_batch(panel: Axes, rows: Sequence[Timing]) -> None:
    for (engine, replicas), (label, style) in _SERIES.items():
        own: dict[int, float] = {}
        for row in rows:  # one replica of the living engine is in two studies, but shown once
            if (row.engine, row.replicas) == (engine, replicas) and row.ratio:
                own.setdefault(row.batch, row.ratio)
        if own:
            panel.plot(list(own), list(own.values()), label=label, **style)
    panel.axhline(1, color="0.4", lw=1)
    panel.set(
        title="Speed beside the dense reference (28 x 28)",
        xlabel="batch size",
        ylabel="training steps a second, x reference",
    )
    _log_axis(panel, "x", sorted({row.batch for row in rows}))
    panel.set_ylim(bottom=0)


def _log_axis(panel: Axes, name: str, marks: Sequence[int] = ()) -> None:
    """A logarithmic axis, "x" or "y", with its marks in plain numbers."""
    getattr(panel, f"set_{name}scale")("log")
    axis = panel.xaxis if name == "x" else panel.yaxis
    if marks:
        axis.set_major_locator(ticker.FixedLocator(list(marks)))
    else:
        low, high = axis.get_view_interval()
        middle = math.sqrt(low * high)  # at least two marks show: the widest gap is from 2 to 5
        axis.set_view_interval(min(low, middle / 2.6), max(high, middle * 2.6))
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_locator(ticker.NullLocator())
