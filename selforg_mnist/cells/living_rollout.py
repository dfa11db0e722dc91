"""The same CA step as `CAModel.call`, but only for living cells that fire.

A step gathers the neighbourhoods of the firing rows of a table (`living_cells.py`) into one
matrix, multiplies it by the three kernels and adds the residual to the table. With the same fire
masks and noise, states, loss and gradients equal those of the dense convolutions up to float32
rounding. The rule is in the article's section "Model". Shapes as in `living_cells.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.cells.living_cells import Firing, LivingCells, draw_firing
from selforg_mnist.model import CAWeights


class _Kernels(NamedTuple):
    """The rule as matrices; the residual's are padded with a zero gray column."""

    perceive: tf.Tensor  # [9 * C, hidden]
    perceive_bias: tf.Tensor  # [hidden]
    hidden: tf.Tensor  # [hidden, hidden]
    hidden_bias: tf.Tensor  # [hidden]
    residual: tf.Tensor  # [hidden, C]
    residual_bias: tf.Tensor  # [C]


def _as_matrices(weights: CAWeights) -> _Kernels:
    kernel, bias, hidden, hidden_bias, residual, residual_bias = weights
    width = kernel.shape[-1]
    gray = [spec.GRAY_CHANNELS, 0]
    return _Kernels(
        tf.reshape(kernel, [-1, width]),
        tf.convert_to_tensor(bias),
        tf.reshape(hidden, [width, width]),
        tf.convert_to_tensor(hidden_bias),
        tf.pad(tf.reshape(residual, [width, -1]), [[0, 0], gray]),
        tf.pad(residual_bias, [gray]),
    )


class _Trace(NamedTuple):
    """What the backward pass of one step needs."""

    patches: tf.Tensor  # [F, 9 * C]
    perception: tf.Tensor  # [F, hidden]
    hidden: tf.Tensor  # [F, hidden]


def _step(
    kernels: _Kernels,
    table: tf.Tensor,
    rows: tf.Tensor,
    neighbours: tf.Tensor,
    noise: tf.Tensor | None,
) -> tuple[tf.Tensor, _Trace]:
    seen = tf.gather(tf.cast(table, kernels.perceive.dtype), neighbours)
    patches = tf.reshape(seen, [-1, kernels.perceive.shape[0]])
    # bias_add and relu, so that TensorFlow fuses them into the matrix product.
    perception = tf.nn.relu(tf.nn.bias_add(patches @ kernels.perceive, kernels.perceive_bias))
    hidden = tf.nn.relu(tf.nn.bias_add(perception @ kernels.hidden, kernels.hidden_bias))
    residual = tf.nn.bias_add(hidden @ kernels.residual, kernels.residual_bias)  # [F, C]
    residual = tf.cast(residual, table.dtype)
    if noise is not None:
        residual += noise
    table = tf.tensor_scatter_nd_add(table, rows[:, None], residual)
    return table, _Trace(patches, perception, hidden)


def step(
    weights: CAWeights,
    table: tf.Tensor,
    rows: tf.Tensor,
    neighbours: tf.Tensor,
    noise: tf.Tensor | None = None,
) -> tf.Tensor:
    """One CA step of the firing cells, for rollouts that need no gradient.

    Args:
      weights: of the rule.
      table: [R, C] float32.
      rows: [F] int32, the table rows of the firing cells.
      neighbours: [F, 9] int32, the table rows that they see.
      noise: [F, C] float32, zero at the gray channel, or None.

    Returns:
      table: [R, C] float32.
    """
    return _step(_as_matrices(weights), table, rows, neighbours, noise)[0]


