"""How fast a training goes and how well, over the steps since it was last asked.

Keeps time and averages; what is printed and drawn of it is up to `training_loop.py`.
"""

from __future__ import annotations

import time

import numpy as np

from selforg_mnist.training.trainer import StepMetrics


class Window:
    """The training steps since the last log line: their mean metrics and their rate.

    Args:
      step: training steps done before.
    """

    def __init__(self, step: int):
        self._start = self._step = step
        self._sums: list[list[np.ndarray]] = []
        self._timed = (0, 0.0)  # steps, seconds
        self._compiling = (0, 0.0)
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leaves out the time spent since the last `add`, on an evaluation say."""
        self._clock = time.perf_counter()

    def add(self, step: int, metrics: StepMetrics, compiling: bool) -> None:
        """Adds the training steps up to `step`, given the mean of their metrics."""
        steps, self._step = step - self._step, step
        spent = time.perf_counter() - self._clock
        self.restart_clock()
        if compiling:
            self._compiling = (steps, spent)
        else:
            self._timed = (self._timed[0] + steps, self._timed[1] + spent)
        self._sums.append([steps * value.numpy() for value in metrics])

    def mean(self) -> StepMetrics:
        """The mean over all steps of the window."""
        steps = self._step - self._start
        return StepMetrics(*(sum(parts) / steps for parts in zip(*self._sums, strict=True)))

    def steps_per_second(self) -> float:
        """Without compiling, unless there was nothing else: it would say too little."""
        steps, seconds = self._timed if self._timed[0] else self._compiling
        return steps / max(seconds, 1e-9)
