"""What one can take away and come back to: links, keys in place of the mouse, pictures, films."""

import io
import re
from urllib.parse import parse_qs, urlsplit

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from support.demo_page import tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect

# Every setting, with a value that is not the default.
FULL = {
    "model": "l2",
    "size": "112",
    "backend": "cpu",
    "tool": "damage",
    "brush": "7",
    "speed": "4",
    "hue": "120",
    "palette": "article",
    "fire": "0.25",
    "noise": "0.05",
    "view": "channels",
    "theme": "dark",
    "digit": "3-7",
    "more": "yes",
    "play": "no",
}


def hash_of(demo):
    """The address's settings: one text for each key."""
    return {k: v[0] for k, v in parse_qs(urlsplit(demo.page.url).fragment).items()}


def settings_of(demo):
    """The same, as the controls show them."""
    pressed = [
        tool
        for tool in ("Pencil", "Eraser", "Damage", "Impostor")
        if demo.button(tool).get_attribute("aria-pressed") == "true"
    ]
    speeds = ("1/60", "1/10", "1/2", "1", "2", "4", "max")
    return {
        "model": demo.choice("Model").input_value(),
        "size": demo.choice("Canvas size").input_value(),
        "backend": demo.choice("Backend").input_value(),
        "tool": ",".join(pressed).lower(),
        "brush": demo.slider("Brush size").input_value(),
        "speed": speeds[int(demo.slider("Speed").input_value())],
        "hue": demo.slider("Hue").input_value(),
        "palette": demo.choice("Palette").input_value(),
        "fire": demo.slider("Fire rate").input_value(),
        "noise": demo.slider("Noise").input_value(),
        "view": demo.choice("View").input_value(),
        "theme": "dark" if demo.button("Light").count() else "light",
        "more": "yes" if demo.page.locator("#more").evaluate("(e) => e.open") else "no",
        "play": "no" if demo.button("Play").count() else "yes",
    }


def test_a_link_sets_everything(browser, address):
    with tab(browser, address) as demo:
        demo.open("&".join(f"{key}={value}" for key, value in FULL.items()))
        assert settings_of(demo) == {k: v for k, v in FULL.items() if k != "digit"}
        assert demo.get("model") == "l2"
        assert demo.get("backend") == "cpu"
        picture = demo.picture()
        assert picture["size"] == 112
        assert hash_of(demo) == FULL
        # The digit is the eighth sample of the button's.
        demo.open("backend=cpu&size=112&play=no&more=yes&digit=0-0")
        demo.click("Bin")
        for _ in range(8):
            demo.click("Digit 3")
        np.testing.assert_array_equal(demo.picture()["gray"], picture["gray"])
        assert hash_of(demo)["digit"] == "3-7"


def test_controls_write_the_address(demo):
    demo.choice("Model").select_option("ce")
    demo.choice("Canvas size").select_option("140")
    demo.choice("Palette").select_option("article")
    demo.choice("View").select_option("channels")
    demo.click("Eraser", "Dark")
    for name, value in (
        ("Brush size", 9),
        ("Speed", 0),
        ("Hue", 30),
        ("Fire rate", 0.75),
        ("Noise", 0.01),
    ):
        demo.set_slider(name, value)
    demo.click("Digit 6")
    demo.settle()
    found = hash_of(demo)
    assert re.fullmatch(r"6-\d+", found.pop("digit"))
    assert found == {
        "model": "ce",
        "size": "140",
        "backend": "wasm",
        "tool": "eraser",
        "brush": "9",
        "speed": "1/60",
        "hue": "30",
        "palette": "article",
        "fire": "0.75",
        "noise": "0.01",
        "view": "channels",
        "theme": "dark",
        "more": "yes",
        "play": "no",
    }
    before = settings_of(demo)
    demo.load(demo.page.url)
    demo.get("ready")
    assert settings_of(demo) == before


def test_values_out_of_range_are_as_by_default(browser, address):
    with tab(browser, address) as demo:
        demo.open("backend=wasm&play=no&more=yes")
        default = settings_of(demo)
        demo.open(
            "backend=wasm&play=no&more=yes&size=57&brush=0&speed=3&hue=-1&palette=no&fire=2&noise=x&"
            "view=all&theme=blue&tool=axe&digit=12-3&nothing=1&cells=!&beside=/&__proto__=1"
        )
        assert settings_of(demo) == default
        assert demo.message.is_hidden()


def test_an_address_typed_anew_is_followed(demo):
    demo.page.evaluate("location.hash = 'backend=wasm&play=no&more=yes&model=l2&brush=8'")
    demo.until("demo.running === 'l2'")
    expect(demo.slider("Brush size")).to_have_value("8")


def test_a_copied_link_carries_the_drawing(browser, address):
    with tab(browser, address, permissions=["clipboard-read", "clipboard-write"]) as demo:
        demo.open()
        demo.click("Bin")
        demo.stroke((15, 15), (35, 20), (25, 40))
        drawn = demo.picture()["gray"]
        demo.set_slider("Brush size", 6)
        demo.page.evaluate("navigator.clipboard.writeText('')")
        demo.click("Copy link")
        while not (link := demo.page.evaluate("navigator.clipboard.readText()")):
            demo.frames(1)
        assert link.startswith(address)
        demo.open(urlsplit(link).fragment)
        # Sixteen levels of gray are enough for a link.
        np.testing.assert_allclose(demo.picture()["gray"], drawn, atol=0.5 / 15 + 1e-6)
        expect(demo.slider("Brush size")).to_have_value("6")


