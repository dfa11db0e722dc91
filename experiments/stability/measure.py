"""States that are made larger: do they come back, and how fast do differences grow?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.data.digits import Digits
from selforg_mnist.model import CAModel, CAWeights
from selforg_mnist.randomness import derive, root_key

FACTORS = (1, 2, 5, 10, 100)
SETTLED = 200  # CA steps from zero until digits count as settled
BACK = 2.0  # a digit is back when its largest |state| is below so many medians of settled digits
_POWERS = 100  # multiplications by the linear step
_PROBED = 10  # digits whose growth is measured


class Stability(NamedTuple):
    """What happens to settled digits whose states are multiplied by each of `FACTORS`."""

    back: list[float]  # share of digits that are back after the CA steps
    lost: list[float]  # share of digits whose largest |state| has grown further, or isn't finite
    gain: list[float]  # median over digits of the growth of a small difference per CA step


def measure(model: CAModel, digits: Digits, steps: int, seed: int) -> Stability:
    """Settles digits, multiplies their states, and takes some more CA steps."""
    weights, cells = model.ca_weights(), living_cells.find(tf.constant(digits.gray()))
    shape = [*digits.images.shape, model.state_channels]
    key = root_key(seed)
    options = {"fire_rate": model.fire_rate, "residual_noise": model.residual_noise}
    zero = living_cells.to_table(cells, tf.zeros(shape))
    settled = _roll_out(weights, cells, zero, SETTLED, derive(key, 0), **options)
    usual = float(np.median(_largest(cells, settled, len(digits))))
    image = living_cells.to_image(cells, settled, tf.constant(shape[:-1]))
    found = Stability([], [], [])
    for factor in FACTORS:
        start = living_cells.to_table(cells, factor * image)  # grays stay as they are
        before = _largest(cells, start, len(digits))
        after = _roll_out(weights, cells, start, steps, derive(key, factor), **options)
        largest = _largest(cells, after, len(digits))
        found.back.append(float(np.mean(largest < BACK * usual)))
        found.lost.append(float(np.mean(~(largest <= before) & (largest >= BACK * usual))))
        found.gain.append(_gain(model, digits.gray()[:_PROBED], factor * image[:_PROBED]))
    return found


@tf.function(autograph=False)
def _roll_out(
    weights: CAWeights,
    cells: living_cells.LivingCells,
    table: tf.Tensor,
    steps: int,
    key: tf.Tensor,
    fire_rate: float,
    residual_noise: float,
) -> tf.Tensor:
    def step(i: tf.Tensor, table: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        table, _ = living_rollout.random_step(
            weights, cells, table, derive(key, i), fire_rate, residual_noise
        )
        return i + 1, table

    return tf.while_loop(lambda i, _: i < steps, step, (tf.constant(0), table))[1]


def _largest(cells: living_cells.LivingCells, table: tf.Tensor, count: int) -> np.ndarray:
    """The largest |state| of each digit: [N], NaN where one isn't finite."""
    rows = tf.reduce_max(tf.abs(living_cells.living_state(cells, table)), axis=1)
    return tf.math.unsorted_segment_max(rows, cells.samples, count).numpy()


def _gain(model: CAModel, gray: np.ndarray, state: tf.Tensor) -> float:
    """By how much the largest mode of the mean CA step grows, median over digits.

    In the mean step each cell fires in part, by the fire rate. Its derivative at the state is
    applied again and again (power iteration).
    """
    gray = tf.constant(gray)[..., None]
    alive = tf.cast(spec.alive_mask(gray), tf.float32)

    @tf.function(autograph=False)
    def derivative(mode: tf.Tensor) -> tf.Tensor:
        with tf.autodiff.ForwardAccumulator(state, mode) as forward:
            change = model.residual(tf.concat([gray, state], axis=-1))
            after = state + model.fire_rate * alive * change
        return forward.jvp(after)

    mode = tf.random.stateless_normal(state.shape, [0, 1]) * alive
    for _ in range(_POWERS):
        mode = derivative(mode / _norms(mode)[:, None, None, None])
    return float(np.median(_norms(mode)))


def _norms(states: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(states**2, axis=[1, 2, 3]))
