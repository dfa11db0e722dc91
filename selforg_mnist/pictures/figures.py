"""Figures of curves over CA steps, drawn by matplotlib without a screen.

Holds drawing only; measuring is in `evaluation/evaluation.py`, pictures of cells are in
`render.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import cm, colors, ticker
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# One style per model, in the order and the colours of the article's legends. The markers tell
# models apart where colours can't be seen, and where one curve hides another.
_MODEL_STYLES = (
    {"color": "tab:blue", "marker": "o"},
    {"color": "tab:orange", "marker": "s"},
    {"color": "tab:green", "marker": "^"},
    {"color": "tab:purple", "marker": "D"},
    {"color": "tab:brown", "marker": "v"},
    {"color": "tab:pink", "marker": "P"},
)
_MARKERS = 16  # per curve


def pixels(figure: Figure) -> np.ndarray:
    """Renders a figure: [H, W, 3] uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def curves_over_training(curves: Mapping[int, Mapping[str, np.ndarray]]) -> np.ndarray:
    """Overlays the curves over CA steps of all evaluations, early ones light, late ones dark.

    Args:
      curves: by training step, then by field of `Curves`, [steps] each, shares in [0, 1].

    Returns:
      picture: [H, W, 3] uint8.
    """
    titles = {
        "cell_accuracy": "Cell accuracy (%)",
        "total_agreement": "Agreement (%), dotted: right",
        "state_magnitude": "State magnitude",
        "residual_magnitude": "Residual magnitude",
    }
    # Small, with large letters: TensorBoard shows it at half its size until it is clicked on.
    figure = Figure(figsize=(7, 6.2), dpi=100)
    # With layout="constrained" it would take more than twice as long.
    figure.subplots_adjust(left=0.07, right=0.8, bottom=0.1, top=0.95, wspace=0.28, hspace=0.2)
    panels = figure.subplots(2, 2, sharex=True)
    # The map's first colours are too light for lines on white.
    colour_map = colors.ListedColormap(cm.viridis_r(np.linspace(0.1, 1, 256)))
    scale = colors.Normalize(0, max(*curves, 1))
    for panel, (field, title) in zip(panels.flat, titles.items(), strict=True):
        percent = "(%)" in title
        factor = 100 if percent else 1
        for step, fields in sorted(curves.items()):
            colour, x = colour_map(scale(step)), np.arange(1, len(fields[field]) + 1)
            panel.plot(x, factor * fields[field], color=colour)
            if field == "total_agreement":
                panel.plot(x, factor * fields["correct_agreement"], ":", color=colour)
        panel.set_title(title, fontsize=13)
        panel.tick_params(labelsize=11)
        panel.grid(alpha=0.3)
        if percent:
            panel.set_ylim(0, 100)
        else:  # the article's axis: under cross-entropy magnitudes are a hundred times larger
            panel.set_yscale("log", nonpositive="clip")
            panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_locator(ticker.NullLocator())
    figure.supxlabel("CA step", fontsize=13)
    bar = figure.colorbar(
        cm.ScalarMappable(scale, colour_map), cax=figure.add_axes((0.83, 0.1, 0.03, 0.85))
    )
    bar.set_label("training step", fontsize=13)
    return pixels(figure)


def accuracy_and_agreement(
    models: Mapping[str, Mapping[str, np.ndarray]], mutations: Sequence[int] = ()
) -> np.ndarray:
    """The article's figure of cell accuracy above total agreement, over CA steps.

    Args:
      models: curves by the models' names and by field, `cell_accuracy` and `total_agreement`,
        [steps] each, in percent.
      mutations: CA steps after which the digits were changed.

    Returns:
      picture: [H, W, 3] uint8.
    """
    figure = Figure(figsize=(9, 6), dpi=100, layout="constrained")
    panels = figure.subplots(2, 1)
    titles = {
        "cell_accuracy": "Average cell accuracy over steps (%)",
        "total_agreement": "Average total agreement across batch over steps (%)",
    }
    for panel, (field, title) in zip(panels, titles.items(), strict=True):
        for place, (name, curves) in enumerate(models.items()):
            _curve(panel, curves[field], place, label=name)
        panel.set(title=title, ylabel=title.split(" over")[0].split(" across")[0] + " (%)")
        panel.set_ylim(0, 100)
        _over_steps(panel, models, mutations)
    panels[0].legend(loc="lower right")
    return pixels(figure)


def magnitudes(
    models: Mapping[str, Mapping[str, np.ndarray]],
    mutations: Sequence[int] = (),
    log: bool = True,
) -> np.ndarray:
    """The article's figure of the magnitudes of states and residuals, over CA steps.

    Args:
      models: curves by the models' names and by field, `state_magnitude` and
        `residual_magnitude`, [steps] each.
      mutations: CA steps after which the digits were changed.
      log: whether the axis is logarithmic, so that all three of the article's models fit on it.

    Returns:
      picture: [H, W, 3] uint8.
    """
    figure = Figure(figsize=(10, 4.2), dpi=100, layout="constrained")
    panel = figure.subplots()
    for place, (name, curves) in enumerate(models.items()):
        _curve(panel, curves["state_magnitude"], place, label=f"{name}: state")
        _curve(panel, curves["residual_magnitude"], place, label=f"{name}: residual", ls="--")
    panel.set_ylabel("Average magnitude")
    if log:
        panel.set_yscale("log", nonpositive="clip")
        panel.set_ylim(bottom=min(0.01, panel.get_ylim()[0]))  # as the article's
    else:
        panel.set_ylim(bottom=0)
    panel.yaxis.set_major_formatter("{x:g}")
    _over_steps(panel, models, mutations)
    # The legend is beside the curves: in a corner it would hide some of them.
    panel.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return pixels(figure)


def _curve(panel: Axes, values: np.ndarray, place: int, **style: Any) -> None:
    """Draws one model's curve; `place` is the model's index among the models."""
    steps = np.arange(1, len(values) + 1)
    every = max(1, len(values) // _MARKERS)
    first = every * (2 * place + 1) // 6 % every
    style |= _MODEL_STYLES[place % len(_MODEL_STYLES)]
    panel.plot(steps, values, markersize=4.5, markevery=(first, every), **style)


def _over_steps(
    panel: Axes, models: Mapping[str, Mapping[str, np.ndarray]], mutations: Sequence[int]
) -> None:
    """Labels the axis of CA steps and marks the mutations on it."""
    panel.set_xlim(0, max(len(values) for curves in models.values() for values in curves.values()))
    panel.set_xlabel("Number of steps")
    panel.grid(alpha=0.25)
    for step in mutations:
        panel.axvline(step + 0.5, color="0.45", lw=1, ls=":")
        panel.text(
            step + 0.5,
            0.04,
            "mutation ",
            color="0.35",
            fontsize=9,
            ha="right",
            transform=panel.get_xaxis_transform(),
        )
