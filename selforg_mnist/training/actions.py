"""What the outer loop does between training steps: log, evaluate, save.

Each action has a period, which says when it is due. The loop itself is in `training_loop.py`.
"""

from __future__ import annotations

import abc
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from selforg_mnist.training.summaries import RunSummaries, TrainingScalars
from selforg_mnist.training.trainer import Trainer, TrainState


class TrainingError(UserError):
    """The training can't continue."""


class Action(abc.ABC):
    """Something to do between training steps.

    Args:
      period: training steps between two runs of the action; 0: only after the last step.
    """

    also_when_stopped = False  # whether it also runs when a signal ends the training early

    def __init__(self, period: int):
        self.period = period

    def due(self, step: int, end: int) -> bool:
        """Whether it is due after `step` of `end` training steps."""
        return step == end or (bool(self.period) and step % self.period == 0)

    @abc.abstractmethod
    def run(self, state: TrainState) -> None:
        """Runs the action.

        Args:
          state: after the last training step.
        """


class Log(Action):
    """Shows how the training goes, in the log and in TensorBoard.

    Args:
      period: as in `Action`.
      trainer: the trainer.
      window: the steps since the last log line; it is cleared.
      summaries: to write to.
    """

    def __init__(self, period: int, trainer: Trainer, window: Window, summaries: RunSummaries):
        super().__init__(period)
        self._trainer, self._window, self._summaries = trainer, window, summaries

    def run(self, state: TrainState) -> None:
        """As `Action.run`."""
        step, end = int(state.step), self._trainer.experiment.train_steps
        metrics, rate = self._window.mean(), self._window.steps_per_second()
        self._window.clear()
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
        self._summaries.training(
            step,
            TrainingScalars(
                loss=float(metrics.loss),
                cell_accuracy=float(metrics.cell_accuracy),
                total_agreement=float(metrics.total_agreement),
                learning_rate=float(self._trainer.learning_rate(state.step - 1)),
                steps_per_second=rate,
                gradient_norms=tuple(map(float, metrics.gradient_norms)),
                batch_age=float(metrics.batch_age),
                pool_age_mean=float(age.mean()),
                pool_age_max=float(age.max()),
            ),
        )


class Evaluate(Action):
    """Evaluates on held-out digits.

    Args:
      period: as in `Action`.
      trainer: the trainer.
      held_out: the digits.
      steps: CA steps.
      summaries: to write to.
    """

    def __init__(
        self,
        period: int,
        trainer: Trainer,
        held_out: Digits,
        steps: int,
        summaries: RunSummaries,
    ):
        super().__init__(period)
        self._trainer, self._held_out = trainer, held_out
        self._steps, self._summaries = steps, summaries

    def run(self, state: TrainState) -> None:
        """As `Action.run`."""
        trainer, step = self._trainer, int(state.step)
        trainer.load(state)
        curves = evaluation.evaluate(
            trainer.model, self._held_out, self._steps, trainer.experiment.seed
        )
        logging.info(
            "Held out, %d digits, after %d CA steps: accuracy %.1f%%, agreement %.1f%%, "
            "agreeing and right %.1f%%.",
            curves.num_samples,
            curves.steps,
            100 * curves.cell_accuracy[-1],
            100 * curves.total_agreement[-1],
            100 * curves.correct_agreement[-1],
        )
        self._summaries.evaluation(step, curves)
        before, after = trainer.preview(state)
        self._summaries.mosaics(step, state.pool, before, after)


class Save(Action):
    """Saves the model and a checkpoint.

    Args:
      period: as in `Action`.
      trainer: the trainer.
      run_dir: of the run.
      config: the run's config.json. If the file was deleted, it is written again.
      checkpoints: of the run.
    """

    also_when_stopped = True

    def __init__(
        self,
        period: int,
        trainer: Trainer,
        run_dir: Path,
        config: Mapping[str, Any],
        checkpoints: Checkpoints,
    ):
        super().__init__(period)
        self._trainer, self._run_dir = trainer, run_dir
        self._config, self._checkpoints = config, checkpoints

    def run(self, state: TrainState) -> None:
        """As `Action.run`."""
        step = int(state.step)
        if not all(np.isfinite(part).all() for part in tf.nest.flatten(state)):
            # A finite loss can have gradients that are not.
            raise not_finite("weights or states", step, self._checkpoints)
        if not (self._run_dir / run_config.FILE_NAME).exists():
            logging.warning("%s was deleted during the training: writing it again.", self._run_dir)
            run_config.write(self._run_dir, self._config)
        # The model first. If the run is killed between the two, it resumes from the previous
        # checkpoint and writes the model again.
        save_model(self._trainer, state, self._run_dir)
        logging.info("Saved %s.", self._checkpoints.save(step, state))


def save_model(trainer: Trainer, state: TrainState, run_dir: Path) -> None:
    """Writes the model of a state, complete or not at all.

    Raises:
      UserError: it can't be written.
    """
    trainer.load(state)
    with output_files.beside(run_dir / run_config.MODEL_FILE) as partial:
        trainer.model.save(partial)


def not_finite(what: str, step: int, checkpoints: Checkpoints) -> TrainingError:
    """The error for a training whose numbers are no longer finite."""
    return TrainingError(
        f"{what} at training step {step}: expected finite numbers; {checkpoints.newest()}; "
        "try a lower --learning_rate in another --run_dir"
    )
