"""Keys for everything random in training and evaluation: stateless and reproducible.

Every draw is a pure function of (seed, training step, replica, purpose), so a run that is
interrupted and resumed draws what the uninterrupted run would have drawn, and no two
replicas, and no two uses within one step, share a stream. Holds no generator and no state.
All draws name their algorithm, because TensorFlow's own choice differs between devices: so
a CPU, a GPU, a TPU and XLA fire the same cells and draw the same digits.
The article seeds nothing; this is a deliberate addition.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# What TensorFlow chooses by itself on a CPU; XLA on a TPU would take another.
_ALGORITHM = "philox"
_UNIFORM_BITS = 23


class Purpose(enum.IntEnum):
    """What a draw is for. The numbers are part of every run: never reorder them."""

    POOL = 0
    FRESH_DIGITS = 1
    MUTATION_DIGITS = 2
    FIRING = 3
    NOISE = 4
    ROLLOUT_STEPS = 5


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
        index = tf.cast(index, tf.int32)
        key = tf.random.experimental.stateless_fold_in(key, index, alg=_ALGORITHM)
    return key


def uniform(shape: Sequence[int | tf.Tensor] | tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Draws uniform numbers in [0, 1), multiples of 2 ** -23.

    From random bits, as `tf.random.stateless_uniform` makes its floats on a CPU: it takes the
    low bits of each draw, under XLA the high ones.

    Args:
      shape: of the result.
      key: [2] int32, a stateless key.

    Returns:
      numbers: [*shape] float32.
    """
    low = tf.bitwise.bitwise_and(_random_bits(shape, key, tf.int32), 2**_UNIFORM_BITS - 1)
    return tf.cast(low, tf.float32) * 2.0**-_UNIFORM_BITS


def integers(count: int, limit: int, key: tf.Tensor) -> tf.Tensor:
    """Draws whole numbers from 0 to limit - 1, each on its own.

    Args:
      count: how many.
      limit: above the largest.
      key: [2] int32, a stateless key.

    Returns:
      numbers: [count] int32.
    """
    return tf.random.stateless_uniform([count], key, maxval=limit, dtype=tf.int32, alg=_ALGORITHM)


def distinct(count: int, limit: int, key: tf.Tensor) -> tf.Tensor:
    """Draws different whole numbers from 0 to limit - 1, without replacement.

    The first ones of Fisher and Yates' shuffle, as `tf.random.experimental.stateless_shuffle`
    has it on a CPU; XLA knows no such operation. Swap i takes what lies at place
    i + draw % (limit - i) to place i, for good. What lay at i went to that other place, and
    has to be looked up there by later swaps: links from swap to swap, followed by doubling
    the stride instead of one after the other.

    Args:
      count: how many, at most `limit`.
      limit: above the largest.
      key: [2] int32, a stateless key.

    Returns:
      numbers: [count] int32.
    """
    draws = _random_bits([count], key, tf.uint32)
    swap = tf.range(count)
    left = tf.cast(limit - swap, tf.uint32)
    places = swap + tf.cast(tf.math.floormod(draws, left), tf.int32)  # [count]

    # Row i has the number of each swap before i, and -1 for the others.
    earlier = np.where(np.tri(count, k=-1, dtype=bool), np.arange(count, dtype=np.int32), -1)

    def last_to_touch(wanted: tf.Tensor) -> tf.Tensor:
        """The last swap before each one that put something at its wanted place, or -1."""
        touches = places[None] == wanted[:, None]  # [count, count]
        return tf.reduce_max(tf.where(touches, earlier, -1), axis=1)

    def look_up(wanted: tf.Tensor) -> tf.Tensor:
        """Entries of `origin`, 0 for -1. A gather crashes libtpu 0.0.42.1's compiler here."""
        return tf.reduce_sum(tf.where(wanted[:, None] == swap[None], origin[None], 0), axis=1)

    # The number that swap i finds at place i is what some swap before found at its own place.
    origin = last_to_touch(swap)
    origin = tf.where(origin < 0, swap, origin)
    for _ in range((count - 1).bit_length()):
        origin = look_up(origin)
    moved = last_to_touch(places)
    return tf.where(moved < 0, places, look_up(moved))


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
    drawn = uniform([2, (size + 1) // 2], key)
    radius = stddev * tf.sqrt(-2.0 * tf.math.log(1.0 - drawn[0]))
    angle = 2.0 * math.pi * drawn[1]
    pairs = tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], axis=0)
    return tf.reshape(pairs[:size], shape)


def _random_bits(
    shape: Sequence[int | tf.Tensor] | tf.Tensor, key: tf.Tensor, dtype: tf.DType
) -> tf.Tensor:
    return tf.random.stateless_uniform(
        shape, key, minval=None, maxval=None, dtype=dtype, alg=_ALGORITHM
    )
