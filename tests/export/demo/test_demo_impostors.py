"""Impostors: the tool, what edits do to them, the experiment, links, and where they can't live."""

import io
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from support.demo_page import PAUSED, tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect

RED = (214, 0, 32)
BAR = ((20, 28), (36, 28))  # of cells from column 18 to 37


def impostors(demo):
    """Cells, y * 56 + x."""
    demo.settle()
    return sorted(demo.get("impostors()"))


def draw_bar(demo):
    """A bar on a blank canvas, and the tool in the hand."""
    demo.click("Bin")
    demo.stroke(*BAR)
    demo.click("Impostor")
    expect(demo.button("Impostor")).to_have_attribute("aria-pressed", "true")


def lie(demo, left=26, right=30):
    """Makes a part of the bar impostors."""
    demo.stroke((left, 28), (right, 28))


def share_of_8(demo):
    census = demo.get("census()")
    return demo.votes()[8] / census["living"]


# --- The tool ---------------------------------------------------------------------------------


def test_it_marks_living_cells_and_with_shift_makes_them_honest(demo):
    draw_bar(demo)
    before = demo.picture()
    lie(demo)
    marked = impostors(demo)
    assert 8 < len(marked) < 40
    assert set(marked) <= set(before["positions"].tolist())
    after = demo.picture()
    np.testing.assert_array_equal(after["gray"], before["gray"])
    np.testing.assert_array_equal(after["state"], before["state"])
    census = demo.get("census()")
    assert census["impostors"] == len(marked)
    assert census["living"] == demo.living - len(marked)
    expect(demo.decision).to_contain_text(f"; {len(marked)} impostors")
    demo.page.keyboard.down("Shift")
    lie(demo, 28, 40)
    demo.page.keyboard.up("Shift")
    left = impostors(demo)
    assert 0 < len(left) < len(marked)
    assert set(left) < set(marked)
    demo.click("Undo")
    assert impostors(demo) == marked
    demo.click("Undo")
    assert impostors(demo) == []
    expect(demo.decision).not_to_contain_text("impostor")


def test_it_marks_by_keys(demo):
    draw_bar(demo)
    demo.click("Pencil")
    demo.page.keyboard.press("i")
    expect(demo.button("Impostor")).to_have_attribute("aria-pressed", "true")
    demo.set_slider("Brush size", 1)
    demo.cells.focus()
    # The mouse has left the pen at the end of the bar.
    for key in ("ArrowLeft", "Enter", "ArrowLeft", "ArrowLeft", "Enter", "ArrowLeft"):
        demo.page.keyboard.press(key)
    marked = impostors(demo)
    assert len(marked) == 3
    demo.page.keyboard.press("ArrowRight")
    expect(demo.page.locator("#pen")).to_contain_text("is an impostor. Its neighbours say")
    expect(demo.page.locator("#one-cell")).to_have_attribute(
        "aria-label", re.compile("is an impostor")
    )


