"""Frames of films, from cells: many runs, one sample's internal states, one digit's votes.

Follows the article's figures. All frames of a film have the same size, whatever the cells do.
Cells are coloured in `render.py`, bars and text are in `film_parts.py`, and files are written in
`films.py`. The caller rolls samples out (`cells/trajectory.py`).

Offsets are even where possible. MP4 stores colour at half resolution, and with even offsets and an
even scale each cell still keeps its own colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selforg_mnist import spec
from selforg_mnist.pictures import film_parts, render

_MARGIN = 8
_HEAD = 20  # rows above a channel, for its name
_ROW = 10  # channels per row: gray and the nine free ones, then the ten of the labels
_KEY = 16  # side of a square of the key to the colours
_VOTES_HEIGHT = 60
_VOTES_KEY = 28
_TRACK = (240, 240, 240)


def runs(
    gray: np.ndarray,
    logits: np.ndarray,
    step: int,
    steps: int,
    mutations: Sequence[int] = (),
    scale: int = 2,
    columns: int | None = None,
) -> np.ndarray:
    """Many samples at one step, living cells opaque, above the time bar (article: "Results").

    Args:
      gray: [N, H, W] float32, the digits at that step.
      logits: [N, H, W, 10] float32.
      step: CA steps done.
      steps: CA steps of the film.
      mutations: the CA steps after which samples are mutated, rising.
      scale: pixels per cell.
      columns: samples per row; None for as square a mosaic as can be.

    Returns:
      frame: [H', W', 3] uint8.
    """
    cells = render.mosaic(render.colour(gray, logits), columns, scale=scale)
    key = render.legend(_KEY)
    width = max(cells.shape[1], key.shape[1] + 80)
    caption = _blank(_KEY, width)
    _put(caption, film_parts.text(f"step {step}"), 0, 0)
    _put(caption, key, 0, width - key.shape[1])
    bar = film_parts.time_bar(width, step, steps, mutations)
    return _framed(render.stack(_centred(cells, width), caption, bar))


def digit_mosaic(
    gray: np.ndarray, logits: np.ndarray, columns: int = 16, scale: int = 2
) -> np.ndarray:
    """Samples with faded edges, as in the article's banner of 144 digits.

    Args:
      gray: [N, H, W] float32.
      logits: [N, H, W, 10] float32.
      columns: samples per row.
      scale: pixels per cell.

    Returns:
      picture: [H', W', 3] uint8.
    """
    return render.mosaic(
        render.colour(gray, logits, fade=True), min(columns, len(gray)), gap=0, scale=scale
    )


def internal_states(
    gray: np.ndarray,
    state: np.ndarray,
    step: int,
    steps: int,
    mutations: Sequence[int] = (),
    scale: int | None = None,
) -> np.ndarray:
    """One sample and its 20 channels, red positive and blue negative (article: "Results").

    Above: gray and the nine free channels. Below: the ten channels of the labels, each under its
    label's colour.

    Args:
      gray: [H, W] float32.
      state: [H, W, 19] float32.
      step: CA steps done.
      steps: CA steps of the film.
      mutations: the CA steps after which the sample is mutated, rising.
      scale: pixels per cell in the channels; None for channels of about 56 pixels.

    Returns:
      frame: [H', W', 3] uint8.
    """
    scale = scale or max(1, 56 // max(gray.shape))
    panel = _channels(gray, state, scale)
    digit = render.colour(gray, state[..., -spec.NUM_CLASSES :])
    digit = _enlarged(digit, panel.shape[0])
    left = max(digit.shape[1], 64) // 2 * 2 + 2 * _MARGIN
    key = film_parts.colour_bar(panel.shape[1])
    picture = _blank(key.shape[0] + _MARGIN + panel.shape[0], left + panel.shape[1])
    _put(picture, film_parts.text(f"step {step}"), 0, 0)
    _put(picture, key, 0, left)
    _put(picture, panel, key.shape[0] + _MARGIN, left)
    # In the middle of the rows beside the channels.
    drop = (panel.shape[0] - digit.shape[0]) // 4 * 2
    _put(picture, digit, key.shape[0] + _MARGIN + drop, 0)
    bar = film_parts.time_bar(picture.shape[1], step, steps, mutations)
    return _framed(render.stack(picture, bar))


def votes(gray: np.ndarray, logits: np.ndarray, step: int, side: int = 320) -> np.ndarray:
    """One digit, large, with faded edges, above the share of its cells that give each label.

    The bars agree with the picture: a cell that `render.colour` shows black counts as undecided.

    Args:
      gray: [H, W] float32.
      logits: [H, W, 10] float32.
      step: CA steps done.
      side: largest height and width of the digit, in pixels, unless it has more cells.

    Returns:
      frame: [H', W', 3] uint8.
    """
    digit = _enlarged(render.colour(gray, logits, fade=True), side)
    counts = _count(gray, logits)
    key = render.legend(_VOTES_KEY)
    words = [film_parts.text(f"step {step}", 14), film_parts.text(_verdict(counts), 14)]
    width = max(digit.shape[1], side)
    caption = _blank(words[0].shape[0], width)
    _put(caption, words[0], 0, 0)
    _put(caption, words[1], 0, width - words[1].shape[1])
    histogram = render.stack(_bars(counts), key, gap=2)
    return _framed(render.stack(_centred(digit, width), caption, _centred(histogram, width)))


def time_lapse(
    steps: int, mutations: Sequence[int] = (), slow: int = 50, factor: int = 8
) -> list[int]:
    """Which steps become frames: all of them while cells decide, then every `factor`-th.

    Args:
      steps: CA steps of the film.
      mutations: the CA steps after which samples are mutated, rising.
      slow: steps shown one by one, after the start and after each mutation.
      factor: every `factor`-th of the later steps is shown, and the very last step.

    Returns:
      steps: rising, from 1 to `steps`.
    """
    starts, ends = [0, *mutations], [*mutations, steps]
    shown = {steps}
    for start, end in zip(starts, ends, strict=True):
        shown.update(range(start + 1, min(start + slow, end) + 1))
        shown.update(range(start + slow + factor, end + 1, factor))
    return sorted(shown)


def _channels(gray: np.ndarray, state: np.ndarray, scale: int) -> np.ndarray:
    """The 20 channels with their names, in two rows, on the colour of zero."""
    height, width = gray.shape
    values = np.concatenate([gray[..., None], state], axis=-1)  # [H, W, 20]
    values = np.where(spec.alive_mask(gray)[..., None], values, 0.0)
    colours = np.moveaxis(film_parts.signed(values), 2, 0)  # [20, H, W, 3]
    tile_height = _HEAD + height * scale + 4
    tile_width = max(width * scale, 44) + 4  # wide enough for the values above the colour bar
    tiles = np.empty((spec.NUM_CHANNELS, tile_height, tile_width, 3), np.uint8)
    tiles[:] = film_parts.signed(np.zeros(()))
    key = render.legend(_KEY)
    for i, tile in enumerate(tiles):
        name = _channel_name(i, key)
        _put(tile, name, 2, (tile_width - name.shape[1]) // 4 * 2)
        channel = colours[i].repeat(scale, axis=0).repeat(scale, axis=1)
        _put(tile, channel, _HEAD, (tile_width - width * scale) // 4 * 2)
    return render.mosaic(tiles, columns=_ROW, gap=0)


def _channel_name(i: int, key: np.ndarray) -> np.ndarray:
    if i < _ROW:
        name = film_parts.text(str(i) if i else "gray", 11)
        return np.minimum(name, film_parts.signed(np.zeros(())))  # on the panel, not on white
    return key[:, (i - _ROW) * _KEY : (i - _ROW + 1) * _KEY]


def _count(gray: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Living cells that give each label, and last those that give none, [11] int."""
    given = render.labels(logits[spec.alive_mask(gray)])  # [cells]
    return np.bincount(given, minlength=render.UNDECIDED + 1)


