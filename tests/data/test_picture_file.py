"""Picture files opened, or refused in one line that says what to do."""

import importlib.util
import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, features

from selforg_mnist.data import picture_file
from selforg_mnist.data.picture_file import PictureError

HEIC = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(400)


def bars(size=(120, 80)):
    picture = Image.new("RGB", size, (250, 250, 250))
    picture.paste((10, 20, 30), (size[0] // 3, size[1] // 4, size[0] // 2, size[1] // 2))
    return picture


def said_of(path, data=None):
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(PictureError) as caught:
        picture_file.read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7\n1 0 obj", "not opened: PDF; save it as PNG or JPEG"),
        (b"<?xml version='1.0'?>\n<svg width='9'>", "not opened: SVG; save it as PNG or JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not opened: EPS; save it as"),
        (b"DDS \x7c\x00\x00\x00" + bytes(120), "not opened: DDS; save it as PNG or JPEG"),
        (b"8BPS\x00\x01" + bytes(90), "not opened: PSD; save it as PNG or JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a damaged picture ("),
    ],
)
def test_other_formats_are_named(tmp_path, data, said):
    assert said in said_of(tmp_path / "digit.png", data)


def test_eps_starts_no_outside_program(tmp_path, monkeypatch):
    started = tmp_path / "started"
    for name in ("gs", "gswin32c", "gswin64c"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {started}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert shutil.which("gs") == str(tmp_path / "gs")
    bars().save(tmp_path / "digit.png", format="EPS")
    assert "not opened: EPS" in said_of(tmp_path / "digit.png")
    assert not started.exists()


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF: install a newer one")
def test_damaged_avif(tmp_path):
    bars().save(tmp_path / "digit.avif")
    whole = (tmp_path / "digit.avif").read_bytes()
    assert picture_file.read(tmp_path / "digit.avif").shape == (80, 120)
    for length in (20, 60, len(whole) // 2, len(whole) - 9):
        assert said_of(tmp_path / "digit.avif", whole[:length]).startswith("a damaged picture (")


def test_damaged_tiff(tmp_path):
    bars().save(tmp_path / "digit.tif", compression="tiff_lzw")
    whole = (tmp_path / "digit.tif").read_bytes()
    rng = np.random.default_rng(0)
    said = set()
    for _ in range(20):
        data = bytearray(whole)
        for at in rng.integers(4, len(data), size=30):
            data[at] = rng.integers(256)
        (tmp_path / "digit.tif").write_bytes(data)
        try:
            picture_file.read(tmp_path / "digit.tif")
        except PictureError as error:
            said.add(str(error))
    assert said
    assert all(line.startswith("a damaged picture (") for line in said)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert said_of(tmp_path / "pipe.png") == "not an ordinary file; give a picture file"


def test_heic_without_its_reader_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    said = said_of(tmp_path / "photo.jpg", HEIC)
    assert "HEIC isn't opened here; pip install 'selforg_mnist[pictures]', or save it as" in said


def test_heic(tmp_path):
    heif = pytest.importorskip("pillow_heif", reason="pip install -e '.[pictures]'")
    heif.register_heif_opener()
    bars().save(tmp_path / "photo.heic")
    gray = picture_file.read(tmp_path / "photo.heic")
    assert gray.shape == (80, 120)
    assert gray[30, 50] < 0.2 < 0.9 < gray[5, 5]
    assert said_of(tmp_path / "photo.heic", HEIC).startswith("a damaged picture (HEIC)")


@pytest.mark.parametrize("name", ["d.jpg", "d.png", "d.tif", "d.webp"])
@pytest.mark.parametrize("size", [(90, 60), (1500, 1000)])
def test_exif_turns_pictures_of_any_size(tmp_path, name, size):
    exif = Image.Exif()
    exif[0x0112] = 6
    bars(size).save(tmp_path / name, exif=exif)
    gray = picture_file.read(tmp_path / name)
    assert gray.shape[0] > gray.shape[1]


LARGE = """
import pathlib, re, sys, time
from selforg_mnist.data import picture_file
gray = picture_file.read(pathlib.Path(sys.argv[1]))
peak = re.search(r"VmHWM:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())
print(len(gray), int(peak[1]) / 1024, time.process_time())
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["d.png", "d.jpg", "d.tif", "d.webp"])
def test_the_largest_picture_takes_little_memory_and_time(tmp_path, name):
    side = 4000 if name == "d.webp" else 5000
    picture = Image.effect_noise((side // 4, side // 4), 60).resize((side, side)).convert("RGB")
    picture.save(tmp_path / name, **({"compress_level": 1} if name == "d.png" else {}))
    code = [sys.executable, "-c", LARGE, str(tmp_path / name)]
    done = subprocess.run(code, capture_output=True, text=True, check=True)
    height, megabytes, seconds = map(float, done.stdout.split())
    assert 500 < height <= 1024
    assert megabytes < 300
    assert seconds < 3
    if name == "d.png":
        assert "more than 25 million pixels" in said_of(tmp_path / name, larger(5001, 5000))


def larger(width, height):
    """The head of a PNG of that size."""
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize("value", [np.nan, -np.inf, 3e38])
def test_gray_values_that_are_no_numbers(tmp_path, value):
    picture = np.zeros((40, 40), np.float32)
    picture[10:20, 10:30] = 1.0
    picture[5, 5] = value
    Image.fromarray(picture).save(tmp_path / "d.tif")
    assert "a damaged picture (gray values out of range)" in said_of(tmp_path / "d.tif")
