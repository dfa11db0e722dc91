"""A film of the most divided digits, under each of the models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from selforg_mnist import spec
from selforg_mnist.cells import trajectory
from selforg_mnist.model import CAModel
from selforg_mnist.pictures import film_frames, film_parts, films, render

_COLUMNS = 6
_GAP = 24  # pixels between two models
_FPS = 25


def write(
    path: Path, models: Mapping[str, CAModel], gray: np.ndarray, steps: int, seed: int
) -> None:
    """Films the same digits under all models.

    Args:
      path: of the film.
      models: by name, in the order from left to right.
      gray: [N, H, W] float32, the digits.
      steps: CA steps of the film.
      seed: of the fire masks and the noise.
    """
    films.write(_frames(models, gray, steps, seed), path, _FPS)


def _frames(
    models: Mapping[str, CAModel], gray: np.ndarray, steps: int, seed: int
) -> Iterator[np.ndarray]:
    shown = set(film_frames.time_lapse(steps, slow=30, factor=12))
    runs = (trajectory.states(model, gray, steps, seed) for model in models.values())
    for step, states in enumerate(zip(*runs, strict=True), 1):
        if step not in shown:
            continue
        parts = []
        for name, state in zip(models, states, strict=True):
            colours = render.colour(gray, state[..., -spec.NUM_CLASSES :])
            cells = render.mosaic(colours, _COLUMNS, gap=2, scale=2)
            parts.append(render.stack(film_parts.text(name, 14), cells))
        gaps = ((0, 0), (0, _GAP), (0, 0))
        row = np.hstack([np.pad(part, gaps, constant_values=255) for part in parts])
        below = film_parts.text(f"step {step}"), render.legend(20)
        frame = render.stack(row, *below, film_parts.time_bar(row.shape[1], step, steps))
        yield np.pad(frame, ((8, 8), (8, 8), (0, 0)), constant_values=255)
