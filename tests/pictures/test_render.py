"""Pictures of cells, pixel by pixel."""

import numpy as np
import pytest

from selforg_mnist import spec
from selforg_mnist.pictures import render

WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
# As the article prints them, on purpose not taken from `spec`.
PALETTE = [
    (128, 0, 0),
    (230, 25, 75),
    (70, 240, 240),
    (210, 245, 60),
    (250, 190, 190),
    (170, 110, 40),
    (170, 255, 195),
    (165, 163, 159),
    (0, 128, 128),
    (128, 128, 0),
]


def _logits(*labels):
    """[1, N, 10]: one row of cells that give these labels."""
    return np.eye(10, dtype=np.float32)[None, list(labels)]


@pytest.mark.parametrize("label", range(10))
def test_a_living_cell_has_the_colour_of_its_label(label):
    picture = render.colour(np.ones([1, 1], np.float32), _logits(label))
    assert picture.dtype == np.uint8
    assert tuple(picture[0, 0]) == PALETTE[label]


def test_only_cells_above_the_threshold_are_coloured():
    gray = np.array([[0.0, 0.1, 0.10001, 1.0]], np.float32)
    picture = render.colour(gray, _logits(3, 3, 3, 3))
    assert [tuple(p) for p in picture[0]] == [WHITE, WHITE, PALETTE[3], PALETTE[3]]


def test_a_living_cell_is_undecided_only_while_all_ten_channels_are_low():
    logits = np.full([1, 4, 10], -1.0, np.float32)
    logits[0, 0] = 0.0  # a fresh sample
    logits[0, 1, 7] = 0.0099
    logits[0, 2, 7] = 0.0101
    logits[0, 3, 7] = 0.0  # dead, so white and not black
    gray = np.array([[1.0, 1.0, 1.0, 0.05]], np.float32)
    picture = render.colour(gray, logits)
    assert [tuple(p) for p in picture[0]] == [BLACK, BLACK, PALETTE[7], WHITE]


def test_fading_takes_gray_for_opacity_of_living_cells_only():
    gray = np.array([[1.0, 0.5, 0.2, 0.1]], np.float32)
    picture = render.colour(gray, _logits(0, 0, 8, 8), fade=True)
    # 255 + (128 - 255) * 0.5 = 191.5, of the two nearest the even one; 255 * 0.5 = 127.5;
    # 255 - 255 * 0.2 = 204, 255 + (128 - 255) * 0.2 = 229.6.
    assert [tuple(p) for p in picture[0]] == [
        (128, 0, 0),
        (192, 128, 128),
        (204, 230, 230),
        WHITE,
    ]
    assert tuple(render.colour(gray, _logits(0, 0, 8, 8))[0, 1]) == (128, 0, 0)


def test_leading_axes_are_kept():
    gray = np.zeros([2, 3, 1, 2], np.float32)
    gray[1, 2, 0, 1] = 1.0
    logits = np.zeros([2, 3, 1, 2, 10], np.float32)
    logits[1, 2, 0, 1, 4] = 1.0
    picture = render.colour(gray, logits)
    assert picture.shape == (2, 3, 1, 2, 3)
    assert tuple(picture[1, 2, 0, 1]) == PALETTE[4]
    assert (np.delete(picture.reshape(-1, 3), 11, axis=0) == 255).all()


def test_mosaic_fills_rows_and_leaves_the_rest_blank():
    images = np.array([10, 20, 30], np.uint8).reshape(3, 1, 1)
    assert render.mosaic(images, columns=2, gap=1).tolist() == [
        [10, 255, 20],
        [255, 255, 255],
        [30, 255, 255],
    ]
    assert render.mosaic(images, columns=2, gap=0).tolist() == [[10, 20], [30, 255]]
    assert render.mosaic(images, columns=3, gap=0).tolist() == [[10, 20, 30]]
    assert render.mosaic(images, columns=1, gap=0).tolist() == [[10], [20], [30]]


def test_mosaic_keeps_the_rows_and_columns_of_an_image():
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert render.mosaic(images, columns=2, gap=0).tolist() == [
        [0, 1, 2, 6, 7, 8],
        [3, 4, 5, 9, 10, 11],
    ]


def test_mosaic_scales_by_the_nearest_pixel():
    images = np.array([[[1, 2]], [[3, 4]]], np.uint8)
    assert (
        render.mosaic(images, columns=2, gap=1, scale=2).tolist()
        == [[1, 1, 2, 2, 255, 255, 3, 3, 4, 4]] * 2
    )


def test_mosaic_of_colours():
    images = np.zeros([2, 1, 1, 3], np.uint8)
    images[1] = PALETTE[1]
    picture = render.mosaic(images, columns=2, gap=1)
    assert [tuple(p) for p in picture[0]] == [BLACK, WHITE, PALETTE[1]]


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (1, 1)), (4, (2, 2)), (5, (2, 3)), (10, (3, 4)), (160, (13, 13))]
)
def test_mosaic_is_square_by_itself(count, shape):
    picture = render.mosaic(np.zeros([count, 1, 1], np.uint8), gap=0)
    assert picture.shape == shape
    assert (picture == 0).sum() == count


def test_underline_shows_the_true_label():
    pictures = np.zeros([2, 2, 3, 3], np.uint8)
    lined = render.underline(pictures, np.array([6, 9]), thickness=2)
    assert lined.shape == (2, 5, 3, 3)
    assert (lined[:, :2] == 0).all()
    assert (lined[:, 2] == 255).all()
    assert (lined[0, 3:] == PALETTE[6]).all()
    assert (lined[1, 3:] == PALETTE[9]).all()


def test_legend_names_every_colour():
    picture = render.legend(24)
    assert picture.shape == (24, 11 * 24, 3)
    squares = picture.reshape(24, 11, 24, 3).swapaxes(0, 1)
    for square, expected in zip(squares, [*PALETTE, BLACK], strict=True):
        assert tuple(square[0, 0]) == expected
        assert (square != expected).any(), "a square without its label"
    marks = {(square != square[0, 0]).any(axis=-1).tobytes() for square in squares}
    assert len(marks) == 11, "two squares bear the same label"


def test_stack_puts_pictures_below_each_other():
    narrow = np.zeros([1, 1, 3], np.uint8)
    wide = np.full([2, 2, 3], 7, np.uint8)
    assert render.stack(narrow, wide, gap=1)[..., 0].tolist() == [
        [0, 255],
        [255, 255],
        [7, 7],
        [7, 7],
    ]


def test_the_palette_tells_the_labels_apart():
    assert len({*spec.PALETTE, spec.UNDECIDED_COLOUR, spec.BACKGROUND_COLOUR}) == 12


def test_labels_are_the_largest_channel_unless_all_are_small():
    logits = np.zeros((4, 10), np.float32)
    logits[0, 3] = 0.5
    logits[1] = -1.0
    logits[1, 9] = 0.011
    logits[2, 4] = 0.009
    assert render.labels(logits).tolist() == [3, 9, render.UNDECIDED, render.UNDECIDED]
    assert render.UNDECIDED == 10
