"""The living cells of a batch as a table of a fixed number of rows, for compilers that need one.

As in `living_cells.py`, who lives and whom each cell sees is looked up before the arithmetic
starts; here every shape is known before the batch is. The living cells take the first rows, the
rest stay empty, and a batch with more living cells than rows is reported as an overflow. The
arithmetic is in `padded_rollout.py`. The rule of which cells live and fire is the article's
section "Model".

Shapes: B samples of H x W pixels with C channels; K rows (the capacity). A table has K + 1: the
last one is what is dead or beyond the border, and always zero. It holds the C - 1 state channels
only, because the gray values never change.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.cells.living_cells import at_positions
from selforg_mnist.data.digits import alive_cells
from selforg_mnist.randomness import Purpose, derive, normal, uniform

# The capacity is a multiple of a TPU's tile and of a GPU's.
_TILE = 128


class PaddedCells(NamedTuple):
    """Where the living cells of a batch are, and whom each one sees."""

    living: tf.Tensor  # [K] bool, whether the row holds a cell
    positions: tf.Tensor  # [K] int32, index into the B * H * W pixels; 0 in empty rows
    samples: tf.Tensor  # [K] int32, which sample the cell belongs to; 0 in empty rows
    neighbours: tf.Tensor  # [K, 9] int32, table rows in reading order; K in empty rows
    gray: tf.Tensor  # [K, 9] float32, the gray values there; 0 in empty rows
    rows: tf.Tensor  # [B, H, W] int32, the table row of each pixel; K where none lives
    overflow: tf.Tensor  # [] int32, how many living cells have found no row


class PaddedFiring(NamedTuple):
    """Which cells fire in each step of a rollout, and the noise on their residuals."""

    fires: tf.Tensor  # [steps, K] bool, False in empty rows
    noise: tf.Tensor | None  # [steps, K, C - 1] float32


def capacity_for(images: np.ndarray, batch_size: int, risk: float = 1e-9) -> int:
    """The number of rows that a batch of these digits needs, all but surely.

    A batch of independent draws has more living cells than that with a probability of at most
    `risk` (Chernoff's bound, so the true one is smaller). On MNIST, whose digits have 137 living
    cells in the mean and at most 348, a batch of 16 gets 3328 rows for 2185 cells in the mean
    and overflows less than once in 10^11 (summed up exactly); a batch of 512 gets 75,776 rows for
    69,906 cells.

    Args:
      images: [D, H, W] or [D, H * W] uint8, the training digits.
      batch_size: B, samples of a batch on one device.
      risk: of an overflow, in (0, 1); a training run draws some 100,000 batches.

    Returns:
      capacity: K, a multiple of 128, never more than B of the largest digits need.
    """
    alive = alive_cells(images).reshape(len(images), -1)
    share = np.bincount(np.count_nonzero(alive, axis=1)) / len(images)
    largest = len(share) - 1
    below = np.arange(len(share)) - largest  # keeps the exponentials in range

    def bound(t: float) -> float:
        # P(sum >= k) <= E[exp(t * count)] ** B * exp(-t * k) for every t > 0: solved for k.
        return batch_size * (largest + np.log(share @ np.exp(t * below)) / t) - np.log(risk) / t

    needed = min(batch_size * largest, *(bound(t) for t in np.geomspace(1e-6, 10.0, 1000)))
    return _TILE * max(1, math.ceil(needed / _TILE))


def find(gray: tf.Tensor, capacity: int) -> PaddedCells:
    """Gives the living cells of a batch their rows and looks up their neighbours.

    Args:
      gray: [B, H, W] float32 in [0, 1], of a static shape.
      capacity: K, the number of rows. Part of a run's identity: another number draws other
        masks and noise.

    Returns:
      cells: the living cells in reading order, sample by sample. Those beyond the capacity
        are counted in `overflow` and are missing everywhere else, as if dead.
    """
    batch, height, width = gray.shape
    alive = tf.reshape(spec.alive_mask(gray), [-1])
    ranks = tf.cumsum(tf.cast(alive, tf.int32)) - 1  # [pixels]
    rows = tf.where(tf.logical_and(alive, ranks < capacity), ranks, capacity)
    rows = tf.reshape(rows, [batch, height, width])
    positions, living = _first_living(alive, capacity)

    # With a border around each sample, no cell's neighbourhood leaves it.
    border = [[0, 0], [1, 1], [1, 1]]
    sample, within = positions // (height * width), positions % (height * width)
    y, x = within // width + 1, within % width + 1
    stride = width + 2
    offsets = stride * np.repeat([-1, 0, 1], 3) + np.tile([-1, 0, 1], 3)  # [9]
    around = ((sample * (height + 2) + y) * stride + x)[:, None] + offsets.astype(np.int32)
    neighbours = tf.gather(
        tf.reshape(tf.pad(rows, border, constant_values=capacity), [-1]), around
    )
    gray_around = tf.gather(tf.reshape(tf.pad(gray, border), [-1]), around)
    return PaddedCells(
        living=living,
        positions=positions,
        samples=sample,
        neighbours=tf.where(living[:, None], neighbours, capacity),
        gray=tf.where(living[:, None], gray_around, 0.0),
        rows=rows,
        overflow=tf.maximum(ranks[-1] + 1 - capacity, 0),
    )


def _first_living(alive: tf.Tensor, capacity: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The first K living pixels of `alive`, [pixels], and which of the K there are, [K] each."""
    pixels = alive.shape[0]
    # The earlier a living pixel the larger its number; sorting is what accelerators do well,
    # where tf.where has no static shape and a scatter goes one by one.
    earliness = tf.where(alive, tf.range(pixels, 0, -1), 0)
    earliness = tf.pad(earliness, [[0, max(0, capacity - pixels)]])
    first = tf.math.top_k(earliness, capacity).values  # [K]
    living = first > 0
    return tf.where(living, pixels - first, 0), living


def to_table(cells: PaddedCells, state: tf.Tensor) -> tf.Tensor:
    """Lays the state of a batch out as table rows.

    Args:
      cells: of the batch.
      state: [B, H, W, C - 1] float32; what it holds at dead cells is taken for zero.

    Returns:
      table: [K + 1, C - 1] float32.
    """
    of_rows = tf.gather(tf.reshape(state, [-1, state.shape[-1]]), cells.positions)
    return tf.pad(tf.where(cells.living[:, None], of_rows, 0.0), [[0, 1], [0, 0]])


def to_image(cells: PaddedCells, table: tf.Tensor) -> tf.Tensor:
    """The state of a batch, [B, H, W, C - 1], zero at dead cells, from its table."""
    return tf.gather(table, cells.rows)


def draw_firing(
    cells: PaddedCells,
    steps: int,
    fire_rate: float,
    residual_noise: float,
    key: tf.Tensor,
    channels: int = spec.NUM_CHANNELS,
) -> PaddedFiring:
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
    capacity = cells.living.shape[0]
    fires = uniform([steps, capacity], derive(key, Purpose.FIRING)) <= fire_rate
    noise = None
    if residual_noise > 0.0:
        shape = [steps, capacity, channels - spec.GRAY_CHANNELS]
        noise = normal(shape, derive(key, Purpose.NOISE), residual_noise)
    return PaddedFiring(tf.logical_and(fires, cells.living), noise)


def firing_from_masks(
    cells: PaddedCells, fires: tf.Tensor, noise: tf.Tensor | None = None
) -> PaddedFiring:
    """The firing that dense fire masks and dense noise stand for.

    Args:
      cells: of the batch.
      fires: [steps, B, H, W] bool.
      noise: [steps, B, H, W, C - 1] float32, or None for no noise.

    Returns:
      firing: of `steps` steps.
    """
    of_rows = at_positions(fires, cells.positions)  # [steps, K]
    if noise is not None:
        noise = at_positions(noise, cells.positions)
    return PaddedFiring(tf.logical_and(of_rows, cells.living), noise)
