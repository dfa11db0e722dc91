"""Where digits come from, and what the cells of a digit should say.

Holds `Digits` (pictures and labels), `load_digits` (TensorFlow Datasets, the embedded drawn
set, or the first of the two that is available), `subset`, and the target of the article's
section "The self-classifying MNIST task". It does not hold the sample pool. Digits are drawn
in `strokes.py` and read in `tfds_reader.py`. TensorFlow is imported inside the function that
needs it, because importing this module must not slow a command's start.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from selforg_mnist import spec
from selforg_mnist.data import strokes, tfds_reader
from selforg_mnist.errors import DigitsError, DigitsUnavailableError

if TYPE_CHECKING:
    import tensorflow as tf

SPLITS = ("train", "test")
OWN_NAMES = ("auto", "drawn")  # besides the names of TensorFlow Datasets
DRAWN_SIZES = {"train": 10_000, "test": 2_000}


@dataclasses.dataclass(frozen=True, eq=False)
class Digits:
    """Labelled pictures.

    images: [N, H, W] uint8, 28 x 28 as loaded, 255 full ink. labels: [N] uint8, 0 to 9.
    source: name that `load_digits` takes for the same set, such as "mnist" or "drawn".
    note: where they come from, in words, for logs, config.json and reports.

    Raises:
      DigitsError: the arrays are not of these types and shapes, or a label is above 9.
    """

    images: np.ndarray
    labels: np.ndarray
    source: str
    note: str

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 3:
            raise DigitsError(
                f"images are {images.dtype} {list(images.shape)}: expected uint8 [N, H, W]; "
                "scale them to 0..255, drop the channel axis and convert"
            )
        if labels.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise DigitsError(
                f"labels are {labels.dtype} {list(labels.shape)}: expected uint8 "
                f"[{len(images)}], one for each image; convert them with astype(np.uint8)"
            )
        if labels.size and labels.max() >= spec.NUM_CLASSES:
            raise DigitsError(
                f"label {labels.max()}: expected 0 to {spec.NUM_CLASSES - 1}; "
                "leave the other classes out"
            )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, chosen: slice | np.ndarray) -> Digits:
        """Some of the digits, by slice, mask or indices."""
        return dataclasses.replace(self, images=self.images[chosen], labels=self.labels[chosen])

    def gray(self) -> np.ndarray:
        """Returns the pictures as cells see them: [N, H, W] float32 in [0, 1]."""
        return gray_levels(self.images)


def describe_digits(digits: Digits) -> dict[str, Any]:
    """What identifies a set of digits: name, size and a checksum of its content."""
    content = hashlib.sha256(digits.images.tobytes() + digits.labels.tobytes())
    return {
        "source": digits.source,
        "note": digits.note,
        "num_digits": len(digits),
        "sha256": content.hexdigest(),
    }


def gray_levels(images: np.ndarray) -> np.ndarray:
    """Rescales uint8 pictures, [...], to the gray values that cells see, float32 in [0, 1]."""
    return images.astype(np.float32) / np.float32(255)


def alive_cells(images: np.ndarray) -> np.ndarray:
    """Which cells of uint8 pictures, [...], live: bool, looked up among the 256 gray values."""
    return spec.alive_mask(gray_levels(np.arange(256, dtype=np.uint8)))[images]


def check_name(dataset: str, data_dir: str = "") -> None:
    """Raises `DigitsError` if there is no set of this name for `load_digits`.

    Loads no TensorFlow.
    """
    if dataset not in OWN_NAMES:
        tfds_reader.check_name(dataset, data_dir)


def load_digits(
    dataset: str,
    split: str,
    data_dir: str = "",
    manual_dir: str = "",
    seed: int = 0,
    num_drawn: int | None = None,
) -> Digits:
    """Loads one split of a set of digits.

    If one split was loaded as 'auto', load the other by the `source` of the result, so that both
    belong to the same set. Call this after the distribution strategy is made: it runs TensorFlow
    operations, and a multi-worker strategy must be made before any operation runs.

    Args:
      dataset: 'mnist' or any 28x28x1 image-label set of TensorFlow Datasets with at most 10
        classes; 'drawn', the embedded set; or 'auto'. 'auto' is MNIST if it is prepared, in
        `manual_dir` or downloadable, and otherwise the drawn set, whose `note` then says why.
      split: 'train' or 'test'.
      data_dir: where TensorFlow Datasets keeps prepared sets; '' is its own default.
      manual_dir: folder with the files that would otherwise be downloaded; '' is none. It is
        checked even if the set is prepared already and the files are not needed.
      seed: of the drawn set only.
      num_drawn: size of the drawn set; None is `DRAWN_SIZES[split]`.

    Returns:
      The digits, in an order that is the same in every run.

    Raises:
      DigitsError: the data can't be loaded; the message is one line. A `manual_dir` or `data_dir`
        that can't be used is an error with 'auto' too, because the user named it.
    """
    if split not in SPLITS:
        raise DigitsError(f"split {split!r}: expected 'train' or 'test'")
    if dataset == "drawn":
        return _draw(split, seed, num_drawn)
    if dataset != "auto":
        return _read(dataset, split, data_dir, manual_dir)
    try:
        return _read("mnist", split, data_dir, manual_dir)
    except DigitsUnavailableError as reason:
        drawn = _draw(split, seed, num_drawn)
        return dataclasses.replace(drawn, note=f"{drawn.note} (mnist not found: {reason})")


def subset(digits: Digits, count: int, seed: int = 0) -> Digits:
    """Picks digits at random without replacement; they keep their order.

    0 takes all of them. The same seed picks the same digits.

    Raises:
      DigitsError: count is negative or more than there are.
    """
    if not 0 <= count <= len(digits):
        raise DigitsError(
            f"{count} digits asked for: expected 0 (all) to {len(digits)}, the size of "
            f"{digits.source!r}; ask for fewer"
        )
    if count in (0, len(digits)):
        return digits
    picked = np.sort(np.random.default_rng(seed).choice(len(digits), count, replace=False))
    note = f"{count} of {len(digits)} picked with seed {seed}; {digits.note}"
    return dataclasses.replace(digits[picked], note=note)


def one_hot_targets(gray: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """What each cell should say (article, "The self-classifying MNIST task").

    Args:
      gray: [B, H, W] float, in [0, 1].
      labels: [B] integer, 0 to 9.

    Returns:
      [B, H, W, 10] float32: one-hot of the digit at living cells, zero at dead ones.
    """
    import tensorflow as tf

    one_hot = tf.one_hot(labels, spec.NUM_CLASSES)[:, tf.newaxis, tf.newaxis]  # [B, 1, 1, 10]
    alive = spec.alive_mask(tf.convert_to_tensor(gray))[..., tf.newaxis]  # [B, H, W, 1]
    return tf.where(alive, one_hot, 0.0)


def _draw(split: str, seed: int, count: int | None) -> Digits:
    """The embedded set: each digit as often as any other, in random order."""
    if seed < 0:
        raise DigitsError(f"seed {seed}: expected 0 or more for the drawn digits")
    count = DRAWN_SIZES[split] if count is None else count
    if count < 1:
        raise DigitsError(f"{count} drawn digits asked for: expected 1 or more")
    # The split is part of the seed, so the two splits never share random numbers.
    rng = np.random.default_rng([seed, 1 + SPLITS.index(split)])
    labels = rng.permutation(np.arange(count) % spec.NUM_CLASSES).astype(np.uint8)
    note = f"drawn: embedded hand-made strokes, NOT MNIST; {split} split, seed {seed}"
    return Digits(strokes.draw(labels, rng), labels, "drawn", note)


def _read(dataset: str, split: str, data_dir: str, manual_dir: str) -> Digits:
    images, labels, note = tfds_reader.load(dataset, split, data_dir, manual_dir)
    return Digits(images, labels, dataset, note)
