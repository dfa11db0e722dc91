"""Reads digits with TensorFlow Datasets: prepared, from a manual folder, or downloaded.

Holds the checks that report its failures to the user in one line, and a faster reader of its
record files. `Digits` and the embedded set are in `digits.py`. TensorFlow and TensorFlow Datasets
are imported inside the functions that need them, because importing this module must not slow a
command's start.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import io
import os
import pathlib
import re
import tempfile
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import logging

from selforg_mnist import spec
from selforg_mnist.errors import DigitsError, DigitsUnavailableError, one_line

if TYPE_CHECKING:
    import tensorflow as tf

_IMAGE_SHAPE = (spec.IMAGE_SIZE, spec.IMAGE_SIZE)
_REACH_SECONDS = 10  # to wait for a silent network before a set counts as not downloadable
_DECODED_TOGETHER = 200
_TRANSPOSED = ("emnist",)  # sets whose pictures have rows and columns exchanged


def load(
    dataset: str, split: str, data_dir: str, manual_dir: str
) -> tuple[np.ndarray, np.ndarray, str]:
    """Opens a set, prepares it if need be, and reads one split.

    `dataset`, `split`, `data_dir` and `manual_dir` are as in `digits.load_digits`.

    Returns:
      images: [N, 28, 28] uint8, in an order that is the same in every run.
      labels: [N] uint8.
      note: where they come from, in words.

    Raises:
      DigitsError: the data can't be loaded; the message is one line. It is a
        DigitsUnavailableError if the user has named neither folder.
    """
    tfds = _import_tfds()
    builder = _open(tfds, dataset, data_dir)
    _check_features(tfds, builder, dataset)
    if manual_dir:
        _check_manual_dir(builder, dataset, manual_dir)
    if not _is_prepared(builder):
        _prepare(tfds, builder, dataset, data_dir, manual_dir)
    images, labels = _read(tfds, builder, dataset, split)
    note = f"{builder.info.full_name} of TensorFlow Datasets, {split} split, in {builder.data_dir}"
    if builder.name in _TRANSPOSED:
        images = np.ascontiguousarray(images.transpose(0, 2, 1))
        note += ", turned upright: the set itself has rows and columns exchanged"
    return images, labels.astype(np.uint8), note


def check_name(dataset: str, data_dir: str) -> None:
    """Refuses a name that no set has, without loading TensorFlow.

    A part of the name after `/` or `:` is not checked. A set that is prepared in `data_dir` needs
    no code, only its files.

    Raises:
      DigitsError: there is no such set.
    """
    tfds = _import_tfds()
    name = re.split("[/:]", dataset)[0]
    folder = pathlib.Path(data_dir or tfds.core.constants.DATA_DIR).expanduser() / name
    if name not in _known(tfds) and not (name and folder.is_dir()):
        raise _unknown(tfds, dataset)


def _known(tfds: Any) -> list[str]:
    return tfds.list_builders(with_community_datasets=False)


def _unknown(tfds: Any, dataset: str) -> DigitsError:
    near = difflib.get_close_matches(dataset.replace("-", "_"), ["drawn", *_known(tfds)], 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return DigitsError(
        f"dataset {dataset!r} is unknown: {hint}expected 'auto', 'drawn', 'mnist' or another "
        "28x28 set of TensorFlow Datasets, such as 'fashion_mnist'; check the spelling"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TensorFlow Datasets' own messages off the screen; we report its failures."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.FATAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.set_verbosity(verbosity)


def _import_tfds() -> Any:
    try:
        with _quiet():
            import tensorflow_datasets as tfds
        # When protobuf versions clash, the import succeeds but the module is empty.
        tfds.disable_progress_bar()
    except (ImportError, AttributeError) as error:
        raise DigitsError(
            f"tensorflow_datasets can't be imported ({one_line(error)}): expected it and a "
            "tensorflow-metadata that fits the installed protobuf; run: pip install "
            "tensorflow-datasets importlib_resources 'tensorflow-metadata<1.18'"
        ) from error
    return tfds


def _open(tfds: Any, dataset: str, data_dir: str) -> Any:
    try:
        with _quiet():
            return tfds.builder(dataset, data_dir=os.path.expanduser(data_dir) or None)
    except tfds.core.DatasetNotFoundError as error:
        raise _unknown(tfds, dataset) from error
    except Exception as error:  # a bad name or a damaged folder raise errors of many types
        raise DigitsError(
            f"dataset {dataset!r} can't be opened ({one_line(error)}): expected a set of "
            "TensorFlow Datasets; check the name, or delete its folder in data_dir if that is "
            "damaged"
        ) from error


def _is_prepared(builder: Any) -> bool:
    with _quiet():  # it warns where the answer is no
        return builder.is_prepared()


def _check_features(tfds: Any, builder: Any, dataset: str) -> None:
    """Refuses a set that isn't pictures of digits, before anything is downloaded."""
    features = builder.info.features
    named = dict(features) if isinstance(features, tfds.features.FeaturesDict) else {}
    image, label = named.get("image"), named.get("label")
    fits = (
        isinstance(image, tfds.features.Image)
        and tuple(image.shape) == (*_IMAGE_SHAPE, 1)
        and image.np_dtype == np.uint8
        and isinstance(label, tfds.features.ClassLabel)
        and label.num_classes <= spec.NUM_CLASSES
    )
    if not fits:
        raise DigitsError(
            f"dataset {dataset!r} has {one_line(repr(features))}: expected 'image' of "
            "28x28x1 uint8 and 'label' of at most 10 classes; use 'mnist', 'fashion_mnist', ..."
        )


