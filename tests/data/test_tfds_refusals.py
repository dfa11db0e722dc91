"""What can be wrong with a manual folder, a dataset or a data_dir: each is told in one line."""

import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

from selforg_mnist.data.digits import DigitsError, load_digits
from support.messages import one_line

ROOT = pathlib.Path(__file__).resolve().parents[2]


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
