"""Pages of coloured digits for the robustness report: a row per strength, a column per model.

`pictures/render.py` colours the cells; `studies.py` says what they are shown.
"""

from __future__ import annotations

import concurrent.futures
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from experiments.robustness import chimeras, measure
from experiments.robustness.chimeras import Chimeras
from experiments.robustness.studies import Study
from selforg_mnist import spec, startup
from selforg_mnist.data.digits import gray_levels
from selforg_mnist.model import CAModel
from selforg_mnist.pictures import render

_SHOWN = 12  # digits in a row, all models together
_STRENGTHS = 4  # shown of a study, at most

_TILE = 84  # a digit's side in pixels: three for each cell of MNIST's canvas
_LARGEST_SCALE = 3
_MARGIN = 150  # pixels at the left, for the labels of rows
_GAP, _COLUMN_GAP = 2, 24  # pixels between digits, and between models


class PageRow(NamedTuple):
    """A row of a page.

    label: text at the left. tiles: for each model [K, H, W, 3] uint8, of one size on a page.
    """

    label: str
    tiles: Sequence[np.ndarray]


class Block(NamedTuple):
    """Rows under one heading."""

    title: str
    rows: Sequence[PageRow]


def of_studies(studies: Sequence[Study], models: Mapping[str, CAModel], seed: int) -> np.ndarray:
    """Shows what cells say at all views of the studies, above bars in the right labels' colours.

    Models are by the heads of their columns. Each view has a heading.

    Returns:
      picture: [H, W, 3] uint8.
    """
    # One study per core: the steps of a rollout depend on each other, studies don't.
    with concurrent.futures.ThreadPoolExecutor(startup.available_cores()) as cores:
        blocks = cores.map(lambda study: _blocks(study, models, seed), studies)
        return page(list(models), list(itertools.chain(*blocks)))


def _blocks(study: Study, models: Mapping[str, CAModel], seed: int) -> list[Block]:
    strengths = _spread(list(study.cases))
    labels = study.cases[strengths[0]][0].labels
    different = np.sort(np.unique(labels, return_index=True)[1])
    picked = different[: max(1, _SHOWN // len(models))]
    seen = [
        measure.logits_at_views(study, strengths, picked, model, seed) for model in models.values()
    ]
    blocks = []
    for view, *by_model in zip(study.views, *seen, strict=True):
        coloured = [tiles(gray, logits) for gray, logits in by_model]  # [S, K, T, T, 3] each
        rows = [
            PageRow(
                f"{strength:g}" if len(strengths) > 1 else "",
                [render.underline(each[i], labels[picked]) for each in coloured],
            )
            for i, strength in enumerate(strengths)
        ]
        axis = "" if study.over_steps else f"; {study.axis}"
        blocks.append(Block(view.title + axis, rows))
    return blocks


def of_chimeras(
    groups: Sequence[Chimeras], heads: Sequence[str], ends: Sequence[Sequence[np.ndarray]]
) -> np.ndarray:
    """Shows what the cells of chimeras say at the end: whole digits and the middle seam.

    Args:
      groups: a group for each kind of chimera.
      heads: of the models' columns.
      ends: for each model and group, [N, H, W, 10] float32, the logits.

    Returns:
      picture: [H, W, 3] uint8.
    """
    count = max(1, _SHOWN // len(heads))
    middle = sorted({g.seam for g in groups if g.seam is not None})
    shown = {None, *middle[len(middle) // 2 :][:1]}
    blocks: dict[str, list[PageRow]] = {}
    for group, *by_model in zip(groups, *ends, strict=True):
        if group.seam in shown:
            gray = gray_levels(group.images[:count])
            row = PageRow(
                chimeras.title(group),
                [tiles(gray, logits[:count]) for logits in by_model],
            )
            pair = " and ".join(map(str, sorted((group.first, group.second))))
            blocks.setdefault(pair, []).append(row)
    return page(heads, [Block(pair, rows) for pair, rows in blocks.items()])


def _spread(strengths: Sequence[float]) -> list[float]:
    """A few strengths, evenly spread from the first to the last."""
    places = np.linspace(0, len(strengths) - 1, min(_STRENGTHS, len(strengths)))
    return [strengths[int(place)] for place in np.rint(places)]


def tiles(gray: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Colours digits and brings them to one size, all at the same scale.

    Args:
      gray: [..., H, W] float32 in [0, 1].
      logits: [..., H, W, 10] float32.

    Returns:
      tiles: [..., T, T, 3] uint8: the part of the canvas where cells live in any of the digits.
    """
    height, width = gray.shape[-2:]
    living = spec.alive_mask(gray).reshape(-1, height, width).any(axis=0)
    rows, columns = np.flatnonzero(living.any(axis=1)), np.flatnonzero(living.any(axis=0))
    down, right = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    coloured = render.colour(gray[..., down, right], logits[..., down, right, :])
    scale = min(_LARGEST_SCALE, max(1, _TILE // max(coloured.shape[-3:-1])))
    coloured = coloured.repeat(scale, axis=-3).repeat(scale, axis=-2)
    blank = [max(0, _TILE - side) for side in coloured.shape[-3:-1]]
    pads = [(n // 2, n - n // 2) for n in blank]
    whole = [(0, 0)] * (gray.ndim - 2)
    return np.pad(coloured, [*whole, *pads, (0, 0)], constant_values=255)


def page(heads: Sequence[str], blocks: Sequence[Block]) -> np.ndarray:
    """Lays a page out.

    Returns:
      picture: [H, W, 3] uint8, with the key to the colours at its foot.
    """
    column = blocks[0].rows[0].tiles[0]
    step = len(column) * (column.shape[2] + _GAP) - _GAP + _COLUMN_GAP
    width = _MARGIN + len(heads) * step - _COLUMN_GAP
    strips = [_texts(width, 26, {_MARGIN + i * step: head for i, head in enumerate(heads)}, 18)]
    for block in blocks:
        strips.append(_texts(width, 30, {0: block.title}, 17))
        for row in block.rows:
            strip = _texts(width, row.tiles[0].shape[1], {0: row.label}, 14)
            for i, digits in enumerate(row.tiles):
                shown = render.mosaic(digits, columns=len(digits), gap=_GAP)
                left = _MARGIN + i * step
                strip[:, left : left + shown.shape[1]] = shown
            strips.append(strip)
    return render.stack(*strips, render.legend(), gap=4)


def _texts(width: int, height: int, texts: dict[int, str], size: int) -> np.ndarray:
    """A blank strip with texts at half its height, by left edge; [height, width, 3] uint8."""
    strip = Image.new("RGB", (width, height), spec.BACKGROUND_COLOUR)
    draw, font = ImageDraw.Draw(strip), ImageFont.load_default(size)
    for left, text in texts.items():
        draw.text((left, height / 2), text, fill="black", font=font, anchor="lm")
    return np.array(strip)
