"""Changes of digits that no training showed: size, stroke, place, lost parts, chimeras.

Pure functions on pictures, `[N, H, W] uint8`, full ink 255, zero beyond the canvas; none changes
its arguments. Follows the article's section "Robustness": unseen sizes and brush widths, digits
"composed of multiple digits", parts that disappear and come back.
"""

from __future__ import annotations

import numpy as np

from selforg_mnist.data.digits import alive_cells as alive

# To widen strokes, each cell is divided into 4 x 4 parts, so radii are multiples of a quarter.
_PARTS = 4
AXES = ("down", "right")  # in which direction the second of two digits lies from the first


def pad(images: np.ndarray, margin: int) -> np.ndarray:
    """Adds blank cells on all sides: [N, H + 2 * margin, W + 2 * margin] uint8."""
    return np.pad(images, ((0, 0), (margin, margin), (margin, margin)))


def thicken(images: np.ndarray, radius: float) -> np.ndarray:
    """Widens strokes on both sides, as a round pen would; thins them if the radius is negative.

    Each cell is a square of its gray value. Ink grows or shrinks by `radius` cells. Each cell then
    shows the mean over its square, so that widening by a part of a cell is exact.

    Args:
      images: [N, H, W] uint8; beyond the canvas is paper, and ink that gets there is lost.
      radius: in cells, a multiple of a quarter.

    Returns:
      images: [N, H, W] uint8.
    """
    pick = np.maximum if radius > 0 else np.minimum
    reach = abs(round(radius * _PARTS))
    height, width = (_PARTS * side for side in images.shape[1:])
    fine = pad(images.repeat(_PARTS, axis=1).repeat(_PARTS, axis=2), reach)
    result = fine[:, reach : reach + height, reach : reach + width].copy()
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if y * y + x * x <= reach * reach:
                top, left = reach + y, reach + x
                pick(result, fine[:, top : top + height, left : left + width], out=result)
    cells = result.reshape(len(images), height // _PARTS, _PARTS, width // _PARTS, _PARTS)
    return np.rint(cells.mean(axis=(2, 4))).astype(np.uint8)


def shift(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Moves digits, [N, H, W] uint8, by whole cells; what gets beyond the canvas is cut off."""
    height, width = images.shape[1:]
    margin = max(abs(down), abs(right))
    top, left = margin - down, margin - right
    return pad(images, margin)[:, top : top + height, left : left + width].copy()


def scattered(images: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Chooses living cells at random.

    Args:
      images: [N, H, W] uint8.
      fraction: of each digit's living cells, in [0, 1]; rounded to whole cells.
      rng: an equal generator chooses the same cells, and with a larger fraction more cells.

    Returns:
      chosen: [N, H, W] bool, living cells only.
    """
    order = rng.permuted(np.tile(np.arange(images[0].size), (len(images), 1)), axis=1)
    return _first(order.reshape(images.shape), alive(images), fraction)


def block(images: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Chooses a random living cell and the living cells nearest to it, as an eraser would.

    Args:
      images: [N, H, W] uint8.
      fraction: of each digit's living cells, in [0, 1]; rounded to whole cells.
      rng: an equal generator chooses about the same cells.

    Returns:
      chosen: [N, H, W] bool, living cells only.
    """
    living = alive(images)
    _, height, width = images.shape
    draws = np.where(living, rng.random(images.shape), -1.0).reshape(len(images), -1)
    y, x = (part[:, None, None] for part in np.divmod(draws.argmax(axis=1), width))
    rows, columns = np.mgrid[:height, :width]
    distance = (rows - y) ** 2 + (columns - x) ** 2
    # Cells at the same distance are in reading order.
    return _first(distance * height * width + rows * width + columns, living, fraction)


def _first(order: np.ndarray, living: np.ndarray, fraction: float) -> np.ndarray:
    """A fraction of the living cells of each picture, the first ones by an order without ties."""
    count = np.rint(fraction * living.sum(axis=(1, 2))).astype(int)
    ranks = np.where(living, order, np.iinfo(np.int64).max).reshape(len(order), -1)
    last = np.take_along_axis(np.sort(ranks), np.maximum(count - 1, 0)[:, None], axis=1)
    return living & (order <= last[..., None]) & (count > 0)[:, None, None]


def splice(
    first: np.ndarray, second: np.ndarray, axis: str, at: float
) -> tuple[np.ndarray, np.ndarray]:
    """Joins a part of one digit to the rest of another, along a straight seam.

    Args:
      first: [N, H, W] uint8; its part above or left of the seam is used.
      second: [N, H, W] uint8; its part on the other side is used.
      axis: one of `AXES`: "down" for a horizontal seam, "right" for a vertical one.
      at: where the seam is, as a share of the canvas.

    Returns:
      images: [N, H, W] uint8.
      of_first: [N, H, W] bool, which cells are the first digit's.
    """
    rows, columns = np.mgrid[: first.shape[1], : first.shape[2]]
    along = (rows, columns)[AXES.index(axis)]
    side = first.shape[1 + AXES.index(axis)]
    of_first = np.broadcast_to(along < round(at * side), first.shape)
    return np.where(of_first, first, second), of_first


def join(first: np.ndarray, second: np.ndarray, axis: str) -> tuple[np.ndarray, np.ndarray]:
    """Draws two whole digits below or beside each other, so near that they share a cell.

    Args:
      first: [N, H, W] uint8; each has a living cell.
      second: [N, H, W] uint8; each has a living cell.
      axis: one of `AXES`: the direction from the first digit to the second.

    Returns:
      images: [N, 2 * H, W] or [N, H, 2 * W] uint8, in the middle of the canvas. A chimera is not
        in one piece if its digits have no column (or row) in common, or if one of them isn't.
      of_first: [N, ...] bool, which cells are the first digit's. A cell in which both digits have
        ink belongs to the digit with more ink there.
    """
    if axis == "right":
        images, of_first = join(first.swapaxes(1, 2), second.swapaxes(1, 2), "down")
        return images.swapaxes(1, 2), of_first.swapaxes(1, 2)
    count, height, width = first.shape
    images = np.zeros((count, 2 * height, width), np.uint8)
    of_first = np.zeros(images.shape, bool)
    for i, (ink, ours, theirs) in enumerate(
        zip(np.stack([first, second], 1), alive(first), alive(second), strict=True)
    ):
        shared = ours.any(axis=0) & theirs.any(axis=0)  # [W]
        lowest = height - 1 - ours[::-1].argmax(axis=0)
        gaps = np.where(shared, lowest - theirs.argmax(axis=0), -height)
        offset = int(gaps.max()) if shared.any() else height
        inked = np.flatnonzero(ours.any(axis=1))[0], np.flatnonzero(theirs.any(axis=1))[-1]
        top = round((2 * height - 1 - (inked[0] + offset + inked[1])) / 2)
        layers = np.zeros((2, 4 * height, width), np.uint8)
        layers[0, height + top : 2 * height + top] = ink[0]
        layers[1, height + top + offset : 2 * height + top + offset] = ink[1]
        layers = layers[:, height : 3 * height]
        images[i] = layers.max(axis=0)
        of_first[i] = (layers[0] >= layers[1]) & (layers[0] > 0)
    return images, of_first
