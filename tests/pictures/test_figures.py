"""The figures show the given curves, and can be read without colours."""

import numpy as np
import pytest

from selforg_mnist.pictures import figures

TITLES = ("Cross Entropy", "L2", "L2 + Residual Noise")
BLUE, ORANGE, GREEN = (31, 119, 180), (255, 127, 14), (44, 160, 44)


def curves(level, steps=40):
    """Flat curves: shares at `level` percent, magnitudes at level / 10 and level / 100."""
    ones = np.ones(steps)
    return {
        "cell_accuracy": level * ones,
        "total_agreement": level * ones,
        "state_magnitude": level / 10 * ones,
        "residual_magnitude": level / 100 * ones,
    }


def rows_of(picture, colour, columns=slice(None)):
    """The rows of a picture that hold a colour."""
    return np.flatnonzero(np.all(picture[:, columns] == colour, axis=-1).any(axis=1))


THREE = {title: curves(level) for title, level in zip(TITLES, (30, 50, 80), strict=True)}


class TestAccuracyAndAgreement:
    @pytest.mark.slow
    def test_higher_values_stand_higher_in_both_panels(self):
        picture = figures.accuracy_and_agreement(THREE)
        middle = picture.shape[0] // 2
        columns = slice(picture.shape[1] // 4, picture.shape[1] // 2)  # beside the legend
        for half in (picture[:middle], picture[middle:]):
            places = [rows_of(half, colour, columns).mean() for colour in (BLUE, ORANGE, GREEN)]
            assert places[0] > places[1] + 10 > places[2] + 20

    @pytest.mark.slow
    def test_axis_is_percent_whatever_the_values(self):
        low, high = (figures.accuracy_and_agreement({"L2": curves(level)}) for level in (20, 80))
        columns = slice(100, 500)
        top, bottom = (rows_of(p, BLUE, columns).min() for p in (high, low))
        assert bottom - top == pytest.approx(0.6 * 227, abs=8)  # a panel's height

    @pytest.mark.slow
    def test_mutation_is_marked(self):
        plain, marked = (
            figures.accuracy_and_agreement({"L2": curves(50)}, mutations)
            for mutations in ((), (20,))
        )
        changed = np.flatnonzero((plain != marked).any(axis=(0, 2)))
        assert plain.shape == marked.shape
        width = plain.shape[1]
        # The line in the middle of the axis and the word left of it, nowhere else.
        assert 0.4 * width < changed.min() < changed.max() < 0.56 * width

    @pytest.mark.slow
    def test_models_differ_without_colour_where_their_curves_do_not(self):
        same = {title: curves(50) for title in TITLES}
        picture = figures.accuracy_and_agreement(same)
        assert all(len(rows_of(picture, c)) for c in (BLUE, ORANGE, GREEN))
        gray = picture @ np.array([0.299, 0.587, 0.114])
        line = gray[rows_of(picture, GREEN, slice(300, 500)).min() :][:1]
        assert line.std() > 0  # markers of several shapes along one line


class TestMagnitudes:
    @pytest.mark.slow
    def test_logarithmic_axis_spaces_decades_evenly(self):
        columns = slice(150, 500)

        def height(level):
            rows = rows_of(figures.magnitudes({"L2": curves(level)}), BLUE, columns)
            gaps = np.flatnonzero(np.diff(rows) > 20)  # between the two curves
            return rows[: gaps[0] + 1].mean(), rows[gaps[0] + 1 :].mean()

        state, residual = height(100)
        # State and residual are a decade apart, at any level.
        assert residual - state > 50
        three = {title: curves(level) for title, level in zip(TITLES, (1, 10, 100), strict=True)}
        picture = figures.magnitudes(three)
        tops = [rows_of(picture, c, columns).min() for c in (BLUE, ORANGE, GREEN)]
        assert tops[0] - tops[1] == pytest.approx(tops[1] - tops[2], abs=3)

    @pytest.mark.slow
    def test_linear_axis_starts_at_zero(self):
        growing = curves(100)
        growing["state_magnitude"] = np.linspace(0, 30, 40)
        picture = figures.magnitudes({"CE": growing}, log=False)
        log = figures.magnitudes({"CE": growing})
        rows = rows_of(picture, BLUE, slice(60, 650))
        assert rows.max() - rows.min() > 0.6 * picture.shape[0]
        assert picture.shape == log.shape
        assert np.any(picture != log)

    @pytest.mark.filterwarnings("ignore:Data has no positive values")
    @pytest.mark.parametrize("log", [True, False])
    def test_zero_and_one_step_can_be_drawn(self, log):
        still = {name: values[:1] * 0 for name, values in curves(1).items()}
        assert figures.magnitudes({"L2": still}, log=log).std() > 0


@pytest.mark.slow
@pytest.mark.parametrize("draw", [figures.accuracy_and_agreement, figures.magnitudes])
def test_nothing_touches_the_border_of_the_picture(draw):
    # Text that is cut off would touch the border.
    picture = draw(THREE, [20])
    assert picture.dtype == np.uint8
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert np.all(edge == 255)
