"""A pytest plugin: of the processes of `pytest -n`, the others pause while one takes times.

Tests marked `timing` compare speeds, which are other ones while another process computes.
`setup.cfg` loads this plugin; in a run of a single process it does nothing.
"""

import contextlib
import fcntl
import os
from pathlib import Path

import pytest

# Both are of the checkout, so that two runs of its tests wait for each other, too.
_DOOR = Path(__file__)
_ROOM = Path(__file__).parent


@contextlib.contextmanager
def _locked(path, kind):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test, its fixtures included, has the room to itself or shares it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    alone = item.get_closest_marker("timing") is not None
    with contextlib.ExitStack() as stack:
        # Whoever waits for the room keeps the door, or those who share it might never leave it.
        with _locked(_DOOR, fcntl.LOCK_EX):
            stack.enter_context(_locked(_ROOM, fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        return (yield)
