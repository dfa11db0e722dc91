"""What hands do to the cells: pencil, eraser, damage, bin, undo, digits, fingers."""

import math
import re

import numpy as np
import pytest

from support.demo_page import PHONE, tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect

# As large as MNIST's digits, in the middle of a canvas of 56 x 56 cells.
ONE = [(30, 18), (26, 38)]
SEVEN = [(21, 19), (34, 19), (31, 25), (28, 31), (26, 38)]
ZERO = [(28 + 6.5 * math.sin(a), 28 - 9.5 * math.cos(a)) for a in np.linspace(0, 6.4, 33)]


def living_cells(picture):
    """[size, size] bool."""
    return picture["gray"] > 0.1


def test_a_stroke_becomes_living_cells(demo):
    demo.click("Bin")
    demo.until("demo.living === 0")
    demo.stroke((20, 10), (40, 10))
    picture = demo.picture()
    rows, columns = np.nonzero(living_cells(picture))
    assert set(rows) >= {9, 10}  # the middle of the pen lies between these rows
    assert rows.min() >= 7
    assert rows.max() <= 12
    assert set(range(20, 40)) <= set(columns)
    assert columns.min() >= 17
    assert columns.max() <= 42
    assert demo.living == len(rows) == len(picture["state"])
    np.testing.assert_array_equal(picture["positions"], rows * 56 + columns)
    # Full ink in the middle, less at the rim, as in MNIST.
    assert picture["gray"][10, 30] > 0.9
    assert 0 < picture["gray"][rows.min(), 30] < 0.9


def test_a_wider_brush_draws_more(demo):
    widths = []
    for size in (1, 3, 10):
        demo.click("Bin")
        demo.set_slider("Brush size", size)
        demo.stroke((20, 28), (40, 28))
        widths.append(int(living_cells(demo.picture())[:, 30].sum()))
    assert 1 <= widths[0] < widths[1] < widths[2]
    assert widths[2] == pytest.approx(10, abs=2)


@pytest.mark.parametrize(
    ("digit", "strokes"), [pytest.param(0, ZERO, marks=pytest.mark.long), (1, ONE), (7, SEVEN)]
)
def test_a_drawn_digit_is_named(demo, digit, strokes):
    demo.click("Bin")
    demo.stroke(*strokes)
    demo.run(200)
    expect(demo.decision).to_have_text(re.compile(rf"^({digit}, all \d+|Probably {digit}: )"))
    assert demo.get("census().share") > 0.8


def test_drawing_on_with_cells_that_run(demo):
    """The cells change their mind while the digit under them changes."""
    demo.click("Bin")
    demo.stroke(*ONE)
    demo.click("Play")
    expect(demo.decision).to_have_text(re.compile(r"^(1, all|Probably 1:)"), timeout=30_000)
    demo.stroke((20, 18), (29, 18))
    assert demo.living > 0
    expect(demo.decision).to_have_text(re.compile(r"^(7, all|Probably 7:)"), timeout=60_000)


