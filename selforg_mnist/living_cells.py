"""The same CA step as `CAModel.step`, over living cells that fire and nothing else.

Dead cells never change and half of the living ones rest in each step, so on MNIST only
about one pixel in twelve has arithmetic to do, and which ones is known beforehand. Here
the cells of a batch are rows of a table, a step gathers the neighbourhoods of the firing
rows into one matrix, multiplies it by the three kernels and adds the residual back. With
the same fire masks and noise the result, the loss and the gradients are those of the dense
convolutions to float32 rounding. The rule itself is the article's section "Model".

Shapes: B samples of H x W pixels with C channels; N living cells; R table rows, which are
row 0 (what lies beyond the border or is blank: all zero), rows 1 to N (the living cells)
and the rest (dead cells whose gray is not zero: their neighbours see it); F_t cells fire in
step t. The row layout is that of `x`: gray first, then C - 1 state channels.

The shapes depend on the data, which suits a CPU; accelerators take the dense form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.model import CAWeights
from selforg_mnist.randomness import Purpose, derive, normal

_FIRST_LIVING_ROW = 1


class LivingCells(NamedTuple):
    """Where the living cells of a batch are, and whom each one sees."""

    positions: tf.Tensor  # [N] int32, index into the B * H * W pixels
    samples: tf.Tensor  # [N] int32, which sample of the batch the cell belongs to
    neighbours: tf.Tensor  # [N, 9] int32, table rows in reading order, the cell itself fifth
    gray: tf.Tensor  # [R] float32, the gray value of each table row


class Firing(NamedTuple):
    """Which cells fire in each step of a rollout, and the noise on their residuals."""

    rows: list[tf.Tensor]  # per step [F_t] int32, table rows
    neighbours: list[tf.Tensor]  # per step [F_t, 9] int32, table rows
    noise: list[tf.Tensor] | None  # per step [F_t, C] float32, zero at the gray channel


def find(gray: tf.Tensor) -> LivingCells:
    """Numbers the living cells of a batch and looks up their neighbours.

    Args:
      gray: [B, H, W] float32 in [0, 1].

    Returns:
      cells: the N living cells in reading order, sample by sample.
    """
    shape = tf.shape(gray)
    height, width = shape[1], shape[2]
    padded = tf.pad(gray, [[0, 0], [1, 1], [1, 1]])  # no cell's neighbourhood leaves a sample
    flat = tf.reshape(padded, [-1])
    alive = spec.alive_mask(flat)
    living = tf.cast(tf.where(alive)[:, 0], tf.int32)  # [N] positions in the padded batch
    visible = tf.logical_and(tf.not_equal(flat, 0.0), tf.logical_not(alive))
    rows = tf.concat([living, tf.cast(tf.where(visible)[:, 0], tf.int32)], axis=0)

    stride = width + 2
    row_of = tf.scatter_nd(
        rows[:, None], _FIRST_LIVING_ROW + tf.range(tf.shape(rows)[0]), tf.shape(flat)
    )
    offsets = stride * tf.repeat([-1, 0, 1], 3) + tf.tile([-1, 0, 1], [3])  # [9]
    sample, within = living // (stride * (height + 2)), living % (stride * (height + 2))
    y, x = within // stride - 1, within % stride - 1
    return LivingCells(
        positions=(sample * height + y) * width + x,
        samples=sample,
        neighbours=tf.gather(row_of, living[:, None] + offsets),
        gray=tf.concat([[0.0], tf.gather(flat, rows)], axis=0),
    )


def to_table(cells: LivingCells, state: tf.Tensor) -> tf.Tensor:
    """Lays the state of a batch out as table rows.

    Args:
      cells: of the batch.
      state: [B, H, W, C - 1] float32; what it holds at dead cells is taken for zero.

    Returns:
      table: [R, C] float32.
    """
    channels = state.shape[-1]
    living = tf.gather(tf.reshape(state, [-1, channels]), cells.positions)  # [N, C - 1]
    others = tf.shape(cells.gray)[0] - tf.shape(living)[0] - _FIRST_LIVING_ROW
    rows = tf.pad(living, [[_FIRST_LIVING_ROW, others], [0, 0]])
    return tf.concat([cells.gray[:, None], rows], axis=1)


def living_state(cells: LivingCells, table: tf.Tensor) -> tf.Tensor:
    """The state of the living cells, [N, C - 1], from a table [R, C]."""
    first, count = _FIRST_LIVING_ROW, tf.shape(cells.positions)[0]
    return table[first : first + count, spec.GRAY_CHANNELS :]


def to_image(cells: LivingCells, table: tf.Tensor, batch_shape: tf.Tensor) -> tf.Tensor:
    """The state of a batch, zero at dead cells, from its table.

    Args:
      cells: of the batch.
      table: [R, C] float32.
      batch_shape: [3] int32, (B, H, W).

    Returns:
      state: [B, H, W, C - 1] float32.
    """
    state = living_state(cells, table)
    channels = tf.shape(state)[1]
    pixels = tf.reduce_prod(batch_shape)
    flat = tf.scatter_nd(cells.positions[:, None], state, tf.stack([pixels, channels]))
    return tf.reshape(flat, tf.concat([batch_shape, [channels]], axis=0))


def draw_firing(
    cells: LivingCells,
    steps: int,
    fire_rate: float,
    residual_noise: float,
    key: tf.Tensor,
    channels: int = spec.NUM_CHANNELS,
) -> Firing:
    """Draws which cells fire in each step, all steps in one go, and their noise.

    Args:
      cells: of the batch.
      steps: number of CA steps.
      fire_rate: probability that a living cell fires in a step.
      residual_noise: standard deviation of the noise; 0 draws none.
      key: [2] int32, a stateless key.
      channels: C.

    Returns:
      firing: of `steps` steps.
    """
    count = tf.shape(cells.positions)[0]
    uniform = tf.random.stateless_uniform([steps, count], derive(key, Purpose.FIRING))
    fires = uniform <= fire_rate  # [steps, N]
    noise = None
    if residual_noise > 0.0:
        total = tf.math.count_nonzero(fires, dtype=tf.int32)
        shape = [total, channels - spec.GRAY_CHANNELS]
        noise = normal(shape, derive(key, Purpose.NOISE), residual_noise)
    return _firing(cells, steps, fires, noise)


def firing_from_masks(
    cells: LivingCells, fires: tf.Tensor, noise: tf.Tensor | None = None
) -> Firing:
    """The firing that dense fire masks and dense noise stand for.

    Args:
      cells: of the batch.
      fires: [steps, B, H, W] bool.
      noise: [steps, B, H, W, C - 1] float32, or None for no noise.

    Returns:
      firing: of `steps` steps.
    """
    steps = fires.shape[0]
    of_cells = tf.gather(tf.reshape(fires, [steps, -1]), cells.positions, axis=1)  # [steps, N]
    if noise is not None:
        noise = tf.reshape(noise, [steps, -1, noise.shape[-1]])
        noise = tf.gather(noise, cells.positions, axis=1)[of_cells]  # [sum F_t, C - 1]
    return _firing(cells, steps, of_cells, noise)


def _firing(cells: LivingCells, steps: int, fires: tf.Tensor, noise: tf.Tensor | None) -> Firing:
    living = tf.cast(tf.where(fires)[:, 1], tf.int32)  # [sum F_t], step by step
    counts = tf.math.count_nonzero(fires, axis=1, dtype=tf.int32)  # [steps]
    if noise is not None:
        noise = tf.split(tf.pad(noise, [[0, 0], [spec.GRAY_CHANNELS, 0]]), counts, num=steps)
    return Firing(
        rows=tf.split(living + _FIRST_LIVING_ROW, counts, num=steps),
        neighbours=tf.split(tf.gather(cells.neighbours, living), counts, num=steps),
        noise=noise,
    )


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
    patches = tf.reshape(tf.gather(table, neighbours), [-1, kernels.perceive.shape[0]])
    # bias_add and relu, so that TensorFlow fuses them into the matrix product.
    perception = tf.nn.relu(tf.nn.bias_add(patches @ kernels.perceive, kernels.perceive_bias))
    hidden = tf.nn.relu(tf.nn.bias_add(perception @ kernels.hidden, kernels.hidden_bias))
    residual = tf.nn.bias_add(hidden @ kernels.residual, kernels.residual_bias)  # [F, C]
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


def rollout(weights: CAWeights, table: tf.Tensor, firing: Firing) -> tf.Tensor:
    """All steps of `firing`, with a gradient written for this layout.

    The backward pass scatters the gradient of each gathered neighbourhood back, and takes
    the gradients of the kernels from the matrices that the forward pass has kept.

    Args:
      weights: of the rule; differentiable.
      table: [R, C] float32; differentiable.
      firing: of the steps to take.

    Returns:
      table: [R, C] float32 after the last step.
    """
    return _rollout(firing, table, *_as_matrices(weights))


def _rollout(firing: Firing, table: tf.Tensor, *matrices: tf.Tensor) -> tf.Tensor:
    steps = range(len(firing.rows))

    @tf.custom_gradient
    def run(table: tf.Tensor, *matrices: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        kernels = _Kernels(*matrices)
        traces = []
        for t in steps:
            noise = None if firing.noise is None else firing.noise[t]
            table, trace = _step(kernels, table, firing.rows[t], firing.neighbours[t], noise)
            traces.append(trace)
        return table, lambda d_table: _backward(kernels, firing, traces, d_table)

    return run(table, *matrices)


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
        d_residual = tf.gather(d_table, firing.rows[t])  # [F, C]
        d_hidden = _relu_grad(d_residual @ residual_t, hidden)
        d_perception = _relu_grad(d_hidden @ hidden_t, perception)
        d_patches = tf.reshape(d_perception @ perceive_t, [-1, spec.NEIGHBOURHOOD, channels])
        d_table = tf.tensor_scatter_nd_add(d_table, firing.neighbours[t][..., None], d_patches)
        per_step.append(
            (
                tf.matmul(patches, d_perception, transpose_a=True),
                tf.reduce_sum(d_perception, axis=0),
                tf.matmul(perception, d_hidden, transpose_a=True),
                tf.reduce_sum(d_hidden, axis=0),
                tf.matmul(hidden, d_residual, transpose_a=True),
                tf.reduce_sum(d_residual, axis=0),
            )
        )
    return d_table, *(tf.add_n(list(parts)) for parts in zip(*per_step, strict=True))


def _relu_grad(gradient: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.ReluGrad(gradients=gradient, features=output)
