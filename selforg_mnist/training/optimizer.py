"""Gradient normalisation, the learning-rate schedule and Adam, as pure functions.

Keras' optimisers keep their state in variables, and their `stateless_apply` doesn't support the
TensorFlow backend. A training step here takes its whole state as arguments and returns it, so
that it can run in a compiled loop, be saved, and be compiled for an accelerator. The arithmetic is
that of `keras.optimizers.Adam` with its default betas and epsilon (article: "Training").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

_NORM_EPSILON = 1e-8
_BETA_1, _BETA_2, _ADAM_EPSILON = 0.9, 0.999, 1e-7

Tensors = tuple[tf.Tensor, ...]


class AdamState(NamedTuple):
    """Running moments, shaped like the weights."""

    first: Tensors
    second: Tensors


def normalise(gradients: Sequence[tf.Tensor]) -> Tensors:
    """G / (||g|| + 1e-8), each variable on its own, of gradients summed over replicas."""
    return tuple(g / (tf.norm(g) + _NORM_EPSILON) for g in gradients)


def learning_rate(
    step: tf.Tensor, initial: float, drops: Sequence[tuple[int, float]]
) -> tf.Tensor:
    """The piecewise constant learning rate.

    Args:
      step: [] int32, training steps done before this one.
      initial: the rate at the start.
      drops: rising pairs (training step, factor on `initial` from that step on).

    Returns:
      rate: [] float32.
    """
    rate = tf.constant(initial, tf.float32)
    for start, factor in drops:
        rate = tf.where(step >= start, tf.constant(initial * factor, tf.float32), rate)
    return rate


def cosine(step: tf.Tensor, initial: float, final: float, steps: int) -> tf.Tensor:
    """A learning rate that falls along half a cosine.

    Args:
      step: [] int32, training steps done before this one.
      initial: the rate at the start.
      final: the rate from step `steps` on, as a factor on `initial`.
      steps: training steps of the fall.

    Returns:
      rate: [] float32.
    """
    done = tf.minimum(tf.cast(step, tf.float32) / steps, 1.0)
    return initial * (final + (1.0 - final) * 0.5 * (1.0 + tf.cos(math.pi * done)))


def warm_up(step: tf.Tensor, rate: tf.Tensor, steps: int) -> tf.Tensor:
    """Lets a learning rate rise linearly from 0 over the first `steps` training steps."""
    return rate * tf.minimum(tf.cast(step + 1, tf.float32) / steps, 1.0)


def average(
    averaged: Sequence[tf.Tensor], weights: Sequence[tf.Tensor], step: tf.Tensor, decay: float
) -> Tensors:
    """A running average of the weights, which forgets its start.

    Args:
      averaged: the average so far.
      weights: after this training step.
      step: [] int32, training steps before this one.
      decay: of the average, in (0, 1). It is smaller early on, so that the first weights fade.

    Returns:
      averaged: updated.
    """
    count = tf.cast(step + 1, tf.float32)
    kept = tf.minimum(decay, (1.0 + count) / (10.0 + count))
    return tuple(w + kept * (a - w) for a, w in zip(averaged, weights, strict=True))


def initial_state(weights: Sequence[tf.Tensor]) -> AdamState:
    """Adam's state before the first update."""
    return AdamState(
        tuple(tf.zeros_like(w) for w in weights), tuple(tf.zeros_like(w) for w in weights)
    )


def adam(
    weights: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    state: AdamState,
    step: tf.Tensor,
    rate: tf.Tensor,
) -> tuple[Tensors, AdamState]:
    """One update of Adam.

    Args:
      weights: float32 tensors.
      gradients: shaped like them.
      state: of the updates before.
      step: [] int32, number of updates before.
      rate: [] float32, learning rate.

    Returns:
      weights: updated.
      state: updated.
    """
    count = tf.cast(step + 1, tf.float32)
    alpha = rate * tf.sqrt(1.0 - tf.pow(_BETA_2, count)) / (1.0 - tf.pow(_BETA_1, count))
    first = tuple(
        m + (g - m) * (1.0 - _BETA_1) for m, g in zip(state.first, gradients, strict=True)
    )
    second = tuple(
        v + (tf.square(g) - v) * (1.0 - _BETA_2)
        for v, g in zip(state.second, gradients, strict=True)
    )
    updated = tuple(
        w - alpha * m / (tf.sqrt(v) + _ADAM_EPSILON)
        for w, m, v in zip(weights, first, second, strict=True)
    )
    return updated, AdamState(first, second)
