"""Rollouts over held-out digits: the curves of agreement against CA steps.

Follows the article's section "Experiments": fresh samples, a number of CA steps, and after
each of them how many cells are right and how many digits are agreed upon. Runs on the
living-cell engine, forward only. Drawing and writing the curves is for others.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses

import numpy as np
import tensorflow as tf

from selforg_mnist import living_cells, living_rollout, metrics, spec, startup
from selforg_mnist.digits import Digits
from selforg_mnist.model import CAModel, CAWeights
from selforg_mnist.pool import gray_of
from selforg_mnist.randomness import EVALUATION, derive, root_key

_BATCH = 250


@dataclasses.dataclass(frozen=True)
class Curves:
    """One value per CA step, from step 1 on; each array is [steps] float64.

    Attributes:
      cell_accuracy: share of the living cells that are right, in [0, 1].
      total_agreement: share of samples whose living cells give one label, right or wrong.
      correct_agreement: share of samples whose living cells all give the right label.
      state_magnitude: mean |state| over living cells and state channels.
      residual_magnitude: mean |state change| over the living cells that fired and state
        channels.
      num_samples: samples counted, those with at least one living cell.
    """

    cell_accuracy: np.ndarray
    total_agreement: np.ndarray
    correct_agreement: np.ndarray
    state_magnitude: np.ndarray
    residual_magnitude: np.ndarray
    num_samples: int

    @property
    def steps(self) -> int:
        """Number of CA steps."""
        return len(self.cell_accuracy)


def evaluate(
    model: CAModel, digits: Digits, steps: int = 200, seed: int = 0, batch_size: int = _BATCH
) -> Curves:
    """Rolls fresh samples of all digits out and measures after each CA step.

    Args:
      model: whose rule, fire rate and noise are used.
      digits: to classify.
      steps: CA steps.
      seed: of the fire masks and the noise.
      batch_size: digits rolled out together; memory grows with it, a short last batch
        counts exactly.

    Returns:
      curves: of `steps` steps.

    Raises:
      ValueError: there is no step to take, or no digit to take it.
    """
    for name, value in (("steps", steps), ("batch_size", batch_size), ("digits", len(digits))):
        if value < 1:
            raise ValueError(f"{name}={value}: expected 1 or more")
    weights = model.ca_weights()

    def sums_of(start: int) -> np.ndarray:
        share = slice(start, start + batch_size)
        sums = _roll_out(
            weights,
            tf.constant(digits.images[share]),
            tf.constant(digits.labels[share].astype(np.int32)),
            tf.constant(steps),
            derive(root_key(seed), EVALUATION, start),
            fire_rate=model.fire_rate,
            residual_noise=model.residual_noise,
        )
        return sums.numpy().astype(np.float64)  # [steps, 8]

    # A batch a core: the steps of a rollout wait for each other, batches don't.
    with concurrent.futures.ThreadPoolExecutor(startup.available_cores()) as cores:
        sums = np.sum(list(cores.map(sums_of, range(0, len(digits), batch_size))), axis=0)
    counts = metrics.Counts(*sums.T[:5])
    state, change, fired = sums.T[5:]
    width = model.state_channels
    return Curves(
        cell_accuracy=_share(counts.correct, counts.living),
        total_agreement=_share(counts.agreeing, counts.samples),
        correct_agreement=_share(counts.agreeing_correct, counts.samples),
        state_magnitude=_share(state, counts.living * width),
        residual_magnitude=_share(change, fired * width),
        num_samples=int(counts.samples[0]),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@tf.function
def _roll_out(
    weights: CAWeights,
    images: tf.Tensor,
    labels: tf.Tensor,
    steps: tf.Tensor,
    key: tf.Tensor,
    fire_rate: float,
    residual_noise: float,
) -> tf.Tensor:
    """Rolls a batch out and sums up after each step.

    Returns:
      sums: [steps, 8] float32: the five counts, the sum of |state| over living cells, the sum
        of |state change| over cells that fired, and how many fired.
    """
    num_samples = tf.shape(images)[0]
    channels = weights.residual_bias.shape[0]
    cells = living_cells.find(gray_of(images))
    table = living_cells.to_table(cells, tf.zeros([*images.shape, channels]))
    state = living_cells.living_state(cells, table)
    labels = tf.gather(labels, cells.samples)
    sums = tf.TensorArray(tf.float32, steps, element_shape=[8])
    for t in tf.range(steps):
        firing = living_cells.draw_firing(
            cells, 1, fire_rate, residual_noise, derive(key, t), channels + 1
        )
        noise = firing.noise[0] if firing.noise else None
        table = living_rollout.step(weights, table, firing.rows[0], firing.neighbours[0], noise)
        before, state = state, living_cells.living_state(cells, table)
        counts = metrics.count(state[:, -spec.NUM_CLASSES :], labels, cells.samples, num_samples)
        magnitudes = [
            tf.reduce_sum(tf.abs(state)),
            tf.reduce_sum(tf.abs(state - before)),
            tf.cast(tf.shape(firing.rows[0])[0], tf.float32),
        ]
        sums = sums.write(t, tf.stack([*counts, *magnitudes]))
    return sums.stack()
