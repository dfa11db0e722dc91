"""Figures of curves, as pictures: matplotlib without a screen.

Holds drawing only; measuring is in `evaluation.py`, pictures of cells are in `render.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import cm, colors, ticker
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


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
    figure = Figure(figsize=(7, 6.2), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
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
    bar = figure.colorbar(cm.ScalarMappable(scale, colour_map), ax=panels, fraction=0.04)
    bar.set_label("training step", fontsize=13)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
