"""The system's Chromium, headless, driven by Playwright.

On a machine without a graphics card WebGL and WebGPU run on the CPU, through SwiftShader. Their
results are right, but their times say nothing about a card.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from selforg_mnist.errors import UserError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The headless shell, the browser without its windows, takes less of the processor.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--no-sandbox",  # the sandbox doesn't work for root in a container; the pages are our own
    "--disable-gpu",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    # No requests of its own to the network.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def find() -> str | None:
    """The path of the browser, if there is any."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Runs a browser, without a page, during the block.

    Raises:
      UserError: Playwright or Chromium is missing, or does not start.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise UserError(
            "playwright: not installed, but needed to drive a browser; pip install playwright"
        ) from error
    path = find()
    if path is None:
        raise UserError("chromium: not on the PATH; install it (apt-get install chromium)")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        except Error as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"{path}: does not start ({reason}); install it again") from error
        try:
            yield browser
        finally:
            browser.close()
