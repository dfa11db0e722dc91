"""Good and bad pictures of digits, and the canvases made from them."""

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from selforg_mnist.data import canvas, digits, strokes
from selforg_mnist.data.picture_file import PictureError

FIVE = ((62, 18), (38, 18), (34, 46), (52, 42), (64, 58), (56, 78), (32, 80))


def five(size=200, pen=12, at=(0, 0)):
    """A five of 0.3 x 0.62 of the picture, black on white."""
    picture = Image.new("L", (size, size), 255)
    points = [(x * size / 100 + at[0], y * size / 100 + at[1]) for x, y in FIVE]
    ImageDraw.Draw(picture).line(points, fill=0, width=pen, joint="curve")
    return picture


def as_gray(picture):
    return np.asarray(picture, np.float32) / 255


def saved(picture, folder, name="digit.png", **options):
    picture.save(folder / name, **options)
    return folder / name


@pytest.fixture(scope="module")
def plain():
    """The canvas of the five."""
    return canvas.from_gray(as_gray(five()))


@pytest.fixture(scope="module")
def mnist(mnist_data_dir):
    return digits.load_digits("mnist", "test", str(mnist_data_dir))


def assert_alike(ours, theirs, mean=6):
    """Whether canvases differ only by rounding, resampling and noise."""
    assert np.abs(ours.astype(int) - theirs).mean() < mean


class TestLayout:
    @pytest.mark.slow
    def test_the_longer_side_is_20_of_28_and_the_mass_is_in_the_middle(self, plain):
        assert plain.dtype == np.uint8
        y, x = np.nonzero(plain > 25)
        assert np.ptp(y) + 1 == 20
        # The pen included, the five is 42 wide and 74 high.
        assert np.ptp(x) + 1 == pytest.approx(20 * 42 / 74, abs=1.1)
        mass = plain / plain.sum()
        assert (mass.sum(axis=1) @ np.arange(28)) == pytest.approx(14, abs=0.5)
        assert (mass.sum(axis=0) @ np.arange(28)) == pytest.approx(14, abs=0.5)
        assert plain.max() == 255
        assert np.any((plain > 60) & (plain < 200))  # anti-aliased

    @pytest.mark.parametrize("size", [14, 56, 101])
    def test_other_sizes(self, size):
        made = canvas.from_gray(as_gray(five()), size)
        assert made.shape == (size, size)
        assert np.ptp(np.nonzero(made > 25)[0]) + 1 == pytest.approx(20 / 28 * size, abs=1.1)

    @pytest.mark.slow
    def test_where_the_digit_is_and_how_large_does_not_matter(self, plain):
        for size, pen, at in ((100, 6, (20, -10)), (600, 36, (120, 60)), (1500, 90, (0, 200))):
            assert_alike(canvas.from_gray(as_gray(five(size, pen, at))), plain)

    def test_a_lopsided_digit_stays_on_the_canvas(self):
        gray = np.zeros((100, 100), np.float32)
        gray[5:95, 50:54] = gray[75:95, 20:84] = 1.0  # nearly all of its mass is at the bottom
        made = canvas.from_gray(gray)
        assert np.flatnonzero(made.any(axis=1)).tolist() == list(range(20))

    @pytest.mark.parametrize("pen", [1, 2, 4])
    def test_thin_pens_are_widened_to_what_cells_can_follow(self, plain, pen):
        made = canvas.from_gray(as_gray(five(400, pen)))
        # Strokes are two or more cells wide; plain shrinking would leave a gray of pen / 22.
        rows = made[8:20].astype(int)
        assert np.median(rows.max(axis=1)) > 230
        assert np.median(rows.sum(axis=1)) > 1.8 * 255
        assert strokes.connected(made[None]).all()
        assert_alike(made, plain, mean=20)

    def test_a_pen_of_one_pixel_is_widened_at_every_size(self):
        picture = Image.new("L", (28, 28), 255)
        ImageDraw.Draw(picture).line([(8, 4), (20, 4), (11, 23)], fill=0)  # 20 high, as MNIST's
        small = canvas.from_gray(as_gray(picture))
        assert small.sum() > 1.5 * (255 - np.asarray(picture)).sum()
        large = canvas.from_gray(as_gray(picture.resize((84, 84), Image.Resampling.NEAREST)))
        assert_alike(small, large)

    def test_eight_by_eight_pixels_are_enough(self):
        drawn = digits.load_digits("drawn", "test", num_drawn=30).images
        for digit in drawn:
            inked = digit[:, (digit > 25).any(axis=0)][(digit > 25).any(axis=1)]
            tiny = Image.fromarray(inked).resize((6, 8), Image.Resampling.BOX)
            made = canvas.from_gray(np.pad(as_gray(tiny), ((0, 0), (1, 1))))
            assert np.ptp(np.flatnonzero(made.max(axis=1) > 25)) + 1 >= 18

    def test_thick_pens_stay_thick(self, plain):
        made = canvas.from_gray(as_gray(five(200, 26)))
        assert made.sum() > 1.25 * plain.sum()


