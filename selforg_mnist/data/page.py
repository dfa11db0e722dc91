"""Finds a digit among what else a picture shows: printed lines, frames, a table, a window.

A picture is read in several ways: as it is; its largest plain field (the inside of a frame, the
canvas of a drawing program); its sheet of paper; with shadows removed. Each way is tried with all
ink, and with pale or thin ink removed. The first in which nothing looks like lines or a frame is
used. If there is none, the picture is refused: an answer about a grid would be worth nothing.

Morphology, labels and distances are those of scikit-image. It is imported where it is needed, so
that commands start quickly.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from selforg_mnist import spec
from selforg_mnist.data import ink, pieces
from selforg_mnist.data.picture_file import PictureError

_LARGEST = 512  # pixels along the longer side of a picture in which lines are searched
_SHADOW = 0.4  # of the light; where less is left, it is no shadow but something dark
_THIN_RUN = 0.03  # of the longer side; ink that leaves the picture is a line if it is thinner
_LONG_RUN = 0.4  # of the shorter side; a longer run of ink at the edge is not a stroke
_MOST_AROUND = 0.3  # share of the picture's edge that a digit may cover
_LEAST_EXTENT = 0.1  # of the longer side; smaller pieces are not lines
_MOST_PIECES = 12  # that small; with more, the picture is a grid or a pattern
_LEAST_HOLE = 0.01  # of the area of a piece's box
_MOST_HOLES = 2  # of a digit, the 8
_INSIDE = 0.2  # of a piece's extent; larger ink within its hole isn't part of a digit
_RECTANGLE = 0.92  # share of its box that a frame or a sheet fills; an ellipse fills 0.79
_BAR = 0.4  # shorter side of a rectangle, as a share of the longer one; a 1 is slimmer
_FIELD = (0.06, 0.97)  # share of the picture that a sheet or a plain field has
_LEVELS = (0.0, 0.3, 0.5)  # ink that is paler than this is removed
_RADII = (0.0, 1.0, 1.6, 2.3, 3.2, 4.5)  # pixels; strokes thinner than twice this are removed
_THINNEST = 0.35  # radius for removing lines as a share of the stroke width that is left
_FAT = 0.22  # stroke width as a share of the extent
_UPRIGHT = 0.6  # a digit's height as a share of its width
_DUST = 0.1  # of a digit's extent; smaller pieces don't count
_ALONE = 0.9  # least share of the ink that the digit has


def find(gray: np.ndarray) -> np.ndarray:
    """Finds the ink of a digit.

    Args:
      gray: [H, W] float32 in [0, 1], from black to white.

    Returns:
      ink: [H', W'] float32, 0 at paper, 1 at full ink; 0 everywhere if nothing stands out. Smaller
        than the picture if it is a part of it, or was shrunk.

    Raises:
      PictureError: lines or a frame can't be told from the digit.
    """
    strength = ink.find(gray)
    if max(gray.shape) <= ink.TINY or (strength.any() and not _is_lined(strength)):
        return strength
    found_ink = strength.any()
    gray = _shrunk(gray)
    parts = [gray, *_parts(gray)]
    for part, paper in [*((p, None) for p in parts), *((p, _local_paper(p)) for p in parts)]:
        if paper is not None and paper.min() < _SHADOW * paper.max():
            continue
        strength = ink.find(part, paper)
        for cleaned in _cleaned(strength):
            if _is_whole(cleaned) and not _is_lined(cleaned):
                return cleaned
        found_ink |= strength.any()
    if not found_ink:
        return np.zeros_like(gray)
    raise PictureError("lines or a frame; crop to the digit, with plain paper around it")


def _shrunk(gray: np.ndarray) -> np.ndarray:
    from skimage.transform import downscale_local_mean

    factor = -(-max(gray.shape) // _LARGEST)
    height, width = (side // factor * factor for side in gray.shape)
    return downscale_local_mean(gray[:height, :width], (factor, factor)).astype(np.float32)


def _parts(gray: np.ndarray) -> Iterator[np.ndarray]:
    """The largest field of one shade, and the sheet of paper, without what is around them."""
    from scipy.ndimage import distance_transform_edt
    from skimage.filters import threshold_otsu
    from skimage.morphology import convex_hull_image, isotropic_erosion

    counts, edges = np.histogram(gray, 64, (0, 1))
    usual = edges[np.argmax(counts)] + 0.5 / 64
    bright = gray > threshold_otsu(gray)
    for field in (np.abs(gray - usual) < 0.03, bright):
        numbers = pieces.label(field, across_corners=False)
        if not field.any():
            continue
        largest = 1 + int(np.argmax(np.bincount(numbers[field])[1:]))
        left, top, right, bottom = pieces.boxes(numbers)[largest - 1]
        share = (right - left) * (bottom - top) / gray.size
        if not _FIELD[0] < share < _FIELD[1]:
            continue
        box = slice(top, bottom), slice(left, right)
        hull = np.pad(convex_hull_image(numbers[box] == largest), 1)
        hull = isotropic_erosion(hull, max(2, max(hull.shape) // 60))[1:-1, 1:-1]
        if not hull.any():
            continue
        nearest = distance_transform_edt(~hull, return_distances=False, return_indices=True)
        yield gray[box][tuple(nearest)]


def _local_paper(gray: np.ndarray) -> np.ndarray:
    """The brightest shade around each pixel: paper under shadows with sharp edges too."""
    from skimage.filters import gaussian
    from skimage.morphology import closing, footprint_rectangle

    side = max(3, max(gray.shape) // 6)
    padded = np.pad(gray, side, mode="edge")
    shape = footprint_rectangle((side, side), decomposition="separable")
    return gaussian(closing(padded, shape), side / 12)[side:-side, side:-side].astype(np.float32)


def _cleaned(strength: np.ndarray) -> Iterator[np.ndarray]:
    """The largest piece of ink, without what is pale and what is thin, if little else is left."""
    from skimage.morphology import isotropic_dilation, isotropic_opening

    for radius in _RADII:
        for level in _LEVELS:
            left = np.clip((strength - level) / (1 - level), 0.0, 1.0)
            mask = np.pad(spec.alive_mask(left), 1)
            opened = isotropic_opening(mask, radius) if radius else mask
            if not opened.any() or radius > _THINNEST * ink.stroke_width(opened):
                continue
            numbers = pieces.label(opened)
            found = pieces.boxes(numbers)
            areas = np.bincount(numbers[opened])
            largest = int(np.argmax(areas))
            least = _DUST * found[largest - 1].extent
            large = [p.extent >= least for p in found]
            if areas[largest] < _ALONE * np.sum(areas[1:][large]):
                continue
            kept = isotropic_dilation(numbers == largest, 1)
            yield left * kept[1:-1, 1:-1]


def _is_whole(strength: np.ndarray) -> bool:
    """Whether ink is large, upright, of strokes, and not cut off by the picture's edge."""
    mask = spec.alive_mask(strength)
    height, width = (np.ptp(places) + 1 for places in np.nonzero(mask))
    extent = max(height, width)
    slim = extent >= _LEAST_EXTENT * max(mask.shape) and ink.stroke_width(mask) < _FAT * extent
    return bool(slim and height > _UPRIGHT * width and not _around(mask).any())


