"""A canvas as the living-cell graph takes it: living cells in rows, with their neighbours' rows.

For comparing graphs. The page does the same in TypeScript. The table of
`selforg_mnist.cells.living_cells` has other rows too. Shapes as in `graphs.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.cells import living_cells


class LivingRows(NamedTuple):
    """The living cells of a batch of canvases, in reading order, canvas by canvas."""

    alive: np.ndarray  # [B, H, W] bool
    neighbours: np.ndarray  # [N, 9] int32, rows in reading order, N for a dead cell
    gray: np.ndarray  # [N, 9] float32, gray values in reading order, 0 off the canvas


class FiringRows(NamedTuple):
    """Which rows fire in a step."""

    firing: np.ndarray  # [F] int32
    slots: np.ndarray  # [N] int32, the position of each row in `firing`, F if it doesn't fire
    noise: np.ndarray  # [F, S] float32


def find(gray: np.ndarray) -> LivingRows:
    """Numbers the living cells of `gray: [B, H, W] float32 in [0, 1]`."""
    cells = living_cells.find(tf.constant(gray))
    count, around = len(cells.positions), cells.neighbours.numpy()
    living = (around > 0) & (around <= count)  # row 0 is blank, those after `count` are dead
    neighbours = np.where(living, around - 1, count).astype(np.int32)
    return LivingRows(spec.alive_mask(gray), neighbours, cells.gray.numpy()[around])


def fire(cells: LivingRows, fires: np.ndarray, noise: np.ndarray) -> FiringRows:
    """Lists the rows that fire, from `fires: [B, H, W] bool` and `noise: [B, H, W, S] float32`.

    The graph needs at least one row. If none fires, it is row 0, and no slot points to it.
    """
    of_rows = fires[cells.alive]  # [N]
    firing = np.flatnonzero(of_rows).astype(np.int32)
    if not firing.size:
        firing = np.zeros(1, np.int32)
    slots = np.where(of_rows, np.cumsum(of_rows) - 1, len(firing)).astype(np.int32)
    return FiringRows(firing, slots, noise[cells.alive][firing])
