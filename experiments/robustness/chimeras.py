"""Chimeras: shapes composed of two digits, and what their cells say in the end.

Follows the article's section "Robustness", which draws chimeras of 3 and 5, 8 and 9, 6 and 9. A
chimera is two whole digits that touch (`join`), or a part of one digit and the rest of another
(`splice`). It is always in one piece. No answer is right, so the different answers are counted.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from experiments.robustness import transforms
from selforg_mnist import spec, startup
from selforg_mnist.cells import trajectory
from selforg_mnist.data import pieces
from selforg_mnist.data.digits import Digits, gray_levels
from selforg_mnist.errors import UserError
from selforg_mnist.model import CAModel

PAIRS = ((3, 5), (8, 9), (6, 9))
SEAMS = (0.4, 0.5, 0.6)
RECENT = 20  # a cell that changes its label within the last 20 CA steps counts as changing
_ROUNDS = 40  # most rounds of drawing `count` random pairs, since some chimeras fall apart
_BUNDLE = 120  # chimeras rolled out together
_PLACES = {"down": "{0} above {1}", "right": "{0} left of {1}"}


@dataclasses.dataclass(frozen=True, eq=False)
class Chimeras:
    """Chimeras of one kind."""

    first: int  # label of the digit above or at the left
    second: int  # label of the other digit
    axis: str  # one of `transforms.AXES`
    seam: float | None  # its place, as a share of the canvas; None for two whole digits
    images: np.ndarray  # [N, H, W] uint8, each in one piece
    of_first: np.ndarray  # [N, H, W] bool, which cells are the first digit's

    def work(self, steps: int) -> int:
        """The work of rolling them out: CA steps times living cells."""
        return steps * int(transforms.alive(self.images).sum())


@dataclasses.dataclass(frozen=True)
class ChimeraResult:
    """What one model's cells say at the end on chimeras of one kind; all shares in percent."""

    model: str  # its name
    first: int  # as in `Chimeras`, like the next three
    second: int
    axis: str
    seam: float | None
    num_samples: int  # chimeras counted
    agree_first: float  # share of chimeras whose cells all give the first digit's label
    agree_second: float  # share of chimeras whose cells all give the second digit's label
    agree_other: float  # share of chimeras whose cells all give one other label
    no_agreement: float  # share of chimeras whose cells give several labels
    votes_first: float  # share of the cells that give the first label, mean over the chimeras
    votes_second: float  # share of the cells that give the second label, likewise
    other_label: int  # the most frequent label besides these two
    votes_other_label: float  # share of the cells that give it
    first_part_right: float  # share of the first digit's own cells that give its label
    second_part_right: float  # share of the second digit's own cells that give its label
    changing: float  # share of the cells that gave another label in the last 20 CA steps


def title(kind: Chimeras | ChimeraResult) -> str:
    """How chimeras are made, in words, for headings and tables."""
    how = "whole digits" if kind.seam is None else f"seam at {kind.seam:.0%}"
    return f"{_PLACES[kind.axis].format(kind.first, kind.second)}, {how}"


def build(digits: Digits, count: int, seed: int, seams: Sequence[float] = SEAMS) -> list[Chimeras]:
    """Builds chimeras of each pair, in both orders and directions, whole and spliced.

    Returns:
      groups: of `count` chimeras each; whole digits first, then by seam.

    Raises:
      UserError: the digits give fewer than `count` chimeras in one piece.
    """
    groups: list[Chimeras] = []
    for pair in PAIRS:
        for axis in transforms.AXES:
            for seam in (None, *seams):
                for first, second in (pair, pair[::-1]):
                    rng = np.random.default_rng([seed % 2**64, 3, len(groups)])
                    groups.append(_group(digits, first, second, axis, seam, count, rng))
    return groups


def _group(
    digits: Digits,
    first: int,
    second: int,
    axis: str,
    seam: float | None,
    count: int,
    rng: np.random.Generator,
) -> Chimeras:
    ours, theirs = (digits.images[digits.labels == label] for label in (first, second))
    images, of_first = [], []
    found = 0
    for _ in range(_ROUNDS if len(ours) and len(theirs) else 0):
        parents = (rng.choice(ours, count), rng.choice(theirs, count))
        if seam is None:
            made, parts = transforms.join(*parents, axis=axis)
        else:
            made, parts = transforms.splice(*parents, axis=axis, at=seam)
        living = transforms.alive(made)
        # A part without a living cell would leave a digit, not a chimera.
        both = (living & parts).any(axis=(1, 2)) & (living & ~parts).any(axis=(1, 2))
        fit = both & pieces.connected(made)
        images.append(made[fit])
        of_first.append(parts[fit])
        found += int(fit.sum())
        if found >= count:
            break
    else:
        raise UserError(
            f"num_chimeras={count}: found {found} chimeras of {first} and {second} in one piece "
            f"from {len(ours)} and {len(theirs)} digits of {digits.source!r}; ask for fewer"
        )
    images, of_first = (np.concatenate(each)[:count] for each in (images, of_first))
    return Chimeras(first, second, axis, seam, images, of_first)


