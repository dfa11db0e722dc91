"""Films: frames encoded to a file, as MP4, animated GIF or animated WebP.

Holds encoding only: frames are drawn in `film_frames.py`. They are pixel art, flat
colours with hard edges (article: "Figures"), so nothing here scales or dithers them.
"""

from __future__ import annotations

import functools
import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from selforg_mnist import output_files
from selforg_mnist.errors import UserError, one_line

_SUFFIXES = (".mp4", ".gif", ".webp")
# x264's constant rate factor. At 12, colours of pixel art come out within a few units; lossless
# H.264 is no larger, but most browsers can't play it.
_CRF = 12
# Browsers want 4:2:0, which has half the resolution for colour: "area" gives each 2x2 square its
# mean, so that pixel art at an even scale keeps its colours.
_FILTERS = (
    "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white,"
    "scale=flags=area+accurate_rnd+full_chroma_inp:out_color_matrix=bt709:out_range=tv,"
    "format=yuv420p"
)
# Without these tags, players assume different colour matrices.
_COLOUR_TAGS = "-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv"


def best_suffix() -> str:
    """The format of a film when the user names none.

    Returns:
      suffix: ".mp4" where its encoder is installed; else ".webp", which browsers play too and
        which has all colours exactly, where a GIF has 256.
    """
    try:
        _mp4_encoder()
    except UserError:
        return ".webp"
    return ".mp4"


def write(frames: Iterable[np.ndarray], path: Path, fps: float) -> Path:
    """Writes a film, whole or not at all.

    An MP4 is H.264 as browsers play it, encoded while the frames come in. An odd width or height
    gets one more column or row of white.

    A GIF has one palette for all frames, exact up to 256 colours. Its delays are in units of 10
    ms: where fps does not divide 100, some are one unit longer than others, so that the film as a
    whole keeps time. A WebP is lossless. Both loop forever, and stay in memory until the last
    frame, at 8 bytes a pixel (GIF) and 4 (WebP).

    Args:
      frames: [H, W, 3] uint8 each, one or more, all of one size; may be a generator.
      path: where to; its suffix, .mp4, .gif or .webp, says the format.
      fps: frames a second, at most 50: browsers stretch a GIF's delays of under 20 ms to 100 ms.

    Returns:
      path: as given.

    Raises:
      UserError: the suffix is unknown, the encoder is missing, or encoding or writing fails. An
        earlier file at `path` is then kept.
    """
    encode = _writer(path)
    with output_files.replacing(path) as partial:
        encode(iter(frames), partial, fps)
    return path


def check(path: Path) -> None:
    """Checks, before any frame is made, that films can be written in the format of `path`.

    Raises:
      UserError: the suffix is unknown, or the encoder is missing.
    """
    _writer(path)


def _writer(path: Path) -> Callable[[Iterator[np.ndarray], Path, float], None]:
    """The function that encodes films in the format of a path's suffix."""
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise UserError(f"{path}: a film's name ends in {', '.join(_SUFFIXES)}; give such a name")
    if suffix == ".mp4":
        return functools.partial(_write_mp4, _mp4_encoder())
    return {".gif": _write_gif, ".webp": _write_webp}[suffix]


def _mp4_encoder() -> str:
    """The path of ffmpeg, which is in the wheel of imageio-ffmpeg."""
    try:
        import imageio_ffmpeg

        encoder = imageio_ffmpeg.get_ffmpeg_exe()
        missing = "" if shutil.which(encoder) else f"{encoder}: no such program"
    except (ImportError, RuntimeError) as error:
        missing = one_line(error)
    if missing:
        raise UserError(
            f"no encoder for .mp4 ({missing}); pip install 'selforg_mnist[films]', or write a "
            ".webp or a .gif"
        )
    return encoder


def _write_mp4(encoder: str, frames: Iterator[np.ndarray], path: Path, fps: float) -> None:
    # Not imageio_ffmpeg.write_frames: it hides the encoder's exit status, so after a full disk a
    # broken film would count as a good one.
    first = next(frames)
    height, width = first.shape[:2]
    rate = Fraction(fps).limit_denominator()
    source = f"-f rawvideo -pix_fmt rgb24 -s {width}x{height} -framerate {rate} -i -"
    # With the index in front, a browser plays while it loads.
    target = f"-vf {_FILTERS} -c:v libx264 -crf {_CRF} {_COLOUR_TAGS} -movflags +faststart"
    command = [encoder, "-y", "-v", "error", *source.split(), *target.split(), f"file:{path}"]
    # In a session of its own, so that Ctrl-C reaches this process only, which then ends it.
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    try:
        try:
            for frame in itertools.chain([first], frames):
                process.stdin.write(frame.tobytes())
        except BrokenPipeError:
            pass  # the encoder has ended; its error output says why
        _, said = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode != 0:
        reason = one_line(said.decode(errors="replace")) or "no message"
        raise OSError(f"{encoder} ended with status {process.returncode}: {reason}")


def _write_gif(frames: Iterator[np.ndarray], path: Path, fps: float) -> None:
    pixels = np.stack([frame.copy() for frame in frames])
    count, height, width, _ = pixels.shape
    # One tall picture, so that all frames get one palette.
    sheet = Image.fromarray(pixels.reshape(-1, width, 3)).quantize(
        256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
    )
    images = (sheet.crop((0, y, width, y + height)) for y in range(0, sheet.height, height))
    _save(
        images,
        path,
        duration=_durations(count, fps, unit=10),
        palette=bytes(sheet.getpalette() or []),
        disposal=1,
        optimize=False,
    )


def _write_webp(frames: Iterator[np.ndarray], path: Path, fps: float) -> None:
    images = [Image.fromarray(frame) for frame in frames]
    _save(iter(images), path, duration=_durations(len(images), fps, unit=1), lossless=True)


def _save(images: Iterator[Image.Image], path: Path, **options: Any) -> None:
    next(images).save(path, save_all=True, append_images=images, loop=0, **options)


def _durations(count: int, fps: float, unit: int) -> list[int]:
    """Milliseconds of each frame in multiples of `unit`; the sum never drifts from the fps."""
    times = np.floor(np.arange(count + 1) * 1000 / (fps * unit) + 0.5).astype(int)
    return (np.diff(times) * unit).tolist()
