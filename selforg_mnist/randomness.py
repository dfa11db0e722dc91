"""Keys for all random draws in training and evaluation: stateless and reproducible.

Every draw is a pure function of (seed, training step, replica, purpose), so a run that is
interrupted and resumed draws what the uninterrupted run would have drawn. Replicas never
share a stream of random numbers, nor do two purposes within one step. The module holds no
generator and no state.

All draws name their algorithm, because TensorFlow's own choice differs between devices. So
the same cells fire and the same digits are drawn on a CPU, a GPU, a TPU and under XLA.
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
_KEY = tf.TensorSpec([2], tf.int32)
_NUMBER = tf.TensorSpec([], tf.int32)


class Purpose(enum.IntEnum):
    """What a draw is for. The numbers are part of every run: never reorder them."""

    POOL = 0
    FRESH_DIGITS = 1
    MUTATION_DIGITS = 2
    FIRING = 3
    NOISE = 4
    ROLLOUT_STEPS = 5


# The first index of a key is the training step. Draws outside of training steps have these.
BEFORE_TRAINING = -1
EVALUATION = -2
TRAJECTORY = -3


def root_key(seed: int) -> tf.Tensor:
    """The key, [2] int32, that all others of a run derive from; its seed has 64 bits."""
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
        key = _fold_in(key, tf.cast(index, tf.int32))
    return key


def uniform(shape: Sequence[int | tf.Tensor] | tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Draws uniform numbers in [0, 1), multiples of 2 ** -23.

    They are made of random bits, exactly as `tf.random.stateless_uniform` does on a CPU, from the
    low bits of each draw. That function isn't used, because under XLA it takes the high bits.

    Args:
      shape: of the result.
      key: [2] int32, a stateless key.

    Returns:
      numbers: [*shape] float32.
    """
    bits = tf.bitcast(_random_bits(tf.reduce_prod(shape), key), tf.int32)
    low = tf.bitwise.bitwise_and(bits, 2**_UNIFORM_BITS - 1)
    return tf.reshape(tf.cast(low, tf.float32) * 2.0**-_UNIFORM_BITS, shape)


def integers(count: int, limit: int, key: tf.Tensor) -> tf.Tensor:
    """Draws whole numbers from 0 to limit - 1, independently of each other.

    Args:
      count: how many.
      limit: one more than the largest possible number.
      key: [2] int32, a stateless key.

    Returns:
      numbers: [count] int32.
    """
    return tf.random.stateless_uniform([count], key, maxval=limit, dtype=tf.int32, alg=_ALGORITHM)


def distinct(count: int, limit: int, key: tf.Tensor) -> tf.Tensor:
    """Draws different whole numbers from 0 to limit - 1, without replacement.

    The result is the start of Fisher and Yates' shuffle of all numbers, the same as that of
    `tf.random.experimental.stateless_shuffle` on a CPU. XLA has no such operation, so here the
    swaps are worked out without the list of all numbers.

    Swap i exchanges the numbers at the places i and i + draw % (limit - i). The number at place
    i is then final. The other number now lies where a later swap may find it, so what a swap
    finds can depend on a chain of earlier swaps. The chains are followed by doubling the stride,
    not link by link.

    Args:
      count: how many, at most `limit`.
      limit: one more than the largest possible number.
      key: [2] int32, a stateless key.

    Returns:
      numbers: [count] int32.
    """
    draws = _random_bits(count, key)
    swap = tf.range(count)
    left = tf.cast(limit - swap, tf.uint32)
    places = swap + tf.cast(tf.math.floormod(draws, left), tf.int32)  # [count]

    # Row i holds the numbers of the swaps before swap i, and -1 in the other columns.
    earlier = np.where(np.tri(count, k=-1, dtype=bool), np.arange(count, dtype=np.int32), -1)

    def last_to_touch(wanted: tf.Tensor) -> tf.Tensor:
        """For each swap: the last earlier swap that put a number at its wanted place, or -1."""
        touches = places[None] == wanted[:, None]  # [count, count]
        return tf.reduce_max(tf.where(touches, earlier, -1), axis=1)

    def look_up(wanted: tf.Tensor) -> tf.Tensor:
        """`origin` at these indices, 0 at -1. Here a gather crashes libtpu 0.0.42.1's compiler."""
        return tf.reduce_sum(tf.where(wanted[:, None] == swap[None], origin[None], 0), axis=1)

    # Swap i finds at place i the number i, or what an earlier swap found at its own place.
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


# TensorFlow makes some twenty operations of each of these. As functions they are traced once, and
# not wherever they are called.
@tf.function(autograph=False, input_signature=[_KEY, _NUMBER])
def _fold_in(key: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(key, index, alg=_ALGORITHM)


@tf.function(autograph=False, input_signature=[_NUMBER, _KEY])
def _random_bits(count: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Random bits, [count] uint32."""
    return tf.random.stateless_uniform(
        [count], key, minval=None, maxval=None, dtype=tf.uint32, alg=_ALGORITHM
    )
