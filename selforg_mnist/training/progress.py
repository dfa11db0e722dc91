"""The mean metrics and the speed of a training since the last log line."""

from __future__ import annotations

from typing import Any

from selforg_mnist.training.trainer import StepMetrics


class Window:
    """The training steps since it was last cleared: their mean metrics and their rate."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forgets all steps."""
        self._steps = 0
        self._sums: list[Any] = [0.0] * len(StepMetrics._fields)
        self._timed = self._compiling = (0, 0.0)  # steps, seconds

    def add(self, steps: int, metrics: StepMetrics, seconds: float, compiling: bool) -> None:
        """Adds training steps that ran in one call: their mean metrics and their time.

        With `compiling`, this time includes compilation.
        """
        if compiling:
            self._compiling = (self._compiling[0] + steps, self._compiling[1] + seconds)
        else:
            self._timed = (self._timed[0] + steps, self._timed[1] + seconds)
        self._sums = [
            total + steps * value.numpy() for total, value in zip(self._sums, metrics, strict=True)
        ]
        self._steps += steps

    def mean(self) -> StepMetrics:
        """The mean over all steps."""
        return StepMetrics(*(part / self._steps for part in self._sums))

    def steps_per_second(self) -> float:
        """The rate without compilation, or with it if nothing else was timed."""
        steps, seconds = self._timed if self._timed[0] else self._compiling
        return steps / max(seconds, 1e-9)