def _files(builder: Any) -> dict[str, Any]:
    """The files that a set is made from, by name: their size and SHA-256."""
    infos = sorted((builder.url_infos or {}).values(), key=lambda info: info.filename or "")
    return {info.filename: info for info in infos if info.filename}


def _check_manual_dir(builder: Any, dataset: str, manual_dir: str) -> None:
    """Compares the user's files with the checksums that TensorFlow Datasets has registered.

    TensorFlow Datasets checks them too, but only while it prepares a set, and it would download
    missing files.
    """
    folder = pathlib.Path(manual_dir).expanduser()
    expected = _files(builder)
    names = ", ".join(expected) or f"the files of {dataset}"
    remedy = "correct --manual_dir or leave it out"
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise DigitsError(f"manual_dir {manual_dir!r} {what}: expected one with {names}; {remedy}")
    missing = [name for name in expected if not (folder / name).is_file()]
    empty = not any(folder.iterdir())
    if missing or empty:
        what = "is empty" if empty else f"lacks {', '.join(missing)}"
        raise DigitsError(f"manual_dir {manual_dir!r} {what}: expected {names}; {remedy}")
    for name, info in expected.items():
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise DigitsError(
                f"{folder / name} can't be read ({one_line(error)}); {remedy}"
            ) from error
        if len(content) != info.size or hashlib.sha256(content).hexdigest() != info.checksum:
            raise DigitsError(
                f"{folder / name} is damaged or not {dataset}'s: {len(content)} bytes, expected "
                f"{int(info.size)} with SHA-256 {info.checksum}; copy it again"
            )


def _prepare(tfds: Any, builder: Any, dataset: str, data_dir: str, manual_dir: str) -> None:
    """Lets TensorFlow Datasets write its record files, once for each data_dir.

    It writes into a folder of another name and renames that at the end, so an interrupted
    preparation can't be taken for a finished one.
    """
    # If the user has named no folder, a failure is not a mistake of theirs.
    failure = DigitsError if data_dir or manual_dir else DigitsUnavailableError
    root = builder.data_dir_root
    if builder.data_path.exists():
        raise DigitsError(
            f"{builder.data_dir} is damaged: expected a prepared {dataset}; delete that folder"
        )
    try:
        root.mkdir(parents=True, exist_ok=True)
        if "://" not in str(root) and not os.access(root, os.W_OK):
            raise PermissionError("no permission to write")
    except OSError as error:
        raise failure(
            f"data_dir '{root}' can't be written ({one_line(error)}): expected a folder to "
            f"prepare {dataset} in; give another --data_dir, or use --dataset=drawn"
        ) from error
    if not manual_dir:
        _check_reachable(builder, dataset)
    source = manual_dir or "the network"
    logging.info("Preparing %s from %s in %s: once, under a minute", dataset, source, root)
    try:
        # Each set is extracted to a folder of its own. By default all sets share one, and
        # TensorFlow Datasets recognises extracted files by their names alone. Fashion-MNIST's
        # files are named like MNIST's, so it would silently become MNIST.
        with _quiet(), tempfile.TemporaryDirectory() as extract_dir:
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(
                    manual_dir=os.path.expanduser(manual_dir) or None,
                    extract_dir=extract_dir,
                    try_download_gcs=False,
                )
            )
    except Exception as error:  # network, disk, checksums: TensorFlow Datasets raises all kinds
        if _is_prepared(builder):  # another worker was faster
            return
        raise failure(
            f"dataset {dataset!r} can't be prepared from {source} ({one_line(error)}): expected "
            "its files and room on the disk; try again, give --manual_dir, or use --dataset=drawn"
        ) from error


