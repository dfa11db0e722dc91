"""One CA step as graphs with named inputs, for TensorFlow.js: all cells, and living cells only.

Nothing random is decided here but the uniform draw that the article's graph has as well: fire
rate and noise come from the caller. What the converter makes of the graphs is in `conversion.py`.
Shapes: any batch B and canvas of H x W cells; C channels, gray first, then S = C - 1 of the
state; N living cells, of which F fire.
"""

from __future__ import annotations

import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.model import CAModel


class DenseGraph(tf.Module):
    """The article's graph: a step of every cell of a canvas.

    Args:
      model: whose rule it is.

    Attributes:
      step: the graph. `x: [B, H, W, C]`, `fire_rate`: any shape that fits [B, H, W, 1],
        `manual_noise: [B, H, W, S]`, all float32, to `x` after the step. The article has a
        single number for the fire rate; a map of 0 and 1 says which cells fire.
    """

    def __init__(self, model: CAModel):
        super().__init__()
        self._model_variables = [v.value for v in model.trainable_variables]  # to be saved

        def step(x: tf.Tensor, fire_rate: tf.Tensor, manual_noise: tf.Tensor) -> dict:
            gray, state = tf.split(x, [spec.GRAY_CHANNELS, model.state_channels], axis=-1)
            # As in the article: at a rate of 0, 1 draw in 2**32 still fires; at 1, all do.
            fires = tf.random.uniform(tf.shape(gray)) <= fire_rate  # [B, H, W, 1]
            fires.set_shape(gray.shape)  # which is unknown, because that of the rate is
            updates = tf.cast(tf.logical_and(fires, spec.alive_mask(gray)), tf.float32)
            residual = model.residual(x) + manual_noise
            return {"x": tf.concat([gray, state + residual * updates], axis=-1)}

        canvas = [None, None, None]
        self.step = tf.function(
            step,
            input_signature=[
                tf.TensorSpec([*canvas, model.channels], tf.float32, "x"),
                tf.TensorSpec(None, tf.float32, "fire_rate"),
                tf.TensorSpec([*canvas, model.state_channels], tf.float32, "manual_noise"),
            ],
            autograph=False,
        )


class LivingGraph(tf.Module):
    """The same step for living cells alone, in rows; only those that fire are multiplied.

    It has but operations that every backend of TensorFlow.js runs: gather, concat, matrix
    product, addition, ReLU, reshape.

    Args:
      model: whose rule it is.

    Attributes:
      step: the graph. Inputs, N and F at least 1:
        state: [N, S] float32, of the living cells.
        neighbours: [N, 9] int32, the rows around each, in reading order; N is a dead cell.
        gray_part: [N, hidden] float32, as the graph's second output gives it.
        firing: [F] int32, the rows that fire.
        slots: [N] int32, where in `firing` a row stands; F: it doesn't fire. A row of `firing`
          that no slot points to is computed for nothing, so callers may pad.
        noise: [F, S] float32, added to the residual update.
        gray: [N, 9] float32, the gray values around each cell, dead ones too, 0 off the canvas.
        Outputs, of which the second depends on `gray` only, and the first on all else:
        state: [N, S] float32, after the step.
        gray_part: [N, hidden] float32, the gray values' share of the first layer.
    """

    def __init__(self, model: CAModel):
        super().__init__()
        weights = model.ca_weights()
        hidden, channels = model.hidden_channels, model.state_channels
        kernel = tf.reshape(weights.perceive_kernel, [spec.NEIGHBOURHOOD, -1, hidden])
        gray_kernel = tf.reshape(kernel[:, : spec.GRAY_CHANNELS], [-1, hidden])
        state_kernel = tf.reshape(kernel[:, spec.GRAY_CHANNELS :], [-1, hidden])
        hidden_kernel = tf.reshape(weights.hidden_kernel, [hidden, hidden])
        residual_kernel = tf.reshape(weights.residual_kernel, [hidden, channels])
        zero_row = tf.zeros([1, channels])

        def step(
            state: tf.Tensor,
            neighbours: tf.Tensor,
            gray_part: tf.Tensor,
            firing: tf.Tensor,
            slots: tf.Tensor,
            noise: tf.Tensor,
            gray: tf.Tensor,
        ) -> dict:
            with_dead = tf.concat([state, zero_row], axis=0)  # [N + 1, S]
            patches = _rows(with_dead, _rows(neighbours, firing))  # [F, 9, S]
            patches = tf.reshape(patches, [-1, spec.NEIGHBOURHOOD * channels])
            # The bias belongs to this product: the converter fuses what is added to a product
            # with it, and on wasm it may be a vector only, which `gray_part` isn't.
            first = tf.nn.bias_add(patches @ state_kernel, weights.perceive_bias)
            first = tf.nn.relu(first + _rows(gray_part, firing))
            second = tf.nn.relu(tf.nn.bias_add(first @ hidden_kernel, weights.hidden_bias))
            residual = tf.nn.bias_add(second @ residual_kernel, weights.residual_bias)
            updates = tf.concat([residual + noise, zero_row], axis=0)  # [F + 1, S]
            return {
                "state": state + _rows(updates, slots),
                "gray_part": gray @ gray_kernel,
            }

        self.step = tf.function(
            step,
            input_signature=[
                tf.TensorSpec([None, channels], tf.float32, "state"),
                tf.TensorSpec([None, spec.NEIGHBOURHOOD], tf.int32, "neighbours"),
                tf.TensorSpec([None, hidden], tf.float32, "gray_part"),
                tf.TensorSpec([None], tf.int32, "firing"),
                tf.TensorSpec([None], tf.int32, "slots"),
                tf.TensorSpec([None, channels], tf.float32, "noise"),
                tf.TensorSpec([None, spec.NEIGHBOURHOOD], tf.float32, "gray"),
            ],
            autograph=False,
        )


def _rows(table: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Rows of a table, [..., width].

    By GatherNd, which copies whole rows on wasm; GatherV2 looks every number up by itself there,
    which took more time than all else in a step.
    """
    return tf.gather_nd(table, tf.expand_dims(indices, -1))
