"""Digits of other sizes and stroke widths, for training on more than MNIST shows.

The article's cells are trained on digits of one size only (its section "Robustness" shows what
follows from that). Here the training set itself is varied, once, before the training: each digit
gets its own size and stroke width. So the pool, the training step and the checkpoints stay as
they are. The same seed gives the same digits. Loads no TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from selforg_mnist import spec
from selforg_mnist.data import pieces, strokes
from selforg_mnist.data.digits import Digits
from selforg_mnist.experiment import Experiment

_KEY = 2  # tells these draws from other uses of the seed
_FINE = 2  # strokes change their width on a grid of this many points a cell
_CHUNK = 2_000  # digits whose strokes are changed together, so that the canvases fit in memory
_THINNEST, _THICKEST = 0.7, 1.6  # see `vary`


def vary(
    digits: Digits,
    experiment: Experiment,
    hands: Mapping[int, Sequence[str]] = strokes.TRAINING_HANDS,
) -> Digits:
    """Gives each digit a size and a stroke width of its own, on the experiment's canvas.

    Scaling a digit by s makes its strokes s times as wide. Its stroke width is then drawn from
    `stroke_range`, which is changed in three ways for each digit. It always contains s. It never
    goes above 1.6 s, so that loops stay open. It never goes below 0.7 times the smaller of s and
    1. A digit that would break with thinner strokes keeps the width s. Resampling changes the
    grays of every varied digit a little, so `plain_share` of the digits stay as they are.

    Args:
      digits: [N, 28, 28], as loaded.
      experiment: whose canvas, ranges, share of drawn digits and seed are used.
      hands: templates of the drawn digits that replace some of them.

    Returns:
      digits: N of them, [N, canvas, canvas]; the same object if the experiment varies nothing.
    """
    low, high = experiment.scale_range
    side, share = experiment.canvas, experiment.drawn_share
    plain = (low, high) == (1.0, 1.0) and experiment.stroke_range is None
    if plain and side == digits.images.shape[1] and not share:
        return digits
    rng = np.random.default_rng([experiment.seed % 2**64, _KEY])
    images, labels = digits.images.copy(), digits.labels.copy()
    drawn = np.flatnonzero(rng.random(len(digits)) < share)
    if len(drawn):
        labels[drawn] = rng.integers(spec.NUM_CLASSES, size=len(drawn))
        images[drawn] = strokes.draw(labels[drawn], rng, hands)
    scales = rng.uniform(low, high, len(digits))
    widths = scales
    if experiment.stroke_range is not None:
        thin, thick = experiment.stroke_range
        least = np.clip(thin, _THINNEST * np.minimum(scales, 1.0), scales)
        most = np.clip(thick, scales, _THICKEST * scales)
        widths = rng.uniform(least, most)
    kept = rng.random(len(digits)) < experiment.plain_share
    scales, widths = np.where(kept, 1.0, scales), np.where(kept, 1.0, widths)
    varied = np.concatenate(
        [
            redraw(images[part], scales[part], widths[part], side)
            for part in (slice(i, i + _CHUNK) for i in range(0, len(digits), _CHUNK))
        ]
    )
    note = f"sizes {low:g} to {high:g} on {side} x {side} cells"
    if experiment.stroke_range is not None:
        note += f", strokes {thin:g} to {thick:g}"
    if kept.any():
        note += f", {kept.sum()} as they are"
    if len(drawn):
        note += f", {len(drawn)} drawn by hands of the drawn set"
    return dataclasses.replace(
        digits, images=varied, labels=labels, note=f"{digits.note}; varied: {note}"
    )


def rescale(
    images: np.ndarray, height: float | np.ndarray, width: float | np.ndarray, canvas: int
) -> np.ndarray:
    """Rescales digits about their middle, anti-aliased, onto another canvas.

    Args:
      images: [N, H, W] uint8.
      height: factor, more than 0, or [N] of them.
      width: factor, more than 0, or [N] of them.
      canvas: side of the new canvas, in cells.

    Returns:
      images: [N, canvas, canvas] uint8; what would lie beyond the canvas is cut off.
    """
    # How many rows and columns of the old canvas the new one shows, for each digit.
    shown = [np.broadcast_to(canvas / np.asarray(f), len(images)) for f in (height, width)]
    lacking = [s.max() - side for s, side in zip(shown, images.shape[1:], strict=True)]
    margin = max(0, int(np.ceil(max(lacking) / 2)))
    padded = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
    down, right = (side / 2 for side in padded.shape[1:])
    resized = [
        Image.fromarray(image).resize(
            (canvas, canvas),
            Image.Resampling.BICUBIC,
            (right - columns / 2, down - rows / 2, right + columns / 2, down + rows / 2),
        )
        for image, rows, columns in zip(padded, *shown, strict=True)
    ]
    return np.stack([np.asarray(image) for image in resized])


def redraw(images: np.ndarray, scales: np.ndarray, widths: np.ndarray, canvas: int) -> np.ndarray:
    """Rescales digits and gives their strokes another width.

    Args:
      images: [N, H, W] uint8.
      scales: [N] float, sizes as factors.
      widths: [N] float, stroke widths as factors. Where one equals the scale, the strokes are only
        scaled.
      canvas: side of the new canvas, in cells, at most 64.

    Returns:
      images: [N, canvas, canvas] uint8. A digit that thinner strokes would break keeps the
        strokes that its scale makes.
    """
    plain = rescale(images, scales, scales, canvas)
    as_scaled = widths == scales
    if as_scaled.all():
        return plain
    fine = rescale(images, _FINE * scales, _FINE * scales, _FINE * canvas)
    # The amount of ink is length times width, so it tells when strokes have the requested width.
    fine = _with_ink(fine, fine.sum(axis=(1, 2), dtype=np.int64) * widths / scales)
    parts = fine.reshape(len(images), canvas, _FINE, canvas, _FINE)
    redrawn = np.rint(parts.mean(axis=(2, 4))).astype(np.uint8)
    broken = pieces.connected(images) & ~pieces.connected(redrawn)
    return np.where((broken | as_scaled)[:, None, None], plain, redrawn)


def _with_ink(images: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """Widens or thins strokes in steps of one point, until each digit has the given ink.

    The ink, [N] float, is the sum of gray values.
    """
    result = images.copy()
    for pick in (np.minimum, np.maximum):
        below = pick is np.minimum
        now = images
        amount = now.sum(axis=(1, 2), dtype=np.int64)
        active = np.flatnonzero(amount > ink if below else amount < ink)
        now, amount = now[active], amount[active]
        for round_ in range(2 * images.shape[1]):
            if not len(active):
                break
            after = _spread(now, pick, square=round_ % 2 == 1)
            amount_after = after.sum(axis=(1, 2), dtype=np.int64)
            wanted = ink[active]
            done = (amount_after <= wanted if below else amount_after >= wanted) | (
                amount_after == amount
            )
            change = np.where(amount_after == amount, 1, amount_after - amount)
            share = np.clip((wanted - amount) / change, 0.0, 1.0)[done, None, None]
            mixed = now[done] + share * (after[done].astype(np.float32) - now[done])
            result[active[done]] = np.rint(mixed).astype(np.uint8)
            now, amount, active = after[~done], amount_after[~done], active[~done]
    return result


def _spread(images: np.ndarray, pick: np.ufunc, square: bool) -> np.ndarray:
    """Replaces each point by the extreme of its 3 x 3 square, or of the cross in that square.

    Crosses and squares in turn spread a point to an octagon.
    """
    upright = images.copy()
    pick(upright[:, 1:], images[:, :-1], out=upright[:, 1:])
    pick(upright[:, :-1], images[:, 1:], out=upright[:, :-1])
    source = upright if square else images
    result = upright.copy()
    pick(result[:, :, 1:], source[:, :, :-1], out=result[:, :, 1:])
    pick(result[:, :, :-1], source[:, :, 1:], out=result[:, :, :-1])
    return result
