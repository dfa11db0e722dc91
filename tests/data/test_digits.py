"""Digits from TensorFlow Datasets (real files, no mocks), the drawn set, targets and subsets."""

import gzip
import hashlib
import pathlib
import shutil
import subprocess
import sys
import urllib.request

import numpy as np
import pytest

from selforg_mnist.data import digits, strokes
from selforg_mnist.data.digits import Digits, DigitsError, load_digits

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY_FILES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")  # named as MNIST's are


def one_line(error) -> str:
    """The message that a command would print: one line, however deep the cause."""
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


@pytest.fixture
def no_network(monkeypatch):
    """Sends every request to a closed port, because the machine may have a network or a proxy."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    urllib.request.install_opener(None)  # the next request reads the variables again
    yield
    urllib.request.install_opener(None)


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


# --- What can be wrong with a manual folder -------------------------------------------------


@pytest.fixture
def manual_copy(mnist_dir, tmp_path):
    """A copy of MNIST's files, to be damaged."""
    folder = tmp_path / "manual"
    folder.mkdir()
    for path in mnist_dir.glob("*.gz"):
        shutil.copyfile(path, folder / path.name)
    return folder


def refused(tmp_path, manual_dir, dataset="mnist") -> str:
    with pytest.raises(DigitsError) as error:
        load_digits(dataset, "train", str(tmp_path / "data"), str(manual_dir))
    assert not (tmp_path / "data" / "mnist").exists()
    return one_line(error)


def test_manual_file_missing(tmp_path, manual_copy):
    (manual_copy / "train-labels-idx1-ubyte.gz").unlink()
    assert "lacks train-labels-idx1-ubyte.gz: expected" in refused(tmp_path, manual_copy)


def test_manual_file_corrupt(tmp_path, manual_copy):
    path = manual_copy / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    text = refused(tmp_path, manual_copy)
    assert str(path) in text
    assert "damaged" in text
    assert "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6" in text


def test_manual_file_truncated(tmp_path, manual_copy):
    path = manual_copy / "train-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:1_000_000])
    text = refused(tmp_path, manual_copy)
    assert f"{path} is damaged" in text
    assert "1000000 bytes, expected 9912422" in text


def test_manual_files_of_another_set(tmp_path, mnist_dir):
    text = refused(tmp_path, mnist_dir, "fashion_mnist")
    assert "not fashion_mnist's" in text


@pytest.mark.parametrize("dataset", ["mnist", "auto"])
@pytest.mark.parametrize("kind", ["is empty", "does not exist", "is not a folder"])
def test_manual_dir_unusable_is_an_error_even_under_auto(tmp_path, dataset, kind):
    folder = tmp_path / "manual"
    if kind == "is empty":
        folder.mkdir()
    elif kind == "is not a folder":
        folder.write_text("")
    text = refused(tmp_path, folder, dataset)
    assert f"manual_dir '{folder}' {kind}" in text
    assert "train-images-idx3-ubyte.gz" in text
    assert "--manual_dir" in text


def test_manual_dir_is_checked_even_where_the_set_is_prepared(mnist_data_dir, tmp_path):
    with pytest.raises(DigitsError, match="is empty"):
        load_digits("mnist", "test", str(mnist_data_dir), str(tmp_path))


# --- What can be wrong with a dataset or a data_dir -------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("mnits", "dataset 'mnits' is unknown"),
        ("", "dataset '' can't be opened"),
        ("mnist/thin", "BuilderConfig thin not found"),
        ("cifar10", "(32, 32, 3)"),
        ("binarized_mnist", "expected 'image' of 28x28x1 uint8 and 'label'"),
        ("emnist", "num_classes=62"),
        ("imdb_reviews", "expected 'image' of 28x28x1 uint8"),
    ],
)
def test_dataset_that_does_not_fit(dataset, said, tmp_path, no_network):
    with pytest.raises(DigitsError) as error:
        load_digits(dataset, "train", str(tmp_path))
    assert said in one_line(error)
    assert not list(tmp_path.iterdir())  # refused before any download