def random_step(
    weights: CAWeights,
    cells: LivingCells,
    table: tf.Tensor,
    key: tf.Tensor,
    fire_rate: float,
    residual_noise: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """One CA step, forward only, that draws which cells fire and their noise.

    Args:
      weights: the six tensors of a `CAModel`.
      cells: of the batch.
      table: [R, C] float32.
      key: [2] int32, a stateless key.
      fire_rate: probability that a living cell fires.
      residual_noise: standard deviation of the noise; 0 draws none.

    Returns:
      table: [R, C] float32.
      fired: [] int32, how many cells fired.
    """
    channels = weights.residual_bias.shape[0] + spec.GRAY_CHANNELS
    firing = draw_firing(cells, 1, fire_rate, residual_noise, key, channels)
    noise = firing.noise[0] if firing.noise else None
    table = step(weights, table, firing.rows[0], firing.neighbours[0], noise)
    return table, tf.size(firing.rows[0])


def rollout(
    weights: CAWeights, table: tf.Tensor, firing: Firing, compute_dtype: tf.DType = tf.float32
) -> tf.Tensor:
    """Takes all steps of `firing`, with a gradient written for this layout.

    The backward pass scatters the gradient of each gathered neighbourhood back. It computes the
    gradients of the kernels from the matrices that the forward pass has kept.

    Args:
      weights: of the rule; differentiable.
      table: [R, C] float32; differentiable.
      firing: the steps to take.
      compute_dtype: of the inputs and outputs of matrix products. States, their gradients, and
        all sums over cells and steps are always float32.

    Returns:
      table: [R, C] float32 after the last step.
    """

    @tf.custom_gradient
    def run(table: tf.Tensor, *matrices: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        kernels = _Kernels(*(tf.cast(matrix, compute_dtype) for matrix in matrices))
        traces = []
        for t in range(len(firing.rows)):
            noise = None if firing.noise is None else firing.noise[t]
            table, trace = _step(kernels, table, firing.rows[t], firing.neighbours[t], noise)
            traces.append(trace)
        return table, lambda d_table: _backward(kernels, firing, traces, d_table)

    return run(table, *_as_matrices(weights))


def _backward(
    kernels: _Kernels, firing: Firing, traces: list[_Trace], d_table: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    """Gradients of the table before the first step and of the six matrices."""
    residual_t, hidden_t, perceive_t = (
        tf.transpose(kernel) for kernel in (kernels.residual, kernels.hidden, kernels.perceive)
    )
    channels = kernels.residual.shape[1]
    per_step: list[tuple[tf.Tensor, ...]] = []
    for t in reversed(range(len(traces))):
        patches, perception, hidden = traces[t]
        d_residual = tf.cast(tf.gather(d_table, firing.rows[t]), hidden.dtype)  # [F, C]
        d_hidden = _relu_gradient(d_residual @ residual_t, hidden)
        d_perception = _relu_gradient(d_hidden @ hidden_t, perception)
        d_patches = tf.reshape(d_perception @ perceive_t, [-1, spec.NEIGHBOURHOOD, channels])
        d_patches = tf.cast(d_patches, d_table.dtype)
        d_table = tf.tensor_scatter_nd_add(d_table, firing.neighbours[t][..., None], d_patches)
        per_step.append(
            (
                *_product_gradients(patches, d_perception),
                *_product_gradients(perception, d_hidden),
                *_product_gradients(hidden, d_residual),
            )
        )
    return d_table, *(tf.add_n(list(parts)) for parts in zip(*per_step, strict=True))


def _product_gradients(inputs: tf.Tensor, d_outputs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The gradients, float32, of the kernel [inputs, outputs] and the bias [outputs] of a layer.

    `inputs` is [F, inputs]. `d_outputs` is [F, outputs], the gradient before any ReLU.
    """
    d_kernel = tf.matmul(inputs, d_outputs, transpose_a=True)
    return tf.cast(d_kernel, tf.float32), tf.reduce_sum(tf.cast(d_outputs, tf.float32), axis=0)


def _relu_gradient(d_outputs: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """The gradient of a ReLU's inputs, from the gradient of its outputs."""
    return tf.raw_ops.ReluGrad(gradients=d_outputs, features=outputs)
