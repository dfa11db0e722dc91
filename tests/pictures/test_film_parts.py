"""The parts of frames: the cursor's position, and the colours of numbers."""

import numpy as np
import pytest

from selforg_mnist.pictures import film_parts

WHITE, INK = (255, 255, 255), (40, 40, 40)
BLUE, ORANGE, RED = (207, 226, 243), (252, 229, 205), (229, 115, 115)


def columns_of(picture, colour, row=12):
    return np.flatnonzero((picture[row] == colour).all(axis=-1))


class TestTimeBar:
    @pytest.mark.parametrize(("step", "centre"), [(0, 8), (1, 9), (50, 58), (99, 107), (100, 108)])
    def test_cursor_stands_at_the_step(self, step, centre):
        # 116 columns, a margin of 8 at each end: a column a step.
        bar = film_parts.time_bar(116, step, 100)
        assert columns_of(bar, INK).tolist() == list(range(centre - 3, centre + 3))

    @pytest.mark.parametrize("steps", [1, 7, 2000])
    def test_cursor_goes_from_end_to_end_evenly(self, steps):
        centres = [
            columns_of(film_parts.time_bar(500, step, steps), INK).mean()
            for step in range(0, steps + 1, max(1, steps // 50))
        ]
        np.testing.assert_allclose(centres, np.linspace(7.5, 491.5, len(centres)), atol=0.51)

    def test_phases_after_a_mutation_are_orange(self):
        bar = film_parts.time_bar(416, 0, 400, [100, 300])
        blue, orange, red = (columns_of(bar, colour) for colour in (BLUE, ORANGE, RED))
        assert blue.max() < red.min() == 108 - 3
        assert red.tolist() == [*range(105, 111), *range(305, 311)]  # inside its outline
        assert orange.min() == 112
        assert orange.max() == 414
        assert len(blue) + len(orange) > 380
        assert len(columns_of(film_parts.time_bar(416, 0, 400), BLUE)) > 400

    def test_ends_are_round(self):
        bar = film_parts.time_bar(200, 100, 200)
        for corner in (bar[0, 0], bar[0, -1], bar[23, 0], bar[23, -1]):
            assert tuple(corner) == WHITE

    def test_word_stands_under_each_mark(self):
        bar = film_parts.time_bar(600, 0, 600, [150, 450])
        dark = np.flatnonzero((bar[24:] < 200).any(axis=(0, 2)))
        for word, centre in ((dark[dark < 300], 154), (dark[dark > 300], 446)):
            assert word.min() + word.max() == pytest.approx(2 * centre, abs=6)
            assert 40 < word.max() - word.min() < 56

    def test_marks_have_the_names_that_are_given(self):
        bar = film_parts.time_bar(600, 0, 600, [150, 450], ["in", "Mutation"])
        default = film_parts.time_bar(600, 0, 600, [150, 450])
        np.testing.assert_array_equal(bar[:, 300:], default[:, 300:])
        short = np.flatnonzero((bar[24:, :300] < 200).any(axis=(0, 2)))
        assert short.min() + short.max() == pytest.approx(2 * 154, abs=6)
        assert short.max() - short.min() < 12

    @pytest.mark.parametrize(
        ("width", "mutations"), [(200, [1, 1999]), (200, [0, 2000]), (120, [900, 1000, 1100])]
    )
    def test_words_are_neither_cut_off_nor_on_each_other(self, width, mutations):
        """Each word under a bar is that under a wide bar, pixel by pixel."""
        alone = film_parts.time_bar(600, 0, 2, [1])[24:]
        left, right = np.flatnonzero((alone < 255).any(axis=(0, 2)))[[0, -1]]
        word = alone[:, left : right + 1]
        rest = film_parts.time_bar(width, 0, 2000, mutations)[24:].copy()
        found = 0
        for x in range(width - word.shape[1] + 1):
            if (rest[:, x : x + word.shape[1]] == word).all():
                rest[:, x : x + word.shape[1]] = 255
                found += 1
        assert found == (1 if width == 120 else 2)
        assert (rest == 255).all()

    def test_size_is_that_of_the_film(self):
        shapes = {
            film_parts.time_bar(300, step, 2000, [1000]).shape for step in (0, 999, 1000, 2000)
        }
        assert shapes == {(44, 300, 3)}
        assert film_parts.time_bar(300, 0, 2000).shape == (24, 300, 3)


class TestSigned:
    def test_sign_is_the_colour(self):
        values = np.array([1e-3, 0.1, 1.0, 30.0, 1e30, np.inf], np.float32)
        positive, negative = film_parts.signed(values), film_parts.signed(-values)
        assert positive.dtype == np.uint8
        for red, _, blue in positive[1:].astype(int):
            assert red > blue + 5
        for red, _, blue in negative[1:].astype(int):
            assert blue > red + 5
        assert (np.abs(positive[0].astype(int) - 247) <= 2).all()
        # The further from zero, the darker.
        assert (np.diff(positive.astype(int).sum(axis=-1)) <= 0).all()
        assert (np.diff(negative.astype(int).sum(axis=-1)) <= 0).all()

    def test_ends_and_middle_of_the_map(self):
        colours = film_parts.signed(np.array([-np.inf, 0.0, np.inf, 1e38, -1e38]))
        assert [tuple(c) for c in colours] == [
            (5, 48, 97),
            (247, 246, 246),
            (103, 0, 31),
            (103, 0, 31),
            (5, 48, 97),
        ]

    def test_arctan(self):
        # arctan(1) is half way between zero and infinity: RdBu's colour at three quarters.
        (colour,) = film_parts.signed(np.array([1.0]))
        np.testing.assert_allclose(colour, (228, 129, 104), atol=6)

    def test_what_is_no_number_is_black(self):
        assert film_parts.signed(np.array([[np.nan]])).tolist() == [[[0, 0, 0]]]


class TestColourBar:
    def test_colours_stand_below_their_values(self):
        bar = film_parts.colour_bar(28 + 161)  # ten columns a tick
        middle = bar[30, 14:-14].astype(int)
        assert middle.shape == (161, 3)
        for i, value in enumerate((-np.inf, -5.0, -2.4, -1.5, -1.0, -0.7, -0.4, -0.2, 0.0)):
            for column, signed in ((10 * i, value), (160 - 10 * i, -value)):
                expected = film_parts.signed(np.array(signed)).astype(int)
                np.testing.assert_allclose(middle[column], expected, atol=8)

    @pytest.mark.parametrize(
        ("width", "ticks"), [(600, 17), (448, 17), (400, 9), (200, 5), (130, 3), (60, 2)]
    )
    def test_as_many_values_as_there_is_room_for(self, width, ticks):
        bar = film_parts.colour_bar(width)
        assert len(columns_of(bar, INK, row=18)) == ticks
        words = (bar[:15] < 255).any(axis=(0, 2))
        assert not words[0], "cut off at the left"
        assert not words[-1], "cut off at the right"
        gaps = np.flatnonzero(np.diff(np.flatnonzero(words)) > 4)
        assert len(gaps) >= ticks - 1, "values run into each other"

    def test_values_are_the_article_s(self):
        negative = ["-inf", "-5.0", "-2.4", "-1.5", "-1.0", "-0.7", "-0.4", "-0.2"]
        names = [*negative, "0.0", *(name.removeprefix("-") for name in reversed(negative))]
        bar = film_parts.colour_bar(28 + 1601)
        for i, name in enumerate(names):
            word = film_parts.text(name, 11)
            left = 14 + 100 * i - word.shape[1] // 2
            shown = bar[: word.shape[0], left : left + word.shape[1]]
            np.testing.assert_array_equal(shown, word, err_msg=name)


@pytest.mark.parametrize("size", [11, 12, 14])
def test_text_is_not_cut_off(size):
    picture = film_parts.text("step 2000 yg|", size)
    roomy = film_parts.text("     step 2000 yg|    ", size)
    dark, all_dark = ((p < 200).any(axis=-1).sum() for p in (picture, roomy))
    assert dark == all_dark > 50
    assert (picture[0] == 255).all()
