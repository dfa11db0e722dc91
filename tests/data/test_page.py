"""Digits on lines, in frames, on tables, in windows: found as on plain paper, or refused."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from selforg_mnist.data import canvas, digits
from selforg_mnist.data.picture_file import PictureError
from support import paper

DRAWN = digits.load_digits("drawn", "test", num_drawn=30).images / np.float32(255)
LINED = "lines or a frame; crop to the digit, with plain paper around it"


def page(digit, share=0.5):
    return 1 - 0.9 * paper.placed(digit, (210, 280), share)


KINDS = {
    "ruled": lambda d: paper.on_lines(d),
    "ruled dark and tilted": lambda d: paper.on_lines(d, dark=0.9, tilt=4),
    "squared": lambda d: paper.on_lines(d, squared=True),
    "squared small and tilted": lambda d: paper.on_lines(
        d, (90, 90), 9, width=1, squared=True, tilt=-7, share=0.5
    ),
    "squared in a shadow": lambda d: paper.photographed(
        paper.on_lines(d, squared=True, tilt=2), shadow=0.4
    ),
    "frame": lambda d: paper.framed(d),
    "frame far inside": lambda d: paper.framed(d, (90, 90), inset=20, share=0.4),
    "frame tilted": lambda d: paper.framed(d, inset=30, tilt=6),
    "dark table": lambda d: paper.photographed(paper.on_a_table(page(d), tilt=2)),
    "light table": lambda d: paper.photographed(paper.on_a_table(page(d), table=0.6)),
    "squared on a table": lambda d: paper.photographed(
        paper.on_a_table(paper.on_lines(d, squared=True))
    ),
    "shadow": lambda d: paper.photographed(page(d), seed=3, shadow=0.4),
    "light window": lambda d: paper.drawing_program(d),
    "dark window": lambda d: paper.drawing_program(d, dark=True),
}


def made_of(gray):
    """The canvas, or None if the picture is refused for its lines."""
    try:
        return canvas.from_gray(gray)
    except PictureError as error:
        said = str(error)
    assert said == LINED
    return None


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_digit_is_found_or_refused(kind):
    found = 0
    for digit in DRAWN[:3]:
        plain = canvas.from_gray(page(digit))
        gray = np.rint(255 * KINDS[kind](digit)) / np.float32(255)
        made = made_of(gray)
        if made is not None:
            found += 1
            assert np.corrcoef(made.ravel(), plain.ravel())[0, 1] > 0.65
    assert found >= 2


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("tilt", [0, 3])
@pytest.mark.parametrize("squared", [False, True])
def test_lines_alone_are_refused(width, tilt, squared):
    drawn = paper.lines((210, 280), 30, width, tilt, squared)
    with pytest.raises(PictureError):
        canvas.from_gray(1 - 0.8 * drawn)


@pytest.mark.slow
def test_lines_as_wide_and_dark_as_the_pen_are_refused():
    for digit in DRAWN[:3]:
        gray = paper.on_lines(digit, spacing=40, width=7, dark=0.9, squared=True)
        with pytest.raises(PictureError, match=LINED):
            canvas.from_gray(gray)


@pytest.mark.parametrize("pen", [1, 3, 9, 22])
def test_digits_on_plain_paper_are_no_lines(pen):
    """Straight strokes, closed loops and thick pens, on paper with a margin."""
    four, eight = Image.new("L", (160, 220), 255), Image.new("L", (160, 220), 255)
    ImageDraw.Draw(four).line([(60, 30), (30, 130), (130, 130)], fill=0, width=pen)
    ImageDraw.Draw(four).line([(100, 60), (100, 190)], fill=0, width=pen)
    ImageDraw.Draw(eight).ellipse((40, 20, 120, 110), outline=0, width=pen)
    ImageDraw.Draw(eight).ellipse((30, 110 - pen, 130, 200), outline=0, width=pen)
    for picture in (four, eight):
        made = canvas.from_gray(np.asarray(picture, np.float32) / 255)
        assert np.ptp(np.flatnonzero(made.max(axis=1) > 25)) + 1 >= 19
