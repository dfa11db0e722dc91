"""Whatever one does, the page goes on: states that run away, models that aren't there, links."""

import json
import shutil

import numpy as np
import pytest

from export import building
from selforg_mnist.evaluation import article
from support.demo_page import PAUSED, tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect

# --- States that run away -----------------------------------------------------------------------


@pytest.mark.parametrize("model", ["l2", "l2_noise"])
def test_states_too_large_for_another_model_start_again(demo, model):
    """Those of cross-entropy are ten times as large as an L2 model's, which can't use them."""
    demo.use_model("ce")
    demo.click("Bin", "Digit 0", "Reset")
    demo.run(200)
    assert np.abs(demo.picture()["state"]).max() > 20
    demo.use_model(model)
    expect(demo.notice).to_contain_text("The cells start again: L2")
    assert not demo.picture()["state"].any()
    demo.run(200)
    assert np.abs(demo.picture()["state"]).max() < 20
    assert demo.get("census().pieces[0].label") == 0
    # The other way round the states are carried over, and nothing is said.
    before = demo.picture()["state"]
    demo.use_model("ce")
    np.testing.assert_array_equal(demo.picture()["state"], before)
    expect(demo.notice).to_have_text("")


def test_undo_brings_back_no_states_that_the_model_can_not_use(demo):
    demo.use_model("ce")
    demo.click("Digit 0", "Reset")
    demo.run(100)
    gray = demo.picture()["gray"]
    demo.click("Bin")
    demo.use_model("l2")
    demo.click("Undo")
    expect(demo.notice).to_contain_text("The drawing is back. Its cells start again")
    after = demo.picture()
    np.testing.assert_array_equal(after["gray"], gray)
    assert not after["state"].any()


def test_a_digit_whose_states_run_away_starts_again_alone(demo):
    """A large blob, unlike any digit, makes the states of an L2 model grow without end."""
    demo.use_model("l2")
    demo.click("Bin")
    demo.stroke((6, 6), (6, 26))  # a healthy neighbour, far from the blob
    demo.set_slider("Brush size", 10)
    for y in range(8, 53, 5):
        demo.stroke((20, y), (50, y))
    largest = []
    for _ in range(60):
        picture = demo.picture()
        blob = picture["positions"] % 56 > 12
        largest.append(np.abs(picture["state"][blob]).max())
        assert np.abs(picture["state"]).max() <= 10 * 13  # ten times l2's usual largest state
        if demo.notice.inner_text():
            break
        demo.run(20)
    expect(demo.notice).to_contain_text("grew without limit. Their digit starts again")
    assert max(largest) > 20
    assert largest[-1] < max(largest)
    assert np.abs(picture["state"][~blob]).max() > 0.1  # which went on
    assert len(demo.get("census().pieces")) == 2


# --- Models that aren't there -------------------------------------------------------------------


@pytest.mark.parametrize("model", ["nope", "mine"])
def test_a_link_to_a_model_that_is_not_there(browser, address, model):
    with tab(browser, address) as demo:
        demo.open(f"backend=wasm&play=no&more=yes&model={model}")
        expect(demo.message).to_have_role("alert")
        expect(demo.message).to_contain_text(f"There is no model {model} here")
        running = demo.get("running")
        title = article.TITLES.get(running, running)
        expect(demo.message).to_contain_text(f"Instead, these cells run {title}.")
        first = building.MODELS[0]
        assert running == demo.get("model") == first
        assert f"model={first}" in demo.page.url
        demo.click("Digit 3", "Step")
        demo.until("demo.step === 1")


def test_an_opened_folder_after_a_reload(browser, site, address, tmp_path):
    folder = tmp_path / "mine"
    shutil.copytree(site / "models" / "ce", folder)
    with tab(browser, address) as demo:
        demo.open()
        demo.page.locator("#folder").set_input_files(folder)
        demo.until("demo.running === 'ce'")
        assert "model=mine" in demo.page.url
        options = demo.choice("Model").locator("option").all_inner_texts()
        assert options[-2:] == ["Cross Entropy (mine)", "Open a folder…"]
        demo.load(demo.page.url)
        demo.page.evaluate("window.demo.ready")
        expect(demo.message).to_contain_text("There is no model mine here")
        expect(demo.message).to_contain_text("a folder that you opened, open it again")
        demo.click("Play")
        demo.until("demo.step > 2")


