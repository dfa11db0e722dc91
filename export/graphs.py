"""One CA step as graphs with named inputs, for TensorFlow.js: all cells, and living cells only.

Fire rate and noise come from the caller. The only random draw in the graphs is the uniform one of
the dense graph, as in the article's graph. `conversion.py` converts the graphs.
Shapes: any batch B and canvas of H x W cells; C channels, gray first, then S = C - 1 of the
state; N living cells, of which F fire.
"""

from __future__ import annotations

import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.model import CAModel


class DenseGraph(tf.Module):
    """The article's graph: a step of every cell of a canvas, by the rule of a model.

    Attributes:
      step: the graph. It takes `x: [B, H, W, C]`, `fire_rate` of any shape that fits
        [B, H, W, 1], and `manual_noise: [B, H, W, S]`, all float32. It gives `x` after the step.
        The article's fire rate is a single number; a map of 0 and 1 says which cells fire.
    """

    def __init__(self, model: CAModel):
        super().__init__()
        self._model_variables = [v.value for v in model.trainable_variables]  # to be saved

        def step(x: tf.Tensor, fire_rate: tf.Tensor, manual_noise: tf.Tensor) -> dict:
            gray, state = tf.split(x, [spec.GRAY_CHANNELS, model.state_channels], axis=-1)
            # As in the article: at a rate of 0, 1 draw in 2**32 still fires; at 1, all do.
            fires = tf.random.uniform(tf.shape(gray)) <= fire_rate  # [B, H, W, 1]
            fires.set_shape(gray.shape)  # unknown so far, because the shape of the rate is unknown
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
    """The same step only for living cells, in rows; products are computed only for firing cells.

    It uses only operations that every backend of TensorFlow.js has: gather, concat, matrix
    product, addition, ReLU, reshape.

    Attributes:
      step: the graph. Inputs, N and F at least 1:
        state: [N, S] float32, of the living cells.
        neighbours: [N, 9] int32, the rows around each cell, in reading order; N is a dead cell.
        gray_part: [N, hidden] float32, the graph's second output.
        firing: [F] int32, the rows that fire.
        slots: [N] int32, the position of each row in `firing`, or F if it doesn't fire. A row of
          `firing` that no slot points to has no effect, so callers may pad `firing`.
        noise: [F, S] float32, added to the residual update.
        gray: [N, 9] float32, the gray values around each cell, dead ones too, 0 off the canvas.
        Outputs; the second depends on `gray` only, the first on all other inputs:
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
            # The bias is added right after the product. The converter fuses a product with what
            # is added to it, which on wasm must be a vector, and `gray_part` isn't one.
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

    This uses GatherNd, which on wasm copies whole rows. GatherV2 looks every number up separately
    there, which took more time than the rest of the step.
    """
    return tf.gather_nd(table, tf.expand_dims(indices, -1))
