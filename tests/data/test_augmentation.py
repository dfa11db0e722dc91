"""Digits of other sizes and stroke widths: what changes, what stays, what a seed does."""

import dataclasses

import numpy as np
import pytest

from selforg_mnist import experiment
from selforg_mnist.data import augmentation, strokes
from selforg_mnist.data.digits import load_digits
from selforg_mnist.experiment import Experiment


@pytest.fixture(scope="module")
def drawn():
    return load_digits("drawn", "train", num_drawn=60)


def vary(digits, **options):
    return augmentation.vary(digits, Experiment("test", **options))


def heights(images):
    rows = (images > 25).any(axis=2)
    return rows.shape[1] - rows[:, ::-1].argmax(axis=1) - rows.argmax(axis=1)


def ink(images):
    return images.sum(axis=(1, 2), dtype=float)


@pytest.mark.parametrize("name", ["ce", "l2", "l2_noise", "consensus"])
def test_without_ranges_they_are_the_very_same(drawn, name):
    assert augmentation.vary(drawn, experiment.get(name)) is drawn


def test_a_larger_canvas_alone_moves_no_gray(drawn):
    varied = vary(drawn, canvas=40)
    np.testing.assert_array_equal(varied.images[:, 6:-6, 6:-6], drawn.images)
    assert ink(varied.images).sum() == ink(drawn.images).sum()


def test_sizes_fill_the_range(drawn):
    varied = vary(drawn, canvas=64, scale_range=(0.7, 2.2))
    factors = heights(varied.images) / heights(drawn.images)
    assert varied.images.shape == (60, 64, 64)
    assert 0.6 < factors.min() < 0.9
    assert 1.9 < factors.max() < 2.35
    np.testing.assert_array_equal(varied.labels, drawn.labels)
    assert "sizes 0.7 to 2.2 on 64 x 64 cells" in varied.note


@pytest.mark.parametrize(
    ("strokes_asked_for", "least", "most"),
    [
        ((1.0, 1.0), 2.0, 4.0),
        ((2.0, 2.0), 4.0, 4.0),
        ((2.8, 2.8), 4.0, 5.6),
        ((9.0, 9.0), 4.0, 6.4),
    ],
)
def test_stroke_widths_lie_between_the_scaled_ones_and_those_asked_for(
    drawn, strokes_asked_for, least, most
):
    """At twice the size, strokes are twice as long, and wider by the given factor."""
    varied = vary(drawn, canvas=64, scale_range=(2.0, 2.0), stroke_range=strokes_asked_for)
    ratios = ink(varied.images) / ink(drawn.images)
    spread = most - least
    assert np.all((ratios > 0.96 * least) & (ratios < 1.04 * most))
    assert ratios.min() < least + 0.2 * spread + 0.1
    assert ratios.max() > most - 0.2 * spread - 0.1
    assert abs(heights(varied.images) / heights(drawn.images) - 2.0).max() < 0.35


def test_thin_strokes_keep_digits_in_one_piece(drawn):
    varied = vary(drawn, canvas=64, scale_range=(1.8, 2.2), stroke_range=(0.8, 0.8))
    assert strokes.connected(drawn.images).all()
    assert strokes.connected(varied.images).all()


def test_a_share_keeps_its_size_and_strokes(drawn):
    options = {"canvas": 64, "scale_range": (0.7, 2.2), "stroke_range": (0.8, 2.2)}
    varied = vary(drawn, plain_share=0.5, **options)
    kept = (varied.images[:, 18:-18, 18:-18] == drawn.images).all(axis=(1, 2))
    assert 20 <= kept.sum() <= 40
    assert f"{kept.sum()} as they are" in varied.note
    everywhere = vary(drawn, **options)
    np.testing.assert_array_equal(varied.images[~kept], everywhere.images[~kept])
    assert not (everywhere.images[kept] == varied.images[kept]).all(axis=(1, 2)).any()


def test_a_share_is_drawn_by_training_hands_only(drawn):
    blank = dataclasses.replace(drawn, images=np.zeros_like(drawn.images))
    varied = vary(blank, drawn_share=0.5)
    inked = ink(varied.images) > 0
    assert 0.3 < inked.mean() < 0.7
    np.testing.assert_array_equal(varied.labels[~inked], drawn.labels[~inked])
    for digit, hands in strokes.HANDS.items():
        ours, others = strokes.TRAINING_HANDS[digit], strokes.HELD_OUT_HANDS[digit]
        assert set(ours) | set(others) == set(hands)
        assert not set(ours) & set(others)
        assert ours
        assert others


@pytest.mark.slow
def test_seed_decides(drawn):
    options = {"canvas": 64, "scale_range": (0.7, 2.2), "stroke_range": (0.8, 2.2)}
    first, again, other = (vary(drawn, seed=seed, **options).images for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
