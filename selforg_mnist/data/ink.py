"""Finds the ink in a picture, measures the width of its strokes and widens them.

Works on arrays only; files and canvases are in `canvas.py`. A picture may be dark on light or
light on dark, and lit unevenly like a photo. The result is bright ink on zero, as in MNIST.
"""

from __future__ import annotations

import numpy as np

_FIT_GRID = 64  # pixels along the picture's longer side to which the paper is fitted
_FIT_ROUNDS = 4
_LEAST_CONTRAST = 0.06  # as a share of the range from black to white
_LEAST_CONTRAST_TO_NOISE = 6.0
_MEDIAN_TO_DEVIATION = 1.4826  # for the absolute values of normally distributed numbers
_FLOOR = 3.0  # in standard deviations of the paper's noise; anything below it is paper
_BINS = 64
TINY = 16  # pixels; in a picture that is no larger, a digit may leave less than half of the paper


def find(gray: np.ndarray, paper: np.ndarray | None = None) -> np.ndarray:
    """Finds the ink of a picture.

    Args:
      gray: [H, W] float32 in [0, 1], from black to white.
      paper: [H, W] float32, the paper as if nothing were on it; by default a smooth surface is
        fitted.

    Returns:
      ink: [H, W] float32, 0 at paper, 1 at full ink; 0 everywhere if nothing stands out.
    """
    from skimage.filters import threshold_otsu  # here, so that commands start quickly

    is_tiny = max(gray.shape) <= TINY
    if paper is None:
        paper = np.full_like(gray, _level_of_rim(gray)) if is_tiny else _paper(gray)
    depth = gray - paper
    if np.sum(depth**3) < 0.0:
        # A shadow darkens paper and ink by the same factor, so their ratio doesn't change.
        depth = -depth / np.maximum(paper, _LEAST_CONTRAST)
    noise = 0.0 if is_tiny else _MEDIAN_TO_DEVIATION * float(np.median(np.abs(depth)))
    depth = np.maximum(depth, 0.0)
    # The threshold is the middle of a bin; ink begins above the bin.
    inked = depth[depth > threshold_otsu(depth, _BINS) + depth.max() / (2 * _BINS)]
    full = float(np.percentile(inked, 95)) if inked.size else 0.0
    if full < max(_LEAST_CONTRAST, _LEAST_CONTRAST_TO_NOISE * noise):
        return np.zeros_like(gray)
    floor = _FLOOR * noise
    return np.clip((depth - floor) / (full - floor), 0.0, 1.0).astype(np.float32)


def _paper(gray: np.ndarray) -> np.ndarray:
    """The paper as if nothing were on it: a quadratic surface, [H, W] float32.

    Light falls off smoothly over a page. The fit starts from the picture's rim. Each round then
    fits only the half of the pixels that are closest to the last fit (least trimmed squares). A
    digit covers less than half of its picture, so its ink is left out.
    """
    level = _level_of_rim(gray)
    y, x = (np.linspace(-1.0, 1.0, side, dtype=np.float32) for side in gray.shape)
    y, x = np.meshgrid(y, x, indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y])  # [6, H, W]

    step = -(-max(gray.shape) // _FIT_GRID)
    sparse = terms[:, ::step, ::step].reshape(len(terms), -1).T  # [P, 6]
    target = gray[::step, ::step].ravel()
    surface = np.full_like(target, level)
    for used in (3, 6):  # a plane first: it can't bend towards the ink
        for _ in range(_FIT_ROUNDS):
            misfit = np.abs(target - surface)
            best = misfit <= np.median(misfit)
            factors = np.linalg.lstsq(sparse[best, :used], target[best], rcond=None)[0]
            surface = sparse[:, :used] @ factors
    return np.tensordot(factors, terms, axes=1)


def _level_of_rim(gray: np.ndarray) -> float:
    rim = max(1, max(gray.shape) // 20)
    edges = (gray[:rim], gray[-rim:], gray[:, :rim], gray[:, -rim:])
    return float(np.median(np.concatenate([edge.ravel() for edge in edges])))


def stroke_width(mask: np.ndarray) -> float:
    """The width of strokes: their area over half their outline's length.

    Args:
      mask: [H, W] bool, True at ink.

    Returns:
      width: in pixels; inf where the mask is True everywhere.
    """
    padded = np.pad(mask, 1)
    # Crofton's formula: the outline's length follows from how often lines in four directions
    # cross it.
    straight = np.sum(padded[1:] != padded[:-1]) + np.sum(padded[:, 1:] != padded[:, :-1])
    slanted = np.sum(padded[1:, 1:] != padded[:-1, :-1])
    slanted += np.sum(padded[1:, :-1] != padded[:-1, 1:])
    outline = np.pi / 8 * (straight + slanted / np.sqrt(2))
    return float(2 * np.sum(mask) / max(outline, 1.0))


def widen(ink: np.ndarray, radius: int) -> np.ndarray:
    """Widens strokes on both sides, as a pen with a wider, round tip would.

    Args:
      ink: [H, W] float32.
      radius: in pixels, 0 or more.

    Returns:
      ink: [H + 2 * radius, W + 2 * radius] float32, so that nothing is cut off.
    """
    for i in range(radius):
        padded = np.pad(ink, 2)
        around = [padded[1:-1, :-2], padded[1:-1, 2:], padded[:-2, 1:-1], padded[2:, 1:-1]]
        if i % 2:  # crosses and squares in turn make an octagon
            around += [padded[:-2, :-2], padded[:-2, 2:], padded[2:, :-2], padded[2:, 2:]]
        ink = np.maximum.reduce([padded[1:-1, 1:-1], *around])
    return ink
