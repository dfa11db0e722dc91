"""A look into one cell: what it sees, its votes, its other numbers, and how they changed."""

import re

import numpy as np
import pytest

from support.demo_page import tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect


def looked_into(demo):
    return demo.page.locator("#one-cell")


def test_hovering_looks_into_the_cell_under_the_mouse(demo):
    demo.click("Digit 0", "Reset")
    expect(looked_into(demo)).to_be_hidden()
    expect(demo.page.locator("#one-cell-hint")).to_be_visible()
    demo.run(60)
    x, y = demo.living_place()
    demo.page.mouse.move(*demo.place(x, y))
    expect(looked_into(demo)).to_be_visible()
    expect(demo.page.locator("#one-cell-hint")).to_be_hidden()
    picture = demo.picture()
    labels = dict(
        zip(picture["positions"].tolist(), picture["state"][:, -10:].argmax(axis=1), strict=True)
    )
    column, row = int(x), int(y)
    around = [
        labels.get((row + dy) * 56 + column + dx)
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if (dx, dy) != (0, 0)
    ]
    said = ", ".join(str(label) for label in around if label is not None)
    expect(looked_into(demo)).to_have_attribute(
        "aria-label",
        f"The cell in column {column + 1}, row {row + 1} says {labels[row * 56 + column]}. "
        f"Its neighbours say {said}.",
    )
    # What is drawn follows the cells, and the mouse.
    demo.page.evaluate("() => {window.before = document.getElementById('one-cell').toDataURL()}")
    demo.run(8)
    demo.until("document.getElementById('one-cell').toDataURL() !== window.before")
    name = looked_into(demo).get_attribute("aria-label")
    rows, columns = np.nonzero(picture["gray"] > 0.1)
    demo.page.mouse.move(*demo.place(columns[0] + 0.5, rows[0] + 0.5))
    expect(looked_into(demo)).not_to_have_attribute("aria-label", name)
    # Beside the digit the last one stays, until it dies.
    name = looked_into(demo).get_attribute("aria-label")
    demo.page.mouse.move(*demo.place(1, 1))
    demo.settle()
    expect(looked_into(demo)).to_have_attribute("aria-label", name)
    demo.click("Bin")
    expect(looked_into(demo)).to_be_hidden()


def test_arrow_keys_look_into_cells_too(demo):
    demo.click("Bin")
    demo.stroke((20, 28), (36, 28))
    demo.run(20)
    demo.cells.focus()
    demo.page.mouse.move(0, 0)
    names = set()
    for _ in range(3):
        demo.page.keyboard.press("ArrowLeft")
        demo.settle()
        names.add(looked_into(demo).get_attribute("aria-label"))
    assert len(names) == 3
    assert all(re.match(r"The cell in column \d+, row \d+ ", name) for name in names)


def test_a_finger_that_draws_looks_into_what_it_draws(browser, address):
    with tab(browser, address, has_touch=True) as demo:
        demo.open()
        demo.click("Bin")
        demo.page.touchscreen.tap(*demo.place(20, 20))
        demo.settle()
        demo.page.touchscreen.tap(*demo.place(20, 20))
        demo.settle()
        expect(looked_into(demo)).to_have_count(1)
        assert demo.living > 0
