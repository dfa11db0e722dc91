"""What honest cells say while impostors come and go."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from experiments.impostors import two_rules
from experiments.impostors.training import Trained
from selforg_mnist import spec, startup
from selforg_mnist.cells import living_cells
from selforg_mnist.data.digits import Digits
from selforg_mnist.model import CAModel, gray_of
from selforg_mnist.randomness import EVALUATION, derive, root_key

_BATCH = 50  # few enough cells for a core's cache


@dataclasses.dataclass(frozen=True, eq=False)
class Attack:
    """Impostors among the cells of a model, from a third to two thirds of the CA steps.

    Attributes:
      model: the rule of the honest cells.
      made: the impostors' rule, as wide as the model's, and how it was made.
      target: the label that they want.
      shares: of the pixels whose cells are impostors, each with its own run of all digits.
      votes: for each share, [steps, N, 10] int16: honest cells that give each label.
      impostors: for each share, [N] integers: impostors in each digit.
    """

    model: CAModel
    made: Trained
    target: int
    shares: Sequence[float]
    votes: list[np.ndarray]
    impostors: list[np.ndarray]

    def said_by_all(self, i: int, labels: np.ndarray) -> np.ndarray:
        """Share of all honest cells of other digits that say the target, for share i: [steps]."""
        votes = self.votes[i][:, labels != self.target].sum(axis=1)  # [steps, 10]
        return votes[:, self.target] / votes.sum(axis=1)

    def said(self, i: int) -> np.ndarray:
        """Share of a digit's honest cells that say the target, for share i: [steps, N]."""
        votes = self.votes[i]
        return votes[..., self.target] / np.maximum(votes.sum(axis=-1), 1)


def chances(digits: Digits, seed: int) -> np.ndarray:
    """A uniform number for each pixel, [N, H, W]: its cell is an impostor if the share is larger.

    So the impostors of a small share are among those of a larger one.
    """
    return np.random.default_rng(seed % 2**64).random(digits.images.shape)


def measure(
    model: CAModel,
    made: Trained,
    digits: Digits,
    steps: int,
    seed: int,
    target: int,
    shares: Sequence[float],
) -> Attack:
    """Rolls digits out: a third of the steps without impostors, a third with, a third without."""
    rules = two_rules.Rules.of(model, made.impostor.ca_weights())
    starts = range(0, len(digits), _BATCH)
    uniform = chances(digits, seed)
    ends = [0, steps // 3, 2 * steps // 3, steps]

    def third(n: int, share: float, states: list[tf.Tensor]) -> tuple[np.ndarray, list[tf.Tensor]]:
        def one(start: int, state: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            part = slice(start, start + _BATCH)
            return _roll_out(
                rules,
                tf.constant(digits.images[part]),
                tf.constant(uniform[part] < share),
                state,
                tf.range(ends[n], ends[n + 1]),
                derive(root_key(seed), EVALUATION, start),
            )

        with concurrent.futures.ThreadPoolExecutor(startup.available_cores()) as cores:
            votes, after = zip(*cores.map(one, starts, states), strict=True)
        return np.concatenate([part.numpy().astype(np.int16) for part in votes], axis=1), list(
            after
        )

    shape = [*digits.images.shape[1:], model.state_channels]
    fresh = [tf.zeros([min(_BATCH, len(digits) - start), *shape]) for start in starts]
    before, settled = third(0, 0.0, fresh)  # the same for all shares
    votes = []
    for share in shares:
        during, states = third(1, share, settled)
        after, _ = third(2, 0.0, states)
        votes.append(np.concatenate([before, during, after]))
    alive = spec.alive_mask(digits.gray())
    counts = [((uniform < share) & alive).sum(axis=(1, 2)) for share in shares]
    return Attack(model, made, target, shares, votes, counts)


@tf.function(autograph=False)
def _roll_out(
    rules: two_rules.Rules,
    images: tf.Tensor,
    masks: tf.Tensor,
    state: tf.Tensor,
    steps: tf.Tensor,
    key: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Votes of the honest cells, [steps, B, 10] int32, and the state at the end."""
    cells = living_cells.find(gray_of(images))
    places = two_rules.find(cells, masks)
    honest = tf.cast(~places.cells, tf.int32)[:, None]
    table = living_cells.to_table(cells, state)
    votes = tf.TensorArray(tf.int32, tf.size(steps))

    def step(
        i: tf.Tensor, table: tf.Tensor, votes: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        table = two_rules.rollout(rules, cells, places, table, 1, derive(key, steps[i]))
        rows = living_cells.living_state(cells, table)
        given = tf.argmax(rows[:, -spec.NUM_CLASSES :], axis=-1, output_type=tf.int32)
        said = honest * tf.one_hot(given, spec.NUM_CLASSES, dtype=tf.int32)
        counted = tf.math.unsorted_segment_sum(said, cells.samples, tf.shape(images)[0])
        return i + 1, table, votes.write(i, counted)

    _, table, votes = tf.while_loop(
        lambda i, *_: i < tf.size(steps), step, (tf.constant(0), table, votes)
    )
    return votes.stack(), living_cells.to_image(cells, table, tf.shape(images))