def test_what_edits_do_to_them(demo):
    draw_bar(demo)
    lie(demo)
    marked = impostors(demo)
    demo.click("Reset", "Damage")
    demo.stroke((28, 28), (29, 28))
    assert impostors(demo) == marked
    demo.click("Pencil")
    demo.stroke((29, 28), (29.5, 28))
    drawn_over = impostors(demo)
    assert 0 < len(drawn_over) < len(marked)
    demo.click("Eraser")
    demo.set_slider("Brush size", 1)
    demo.stroke((26, 28), (26, 28.5))
    assert len(impostors(demo)) < len(drawn_over)
    demo.click("Undo", "Undo")
    assert impostors(demo) == marked
    # Another digit keeps them at their places; they are silent where it has no ink.
    demo.click("Digit 8")
    assert impostors(demo) == marked
    living = set(demo.picture()["positions"].tolist())
    assert demo.get("census().impostors") == len(living & set(marked))
    demo.choice("Canvas size").select_option("112")
    demo.until("demo.picture().size === 112")
    assert impostors(demo) == [(cell // 56 + 28) * 112 + cell % 56 + 28 for cell in marked]
    demo.click("Fill")
    assert impostors(demo) == []
    demo.click("Undo")
    assert len(impostors(demo)) == len(marked)
    demo.click("Bin")
    assert impostors(demo) == []


def test_they_are_red_with_a_white_square_inside(demo):
    draw_bar(demo)
    lie(demo)
    marked = impostors(demo)
    with demo.page.expect_download() as download:
        demo.click("Save picture")
    image = np.asarray(Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB"))
    red = (image == RED).all(axis=-1)
    # 20 pixels a cell of which the middle is white, and the key.
    assert red.sum() > len(marked) * 20 * 20 * 0.7
    rows, columns = np.nonzero(red)
    first = image[rows[0] : rows[0] + 20, columns[0] : columns[0] + 20]
    assert (first[10, 10] == 255).all()
    on_page = demo.page.evaluate(
        "([x, y]) => {const c = document.getElementById('overlay'), s = c.width / 56;"
        "const at = (dx, dy) => [...c.getContext('2d').getImageData("
        "(x + dx) * s, (y + dy) * s, 1, 1).data];"
        "return [at(0.15, 0.15), at(0.5, 0.5)]}",
        [marked[-1] % 56, marked[-1] // 56],
    )
    assert on_page == [[*RED, 255], [255, 255, 255, 255]]


# --- Steps ------------------------------------------------------------------------------------


def test_a_step_is_that_of_the_study(demo):
    """Where all fire and nothing is noisy, both have nothing left to chance."""
    import tensorflow as tf

    from experiments.impostors import two_rules
    from selforg_mnist import weights
    from selforg_mnist.cells import living_cells
    from support import command

    demo.open(f"{PAUSED}&fire=1&noise=0&tool=impostor")
    demo.until("!document.getElementById('no-impostors').textContent")
    demo.stroke((22, 22), (34, 34))
    demo.run(12)
    before = demo.picture()
    marked = np.isin(np.arange(56 * 56), impostors(demo)).reshape(1, 56, 56)
    assert 10 < marked.sum() < 60
    demo.run(4)
    after = demo.picture()

    file = command.ROOT / "experiments" / "impostors" / "impostor_l2_noise.keras"
    rules = two_rules.Rules(
        weights.load("l2_noise").model.ca_weights(),
        weights.load(str(file)).model.ca_weights(),
        fire_rate=1.0,
        residual_noise=0.0,
    )
    cells = living_cells.find(before["gray"][None])
    state = np.zeros((56 * 56, 19), np.float32)
    state[before["positions"]] = before["state"]
    table = living_cells.to_table(cells, state.reshape(1, 56, 56, 19))
    places = two_rules.find(cells, tf.constant(marked))
    key = tf.constant([0, 0])
    expected = two_rules.rollout(rules, cells, places, table, 4, key)
    np.testing.assert_allclose(
        after["state"], living_cells.living_state(cells, expected), atol=1e-4
    )
    honest = two_rules.rollout(rules, cells, two_rules.find(cells, marked & False), table, 4, key)
    assert np.abs(after["state"] - living_cells.living_state(cells, honest)).max() > 0.1


def test_they_go_to_another_backend_too(demo):
    draw_bar(demo)
    lie(demo)
    marked = impostors(demo)
    demo.run(3)
    demo.choice("Backend").select_option("cpu")
    demo.until("demo.backend === 'cpu'")
    demo.run(3)
    assert impostors(demo) == marked
    tensors = demo.get("tensors()")
    demo.run(20)
    assert demo.get("tensors()") == tensors


def test_two_canvases(browser, address):
    with tab(browser, address) as demo:
        for beside, theirs in (("ce", True), ("robust", False)):
            demo.open(f"{PAUSED}&beside={beside}&tool=impostor")
            demo.until("demo.twin() !== undefined")
            demo.stroke((20, 20), (36, 36))
            marked = impostors(demo)
            assert len(marked) > 10
            demo.run(2)
            twin = demo.page.evaluate("() => [...window.demo.twin().impostors]")
            assert sorted(twin) == (marked if theirs else [])


# --- The experiment -----------------------------------------------------------------------------


def test_one_cell_in_ten_lies(demo):
    demo.use_model("robust")
    demo.set_slider("Speed", 0)
    demo.click("Lie")
    demo.until("demo.running === 'l2_noise' && demo.step < 30")
    demo.run(200)
    expect(demo.notice).to_contain_text("try to make all cells say 8", timeout=60_000)
    before = demo.picture()
    assert share_of_8(demo) < 0.1
    assert demo.get("census().share") > 0.9
    marked = impostors(demo)
    assert len(marked) / len(before["positions"]) == pytest.approx(0.1, abs=0.01)
    assert "model=l2_noise" in demo.page.url
    demo.run(200)
    assert share_of_8(demo) > 0.8
    expect(demo.decision).to_contain_text(f"; {len(marked)} impostors")
    # Honest again: the others recover.
    demo.click("Impostor")
    demo.set_slider("Brush size", 10)
    demo.page.keyboard.down("Shift")
    for y in range(12, 48, 6):
        demo.stroke((10, y), (46, y))
    demo.page.keyboard.up("Shift")
    assert impostors(demo) == []
    demo.run(400)
    assert share_of_8(demo) < 0.5


# --- Links ------------------------------------------------------------------------------------


def test_a_link_carries_them(demo):
    lie_at = ((20, 20), (36, 36))
    demo.click("Impostor")
    demo.stroke(*lie_at)
    marked = impostors(demo)
    assert len(marked) > 10
    demo.until("location.hash.includes('impostors=')")
    assert "digit=0-0" in demo.page.url  # the drawing is the sample still
    link = demo.page.evaluate("location.hash.slice(1)")
    demo.open(link)
    demo.until("demo.impostors().length > 0")
    assert impostors(demo) == marked
    demo.run(5)
    # In the same tab, back, and on.
    demo.page.evaluate("location.hash = location.hash.replace(/&impostors=[^&]*/, '')")
    demo.until("demo.impostors().length === 0")
    demo.page.go_back()
    demo.until("demo.impostors().length > 0")
    assert impostors(demo) == marked
    # With a drawing of one's own, on a larger canvas.
    demo.choice("Canvas size").select_option("112")
    demo.click("Pencil")
    demo.stroke((10, 10), (20, 10))
    larger = impostors(demo)
    demo.until("location.hash.includes('cells=')")
    link = demo.page.evaluate("location.hash.slice(1)")
    demo.open(link)
    demo.until("demo.impostors().length > 0")
    assert impostors(demo) == larger
    demo.click("Bin")
    demo.until("!location.hash.includes('impostors=')")
    # A damaged one is told, and the drawing is there without.
    demo.open(re.sub("impostors=[^&]*", "impostors=damaged", link))
    expect(demo.message).to_contain_text("The impostors in the link are damaged")
    assert demo.living > 0
    assert "impostors=" not in demo.page.url


# --- Where they can't live ----------------------------------------------------------------------


def test_wider_cells_have_none(demo):
    said = demo.page.locator("#no-impostors")
    draw_bar(demo)
    lie(demo)
    demo.until("location.hash.includes('impostors=')")
    demo.use_model("robust")
    expect(demo.notice).to_contain_text("The cells start again (without impostors)")
    assert impostors(demo) == []
    demo.until("!location.hash.includes('impostors=')")
    expect(demo.button("Pencil")).to_have_attribute("aria-pressed", "true")
    # The tool says why it can't be used, and a button helps.
    demo.click("Impostor")
    expect(said).to_contain_text("they were trained among cells like those of L2 + Residual Noise")
    expect(demo.button("Pencil")).to_have_attribute("aria-pressed", "true")
    demo.click("Use L2 + Residual Noise")
    demo.until("demo.running === 'l2_noise'")
    expect(demo.button("Impostor")).to_have_attribute("aria-pressed", "true")
    expect(said).to_have_text("")
    expect(demo.page.locator("#use-other-model")).to_be_hidden()
    lie(demo)
    assert impostors(demo) != []
    demo.use_model("ce")
    assert impostors(demo) != []
    demo.until("location.hash.includes('impostors=')")
    link = demo.page.evaluate("location.hash.slice(1)").replace("model=ce", "model=robust")
    demo.open(link)
    expect(said).to_contain_text("Impostors can't be used with")
    assert "impostors=" not in demo.page.url
    expect(demo.button("Pencil")).to_have_attribute("aria-pressed", "true")


@pytest.fixture
def copy(site, tmp_path):
    """The page's files, to be changed; served at the address."""
    from export import serving

    shutil.copytree(site, tmp_path / "site")
    with serving.serve(tmp_path / "site") as address:
        yield tmp_path / "site" / "models", address


def test_a_page_without_impostors(browser, copy):
    models, address = copy
    index = json.loads((models / "index.json").read_text())
    del index["impostors"]
    (models / "index.json").write_text(json.dumps(index))
    with tab(browser, address) as demo:
        demo.open(f"{PAUSED}&tool=impostor&impostors=Y2Ag")
        expect(demo.button("Cut")).to_be_visible()
        expect(demo.button("Lie")).to_have_count(0)
        expect(demo.page.locator("#impostor")).to_be_hidden()
        expect(demo.button("Pencil")).to_have_attribute("aria-pressed", "true")
        demo.page.keyboard.press("i")
        expect(demo.button("Pencil")).to_have_attribute("aria-pressed", "true")
        demo.run(3)


def test_impostors_that_can_not_be_loaded(browser, copy):
    models, address = copy
    (models / "impostor" / "living" / "model.json").write_text("{")
    with tab(browser, address) as demo:
        demo.open()
        demo.click("Impostor")
        expect(demo.message).to_contain_text("impostor/living/model.json")
        expect(demo.button("Pencil")).to_have_attribute("aria-pressed", "true")
        demo.run(3)