class TestMnist:
    def test_a_digit_of_mnist_comes_out_as_it_was(self, mnist, tmp_path):
        for i in range(40):
            digit = mnist.images[i]
            made = canvas.read(saved(Image.fromarray(digit), tmp_path))
            assert np.array_equal(made > 25, digit > 25)
            # Full ink becomes 255; dead cells are kept only next to living ones.
            np.testing.assert_allclose(made.astype(int), digit, atol=25)
            assert_alike(made, digit, mean=1)

    def test_digits_in_pieces_are_not_refused(self, mnist):
        alone = ~strokes.connected(mnist.images)
        assert alone.sum() == 295
        refused = 0
        for digit in mnist.images[alone][::3]:
            try:
                canvas.from_gray(as_gray(digit))
            except PictureError:
                refused += 1
        assert refused <= 1  # 2 of the 10,000

    @pytest.mark.parametrize("space", [3, 5, 12])
    @pytest.mark.parametrize("stacked", [False, True])
    def test_two_digits_are_refused(self, mnist, space, stacked):
        rows = mnist.images[:40].reshape(20, 2, 28, 28)
        caught = 0
        for pair in rows:
            pair = [digit.T if stacked else digit for digit in pair]
            left, right = (digit[:, (digit > 25).any(axis=0)] for digit in pair)
            both = np.hstack([left, np.zeros((28, space), np.uint8), right])
            gray = as_gray(np.pad(both.T if stacked else both, 8))
            try:
                canvas.from_gray(gray)
            except PictureError as error:
                caught += "2 digits, it seems, at (" in str(error)
        assert caught >= 19


