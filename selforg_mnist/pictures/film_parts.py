"""The parts of film frames: text, the time bar, signed values in colour.

Pictures of cells are in `render.py`, whole frames in `film_frames.py`. Follows the article's
figures: a blue bar that turns orange after a mutation, red-blue channels under arctan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_WHITE = (255, 255, 255)
_INK = (40, 40, 40)
BAR_HEIGHT = 24
# The bar's colours: fill and outline before any mutation, after one, and of a mutation's mark.
_BEFORE = ((207, 226, 243), (159, 197, 232))
_AFTER = ((252, 229, 205), (249, 203, 156))
_MARK = ((229, 115, 115), (190, 30, 30))
_CURSOR_WIDTH = 6
_MARK_WIDTH = 8
_LABEL_SIZE = 12
_LABEL_HEIGHT = 20
_TICK_SIZE = 11
# The values that the colour bar names are tan(i / 16 * pi) for i from -8 to 8.
_TICKS = 16
# Red is positive, blue is negative, black is not a number.
_COLOUR_MAP = matplotlib.colormaps["RdBu_r"].with_extremes(bad="black")


def text(words: str, size: int = _LABEL_SIZE) -> np.ndarray:
    """A line of dark text on white, with letters of `size` pixels: [size + 4, W, 3] uint8.

    The words must be ASCII: Pillow's own font has neither a minus nor an infinity sign.
    """
    font = ImageFont.load_default(size)
    picture = Image.new("RGB", (math.ceil(font.getlength(words)) + 1, size + 4), _WHITE)
    ImageDraw.Draw(picture).text((0, size), words, fill=_INK, font=font, anchor="ls")
    return np.asarray(picture)


def time_bar(
    width: int,
    step: int,
    steps: int,
    mutations: Sequence[int] = (),
    names: Sequence[str] = (),
) -> np.ndarray:
    """The bar under a film: a cursor at the present step, a mark where samples are mutated.

    Args:
      width: of the picture, in pixels.
      step: CA steps done, 0 to `steps`.
      steps: CA steps of the film, 1 or more.
      mutations: the CA steps after which samples are mutated, rising.
      names: of the marks; by default each is "Mutation".

    Returns:
      picture: [H, width, 3] uint8; H depends only on whether there are mutations.
    """
    centres = [_position(mutation, steps, width) for mutation in mutations]
    height = BAR_HEIGHT + (_LABEL_HEIGHT if mutations else 0)
    picture = Image.new("RGB", (width, height), _WHITE)
    picture.paste(_pill(width, *_BEFORE))
    if centres:
        picture.paste(
            _pill(width, *_AFTER).crop((centres[0], 0, width, BAR_HEIGHT)), (centres[0], 0)
        )
    draw = ImageDraw.Draw(picture)
    for centre in centres:
        _block(draw, centre, _MARK_WIDTH, 0, *_MARK)
    _block(draw, _position(step, steps, width), _CURSOR_WIDTH, 2, _INK, _INK)
    _label(draw, centres, names or ["Mutation"] * len(centres), width)
    return np.asarray(picture)


def _position(step: int, steps: int, width: int) -> int:
    """The column of a step; at both ends a mark just fits into the bar."""
    margin = _MARK_WIDTH
    return margin + round((width - 2 * margin) * step / steps)


def _pill(width: int, fill: tuple[int, int, int], outline: tuple[int, int, int]) -> Image.Image:
    """The bar in one colour, [BAR_HEIGHT, width].

    It is drawn larger and shrunk, because Pillow's shapes have jagged edges.
    """
    fine = 4
    picture = Image.new("RGB", (width * fine, BAR_HEIGHT * fine), _WHITE)
    ImageDraw.Draw(picture).rounded_rectangle(
        (0, 0, width * fine - 1, BAR_HEIGHT * fine - 1),
        radius=5 * fine,
        fill=fill,
        outline=outline,
        width=fine,
    )
    return picture.reduce(fine)


def _block(
    draw: ImageDraw.ImageDraw,
    centre: int,
    width: int,
    inset: int,
    fill: tuple[int, int, int],
    outline: tuple[int, int, int],
) -> None:
    left = centre - width // 2
    box = (left, inset, left + width - 1, BAR_HEIGHT - 1 - inset)
    draw.rectangle(box, fill=fill, outline=outline)


def _label(
    draw: ImageDraw.ImageDraw, centres: Sequence[int], names: Sequence[str], width: int
) -> None:
    """Writes a name below each mark, unless it would overlap the one before it."""
    font = ImageFont.load_default(_LABEL_SIZE)
    free = 0
    for centre, word in zip(centres, names, strict=True):
        length = math.ceil(font.getlength(word))
        left = min(max(centre - length // 2, 0), width - length)
        if left >= free:
            draw.text((left, BAR_HEIGHT + 15), word, fill=_INK, font=font, anchor="ls")
            free = left + length + 6


def signed(values: np.ndarray) -> np.ndarray:
    """Colours numbers of any size: positive red, negative blue, zero nearly white.

    The shade follows arctan, which shows numbers of any size and still tells small ones apart
    (article: "Figures", internal states).

    Args:
      values: [...] float, infinities included.

    Returns:
      colours: [..., 3] uint8; black where a value is not a number.
    """
    shares = np.arctan(values) / np.pi + 0.5  # [0, 1]
    return np.asarray(_COLOUR_MAP(shares, bytes=True))[..., :3]


def colour_bar(width: int) -> np.ndarray:
    """The key to the colours of `signed`, with as many values above it as there is room for.

    Returns:
      picture: [H, width, 3] uint8.
    """
    top, height, margin = _TICK_SIZE + 9, 20, 14  # the margin is half the widest label
    picture = np.full((top + height, width, 3), _WHITE, np.uint8)
    columns = width - 2 * margin
    values = np.tan((np.linspace(0, 1, columns) - 0.5) * np.pi)
    picture[top:, margin : margin + columns] = signed(values)
    every = next(n for n in (1, 2, 4, 8, _TICKS) if columns * n / _TICKS >= 26 or n == _TICKS)
    for i in range(0, _TICKS + 1, every):
        words = text(_tick(i), _TICK_SIZE)
        centre = margin + round((columns - 1) * i / _TICKS)
        left = centre - words.shape[1] // 2
        picture[: words.shape[0], left : left + words.shape[1]] = words
        picture[top - 4 : top, centre] = _INK
    return picture


def _tick(i: int) -> str:
    if i in (0, _TICKS):
        return "-inf" if i == 0 else "inf"
    return f"{math.tan((i / _TICKS - 0.5) * math.pi):.1f}".replace("-0.0", "0.0")