def test_no_network_fails_fast_and_names_the_remedy(tmp_path, no_network):
    with pytest.raises(DigitsError) as error:
        load_digits("mnist", "train", str(tmp_path))
    text = one_line(error)
    assert f"not prepared in '{tmp_path}' and can't be downloaded" in text
    assert "--manual_dir" in text
    assert "--dataset=drawn" in text


def test_auto_falls_back_to_drawn_and_says_so(tmp_path, no_network):
    loaded = load_digits("auto", "test", str(tmp_path), seed=3, num_drawn=20)
    assert loaded.source == "drawn"
    assert "NOT MNIST" in loaded.note
    assert "mnist not found" in loaded.note
    assert "can't be downloaded" in loaded.note
    assert "\n" not in loaded.note
    again = load_digits("drawn", "test", seed=3, num_drawn=20)
    np.testing.assert_array_equal(loaded.images, again.images)


@pytest.mark.parametrize("dataset", ["mnist", "auto"])
def test_data_dir_unwritable(tmp_path, dataset, no_network):
    (tmp_path / "file").write_text("")
    with pytest.raises(DigitsError) as error:
        load_digits(dataset, "train", str(tmp_path / "file" / "data"))
    text = one_line(error)
    assert "can't be written" in text
    assert "--data_dir" in text


@pytest.fixture
def damaged(mnist_data_dir, tmp_path):
    """A copy of prepared MNIST, to be damaged."""
    shutil.copytree(mnist_data_dir / "mnist", tmp_path / "mnist")
    return next((tmp_path / "mnist").glob("3.*"))


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


def cut_between_records(path):
    content = path.read_bytes()
    length = (
        int.from_bytes(content[:8], "little") + 16
    )  # a record with its length and two checksums
    path.write_bytes(content[:length])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [cut, cut_between_records, flip, pathlib.Path.unlink])
@pytest.mark.parametrize("dataset", ["mnist", "auto"])
def test_prepared_records_damaged(damaged, dataset, spoil):
    spoil(next(damaged.glob("*test.tfrecord*")))
    with pytest.raises(DigitsError) as error:
        load_digits(dataset, "test", str(damaged.parents[1]))
    text = one_line(error)
    assert "prepared dataset 'mnist' is damaged" in text
    assert f"delete {damaged}" in text


@pytest.mark.parametrize("content", [None, "{"])
def test_prepared_description_damaged(damaged, content):
    path = damaged / "dataset_info.json"
    path.unlink()
    if content:
        path.write_text(content)
    with pytest.raises(DigitsError, match=r"delete .*damaged|damaged.*delete") as error:
        load_digits("mnist", "test", str(damaged.parents[1]))
    one_line(error)


def test_tensorflow_datasets_that_will_not_import(tmp_path):
    # If protobuf is older than tensorflow-metadata needs, the import leaves an empty module.
    (tmp_path / "tensorflow_datasets").mkdir()
    (tmp_path / "tensorflow_datasets" / "__init__.py").write_text("")
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n"
        "from selforg_mnist.data import digits\n"
        "try: digits.load_digits('auto', 'test')\n"
        "except digits.DigitsError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tensorflow_datasets can't be imported" in done.stdout
    assert "pip install" in done.stdout


# --- Preparing, on a tiny set -------------------------------------------------------------------


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


# --- Drawn --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    return load_digits("drawn", "test")


def pictures(loaded: Digits) -> set[bytes]:
    return {image.tobytes() for image in loaded.images}


def test_drawn_sizes_balance_and_note(drawn):
    assert len(drawn) == 2_000
    assert np.bincount(drawn.labels).tolist() == [200] * 10
    assert drawn.source == "drawn"
    assert "NOT MNIST" in drawn.note
    odd = load_digits("drawn", "train", num_drawn=23)
    assert sorted(np.bincount(odd.labels)) == [2] * 7 + [3] * 3
    assert digits.DRAWN_SIZES == {"train": 10_000, "test": 2_000}
    assert (np.diff(drawn.labels.astype(int)) != 0).mean() > 0.8  # shuffled


