"""Finds the connected pieces of a mask, and groups of pieces that lie near each other.

For pictures of any size. `strokes.connected` says which digits of a training set are connected.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

_GRID = 200  # pixels along the longer side on which pieces are told apart


class Piece(NamedTuple):
    """The box around connected ink, in pixels; `right` and `bottom` are just outside of it."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def extent(self) -> int:
        """The longer side."""
        return max(self.right - self.left, self.bottom - self.top)


def label(mask: np.ndarray, across_corners: bool = True) -> np.ndarray:
    """Numbers the connected pieces of a mask.

    Args:
      mask: [H, W] bool.
      across_corners: whether pixels that touch at a corner are connected.

    Returns:
      numbers: [H, W] int, 0 outside the mask, and one number from 1 on for each piece, in
        reading order of their first pixels.
    """
    from skimage import measure  # here, so that commands start quickly

    return measure.label(mask, connectivity=2 if across_corners else 1)


def grouped(mask: np.ndarray, gap: float) -> np.ndarray:
    """Numbers the groups of pieces of a mask; pieces that lie near each other are one group.

    Args:
      mask: [H, W] bool.
      gap: how far apart pieces of one group may lie, as a share of the largest piece's extent.

    Returns:
      groups: [H, W] int, 0 outside the mask, and one number from 1 on for each group.
    """
    block = -(-max(mask.shape) // _GRID)
    coarse = _any_in_blocks(mask, block)
    largest = max((piece.extent for piece in boxes(label(coarse))), default=0)
    reach = round(gap * largest / 2)  # grown by this much, pieces within the gap meet
    grown = np.pad(coarse, 2 * reach)
    for axis in (0, 1):
        grown = sliding_window_view(grown, 2 * reach + 1, axis=axis).any(axis=-1)
    groups = label(grown)[reach : reach + coarse.shape[0], reach : reach + coarse.shape[1]]
    groups = groups.repeat(block, axis=0).repeat(block, axis=1)
    return np.where(mask, groups[: mask.shape[0], : mask.shape[1]], 0)


def boxes(numbers: np.ndarray) -> list[Piece]:
    """The boxes of numbered pieces: the first is that of number 1."""
    y, x = np.nonzero(numbers)
    index = numbers[y, x] - 1
    count = int(numbers.max(initial=0))
    low, high = np.full((2, count), max(numbers.shape)), np.zeros((2, count), int)
    for axis, at in enumerate((x, y)):
        np.minimum.at(low[axis], index, at)
        np.maximum.at(high[axis], index, at + 1)
    return [Piece(*map(int, sides)) for sides in zip(*low, *high, strict=True)]


def _any_in_blocks(mask: np.ndarray, block: int) -> np.ndarray:
    """Shrinks a mask so that no line is lost, however thin: [ceil(H / b), ceil(W / b)] bool."""
    height, width = (-(-side // block) for side in mask.shape)
    spare = ((0, height * block - mask.shape[0]), (0, width * block - mask.shape[1]))
    return np.pad(mask, spare).reshape(height, block, width, block).any(axis=(1, 3))
