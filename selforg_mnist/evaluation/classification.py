"""What the cells of a canvas decide: their majority, their votes, when they came to agree.

Rolling out is in `cells/trajectory.py`. Making a canvas from a picture is in `data/canvas.py`.
Accuracy and agreement over whole test sets are in `evaluation.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from selforg_mnist import spec
from selforg_mnist.cells import trajectory
from selforg_mnist.data.digits import gray_levels
from selforg_mnist.model import CAModel
from selforg_mnist.pictures import film_frames

FILM_FPS = 15
_DOUBT = "unclear, or not a digit"
_CLEAR = 2 / 3  # share of the cells; if fewer give the label, the picture is called unclear
# The CA step by which cells agree on most digits. On letters they agree more seldom, and later:
# `python -m experiments.own_pictures` counts both.
_LATE = 60
_HOLD = 2 * FILM_FPS  # frames for which a film shows the last step


@dataclasses.dataclass(frozen=True)
class Decision:
    """What the living cells of one canvas say at the end of a rollout.

    A cell votes for the label with the largest of its ten channels. As long as all ten are within
    `spec.UNDECIDED_BELOW` of zero, the cell has no vote: it may not have fired yet. Figures differ
    from this, like the article's: they show a cell black if all ten channels are below that value.
    Cross-entropy leaves the level of the logits open, so there a black cell can have a vote.
    Shares are of the living cells, in [0, 1].
    """

    label: int | None  # that most cells give, the lowest of several; None if no cell has decided
    share: float  # share of the cells that give it
    runner_up: int | None  # the label that most of the other cells give; None if there is no other
    runner_up_share: float  # share of the cells that give the runner-up
    undecided: float  # share of the cells without a vote
    living: int  # number of living cells
    # The CA step from which on all living cells give this label, up to the end; None if they don't
    # all give it at the end.
    steps_to_agreement: int | None
    votes: tuple[float, ...]  # share of the cells for each label; their sum is 1 - undecided

    @property
    def sure(self) -> bool:
        """Whether all cells agree, and came to it as fast as on most digits."""
        return self.steps_to_agreement is not None and self.steps_to_agreement <= _LATE


def classify(
    model: CAModel, canvases: np.ndarray, steps: int = 200, seed: int = 0
) -> list[Decision]:
    """Lets the cells of each canvas find out which digit they form.

    Args:
      model: whose rule, fire rate and noise are used.
      canvases: [N, S, S] uint8, 255 full ink. Fire masks are drawn for the whole batch, so the
        random numbers of a canvas depend on the rest of the batch.
      steps: CA steps.
      seed: of the fire masks and the noise.

    Returns:
      decisions: N of them.

    Raises:
      ValueError: a shape doesn't fit, or there is no step to take.
    """
    gray = gray_levels(canvases)
    alive = spec.alive_mask(gray)
    living = np.sum(alive, axis=(1, 2))  # [N]
    rollout = trajectory.states(model, gray, steps, seed)
    counts = np.stack([_count(alive, state) for state in rollout], axis=1)  # [N, steps, 10]
    return [_decision(*of_one) for of_one in zip(counts, living, strict=True)]


def in_words(decision: Decision, steps: int) -> str:
    """A decision after `steps` CA steps in one line.

    Such as "3   142 of 142 cells agree, from step 37 on".
    """
    living = decision.living
    first, second, silent = (
        round(share * living)
        for share in (decision.share, decision.runner_up_share, decision.undecided)
    )
    if decision.label is None:
        return f"no label   none of {living} cells has decided after {steps} steps"
    if decision.steps_to_agreement is not None:
        since = decision.steps_to_agreement
        late = "" if decision.sure else f"; that is late: {_DOUBT}"
        return f"{decision.label}   {living} of {living} cells agree, from step {since} on{late}"
    others = f", {second} say {decision.runner_up}" if second else ""
    if silent:
        others += f", {silent} {'is' if silent == 1 else 'are'} undecided"
    doubt = f": {_DOUBT}" if decision.share < _CLEAR else ""
    return (
        f"{decision.label}   {first} of {living} cells say so{others}; "
        f"no agreement after {steps} steps{doubt}"
    )


def film(
    model: CAModel, canvas: np.ndarray, steps: int = 200, seed: int = 0
) -> Iterator[np.ndarray]:
    """Films the rollout that `classify` makes when it is given this canvas alone.

    The arguments are as in `classify`; the later CA steps are in time lapse.

    Yields:
      frame: [H, W, 3] uint8, `FILM_FPS` of them a second.
    """
    gray = gray_levels(canvas)
    shown = film_frames.time_lapse(steps)
    for step, state in enumerate(trajectory.states(model, gray[None], steps, seed), 1):
        if step in shown:
            frame = film_frames.votes(gray, state[0, ..., -spec.NUM_CLASSES :], step)
            yield from [frame] * (_HOLD if step == steps else 1)


def _count(alive: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Living cells of each canvas that vote for each label, [N, 10] int."""
    logits = state[..., -spec.NUM_CLASSES :]
    voting = alive & (np.max(np.abs(logits), axis=-1) >= spec.UNDECIDED_BELOW)
    given = np.where(voting, np.argmax(logits, axis=-1), -1)  # [N, S, S]
    return np.stack([np.sum(given == i, axis=(1, 2)) for i in range(spec.NUM_CLASSES)], axis=1)


def _decision(counts: np.ndarray, living: int) -> Decision:
    """From the votes after each step, [steps, 10]."""
    votes = counts[-1] / max(living, 1)
    first, second = np.argsort(-votes, kind="stable")[:2]
    agree = counts[:, first] == living
    # The step after the last one at which they did not agree; steps count from 1.
    since = 1 + int(np.max(np.flatnonzero(~agree) + 1, initial=0))
    return Decision(
        label=int(first) if votes[first] else None,
        share=float(votes[first]),
        runner_up=int(second) if votes[second] else None,
        runner_up_share=float(votes[second]),
        undecided=float(1 - np.sum(counts[-1]) / living) if living else 0.0,
        living=int(living),
        steps_to_agreement=since if living and agree[-1] else None,
        votes=tuple(map(float, votes)),
    )
