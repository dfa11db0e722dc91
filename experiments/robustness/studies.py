"""The robustness studies except the chimeras: what they show to cells, and for how long.

Follows the article's section "Robustness". A study shows the same digits at several strengths of
one change, which `transforms.py` makes. `measure.py` shows them to cells and counts the answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from experiments.robustness import transforms
from selforg_mnist import spec
from selforg_mnist.data import augmentation
from selforg_mnist.data.digits import Digits, subset
from selforg_mnist.evaluation.evaluation import Phase

_MARKS = (20, 50, 100, 200)
LONG_MARKS = (20, 200, 500, 1000, 2000)
_LONG_POINTS = 60


@dataclasses.dataclass(frozen=True)
class View:
    """A moment of a study that tables, figures and mosaics show."""

    phase: int  # its index
    step: int  # CA steps since the phase began
    title: str  # what it shows, for headings


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """One change of the digits, at several strengths."""

    name: str  # short, for files
    axis: str  # the meaning of a strength, with its unit
    phases: tuple[str, ...]  # names of the phases
    # By strength, what the cells are shown; all have the same canvas size and steps.
    cases: Mapping[float, list[Phase]]
    views: tuple[View, ...]  # the moments that the report shows
    marks: tuple[int, ...] = _MARKS  # CA steps of each phase after which numbers are kept
    over_steps: bool = False  # whether the CA steps vary and the strength doesn't

    def kept(self, phase: int) -> list[int]:
        """The CA steps of a phase after which numbers are kept, including its last one."""
        (steps,) = {phases[phase].steps for phases in self.cases.values()}
        return _up_to(steps, self.marks)

    def work(self) -> int:
        """The work of rolling it out: CA steps times living cells."""
        return sum(
            phase.steps * int(transforms.alive(phase.images).sum())
            for phases in self.cases.values()
            for phase in phases
        )


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is measured."""

    steps: int  # CA steps of a phase
    long_steps: int  # CA steps of the long run
    long_samples: int  # digits of the long run
    every: int = 1  # 1 to try all strengths of a study, n to try every n-th one


NAMES = (
    "size",
    "brush",
    "height",
    "stroke",
    "drawn",
    "shift",
    "cut",
    "parts",
    "scattered_states",
    "patch_states",
    "long",
)


def build(digits: Digits, drawn: Digits, size: Size, seed: int) -> list[Study]:
    """Builds all studies, those of `NAMES`.

    `drawn` are digits of another origin than those that the models were trained on.

    Returns:
      studies: in the order of the report.
    """
    steps, side = size.steps, spec.IMAGE_SIZE
    images, wide = digits.images, transforms.pad(digits.images, side // 2)
    random = [seed % 2**64]  # NumPy has no negative seeds

    def one_phase(
        name: str,
        axis: str,
        title: str,
        strengths: tuple[float, ...],
        change: Callable[[float], np.ndarray],
        labels: np.ndarray = digits.labels,
    ) -> Study:
        cases = {s: [Phase(change(s), labels, steps)] for s in strengths[:: size.every]}
        return Study(name, axis, ("shown",), cases, (View(0, steps, title),))

    def states_lost(name: str, kind: str, choose: Callable) -> Study:
        cases = {}
        for share in (0.1, 0.25, 0.5, 0.75, 1.0)[:: size.every]:
            lost = choose(images, share, np.random.default_rng([*random, 2]))
            cases[share] = [
                Phase(images, digits.labels, steps),
                Phase(images, digits.labels, steps, ~lost),
            ]
        views = tuple(
            View(1, step, f"{kind} their state: {step} steps later")
            for step in _up_to(steps, (20, 200))
        )
        return Study(name, "share of cells", ("before", "after"), cases, views)

    gone_and_back = {}
    for share in (0.0, 0.1, 0.3, 0.5, 0.7)[:: size.every]:
        gone = transforms.block(images, share, np.random.default_rng([*random, 1]))
        gone_and_back[share] = [
            Phase(images, digits.labels, steps),
            Phase(np.where(gone, np.uint8(0), images), digits.labels, steps),
            Phase(images, digits.labels, steps),
        ]

    few = subset(digits, min(size.long_samples, len(digits)), random[0])
    scales = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0)
    return [
        one_phase(
            "size",
            "size (1 = MNIST's)",
            "Digits drawn smaller or larger",
            scales,
            lambda s: augmentation.rescale(images, s, s, int(side * max(scales))),
        ),
        one_phase(
            "brush",
            "size (1 = MNIST's)",
            "Digits drawn smaller or larger with the same pen",
            (0.75, 1.0, 1.25, 1.5, 2.0),
            lambda s: augmentation.redraw(
                images, np.full(len(images), s), np.full(len(images), min(s, 1.0)), 64
            ),
        ),
        one_phase(
            "height",
            "height (1 = MNIST's)",
            "Digits stretched in height only",
            scales[:-1],
            lambda s: augmentation.rescale(images, s, 1.0, int(side * scales[-2])),
        ),
        one_phase(
            "stroke",
            "ink added on each side (cells)",
            "Strokes thinned or thickened",
            (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
            lambda r: transforms.thicken(transforms.pad(images, 2), r),
        ),
        one_phase(
            "drawn",
            "ink added on each side (cells)",
            "Another handwriting: the embedded drawn digits",
            (-0.5, 0.0, 0.5, 1.0, 1.5),
            lambda r: transforms.thicken(transforms.pad(drawn.images, 2), r),
            drawn.labels,
        ),
        one_phase(
            "shift",
            "shift down and right (cells)",
            "Digits moved within the canvas",
            (0.0, 1.0, 5.0, 14.0),
            lambda s: transforms.shift(wide, int(s), int(s)),
        ),
        one_phase(
            "cut",
            "shift down and right (cells)",
            "Digits moved partly off the canvas",
            (0.0, 4.0, 6.0, 8.0, 10.0, 12.0),
            lambda s: transforms.shift(images, int(s), int(s)),
        ),
        Study(
            "parts",
            "share of cells",
            ("before", "gone", "given back"),
            gone_and_back,
            (
                View(1, steps, "Part of the digit is erased"),
                View(2, steps, "The erased part is restored"),
            ),
        ),
        states_lost("scattered_states", "Scattered cells lose", transforms.scattered),
        states_lost("patch_states", "A patch of cells loses", transforms.block),
        Study(
            "long",
            "CA step",
            ("shown",),
            {0.0: [Phase(few.images, few.labels, size.long_steps)]},
            (View(0, size.long_steps, "Long runs"),),
            _long_marks(size.long_steps),
            over_steps=True,
        ),
    ]


def _up_to(steps: int, marks: tuple[int, ...]) -> list[int]:
    """The marks before the last step, and that step."""
    return sorted({mark for mark in marks if mark < steps} | {steps})


def _long_marks(steps: int) -> tuple[int, ...]:
    spread = np.rint(np.geomspace(1, steps, _LONG_POINTS)).astype(int).tolist()
    return tuple(sorted({*spread, *LONG_MARKS}))
