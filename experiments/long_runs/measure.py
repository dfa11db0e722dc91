"""Long rollouts: agreement at a few CA steps, and digits whose states grow without end."""

from __future__ import annotations

import dataclasses

import numpy as np

from selforg_mnist.data.digits import Digits
from selforg_mnist.evaluation import votes
from selforg_mnist.model import CAModel

MARKS = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)
LARGE = 20.0  # a digit's largest |state| is large above this many medians over the digits
_DRAWN = 8  # digits whose growth is kept step by step


@dataclasses.dataclass(frozen=True, eq=False)
class LongRun:
    """What happens to the digits under one model; lists have one entry for each mark."""

    marks: list[int]  # the CA steps after which digits were counted
    cell_accuracy: list[float]  # share of living cells that are right, in [0, 1]
    total_agreement: list[float]  # share of digits whose cells all agree
    correct_agreement: list[float]  # share of digits whose cells all agree and are right
    median: list[float]  # median over the digits of their largest |state|
    large: list[float]  # share of digits with a |state| above 20 medians, or not finite
    not_finite: list[float]  # share of digits with a state that is not finite
    # Not by mark: indices of the digits that are large at the end, in the order of becoming large.
    growing: list[int]
    growth: np.ndarray  # [digits, steps / 10] float, largest |state| of some of these


def measure(model: CAModel, digits: Digits, steps: int, seed: int) -> LongRun:
    """Rolls digits out for many CA steps, 100 or more."""
    marks = [mark for mark in MARKS if mark <= steps]
    run = LongRun(marks, [], [], [], [], [], [], [], np.zeros(0))
    first, sizes = 0, []
    became_large = np.full(len(digits), np.inf)
    every_digit = np.arange(len(digits))
    for part in votes.over_steps(model, digits.images, steps, seed, at_a_time=MARKS[0]):
        first += len(part.cells)
        sizes.append(part.largest[9::10])
        finite = np.isfinite(part.state).all(axis=(1, 2, 3))
        median, large = large_states(part.largest[-1], finite)
        became_large[large & np.isinf(became_large)] = first
        became_large[~large] = np.inf
        if first in marks:
            cells = part.cells[-1]  # [N, 10]
            right = cells[every_digit, digits.labels]
            living = cells.sum(axis=1)
            agreeing = part.agreeing()[-1]
            run.cell_accuracy.append(float(right.sum() / living.sum()))
            run.total_agreement.append(float(agreeing.mean()))
            run.correct_agreement.append(float((right == living).mean()))
            run.median.append(median)
            run.large.append(float(large.mean()))
            run.not_finite.append(float((~finite).mean()))
    run.growing.extend(np.argsort(became_large, kind="stable")[: np.isfinite(became_large).sum()])
    growth = np.concatenate(sizes)[:, run.growing[:_DRAWN]].T
    return dataclasses.replace(run, growth=growth)


def large_states(largest: np.ndarray, finite: np.ndarray) -> tuple[float, np.ndarray]:
    """Which digits have states far above those of the others.

    Args:
      largest: [N] float, the largest |state| of each digit; any value where it is not finite.
      finite: [N] bool, whether all states of the digit are.

    Returns:
      median: of the largest |state| over all digits, those not finite being above all others.
      large: [N] bool, above 20 medians, or not finite.
    """
    largest = np.where(finite, largest, np.inf)
    median = float(np.median(largest))
    return median, ~finite | (largest > LARGE * median)
