"""Turns a picture file into the canvas that cells live on, as MNIST's digits were made.

A picture of any size becomes a bright digit on black. Its longer side is 20/28 of the canvas, its
edges are anti-aliased, and its centre of mass is in the middle (LeCun, Cortes and Burges, "The
MNIST database of handwritten digits"). A digit of MNIST itself stays as it is. `picture_file.py`
opens the file, `ink.py` tells ink from paper, `pieces.py` finds connected pieces of ink, and this
module decides which pieces make one digit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from selforg_mnist import spec
from selforg_mnist.data import ink, page, picture_file, pieces
from selforg_mnist.data.picture_file import PictureError
from selforg_mnist.data.pieces import Piece

_BOX = 20 / 28  # the digit's longer side, as a share of the canvas
_SMALLEST = 6  # pixels along a digit's longer side
_STROKE = 0.3  # share of full ink from which a pixel surely belongs to a stroke
_MOST_INK = 0.5  # largest share of the canvas; the fullest of MNIST's digits has 0.44
_MOST_NAMED = 5  # an error gives the places of at most this many digits
# Two pieces count as two digits if they are at least this far apart and the smaller one is at
# least this large. Both are shares of the largest piece's extent. Near pieces count as two digits
# only if they are of similar size: the smaller one may be the bar of a 5.
_TWO_DIGITS = ((0.1, 0.8), (0.2, 0.5))
_DUST = 0.1  # share of the digit's extent; smaller pieces apart from the digit are removed
# Strokes thinner than `_THIN` are widened to `_WIDENED`. Both are shares of the digit's longer
# side. Half of MNIST's digits have 2.1/20 to 3/20.
_THIN = 1.8 / 20
_WIDENED = 2.2 / 20
# The same limit for the living cells: a pen of one pixel has 1/20, MNIST's thinnest digit 1.5/20.
_THINNEST = 1.3 / 20
_FINE = 160  # pixels along the longer side, to widen strokes by fractions of a cell


def read(path: Path, size: int = spec.IMAGE_SIZE) -> np.ndarray:
    """Reads a picture of one digit.

    Returns:
      canvas: [size, size] uint8, 0 paper, 255 full ink.

    Raises:
      PictureError: the file is missing, damaged or not a picture, or doesn't show one digit.
    """
    try:
        return from_gray(picture_file.read(path), size)
    except PictureError as error:
        raise PictureError(f"{path}: {error}") from error


def from_gray(gray: np.ndarray, size: int = spec.IMAGE_SIZE) -> np.ndarray:
    """Makes a canvas from the gray values of a picture of one digit.

    Args:
      gray: [H, W] float32 in [0, 1], black to white; dark on light or light on dark.
      size: side of the canvas, in cells.

    Returns:
      canvas: [size, size] uint8, 0 paper, 255 full ink.

    Raises:
      PictureError: the picture doesn't show one digit.
    """
    strength = page.find(gray)
    if not strength.any():
        raise PictureError("no ink found; expected a digit that stands out from its background")
    canvas = _centred(_scaled(_cropped(_one_digit(strength)), size), size)
    share = float(np.mean(spec.alive_mask(canvas)))
    if share > _MOST_INK:
        raise PictureError(
            f"ink covers {share:.0%} of the canvas; expected the strokes of a digit, on a "
            "background of one colour"
        )
    return np.rint(canvas * 255).astype(np.uint8)


def _one_digit(strength: np.ndarray) -> np.ndarray:
    """Removes dust and ink too faint for a stroke; refuses a picture of several digits."""
    # A stroke may fade out, so all living cells that are connected to it belong to it.
    connected = pieces.grouped(spec.alive_mask(strength), gap=0)
    strokes = np.isin(connected, np.unique(connected[strength > _STROKE]))
    for gap, likeness in _TWO_DIGITS:
        groups = pieces.grouped(strokes, gap)
        found = pieces.boxes(groups)
        extent = max(piece.extent for piece in found)
        digits = [piece for piece in found if piece.extent >= likeness * extent]
        if len(digits) > 1:
            raise PictureError(_several(digits, strength.shape))
    if extent < _SMALLEST:
        raise PictureError(
            f"the ink is only {extent} pixels large; expected a digit of {_SMALLEST} or more; "
            "give a larger picture"
        )
    is_dust = np.array([True, *(piece.extent < _DUST * extent for piece in found)])
    kept = ink.widen((~is_dust[groups]).astype(np.float32), 1)  # the gray rim of living cells
    return strength * kept[1:-1, 1:-1]


def _several(digits: list[Piece], shape: tuple[int, ...]) -> str:
    height, width = shape
    places = [
        f"({(d.left + d.right) / 2 / width:.0%}, {(d.top + d.bottom) / 2 / height:.0%})"
        for d in digits[:_MOST_NAMED]
    ]
    more = ", ..." if len(digits) > _MOST_NAMED else ""
    return (
        f"shows {len(digits)} digits, it seems, at {', '.join(places)}{more} of its width and "
        "height; expected one; crop the picture to it"
    )


def _cropped(strength: np.ndarray) -> np.ndarray:
    y, x = np.nonzero(spec.alive_mask(strength))
    return strength[y.min() : y.max() + 1, x.min() : x.max() + 1]


def _scaled(digit: np.ndarray, size: int) -> np.ndarray:
    """Makes the longer side 20/28 of the canvas, without losing thin strokes.

    A digit that already has this size, within a pixel, was made for such a canvas and stays,
    unless it was drawn with a pen of a pixel.
    """
    box = round(_BOX * size)
    pen = ink.stroke_width(spec.alive_mask(digit))
    if abs(max(digit.shape) - box) <= 1 and pen > _THINNEST * box:
        return digit
    fine = _resized(digit, max(_FINE, max(digit.shape)))
    width = ink.stroke_width(fine > 0.5) / max(fine.shape)
    if width < _THIN:
        # Widening by a radius on each side also makes the digit itself larger by that much.
        radius = (_WIDENED - width) / (1 - _WIDENED) / 2 * max(fine.shape)
        digit = _cropped(ink.widen(fine, round(radius)))
    return _resized(digit, box)


def _resized(digit: np.ndarray, longer: int) -> np.ndarray:
    height, width = (max(1, round(side * longer / max(digit.shape))) for side in digit.shape)
    resized = Image.fromarray(digit).resize((width, height), Image.Resampling.LANCZOS)
    return np.clip(np.asarray(resized), 0.0, 1.0)


def _centred(digit: np.ndarray, size: int) -> np.ndarray:
    """Puts a digit's centre of mass in the middle of a canvas, as far as the digit fits."""
    starts = []
    for axis in (0, 1):
        mass = digit.sum(axis=1 - axis)
        centre = float(mass @ np.arange(len(mass)) / mass.sum())
        start = int(np.floor(size / 2 - centre + 0.5))  # MNIST's middle is pixel 14, not 13.5
        starts.append(min(max(start, 0), size - len(mass)))
    top, left = starts
    canvas = np.zeros((size, size), np.float32)
    canvas[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return canvas
