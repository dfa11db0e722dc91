"""Films: the frames in a file equal the frames that were written."""

import re
import sys

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from selforg_mnist import spec
from selforg_mnist.errors import UserError
from selforg_mnist.pictures import films
from support.full_disk import largest_file

COLOURS = np.array([*spec.PALETTE, spec.UNDECIDED_COLOUR, (255, 255, 255)], np.uint8)
SUFFIXES = (".mp4", ".gif", ".webp")


def pixel_art(count, height=64, width=96, scale=2, seed=0):
    """[count, height, width, 3]: a cell of the article's colours is a square of pixels."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, len(COLOURS), (count, -(-height // scale), -(-width // scale)))
    frames = COLOURS[cells].repeat(scale, axis=1).repeat(scale, axis=2)
    return frames[:, :height, :width]


def noise(count, side=64, seed=0):
    """[count, side, side, 3]: far more than 256 colours."""
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def read_mp4(path):
    """The frames that a player shows, and the file's own properties."""
    reader = imageio_ffmpeg.read_frames(path)
    about = next(reader)
    width, height = about["size"]
    return np.stack([np.frombuffer(f, np.uint8).reshape(height, width, 3) for f in reader]), about


def read_picture(path):
    """Frames, durations in ms, number of loops."""
    frames, durations = [], []
    with Image.open(path) as film:
        for i in range(getattr(film, "n_frames", 1)):
            film.seek(i)
            film.load()  # WebP tells the duration of a frame that was decoded
            frames.append(np.asarray(film.convert("RGB")))
            durations.append(film.info.get("duration"))
        return np.stack(frames), durations, film.info.get("loop")


