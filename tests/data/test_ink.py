"""Finds ink on pages in good and bad light; measures and widens strokes."""

import numpy as np
import pytest

from selforg_mnist.data import ink

HEIGHT, WIDTH = 90, 120
Y, X = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]


def drawing():
    """A bar of full ink and a bar of half ink, [90, 120]."""
    strength = np.zeros((HEIGHT, WIDTH), np.float32)
    strength[20:70, 40:48] = 1.0
    strength[20:70, 70:74] = 0.5
    return strength


@pytest.mark.parametrize(("paper", "pen"), [(1, 0), (0, 1), (0.9, 0.4), (0.2, 0.5), (0.6, 0.1)])
def test_ink_is_told_from_paper_of_any_shade(paper, pen):
    gray = paper + (pen - paper) * drawing()
    np.testing.assert_allclose(ink.find(gray), drawing(), atol=1e-3)


@pytest.mark.parametrize("angle", [0.0, 1.0, 2.5, 4.0])
def test_light_that_falls_off_is_taken_away(angle):
    # From 1 at the brightest edge to about 0.4 in the opposite corner: in the shade the paper is
    # darker than the half-inked bar is in the light.
    light = 0.75 + 0.15 * (np.cos(angle) * X + np.sin(angle) * Y) - 0.1 * (X**2 + Y**2)
    found = ink.find((light * (1 - 0.6 * drawing())).astype(np.float32))
    np.testing.assert_allclose(found, drawing(), atol=0.02)


def test_noise_of_the_paper_is_no_ink():
    noise = np.random.default_rng(0).normal(0, 0.02, (HEIGHT, WIDTH))
    found = ink.find((0.8 - 0.5 * drawing() + noise).astype(np.float32))
    assert np.mean(found[drawing() == 0] > 0.1) < 0.001
    assert found[drawing() == 1].mean() > 0.9
    assert 0.3 < found[drawing() == 0.5].mean() < 0.6


def test_ink_at_the_rim_does_not_pass_for_paper():
    gray = np.zeros((40, 30), np.float32)
    gray[:, 12:18] = gray[17:23] = 1.0  # a cross that is cut off on all sides
    np.testing.assert_allclose(ink.find(1 - gray), gray, atol=1e-3)


@pytest.mark.parametrize(
    "gray",
    [
        np.full((30, 30), 0.4),
        0.5 + 0.3 * X - 0.1 * Y**2,  # a gradient counts as bad light
        0.5 + 0.01 * drawing(),  # no pen is so pale
        np.random.default_rng(0).normal(0.5, 0.1, (50, 50)),
        np.random.default_rng(0).uniform(0, 1, (50, 50)),
        np.zeros((1, 1)),
    ],
    ids=["uniform", "gradient", "pale", "normal noise", "uniform noise", "one pixel"],
)
def test_where_nothing_stands_out_there_is_no_ink(gray):
    found = ink.find(gray.astype(np.float32))
    assert found.shape == gray.shape
    assert not found.any()


@pytest.mark.parametrize("width", [2, 5, 12])
def test_stroke_width_of_bars_and_rings(width):
    bar = np.zeros((200, 60), bool)
    bar[5:195, 20 : 20 + width] = True
    # 2 * area / outline = 190 * width / (190 + width), the ends being part of the outline; the
    # length measured along four directions is exact for no angle, and 5% short for straight ones.
    assert ink.stroke_width(bar) == pytest.approx(190 * width / (190 + width), rel=0.06)
    y, x = np.mgrid[:200, :200]
    ring = np.abs(np.hypot(y - 99.5, x - 99.5) - 70) < width / 2
    assert ink.stroke_width(ring) == pytest.approx(width, rel=0.05)
    assert ink.stroke_width(ring[:, :100]) == pytest.approx(width, rel=0.06)


def test_stroke_width_of_nothing_is_zero():
    assert ink.stroke_width(np.zeros((5, 5), bool)) == 0.0


def test_widening_adds_the_radius_on_all_sides():
    dot = np.zeros((3, 4), np.float32)
    dot[1, 2] = 0.7
    np.testing.assert_array_equal(ink.widen(dot, 0), dot)
    one = ink.widen(dot, 1)
    assert one.shape == (5, 6)
    cross = {(2, 3), (1, 3), (3, 3), (2, 2), (2, 4)}
    assert set(zip(*map(np.ndarray.tolist, np.nonzero(one)), strict=True)) == cross
    assert set(one[one > 0].tolist()) == {np.float32(0.7)}
    # An octagon, of an area not far from the disc's: a square would have 625.
    wide = ink.widen(dot, 12)
    assert wide.shape == (27, 28)
    assert np.sum(wide > 0) == pytest.approx(np.pi * 12.5**2, rel=0.12)
    assert np.flatnonzero(wide.any(axis=1)).tolist() == list(range(1, 26))


def test_of_two_strokes_the_stronger_wins_where_both_reach():
    strokes = np.zeros((1, 5), np.float32)
    strokes[0, 1], strokes[0, 3] = 0.4, 1.0
    assert ink.widen(strokes, 1)[1].tolist() == pytest.approx([0, 0.4, 0.4, 1, 1, 1, 0])
