"""What the scaling studies time: engines on scenes. A scene is a batch of digits on canvases.

Each study lets one thing grow and keeps the others. Holds what is timed and how its canvases are
made; timing is in `measure.py`. Loads no TensorFlow, so that the command can report a mistake
at once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from selforg_mnist import experiment, spec
from selforg_mnist.data.digits import Digits, alive_cells

CANVASES = 1024  # how many are made for scenes other than one digit on its own canvas
# Numbers that the dense reference keeps for the backward pass, per pixel and CA step (measured).
_REFERENCE_FLOATS = 250
_POOL_BYTES = 100e6  # largest pool, unless a batch needs more: each call copies it in and out


@dataclasses.dataclass(frozen=True)
class Scene:
    """A batch of canvases, the same for the engines that are compared."""

    batch: int  # canvases of a training step
    canvas: int = spec.IMAGE_SIZE  # side, in cells
    digits: int = 1  # on each canvas

    def __str__(self) -> str:
        digits = "1 digit" if self.digits == 1 else f"{self.digits} digits"
        return f"batch {self.batch}, {self.canvas} x {self.canvas}, {digits}"

    def pixels(self) -> int:
        """The pixels of all canvases of a batch."""
        return self.batch * self.canvas**2

    def pool_size(self) -> int:
        """Canvases in the pool: ten batches, as in the article, or as many as memory allows."""
        most = int(_POOL_BYTES / (4 * spec.STATE_CHANNELS * self.canvas**2))
        return max(self.batch, min(10 * self.batch, most // self.batch * self.batch))

    def reference_bytes(self) -> float:
        """About how much memory a training step of the dense reference takes."""
        return 4.0 * _REFERENCE_FLOATS * self.pixels() * experiment.l2_noise().rollout_steps


@dataclasses.dataclass(frozen=True)
class Subject:
    """Something to time."""

    study: str  # the study that it is part of
    scene: Scene  # what it trains on
    engine: str = "living"  # or "dense"
    replicas: int = 1  # that share the batch, on devices that share the CPU

    def __str__(self) -> str:
        replicas = f", {self.replicas} replicas" if self.replicas > 1 else ""
        return f"engine {self.engine}{replicas}"


def _batch(quick: bool) -> list[Subject]:
    sizes, others = ((4, 8), (8,)) if quick else ((16, 32, 64, 128, 256, 512), (16, 64))
    subjects = [Subject("batch", Scene(size)) for size in sizes]
    return subjects + [Subject("batch", Scene(size), "dense") for size in others]


def _canvas(quick: bool) -> list[Subject]:
    sides = (28, 42) if quick else (28, 42, 56, 84, 112, 140)
    return [Subject("canvas", Scene(4, side)) for side in sides]


def _living(quick: bool) -> list[Subject]:
    side, counts = (56, (1, 4)) if quick else (140, (1, 2, 4, 9, 16, 25))
    return [Subject("living", Scene(4, side, count)) for count in counts]


def _replicas(quick: bool) -> list[Subject]:
    sizes = (8,) if quick else (16, 64)
    return [
        Subject("replicas", Scene(size), replicas=number) for size in sizes for number in (1, 2)
    ]


STUDIES: dict[str, Callable[[bool], list[Subject]]] = {
    "batch": _batch,
    "canvas": _canvas,
    "living": _living,
    "replicas": _replicas,
}


def build(names: Sequence[str], quick: bool = False) -> list[Subject]:
    """The subjects of some of the `STUDIES`, in their order; `quick`: few and small ones."""
    return [subject for name in STUDIES if name in names for subject in STUDIES[name](quick)]


def canvases(digits: Digits, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """The training set of a scene: on each canvas digits of one label, side by side, on black.

    Returns:
      images: [D, canvas, canvas] uint8. For one digit on its own canvas these are the digits
        themselves, otherwise `CANVASES` canvases.
      labels: [D] uint8.
    """
    if (scene.canvas, scene.digits) == (spec.IMAGE_SIZE, 1):
        return digits.images, digits.labels
    a_side = scene.canvas // spec.IMAGE_SIZE  # places along a canvas
    rng, places_rng = np.random.default_rng(0).spawn(2)  # the same digits on canvases of any size
    labels = digits.labels[rng.integers(len(digits), size=CANVASES)]
    of_label = {label: np.flatnonzero(digits.labels == label) for label in np.unique(labels)}
    images = np.zeros((CANVASES, scene.canvas, scene.canvas), np.uint8)
    for image, label in zip(images, labels, strict=True):
        chosen = rng.choice(of_label[label], scene.digits)
        places = places_rng.choice(a_side**2, scene.digits, replace=False)
        corner = places_rng.integers(scene.canvas % spec.IMAGE_SIZE + 1, size=2)
        for digit, place in zip(digits.images[chosen], places, strict=True):
            top, left = corner + spec.IMAGE_SIZE * np.array(divmod(place, a_side))
            image[top : top + spec.IMAGE_SIZE, left : left + spec.IMAGE_SIZE] = digit
    return images, labels


def living_cells(images: np.ndarray) -> float:
    """The mean number of living cells of a canvas; `images` is [D, H, W] uint8."""
    return float(np.count_nonzero(alive_cells(images)) / len(images))