def test_the_first_model_of_the_list_begins(browser, site, tmp_path):
    from export import serving

    shutil.copytree(site, tmp_path / "site")
    models = tmp_path / "site" / "models"
    index = models / "index.json"
    content = json.loads(index.read_text())
    index.write_text(json.dumps(content | {"models": ["ce", "robust", "l2_noise"]}))
    with serving.serve(tmp_path / "site") as address, tab(browser, address) as demo:
        demo.open("backend=wasm&play=no")
        assert demo.get("model") == "ce"


# --- The address is what the page shows ---------------------------------------------------------


def same(demo, fragment):
    """Whether the page shows the drawing that a fresh tab would show at that address."""
    shown = demo.picture()["gray"]
    context = demo.page.context
    page = context.new_page()
    page.goto(f"{demo.address}#{fragment}")
    page.evaluate("window.demo.ready")
    page.evaluate("window.demo.settled()")
    fresh = page.evaluate("[...window.demo.picture().gray]")
    page.close()
    return np.allclose(shown.ravel(), fresh, atol=0.5 / 15 + 1e-6)


def test_a_link_pasted_into_the_tab_back_and_forward(demo):
    demo.run(20)
    first = demo.picture()["gray"]
    other = PAUSED.replace("digit=0-0", "digit=4-2").replace("l2_noise", "l2")
    demo.page.evaluate(f"location.hash = '{other}&brush=8'")
    demo.until("demo.running === 'l2' && demo.step === 0")
    second = demo.picture()
    assert (second["gray"] != first).any()
    assert not second["state"].any()  # as in a tab of its own
    assert same(demo, other)
    demo.click("Digit 7")
    third = demo.picture()["gray"]
    demo.page.go_back()
    demo.until("demo.running === 'l2_noise'")
    np.testing.assert_array_equal(demo.picture()["gray"], first)
    assert "digit=0-0" in demo.page.url
    demo.page.go_forward()
    demo.until("demo.running === 'l2'")
    np.testing.assert_array_equal(demo.picture()["gray"], third)
    expect(demo.slider("Brush size")).to_have_value("8")
    # What a link doesn't tell of the drawing is left as it is, and the address made right.
    demo.page.evaluate("location.hash = 'backend=wasm&play=no&more=yes&brush=4'")
    demo.until("demo.running === 'l2_noise'")
    np.testing.assert_array_equal(demo.picture()["gray"], third)
    assert "digit=7-0" in demo.page.url


@pytest.mark.parametrize("size", [pytest.param(56, marks=pytest.mark.long), 140])
def test_a_drawing_is_in_the_address_once_it_rests(demo, size):
    demo.choice("Canvas size").select_option(str(size))
    demo.until(f"demo.picture().size === {size}")
    demo.click("Fill")
    demo.stroke((10, 10), (30, 20), (20, 40))
    demo.until("location.hash.includes('cells=')")
    drawn = demo.picture()["gray"]
    fragment = demo.page.evaluate("location.hash.slice(1)")
    assert "digit=" not in fragment
    assert same(demo, fragment)
    demo.click("Undo", "Digit 5")
    demo.until("!location.hash.includes('cells=')")
    demo.page.evaluate(f"location.hash = '{fragment}'")
    demo.until("location.hash.includes('cells=')")
    demo.settle()
    np.testing.assert_allclose(demo.picture()["gray"], drawn, atol=0.5 / 15 + 1e-6)
    # A damaged drawing is told, and the page stays as it is.
    demo.page.evaluate("location.hash = location.hash.replace(/cells=.*/, 'cells=damaged')")
    expect(demo.message).to_contain_text("The drawing in the link is damaged")


def test_an_empty_canvas_stays_empty_after_a_reload(demo):
    demo.click("Bin")
    demo.until("location.hash.includes('cells=')")
    demo.load(demo.page.url)
    demo.page.evaluate("window.demo.ready")
    demo.until("demo.picture() !== undefined")
    assert demo.living == 0