def test_drawn_is_deterministic_and_the_seed_counts(drawn):
    again = load_digits("drawn", "test")
    np.testing.assert_array_equal(again.images, drawn.images)
    np.testing.assert_array_equal(again.labels, drawn.labels)
    other = load_digits("drawn", "test", seed=1)
    assert not pictures(other) & pictures(drawn)


def test_drawn_splits_share_no_picture(drawn):
    train = load_digits("drawn", "train", num_drawn=len(drawn))
    assert len(pictures(train) | pictures(drawn)) == 2 * len(drawn)


def test_drawn_digits_are_in_one_piece(drawn):
    assert strokes.connected(drawn.images).all()


def test_a_digit_that_falls_apart_is_drawn_again(monkeypatch):
    # Two bars that touch only with a broad pen.
    monkeypatch.setitem(strokes.HANDS, 1, ("40,5 40,95 | 66,5 66,95",))
    images = strokes.draw(np.ones(300, int), np.random.default_rng(0))
    assert strokes.connected(images).all()
    monkeypatch.setattr(strokes, "connected", lambda images: np.ones(len(images), bool))
    once = strokes.draw(np.ones(300, int), np.random.default_rng(0))
    monkeypatch.undo()
    assert 20 < strokes.connected(once).sum() < 280  # otherwise this would test nothing


def test_connected_against_a_plain_flood_fill(mnist):
    def one_piece(image):
        cells = {tuple(cell) for cell in np.argwhere(image / 255 > 0.1)}
        todo = [cells.pop()]
        while todo:
            y, x = todo.pop()
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & cells
            cells -= near
            todo += near
        return not cells

    images = mnist["test"].images[:500]
    expected = [one_piece(image) for image in images]
    assert 5 < expected.count(False) < 30  # the article's figures: 2.95% are in pieces
    assert strokes.connected(images).tolist() == expected
    assert strokes.connected(mnist["test"].images).mean() == pytest.approx(1 - 0.0295, abs=2e-4)
    assert not strokes.connected(np.zeros((1, 28, 28), np.uint8)).any()


def test_drawn_is_placed_as_mnist_is(drawn):
    gray = drawn.gray()
    living = (gray > 0.1).sum(axis=(1, 2))
    assert 125 < living.mean() < 150  # MNIST: 136.5
    assert living.min() > 20
    assert living.max() < 348
    mass = gray.sum(axis=(1, 2))
    for axis in (1, 2):
        centre = (gray.sum(axis=3 - axis) * np.arange(28)).sum(axis=1) / mass
        assert np.abs(centre - 14).max() < 2
        assert centre.mean() == pytest.approx(14, abs=0.2)
        extent = (gray > 0).any(axis=3 - axis).sum(axis=1)
        assert extent.max() <= 22  # the 20x20 box, and perhaps a faint rim
    assert 0.3 < (drawn.images > 249).sum() / (drawn.images > 25).sum() < 0.6  # MNIST: 0.43


def test_every_digit_is_drawn_in_several_hands():
    for digit in range(10):
        assert len(set(strokes.HANDS[digit])) >= 4


def test_drawn_digits_look_like_mnist_digits(mnist, drawn):
    # The nearest of 6,000 MNIST digits usually has the same label. That isn't so for a digit that
    # nobody would write, such as one upside down or torn.
    known = subset_rows(mnist["train"], 6_000)
    query = subset_rows(drawn, 500)
    nearest = ((known[0] ** 2).sum(axis=1) - 2 * query[0] @ known[0].T).argmin(axis=1)
    right = known[1][nearest] == query[1]
    assert right.mean() > 0.85
    for digit in range(10):
        assert right[query[1] == digit].mean() > 0.6


