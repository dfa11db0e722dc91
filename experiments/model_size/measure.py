"""Trains models of several sizes, and counts what their cells say of test digits."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.model_size.sizes import Size, config, multiplications
from experiments.study import cached
from experiments.time_to_quality import courses
from selforg_mnist import weights
from selforg_mnist.data.digits import Digits
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation import evaluation
from selforg_mnist.experiment import Experiment
from selforg_mnist.training import training_loop
from selforg_mnist.training.run_config import Monitoring

_TUNING_DIGITS = 1_000  # the last training digits, on which learning rates are compared
_TUNING_SHARE = 4  # trainings that try a learning rate are this many times shorter


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """The settings.

    Attributes:
      folder: for the runs; what is in it is not computed again.
      digits: to train on.
      held_out: to measure on.
      train_steps: of each training.
      steps: CA steps of an evaluation.
      rates: learning rates to choose from.
    """

    folder: Path
    digits: Digits
    held_out: Digits
    train_steps: int
    steps: int
    rates: Sequence[float]


class Result(NamedTuple):
    """What was found for one size; shares in percent, a value for each seed."""

    size: Size
    parameters: int
    multiplications: int  # of a cell that fires
    rates: dict[str, float]  # cell accuracy of the short trainings by learning rate
    rate: float  # the best of these
    cell_accuracy: list[float]
    total_agreement: list[float]
    correct_agreement: list[float]
    minutes: float  # all trainings of the size, each as long as at its best rate


def measure(settings: Settings, size: Size, seeds: int) -> Result:
    """Tries each learning rate on a short training, then trains with the best, for each seed.

    If there is only one rate, nothing is tried.
    """
    whole = len(settings.digits)
    count = min(_TUNING_DIGITS, whole // 4)
    tuning = settings.digits[whole - count :]
    digits = settings.digits[: whole - count]
    short = max(1, settings.train_steps // _TUNING_SHARE)
    rates = settings.rates if len(settings.rates) > 1 else ()
    tried = {
        rate: _trained(settings, config(size, rate, short, 0), digits, tuning) for rate in rates
    }
    best = max(tried, key=lambda rate: tried[rate]["cell_accuracy"], default=settings.rates[0])
    runs = [
        _trained(
            settings, config(size, best, settings.train_steps, seed), digits, settings.held_out
        )
        for seed in range(seeds)
    ]
    return Result(
        size,
        runs[0]["parameters"],
        multiplications(*size),
        {f"{rate:g}": round(found["cell_accuracy"], 2) for rate, found in tried.items()},
        best,
        [run["cell_accuracy"] for run in runs],
        [run["total_agreement"] for run in runs],
        [run["correct_agreement"] for run in runs],
        sum(run["training_seconds"] for run in (*tried.values(), *runs)) / 60,
    )


def spread(values: Sequence[float]) -> float | None:
    """The standard deviation over seeds; None if there is one seed."""
    return statistics.stdev(values) if len(values) > 1 else None


def _trained(
    settings: Settings, experiment: Experiment, digits: Digits, held_out: Digits
) -> dict[str, Any]:
    """A training as the package's command does it, and its evaluation, kept in a file."""
    e = experiment
    folder = settings.folder / (
        f"{e.channels}x{e.hidden_channels}_rate_{e.learning_rate:g}_steps_{e.train_steps}"
        f"_seed_{e.seed}"
    )

    def train_and_evaluate() -> dict[str, Any]:
        monitoring = Monitoring(eval_every=0, eval_samples=100, eval_steps=settings.steps)
        result = training_loop.train(e, digits, held_out, folder, monitoring)
        if result.stopped_by:
            raise UserError(f"stopped by {result.stopped_by}; the same command goes on")
        model = weights.load_run(folder).model
        curves = evaluation.evaluate(model, held_out, settings.steps)
        return {
            "parameters": model.count_params(),
            **curves.shares_at_end(),
            "training_seconds": round(e.train_steps / courses.read(folder).rate, 1),
        }

    path = folder / f"evaluation_{len(held_out)}_digits_{settings.steps}_steps.json"
    return cached(path, train_and_evaluate)
