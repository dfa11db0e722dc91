"""The sample pool: samples that persist from one training step to the next, on the device.

Pure functions over a `Pool` of tensors: `sample` draws a batch, `renew` replaces parts of it
with fresh and mutated samples, `commit` writes it back (article: "Training"; the three pool
modes are the notebook's). The trainer does the rollout in between.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.model import gray_of
from selforg_mnist.randomness import Purpose, derive, distinct, integers


class Pool(NamedTuple):
    """Samples of a pool, or of a batch drawn from one."""

    images: tf.Tensor  # [P, H, W] uint8, the digit that each sample shows
    labels: tf.Tensor  # [P] int32, 0 to 9
    state: tf.Tensor  # [P, H, W, C - 1] float32, zero at dead cells
    age: tf.Tensor  # [P] int32, training steps since the sample was fresh


@dataclasses.dataclass(frozen=True)
class Source:
    """The training digits that fresh and mutated samples are drawn from, on the device.

    Each picture is one row. To gather a few digits from [D, H, W], a TPU would copy all of them in
    each step, in tiles of the last two axes that take five times the memory.

    images: [D, H * W] uint8, in reading order. labels: [D] int32. size: H and W.
    """

    images: tf.Tensor
    labels: tf.Tensor
    size: tuple[int, int]

    def gather(self, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The images, [N, H, W] uint8, and labels, [N] int32, at [N] indices."""
        images = tf.gather(self.images, indices)
        return tf.reshape(images, [-1, *self.size]), tf.gather(self.labels, indices)


def source_of(images: np.ndarray, labels: np.ndarray) -> Source:
    """Lays digits out as a `Source`: [D, H, W] uint8 and D integers."""
    count, height, width = images.shape
    return Source(
        tf.constant(images.reshape(count, height * width)),
        tf.constant(np.asarray(labels, np.int32)),
        (height, width),
    )


def fresh(source: Source, count: int, key: tf.Tensor, channels: int = spec.NUM_CHANNELS) -> Pool:
    """Fresh samples: random digits, each drawn on its own, with state zero.

    Notebook: its random indices never reach the last training digit. Here they do.

    Args:
      source: D digits.
      count: number of samples.
      key: [2] int32, a stateless key.
      channels: C.

    Returns:
      samples: of age 0.
    """
    images, labels = source.gather(integers(count, source.labels.shape[0], key))
    return Pool(
        images=images,
        labels=labels,
        state=tf.zeros([count, *source.size, channels - spec.GRAY_CHANNELS]),
        age=tf.zeros([count], tf.int32),
    )


def sample(pool: Pool, batch_size: int, key: tf.Tensor) -> tuple[tf.Tensor, Pool]:
    """Draws a batch without replacement.

    Args:
      pool: P samples.
      batch_size: B, at most P.
      key: [2] int32, a stateless key.

    Returns:
      indices: [B] int32, all different.
      batch: the B samples.
    """
    indices = distinct(batch_size, pool.labels.shape[0], key)
    return indices, Pool(*(tf.gather(part, indices) for part in pool))


def renew(
    batch: Pool,
    mode: str,
    source: Source,
    key: tf.Tensor,
    fresh_share: float = 0.25,
    mutated_share: float = 0.25,
) -> Pool:
    """Replaces parts of a batch with fresh and mutated samples.

    "naive": all fresh. "persistent": the first and the last quarter fresh. "mutating", the
    mode of the article's experiments: the first quarter fresh, the last quarter mutated.

    Args:
      batch: B samples, of which both shares are whole numbers unless the mode is "naive".
      mode: "naive", "persistent" or "mutating".
      source: the training digits.
      key: [2] int32, a stateless key.
      fresh_share: of the batch, at its start; the article's is a quarter.
      mutated_share: of the batch, at its end; likewise.

    Returns:
      batch: B samples.
    """
    size = batch.labels.shape[0]
    channels = batch.state.shape[-1] + spec.GRAY_CHANNELS
    if mode == "naive":
        return fresh(source, size, derive(key, Purpose.FRESH_DIGITS), channels)
    renewed, mutated = round(size * fresh_share), round(size * mutated_share)
    first = fresh(source, renewed, derive(key, Purpose.FRESH_DIGITS), channels)
    middle = Pool(*(part[renewed : size - mutated] for part in batch))
    last = fresh(source, mutated, derive(key, Purpose.MUTATION_DIGITS), channels)
    if mode == "mutating":
        last = mutate(Pool(*(part[size - mutated :] for part in batch)), last.images, last.labels)
    return Pool(*(tf.concat(parts, axis=0) for parts in zip(first, middle, last, strict=True)))


def mutate(batch: Pool, images: tf.Tensor, labels: tf.Tensor) -> Pool:
    """Changes the digits under the samples: gray and label change, the state stays.

    Where the new digit is dead, the state becomes zero (article: "Training", mutation).

    Args:
      batch: B samples.
      images: [B, H, W] uint8, the new digits.
      labels: [B] int32, their labels.

    Returns:
      batch: B samples with their old ages.
    """
    alive = spec.alive_mask(gray_of(images))
    state = batch.state * tf.cast(alive, batch.state.dtype)[..., None]
    return Pool(images=images, labels=labels, state=state, age=batch.age)


def commit(pool: Pool, indices: tf.Tensor, batch: Pool) -> Pool:
    """Writes a batch back to the places that it was drawn from, one training step older.

    Args:
      pool: P samples. Variables are updated in place, which saves a copy of the whole pool in
        each training step. For tensors, new tensors are returned.
      indices: [B] int32, from `sample`.
      batch: B samples.

    Returns:
      pool: P samples.
    """
    batch = batch._replace(age=batch.age + 1)
    return Pool(*(_put(old, indices, new) for old, new in zip(pool, batch, strict=True)))


def _put(old: tf.Tensor | tf.Variable, indices: tf.Tensor, new: tf.Tensor) -> tf.Tensor:
    if isinstance(old, tf.Variable):
        old.scatter_update(tf.IndexedSlices(new, indices))
        return old
    return tf.tensor_scatter_nd_update(old, indices[:, None], new)
