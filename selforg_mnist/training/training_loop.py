"""The outer loop of a training: resume, run, watch, save, stop in good order.

Calls the compiled training steps of `trainer.py` in stretches that end where something is to
be logged, evaluated or saved. Holds no arithmetic of the model; flags are in `train.py`.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import os
import signal
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from selforg_mnist import startup
from selforg_mnist.data import augmentation, strokes
from selforg_mnist.data.digits import Digits, describe_digits, subset
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation import evaluation
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.model import CAWeights
from selforg_mnist.training import engines, interrupts, run_config
from selforg_mnist.training.checkpoints import Checkpoints
from selforg_mnist.training.computing import AUTOMATIC, Computing
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.progress import Window
from selforg_mnist.training.replicas import ReplicatedTrainer, WorkerLostError
from selforg_mnist.training.run_config import Looking
from selforg_mnist.training.strategies import ONE_DEVICE, Chosen
from selforg_mnist.training.summaries import RunSummaries, TrainingScalars
from selforg_mnist.training.trainer import Trainer, TrainState

MODEL_FILE = "model.keras"


class TrainingError(UserError):
    """The training can't go on."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a call of `train` ended.

    Attributes:
      step: training steps done in all.
      stopped_by: name of the signal that ended it early, or "".
    """

    step: int
    stopped_by: str = ""


def train(
    experiment: Experiment,
    digits: Digits,
    held_out: Digits,
    run_dir: Path,
    looking: Looking | None = None,
    computing: Computing = AUTOMATIC,
    chosen: Chosen = ONE_DEVICE,
    initial_weights: CAWeights | None = None,
) -> Outcome:
    """Trains, or resumes, the run in `run_dir` until `experiment.train_steps`.

    SIGTERM and SIGINT save a checkpoint and end the call in good order.

    Args:
      experiment: what to train.
      digits: to train on.
      held_out: to evaluate on.
      run_dir: receives config.json, checkpoints/, tensorboard/ and model.keras.
      looking: how to watch and save the run; None: as `Looking` has it.
      computing: how to train; lanes that are left open are the run's own, if it has begun.
      chosen: the devices to train on. Of several workers all call this, with the same
        `run_dir`, which they must all see; the chief alone writes to it.
      initial_weights: what a new run begins with; None draws them from the seed.

    Returns:
      outcome: the step reached, and the signal that stopped the run if one did.

    Raises:
      ConfigError: the run in `run_dir` has another configuration, can't be written, or belongs
        to another process; or `computing` doesn't fit.
      CheckpointError: a checkpoint can't be written, or none of them can be read.
      SummaryError: TensorBoard's files can't be written.
      TrainingError: the loss or the weights are not finite, the model can't be written, or
        another worker is lost.
    """
    looking = looking or Looking()
    with run_config.claim(run_dir) if chosen.chief else nullcontext():
        return _train(
            experiment, digits, held_out, run_dir, looking, computing, chosen, initial_weights
        )


def _train(
    experiment: Experiment,
    digits: Digits,
    held_out: Digits,
    run_dir: Path,
    looking: Looking,
    computing: Computing,
    chosen: Chosen,
    initial_weights: CAWeights | None,
) -> Outcome:
    saved = run_config.read(run_dir)
    if saved is not None:
        computing = _as_begun(computing, experiment, chosen.replicas, saved)
    digits = augmentation.vary(digits, experiment)
    source = source_of(digits.images, digits.labels)
    if chosen.strategy is None:
        trainer = Trainer(experiment, source, computing, initial_weights=initial_weights)
    else:
        trainer = ReplicatedTrainer(experiment, source, chosen, computing, initial_weights)
    config = run_config.build(
        experiment,
        trainer.computing,
        trainer.replicas,
        describe_digits(digits),
        looking,
    )
    checkpoints = Checkpoints(run_dir / "checkpoints")
    if saved is not None:
        run_config.check_same_course(saved, config, run_dir)
    elif checkpoints.paths():
        raise ConfigError(
            f"run_dir={run_dir}: has checkpoints but no {run_config.FILE_NAME} to say of what; "
            "give another --run_dir, or delete this folder to start anew"
        )

    state = _restore(trainer, checkpoints)
    _announce(trainer, digits, chosen)
    _check_alike(trainer, state, run_dir)
    if int(state.step) >= experiment.train_steps:
        logging.info(
            "Nothing to do: %d training steps are done, of %d asked for. The model is %s.",
            int(state.step),
            experiment.train_steps,
            run_dir / MODEL_FILE,
        )
        if chosen.chief and not (run_dir / MODEL_FILE).exists():
            _save_model(trainer, state, run_dir)
        return Outcome(int(state.step))
    if saved is not None:
        _compare_versions(saved.get("versions", {}), config["versions"])
    if not chosen.chief:
        return _Run(trainer, held_out, run_dir, config, looking, checkpoints, None).to_the_end(
            state
        )
    run_config.write(run_dir, config)
    count = min(looking.eval_samples, len(held_out))
    held_out = subset(held_out, count, experiment.seed % 2**64)  # NumPy has no negative seeds
    held_out = augmentation.vary(held_out, experiment, strokes.HELD_OUT_HANDS)
    with RunSummaries(run_dir / "tensorboard", int(state.step)) as summaries:
        summaries.configuration(config)
        summaries.hparams({**experiment.to_dict(), "dataset": digits.source})
        run = _Run(trainer, held_out, run_dir, config, looking, checkpoints, summaries)
        return run.to_the_end(state)


def _as_begun(
    computing: Computing, experiment: Experiment, replicas: int, saved: Mapping[str, Any]
) -> Computing:
    """What was chosen for a run when it began, where nothing else is asked for now."""
    begun = saved["engine"]
    if (saved["experiment"].get("batch_size"), begun["replicas"], begun["name"]) != (
        experiment.batch_size,
        replicas,
        engines.choose(computing.engine),
    ):
        # It may not fit; and that something else differs is what the user has to hear.
        return computing
    return computing.replace(lanes=computing.lanes or begun["lanes"])


def _restore(trainer: Trainer, checkpoints: Checkpoints) -> TrainState:
    state = trainer.initial_state()
    restored = checkpoints.restore(state)
    if restored is None:
        logging.info("No checkpoint in %s: starting anew.", checkpoints.directory)
        return state
    for line in restored.damaged:
        logging.warning("%s: falling back to the one before it.", line)
    logging.info("Resuming from %s.", restored.path)
    return restored.state


def _check_alike(trainer: Trainer, state: TrainState, run_dir: Path) -> None:
    """Refuses workers that go on from different states, as without a common folder they would."""
    step = int(state.step)
    mean = trainer.agree(float(step)) / trainer.replicas
    if mean != step:
        raise ConfigError(
            f"run_dir={run_dir}: this worker found step {step} there, others found another; "
            "expected one folder that all workers see"
        )


def _announce(trainer: Trainer, digits: Digits, chosen: Chosen) -> None:
    devices = ", ".join(d.name for d in tf.config.list_logical_devices())
    logging.info("Devices: %s, %d cores.", devices, startup.available_cores())
    logging.info("Strategy: %s, %d replica(s); %s.", chosen.name, chosen.replicas, chosen.why)
    logging.info("Data: %d digits, %s.", len(digits), digits.note)
    computing = trainer.computing
    lanes = f", {computing.lanes} lanes" if computing.engine == "living" else ""
    logging.info(
        "Experiment %s: %d parameters, %s engine%s, products in %s.",
        trainer.experiment.name,
        trainer.model.count_params(),
        computing.engine,
        lanes,
        computing.precision,
    )


def _compare_versions(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    for name, version in now.items():
        if before.get(name) != version:
            logging.warning(
                "Going on with %s %s, begun with %s: results may differ in rounding.",
                name,
                version,
                before.get(name),
            )


def _save_model(trainer: Trainer, state: TrainState, run_dir: Path) -> None:
    """Writes the model beside, then renames it into place."""
    trainer.load(state)
    model, beside = run_dir / MODEL_FILE, run_dir / f"partial.{MODEL_FILE}"
    try:
        trainer.model.save(beside)
        os.replace(beside, model)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise TrainingError(
            f"model {model}: can't be written ({error.strerror or error}); make room or mend the "
            "folder, then start the same command again"
        ) from error


class _Run:
    """One call of `train`, once everything is set up.

    Without summaries it is that of a worker who computes along, while the chief watches and saves.
    """

    def __init__(
        self,
        trainer: Trainer,
        held_out: Digits,
        run_dir: Path,
        config: Mapping[str, Any],
        looking: Looking,
        checkpoints: Checkpoints,
        summaries: RunSummaries | None,
    ):
        self.trainer = trainer
        self.held_out = held_out
        self.run_dir = run_dir
        self.config = config
        self.looking = looking
        self.checkpoints = checkpoints
        self.summaries = summaries
        self.end = trainer.experiment.train_steps

    def to_the_end(self, state: TrainState) -> Outcome:
        """Trains until the last step or a signal."""
        try:
            return self._to_the_end(state)
        except WorkerLostError as error:
            raise TrainingError(
                f"{error}; {self._last_checkpoint()}; start all workers again to go on"
            ) from error

    def _to_the_end(self, state: TrainState) -> Outcome:
        start = saved = step = int(state.step)
        window = Window(step)
        with interrupts.noted((signal.SIGTERM, signal.SIGINT)) as caught:
            # All workers stop together, since none can go on alone.
            while step < self.end and not self.trainer.agree(float(bool(caught))):
                first = step == start  # alone, to be seen early: compiling takes a while
                stretch = 1 if first else self._stretch(step)
                state, metrics = self.trainer.run(state, tf.constant(stretch))
                step = int(state.step)
                window.add(step, metrics, compiling=first)
                if not math.isfinite(loss := float(metrics.loss)):
                    raise TrainingError(self._not_finite(f"loss={loss}", step))
                if first:
                    logging.info("First training step done: loss %.2f.", loss)
                if self._due(step, self.looking.log_every):
                    self._log(state, window)
                    window = Window(step)
                if self._due(step, self.looking.eval_every):
                    self._evaluate(state)
                    window.restart_clock()
                # Last, so that resuming from a checkpoint misses nothing of what was due.
                if self._due(step, self.looking.checkpoint_every):
                    self._save(state)
                    saved = step
            if step > saved:
                self._save(state)
        if step < self.end:
            stopped_by = caught[0] if caught else signal.SIGTERM.name  # another worker's
            logging.info("Stopped by %s at step %d of %d.", stopped_by, step, self.end)
            logging.info("Start the same command again to go on.")
            return Outcome(step, stopped_by)
        logging.info("Done: %d training steps. The model is %s.", step, self.run_dir / MODEL_FILE)
        return Outcome(step)

    def _last_checkpoint(self) -> str:
        kept = self.checkpoints.paths()
        return f"the last checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"

    def _stretch(self, step: int) -> int:
        """Steps until something is due."""
        look = self.looking
        periods = [p for p in (look.log_every, look.eval_every, look.checkpoint_every) if p]
        return min(look.steps_per_call, self.end - step, *(p - step % p for p in periods))

    def _due(self, step: int, period: int) -> bool:
        return step == self.end or (bool(period) and step % period == 0)

    def _not_finite(self, what: str, step: int) -> str:
        return (
            f"{what} at training step {step}: expected finite numbers; {self._last_checkpoint()}; "
            "try a lower --learning_rate in another --run_dir"
        )

    def _log(self, state: TrainState, window: Window) -> None:
        if not self.summaries:
            return
        step, metrics, rate = int(state.step), window.mean(), window.steps_per_second()
        left = datetime.timedelta(seconds=round((self.end - step) / rate))
        logging.info(
            "step %d/%d  loss %.2f  accuracy %.1f%%  agreement %.1f%%  %.1f steps/s  %s left",
            step,
            self.end,
            metrics.loss,
            100 * metrics.cell_accuracy,
            100 * metrics.total_agreement,
            rate,
            left,
        )
        age = state.pool.age.numpy()
        self.summaries.training(
            step,
            TrainingScalars(
                loss=float(metrics.loss),
                cell_accuracy=float(metrics.cell_accuracy),
                total_agreement=float(metrics.total_agreement),
                learning_rate=float(self.trainer.learning_rate(state.step - 1)),
                steps_per_second=rate,
                gradient_norms=tuple(map(float, metrics.gradient_norms)),
                batch_age=float(metrics.batch_age),
                pool_age_mean=float(age.mean()),
                pool_age_max=float(age.max()),
            ),
        )

    def _save(self, state: TrainState) -> None:
        if not self.summaries:
            return
        step = int(state.step)
        if not all(np.isfinite(part).all() for part in tf.nest.flatten(state)):
            # A finite loss can have gradients that are not.
            raise TrainingError(self._not_finite("weights or states", step))
        if not (self.run_dir / run_config.FILE_NAME).exists():
            logging.warning("%s was deleted meanwhile: writing it anew.", self.run_dir)
            run_config.write(self.run_dir, self.config)
        # Before the checkpoint: killed in between, the run goes on from the checkpoint before
        # and writes the model again.
        _save_model(self.trainer, state, self.run_dir)
        path = self.checkpoints.save(step, state)
        logging.info("Saved %s.", path)

    def _evaluate(self, state: TrainState) -> None:
        if not self.summaries:
            return
        step, experiment = int(state.step), self.trainer.experiment
        self.trainer.load(state)
        curves = evaluation.evaluate(
            self.trainer.model, self.held_out, self.looking.eval_steps, experiment.seed
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
        self.summaries.evaluation(step, curves)
        before, after = self.trainer.preview(state)
        self.summaries.mosaics(step, state.pool, before, after)
