"""The first ten seconds: a slow start, a hint, a legend, no jargon; and what one hears of it."""

import itertools
import re
from urllib.parse import urlsplit

import pytest

from support.demo_page import tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect

# What only experts know; "More" has it.
JARGON = r"backend|fire rate|noise|canvas size|channel|arctan|logit|residual|entropy|wasm|CA step"
START = "backend=wasm&digit=3-0"


def test_it_begins_slowly_then_gets_up_to_speed(browser, address):
    # A clock of frames: what steps are taken in is frames and not seconds.
    script = (
        "window.frames_ = [];"
        "(function count() {requestAnimationFrame(count); if (window.demo) {"
        "try {window.frames_.push(window.demo.step)} catch {}}})();"
    )
    with tab(browser, address, script) as demo:
        demo.open(START)
        # On a busy machine frames are late, and steps go by time; so no more than this.
        demo.until("demo.step >= 4", timeout=30_000)
        slow = demo.page.evaluate("[...window.frames_]")
        assert max(b - a for a, b in itertools.pairwise(slow)) <= 1
        expect(demo.page.locator("#speed-value")).to_have_text("slow at first")
        demo.run(40)
        demo.until("demo.step >= 60", timeout=30_000)
        expect(demo.page.locator("#speed-value")).to_have_text("1 step a frame")


def test_the_speed_that_the_user_chooses_holds_at_once(browser, address):
    with tab(browser, address) as demo:
        demo.open(START)
        expect(demo.page.locator("#speed-value")).to_have_text("slow at first")
        demo.set_slider("Speed", 6)
        expect(demo.page.locator("#speed-value")).to_have_text("as fast as possible")
        demo.until("demo.step >= 45", timeout=6_000)
        # The link of a speed of one's own: no slow start.
        demo.open(START + "&speed=4&play=no")
        expect(demo.page.locator("#speed-value")).to_have_text("4 steps a frame")


def test_the_cells_are_seen_to_disagree(browser, address):
    with tab(browser, address) as demo:
        demo.open(START + "&play=no")
        seen = []
        for _ in range(10):
            demo.run(4)
            seen.append(sum(1 for votes in demo.votes() if votes))
        assert max(seen) >= 3  # several labels at once
        assert seen[-1] < max(seen)


def test_draw_here_until_someone_does(browser, address):
    hint = "#draw-here"
    with tab(browser, address) as demo:
        demo.open(START + "&play=no")
        expect(demo.page.locator(hint)).to_be_visible()
        demo.click("Digit 4")
        expect(demo.page.locator(hint)).to_be_visible()
        box = demo.page.locator(hint).bounding_box()
        canvas = demo.cells.bounding_box()
        assert canvas["y"] < box["y"] < box["y"] + box["height"] < canvas["y"] + canvas["height"]
        demo.stroke((28, 50), (30, 50))  # through it
        assert demo.picture()["gray"][50, 29] > 0.5
        expect(demo.page.locator(hint)).to_be_hidden()
        demo.open(START + "&play=no")
        demo.cells.focus()
        demo.page.keyboard.press("Enter")
        expect(demo.page.locator(hint)).to_be_hidden()


@pytest.mark.parametrize("way", ["Fill", "f", "Enlarge", "link"])
def test_the_hint_lies_upon_no_digit(demo, way):
    hint = demo.page.locator("#draw-here")
    expect(hint).to_be_visible()
    if way == "link":
        demo.click("Fill")
        demo.until("location.hash.includes('cells=')")
        demo.open(urlsplit(demo.page.url).fragment)
    elif way == "f":
        demo.page.keyboard.press("f")
    else:
        demo.click(way)
    expect(hint).to_be_hidden()


def test_the_legend_is_handwriting_in_the_labels_colours(demo):
    legend = demo.page.evaluate(
        "() => [...document.querySelectorAll('#digits button')].map((button) => {"
        "const c = button.querySelector('canvas');"
        "const {data} = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
        "const inked = [];"
        "for (let i = 0; i < data.length; i += 4)"
        " if (data[i + 3] > 250) inked.push(data.slice(i, i + 3).join());"
        "return [c.width, [...new Set(inked)].join(' '), inked.length,"
        "getComputedStyle(button, '::after').backgroundColor]})"
    )
    assert len({colour for _, colour, _, _ in legend}) == 10
    for width, colour, inked, strip in legend:
        assert width == 28
        assert inked > 10
        assert re.findall(r"\d+", strip) == colour.split(",")  # one colour, that of the strip


@pytest.mark.parametrize("width", [390, 1280])
def test_the_first_view_has_no_jargon(browser, address, width):
    with tab(browser, address, viewport={"width": width, "height": 800}) as demo:
        demo.open(START + "&play=no")
        assert re.findall(JARGON, demo.page.locator("body").inner_text(), re.IGNORECASE) == []
        for name in ("Model", "Backend", "Canvas size", "View"):
            expect(demo.choice(name)).to_be_hidden()
        demo.page.locator("summary").click()
        expect(demo.choice("Backend")).to_be_visible()
        demo.until("location.hash.includes('more=yes')")
        assert re.findall("backend", demo.page.locator("body").inner_text(), re.IGNORECASE)


def test_less_motion_where_the_system_asks_for_it(browser, address):
    with tab(browser, address, reduced_motion="reduce") as demo:
        demo.open(START)
        expect(demo.button("Play")).to_be_visible()
        expect(demo.notice).to_contain_text("Paused, as your system asks for less motion")
        demo.settle()
        assert demo.step == 0
        demo.click("Play")
        demo.until("demo.step >= 1")


# --- What a screen reader learns ----------------------------------------------------------------


def test_the_canvas_says_how_to_draw_with_keys(demo):
    expect(demo.cells).to_have_role("application")  # so that arrows reach it
    expect(demo.cells).to_have_accessible_description(
        re.compile("arrow keys move the pen.*Enter puts the pen down")
    )
    expect(demo.cells).to_have_attribute("aria-roledescription", "drawing canvas")
    pen = demo.page.locator("#pen")
    expect(pen).to_have_role("status")
    demo.click("Bin")
    demo.until("demo.living === 0")
    demo.cells.focus()
    demo.page.keyboard.press("ArrowRight")
    expect(pen).to_have_text("Column 30, row 29: no living cell.")
    demo.page.keyboard.press("Enter")
    demo.until("demo.living > 0")
    demo.page.keyboard.press("ArrowRight")
    expect(pen).to_contain_text("Drawing. ")
    demo.page.keyboard.press("Enter")
    demo.settle()
    demo.page.keyboard.press("ArrowLeft")
    expect(pen).to_contain_text("The cell in column 30, row 29 has no label yet.")