class TestMP4:
    def test_frames_are_those_that_were_sent(self, tmp_path):
        sent = pixel_art(9)
        assert films.write(iter(sent), tmp_path / "a.mp4", 10) == tmp_path / "a.mp4"
        assert imageio_ffmpeg.count_frames_and_secs(tmp_path / "a.mp4") == (9, 0.9)
        shown, about = read_mp4(tmp_path / "a.mp4")
        assert shown.shape == sent.shape
        # A player may interpolate colours between cells, so the middle of large cells counts.
        assert np.abs(shown.astype(int) - sent).mean() < 12
        assert about["fps"] == 10

    def test_colours_of_cells_are_kept(self, tmp_path):
        sent = pixel_art(5, scale=8)
        films.write(iter(sent), tmp_path / "a.mp4", 25)
        shown, _ = read_mp4(tmp_path / "a.mp4")
        inside = np.s_[:, 3::8, 3::8]
        assert np.abs(shown[inside].astype(int) - sent[inside]).max() <= 8

    def test_browsers_can_play_it(self, tmp_path):
        films.write(iter(pixel_art(3)), tmp_path / "a.mp4", 10)
        _, about = read_mp4(tmp_path / "a.mp4")
        assert about["codec"] == "h264"
        assert about["pix_fmt"].startswith("yuv420p(tv, bt709")
        data = (tmp_path / "a.mp4").read_bytes()
        assert 0 < data.index(b"moov") < data.index(b"mdat"), "the index is not in front"

    @pytest.mark.parametrize(("height", "width"), [(33, 64), (32, 65), (31, 63), (1, 1)])
    def test_odd_sizes_are_padded_with_white(self, tmp_path, height, width):
        sent = np.full([3, height, width, 3], (0, 128, 128), np.uint8)
        films.write(iter(sent), tmp_path / "a.mp4", 10)
        shown, _ = read_mp4(tmp_path / "a.mp4")
        assert shown.shape == (3, height + height % 2, width + width % 2, 3)
        inside = shown[:, : height // 4 * 2, : width // 4 * 2].astype(int)
        assert (np.abs(inside - (0, 128, 128)) <= 6).all()
        luma = shown @ np.array([0.213, 0.715, 0.072])  # which has full resolution
        assert luma[:, :height, :width].max() < 150
        for padding in (luma[:, height:], luma[:, :, width:]):
            assert padding.size == 0 or padding.min() > 200

    def test_fps_need_not_be_whole(self, tmp_path):
        films.write(iter(pixel_art(8)), tmp_path / "a.mp4", 2.5)
        assert imageio_ffmpeg.count_frames_and_secs(tmp_path / "a.mp4") == (8, 3.2)

    @pytest.mark.slow
    def test_frames_are_encoded_as_they_come(self, tmp_path):
        # Far more than a pipe and an encoder buffer, so some frames have already reached the file.
        sizes = []

        def frames():
            for frame in noise(90, side=128):
                yield frame
                sizes.extend(p.stat().st_size for p in tmp_path.glob("*.mp4"))

        films.write(frames(), tmp_path / "a.mp4", 10)
        assert sizes[-1] > 100_000


class TestGIF:
    @pytest.mark.slow
    def test_frames_are_those_that_were_sent(self, tmp_path):
        sent = pixel_art(9, height=33, width=51, scale=1)
        films.write(iter(sent), tmp_path / "a.gif", 20)
        shown, durations, loop = read_picture(tmp_path / "a.gif")
        np.testing.assert_array_equal(shown, sent)
        assert durations == [50] * 9
        assert loop == 0

    @pytest.mark.slow
    def test_there_is_one_palette(self, tmp_path):
        films.write(iter(pixel_art(5)), tmp_path / "a.gif", 20)
        # A frame's descriptor: its start, left, top, width, height, then flags; 0x80 would be a
        # palette of its own.
        descriptors = re.findall(rb"\0,\0\0\0\0\x60\0\x40\0(.)", (tmp_path / "a.gif").read_bytes())
        assert [flags[0] & 0x80 for flags in descriptors] == [0] * 5

    def test_256_colours_are_exact_and_a_frame_lacking_some_of_them_too(self, tmp_path):
        colours = np.unique(noise(1).reshape(-1, 3), axis=0)[:256]
        sent = np.stack([colours.reshape(16, 16, 3), np.full([16, 16, 3], colours[77])])
        films.write(iter(sent), tmp_path / "a.gif", 20)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.gif")[0], sent)

    def test_more_colours_are_approached_without_dithering(self, tmp_path):
        flat, shade = np.full([64, 64, 3], (210, 245, 60), np.uint8), np.arange(256, dtype=int)
        shades = np.stack([shade, 255 - shade, shade // 2], axis=-1).astype(np.uint8)
        other = np.stack([255 - shade, shade // 3, shade], axis=-1).astype(np.uint8)
        many = np.stack([shades, other]).repeat(32, axis=0).reshape(128, 128, 3)
        sent = np.stack([np.pad(flat, ((0, 64), (0, 64), (0, 0)), constant_values=255), many])
        films.write(iter(sent), tmp_path / "a.gif", 20)
        shown = read_picture(tmp_path / "a.gif")[0]
        np.testing.assert_array_equal(shown[0], sent[0])
        distance = np.linalg.norm(shown[1].astype(int) - sent[1], axis=-1)
        assert 0 < distance.mean() < 3
        assert distance.max() < 12
        pairs = np.unique(np.concatenate([sent[1], shown[1]], axis=-1).reshape(-1, 6), axis=0)
        assert len(pairs) == len(np.unique(pairs[:, :3], axis=0)), "a colour shown in two ways"

    @pytest.mark.slow
    def test_delays_of_10_ms_keep_time_on_average(self, tmp_path):
        films.write(iter(pixel_art(9)), tmp_path / "a.gif", 30)
        _, durations, _ = read_picture(tmp_path / "a.gif")
        assert durations == [30, 40, 30, 30, 40, 30, 30, 40, 30]

    def test_a_frame_that_stays_takes_its_time(self, tmp_path):
        first, second = pixel_art(2)
        films.write(iter([first, first, second]), tmp_path / "a.gif", 10)
        shown, durations, _ = read_picture(tmp_path / "a.gif")
        np.testing.assert_array_equal(shown, [first, second])
        assert durations == [200, 100]


class TestWebP:
    @pytest.mark.parametrize("sent", [pixel_art(5, 33, 51, 1), noise(5)], ids=["art", "noise"])
    def test_frames_are_those_that_were_sent(self, tmp_path, sent):
        films.write(iter(sent), tmp_path / "a.webp", 30)
        shown, durations, loop = read_picture(tmp_path / "a.webp")
        np.testing.assert_array_equal(shown, sent)
        assert durations == [33, 34, 33, 33, 34]
        assert loop == 0


class TestAnyFormat:
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_one_frame_is_a_film(self, tmp_path, suffix):
        sent = pixel_art(1, scale=8)
        path = films.write(iter(sent), tmp_path / f"a{suffix}", 10)
        shown = read_mp4(path)[0] if suffix == ".mp4" else read_picture(path)[0]
        assert shown.shape == sent.shape
        assert np.abs(shown[:, 3::8, 3::8].astype(int) - sent[:, 3::8, 3::8]).max() <= 8

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_the_caller_may_use_an_array_again(self, tmp_path, suffix):
        sent = pixel_art(4, scale=8)

        def frames():
            buffer = np.empty_like(sent[0])
            for frame in sent:
                buffer[:] = frame
                yield buffer

        path = films.write(frames(), tmp_path / f"a{suffix}", 10)
        shown = read_mp4(path)[0] if suffix == ".mp4" else read_picture(path)[0]
        assert np.abs(shown[:, 3::8, 3::8].astype(int) - sent[:, 3::8, 3::8]).max() <= 8

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_a_view_of_a_larger_array_is_written_right(self, tmp_path, suffix):
        sent = pixel_art(2, scale=8).swapaxes(1, 2)
        path = films.write(iter(sent), tmp_path / f"a{suffix}", 10)
        shown = read_mp4(path)[0] if suffix == ".mp4" else read_picture(path)[0]
        assert np.abs(shown[:, 3::8, 3::8].astype(int) - sent[:, 3::8, 3::8]).max() <= 8

    def test_capitals_and_odd_names(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for name in ("-y 10:30.MP4", "%d.Gif"):
            films.write(iter(pixel_art(2)), type(tmp_path)(name), 10)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["%d.Gif", "-y 10:30.MP4"]


def refused(tmp_path, frames, name, fps=10.0):
    """Returns the message; checks that only the earlier file is there, unchanged."""
    path = tmp_path / name
    path.write_bytes(b"before")
    with pytest.raises(UserError) as caught:
        films.write(frames, path, fps)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert path.read_bytes() == b"before"
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestRefusals:
    @pytest.mark.parametrize("name", ["a.avi", "a", "a.mp4.txt"])
    def test_unknown_suffix(self, tmp_path, name):
        message = refused(tmp_path, iter(pixel_art(2)), name)
        assert message.endswith(
            f"{name}: a film's name ends in .mp4, .gif, .webp; give such a name"
        )

    def test_no_encoder(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
        message = refused(tmp_path, self._never(), "a.mp4")
        assert "pip install 'selforg_mnist[films]', or write a .webp or a .gif" in message
        assert films.best_suffix() == ".webp"

    def test_encoder_that_is_not_there(self, tmp_path, monkeypatch):
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
        assert "/nowhere/ffmpeg: no such program" in refused(tmp_path, self._never(), "a.mp4")
        assert films.best_suffix() == ".webp"

    @staticmethod
    def _never():
        pytest.fail("a frame was asked for, which may take minutes, before the encoder")
        yield

    def test_encoder_that_fails(self, tmp_path, monkeypatch):
        encoder = tmp_path.parent / f"{tmp_path.name}.sh"
        encoder.write_text("#!/bin/sh\necho 'no codec' >&2\necho 'today' >&2\nexit 7\n")
        encoder.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(encoder))
        message = refused(tmp_path, iter(pixel_art(9, 256, 256)), "a.mp4")
        assert f"({encoder} ended with status 7: no codec today)" in message

    @pytest.mark.slow
    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_full_disk(self, tmp_path, suffix):
        with largest_file(20_000):
            message = refused(tmp_path, iter(noise(30)), f"a{suffix}")
        assert "can't be written" in message
        assert "make room" in message

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_frames_that_fail(self, tmp_path, suffix):
        def frames():
            yield from pixel_art(2)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            films.write(frames(), tmp_path / f"a{suffix}", 10)
        assert list(tmp_path.iterdir()) == []


def test_mp4_is_the_best_where_its_encoder_is():
    assert films.best_suffix() == ".mp4"
