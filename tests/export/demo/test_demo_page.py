"""The page as it is found: nothing from elsewhere, names for all, dark and light, phones.

Screenshots go to the folder that SELFORG_SCREENSHOTS names, else to a temporary one.
"""

import html.parser
import io
import os
import pathlib
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from export import building, serving
from support.demo_page import DESKTOP, PHONE, tab

pytest_plugins = ["support.demo_site"]
pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect

BUTTONS = (
    *("Play", "Step", "Reset", "Undo", "Bin", "Pencil", "Eraser", "Damage", "Impostor", "Fill"),
    *(f"Digit {digit}" for digit in range(10)),
    *("Save picture", "Save film", "Copy link", "Dark"),
)
SLIDERS = {
    "Brush size": (1, 10),
    "Speed": (0, 6),
    "Hue": (0, 360),
    "Fire rate": (0, 1),
    "Noise": (0, 0.1),
}
CHOICES = {
    "Model": [*building.MODELS, "open"],
    "Canvas size": ["56", "112", "140"],
    "Backend": ["auto", "webgpu", "webgl", "wasm", "cpu"],
    "Palette": ["safe", "article"],
    "View": ["cells", "channels"],
}


class Tags(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


@pytest.mark.parametrize("name", ["index.html", "bench.html"])
def test_the_page_itself_has_the_server_s_policy(site, name):
    tags = Tags((site / name).read_text()).tags
    (policy,) = [a for _, a in tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"].rstrip("; ") == serving.CONTENT_SECURITY_POLICY
    assert not [a for _, a in tags if "style" in a or any(key.startswith("on") for key in a)]
    assert not [a for tag, a in tags if tag == "script" and "src" not in a]


def test_nothing_is_named_by_an_absolute_path(site):
    """So the folder works under any path of any host."""
    for name in ("index.html", "bench.html"):
        for _, attributes in Tags((site / name).read_text()).tags:
            for key in ("src", "href"):
                assert not attributes.get(key, "").startswith("/")


def test_it_loads_clean_and_runs(browser, address):
    with tab(browser, address) as demo:
        demo.open("")
        demo.until("demo.step > 20", timeout=60_000)
        assert demo.living > 20
        expect(demo.decision).to_have_text(re.compile(r"\d"))
        assert demo.message.is_hidden()
        assert demo.page.title()
        demo.page.locator("summary").click()
        expect(demo.choice("Backend")).to_have_value("auto")
        # It has chosen a backend by itself, and measured none that needs a graphics card.
        assert demo.get("backend") in {"wasm", "cpu"}
        offered = demo.choice("Backend").locator("option").all_inner_texts()
        assert [text for text in offered if "steps/s" not in text][1:] == ["webgpu", "webgl"]


def test_it_works_in_a_folder_deep_below(browser, site, tmp_path):
    (tmp_path / "index.html").touch()
    shutil.copytree(site, tmp_path / "some" / "where")
    with serving.serve(tmp_path) as address, tab(browser, f"{address}some/where/") as demo:
        demo.open()
        demo.run(3)


def test_controls_and_their_names(demo):
    for name in BUTTONS:
        expect(demo.button(name)).to_have_count(1)
        expect(demo.button(name)).to_be_visible()
    for name, (least, most) in SLIDERS.items():
        expect(demo.slider(name)).to_be_visible()
        assert float(demo.slider(name).get_attribute("min")) == least
        assert float(demo.slider(name).get_attribute("max")) == most
        assert demo.slider(name).get_attribute("aria-valuetext")
    for name, values in CHOICES.items():
        options = demo.choice(name).locator("option")
        assert options.evaluate_all("(all) => all.map((o) => o.value)") == values
        assert all(options.all_inner_texts())
    expect(demo.cells).to_have_attribute("tabindex", "0")
    expect(demo.page.get_by_role("status").and_(demo.decision)).to_have_count(1)
    expect(demo.page.locator("#rate")).to_have_count(1)


def test_nothing_lacks_a_name(demo):
    demo.choice("View").select_option("channels")
    tree = demo.page.locator("body").aria_snapshot()
    roles = r"button|slider|combobox|link|img|application|textbox|checkbox|dialog|option"
    assert re.findall(rf"^\s*- ({roles})(?! \")\b.*$", tree, re.MULTILINE) == []
    assert len(re.findall(r"- button \"", tree)) >= len(BUTTONS)
    ids = demo.page.evaluate("() => [...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    assert demo.page.locator("html").get_attribute("lang") == "en"
    assert demo.page.get_by_role("heading", level=1).count() == 1


# Each visible text with the colour of its own and of what lies behind it.
TEXTS = """() => {
  const channels = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith('color(') ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a];
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== 'none') return null;
      const colour = channels(style.backgroundColor);
      if (colour[3] > 0.99) return colour;
    }
    return [255, 255, 255, 1];
  };
  return [...document.querySelectorAll('body *')]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
    .filter((e) => e.checkVisibility() && !e.matches(':disabled, option, script, style'))
    .map((e) => [e.textContent.trim(), channels(getComputedStyle(e).color), behind(e)])
    .filter(([, , ground]) => ground);
}"""


def luminance(colour):
    """Of sRGB, 0 to 255, after WCAG 2."""
    c = np.array(colour[:3]) / 255
    return np.where(c <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_can_be_read(browser, address, theme):
    with tab(browser, address) as demo:
        demo.open(f"backend=wasm&play=no&more=yes&view=channels&theme={theme}")
        texts = demo.page.evaluate(TEXTS)
        assert len(texts) > 20
        faint = {}
        for text, colour, behind in texts:
            darker, lighter = sorted((luminance(colour), luminance(behind)))
            contrast = (lighter + 0.05) / (darker + 0.05)
            if contrast < 4.5:
                faint[text] = round(float(contrast), 2)
        assert faint == {}


def ground(demo):
    """The mean of the page's own pixels, 0 to 255."""
    with Image.open(io.BytesIO(demo.page.screenshot())) as image:
        return float(np.asarray(image.convert("L")).mean())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_and_light(browser, address, scheme):
    """As the system is set, until the button says otherwise."""
    other = {"light": "dark", "dark": "light"}[scheme]
    with tab(browser, address, color_scheme=scheme) as demo:
        demo.open()
        before = ground(demo)
        demo.click(other.capitalize())
        demo.settle()
        after = ground(demo)
        assert demo.page.locator("html").get_attribute("data-theme") == other
        light, dark = (before, after) if scheme == "light" else (after, before)
        assert light > 180
        assert dark < 80


def assert_fits(demo):
    """No sideways scrolling, nothing cut off at the side, nothing too small for a finger."""
    wide, shown = demo.page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= shown
    controls = demo.page.locator("button:visible, select:visible, input[type=range]:visible")
    for i in range(controls.count()):
        box = controls.nth(i).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= shown + 0.5
        assert min(box["width"], box["height"]) >= 24  # WCAG 2.5.8


# Texts of which something else hides a part.
COVERED = """() => {
  const covered = new Set();
  const UNCOVERED = 'select, .unseen, .draw-here';  // no text, for ears only, lets all through
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const [text, range] = [walker.currentNode, document.createRange()];
    const parent = text.parentElement;
    if (!text.data.trim() || !parent.checkVisibility() || parent.closest(UNCOVERED)) continue;
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) {
      for (const share of [0.02, 0.25, 0.5, 0.75, 0.98]) {
        const [x, y] = [box.left + share * box.width, box.top + box.height / 2];
        const top = document.elementFromPoint(x, y);
        if (!top?.contains(parent) && !parent.contains(top)) covered.add(text.data.trim());
      }
    }
  }
  return [...covered];
}"""


# Selects whose longest entry is wider than they show.
CUT_OFF = """() => {
  const context = document.createElement('canvas').getContext('2d');
  return [...document.querySelectorAll('select')].filter((select) => {
    const style = getComputedStyle(select);
    context.font = style.font;
    const widest = Math.max(...[...select.options].map((o) => context.measureText(o.text).width));
    const sides = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    return widest + sides > select.clientWidth + 1;
  }).map((select) => select.id);
}"""


@pytest.mark.parametrize(
    "width",
    [320, 1280, *(pytest.param(w, marks=pytest.mark.long) for w in (390, 768, 1000, 1920))],
)
def test_every_width_fits(browser, address, width):
    # High enough for the whole page, so that all of it is in sight.
    with tab(browser, address, viewport={"width": width, "height": 4000}) as demo:
        for view, beside in (("cells", ""), ("channels", ""), ("cells", "ce")):
            demo.open(f"backend=wasm&play=no&more=yes&view={view}&beside={beside}")
            assert_fits(demo)
            assert demo.page.evaluate(COVERED) == []
            assert demo.page.evaluate(CUT_OFF) == []
            box = demo.cells.bounding_box()
            assert box["width"] == pytest.approx(box["height"], abs=1)
            if not beside:
                assert box["width"] >= min(280, 0.8 * width)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_large_screen_nothing_is_out_of_sight(browser, address, theme):
    with tab(browser, address, viewport={"width": 1920, "height": 1080}) as demo:
        demo.open(f"backend=wasm&play=no&theme={theme}")
        demo.run(1)
        over = demo.page.evaluate(
            "() => {const {scrollWidth, scrollHeight} = document.documentElement;"
            "return [scrollWidth - innerWidth, scrollHeight - innerHeight]}"
        )
        assert over == [0, 0]
        # The margins at the sides are put to use.
        assert demo.page.locator("main").bounding_box()["width"] > 1600


def test_under_forced_colours_the_chosen_tool_is_told(browser, address):
    """As under the contrast themes of Windows, which take colours away."""
    look = "(e) => {const s = getComputedStyle(e); return [s.backgroundColor, s.color]}"
    with tab(browser, address, forced_colors="active") as demo:
        demo.open()
        for chosen in ("Eraser", "Pencil"):
            demo.click(chosen)
            looks = {name: demo.button(name).evaluate(look) for name in ("Eraser", "Pencil")}
            other = {"Eraser": "Pencil", "Pencil": "Eraser"}[chosen]
            for part in (0, 1):
                assert looks[chosen][part] != looks[other][part]
            background, text = (
                np.array([int(n) for n in re.findall(r"\d+", colour)[:3]])
                for colour in looks[chosen]
            )
            darker, lighter = sorted((luminance(background), luminance(text)))
            assert (lighter + 0.05) / (darker + 0.05) > 4.5
        # The legend keeps its colours.
        strips = demo.page.evaluate(
            "() => [...document.querySelectorAll('#digits button')]"
            ".map((b) => getComputedStyle(b, '::after').backgroundColor)"
        )
        assert len(set(strips)) == 10


def test_on_a_phone_canvas_and_main_buttons_are_in_sight_at_once(browser, address):
    with tab(browser, address, viewport=PHONE, has_touch=True, is_mobile=True) as demo:
        demo.open()
        for element in (demo.cells, demo.decision, demo.button("Play"), demo.button("Pencil")):
            box = element.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= PHONE["height"]


def test_help_opens_at_its_first_line_and_close_stays_in_sight(browser, address):
    with tab(browser, address, viewport=PHONE, has_touch=True, is_mobile=True) as demo:
        demo.open()
        demo.click("Help")
        dialog = demo.page.get_by_role("dialog")
        expect(dialog.get_by_role("heading")).to_be_in_viewport(ratio=1)
        expect(dialog.locator("p").first).to_be_in_viewport(ratio=1)
        assert dialog.evaluate("(d) => d.scrollHeight > d.clientHeight")
        dialog.evaluate("(d) => d.scrollTo(0, d.scrollHeight)")
        expect(dialog.locator("p").first).not_to_be_in_viewport()
        expect(demo.button("Close")).to_be_in_viewport(ratio=1)


SCREENS = {
    "desktop": (DESKTOP, "size=56"),
    "large": ({"width": 1920, "height": 1080}, "size=56"),
    "narrow": ({"width": 1000, "height": 800}, "size=56&more=yes"),
    "phone": (PHONE, "size=56"),
    "channels": (DESKTOP, "view=channels"),
    "many": (DESKTOP, "size=140"),
    "two": (DESKTOP, "beside=ce"),
}


@pytest.mark.parametrize("theme", ["light", "dark", "forced"])
@pytest.mark.long
def test_screenshots(browser, address, tmp_path, theme):
    folder = pathlib.Path(os.environ.get("SELFORG_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    colours = {"forced_colors": "active"} if theme == "forced" else {"color_scheme": theme}
    for kind, (viewport, fragment) in SCREENS.items():
        phone = {"has_touch": True, "is_mobile": True} if kind == "phone" else {}
        options = {"viewport": viewport, "device_scale_factor": 2, **colours, **phone}
        with tab(browser, address, **options) as demo:
            demo.open(f"backend=wasm&play=no&digit=3-4&{fragment}")
            if kind == "many":
                demo.click("Fill")
            demo.run(40)
            if not phone:
                demo.click("Fill" if kind == "many" else "Digit 5")
                demo.page.mouse.move(*demo.place(*demo.living_place()))
            demo.run(14)
            demo.page.wait_for_timeout(750)  # the sentence takes its time
            path = folder / f"{kind}_{theme}.png"
            demo.page.screenshot(path=path)
            with Image.open(path) as image:
                assert image.size == (2 * viewport["width"], 2 * viewport["height"])
                assert len(image.convert("RGB").getcolors(1 << 24)) > 100
