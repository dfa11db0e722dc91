"""What the cells of each digit vote for, CA step by CA step.

`evaluation.py` counts over a whole test set. Here the votes of each digit are kept apart, for
studies of long runs and of digits whose cells don't agree. The random draws are the same as in
`evaluation.evaluate`.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from selforg_mnist import spec, startup
from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.model import CAModel, CAWeights, gray_of
from selforg_mnist.randomness import EVALUATION, derive, root_key

_BATCH = 250


class Votes(NamedTuple):
    """The votes of N digits over some CA steps."""

    cells: np.ndarray  # [steps, N, 10] int32, living cells that give each label
    largest: np.ndarray  # [steps, N] float32, largest |state| of a digit's living cells
    state: np.ndarray  # [N, H, W, C - 1] float32 after the last of the steps

    def agreeing(self) -> np.ndarray:
        """Which digits' cells all give one label: [steps, N] bool."""
        return (self.cells > 0).sum(axis=2) == 1


def over_steps(
    model: CAModel, images: np.ndarray, steps: int, seed: int = 0, at_a_time: int = 200
) -> Iterator[Votes]:
    """Rolls fresh samples out and yields their votes, some CA steps at a time.

    Args:
      model: whose rule, fire rate and noise are used.
      images: [N, H, W] uint8.
      steps: CA steps in all.
      seed: of the fire masks and the noise.
      at_a_time: CA steps of each part; the last part may be shorter.
    """
    weights = model.ca_weights()
    starts = range(0, len(images), _BATCH)
    states = [np.zeros([*images[i : i + _BATCH].shape, model.state_channels]) for i in starts]

    def roll_out(batch: int, first: int) -> tuple[np.ndarray, ...]:
        start = starts[batch]
        parts = _roll_out(
            weights,
            tf.constant(images[start : start + _BATCH]),
            tf.constant(states[batch], tf.float32),
            tf.range(first, min(first + at_a_time, steps)),
            derive(root_key(seed), EVALUATION, start),
            fire_rate=model.fire_rate,
            residual_noise=model.residual_noise,
        )
        return tuple(part.numpy() for part in parts)

    with concurrent.futures.ThreadPoolExecutor(startup.available_cores()) as cores:
        for first in range(0, steps, at_a_time):
            done = list(cores.map(roll_out, range(len(starts)), [first] * len(starts)))
            cells, largest, states = (list(parts) for parts in zip(*done, strict=True))
            yield Votes(
                np.concatenate(cells, axis=1),
                np.concatenate(largest, axis=1),
                np.concatenate(states),
            )


@tf.function(autograph=False)
def _roll_out(
    weights: CAWeights,
    images: tf.Tensor,
    state: tf.Tensor,
    steps: tf.Tensor,
    key: tf.Tensor,
    fire_rate: float,
    residual_noise: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Rolls a batch out: `Votes` as tensors."""
    count = tf.shape(images)[0]
    cells = living_cells.find(gray_of(images))
    table = living_cells.to_table(cells, state)
    votes = tf.TensorArray(tf.int32, tf.size(steps))
    largest = tf.TensorArray(tf.float32, tf.size(steps))

    def step(
        i: tf.Tensor, table: tf.Tensor, votes: tf.TensorArray, largest: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray, tf.TensorArray]:
        table, _ = living_rollout.random_step(
            weights, cells, table, derive(key, steps[i]), fire_rate, residual_noise
        )
        rows = living_cells.living_state(cells, table)
        given = tf.argmax(rows[:, -spec.NUM_CLASSES :], axis=-1, output_type=tf.int32)
        one_hot = tf.one_hot(given, spec.NUM_CLASSES, dtype=tf.int32)
        votes = votes.write(i, tf.math.unsorted_segment_sum(one_hot, cells.samples, count))
        size = tf.reduce_max(tf.abs(rows), axis=1)
        largest = largest.write(i, tf.math.unsorted_segment_max(size, cells.samples, count))
        return i + 1, table, votes, largest

    _, table, votes, largest = tf.while_loop(
        lambda i, *_: i < tf.size(steps), step, (tf.constant(0), table, votes, largest)
    )
    image = living_cells.to_image(cells, table, tf.shape(images))
    return votes.stack(), largest.stack(), image
