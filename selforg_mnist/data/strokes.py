"""Digits drawn by our own hand: stroke templates and the pen that varies them.

Holds the templates (several hands for each digit), the random variation of a hand (joint
jitter, slant, turn, width, bend, pen) and the rasteriser. Splits and files are elsewhere. It
loads NumPy only, so that it is quick to import. The pictures replace MNIST (article: "The
self-classifying MNIST task") on a machine that can't get MNIST: they are 28x28, with the ink in
a 20x20 box that is centred by its mass. The living cells of a digit are all connected, because
cells cannot talk across a gap.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from selforg_mnist import spec
from selforg_mnist.data.pieces import connected

# One string per hand. Strokes are separated by "|". Each is a curve through points "x,y" in
# percent of the template's height (x to the right, y down); "!" makes a point a sharp corner.
# Strokes that share a point stay joined there, however the joints are jittered.
HANDS: dict[int, tuple[str, ...]] = {
    0: (
        "50,5 28,12 13,36 13,64 28,90 50,96 72,86 84,60 80,30 66,10 48,5 36,10",
        "60,4 42,14 29,42 28,72 41,95 57,92 70,66 74,34 66,10 56,4",
        "66,14 46,4 24,16 11,44 16,78 40,96 68,86 82,56 76,24 58,8 40,13",
        "46,9 20,16 4,44 10,76 38,92 72,86 92,58 84,26 58,8 40,10",
        "47,9 25,13 12,40 16,74 38,95 64,91 81,64 80,32 64,11 49,11 52,23 68,24",
    ),
    1: (
        "52,2 50,34 49,66 48,98",
        "32,24 44,15 55,2! 53,36 52,68 51,98",
        "30,24 43,14 54,3! 53,34 52,64 52,95 | 26,96 52,95 80,93",
        "66,2 54,36 44,66 36,98",
        "48,2 54,32 54,64 47,98",
        "20,44 38,28 58,3! 56,38 55,68 53,98",
    ),
    2: (
        "15,28 24,10 48,3 71,12 77,32 62,57 39,78 13,94! 32,88 58,92 88,94",
        "17,27 28,9 52,4 73,16 74,38 58,62 34,86 16,95 9,86 20,78 41,85 64,95 89,90",
        "13,20 32,5 60,5 75,22 66,46 45,66 23,86 28,94 52,93 84,90",
        "15,14 44,4 74,8 76,27 50,60 12,94! 46,95 88,92",
        "20,30 31,10 56,5 70,22 63,50 44,76 22,95 8,88 14,74 32,78 54,93 76,96 92,82",
    ),
    3: (
        "17,17 38,4 64,8 74,25 61,41 38,47! 66,51 82,70 70,90 42,97 13,85",
        "15,6 46,6 77,5! 58,25 38,43! 66,47 82,68 70,90 41,97 13,87",
        "20,14 44,3 68,12 68,32 49,46 34,47 46,44 70,54 79,74 62,94 34,97 11,83",
        "26,12 48,3 67,13 64,34 42,46! 66,56 70,78 52,95 24,94",
        "12,22 34,6 62,9 70,28 56,44 40,47 58,48 82,62 84,84 60,97 30,95 8,80",
    ),
    4: (
        "26,4 22,26 15,52! 48,54 86,50 | 72,10 69,40 65,68 62,98",
        "64,3 40,34 10,64! 48,64 90,61 | 64,3 63,34 62,64 60,98",
        "20,6 15,34 25,52 48,53 67,38 77,7! 72,38 69,66 67,98",
        "58,4 38,36 13,66! 50,63 90,60 | 63,34 58,62 52,98",
        "34,4 26,24 18,46 30,54 56,50 80,45 | 66,14 62,44 56,72 51,98",
        "36,8 22,34 22,52 46,52 66,36 74,10! 70,42 68,72 70,98",
    ),
    5: (
        "27,7 24,25 20,43! 46,36 72,45 80,67 66,89 40,97 13,87 | 27,7 54,7 85,4",
        "84,5 55,6 29,8! 25,26 21,44! 48,38 73,49 78,71 60,92 34,97 11,86",
        "80,6 56,6 35,13 26,30 38,44 61,51 73,67 65,88 40,97 14,89",
        "36,6 32,24 30,40! 52,40 66,56 64,78 46,94 22,92 | 36,6 56,8 78,5",
        "88,10 62,8 38,11! 31,28 24,46! 52,42 78,54 78,76 54,93 24,92 8,78 18,72",
    ),
    6: (
        "66,3 42,18 23,45 18,73 32,94 57,95 74,79 66,60 44,57 22,72",
        "60,2 39,32 23,60 24,87 47,97 69,86 68,67 49,58 27,69",
        "74,9 49,4 25,25 12,57 20,88 48,98 75,84 78,61 57,47 31,56 15,76",
        "52,2 34,30 25,61 29,88 46,97 59,83 53,67 39,67 27,80",
        "46,2 30,24 16,52 15,80 34,97 66,95 85,78 74,60 50,60 28,74 22,88",
    ),
    7: (
        "13,11 46,8 83,6! 64,38 50,68 41,98",
        "13,10 46,8 80,6! 64,36 51,66 42,98 | 33,54 54,51 78,48",
        "14,26 15,9! 48,9 85,6! 66,38 54,68 47,98",
        "11,14 38,6 68,7 79,17 68,42 55,68 50,98",
        "13,24 22,8 40,10 58,12 80,8! 62,38 44,66 30,97 | 28,56 48,52 70,52",
        "24,12 46,9 68,8! 66,36 62,66 60,98",
    ),
    8: (
        "71,15 49,3 27,13 29,33 51,47 73,63 77,84 51,98 25,87 24,67 46,49 66,35 73,18 60,5",
        "50,46 30,36 27,15 49,3 71,14 70,35 50,46 26,58 18,80 38,97 66,95 82,77 72,56 50,46",
        "64,12 49,3 36,15 38,33 52,49 64,66 63,87 48,98 35,86 38,66 52,48 65,30 66,14",
        "78,10 52,4 30,14 32,34 54,49 70,68 62,90 38,97 22,83 34,63 58,45 80,26",
        "62,12 47,4 35,15 38,31 54,45 78,62 82,84 56,98 24,92 14,74 30,54 52,43 65,29 62,12",
    ),
    9: (
        "72,15 50,4 27,14 22,35 41,49 64,41 74,14! 71,42 69,70 68,98",
        "72,17 52,4 28,14 23,36 43,49 65,40 74,15! 78,46 70,78 45,97 18,88",
        "66,18 52,5 32,16 28,38 46,47 63,32 67,12! 60,42 52,70 44,98",
        "74,25 60,6 36,6 19,24 25,45 48,50 70,36 76,16 73,46 66,74 55,98",
        "70,20 56,4 36,15 26,42 38,58 56,50 71,20! 68,46 60,74 52,98",
        "80,7 54,5 28,19 22,39 44,47 68,34 80,7! 76,38 75,68 77,98",
    ),
}

# Every other hand is for training on a mix of drawn and other digits. Such a training never sees
# the hands that are held out.
TRAINING_HANDS = {digit: hands[::2] for digit, hands in HANDS.items()}
HELD_OUT_HANDS = {digit: hands[1::2] for digit, hands in HANDS.items()}

_SAMPLES = 56  # points along a hand: about one per pixel, so that curves show no facets
_BOX = 20.0  # MNIST fits the ink in 20x20 pixels of the 28x28
_CENTRE = 14.0  # MNIST's mass centres lie at index 14.0 (measured), not at 13.5
_REACH = 3  # a segment inks the 7x7 pixels around its middle: enough for the widest pen
_CHUNK = 1_000  # digits drawn together: their canvases stay in the cache


@dataclasses.dataclass(frozen=True)
class _Hand:
    """A template as a linear map: its curve is `weights` times its joints.

    joints: [C, 2] float64, x and y in heights; weights: [_SAMPLES, C] float64;
    inked: [_SAMPLES - 1] bool, False where the pen is lifted between two strokes.
    """

    joints: np.ndarray
    weights: np.ndarray
    inked: np.ndarray


def _curve(points: np.ndarray, count: int) -> np.ndarray:
    """A centripetal Catmull-Rom curve through `points` [C, 2], as weights [count, C] on them.

    It is centripetal so that it neither overshoots nor loops at unevenly spaced joints. The knots
    depend on the template only, so jittering a hand is one matrix product for all its digits.
    """

    def mix(low: np.ndarray, high: np.ndarray, start: float, end: float) -> np.ndarray:
        return ((end - t) * low + (t - start) * high) / (end - start)

    # A point beyond each end: its second joint mirrored at its first, which is linear in both.
    eye = np.eye(len(points))
    rows = np.vstack([2 * eye[0] - eye[1], eye, 2 * eye[-1] - eye[-2]])
    steps = np.sqrt(np.linalg.norm(np.diff(rows @ points, axis=0), axis=1))
    knots = np.concatenate([[0.0], np.cumsum(steps)])
    weights = []
    for t in np.linspace(knots[1], knots[-2], count):
        k = min(int(np.searchsorted(knots, t, side="right")) - 2, len(points) - 2)
        p, u = rows[k : k + 4], knots[k : k + 4]
        # Barry and Goldman's pyramid: lines, then parabolas, then the cubic.
        a = [mix(p[i], p[i + 1], u[i], u[i + 1]) for i in range(3)]
        b = [mix(a[i], a[i + 1], u[i], u[i + 2]) for i in range(2)]
        weights.append(mix(b[0], b[1], u[1], u[2]))
    return np.array(weights)


@functools.cache
def _parse(template: str) -> _Hand:
    """Reads one string of `HANDS`: strokes are split at their corners, then sampled."""
    pieces: list[np.ndarray] = []  # smooth runs of points
    lifted: list[bool] = []  # whether the pen is lifted before the run
    for stroke in template.split("|"):
        run: list[list[float]] = []
        lifted.append(bool(pieces))
        for word in stroke.split():
            run.append([float(number) / 100 for number in word.rstrip("!").split(",")])
            if word.endswith("!"):
                pieces.append(np.array(run))
                lifted.append(False)
                run = run[-1:]
        pieces.append(np.array(run))
    lengths = np.array([np.linalg.norm(np.diff(p, axis=0), axis=1).sum() for p in pieces])
    shares = np.rint(np.cumsum(lengths) / lengths.sum() * _SAMPLES).astype(int)
    counts = np.diff(np.concatenate([[0], shares]))
    # The same coordinates are the same joint: strokes that meet there are jittered together.
    joints, where = np.unique(np.vstack(pieces), axis=0, return_inverse=True)
    weights = np.zeros((_SAMPLES, len(joints)))
    inked = np.ones(_SAMPLES, bool)
    row = column = 0
    for piece, count, lift in zip(pieces, counts, lifted, strict=True):
        own = np.zeros((len(piece), len(joints)))
        own[np.arange(len(piece)), where.ravel()[column : column + len(piece)]] = 1
        weights[row : row + count] = _curve(piece, count) @ own
        if lift:
            inked[row - 1] = False  # the segment that leads here from the last stroke
        row, column = row + count, column + len(piece)
    return _Hand(joints, weights, inked[:-1])


def _trace(
    labels: np.ndarray, rng: np.random.Generator, hands_of: Mapping[int, Sequence[str]]
) -> tuple[np.ndarray, np.ndarray]:
    """Writes each digit in a random hand: ([N, S, 2] points, [N, S-1] inked)."""
    count = len(labels)
    points = np.empty((count, _SAMPLES, 2))
    inked = np.empty((count, _SAMPLES - 1), bool)
    choice = rng.random(count)
    for digit in range(spec.NUM_CLASSES):
        hands = hands_of[digit]
        for index, hand in enumerate(map(_parse, hands)):
            chosen = (labels == digit) & (np.floor(choice * len(hands)) == index)
            shape = (int(chosen.sum()), *hand.joints.shape)
            joints = hand.joints + rng.normal(0, 0.013, shape)
            points[chosen] = hand.weights @ joints
            inked[chosen] = hand.inked

    def each(mean: float, deviation: float) -> np.ndarray:
        return rng.normal(mean, deviation, (count, 1))

    x, y = points[..., 0] - 0.5, points[..., 1] - 0.5
    # Slow waves bend the whole sheet, so strokes near each other move together, as in real
    # handwriting. Loops stay round, whereas jitter alone would make polygons of them.
    bend = np.zeros((2, *x.shape))
    for _ in range(3):
        turns = rng.uniform(-4, 4, (3, count, 1))
        wave = np.sin(turns[0] * x + turns[1] * y + turns[2])
        bend += rng.normal(0, 0.032, (2, count, 1)) * wave
    x, y = x + bend[0], y + bend[1]
    # The width, the slant (to the right, as most hands do) and the turn.
    x = x * np.exp(each(0.02, 0.16)) - y * np.clip(each(0.12, 0.2), -0.3, 0.6)
    turn = np.clip(each(0, 0.07), -0.2, 0.2)
    x, y = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    return np.stack([x, y], axis=-1), inked


def _place(
    points: np.ndarray, pen: np.ndarray, edge: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """Scales and shifts traced digits to the canvas, as MNIST does: [N, S, 2] float32."""
    # The ink must fit into the box, not just the middle line of the strokes.
    low, high = points.min(axis=1), points.max(axis=1)
    scale = (_BOX - 2 * pen - edge) / (high - low).max(axis=1, keepdims=True)
    points = points * scale[:, None]
    middles = (points[:, 1:] + points[:, :-1]) / 2
    mass = np.linalg.norm(np.diff(points, axis=1), axis=2) * np.maximum(radius, 0)
    centre = (middles * mass[..., None]).sum(axis=1) / mass.sum(axis=1, keepdims=True)
    # Lopsided digits are kept off the border. The margin of `_REACH` is there so that windows at
    # the border need no special case.
    rim = pen + edge / 2
    shift = np.clip(_CENTRE - centre, rim - low * scale, spec.IMAGE_SIZE - 1 - rim - high * scale)
    return (points + shift[:, None] + _REACH).astype(np.float32)


def _ink(points: np.ndarray, inked: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Inks traced digits: [N, S, 2] points, [N, S-1] inked -> [N, 28, 28] uint8."""
    count = len(points)
    edge = rng.uniform(0.9, 1.5, (count, 1)).astype(np.float32)  # the gray rim, in pixels
    pen = np.clip(rng.normal(1.17, 0.28, (count, 1)), 0.7, 1.9)
    along = np.linspace(0, 1, _SAMPLES - 1)
    pressure = rng.normal(0, 0.1, (count, 1)) * np.sin(
        2 * np.pi * (along * rng.uniform(0.5, 1.5, (count, 1)) + rng.random((count, 1)))
    )
    pressure += rng.normal(0, 0.05, pressure.shape)  # the rough edge of ink on paper
    radius = np.where(inked, pen * (1 + pressure), -np.inf).astype(np.float32)
    points = _place(points, pen, edge, radius)

    size = spec.IMAGE_SIZE + 2 * _REACH
    canvas = np.zeros((count, size * size), np.float32)
    down, right = np.divmod(np.arange((2 * _REACH + 1) ** 2), 2 * _REACH + 1)
    window = down * size + right
    rows = np.arange(count)[:, None]
    for i in range(_SAMPLES - 1):  # each segment: distance of the cells around it, [N, 49]
        start, step = points[:, i], points[:, i + 1] - points[:, i]
        corner = np.rint(start + step / 2).astype(np.int64) - _REACH
        corner = np.clip(corner, 0, size - 2 * _REACH - 1)
        local = corner - start
        x, y = local[:, :1] + right.astype(np.float32), local[:, 1:] + down.astype(np.float32)
        dx, dy = step[:, :1], step[:, 1:]
        t = np.clip((x * dx + y * dy) / np.maximum(dx * dx + dy * dy, 1e-6), 0, 1)
        distance = np.sqrt((x - t * dx) ** 2 + (y - t * dy) ** 2)
        level = np.clip((radius[:, i, None] - distance) / edge + 0.5, 0, 1)
        at = corner[:, 1:] * size + corner[:, :1] + window
        canvas[rows, at] = np.maximum(canvas[rows, at], level)
    canvas = canvas.reshape(count, size, size)[:, _REACH:-_REACH, _REACH:-_REACH]
    return np.rint(canvas * 255).astype(np.uint8)


def draw(
    labels: np.ndarray,
    rng: np.random.Generator,
    hands: Mapping[int, Sequence[str]] = HANDS,
) -> np.ndarray:
    """Draws one picture for each label; every picture is in one piece (`connected`).

    Args:
      labels: [N] integer, 0 to 9.
      hands: templates of each digit to choose from, in the form of `HANDS`.
      rng: the only source of variation. The same labels and generator state give the same
        pictures on the same machine with the same NumPy; elsewhere the last bit may differ.

    Returns:
      [N, 28, 28] uint8, 0 paper, 255 full ink.
    """
    images = np.zeros((len(labels), spec.IMAGE_SIZE, spec.IMAGE_SIZE), np.uint8)
    for begin in range(0, len(labels), _CHUNK):
        todo = np.arange(begin, min(begin + _CHUNK, len(labels)))
        while len(todo):  # a digit that fell apart (rare) is written again
            images[todo] = _ink(*_trace(labels[todo], rng, hands), rng)
            todo = todo[~connected(images[todo])]
    return images