class TestPages:
    """The same five, in all forms that a file may have."""

    @pytest.mark.parametrize(
        ("mode", "name"),
        [
            ("1", "d.png"), ("L", "d.png"), ("LA", "d.png"), ("P", "d.png"), ("RGB", "d.png"),
            ("RGBA", "d.png"), ("I;16", "d.png"), ("I", "d.tiff"), ("F", "d.tiff"),
            ("L", "d.jpg"), ("RGB", "d.jpeg"), ("CMYK", "d.jpg"), ("LAB", "d.tiff"),
            ("RGB", "d.webp"), ("L", "d.gif"), ("L", "d.bmp"), ("L", "d.ppm"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("dark_on_light", [True, False])
    def test_modes_and_formats(self, plain, tmp_path, mode, name, dark_on_light):
        picture = five() if dark_on_light else Image.eval(five(), lambda level: 255 - level)
        if mode == "I;16":  # of a 12-bit scanner
            picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 16)
        elif mode == "F":
            picture = Image.fromarray(np.asarray(picture).astype(np.float32) / 7 - 3)
        elif mode == "LAB":
            levels = np.asarray(picture)
            picture = Image.merge("LAB", [picture, *[Image.new("L", picture.size, 128)] * 2])
            assert np.array_equal(np.asarray(picture)[..., 0], levels)
        else:
            picture = picture.convert(mode)
        assert_alike(canvas.read(saved(picture, tmp_path, name)), plain)

    @pytest.mark.parametrize("pen", [(0, 0, 0), (255, 255, 255), (200, 30, 30), (90, 160, 255)])
    def test_a_drawing_on_transparency(self, plain, tmp_path, pen):
        opacity = Image.eval(five(), lambda level: 255 - level)
        for hidden in ((0, 0, 0), (255, 255, 255), pen):  # invisible pixels have no effect
            picture = Image.new("RGB", opacity.size, hidden)
            picture.paste(pen, mask=opacity)
            picture.putalpha(opacity)
            assert_alike(canvas.read(saved(picture, tmp_path)), plain)

    def test_a_palette_with_a_transparent_colour(self, plain, tmp_path):
        picture = five().convert("P")
        path = saved(picture, tmp_path, transparency=picture.getpixel((0, 0)))
        assert_alike(canvas.read(path), plain)

    @pytest.mark.parametrize("dark_on_light", [True, False])
    def test_a_page_with_transparent_corners(self, plain, tmp_path, dark_on_light):
        picture = five() if dark_on_light else Image.eval(five(), lambda level: 255 - level)
        opacity = Image.new("L", picture.size, 0)
        ImageDraw.Draw(opacity).rounded_rectangle((4, 4, 195, 195), 30, fill=255)
        picture.putalpha(opacity)
        assert_alike(canvas.read(saved(picture, tmp_path)), plain)

    @pytest.mark.parametrize("turned", range(1, 9))
    def test_exif_says_which_way_is_up(self, plain, tmp_path, turned):
        undone = {
            2: [Image.Transpose.FLIP_LEFT_RIGHT],
            3: [Image.Transpose.ROTATE_180],
            4: [Image.Transpose.FLIP_TOP_BOTTOM],
            5: [Image.Transpose.TRANSPOSE],
            6: [Image.Transpose.ROTATE_90],
            7: [Image.Transpose.TRANSVERSE],
            8: [Image.Transpose.ROTATE_270],
        }
        picture = five()
        for way in undone.get(turned, []):
            picture = picture.transpose(way)
        exif = Image.Exif()
        exif[0x0112] = turned
        assert_alike(canvas.read(saved(picture, tmp_path, "d.jpg", exif=exif, quality=90)), plain)

    @pytest.mark.parametrize("angle", [0.5, 2.0, 4.5])
    def test_a_photo_of_a_page(self, plain, tmp_path, angle):
        y, x = np.mgrid[-1:1:480j, -1:1:640j]
        light = 0.7 + 0.15 * (np.cos(angle) * x + np.sin(angle) * y) - 0.08 * (x**2 + y**2)
        page = np.ones((480, 640))
        page[150:350, 260:460] -= 0.7 * (1 - as_gray(five()))
        page[60:63, 80:83] = 0.4  # a crumb
        noisy = light * page + np.random.default_rng(0).normal(0, 0.01, page.shape)
        photo = Image.fromarray(np.rint(noisy.clip(0, 1) * 255).astype(np.uint8)).convert("RGB")
        made = canvas.read(saved(photo, tmp_path, "photo.jpg", quality=80))
        assert_alike(made, plain, mean=12)
        assert np.array_equal(made[:3], np.zeros((3, 28)))  # neither paper nor crumb is ink


class TestRefused:
    @pytest.mark.parametrize(
        ("name", "data", "said"),
        [
            ("missing.png", None, "can't be read (No such file or directory); give another file"),
            ("a_folder", "folder", "can't be read (Is a directory); give another file"),
            ("empty.png", b"", "not a picture; expected a PNG, a JPEG or the like"),
            ("words.png", b"three\n" * 90, "not a picture; expected a PNG, a JPEG or the like"),
        ],
    )
    def test_no_picture(self, tmp_path, name, data, said):
        path = tmp_path / name
        if data == "folder":
            path.mkdir()
        elif data is not None:
            path.write_bytes(data)
        with pytest.raises(PictureError) as caught:
            canvas.read(path)
        assert str(caught.value) == f"{path}: {said}"

    @pytest.mark.parametrize("name", ["d.png", "d.jpg", "d.gif", "d.tiff", "d.webp"])
    def test_a_damaged_picture_is_one_line_or_none(self, tmp_path, name):
        rng = np.random.default_rng(0)
        whole = saved(five(), tmp_path, name).read_bytes()
        said = set()
        for i in range(30):
            data = bytearray(whole[: rng.integers(len(whole))] if i % 2 else whole)
            for at in rng.integers(min(len(data), 200), size=i % 3 * 4) if data else ():
                data[at] = rng.integers(256)
            (tmp_path / name).write_bytes(data)
            try:
                canvas.read(tmp_path / name)
            except PictureError as error:
                said.add(str(error))
        assert not any("\n" in line for line in said)
        assert any(line.startswith(f"{tmp_path / name}: a damaged picture (") for line in said)

    def test_a_picture_too_large_to_open(self, tmp_path):
        path = saved(Image.new("1", (20_000, 5_000)), tmp_path)
        with pytest.raises(
            PictureError, match="more than 25 million pixels; shrink it, or crop it"
        ):
            canvas.read(path)

    @pytest.mark.parametrize("level", [0, 90, 255])
    def test_nothing_drawn(self, tmp_path, level):
        path = saved(Image.new("L", (60, 40), level), tmp_path)
        with pytest.raises(PictureError, match=r"png: no ink found; expected a digit that stands"):
            canvas.read(path)
        with pytest.raises(PictureError, match="no ink found"):
            canvas.read(saved(Image.new("RGBA", (60, 40), (level, 0, 0, 0)), tmp_path))

    def test_noise_and_blobs(self):
        noise = np.random.default_rng(0).uniform(size=(80, 80)).astype(np.float32)
        speckle = (noise > 0.95).astype(np.float32)
        blob = np.zeros((90, 90), np.float32)
        blob[20:70, 20:70] = 1.0
        tiny = np.zeros((16, 16), np.float32)
        tiny[3:13, 3:13] = 1.0
        dot = np.zeros((90, 90), np.float32)
        dot[40:43, 40:44] = 1.0
        for gray, said in (
            (noise, "no ink found"),
            (speckle, "lines or a frame; crop to the digit"),
            (blob, "lines or a frame; crop to the digit"),
            (tiny, "ink covers 51% of the canvas"),
            (dot, "only 4 pixels large; expected a digit of 6 or more"),
        ):
            with pytest.raises(PictureError) as caught:
                canvas.from_gray(gray)
            assert said in str(caught.value)

    def test_many_digits_are_counted_and_placed(self):
        row = np.hstack([as_gray(five()) for _ in range(3)])
        with pytest.raises(PictureError) as caught:
            canvas.from_gray(row)
        places = "(16%, 49%), (50%, 49%), (83%, 49%)"
        assert f"3 digits, it seems, at {places} of its width and height; " in str(caught.value)
        assert "expected one; crop the picture to it" in str(caught.value)
        with pytest.raises(PictureError, match=r"12 digits, it seems, at (\(.*\), ){5}\.\.\. of"):
            canvas.from_gray(np.vstack([row] * 4))

    def test_a_stroke_that_is_broken_is_one_digit(self, plain):
        for y, x in itertools.product((44, 70, 120), (60, 90)):
            gray = as_gray(five())
            gray[y : y + 7, x : x + 60] = 1.0
            assert_alike(canvas.from_gray(gray), plain, mean=16)
