"""The losses per cell: the article's two (sections "Experiment 1", "Experiment 2") and additions.

Targets and logits are both zero at dead cells. So the sum over all pixels, which one engine uses,
equals the sum over the living cells, which the other one uses.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

STATE_LIMIT = 3.0  # states of settled cells are seldom larger


def l2(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Half the squared distance of a cell's ten channels to its target ("Experiment 2").

    Args:
      logits: [..., 10] float32.
      targets: [..., 10] float32, one-hot at living cells, zero at dead ones.

    Returns:
      loss: [...] float32.
    """
    return tf.reduce_sum(tf.math.squared_difference(targets, logits), axis=-1) / 2.0


def cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Softmax cross-entropy of a cell's ten channels, in nats ("Experiment 1").

    Notebook: its softmax runs over all channels of the cell. Here: over the ten
    classification channels, as the article says.

    Args:
      logits: [..., 10] float32.
      targets: [..., 10] float32, one-hot at living cells, zero at dead ones, which
        therefore cost nothing.

    Returns:
      loss: [...] float32.
    """
    return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)


def disagreement(logits: tf.Tensor, mean_logits: tf.Tensor) -> tf.Tensor:
    """Half the squared distance of a cell's ten channels to the mean over its digit's cells.

    For a digit of n cells with mean m and target t, the L2 loss is n |m - t|^2 / 2, the error of
    the digit as a whole, plus the sum of this term over its cells. A larger weight on this term
    makes cells agree. The article doesn't have such a weight.

    The gradient treats the mean as a constant. That changes nothing, because the distances to
    the mean sum to zero.

    Args:
      logits: [..., 10] float32.
      mean_logits: [..., 10] float32, the mean over the living cells of the cell's digit.

    Returns:
      loss: [...] float32.
    """
    return l2(logits, tf.stop_gradient(mean_logits))


def overflow(state: tf.Tensor) -> tf.Tensor:
    """How far a cell's states lie beyond `STATE_LIMIT`, summed over its channels.

    The article's losses put no limit on the nine channels that are not votes. In long runs they
    drift, and far from the states of the training the rule enlarges them without end. Other
    cellular automata have such a term, for example that of Niklasson and others: "Self-Organising
    Textures", Distill 2021.

    Args:
      state: [..., C - 1] float32.

    Returns:
      loss: [...] float32, 0 at dead cells.
    """
    return tf.reduce_sum(tf.nn.relu(tf.abs(state) - STATE_LIMIT), axis=-1)


LOSSES: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    "l2": l2,
    "cross_entropy": cross_entropy,
}