def test_a_stroke_takes_state_away_under_it(demo):
    demo.click("Digit 1")
    demo.run(50)
    before = demo.picture()
    demo.stroke((28, 28), (28, 28.5))
    after = demo.picture()
    states = {
        cell: (state, after["state"][list(after["positions"]).index(cell)])
        for cell, state in zip(before["positions"], before["state"], strict=True)
    }
    old, new = states[28 * 56 + 28] if 28 * 56 + 28 in states else (np.ones(1), np.zeros(1))
    assert np.abs(new).sum() < 0.2 * np.abs(old).sum()
    far = [pair for cell, pair in states.items() if abs(cell // 56 - 28) > 5]
    assert len(far) > 10
    for old, new in far:
        np.testing.assert_array_equal(new, old)


def test_a_digit_button_mutates_and_cycles(demo):
    demo.click("Bin", "Digit 4")
    demo.run(30)
    first = demo.picture()
    assert first["step"] == 30
    demo.click("Digit 4")
    second = demo.picture()
    assert (first["gray"] != second["gray"]).any()
    # Mutation: the steps go on, and so do the states of cells that live in both.
    assert second["step"] == 30
    both = np.intersect1d(first["positions"], second["positions"])
    assert len(both) > 10
    for cell in both:
        old = first["state"][first["positions"] == cell]
        new = second["state"][second["positions"] == cell]
        np.testing.assert_allclose(new, old, atol=1e-6)
    born = np.setdiff1d(second["positions"], first["positions"])
    assert len(born) > 10
    assert not second["state"][np.isin(second["positions"], born)].any()


@pytest.mark.long
def test_twenty_samples_of_a_digit_then_the_first_again(demo):
    demo.click("Bin")
    seen = []
    for _ in range(21):
        demo.click("Digit 2")
        seen.append(demo.picture()["gray"].tobytes())
    assert len(set(seen)) == 20
    assert seen[0] == seen[20]


@pytest.mark.long
def test_every_digit_is_what_its_button_says(demo):
    right = 0
    for digit in range(10):
        demo.click("Bin", f"Digit {digit}", "Reset")
        demo.run(150)
        right += demo.get("census().pieces[0].label") == digit
    assert right >= 8  # the model is right on 95 of 100


@pytest.mark.parametrize("way", [pytest.param("tool", marks=pytest.mark.long), "Shift"])
def test_the_eraser_is_wider_than_the_pencil(demo, way):
    demo.click("Bin")
    demo.set_slider("Brush size", 10)
    demo.stroke((20, 26), (36, 26))
    demo.stroke((20, 34), (36, 34))
    demo.set_slider("Brush size", 2)
    before = living_cells(demo.picture())
    if way == "tool":
        demo.click("Eraser")
        expect(demo.button("Eraser")).to_have_attribute("aria-pressed", "true")
        expect(demo.button("Pencil")).to_have_attribute("aria-pressed", "false")
    else:
        demo.page.keyboard.down("Shift")
    demo.stroke((28, 20), (28, 40))
    demo.page.keyboard.up("Shift")
    after = living_cells(demo.picture())
    assert not (after & ~before).any()
    # Radius 1 for the pencil, so 5 for the eraser.
    gone = (before & ~after)[30]
    assert gone[28]
    assert 8 <= gone.sum() <= 12
    assert after[30, 20]
    if way == "Shift":
        expect(demo.button("Pencil")).to_have_attribute("aria-pressed", "true")


def test_damage_erases_states_and_leaves_the_digit(demo):
    demo.click("Digit 0")
    demo.run(100)
    before = demo.picture()
    demo.click("Damage")
    demo.set_slider("Brush size", 2)  # radius 1, and five times that for this tool
    demo.stroke((16, 28), (40, 28))
    after = demo.picture()
    np.testing.assert_array_equal(after["gray"], before["gray"])
    np.testing.assert_array_equal(after["positions"], before["positions"])
    rows = after["positions"] // 56
    hit = (rows >= 27) & (rows <= 28)
    assert hit.any()
    assert np.abs(after["state"][hit]).sum() < 0.05 * np.abs(before["state"][hit]).sum()
    far = (rows < 20) | (rows > 36)
    assert far.any()
    np.testing.assert_array_equal(after["state"][far], before["state"][far])
    demo.run(100)
    assert demo.get("census().undecided") == 0  # healed


def test_bin_and_undo(demo):
    demo.click("Digit 5")
    demo.run(60)
    before = demo.picture()
    demo.click("Bin")
    demo.until("demo.living === 0")
    expect(demo.decision).to_contain_text("No living cells")
    demo.click("Undo")
    demo.until("demo.living > 0")
    after = demo.picture()
    np.testing.assert_array_equal(after["gray"], before["gray"])
    np.testing.assert_allclose(after["state"], before["state"], atol=1e-6)


def test_undo_goes_back_edit_by_edit(demo):
    demo.click("Bin")
    pictures = [demo.picture()["gray"]]
    demo.stroke((20, 15), (35, 15))
    pictures.append(demo.picture()["gray"])
    demo.stroke((20, 30), (35, 30))
    pictures.append(demo.picture()["gray"])
    demo.click("Eraser")
    demo.stroke((20, 15), (35, 15))
    assert demo.living < (pictures[-1] > 0.1).sum()
    while pictures:
        demo.click("Undo")
        np.testing.assert_array_equal(demo.picture()["gray"], pictures.pop())


@pytest.mark.parametrize("size", [56, pytest.param(112, marks=pytest.mark.long), 140])
def test_canvas_sizes_and_fill(demo, size):
    demo.choice("Canvas size").select_option(str(size))
    demo.until(f"demo.picture().size === {size}")
    demo.click("Fill")
    demo.run(100)
    picture = demo.picture()
    assert picture["gray"].shape == (size, size)
    pieces = demo.get("census().pieces")
    assert len(pieces) >= (size // 28) ** 2 * 0.6
    expect(demo.decision).to_have_text(re.compile(r"^\d+ digits: "))


def test_the_digit_stays_in_the_middle_of_a_larger_canvas(demo):
    demo.click("Bin", "Digit 3")
    small = demo.picture()["gray"]
    demo.choice("Canvas size").select_option("112")
    demo.until("demo.picture().size === 112")
    large = demo.picture()["gray"]
    np.testing.assert_array_equal(large[28:84, 28:84], small)
    assert large.sum() == pytest.approx(small.sum())


def test_two_fingers_draw_two_strokes(browser, address):
    with tab(browser, address, viewport=PHONE, has_touch=True, is_mobile=True) as demo:
        demo.open()
        demo.click("Bin")
        demo.cells.scroll_into_view_if_needed()
        cdp = demo.page.context.new_cdp_session(demo.page)

        def touch(kind, *places):
            points = [
                {"x": x, "y": y, "id": i}
                for i, (x, y) in enumerate(demo.place(*place) for place in places)
            ]
            cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", (15, 10), (40, 10))
        for y in range(12, 46, 2):
            touch("touchMove", (15, y), (40, y))
        touch("touchEnd")
        alive = living_cells(demo.picture())
        assert alive[12:42, 15].all()
        assert alive[12:42, 40].all()
        assert not alive[:, 20:35].any()  # no line from one finger to the other
        demo.click("Undo")
        demo.settle()
        if demo.living > 0:  # where the first finger was when the second one came
            demo.click("Undo")
            demo.settle()
        assert demo.living == 0
