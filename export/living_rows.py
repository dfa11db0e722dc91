"""A canvas as the living-cell graph takes it: living cells in rows, with their neighbours' rows.

For comparing graphs. The page does the same in TypeScript, and training does it in
`selforg_mnist.cells.living_cells`, whose table has other rows too. NumPy only. Shapes as in
`graphs.py`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selforg_mnist import spec


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
    alive = spec.alive_mask(gray)
    count = np.count_nonzero(alive)
    rows = np.full(gray.shape, count, np.int32)
    rows[alive] = np.arange(count)
    return LivingRows(alive, _around(rows, count)[alive], _around(gray, 0)[alive])


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


def _around(values: np.ndarray, outside: float) -> np.ndarray:
    """The 3x3 surroundings of each cell, [B, H, W, 9]."""
    _, height, width = values.shape
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)), constant_values=outside)
    offsets = np.ndindex(spec.KERNEL_SIZE, spec.KERNEL_SIZE)
    return np.stack([padded[:, y : y + height, x : x + width] for y, x in offsets], axis=-1)
