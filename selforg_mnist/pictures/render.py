"""Pictures of cells, as arrays: coloured samples, mosaics of them and the key to the colours.

Follows the article's figures: a living cell has the colour of the label that it gives, or is black
as long as it gives none; the background is white. Uses NumPy and Pillow only. Plots over CA steps,
films and TensorBoard's pictures are made elsewhere.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from selforg_mnist import spec

_BLANK = 255  # white, in gray and in each of RGB


UNDECIDED = spec.NUM_CLASSES  # the label of a cell that gives none yet


def labels(logits: np.ndarray) -> np.ndarray:
    """The label that each cell gives, or `UNDECIDED`.

    Args:
      logits: [..., 10] float32, the classification channels.

    Returns:
      labels: [...] integers, 0 to 9, or `UNDECIDED` where all ten channels are below
        `spec.UNDECIDED_BELOW` (article: its figures, where such cells are black).
    """
    undecided = np.max(logits, axis=-1) < spec.UNDECIDED_BELOW
    return np.where(undecided, UNDECIDED, np.argmax(logits, axis=-1))


def colour(gray: np.ndarray, logits: np.ndarray, fade: bool = False) -> np.ndarray:
    """Colours each cell by the label that it gives.

    Args:
      gray: [..., H, W] float32 in [0, 1].
      logits: [..., H, W, 10] float32, the classification channels.
      fade: use a living cell's gray value as its opacity, which fades the edges of a digit
        (article: its figures and its demo); otherwise every living cell is opaque.

    Returns:
      pictures: [..., H, W, 3] uint8: `spec.PALETTE` at living cells,
        `spec.UNDECIDED_COLOUR` at those whose ten channels are all below
        `spec.UNDECIDED_BELOW`, `spec.BACKGROUND_COLOUR` at dead cells.
    """
    background = np.array(spec.BACKGROUND_COLOUR, np.float32)
    colours = np.array([*spec.PALETTE, spec.UNDECIDED_COLOUR], np.float32)
    opacity = spec.alive_mask(gray).astype(np.float32)
    if fade:
        opacity *= np.clip(gray, 0.0, 1.0)
    mixed = (
        background + (colours[labels(logits)] - background) * opacity[..., None]
    )  # [..., H, W, 3]
    return np.rint(mixed).astype(np.uint8)


def underline(pictures: np.ndarray, labels: np.ndarray, thickness: int = 2) -> np.ndarray:
    """Puts a bar of the true label's colour under each picture, one blank row below it.

    A sample that is classified rightly then has the colour of its bar.

    Args:
      pictures: [N, H, W, 3] uint8.
      labels: [N] integers, 0 to 9.
      thickness: rows of the bar.

    Returns:
      pictures: [N, H + 1 + thickness, W, 3] uint8.
    """
    palette = np.array(spec.PALETTE, np.uint8)
    bars = np.tile(palette[labels][:, None, None], (1, thickness, pictures.shape[2], 1))
    blank = np.full_like(bars[:, :1], _BLANK)
    return np.concatenate([pictures, blank, bars], axis=1)


def mosaic(
    images: np.ndarray, columns: int | None = None, gap: int = 1, scale: int = 1
) -> np.ndarray:
    """Lays images out in rows, in reading order.

    Args:
      images: [N, H, W, 3] or [N, H, W] uint8.
      columns: images per row; None for as square a mosaic as can be.
      gap: blank pixels between images, before scaling.
      scale: side of the square that a pixel becomes.

    Returns:
      picture: [H', W', 3] or [H', W'] uint8; blank where the last row is not full.
    """
    count, height, width, *rest = images.shape
    columns = columns if columns is not None else math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    shape = (rows * columns, height + gap, width + gap, *rest)
    tiles = np.full(shape, _BLANK, np.uint8)
    tiles[:count, :height, :width] = images
    tiles = tiles.reshape(rows, columns, *shape[1:])
    picture = np.swapaxes(tiles, 1, 2).reshape(rows * shape[1], columns * shape[2], *rest)
    picture = picture[: picture.shape[0] - gap, : picture.shape[1] - gap]
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def legend(size: int = 24) -> np.ndarray:
    """The key to the colours: ten squares with the labels 0 to 9, then "?" for undecided.

    Returns:
      picture: [size, 11 * size, 3] uint8.
    """
    colours = (*spec.PALETTE, spec.UNDECIDED_COLOUR)
    picture = Image.new("RGB", (size * len(colours), size))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(8, size * 2 // 3))
    for i, (name, rgb) in enumerate(zip([*"0123456789", "?"], colours, strict=True)):
        left = i * size
        draw.rectangle((left, 0, left + size - 1, size - 1), fill=rgb)
        luma = float(np.dot(rgb, (0.299, 0.587, 0.114)))  # of ITU-R BT.601
        ink = (0, 0, 0) if luma > 128 else (255, 255, 255)
        draw.text((left + size / 2, size / 2), name, fill=ink, font=font, anchor="mm")
    return np.asarray(picture)


def stack(*pictures: np.ndarray, gap: int = 8) -> np.ndarray:
    """Stacks pictures below each other on white, aligned left.

    Args:
      *pictures: [H, W, 3] uint8 each.
      gap: blank rows between two.

    Returns:
      picture: [sum of H and gaps, largest W, 3] uint8.
    """
    heights = [picture.shape[0] for picture in pictures]
    width = max(picture.shape[1] for picture in pictures)
    total = sum(heights) + gap * (len(pictures) - 1)
    result = np.full((total, width, 3), _BLANK, np.uint8)
    top = 0
    for picture in pictures:
        result[top : top + picture.shape[0], : picture.shape[1]] = picture
        top += picture.shape[0] + gap
    return result
