"""Gradient ascent on the gray values of a canvas, so that a classifier gives it a label.

`of_cells` scores canvases by how early and how surely all living cells give the label. The mask of
living cells is a threshold, whose gradient is zero. So the forward pass keeps the threshold, and
the backward pass takes it for a line that rises from 0 to 1 around it (a straight-through
estimator). What a cell sees of its neighbours' gray has its own gradient anyway.

`draw` keeps a canvas a drawing: gray values are sigmoids, so they stay between 0 and 1; the margin
is blank, as on MNIST; the amount of ink is held near MNIST's; edges cost (total variation), and so
do grays that are neither ink nor paper.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.model import CAModel
from selforg_mnist.randomness import derive, root_key, uniform

# Of gray values without the margin, [N, 20, 20], of labels, [N], and a key: the scores, [N].
Score = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

MARGIN = 4  # blank pixels around a digit of MNIST
INK = 100.0  # about the sum of a digit's gray values, on MNIST
_INK_COST = 1.0
_EDGE_COST = 0.004
_SHARPNESS = 5.0  # of the softmax: under `l2` the logits lie between 0 and 1
_HALF_WIDTH = 0.05  # of the line, in gray values


@tf.custom_gradient
def living_mask(gray: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """1 where a cell lives, else 0; the gradient is that of a line around the threshold."""
    near = tf.abs(gray - spec.ALIVE_THRESHOLD) < _HALF_WIDTH
    slope = tf.cast(near, gray.dtype) / (2 * _HALF_WIDTH)
    return tf.cast(spec.alive_mask(gray), gray.dtype), lambda upstream: upstream * slope


def of_cells(model: CAModel, steps: int) -> Score:
    """Scores canvases by their living cells, of a rollout from a blank state.

    The score is the mean over CA steps and living cells of the log-probability of the label.
    Cells fire as they do in any rollout. The noise on the residual is left out.
    """
    weights = model.ca_weights()

    def score(gray: tf.Tensor, labels: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
        cells = living_cells.find(tf.ones_like(gray))  # all pixels have a row, so all can be born
        table = tf.pad(tf.reshape(gray, [-1, 1]), [[1, 0], [0, model.state_channels]])
        mask = living_mask(table[:, :1])  # [R, 1]
        may_live = gray > spec.ALIVE_THRESHOLD - _HALF_WIDTH
        fires = uniform([steps, *gray.shape], key) <= model.fire_rate
        firing = living_cells.firing_from_masks(cells, tf.logical_and(fires, may_live))
        alive = tf.where(spec.alive_mask(gray))  # [N, 3]
        right = tf.one_hot(tf.gather(labels, alive[:, 0]), spec.NUM_CLASSES)
        surely = tf.zeros_like(gray)
        for rows, neighbours in zip(firing.rows, firing.neighbours, strict=True):
            after = living_rollout.step(weights, table, rows, neighbours)
            table += mask * (after - table)
            logits = tf.reshape(table[1:, -spec.NUM_CLASSES :], [*gray.shape, -1])
            logits = _SHARPNESS * tf.gather_nd(logits, alive)
            loss = tf.nn.softmax_cross_entropy_with_logits(right, logits)
            surely -= tf.scatter_nd(alive, loss, surely.shape)
        living = tf.reduce_sum(tf.cast(spec.alive_mask(gray), gray.dtype), axis=[1, 2])
        return tf.reduce_sum(surely, axis=[1, 2]) / steps / tf.maximum(living, 1.0)

    return score


def cost(gray: tf.Tensor) -> tf.Tensor:
    """What canvases, [N, H, W], cost for their ink, their edges and their grays: [N]."""
    ink = tf.reduce_sum(gray, axis=[1, 2]) / INK - 1.0
    neither = tf.reduce_sum(gray * (1.0 - gray), axis=[1, 2]) / INK
    return _INK_COST * ink**2 + neither + _EDGE_COST * tf.image.total_variation(gray[..., None])


def draw(score: Score, labels: np.ndarray, iterations: int, seed: int) -> np.ndarray:
    """Gradient ascent (Adam) on score - cost, from canvases of faint noise.

    Args:
      score: of the classifier.
      labels: [N] integers, the label that each canvas is to have.
      iterations: steps of Adam, with new fire masks in each.
      seed: of the starts and the fire masks.

    Returns:
      canvases: [N, 28, 28] uint8.
    """
    side = spec.IMAGE_SIZE - 2 * MARGIN
    start = np.random.default_rng(seed).normal(-1.5, 0.5, (len(labels), side, side))
    levels = tf.Variable(start, dtype=tf.float32)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.2, iterations))
    optimizer.build([levels])

    @tf.function(autograph=False)
    def ascend(key: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            gray = tf.sigmoid(levels)
            gain = score(gray, tf.constant(labels), key) - cost(gray)
        optimizer.apply([-tape.gradient(gain, levels)])

    for i in range(iterations):
        ascend(derive(root_key(seed), i))
    return np.rint(255 * with_margin(tf.sigmoid(levels)).numpy()).astype(np.uint8)


def with_margin(gray: tf.Tensor) -> tf.Tensor:
    """Canvases, [N, 28, 28], of gray values without the margin."""
    return tf.pad(gray, [[0, 0], [MARGIN, MARGIN], [MARGIN, MARGIN]])
