"""The web page in a tab of a headless Chromium, as a user and a script find it.

`tab` gives one, to be opened; the fixtures of `demo_site.py` build the page and run the browser.
"""

import contextlib
import time
import weakref

import numpy as np
import pytest

PAUSED = "backend=wasm&model=l2_noise&play=no&more=yes&digit=0-0"  # otherwise any digit
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
_left = weakref.WeakKeyDictionary()  # of a browser, the ordinary tab that no test is using


class Demo:
    """A tab with the page, as a user and a script find it.

    complaints: what went wrong in the tab so far, in words; the test's end wants it empty.
    """

    def __init__(self, page, address):
        self.page = page
        self.address = address
        self.complaints = []
        self._listeners = {
            "console": self._on_console,
            "pageerror": self._on_error,
            "request": self._on_request,
            "requestfailed": self._on_failure,
            "response": self._on_response,
        }
        for event, listener in self._listeners.items():
            page.on(event, listener)

    def leave(self):
        """Leaves the tab as it was found."""
        self.page.goto("about:blank")
        self.page.mouse.move(0, 0)
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)

    def _on_console(self, message):
        if message.type == "error":
            self.complaints.append(f"console: {message.text}")

    def _on_error(self, error):
        self.complaints.append(f"uncaught: {error}")

    def _on_request(self, request):
        if not request.url.startswith((self.address, f"blob:{self.address}", "data:")):
            self.complaints.append(f"request elsewhere: {request.url}")

    def _on_failure(self, request):
        if request.failure != "net::ERR_ABORTED":  # by a tab that is left, or closed
            self.complaints.append(f"{request.failure}: {request.url}")

    def _on_response(self, response):
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def open(self, fragment=PAUSED):
        """Loads the page with that after the #, and waits until it can be used."""
        self.load(f"{self.address}#{fragment}")
        self.page.evaluate("window.demo.ready")
        self.until("demo.picture() !== undefined")
        return self

    def load(self, address):
        """Loads an address anew, and waits for nothing more."""
        if self.page.url != "about:blank":
            self.page.goto("about:blank")  # from one hash to another, nothing would be loaded
        self.page.goto(address)

    # What is on the page.

    def button(self, name):
        return self.page.get_by_role("button", name=name, exact=True)

    def slider(self, name):
        return self.page.get_by_role("slider", name=name, exact=True)

    def choice(self, name):
        return self.page.get_by_role("combobox", name=name, exact=True)

    @property
    def cells(self):
        return self.page.get_by_role("application", name="Cells", exact=True)

    @property
    def decision(self):
        return self.page.locator("#decision")

    @property
    def message(self):
        return self.page.locator("#message")

    @property
    def notice(self):
        """The line in which the page tells what it did of its own accord."""
        return self.page.locator("#notice")

    def use_model(self, name):
        self.choice("Model").select_option(name)
        self.until(f"demo.running === '{name}'")

    def click(self, *names):
        for name in names:
            self.button(name).click()

    def set_slider(self, name, value):
        self.slider(name).fill(str(value))

    # What scripts see.

    def get(self, expression):
        return self.page.evaluate(f"window.demo.{expression}")

    @property
    def step(self):
        return self.get("step")

    @property
    def living(self):
        return self.get("living")

    def run(self, steps):
        """Takes that many CA steps at once."""
        self.page.evaluate("(steps) => window.demo.run(steps)", steps)

    def until(self, condition, timeout=30_000):
        """Waits until a JavaScript expression of `demo` is true; timeout in milliseconds."""
        # Playwright's own wait evaluates texts within the page, which the page's policy forbids.
        end = time.monotonic() + timeout / 1000
        while not self.page.evaluate(f"(({{demo}}) => {condition})(window)"):
            if time.monotonic() > end:
                pytest.fail(f"not within {timeout} ms: {condition}")
            self.page.wait_for_timeout(20)

    def settle(self):
        """Waits until the page has drawn what was done last."""
        late = self.page.evaluate(
            "() => Promise.race([window.demo.settled(),"
            "new Promise((done) => setTimeout(done, 60_000, 'late'))])"
        )
        assert late is None, "not drawn within 60 s"
        self.frames(2)

    def frames(self, number):
        """Lets the browser draw that many frames."""
        self.page.evaluate(
            "(number) => new Promise((done) => requestAnimationFrame(function next() {"
            "if (number-- > 0) requestAnimationFrame(next); else done();}))",
            number,
        )

    def stands_still(self):
        """Waits until no steps are taken any more: none in a while of the page's clock."""
        self.page.evaluate(
            "async () => {for (let before; before !== window.demo.step;) {"
            "before = window.demo.step; await new Promise((done) => setTimeout(done, 500));}}"
        )

    def picture(self):
        """gray [size, size], state [N, 19], positions [N], and the numbers of a Picture."""
        self.settle()
        plain = self.page.evaluate(
            "() => Object.fromEntries(Object.entries(window.demo.picture())"
            ".map(([key, value]) => [key, value.length === undefined ? value : [...value]]))"
        )
        size, channels = plain["size"], plain["stateChannels"]
        return plain | {
            "gray": np.array(plain["gray"], np.float32).reshape(size, size),
            "state": np.array(plain["state"], np.float32).reshape(-1, channels),
            "positions": np.array(plain["positions"], np.int32),
        }

    # What hands do, in cells: (0, 0) is the upper left corner of the upper left cell.

    def place(self, x, y):
        """Where in the tab a place of the canvas is."""
        box, size = self.cells.bounding_box(), self.get("picture().size")
        return box["x"] + x * box["width"] / size, box["y"] + y * box["height"] / size

    def votes(self):
        """[10] the number of cells that give each label."""
        return self.page.evaluate("() => [...window.demo.census().votes]")

    def living_place(self):
        """The middle of a living cell of full ink, if there is any, near the canvas's middle."""
        gray = self.picture()["gray"]
        rows, columns = np.nonzero(gray >= min(0.9, gray.max()))
        middle = len(gray) / 2
        nearest = np.argmin((rows - middle) ** 2 + (columns - middle) ** 2)
        return float(columns[nearest]) + 0.5, float(rows[nearest]) + 0.5

    def stroke(self, *places):
        """Draws with the mouse through places of the canvas."""
        self.cells.scroll_into_view_if_needed()
        mouse = self.page.mouse
        mouse.move(*self.place(*places[0]))
        mouse.down()
        for each in places[1:]:
            mouse.move(*self.place(*each), steps=4)
        mouse.up()
        self.settle()


@contextlib.contextmanager
def tab(browser, address, script="", **options):
    """A tab with the page; clean at the end or the test fails.

    With a script or options it is a new one. Otherwise it is the one that an earlier test has
    left, if there is any: to open a new one takes the browser three times as long.

    Args:
      script: JavaScript that runs before the page's own.
      options: of Playwright's new_context.

    Yields:
      demo: not opened yet.
    """
    ordinary = not script and not options
    page = _left.pop(browser, None) if ordinary else None
    if page is None:
        page = browser.new_context(**{"viewport": DESKTOP, **options}).new_page()
    if script:
        page.add_init_script(script)
    try:
        demo = Demo(page, address)
        yield demo
        if demo.complaints:
            pytest.fail("the page is not clean: " + "; ".join(demo.complaints))
        if ordinary:
            demo.leave()
            _left[browser], page = page, None
    finally:
        if page is not None:
            page.context.close()
