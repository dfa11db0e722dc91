"""What the outer loop does between training steps: log, evaluate, save.

Each action has a period, which says when it is due. The loop itself is in `training_loop.py`.
"""

from __future__ import annotations

import abc
import dataclasses
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from absl import logging

from selforg_mnist import output_files
from selforg_mnist.data.digits import Digits
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation import evaluation
from selforg_mnist.training import run_config
from selforg_mnist.training.checkpoints import Checkpoints
from selforg_mnist.training.progress import Window
from selforg_mnist.training.summaries import RunSummaries
from selforg_mnist.training.trainer import Trainer, TrainState


class TrainingError(UserError):
    """The training can't continue."""


@dataclasses.dataclass(frozen=True)
class Action(abc.ABC):
    """Something to do between training steps."""

    period: int  # training steps between two runs of the action; 0: only after the last step
    trainer: Trainer
    also_when_stopped: ClassVar[bool] = False  # whether it also runs when a signal ends the run

    def due(self, step: int, end: int) -> bool:
        """Whether it is due after `step` of `end` training steps."""
        return step == end or (bool(self.period) and step % self.period == 0)

    @abc.abstractmethod
    def run(self, state: TrainState) -> None:
        """Runs the action, on the state after the last training step."""


@dataclasses.dataclass(frozen=True)
class Log(Action):
    """Shows how the training goes, in the log and in TensorBoard; clears the window."""

    window: Window  # the steps since the last log line
    summaries: RunSummaries

    def run(self, state: TrainState) -> None:
        """As in `Action.run`."""
        step, end = int(state.step), self.trainer.experiment.train_steps
        metrics, rate = self.window.mean(), self.window.steps_per_second()
        self.window.clear()
        logging.info(
            "step %d/%d  loss %.2f  accuracy %.1f%%  agreement %.1f%%  %.1f steps/s  %s left",
            step,
            end,
            metrics.loss,
            100 * metrics.cell_accuracy,
            100 * metrics.total_agreement,
            rate,
            datetime.timedelta(seconds=round((end - step) / rate)),
        )
        age = state.pool.age.numpy()
        values = metrics._asdict()
        norms = values.pop("gradient_norms")
        values |= {
            "learning_rate": self.trainer.learning_rate(state.step - 1),
            "steps_per_second": rate,
            "pool_age_mean": age.mean(),
            "pool_age_max": age.max(),
        }
        self.summaries.training(step, values, norms)


@dataclasses.dataclass(frozen=True)
class Evaluate(Action):
    """Evaluates on held-out digits."""

    held_out: Digits
    steps: int  # CA steps
    summaries: RunSummaries

    def run(self, state: TrainState) -> None:
        """As in `Action.run`."""
        trainer, step = self.trainer, int(state.step)
        trainer.load(state)
        seed = trainer.experiment.seed
        curves = evaluation.evaluate(trainer.model, self.held_out, self.steps, seed)
        logging.info(
            "Held out, %d digits, after %d CA steps: accuracy %.1f%%, agreement %.1f%%, "
            "agreeing and right %.1f%%.",
            curves.num_samples,
            curves.steps,
            100 * curves.cell_accuracy[-1],
            100 * curves.total_agreement[-1],
            100 * curves.correct_agreement[-1],
        )
        self.summaries.evaluation(step, curves)
        before, after = trainer.preview(state)
        self.summaries.mosaics(step, state.pool, before, after)


@dataclasses.dataclass(frozen=True)
class Save(Action):
    """Saves the model and a checkpoint."""

    run_dir: Path
    config: Mapping[str, Any]  # content of config.json; if the file was deleted, it is rewritten
    checkpoints: Checkpoints
    also_when_stopped: ClassVar[bool] = True

    def run(self, state: TrainState) -> None:
        """As in `Action.run`."""
        step = int(state.step)
        if not all(np.isfinite(part).all() for part in tf.nest.flatten(state)):
            # A finite loss can have gradients that are not.
            raise not_finite("weights or states", step, self.checkpoints)
        if not (self.run_dir / run_config.FILE_NAME).exists():
            logging.warning("%s was deleted during the training: writing it again.", self.run_dir)
            run_config.write(self.run_dir, self.config)
        # The model first. If the run is killed between the two, it resumes from the previous
        # checkpoint and writes the model again.
        save_model(self.trainer, state, self.run_dir)
        logging.info("Saved %s.", self.checkpoints.save(step, state))


def save_model(trainer: Trainer, state: TrainState, run_dir: Path) -> None:
    """Writes the model of a state, complete or not at all.

    Raises:
      UserError: it can't be written.
    """
    trainer.load(state)
    with output_files.replacing(run_dir / run_config.MODEL_FILE) as partial:
        trainer.model.save(partial)


def not_finite(what: str, step: int, checkpoints: Checkpoints) -> TrainingError:
    """The error for a training whose numbers are no longer finite."""
    return TrainingError(
        f"{what} at training step {step}: expected finite numbers; {checkpoints.newest()}; "
        "try a lower --learning_rate in another --run_dir"
    )
