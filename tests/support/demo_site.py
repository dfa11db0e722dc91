"""Fixtures of the web page: built once a session, served, and opened in a headless Chromium.

pytest_plugins = ["support.demo_site"]  # in a test module; then `demo` is the page, opened, paused

The test that leaves an error in the page's console fails, and so does a request to any other
place, unless the test takes it out of `demo.complaints`.
"""

import fcntl
import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from support import command, demo_page

SITE = "export.site"
FOLDER = command.ROOT / "export" / "demo"
_NEEDED = (
    ("tensorflowjs", "pip install -e '.[export]'"),
    ("playwright", "pip install -e '.[dev]'"),
)


def _skip_what_can_not_run():
    for module, remedy in _NEEDED:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"no {module}: {remedy}")
    if shutil.which("npm") is None:
        pytest.skip("no npm: install Node.js 20")
    if not (FOLDER / "node_modules").is_dir():
        pytest.skip(f"{FOLDER} has no node_modules: run `npm ci` there")
    from export import browser

    if browser.find() is None:
        pytest.skip("no chromium: apt-get install chromium")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory) -> Path:
    """A copy of export/ with the page built in it: commands run there leave the real one alone."""
    _skip_what_can_not_run()
    from export import building, node

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # one build for all workers
    copied = folder / "checkout"
    with (folder / "checkout.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copied.exists():
            # Through the link below, npm would empty node_modules instead of renewing it.
            node.install(node.find_npm(FOLDER), FOLDER)
            leave = shutil.ignore_patterns("node_modules", "dist", "models", "__pycache__")
            shutil.copytree(command.ROOT / "export", copied / "export", ignore=leave)
            (copied / "export" / "demo" / "node_modules").symlink_to(FOLDER / "node_modules")
            weights = Path("experiments", "impostors", "impostor_l2_noise.keras")
            (copied / weights).parent.mkdir(parents=True)
            shutil.copy(command.ROOT / weights, copied / weights)
            status, printed, said = command.run(SITE, "--dataset=drawn", cwd=copied)
            assert status == 0, said
            assert f"{', '.join(building.MODELS)}, digits of drawn" in printed
            assert str(copied) in printed
            shutil.copytree(copied / "export" / "demo" / "dist", folder / "site")
    return copied


@pytest.fixture(scope="session")
def site(checkout) -> Path:
    """The page, as `python -m export.site` makes it; no other build can change this copy."""
    return checkout.parent / "site"


@pytest.fixture(scope="session")
def address(site):
    from export import serving

    with serving.serve(site) as where:
        yield where


# Not for the session: while Playwright is there, no other test could run an event loop.
@pytest.fixture(scope="module")
def browser(site):
    from playwright.sync_api import expect

    from export.browser import chromium

    expect.set_options(timeout=30_000)  # milliseconds; machines may be busy
    with chromium() as running:
        yield running


@pytest.fixture
def demo(browser, address):
    with demo_page.tab(browser, address) as opened:
        yield opened.open()
