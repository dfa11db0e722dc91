"""The curves of the robustness report: a panel for each study, with all models.

Holds drawing only; the numbers come from `measure.py`, pages of coloured cells from
`pages.py`.
"""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.robustness.measure import Measurement, at_view
from experiments.robustness.studies import Study
from selforg_mnist.pictures.figures import pixels

_Style = dict[str, Any]

# The article's colours; markers and dashes tell the models apart in gray as well.
_STYLES: dict[str, _Style] = {
    "ce": {"color": "tab:blue", "marker": "o", "linestyle": "-"},
    "l2": {"color": "tab:orange", "marker": "s", "linestyle": "--"},
    "l2_noise": {"color": "tab:green", "marker": "^", "linestyle": "-."},
}
_OTHER_STYLES: tuple[_Style, ...] = (
    {"color": "tab:purple", "marker": "v", "linestyle": "-"},
    {"color": "tab:brown", "marker": "D", "linestyle": "--"},
    {"color": "black", "marker": "P", "linestyle": "-."},
)
_ALL_RIGHT: _Style = {"fillstyle": "full", "linewidth": 1.8}
_CELLS_RIGHT: _Style = {"fillstyle": "none", "linewidth": 1.0}
_COLUMNS = 4


def curves(
    studies: Sequence[Study], rows: Sequence[Measurement], titles: Mapping[str, str]
) -> np.ndarray:
    """Draws a panel for each view of each study, and one of magnitudes for long runs.

    Panels are in the order of the studies, models in the order of `titles`, which gives their
    titles by name.

    Returns:
      picture: [H, W, 3] uint8.
    """
    styles = _styles(titles)
    panels = [(study, view) for study in studies for view in study.views]
    long_runs = [study for study in studies if study.over_steps]
    count = len(panels) + len(long_runs)
    columns = min(count, _COLUMNS)
    lines = math.ceil(count / columns)
    figure = Figure(figsize=(4 * columns, 3 * lines + 0.8), dpi=80, layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for panel in axes:
        panel.set_axis_off()
    for panel, (study, view) in zip(axes, panels, strict=False):
        for name, style in styles.items():
            own = at_view(study, view, [row for row in rows if row.model == name])
            x = [float(row.step) if study.over_steps else row.strength for row in own]
            _line(panel, x, [row.correct_agreement for row in own], style | _ALL_RIGHT)
            _line(panel, x, [row.cell_accuracy for row in own], style | _CELLS_RIGHT)
        panel.set_ylim(-2, 102)
        _finish(panel, view.title, study.axis, study.over_steps)
        panel.set_ylabel("percent")
    for panel, study in zip(axes[len(panels) :], long_runs, strict=False):
        for name, style in styles.items():
            own = [row for row in rows if row.study == study.name and row.model == name]
            steps = [row.step for row in own]
            _line(panel, steps, [row.state_magnitude for row in own], style | _ALL_RIGHT)
            _line(panel, steps, [row.residual_magnitude for row in own], style | _CELLS_RIGHT)
        panel.set_yscale("log")
        # Only a few ticks, because the states of some digits can grow by many decades.
        panel.yaxis.set_major_locator(ticker.LogLocator(numticks=8))
        panel.yaxis.set_major_formatter("{x:g}")
        panel.yaxis.set_minor_locator(ticker.NullLocator())
        _finish(panel, "Long runs: state, residual (hollow)", study.axis, True)
        panel.set_ylabel("magnitude")
    _legend(figure, styles, titles)
    return pixels(figure)


def _styles(names: Iterable[str]) -> dict[str, _Style]:
    others = itertools.cycle(_OTHER_STYLES)
    return {name: _STYLES.get(name) or next(others) for name in names}


def _line(panel: Axes, x: Sequence[float], y: Sequence[float], style: _Style) -> None:
    panel.plot(x, y, markersize=5.5, markevery=max(1, len(x) // 10), **style)


def _finish(panel: Axes, title: str, axis: str, over_steps: bool) -> None:
    panel.set_axis_on()
    panel.set_title(textwrap.fill(title, 34), fontsize=12)
    panel.set_xlabel(axis)
    panel.grid(alpha=0.3)
    if over_steps:
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter("{x:g}")


def _legend(figure: Figure, styles: Mapping[str, _Style], titles: Mapping[str, str]) -> None:
    handles = [
        Line2D([], [], label=f"{titles[name]}: {what}", **style, **weight)
        for name, style in styles.items()
        for weight, what in (
            (_ALL_RIGHT, "digits with all cells right"),
            (_CELLS_RIGHT, "cells right"),
        )
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(styles), fontsize=12)
