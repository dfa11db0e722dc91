"""Opens a picture file: its gray values, within limits of memory and time.

Only the formats of `_OPENED` are decoded, because a decoder may start an outside program: Pillow
hands EPS to Ghostscript, whatever the file is called. What the picture shows is for `canvas.py`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from selforg_mnist.errors import UserError, one_line

_OPENED = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "HEIF")
# Millions of pixels. Phones make pictures of 24.5 million. Decoded and shrunk, this many take less
# than 300 MB and 3 seconds.
_MOST_PIXELS = 25
_MOST_JPEG = 90  # for JPEGs that aren't progressive, which are decoded at a reduced size
_MOST_OF = {"WEBP": 16, "AVIF": 16}  # whose decoders hold a picture several times
_TOO_LARGE = "more than {} million pixels; shrink it, or crop it to the digit"
_LARGEST = 1024  # pixels along a picture's longer side; a larger one is shrunk first
_HEAD = 1024  # bytes in which a file says what it is
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class PictureError(UserError):
    """A picture that can't be read, or doesn't show exactly one digit."""


def read(path: Path) -> np.ndarray:
    """Reads the gray values of a picture, turned as its EXIF data say.

    Returns:
      gray: [H, W] float32 in [0, 1], black to white; the longer side is 1024 or less. Transparent
        parts are paper.

    Raises:
      PictureError: the file is missing, damaged, too large, or in another format.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise PictureError("not an ordinary file; give a picture file")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise PictureError(f"can't be read ({error.strerror}); give another file") from error
    with _in_one_line(head), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata
        _prepare(head)
        with Image.open(path, formats=[name for name in _OPENED if name in Image.OPEN]) as image:
            _shrink_jpeg(image)
            most = _MOST_OF.get(image.format or "", _MOST_PIXELS)
            if image.width * image.height > most * 1e6:
                raise PictureError(_TOO_LARGE.format(most))
            image.load()
            return _gray(image)


def _prepare(head: bytes) -> None:
    """Makes the formats known to Pillow, HEIC where its reader is installed."""
    Image.init()
    if _is_heic(head):
        if importlib.util.find_spec("pillow_heif") is None:
            raise PictureError(
                "HEIC isn't opened here; pip install 'selforg_mnist[pictures]', or save it as "
                "JPEG or PNG"
            )
        import pillow_heif

        pillow_heif.register_heif_opener()


def _is_heic(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC and b"avif" not in head[:64]


@contextlib.contextmanager
def _in_one_line(head: bytes) -> Iterator[None]:
    try:
        yield
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(_TOO_LARGE.format(_MOST_PIXELS)) from error
    except UnidentifiedImageError as error:
        name = _format(head)
        if _is_heic(head):
            name = "HEIC"
        if name in (*_OPENED, "HEIC"):
            raise PictureError(
                f"a damaged picture ({name}); save it again as PNG or JPEG"
            ) from error
        if name:
            raise PictureError(f"not opened: {name}; save it as PNG or JPEG") from error
        raise PictureError("not a picture; expected a PNG, a JPEG or the like") from error
    except Exception as error:  # decoders of damaged files raise whatever comes
        said = f"{'HEIC: ' if _is_heic(head) else ''}{one_line(error)}"
        raise PictureError(f"a damaged picture ({said}); save it again as PNG or JPEG") from error


def _format(head: bytes) -> str:
    """The format of a file that isn't opened, "" if unknown."""
    if b"%PDF-" in head:
        return "PDF"
    if b"<svg" in head.lower():
        return "SVG"
    for name, (_, accepts) in Image.OPEN.items():
        with contextlib.suppress(Exception):  # a few need more than the head
            if accepts and accepts(head) is True:
                return name
    return ""


def _shrink_jpeg(image: Image.Image) -> None:
    """Has a large JPEG decoded at a fraction of its size, which is quick and small.

    A progressive one would be kept whole in memory meanwhile.
    """
    if image.width * image.height <= _MOST_JPEG * 1e6 and "progressive" not in image.info:
        image.draft(None, (_LARGEST, _LARGEST))


def _gray(image: Image.Image) -> np.ndarray:
    """The gray values of a picture of any mode, [H, W] float32 in [0, 1], shrunk if large."""
    if image.mode in ("1", "P", "PA"):  # can't be shrunk as they are
        image = image.convert("RGBA" if image.has_transparency_data else "L")
    elif image.mode.startswith("I;"):
        image = image.convert("I")
    small = _shrunk(image)
    small.info.setdefault("exif", image.getexif().tobytes())
    turned = ImageOps.exif_transpose(small)
    if turned.mode in ("I", "F"):  # 16 bits and more: white can be any value
        levels = np.asarray(turned, np.float64)
        if not np.all(np.abs(levels) < 2**32):
            raise ValueError("gray values out of range")
        levels = levels - levels.min()
        return (levels / max(float(levels.max()), 1e-6)).astype(np.float32)
    if turned.has_transparency_data:
        shades = np.asarray(turned.convert("RGBA").convert("LA")) / np.float32(255)
        return _on_paper(shades[..., 0], shades[..., 1])
    return np.asarray(turned.convert("RGB").convert("L")) / np.float32(255)


def _shrunk(image: Image.Image) -> Image.Image:
    factor = -(-max(image.size) // _LARGEST)
    return image.reduce(factor) if factor > 1 else image


def _on_paper(luma: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Fills the transparent parts of a picture with paper.

    Transparent holes in a page get the page's colour. Behind a drawing on a transparent background
    the paper is white or black, whichever is farther from the drawing's colour.
    """
    opaque = luma[opacity > 0.5]
    if not opaque.size:
        return np.zeros_like(luma)
    paper = float(np.median(opaque))
    low, high = np.percentile(opaque, (2, 98))
    if opaque.size < luma.size / 2 or high - low < 0.25:
        paper = float(paper < 0.5)
    return opacity * luma + (1 - opacity) * paper
