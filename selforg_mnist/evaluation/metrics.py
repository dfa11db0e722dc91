"""How well cells agree: cell accuracy and total agreement (article: "Experiments").

Everything is counted first and divided last. So counts of lanes, batches and replicas add up
exactly, and a smaller last batch has its exact weight.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from selforg_mnist import spec


class Counts(NamedTuple):
    """Cells and samples counted, [] or [steps] float32 each.

    A sample without a living cell is not counted: it has nothing to agree on.
    """

    living: tf.Tensor  # living cells
    correct: tf.Tensor  # living cells that give their digit's label
    samples: tf.Tensor  # samples with at least one living cell
    agreeing: tf.Tensor  # samples whose living cells all give one label, right or wrong
    agreeing_correct: tf.Tensor  # samples whose living cells all give the right label

    def cell_accuracy(self) -> tf.Tensor:
        """Share of the living cells that are right, in [0, 1]; 0 where none lives."""
        return tf.math.divide_no_nan(self.correct, self.living)

    def total_agreement(self) -> tf.Tensor:
        """Share of the samples whose cells all agree, right or wrong, in [0, 1]."""
        return tf.math.divide_no_nan(self.agreeing, self.samples)

    def correct_agreement(self) -> tf.Tensor:
        """Share of the samples whose cells all agree and are right, in [0, 1]."""
        return tf.math.divide_no_nan(self.agreeing_correct, self.samples)


def count(
    logits: tf.Tensor, labels: tf.Tensor, samples: tf.Tensor, num_samples: int | tf.Tensor
) -> Counts:
    """Counts over the living cells of a batch.

    Args:
      logits: [N, 10] float32, the classification channels of the living cells.
      labels: [N] int32, the label of the digit that each cell is part of.
      samples: [N] int32 in ascending order, which sample each cell belongs to.
      num_samples: number of samples in the batch, including those without a living cell.

    Returns:
      counts: [] float32 each.
    """
    given = tf.argmax(logits, axis=-1, output_type=tf.int32)  # [N]
    right = tf.equal(given, labels)
    return Counts(
        living=tf.cast(tf.shape(given)[0], tf.float32),
        correct=_number(right),
        **_agreement(
            lowest=tf.math.unsorted_segment_min(given, samples, num_samples),
            highest=tf.math.unsorted_segment_max(given, samples, num_samples),
            correct=tf.math.unsorted_segment_sum(tf.cast(right, tf.int32), samples, num_samples),
            living=tf.math.unsorted_segment_sum(tf.ones_like(given), samples, num_samples),
        ),
    )


def count_images(logits: tf.Tensor, labels: tf.Tensor, alive: tf.Tensor) -> Counts:
    """The same counts over whole images, in shapes that don't depend on which cells live.

    Args:
      logits: [B, H, W, 10] float32.
      labels: [B] int32, of the digits.
      alive: [B, H, W] bool.

    Returns:
      counts: [] float32 each.
    """
    given = tf.argmax(logits, axis=-1, output_type=tf.int32)  # [B, H, W]
    right = tf.logical_and(tf.equal(given, labels[:, None, None]), alive)

    def number_in_each(mask: tf.Tensor) -> tf.Tensor:
        return tf.math.count_nonzero(mask, axis=[1, 2], dtype=tf.int32)

    return Counts(
        living=_number(alive),
        correct=_number(right),
        **_agreement(
            lowest=tf.reduce_min(tf.where(alive, given, spec.NUM_CLASSES), axis=[1, 2]),
            highest=tf.reduce_max(tf.where(alive, given, -1), axis=[1, 2]),
            correct=number_in_each(right),
            living=number_in_each(alive),
        ),
    )


def _agreement(
    lowest: tf.Tensor, highest: tf.Tensor, correct: tf.Tensor, living: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Counts samples by their lowest and highest label and their numbers of cells, [B] int32.

    A sample without cells has a lowest label above its highest, so it never agrees.
    """
    agrees = tf.equal(lowest, highest)
    return {
        "samples": _number(living > 0),
        "agreeing": _number(agrees),
        "agreeing_correct": _number(tf.logical_and(agrees, tf.equal(correct, living))),
    }


def _number(mask: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.math.count_nonzero(mask, dtype=tf.int32), tf.float32)


def total(counts: list[Counts]) -> Counts:
    """The sum of several counts."""
    return Counts(*(tf.add_n(list(parts)) for parts in zip(*counts, strict=True)))