def _verdict(counts: np.ndarray) -> str:
    label = int(np.argmax(counts[:-1]))
    if not counts.sum():
        return "no cell is alive"
    if not counts[label]:
        return f"none of {counts.sum()} cells has decided"
    return f"{label}: {counts[label]} of {counts.sum()} cells agree"


def _bars(counts: np.ndarray) -> np.ndarray:
    """A bar for each share, [H, W, 3], each above its square of the key."""
    colours = [*spec.PALETTE, spec.UNDECIDED_COLOUR]
    picture = _blank(_VOTES_HEIGHT, _VOTES_KEY * len(colours))
    for i, (count, colour) in enumerate(zip(counts, colours, strict=True)):
        column = picture[:, i * _VOTES_KEY + 2 : (i + 1) * _VOTES_KEY - 2]
        column[:] = _TRACK
        column[_VOTES_HEIGHT - round(_VOTES_HEIGHT * count / max(counts.sum(), 1)) :] = colour
    return picture


def _enlarged(picture: np.ndarray, side: int) -> np.ndarray:
    """Scales by the largest whole number that keeps height and width within `side`, if any."""
    scale = max(1, side // max(picture.shape[:2]))
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def _blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), spec.BACKGROUND_COLOUR, np.uint8)


def _put(picture: np.ndarray, part: np.ndarray, top: int, left: int) -> None:
    picture[top : top + part.shape[0], left : left + part.shape[1]] = part


def _centred(picture: np.ndarray, width: int) -> np.ndarray:
    result = _blank(picture.shape[0], width)
    _put(result, picture, 0, (width - picture.shape[1]) // 4 * 2)
    return result


def _framed(picture: np.ndarray) -> np.ndarray:
    margins = ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))
    return np.pad(picture, margins, constant_values=255)