def subset_rows(loaded, count):
    picked = digits.subset(loaded, count)
    return picked.gray().reshape(count, 784), picked.labels


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"num_drawn": 0}, "0 drawn digits"),
        ({"num_drawn": -5}, "-5 drawn digits"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_drawn_refuses(arguments, said):
    with pytest.raises(DigitsError) as error:
        load_digits("drawn", "test", **arguments)
    assert said in one_line(error)


# --- Digits, subset, targets --------------------------------------------------------------------


def test_unknown_split():
    with pytest.raises(DigitsError, match="split 'valid': expected 'train' or 'test'"):
        load_digits("drawn", "valid")


@pytest.mark.parametrize(
    ("images", "labels", "said"),
    [
        (np.zeros((2, 28, 28), np.float32), np.zeros(2, np.uint8), "images are float32"),
        (np.zeros((2, 28, 28, 1), np.uint8), np.zeros(2, np.uint8), r"\[2, 28, 28, 1\]"),
        (np.zeros((2, 784), np.uint8), np.zeros(2, np.uint8), r"\[2, 784\]"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.int64), "labels are int64"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(3, np.uint8), r"labels are uint8 \[3\]"),
        (np.zeros((2, 28, 28), np.uint8), np.array([0, 10], np.uint8), "label 10"),
    ],
)
def test_digits_are_validated(images, labels, said):
    with pytest.raises(ValueError, match=said) as error:
        Digits(images, labels, "here", "a test")
    assert "expected" in one_line(error)


def test_subset(drawn):
    some = digits.subset(drawn, 1_000, seed=4)
    assert len(some) == len(pictures(some)) == 1_000
    assert pictures(some) < pictures(drawn)
    assert some.source == "drawn"
    assert some.note.startswith("1000 of 2000 picked with seed 4; drawn:")
    label_of = {
        image.tobytes(): label for image, label in zip(drawn.images, drawn.labels, strict=True)
    }
    assert [label_of[image.tobytes()] for image in some.images] == some.labels.tolist()
    np.testing.assert_array_equal(digits.subset(drawn, 1_000, seed=4).images, some.images)
    assert pictures(digits.subset(drawn, 1_000, seed=5)) != pictures(some)
    assert digits.subset(drawn, 0) is drawn
    assert digits.subset(drawn, 2_000) is drawn


@pytest.mark.parametrize("count", [-1, 2_001])
def test_subset_refuses(drawn, count):
    with pytest.raises(
        DigitsError, match=rf"^{count} digits asked for: expected 0 \(all\) to 2000"
    ):
        digits.subset(drawn, count)


def test_targets_worked_by_hand():
    # A cell of exactly 0.1 is dead: the article says "larger than 0.1".
    gray = np.array([[[0.0, 0.1], [0.11, 1.0]], [[26 / 255, 25 / 255], [0.0, 0.0]]], np.float32)
    target = digits.one_hot_targets(gray, np.array([3, 0], np.uint8)).numpy()
    assert target.shape == (2, 2, 2, 10)
    assert target.dtype == np.float32
    expected = np.zeros((2, 2, 2, 10))
    expected[0, 1, 0, 3] = expected[0, 1, 1, 3] = expected[1, 0, 0, 0] = 1
    np.testing.assert_array_equal(target, expected)


def test_importing_the_module_imports_no_tensorflow():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import selforg_mnist.data.digits; "
        "print(sorted(name for name in sys.modules if name.startswith('tensorflow')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_wrong_name_is_refused_without_tensorflow():
    code = "import sys; from selforg_mnist.data import digits\n"
    code += "for name in ('auto', 'drawn', 'mnist', 'kmnist:3.0.1', 'emnist/digits'):\n"
    code += "    digits.check_name(name)\n"
    code += "try:\n    digits.check_name('fashion-mnist')\n"
    code += "except digits.DigitsError as error:\n    print(error)\n"
    code += "assert 'tensorflow' not in sys.modules"
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert printed.startswith("dataset 'fashion-mnist' is unknown: did you mean 'fashion_mnist'?")


def test_a_set_that_is_prepared_needs_no_code(tmp_path):
    with pytest.raises(DigitsError, match=r"^dataset 'my_digits' is unknown"):
        digits.check_name("my_digits", str(tmp_path))
    (tmp_path / "my_digits").mkdir()
    digits.check_name("my_digits/small:1.0.0", str(tmp_path))
