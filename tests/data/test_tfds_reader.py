"""Digits from TensorFlow Datasets (real files, no mocks): MNIST, and how a set is prepared."""

import gzip
import hashlib
import shutil

import numpy as np
import pytest

from selforg_mnist.data import digits
from selforg_mnist.data.digits import DigitsError, load_digits
from support.messages import one_line

TINY_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # named as MNIST's are


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A TensorFlow Datasets set of 230 digits; with MNIST each preparation would take 20 s.

    `tiny.interrupt` is called in the middle of the preparation.
    """
    tfds = pytest.importorskip("tensorflow_datasets")
    folder = tmp_path_factory.mktemp("tiny_files")
    drawn = load_digits("drawn", "test", num_drawn=230)
    for name, content in zip(TINY_FILES, (drawn.images, drawn.labels), strict=True):
        (folder / name).write_bytes(gzip.compress(content.tobytes()))

    def info(path):
        content = path.read_bytes()
        size = tfds.core.utils.Size(len(content))
        return tfds.download.checksums.UrlInfo(
            size, hashlib.sha256(content).hexdigest(), path.name
        )

    class TinyDigits(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        url_infos = {f"http://127.0.0.1:9/{name}": info(folder / name) for name in TINY_FILES}  # noqa: RUF012
        pkg_dir_path = folder  # where a published set would keep its README
        files = folder
        content = drawn
        interrupt = staticmethod(lambda: None)

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(28, 28, 1)),
                "label": tfds.features.ClassLabel(num_classes=10),
            }
            return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

        def _split_generators(self, dl_manager):
            paths = dl_manager.download_and_extract(sorted(self.url_infos))
            return {"train": self._generate_examples(*paths)}

        def _generate_examples(self, images, labels):
            images = np.frombuffer(images.read_bytes(), np.uint8).reshape(-1, 28, 28, 1)
            for index, label in enumerate(labels.read_bytes()):
                if index == 100:
                    type(self).interrupt()
                yield index, {"image": images[index], "label": label}

    return TinyDigits


# --- MNIST ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mnist(mnist_data_dir):
    return {split: load_digits("mnist", split, str(mnist_data_dir)) for split in digits.SPLITS}


@pytest.mark.parametrize(
    ("split", "name", "counts", "mean_living", "max_living"),
    [
        (
            "train",
            "train",
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            136.54,
            348,
        ),
        ("test", "t10k", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], 137.69, 297),
    ],
)
def test_mnist_is_mnist(mnist, mnist_dir, split, name, counts, mean_living, max_living):
    loaded = mnist[split]
    assert len(loaded) == sum(counts) == {"train": 60_000, "test": 10_000}[split]
    assert np.bincount(loaded.labels).tolist() == counts
    living = (loaded.gray() > 0.1).sum(axis=(1, 2))
    assert living.mean() == pytest.approx(mean_living, abs=0.01)
    assert living.max() == max_living
    # TensorFlow Datasets shuffles the pictures; without their order they equal the original files.
    original = np.frombuffer(
        gzip.decompress((mnist_dir / f"{name}-images-idx3-ubyte.gz").read_bytes()), np.uint8
    )[16:].reshape(-1, 784)
    names = np.frombuffer(
        gzip.decompress((mnist_dir / f"{name}-labels-idx1-ubyte.gz").read_bytes()), np.uint8
    )[8:]

    def pairs(images, labels):
        rows = np.concatenate([images.reshape(-1, 784), labels[:, None]], axis=1)
        return sorted(row.tobytes() for row in rows)

    assert pairs(loaded.images, loaded.labels) == pairs(original, names)


def test_mnist_says_where_it_comes_from_and_auto_takes_it(mnist, mnist_data_dir):
    assert mnist["test"].source == "mnist"
    assert mnist["test"].note.startswith("mnist/3.0.1 of TensorFlow Datasets, test split")
    auto = load_digits("auto", "test", str(mnist_data_dir))
    assert auto.source == "mnist"
    np.testing.assert_array_equal(auto.images, mnist["test"].images)


def test_gray_is_the_images_over_255(mnist):
    gray = mnist["test"].gray()
    assert gray.dtype == np.float32
    np.testing.assert_array_equal(gray[:5], (mnist["test"].images[:5] / 255).astype(np.float32))
    assert gray.max() == 1


# --- Preparing, on a tiny set -------------------------------------------------------------------


@pytest.mark.slow
def test_tiny_set_round_trip_ignores_what_another_set_extracted(tiny, tmp_path):
    # TensorFlow Datasets identifies extracted files by name, and sets like MNIST share names.
    poison = tmp_path / "downloads" / "extracted"
    poison.mkdir(parents=True)
    for name in TINY_FILES:
        (poison / f"GZIP.{name}").write_bytes(bytes(230 * (784 if "images" in name else 1)))
    loaded = load_digits("tiny_digits", "train", str(tmp_path), str(tiny.files))
    assert len(loaded) == 230  # not a multiple of the number decoded together
    order = np.lexsort(loaded.images.reshape(-1, 784).T)
    expected = np.lexsort(tiny.content.images.reshape(-1, 784).T)
    np.testing.assert_array_equal(loaded.images[order], tiny.content.images[expected])
    np.testing.assert_array_equal(loaded.labels[order], tiny.content.labels[expected])
    again = load_digits("tiny_digits", "train", str(tmp_path))
    np.testing.assert_array_equal(loaded.images, again.images)
    with pytest.raises(DigitsError, match="has the splits") as error:
        load_digits("tiny_digits", "test", str(tmp_path))
    one_line(error)


@pytest.mark.slow
def test_interrupted_preparation_leaves_nothing_that_looks_finished(
    tiny, tmp_path, monkeypatch, no_network
):
    def control_c():
        raise KeyboardInterrupt

    monkeypatch.setattr(tiny, "interrupt", staticmethod(control_c))
    with pytest.raises(KeyboardInterrupt):
        load_digits("tiny_digits", "train", str(tmp_path), str(tiny.files))
    with pytest.raises(DigitsError, match="is not prepared"):
        load_digits("tiny_digits", "train", str(tmp_path))
    monkeypatch.undo()
    assert len(load_digits("tiny_digits", "train", str(tmp_path), str(tiny.files))) == 230


def test_failing_preparation_is_told_in_one_line(tiny, tmp_path, monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tiny, "interrupt", staticmethod(full))
    with pytest.raises(DigitsError, match="No space left on device") as error:
        load_digits("tiny_digits", "train", str(tmp_path), str(tiny.files))
    one_line(error)


@pytest.mark.slow
def test_two_workers_prepare_the_same_set(tiny, tmp_path, monkeypatch):
    def faster_worker():
        monkeypatch.undo()
        load_digits("tiny_digits", "train", str(tmp_path), str(tiny.files))

    monkeypatch.setattr(tiny, "interrupt", staticmethod(faster_worker))
    assert len(load_digits("tiny_digits", "train", str(tmp_path), str(tiny.files))) == 230


def test_set_prepared_in_another_file_format(tiny, tmp_path):
    import tensorflow_datasets as tfds

    config = tfds.download.DownloadConfig(manual_dir=tiny.files)
    builder = tfds.builder("tiny_digits", data_dir=tmp_path, file_format="array_record")
    builder.download_and_prepare(download_config=config)
    with pytest.raises(
        DigitsError, match="is prepared as array_record: expected tfrecord"
    ) as error:
        load_digits("tiny_digits", "train", str(tmp_path))
    one_line(error)


@pytest.mark.slow
def test_emnist_is_turned_upright(tiny, tmp_path):
    """Puts a tiny set in EMNIST's place: files and description with its name."""
    upright = load_digits("tiny_digits", "train", str(tmp_path), str(tiny.files))
    folder = tmp_path / "emnist" / "digits" / "3.1.0"
    shutil.copytree(tmp_path / "tiny_digits" / "1.0.0", folder)
    for path in folder.glob("tiny_digits-*"):
        path.rename(path.with_name(path.name.replace("tiny_digits", "emnist")))
    path = folder / "dataset_info.json"
    content = path.read_text().replace("tiny_digits", "emnist").replace('"1.0.0"', '"3.1.0"')
    path.write_text(content)
    turned = load_digits("emnist/digits", "train", str(tmp_path))
    np.testing.assert_array_equal(turned.images, upright.images.transpose(0, 2, 1))
    assert turned.note.endswith(", turned upright: the set itself has rows and columns exchanged")
    assert "turned upright" not in upright.note
