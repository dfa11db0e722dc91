"""How training steps are timed: many at a time, in processes with their own TensorFlow settings.

TensorFlow fixes its thread counts and devices when a process first computes. So subjects with
other settings have a process of their own, which is idle while another one is timed. Subjects
that are compared are timed in turn, so that a machine that slows down slows both. What is timed is
up to the commands: `__main__.py` and `experiments/benchmark.py`.
"""

from __future__ import annotations

import concurrent.futures
import functools
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from absl import flags

from selforg_mnist import startup
from selforg_mnist.data.digits import Digits, load_digits

if TYPE_CHECKING:
    from selforg_mnist.experiment import Experiment
    from selforg_mnist.training.computing import Computing
    from selforg_mnist.training.strategies import Distribution

Run = Callable[[int], object]  # takes this number of steps, and waits for the end of the last one
Timer = Callable[[int], float]  # the seconds that this number of steps takes

_MOST_STEPS = 4096  # in one timing


class Data(NamedTuple):
    """Where the digits come from: the arguments of `load_digits`."""

    dataset: str
    data_dir: str
    manual_dir: str


def data_of_flags() -> Data:
    """The values of the flags of `selforg_mnist.data_flags`, for other processes."""
    given = flags.FLAGS
    return Data(given.dataset, given.data_dir, given.manual_dir)


@functools.cache
def training_digits(data: Data) -> Digits:
    """The training digits, loaded once per process."""
    return load_digits(data.dataset, "train", data.data_dir, data.manual_dir)


def training(
    experiment: Experiment,
    images: np.ndarray,
    labels: np.ndarray,
    computing: Computing,
    distribution: Distribution | None = None,
) -> Run:
    """Builds the training of an experiment on digits, [D, H, W] uint8, and their [D] labels.

    `distribution` is the strategy of several replicas; None for one device.
    """
    import tensorflow as tf

    from selforg_mnist.training.pool import source_of
    from selforg_mnist.training.replicas import make_trainer
    from selforg_mnist.training.strategies import ONE_DEVICE

    source = source_of(images, labels)
    trainer = make_trainer(experiment, source, distribution or ONE_DEVICE, computing)
    state = trainer.initial_state()

    def run(steps: int) -> object:
        nonlocal state
        state, metrics = trainer.run(state, tf.constant(steps))
        return float(metrics.loss)

    return run


def reference(images: np.ndarray, labels: np.ndarray) -> Run:
    """Builds the dense reference's training on one batch, [B, H, W] uint8, and its [B] labels."""
    from experiments.scaling import dense_reference

    step = dense_reference.make_training_step(images, labels)
    return lambda steps: [step() for _ in range(steps)][-1].numpy()


def worker(
    start: Callable[[], None] = startup.quiet_tensorflow,
) -> concurrent.futures.ProcessPoolExecutor:
    """A process of its own, which takes one task at a time; first it calls `start`."""
    context = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(1, context, start)


@functools.cache
def _prepared(prepare: Callable[..., Run], arguments: tuple) -> Run:
    return prepare(*arguments)


def time_steps(prepare: Callable[..., Run], arguments: tuple, steps: int) -> float:
    """Times some steps of what `prepare(*arguments)` builds, in the process that calls this.

    It is built once per process and not timed; the arguments must be hashable.

    Returns:
      seconds: the time of the steps.
    """
    run = _prepared(prepare, arguments)
    start = time.perf_counter()
    run(steps)
    return time.perf_counter() - start


class Stopwatch:
    """Times one thing repeatedly, with enough steps to take some seconds.

    The timer's first call compiles and does not count.
    """

    def __init__(self, timer: Timer, seconds: float):
        self._timer = timer
        self._steps = _enough_steps(timer, seconds)
        self.rates: list[float] = []  # of all timings so far

    def rate(self) -> float:
        """Steps per second, timed now."""
        self.rates.append(self._steps / self._timer(self._steps))
        return self.rates[-1]


def _enough_steps(timer: Timer, seconds: float) -> int:
    """A number of steps that takes at least `seconds`."""
    timer(1)
    steps = 1
    while (taken := timer(steps)) < seconds and steps < _MOST_STEPS:
        steps = max(2 * steps, int(1.2 * steps * seconds / max(taken, 1e-4)))
        steps = min(steps, _MOST_STEPS)
    return steps


def summary(rates: Sequence[float]) -> dict[str, Any]:
    """The median, the lowest and the highest of steps per second."""
    return {
        "steps_per_second": statistics.median(rates),
        "slowest": min(rates),
        "fastest": max(rates),
    }


def peak_bytes() -> int:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
