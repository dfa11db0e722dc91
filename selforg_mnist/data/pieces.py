"""Finds the connected pieces of a mask, and groups of pieces that lie near each other.

For pictures of any size, and for whole sets of digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selforg_mnist import spec

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


def connected(images: np.ndarray) -> np.ndarray:
    """Says in which pictures every living cell can reach every other.

    Args:
      images: [N, H, W] uint8, one or more.

    Returns:
      [N] bool: True where the living cells are exactly one 8-connected piece.
    """
    alive = spec.alive_mask(images.astype(np.float32) / np.float32(255))
    separated = np.pad(alive, ((0, 0), (0, 1), (0, 0)))  # a blank row below each
    numbers = label(separated.reshape(-1, separated.shape[2])).reshape(len(images), -1)
    highest = numbers.max(axis=1)
    lowest = np.where(numbers > 0, numbers, highest[:, None]).min(axis=1)
    return (lowest == highest) & (highest > 0)


def grouped(mask: np.ndarray, gap: float) -> np.ndarray:
    """Numbers the groups of pieces of a mask; pieces that lie near each other are one group.

    Args:
      mask: [H, W] bool.
      gap: how far apart pieces of one group may lie, as a share of the largest piece's extent.

    Returns:
      groups: [H, W] int, 0 outside the mask, and one number from 1 on for each group.
    """
    from scipy.ndimage import maximum_filter
    from skimage.measure import block_reduce

    block = -(-max(mask.shape) // _GRID)
    # No line is lost, however thin.
    coarse = block_reduce(mask, (block, block), np.any)
    largest = max((piece.extent for piece in boxes(label(coarse))), default=0)
    reach = round(gap * largest / 2)  # grown by this much, pieces within the gap meet
    groups = label(maximum_filter(coarse, 2 * reach + 1, mode="constant"))
    groups = groups.repeat(block, axis=0).repeat(block, axis=1)
    return np.where(mask, groups[: mask.shape[0], : mask.shape[1]], 0)


def boxes(numbers: np.ndarray) -> list[Piece]:
    """The boxes of numbered pieces: the first is that of number 1."""
    from scipy.ndimage import find_objects

    return [Piece(x.start, y.start, x.stop, y.stop) for y, x in find_objects(numbers)]