def measure(
    groups: Sequence[Chimeras], name: str, model: CAModel, steps: int, seed: int
) -> tuple[list[ChimeraResult], list[np.ndarray]]:
    """Rolls chimeras out and counts what their cells say at the end.

    Returns:
      outcomes: of each group, for the model with this name.
      logits: of each group, [N, H, W, 10] float32 after the last of `steps` CA steps.
    """
    bundles = _bundles(groups)

    def roll_out(bundle: Sequence[Chimeras]) -> list[tuple[ChimeraResult, np.ndarray]]:
        gray = gray_levels(np.concatenate([group.images for group in bundle]))
        recent: list[np.ndarray] = []
        for step, state in enumerate(trajectory.states(model, gray, steps, seed), 1):
            logits = state[..., -spec.NUM_CLASSES :]
            if step >= steps - RECENT:
                recent.append(logits.argmax(axis=-1))
        results, start = [], 0
        for group in bundle:
            own = slice(start, start := start + len(group.images))
            outcome = count(group, name, [labels[own] for labels in recent])
            results.append((outcome, logits[own].copy()))  # not the other state channels
        return results

    # One bundle per core: the steps of a rollout depend on each other, bundles don't.
    with concurrent.futures.ThreadPoolExecutor(startup.available_cores()) as cores:
        found = list(cores.map(roll_out, bundles))
    by_group = dict(zip(itertools.chain(*bundles), itertools.chain(*found), strict=True))
    results = [by_group[group] for group in groups]
    return [outcome for outcome, _ in results], [logits for _, logits in results]


def _bundles(groups: Sequence[Chimeras]) -> list[list[Chimeras]]:
    """Puts groups of one canvas size together: few large rollouts take less time than many."""
    by_canvas: dict[tuple[int, ...], list[Chimeras]] = {}
    for group in groups:
        by_canvas.setdefault(group.images.shape[1:], []).append(group)
    bundles = []
    for alike in by_canvas.values():
        size = max(1, _BUNDLE // len(alike[0].images))
        bundles += [alike[i : i + size] for i in range(0, len(alike), size)]
    return bundles


def count(group: Chimeras, name: str, recent: Sequence[np.ndarray]) -> ChimeraResult:
    """Counts what the cells of chimeras of one kind say.

    Args:
      group: the chimeras.
      name: of the model.
      recent: [N, H, W] integers each, the labels that the cells gave after the last CA steps.
        The labels after the very last step are counted; the others show which cells still change.
    """
    living, labels = transforms.alive(group.images), recent[-1]

    def share(said: np.ndarray, among: np.ndarray = living) -> np.ndarray:
        return (said & among).sum(axis=(1, 2)) / among.sum(axis=(1, 2))  # [N]

    def percent(shares: np.ndarray) -> float:
        return 100 * float(np.mean(shares))

    votes = np.stack([share(labels == i) for i in range(spec.NUM_CLASSES)], axis=1)  # [N, 10]
    agree = votes == 1.0
    others = np.delete(np.arange(spec.NUM_CLASSES), sorted((group.first, group.second)))
    other = int(others[votes.mean(axis=0)[others].argmax()])
    return ChimeraResult(
        model=name,
        first=group.first,
        second=group.second,
        axis=group.axis,
        seam=group.seam,
        num_samples=len(labels),
        agree_first=percent(agree[:, group.first]),
        agree_second=percent(agree[:, group.second]),
        agree_other=percent(agree[:, others].any(axis=1)),
        no_agreement=percent(~agree.any(axis=1)),
        votes_first=percent(votes[:, group.first]),
        votes_second=percent(votes[:, group.second]),
        other_label=other,
        votes_other_label=percent(votes[:, other]),
        first_part_right=percent(share(labels == group.first, living & group.of_first)),
        second_part_right=percent(share(labels == group.second, living & ~group.of_first)),
        changing=percent(share(np.any([past != labels for past in recent], axis=0))),
    )
