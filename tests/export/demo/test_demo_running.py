"""How the cells run on the page: play, step, speed, models, backends, votes, memory."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from support.demo_page import tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect


def test_play_and_pause(demo):
    demo.click("Digit 3")
    assert demo.step == 0
    demo.click("Play")
    demo.until("demo.step >= 10")
    expect(demo.button("Play")).to_have_count(0)
    demo.click("Pause")
    demo.settle()
    at = demo.step
    demo.frames(20)
    assert demo.step == at


def test_step_and_reset(demo):
    demo.click("Digit 3", "Reset")
    demo.click("Step")
    demo.until("demo.step === 1")
    once = demo.picture()
    fired = np.abs(once["state"]).sum(axis=1) > 0
    assert 0.2 < fired.mean() < 0.8  # about half of the cells fire in a step
    demo.click("Step", "Step")
    demo.until("demo.step === 3")
    demo.click("Reset")
    demo.until("demo.step === 0")
    fresh = demo.picture()
    np.testing.assert_array_equal(fresh["gray"], once["gray"])
    assert not fresh["state"].any()
    expect(demo.decision).to_contain_text("Undecided")


def test_speed(demo):
    names = []
    for position in range(7):
        demo.set_slider("Speed", position)
        names.append(demo.slider("Speed").get_attribute("aria-valuetext"))
    assert len(set(names)) == 7
    demo.click("Digit 3")
    rates = {}
    for position, wait in ((0, 2500), (3, 1000), (6, 1000)):  # milliseconds
        demo.set_slider("Speed", position)
        demo.click("Reset", "Play")
        # By the page's own clock: a click may take long on a busy machine.
        rates[position] = demo.page.evaluate(
            "async (wait) => {const [begin, first] = [performance.now(), window.demo.step];"
            "await new Promise((done) => setTimeout(done, wait));"
            "return (1000 * (window.demo.step - first)) / (performance.now() - begin)}",
            wait,
        )
        demo.click("Pause")
    assert 0.3 <= rates[0] <= 1.7  # one step a second
    assert rates[0] < rates[3] < 75  # one a frame
    assert rates[6] > 1.5 * rates[3]
    assert re.search(r"\d", demo.page.locator("#rate").inner_text())


def test_fire_rate_and_noise(demo):
    demo.click("Digit 3", "Reset")
    demo.set_slider("Fire rate", 0)
    demo.run(10)
    assert not demo.picture()["state"].any()
    demo.set_slider("Fire rate", 1)
    demo.run(1)
    assert (np.abs(demo.picture()["state"]).sum(axis=1) > 0).all()

    def scatter():
        """How much two steps from the same fresh cells differ, when all fire."""
        states = []
        for _ in range(2):
            demo.click("Reset")
            demo.run(1)
            states.append(demo.picture()["state"])
        return np.std(states[0] - states[1])

    demo.set_slider("Noise", 0)
    assert scatter() == 0
    demo.set_slider("Noise", 0.1)
    assert scatter() == pytest.approx(0.1 * 2**0.5, rel=0.1)


def test_the_curve_rises(demo):
    demo.click("Bin", "Digit 0", "Reset")
    demo.run(200)
    demo.settle()
    curve = demo.get("curve()")
    assert all(0 <= point["share"] <= 1 and 0 <= point["agreement"] <= 1 for point in curve)
    steps = [point["step"] for point in curve]
    assert steps == sorted(steps)
    assert steps[-1] == 200
    early = np.mean([point["share"] for point in curve if point["step"] <= 8])
    late = np.mean([point["share"] for point in curve if point["step"] > 150])
    assert late > 0.9
    assert late > early + 0.2


def test_votes_are_the_largest_logits(demo):
    demo.click("Digit 8", "Reset")
    demo.run(12)
    picture, census = demo.picture(), demo.get("census()")
    logits = picture["state"][:, -10:]
    undecided = (logits < picture["undecidedBelow"]).all(axis=1)
    votes = np.bincount(logits[~undecided].argmax(axis=1), minlength=10)
    told = census["votes"]
    assert [told[str(d)] if isinstance(told, dict) else told[d] for d in range(10)] == list(votes)
    assert census["undecided"] == undecided.sum()
    assert census["living"] == len(logits) == demo.living
    assert census["share"] == pytest.approx(votes.max() / len(logits))


def test_models_are_switched_mid_run(demo):
    demo.click("Digit 6", "Reset")
    demo.run(50)
    before = demo.picture()
    demo.choice("Model").select_option("ce")
    demo.until("demo.model === 'ce'")
    demo.until("demo.running === 'ce'")
    after = demo.picture()
    assert after["step"] == 50
    np.testing.assert_array_equal(after["state"], before["state"])
    demo.click("Play")
    demo.until("demo.step >= 80")
    demo.choice("Model").select_option("l2")
    demo.until("demo.running === 'l2'")
    at = demo.step
    assert at >= 80
    demo.until(f"demo.step > {at + 5}")
    demo.click("Pause")
    assert np.isfinite(demo.picture()["state"]).all()


def test_each_model_keeps_its_own_character(demo):
    """States grow under cross-entropy and stay small under L2 (article: "Cell states")."""
    magnitude = {}
    for model in ("ce", "l2"):
        demo.choice("Model").select_option(model)
        demo.until(f"demo.running === '{model}'")
        demo.click("Bin", "Digit 0", "Reset")
        demo.run(200)
        magnitude[model] = np.abs(demo.picture()["state"]).mean()
    assert magnitude["ce"] > 3 * magnitude["l2"]


@pytest.mark.parametrize("backend", ["cpu", "webgl", "webgpu", "wasm"])
def test_backends(demo, backend):
    demo.click("Digit 0", "Reset")
    demo.run(40)
    before = demo.picture()
    demo.choice("Backend").select_option("cpu" if backend == "wasm" else backend)
    if backend == "wasm":  # it is the one at the start
        demo.until("demo.backend === 'cpu'")
        demo.choice("Backend").select_option("wasm")
    demo.until(f"demo.backend === '{backend}'", timeout=60_000)
    np.testing.assert_allclose(demo.picture()["state"], before["state"], atol=1e-6)
    demo.run(60)
    after = demo.picture()
    assert after["step"] == 100
    assert np.isfinite(after["state"]).all()
    expect(demo.decision).to_have_text(re.compile(r"^(0, all|Probably 0:)"))


def tensors_after(demo, work):
    """The number of tensors once the work is done."""
    work()
    demo.settle()
    return demo.get("tensors()")


def test_memory_is_constant_over_steps_and_clicks(demo):
    def clicks():
        buttons = [demo.button(f"Digit {digit}").element_handle() for digit in range(10)]
        demo.page.evaluate(
            "async (buttons) => {for (let i = 0; i < 100; i++) {"
            "buttons[i % 10].click(); await new Promise(requestAnimationFrame);}}",
            buttons,
        )

    demo.click("Digit 3")
    before = tensors_after(demo, lambda: demo.run(10))
    assert before > 0
    assert tensors_after(demo, lambda: demo.run(1000)) == before
    assert tensors_after(demo, clicks) == before


@pytest.mark.parametrize("backend", ["wasm", pytest.param("webgl", marks=pytest.mark.long)])
def test_memory_is_constant_whatever_one_does(browser, address, backend):
    with tab(browser, address) as demo:
        demo.open(f"backend={backend}&play=no&more=yes")

        def everything():
            demo.stroke((10, 10), (40, 40))
            demo.click("Eraser")
            demo.stroke((40, 10), (10, 40))
            demo.click("Damage")
            demo.stroke((40, 10), (10, 40))
            demo.click("Pencil", "Undo", "Bin", "Undo", "Reset", "Step", "Fill", "Play")
            demo.frames(20)
            demo.click("Pause")
            for model in ("ce", "l2_noise"):
                demo.choice("Model").select_option(model)
                demo.until(f"demo.running === '{model}'")
            demo.click("Compare")
            demo.until("demo.twin() !== undefined")
            demo.click("Back to one canvas", "Pause")
            for view in ("channels", "cells"):
                demo.choice("View").select_option(view)
            for size in ("140", "56"):
                demo.choice("Canvas size").select_option(size)
                demo.until(f"demo.picture().size === {size}")

        before = tensors_after(demo, everything)  # a model that was switched to stays loaded
        assert tensors_after(demo, everything) == before


def test_a_long_run_lets_no_memory_grow(demo):
    """Ten thousand points would be far more than the curve may keep."""
    demo.click("Digit 1")
    demo.set_slider("Speed", 6)
    demo.run(3000)
    demo.settle()
    assert len(demo.get("curve()")) <= 2000


def test_out_of_sight_it_pauses(browser, address):
    with tab(browser, address, viewport={"width": 390, "height": 500}) as demo:
        demo.open("backend=wasm&digit=3-0")
        demo.cells.scroll_into_view_if_needed()
        demo.until("demo.step > 5")
        demo.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        demo.stands_still()
        at = demo.step
        demo.frames(60)
        assert demo.step == at
        demo.page.evaluate("scrollTo(0, 0)")
        demo.until(f"demo.step > {at + 5}")


def test_in_a_hidden_tab_it_pauses(browser, address):
    """A browser calls for no frames of a hidden tab; nothing else may drive the cells."""
    # A headless tab is never hidden, so what a hidden one would miss is held back here.
    script = (
        "const frames = window.requestAnimationFrame.bind(window);"
        "const held = [];"
        "window.requestAnimationFrame = (f) => (window.away ? held.push(f) : frames(f));"
        "window.comeBack = () => {window.away = false; held.forEach((f) => frames(f));};"
    )
    with tab(browser, address, script) as demo:
        demo.open("backend=wasm&digit=3-0")
        demo.until("demo.step > 5")
        demo.page.evaluate("window.away = true")
        demo.stands_still()
        at, tensors = demo.step, demo.get("tensors()")
        demo.page.wait_for_timeout(1000)
        assert (demo.step, demo.get("tensors()")) == (at, tensors)
        demo.page.evaluate("window.comeBack()")
        demo.until(f"demo.step > {at + 5}")


def pixels(demo, canvas):
    """The canvas with that id, as its pixels: [height, width, 4]."""
    png = demo.page.evaluate("(id) => document.getElementById(id).toDataURL()", canvas)
    with Image.open(io.BytesIO(base64.b64decode(png.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGBA"))


def test_channels_all_and_one_large(demo):
    demo.click("Digit 3")
    demo.run(100)
    demo.choice("View").select_option("channels")
    grid = demo.page.get_by_role("img", name="All channels", exact=True)
    expect(grid).to_be_visible()
    demo.settle()
    assert len(np.unique(pixels(demo, "channels").reshape(-1, 4), axis=0)) > 50
    seen = []
    box = grid.bounding_box()
    for column in (0, 2, 4):
        grid.click(position={"x": box["width"] * (0.1 + 0.2 * column), "y": box["height"] / 3})
        demo.settle()
        seen.append(pixels(demo, "channel").tobytes())
    assert len(set(seen)) == 3
    demo.choice("View").select_option("cells")
    expect(grid).to_be_hidden()


def test_cells_have_the_colour_of_their_label(demo):
    demo.choice("Palette").select_option("article")
    demo.click("Bin", "Digit 0", "Reset")
    demo.run(200)
    picture = demo.picture()
    shown = pixels(demo, "cells")
    assert shown.shape[:2] == (56, 56)
    full = picture["gray"] > 0.99
    # Nearly all say "0", whose colour in the article is (128, 0, 0).
    colours, counts = np.unique(shown[full], axis=0, return_counts=True)
    np.testing.assert_allclose(colours[counts.argmax()], [128, 0, 0, 255], atol=3)
    demo.set_slider("Hue", 180)
    demo.settle()
    turned = pixels(demo, "cells")
    assert (turned[full] != shown[full]).any(axis=-1).mean() > 0.8
    demo.set_slider("Hue", 0)
    demo.choice("Palette").select_option("safe")
    demo.settle()
    safe = pixels(demo, "cells")
    assert (safe[full] != shown[full]).any(axis=-1).mean() > 0.8


def test_the_hue_changes_no_cell(demo):
    demo.click("Digit 7")
    demo.run(20)
    before = demo.picture()
    demo.set_slider("Hue", 90)
    np.testing.assert_array_equal(demo.picture()["state"], before["state"])