def test_saved_picture(demo):
    demo.click("Bin", "Digit 0", "Reset")
    demo.run(150)
    with demo.page.expect_download() as download:
        demo.click("Save picture")
    assert download.value.suggested_filename.endswith(".png")
    image = Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB")
    # Cells are eight pixels large, with title and legend around them.
    assert image.width >= 8 * 56
    assert image.height > 8 * 56
    pixels = np.asarray(image).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 20


def test_saved_film(demo):
    demo.click("Digit 5", "Play")
    with demo.page.expect_download(timeout=60_000) as download:
        demo.click("Save film")
    path = download.value.path()
    assert re.search(r"\.(webm|mp4)$", download.value.suggested_filename)
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    frames = [np.frombuffer(frame, np.uint8) for frame in reader]
    width, height = about["size"]
    assert width >= 56
    assert height >= 56
    assert len(frames) > 20
    # The cells talk in it.
    assert np.abs(frames[2].astype(int) - frames[-1]).mean() > 0.5
    demo.click("Pause")


# --- Keys -------------------------------------------------------------------------------------


def test_keys(demo):
    press = demo.page.keyboard.press
    demo.page.locator("body").click(position={"x": 2, "y": 2})

    press("Space")
    expect(demo.button("Pause")).to_be_visible()
    press("Space")
    expect(demo.button("Play")).to_be_visible()
    press("r")
    demo.until("demo.step === 0")
    press("s")
    demo.until("demo.step === 1")
    press("Delete")
    demo.until("demo.living === 0")
    press("4")
    demo.until("demo.living > 30")
    assert hash_of(demo)["digit"].startswith("4-")
    press("Control+z")
    demo.until("demo.living === 0")
    press("u")
    demo.until("demo.living > 30")
    press("f")
    demo.until("demo.census().pieces.length > 1")
    for key, tool in (("e", "Eraser"), ("d", "Damage"), ("i", "Impostor"), ("p", "Pencil")):
        press(key)
        expect(demo.button(tool)).to_have_attribute("aria-pressed", "true")
    for key, slider, by in (("]", "Brush size", 1), ("[", "Brush size", -1), ("+", "Speed", 1)):
        before = int(demo.slider(slider).input_value())
        press(key)
        expect(demo.slider(slider)).to_have_value(str(before + by))
    press("-")
    expect(demo.slider("Speed")).to_have_value(str(before))
    press("m")
    demo.until("demo.model === 'l2'")
    press("v")
    expect(demo.choice("View")).to_have_value("channels")
    press("?")
    dialog = demo.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for told in ("play or pause", "undo", "0 to 9"):
        expect(dialog).to_contain_text(told)
    demo.click("Close")
    expect(dialog).to_be_hidden()


def test_a_key_acts_once_where_it_is_also_a_control_s_own(demo):
    demo.button("Step").focus()
    before = demo.step
    demo.page.keyboard.press("Space")  # presses the button, and does not play
    demo.until(f"demo.step === {before + 1}")
    expect(demo.button("Play")).to_be_visible()
    demo.slider("Hue").focus()
    demo.page.keyboard.press("ArrowRight")
    expect(demo.slider("Hue")).not_to_have_value("0")
    demo.choice("Model").focus()
    demo.page.keyboard.press("l")  # in a list of names, a letter chooses
    demo.settle()
    assert demo.step == before + 1


def test_every_control_is_reached_by_tab(demo):
    wanted = {"Play", "Step", "Reset", "Undo", "Bin", "Pencil", "Eraser", "Damage", "Cells"}
    wanted |= {f"Digit {d}" for d in range(10)} | {"Fill", "Save picture", "Save film"}
    wanted |= {"Brush size", "Speed", "Hue", "Fire rate", "Noise", "Copy link", "Dark"}
    wanted |= {"Impostor", "Model", "Canvas size", "Backend", "Palette", "View"}
    demo.click("Digit 3")  # something to undo
    demo.settle()
    demo.page.locator("body").click(position={"x": 2, "y": 2})
    seen = set()
    for _ in range(60):
        demo.page.keyboard.press("Tab")
        seen.add(
            demo.page.evaluate(
                "() => {const e = document.activeElement;"
                "return e.getAttribute('aria-label') ?? e.textContent.trim()}"
            )
        )
    assert wanted - seen == set()


def test_drawing_with_the_keyboard(demo):
    demo.click("Bin")
    demo.cells.focus()
    press = demo.page.keyboard.press
    press("Enter")
    for _ in range(10):
        press("ArrowRight")
    press("Enter")
    for _ in range(5):
        press("ArrowDown")
    gray = demo.picture()["gray"]
    assert (gray[28, 29:38] > 0.9).all()
    assert not (gray[31:] > 0.1).any()  # the pen was lifted