def _check_reachable(builder: Any, dataset: str) -> None:
    """Fails within seconds without a network: TensorFlow Datasets would retry for minutes."""
    for url in list(builder.url_infos or {})[:1]:
        try:
            with urllib.request.urlopen(url, timeout=_REACH_SECONDS):
                return
        except (OSError, ValueError) as error:
            raise DigitsUnavailableError(
                f"dataset {dataset!r} is not prepared in '{builder.data_dir_root}' and can't be "
                f"downloaded ({one_line(error)}): expected a network or a folder with "
                f"{', '.join(_files(builder))}; give the folder as --manual_dir, or use "
                "--dataset=drawn"
            ) from error


def _read(tfds: Any, builder: Any, dataset: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Reads a prepared split: [N, 28, 28] uint8 images and [N] int64 labels."""
    info = builder.info.splits.get(split)
    if info is None:
        raise DigitsError(
            f"dataset {dataset!r} in {builder.data_dir} has the splits "
            f"{sorted(builder.info.splits)}: expected {split!r}; use another set, or delete "
            "that folder if it is damaged"
        )
    file_format = builder.info.file_format
    if file_format != tfds.core.FileFormat.TFRECORD:
        raise DigitsError(
            f"dataset {dataset!r} in {builder.data_dir} is prepared as {file_format.value}: "
            "expected tfrecord, the default; give another --data_dir"
        )
    try:
        images, labels = _read_records([str(path) for path in info.filepaths])
        if len(images) != info.num_examples:
            raise ValueError(f"{len(images)} of {info.num_examples} examples")
    except Exception as error:  # missing, short and damaged files raise errors of many types
        raise DigitsError(
            f"prepared dataset {dataset!r} is damaged ({one_line(error)}): expected "
            f"{info.num_examples} {split} digits; delete {builder.data_dir} to prepare it anew"
        ) from error
    return images[..., 0], labels


def _read_records(paths: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Reads TensorFlow Datasets' record files: [N, 28, 28, 1] uint8 and [N] int64.

    Their own reader parses and decodes one example at a time: 5 s for the 60,000 of MNIST on two
    cores, each time a command starts. Here a graph parses and decodes 200 at a time, in 1 s.
    """
    import tensorflow as tf

    def decode(records: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = tf.io.parse_example(
            records,
            {
                "image": tf.io.FixedLenFeature([], tf.string),
                "label": tf.io.FixedLenFeature([], tf.int64),
            },
        )
        images = [tf.io.decode_png(png, 1) for png in tf.unstack(example["image"])]
        return tf.stack(images), example["label"]

    records = np.concatenate(
        list(tf.data.TFRecordDataset(paths).batch(10_000).as_numpy_iterator())
    )
    padding = np.repeat(records[-1:], -len(records) % _DECODED_TOGETHER)  # whole batches only
    batches = (
        tf.data.Dataset.from_tensor_slices(np.concatenate([records, padding]))
        .batch(_DECODED_TOGETHER, drop_remainder=True)
        .map(decode, num_parallel_calls=tf.data.AUTOTUNE)
    )
    images, labels = zip(*batches.as_numpy_iterator(), strict=True)
    return np.concatenate(images)[: len(records)], np.concatenate(labels)[: len(records)]