def _is_lined(strength: np.ndarray) -> bool:
    """Whether ink looks like lines, a frame, or the edge of something, rather than a digit."""
    mask = spec.alive_mask(strength)
    numbers = pieces.label(mask)
    found = pieces.boxes(numbers)
    extent = max((piece.extent for piece in found), default=0)
    large = [i for i, p in enumerate(found, 1) if p.extent >= _LEAST_EXTENT * max(mask.shape)]
    if not large:
        return len(found) > _MOST_PIECES
    around = _around(np.isin(numbers, large))
    ends = np.flatnonzero(np.diff(around, prepend=False, append=False))
    runs = np.diff(ends)[::2]
    thin = np.sum(runs <= _THIN_RUN * max(mask.shape))
    if thin >= 2 or np.mean(around) > _MOST_AROUND:
        return True
    cut = runs.max(initial=0) > _LONG_RUN * min(mask.shape)
    for i in large:
        piece = found[i - 1]
        box = slice(piece.top, piece.bottom), slice(piece.left, piece.right)
        if piece.extent >= 0.5 * extent and _is_no_digit(numbers[box] == i, mask[box], cut):
            return True
    return False


def _is_no_digit(piece: np.ndarray, ink_there: np.ndarray, cut: bool) -> bool:
    """Whether connected ink has too many holes, ink in a hole, the shape of a frame or a blob.

    Args:
      piece: [H, W] bool, in the box around it.
      ink_there: [H, W] bool, all ink in that box.
      cut: whether a good part of the picture's edge is ink.
    """
    holes = pieces.label(~np.pad(piece, 1), across_corners=False)[1:-1, 1:-1]
    holes[holes == 1] = 0  # what is around it; its first pixel is the first of all
    areas = np.bincount(holes[holes > 0])
    inside = pieces.boxes(pieces.label(ink_there & (holes > 0)))
    return bool(
        np.sum(areas >= _LEAST_HOLE * piece.size) > _MOST_HOLES
        or any(other.extent > _INSIDE * max(piece.shape) for other in inside)
        or _is_rectangle(piece | (holes > 0), 0.0 if cut else _BAR)
    )


def _around(mask: np.ndarray) -> np.ndarray:
    """The pixels at the edge of a picture, all the way round."""
    return np.concatenate([mask[0], mask[1:, -1], mask[-1, -2::-1], mask[-2:0:-1, 0]])


def _is_rectangle(shape: np.ndarray, least: float) -> bool:
    """Whether a shape fills a box around it, turned in the way in which it fits best.

    Args:
      shape: [H, W] bool.
      least: the shorter side of the box, as a share of the longer one.
    """
    y, x = np.nonzero(shape)
    for angle in np.linspace(0, np.pi / 2, 30, endpoint=False):
        cos, sin = np.cos(angle), np.sin(angle)
        sides = np.ptp(cos * x + sin * y) + 1, np.ptp(cos * y - sin * x) + 1
        if len(x) > _RECTANGLE * sides[0] * sides[1] and min(sides) > least * max(sides):
            return True
    return False
