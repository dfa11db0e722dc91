"""Signals that ask a run to end: noted, so that it can save first.

Ctrl-C, SIGTERM and the SIGHUP of a terminal that closes come in the middle of compiled training
steps; a run looks here between them. Saving is in `training_loop.py`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from absl import logging

_NUMBERS = [signal.SIGTERM, signal.SIGINT]
_HANGUP = getattr(signal, "SIGHUP", None)  # Windows has none


@contextmanager
def noted() -> Iterator[list[str]]:
    """Notes the first signal instead of dying of it; the process dies at once of a second.

    A closing terminal may send SIGHUP twice, itself and through the shell, so the second one is
    ignored. Under `nohup` SIGHUP is ignored from the start, and stays so.

    Yields:
      caught: names of signals, empty until one comes.
    """
    caught: list[str] = []
    numbers = list(_NUMBERS)
    if _HANGUP is not None and signal.getsignal(_HANGUP) != signal.SIG_IGN:
        numbers.append(_HANGUP)
    previous = {number: signal.getsignal(number) for number in numbers}

    def note(number: int, frame: FrameType | None) -> None:
        # Python's own handler of SIGINT would wait for the steps under way.
        for each in numbers:
            signal.signal(each, signal.SIG_IGN if each == _HANGUP else signal.SIG_DFL)
        caught.append(signal.Signals(number).name)
        logging.info("%s: saving after the steps under way; again: ends at once.", caught[0])

    try:
        for number in numbers:
            signal.signal(number, note)
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
