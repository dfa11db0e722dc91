"""Keys for everything random in training and evaluation: stateless and reproducible.

Every draw is a pure function of (seed, training step, replica, purpose), so a run that is
interrupted and resumed draws what the uninterrupted run would have drawn, and no two
replicas, and no two uses within one step, share a stream. Holds no generator and no state.
The article seeds nothing; this is a deliberate addition.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import tensorflow as tf


class Purpose(enum.IntEnum):
    """What a draw is for. The numbers are part of every run: never reorder them."""

    POOL = 0
    FRESH_DIGITS = 1
    MUTATION_DIGITS = 2
    FIRING = 3
    NOISE = 4


# Keys fold the training step in first; these stand in its place where there is none.
BEFORE_TRAINING = -1
EVALUATION = -2
TRAJECTORY = -3


def root_key(seed: int) -> tf.Tensor:
    """The key that all others of a run derive from.

    Args:
      seed: the run's seed, any integer that fits 64 bits.

    Returns:
      key: [2] int32.
    """
    low, high = seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF
    return tf.bitcast(tf.constant([low, high], tf.uint32), tf.int32)


def derive(key: tf.Tensor, *indices: int | tf.Tensor) -> tf.Tensor:
    """A key of its own for each tuple of indices, such as (step, replica, purpose).

    Args:
      key: [2] int32.
      *indices: integers or scalar integer tensors, folded in from left to right.

    Returns:
      key: [2] int32.
    """
    for index in indices:
        key = tf.random.experimental.stateless_fold_in(key, tf.cast(index, tf.int32))
    return key


def normal(
    shape: Sequence[int | tf.Tensor] | tf.Tensor, key: tf.Tensor, stddev: float
) -> tf.Tensor:
    """Draws N(0, stddev), by Box and Muller's transform over whole tensors.

    The noise is the largest draw of a training step, and on a CPU this takes half the time of
    `tf.random.stateless_normal`, which goes number by number. Uniform numbers of 23 bits
    bound the result to 5.7 standard deviations.

    Args:
      shape: of the result.
      key: [2] int32, a stateless key.
      stddev: standard deviation, 0 or more.

    Returns:
      noise: [*shape] float32.
    """
    size = tf.reduce_prod(shape)
    uniform = tf.random.stateless_uniform([2, (size + 1) // 2], key)  # in [0, 1)
    radius = stddev * tf.sqrt(-2.0 * tf.math.log(1.0 - uniform[0]))
    angle = 2.0 * math.pi * uniform[1]
    pairs = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], axis=0)
    return tf.reshape(pairs[:size], shape)
