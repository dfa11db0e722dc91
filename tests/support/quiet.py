"""A pytest plugin: of the processes of `pytest -n`, the others pause while one takes times.

Tests marked `timing` compare speeds, which are other ones while another process computes.
`setup.cfg` loads this plugin; in a run of a single process it does nothing.
"""

import fcntl
import os
from pathlib import Path

import pytest

# Files of the checkout to lock, so that two runs of its tests wait for each other, too.
_DOOR = Path(__file__)
_ROOM = Path(__file__).parents[2] / "setup.cfg"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test, its fixtures included, has the room to itself or shares it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    alone = item.get_closest_marker("timing") is not None
    with _DOOR.open() as door, _ROOM.open() as room:
        # A waiting process holds the first lock, so that no new sharer can start before it.
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        return (yield)
