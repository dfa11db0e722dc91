"""Signals that ask a run to end: they are noted, so that the run can save first.

Ctrl-C, SIGTERM, and SIGHUP from a closing terminal come in the middle of compiled training steps.
A run checks for them between calls. Saving is in `training_loop.py`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from absl import logging


@contextmanager
def signals_noted() -> Iterator[list[str]]:
    """Notes the first signal instead of ending the process. A second signal ends it at once.

    A closing terminal may send SIGHUP twice, directly and through the shell, so a second SIGHUP
    is ignored. Under `nohup` SIGHUP is ignored from the start, and stays so.

    Yields:
      caught: names of signals; empty until one comes.
    """
    caught: list[str] = []
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    previous = {number: signal.getsignal(number) for number in numbers}

    def note(number: int, frame: FrameType | None) -> None:
        # Python's own handler of SIGINT would wait for the current call.
        for each in numbers:
            signal.signal(each, signal.SIG_IGN if each == signal.SIGHUP else signal.SIG_DFL)
        caught.append(signal.Signals(number).name)
        logging.info("%s: saving after the current steps; again: ends at once.", caught[0])

    try:
        for number in numbers:
            signal.signal(number, note)
        yield caught
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
