"""Signals that ask a run to end: noted, so that it can save first.

Ctrl-C and SIGTERM come in the middle of compiled training steps; a run looks here between
them. Saving is in `training_loop.py`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from absl import logging


@contextmanager
def noted(numbers: tuple[signal.Signals, ...]) -> Iterator[list[str]]:
    """Notes the first signal instead of dying of it; the process dies at once of a second.

    Args:
      numbers: the signals to note while the context lasts.

    Yields:
      caught: names of signals, empty until one comes.
    """
    caught: list[str] = []
    previous = {number: signal.getsignal(number) for number in numbers}

    def note(number: int, frame: FrameType | None) -> None:
        # Python's own handler of SIGINT would wait for the steps under way.
        for each in numbers:
            signal.signal(each, signal.SIG_DFL)
        caught.append(signal.Signals(number).name)
        logging.info("%s: saving after the steps under way; again: ends at once.", caught[0])

    try:
        for number in numbers:
            signal.signal(number, note)
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
