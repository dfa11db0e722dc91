"""One palette for all frames of a film, as a GIF wants it: exact while the colours are few.

The article's figures have some dozen colours, which a palette holds exactly; faded edges and
colour maps have thousands. Knows NumPy and Pillow only; files are for `films.py`.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

_CODES = 1 << 24  # an RGB colour as one number, 0xRRGGBB
_MOST = 256  # colours of a GIF


class FilmPalette:
    """Counts the colours of frames; then chooses at most 256 and maps the frames to them."""

    def __init__(self) -> None:
        self._counts = np.zeros(_CODES, np.int64)  # memory is taken only where colours fall

    def add(self, frame: np.ndarray) -> None:
        """Counts a frame's colours.

        Args:
          frame: [H, W, 3] uint8.
        """
        codes, counts = np.unique(_encode(frame), return_counts=True)
        self._counts[codes] += counts

    def choose(self) -> tuple[np.ndarray, np.ndarray]:
        """Chooses the palette.

        All colours that were counted, if they are 256 or fewer. Else the commoner half of the
        palette is exact, so that flat areas and letters keep their colour, and the other half
        stands for what remains.

        Returns:
          palette: [P, 3] uint8, P <= 256, no colour twice.
          table: [2^24] uint8, the place in the palette of each colour that was counted, for
            `index`.
        """
        codes = np.flatnonzero(self._counts)
        if len(codes) > _MOST:
            codes = codes[np.argsort(-self._counts[codes], kind="stable")]
            common, rest = codes[: _MOST // 2], codes[_MOST // 2 :]
            palette_codes = np.unique(np.concatenate([common, _encode(_median_cut(rest))]))
        else:
            palette_codes = codes
        palette = _decode(palette_codes)
        table = np.zeros(_CODES, np.uint8)
        table[codes] = _nearest(_decode(codes), palette)
        return palette, table


def index(frame: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Maps a frame that was counted to the palette, without dithering.

    Args:
      frame: [H, W, 3] uint8.
      table: as `FilmPalette.choose` gives it.

    Returns:
      indices: [H, W] uint8, each pixel's place in the palette.
    """
    return table[_encode(frame)]


def _encode(colours: np.ndarray) -> np.ndarray:
    """[..., 3] uint8 -> [...] int32."""
    red, green, blue = np.moveaxis(colours.astype(np.int32), -1, 0)
    return red << 16 | green << 8 | blue


def _decode(codes: np.ndarray) -> np.ndarray:
    """[...] int -> [..., 3] uint8."""
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)


def _median_cut(codes: np.ndarray) -> np.ndarray:
    """[N] codes -> [M, 3] uint8 colours that stand for them, M at most half a palette."""
    picture = Image.fromarray(_decode(codes)[None])
    quantised = picture.quantize(_MOST // 2, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return np.unique(np.asarray(quantised.convert("RGB"))[0], axis=0)


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The place in the palette that is nearest to each colour, [N] uint8."""
    colours = colours.astype(np.int32)
    place = np.zeros(len(colours), np.uint8)
    least = np.full(len(colours), np.iinfo(np.int32).max)
    for i, entry in enumerate(palette.astype(np.int32)):  # N x P distances at once may be large
        distance = np.sum((colours - entry) ** 2, axis=-1)
        closer = distance < least
        place[closer], least[closer] = i, distance[closer]
    return place
