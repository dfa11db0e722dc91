"""The living cells of a batch as rows of a table: their places, their neighbours, their firing.

Dead cells never change, and half of the living ones rest in each step. So on MNIST only about one
pixel in twelve needs arithmetic, and which ones is known in advance. This module lays the cells
out for it; the arithmetic is in `living_rollout.py`. Which cells live and fire follows the
article's section "Model".

Shapes: B samples of H x W pixels with C channels; N living cells; R table rows, which are row 0
(all zero, for pixels that are blank or off the canvas), rows 1 to N (the living cells) and the
remaining rows (dead cells whose gray is not zero: their neighbours see it); F_t cells fire in step
t. A row has the channels of `x`: gray first, then C - 1 state channels.

The shapes depend on the data, which suits a CPU; accelerators use the dense form.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.randomness import Purpose, derive, normal, uniform

_FIRST_LIVING_ROW = 1


class LivingCells(NamedTuple):
    """Where the living cells of a batch are, and which rows each one sees."""

    positions: tf.Tensor  # [N] int32, index into the B * H * W pixels
    samples: tf.Tensor  # [N] int32, which sample of the batch the cell belongs to
    neighbours: tf.Tensor  # [N, 9] int32, table rows in reading order, the cell itself fifth
    gray: tf.Tensor  # [R] float32, the gray value of each table row


class Firing(NamedTuple):
    """Which cells fire in each step of a rollout, and the noise on their residuals."""

    rows: list[tf.Tensor]  # per step [F_t] int32, table rows
    neighbours: list[tf.Tensor]  # per step [F_t, 9] int32, table rows
    noise: list[tf.Tensor] | None  # per step [F_t, C] float32, zero at the gray channel

    def part(self, first: int, count: int) -> Firing:
        """The firing of some CA steps from `first` on."""
        part = slice(first, first + count)
        noise = None if self.noise is None else self.noise[part]
        return Firing(self.rows[part], self.neighbours[part], noise)


def find(gray: tf.Tensor) -> LivingCells:
    """Numbers the living cells of a batch and looks up their neighbours.

    Args:
      gray: [B, H, W] float32 in [0, 1].

    Returns:
      cells: the N living cells in reading order, sample by sample.
    """
    shape = tf.shape(gray)
    height, width = shape[1], shape[2]
    padded = tf.pad(gray, [[0, 0], [1, 1], [1, 1]])  # so that neighbourhoods stay in their sample
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
    steps_taken: tf.Tensor | None = None,
    among: tf.Tensor | None = None,
) -> Firing:
    """Draws which cells fire in each step, for all steps at once, and their noise.

    Args:
      cells: of the batch.
      steps: number of CA steps.
      fire_rate: probability that a living cell fires in a step.
      residual_noise: standard deviation of the noise; 0 draws none.
      key: [2] int32, a stateless key.
      channels: C.
      steps_taken: [] int32, the number of steps after which no cell fires; None is `steps`.
      among: [N] bool, the cells that may fire; None is all.

    Returns:
      firing: of `steps` steps.
    """
    count = tf.shape(cells.positions)[0]
    fires = uniform([steps, count], derive(key, Purpose.FIRING)) <= fire_rate  # [steps, N]
    if steps_taken is not None:
        fires = tf.logical_and(fires, tf.range(steps)[:, None] < steps_taken)
    if among is not None:
        fires = tf.logical_and(fires, among)
    noise = None
    if residual_noise > 0.0:
        total = tf.math.count_nonzero(fires, dtype=tf.int32)
        shape = [total, channels - spec.GRAY_CHANNELS]
        noise = normal(shape, derive(key, Purpose.NOISE), residual_noise)
    return _firing(cells, steps, fires, noise)


def firing_from_masks(
    cells: LivingCells, fires: tf.Tensor, noise: tf.Tensor | None = None
) -> Firing:
    """Converts dense fire masks and dense noise.

    Args:
      cells: of the batch.
      fires: [steps, B, H, W] bool.
      noise: [steps, B, H, W, C - 1] float32, or None for no noise.

    Returns:
      firing: of `steps` steps.
    """
    of_cells = _at_positions(fires, cells.positions)  # [steps, N]
    if noise is not None:
        noise = _at_positions(noise, cells.positions)[of_cells]  # [sum F_t, C - 1]
    return _firing(cells, fires.shape[0], of_cells, noise)


def _at_positions(values: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Picks pixels from dense values of several steps, [steps, B, H, W, ...]: [steps, N, ...]."""
    steps, channels = values.shape[0], values.shape[4:]
    return tf.gather(tf.reshape(values, [steps, -1, *channels]), positions, axis=1)


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
