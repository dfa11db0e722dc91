"""The drawn set against MNIST; digits as arrays, subsets, targets; names, without TensorFlow."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from selforg_mnist.data import digits, strokes
from selforg_mnist.data.digits import Digits, DigitsError, load_digits
from support.messages import one_line

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def mnist(mnist_data_dir):
    return {split: load_digits("mnist", split, str(mnist_data_dir)) for split in digits.SPLITS}


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


@pytest.mark.slow
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


@pytest.mark.slow
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
