"""Sorts the digits whose cells don't agree by cause, digit and pair of labels."""

from __future__ import annotations

import dataclasses

import numpy as np

from selforg_mnist import spec
from selforg_mnist.data import pieces
from selforg_mnist.data.digits import Digits
from selforg_mnist.evaluation import votes
from selforg_mnist.model import CAModel

RECENT = 60  # the last CA steps, which tell a standing border from flicker
CAUSES = ("in pieces", "standing border", "flicker")


@dataclasses.dataclass(frozen=True, eq=False)
class Undecided:
    """What a model's cells say about a set of digits after the last CA step."""

    votes: np.ndarray  # [N, 10] int32, living cells that give each label
    agreeing: np.ndarray  # [N] bool, whether all cells of a digit give one label
    right: np.ndarray  # [N] bool, whether most cells give the digit's label
    # [N] integers: the index into `CAUSES` for digits that don't agree, -1 for the others. A digit
    # in pieces agrees only by chance. A digit in one piece has a standing border if its majority
    # label stayed the same and its cells never agreed during the last 60 CA steps.
    cause: np.ndarray
    never_agreed: np.ndarray  # [N] bool, whether the cells never agreed in the last 60 CA steps
    same_majority: np.ndarray  # [N] bool, whether the majority label stayed the same in these
    whole: np.ndarray  # [N] bool, whether a digit is in one piece
    logits: np.ndarray  # [N, H, W, 10] float32, the classification channels at the end
    model: CAModel  # whose cells these are

    @property
    def majority(self) -> np.ndarray:
        """Share of a digit's cells that give the majority label: [N]."""
        return self.votes.max(axis=1) / np.maximum(self.votes.sum(axis=1), 1)

    def most_divided(self, count: int) -> np.ndarray:
        """Indices of the undecided digits with the smallest majorities, the smallest first."""
        order = np.argsort(self.majority, kind="stable")
        return order[~self.agreeing[order]][:count]

    def pairs(self) -> dict[tuple[int, int], int]:
        """For each pair of labels, how many undecided digits in one piece have them on top.

        The pair of a digit is the two labels that most of its cells give. Frequent pairs first.
        """
        chosen = ~self.agreeing & self.whole
        top = np.sort(np.argsort(-self.votes[chosen], axis=1, kind="stable")[:, :2], axis=1)
        found, counts = np.unique(top, axis=0, return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {(int(found[i][0]), int(found[i][1])): int(counts[i]) for i in order}


def measure(model: CAModel, digits: Digits, steps: int, seed: int) -> Undecided:
    """Rolls digits out for some CA steps and sorts those whose cells don't agree at the end."""
    parts = list(votes.over_steps(model, digits.images, steps, seed))
    last = parts[-1]
    recent = np.concatenate([part.cells for part in parts])[-RECENT:]  # [60, N, 10]
    agreed = np.concatenate([part.agreeing() for part in parts])[-RECENT:]
    majority = recent.argmax(axis=2)
    whole = pieces.connected(digits.images)
    never_agreed = ~agreed.any(axis=0)
    same_majority = (majority == majority[-1]).all(axis=0)
    standing = never_agreed & same_majority
    cause = np.where(whole, np.where(standing, 1, 2), 0)
    return Undecided(
        votes=recent[-1],
        agreeing=agreed[-1],
        right=majority[-1] == digits.labels,
        cause=np.where(agreed[-1], -1, cause),
        never_agreed=never_agreed,
        same_majority=same_majority,
        whole=whole,
        logits=last.state[..., -spec.NUM_CLASSES :],
        model=model,
    )
