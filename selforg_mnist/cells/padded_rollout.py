"""The same CA step as `CAModel.step`, over a table of a fixed number of rows.

All rows do the arithmetic in every step, and masks decide whose residual counts: that costs more
than the lists of `living_rollout.py`, and every shape is known to the compiler. The gray part
of the first convolution is computed once a rollout. With the same fire masks and noise the states,
the loss and the gradients are those of the dense convolutions to float32 rounding. The rule itself
is the article's section "Model". Shapes as in `padded_cells.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.cells.living_rollout import product_gradients, relu_gradient
from selforg_mnist.cells.padded_cells import PaddedCells, PaddedFiring
from selforg_mnist.model import CAWeights


class _Layers(NamedTuple):
    """The rule as a step computes with it, in the precision of its products."""

    fixed: tf.Tensor  # [K, hidden], of each perception what the state has no part in
    perceive: tf.Tensor  # [9 * (C - 1), hidden]
    hidden: tf.Tensor  # [hidden, hidden]
    hidden_bias: tf.Tensor  # [hidden]
    residual: tf.Tensor  # [hidden, C - 1]
    residual_bias: tf.Tensor  # [C - 1]


class _Trace(NamedTuple):
    """What the backward pass of one step needs."""

    patches: tf.Tensor  # [K, 9 * (C - 1)]
    perception: tf.Tensor  # [K, hidden]
    hidden: tf.Tensor  # [K, hidden]


def rollout(
    weights: CAWeights,
    cells: PaddedCells,
    table: tf.Tensor,
    firing: PaddedFiring,
    compute_dtype: tf.DType = tf.float32,
) -> tf.Tensor:
    """All steps of `firing`, with a gradient written for this layout.

    Whom a cell sees sees the cell: what a gather has spread, the backward pass gathers, each
    neighbour's gradient from the opposite place of its neighbourhood, without a scatter. The
    forward pass keeps its matrices for that, 331 numbers a row and step (88 MB at 3328 rows and
    20 steps, 2 GB at a batch of 512), because to compute them again would add a third to the
    arithmetic.

    Args:
      weights: of the rule; differentiable.
      cells: of the batch.
      table: [K + 1, C - 1] float32, its last row zero; differentiable but for that row.
      firing: of the steps to take.
      compute_dtype: of the matrix products, of what they take and give. States, gradients of
        states, and all sums over cells and steps are float32 in any case.

    Returns:
      table: [K + 1, C - 1] float32 after the last step.
    """
    kernel, bias, hidden, hidden_bias, residual, residual_bias = weights
    width, gray = kernel.shape[-1], spec.GRAY_CHANNELS

    @tf.custom_gradient
    def run(
        table: tf.Tensor, of_gray: tf.Tensor, bias: tf.Tensor, *others: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        fixed = cells.gray @ of_gray + bias
        layers = _Layers(*(tf.cast(tensor, compute_dtype) for tensor in (fixed, *others)))
        traces = []
        for t in range(firing.fires.shape[0]):
            noise = None if firing.noise is None else firing.noise[t]
            table, trace = _step(layers, cells.neighbours, table, firing.fires[t], noise)
            traces.append(trace)
        return table, lambda d_table: _backward(layers, cells, firing, traces, d_table)

    return run(
        table,
        tf.reshape(kernel[:, :, :gray], [-1, width]),  # [9, hidden]
        tf.convert_to_tensor(bias),
        tf.reshape(kernel[:, :, gray:], [-1, width]),  # [9 * (C - 1), hidden]
        tf.reshape(hidden, [width, width]),
        tf.convert_to_tensor(hidden_bias),
        tf.reshape(residual, [width, -1]),
        tf.convert_to_tensor(residual_bias),
    )


def _step(
    layers: _Layers,
    neighbours: tf.Tensor,
    table: tf.Tensor,
    fires: tf.Tensor,
    noise: tf.Tensor | None,
) -> tuple[tf.Tensor, _Trace]:
    seen = tf.gather(tf.cast(table, layers.perceive.dtype), neighbours)
    patches = tf.reshape(seen, [-1, layers.perceive.shape[0]])
    perception = tf.nn.relu(patches @ layers.perceive + layers.fixed)
    hidden = tf.nn.relu(tf.nn.bias_add(perception @ layers.hidden, layers.hidden_bias))
    residual = tf.nn.bias_add(hidden @ layers.residual, layers.residual_bias)  # [K, C - 1]
    residual = tf.cast(residual, table.dtype)
    if noise is not None:
        residual += noise
    return table + _with_zero_row(_masked(residual, fires)), _Trace(patches, perception, hidden)


def _backward(
    layers: _Layers,
    cells: PaddedCells,
    firing: PaddedFiring,
    traces: list[_Trace],
    d_table: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Gradients of the table before the first step and of the seven matrices and biases."""
    channels = layers.residual.shape[1]
    # Where, among all neighbourhoods laid end to end, each neighbour keeps this cell.
    opposite = cells.neighbours * spec.NEIGHBOURHOOD + tf.range(spec.NEIGHBOURHOOD - 1, -1, -1)
    d_state = d_table[:-1]
    per_step: list[tuple[tf.Tensor, ...]] = []
    for (patches, perception, hidden), fires in zip(
        reversed(traces), reversed(tf.unstack(firing.fires)), strict=True
    ):
        d_residual = tf.cast(_masked(d_state, fires), hidden.dtype)
        d_hidden = relu_gradient(_times_transposed(d_residual, layers.residual), hidden)
        d_perception = relu_gradient(_times_transposed(d_hidden, layers.hidden), perception)
        d_patches = _with_zero_row(_times_transposed(d_perception, layers.perceive))
        d_seen = tf.gather(tf.reshape(d_patches, [-1, channels]), opposite)  # [K, 9, C - 1]
        d_state += tf.reduce_sum(tf.cast(d_seen, d_state.dtype), axis=1)
        per_step.append(
            (
                *product_gradients(cells.gray, tf.cast(d_perception, tf.float32)),
                product_gradients(patches, d_perception)[0],
                *product_gradients(perception, d_hidden),
                *product_gradients(hidden, d_residual),
            )
        )
    # Tensors that nothing else reads: of others add_n takes the first that it may write over
    # to begin with, and which one that is depends on which operation is done first.
    of_rule = (tf.add_n(list(parts)) for parts in zip(*per_step, strict=True))
    return _with_zero_row(d_state), *of_rule


def _masked(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    return tf.where(mask[:, None], values, 0.0)


def _with_zero_row(values: tf.Tensor) -> tf.Tensor:
    return tf.pad(values, [[0, 1], [0, 0]])


def _times_transposed(gradient: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    return tf.matmul(gradient, kernel, transpose_b=True)
