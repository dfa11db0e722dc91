"""The page at full speed for long, on a slow processor, and while its window changes.

    SELFORG_PAGE_MINUTES=10 python -m pytest -s -k full_speed tests/export/demo

runs for ten minutes and prints a line each half minute; without the variable it is a few seconds.
"""

import os
import time

import numpy as np
import pytest

from support.demo_page import DESKTOP, PHONE, tab

pytest_plugins = ["support.demo_site"]
pytestmark = [pytest.mark.slow, pytest.mark.long]
expect = pytest.importorskip("playwright.sync_api", reason="pip install playwright").expect

MINUTES = float(os.environ.get("SELFORG_PAGE_MINUTES", "0.1"))
LINES = 20
FULL_SPEED = "backend=wasm&speed=max&more=yes&model=l2_noise&digit=3-0"


def megabytes_of_heap(session):
    session.send("HeapProfiler.collectGarbage")
    return session.send("Runtime.getHeapUsage")["usedSize"] / 1e6


def measured(demo, session):
    """Seconds, CA steps, tensors, heap in MB, and the largest state, as they now are."""
    state = demo.picture()["state"]
    return {
        "step": demo.step,
        "tensors": demo.get("tensors()"),
        "heap_mb": megabytes_of_heap(session),
        "largest_state": float(np.abs(state).max()),
        "points": len(demo.get("curve()")),
    }


def test_at_full_speed_nothing_grows(browser, address):
    with tab(browser, address) as demo:
        demo.open(FULL_SPEED)
        session = demo.page.context.new_cdp_session(demo.page)
        demo.until("demo.step > 300", timeout=60_000)
        begin, lines = time.monotonic(), []
        while (seconds := time.monotonic() - begin) < 60 * MINUTES or len(lines) < 3:
            lines.append(measured(demo, session) | {"seconds": round(seconds)})
            print(lines[-1])
            demo.page.wait_for_timeout(60_000 * MINUTES / LINES)
        demo.click("Pause")
        demo.settle()
        lines.append(measured(demo, session))
        for line in lines:
            assert line["largest_state"] <= 10 * 6.1  # ten times l2_noise's usual largest state
            assert line["points"] <= 2000
        # While a picture is being read there is a copy of the states.
        tensors = [line["tensors"] for line in lines]
        assert max(tensors) - min(tensors) <= 2
        # It keeps the curve and the pictures of late, both of bounded size.
        assert lines[-1]["heap_mb"] < lines[0]["heap_mb"] + 12
        assert lines[-1]["step"] > lines[0]["step"] + 100


def test_two_fingers_at_full_speed(browser, address):
    with tab(browser, address, viewport=PHONE, has_touch=True, is_mobile=True) as demo:
        demo.open(FULL_SPEED)
        demo.click("Bin")
        demo.until("demo.living === 0")
        demo.cells.scroll_into_view_if_needed()
        touches = demo.page.context.new_cdp_session(demo.page)

        def touch(kind, *places):
            points = [
                {"x": x, "y": y, "id": i}
                for i, (x, y) in enumerate(demo.place(*place) for place in places)
            ]
            touches.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        touch("touchStart", (15, 10), (40, 10))
        for y in range(12, 46, 2):
            touch("touchMove", (15, y), (40, 56 - y))
        touch("touchEnd")
        demo.settle()
        gray = demo.picture()["gray"]
        assert (gray[14:42, 15] > 0.9).all()
        assert (gray[14:42, 40] > 0.9).all()
        assert not (gray[:, 20:35] > 0.1).any()
        at = demo.step
        demo.until(f"demo.step > {at + 10}")


def test_on_a_processor_six_times_as_slow(browser, address):
    with tab(browser, address) as demo:
        demo.open(FULL_SPEED)
        session = demo.page.context.new_cdp_session(demo.page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 6})
        try:
            demo.click("Bin")
            demo.until("demo.living === 0")
            demo.page.evaluate(FRAMES)
            demo.stroke((15, 15), (40, 15), (25, 45))
            demo.until("demo.living > 60")
            gray = demo.picture()["gray"]
            assert gray[15, 20] > 0.9
            at = demo.step
            demo.until(f"demo.step > {at + 30}", timeout=60_000)
            gaps = np.array(demo.page.evaluate("window.gaps"))
            print(f"frames: median {np.median(gaps):.0f} ms, worst {gaps.max():.0f} ms")
            demo.click("Pause")
            expect(demo.button("Play")).to_be_visible()
        finally:
            session.send("Emulation.setCPUThrottlingRate", {"rate": 1})


# Milliseconds from frame to frame.
FRAMES = """() => {
  window.gaps = [];
  let before = performance.now();
  requestAnimationFrame(function count(now) {
    window.gaps.push(now - before);
    before = now;
    requestAnimationFrame(count);
  });
}"""


def test_the_window_changes_while_one_draws(browser, address):
    # With an option the tab is no other test's: its size changes.
    with tab(browser, address, viewport=DESKTOP) as demo:
        demo.open("backend=wasm&play=no&more=yes&digit=3-0")
        demo.click("Bin")
        mouse = demo.page.mouse
        mouse.move(*demo.place(10, 10))
        mouse.down()
        mouse.move(*demo.place(20, 10), steps=4)
        demo.page.set_viewport_size({"width": 950, "height": 700})
        demo.settle()
        box = demo.cells.bounding_box()
        assert box["width"] == pytest.approx(box["height"], abs=1)
        mouse.move(*demo.place(20, 10))
        mouse.move(*demo.place(40, 10), steps=4)
        mouse.up()
        gray = demo.picture()["gray"]
        assert (gray[9, 12:38] > 0.9).all() or (gray[10, 12:38] > 0.9).all()
        assert not (gray[14:] > 0.1).any()


def test_the_canvas_changes_size_while_one_draws(demo):
    """The rest of the stroke would lie elsewhere: it is left out, and nothing breaks."""
    demo.click("Bin")
    mouse = demo.page.mouse
    mouse.move(*demo.place(10, 10))
    mouse.down()
    mouse.move(*demo.place(20, 10), steps=4)
    demo.page.evaluate("location.hash = location.hash.replace('#', '#size=112&')")
    demo.until("demo.picture().size === 112")
    mouse.move(*demo.place(60, 60), steps=4)
    mouse.up()
    demo.stroke((20, 90), (90, 90))
    gray = demo.picture()["gray"]
    assert gray.shape == (112, 112)
    assert gray[89:91, 30:80].max(axis=0).min() > 0.9
    assert not (gray[50:80] > 0.1).any()
