"""The outer loop of a training: it resumes, trains, and stops cleanly.

Calls the compiled training steps of `trainer.py`. A call ends where an action of `actions.py` is
due. Holds no arithmetic of the model; flags are in `train.py`.
"""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
from absl import logging

from selforg_mnist import startup
from selforg_mnist.data import augmentation, strokes
from selforg_mnist.data.digits import Digits, describe_digits, subset
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.model import CAWeights
from selforg_mnist.training import interrupts, resuming, run_config
from selforg_mnist.training.actions import (
    Action,
    Evaluate,
    Log,
    Save,
    TrainingError,
    not_finite,
    save_model,
)
from selforg_mnist.training.checkpoints import Checkpoints
from selforg_mnist.training.computing import AUTOMATIC, Computing
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.progress import Window
from selforg_mnist.training.replicas import WorkerLostError, make_trainer
from selforg_mnist.training.run_config import Monitoring
from selforg_mnist.training.strategies import ONE_DEVICE, Distribution
from selforg_mnist.training.summaries import RunSummaries
from selforg_mnist.training.trainer import Trainer, TrainState


class TrainResult(NamedTuple):
    """How a call of `train` ended."""

    step: int  # training steps done in all
    stopped_by: str = ""  # name of the signal that ended it early


def train(
    experiment: Experiment,
    digits: Digits,
    held_out: Digits,
    run_dir: Path,
    monitoring: Monitoring | None = None,
    computing: Computing = AUTOMATIC,
    distribution: Distribution = ONE_DEVICE,
    initial_weights: CAWeights | None = None,
) -> TrainResult:
    """Trains, or resumes, the run in `run_dir` until `experiment.train_steps`.

    On SIGTERM, SIGINT and SIGHUP it saves a checkpoint and returns.

    Args:
      experiment: what to train.
      digits: to train on.
      held_out: to evaluate on.
      run_dir: receives config.json, checkpoints/, tensorboard/ and model.keras.
      monitoring: how to log, evaluate and save; None: the defaults of `Monitoring`.
      computing: how to compute it. A run that is resumed keeps its number of lanes, unless
        another one is given.
      distribution: the devices to train on. With several workers, all call this with the same
        `run_dir`, which all of them must see. Only the chief writes to it.
      initial_weights: what a new run begins with; None draws them from the seed.

    Returns:
      result: the step reached, and the signal that stopped the run, if one did.

    Raises:
      ConfigError: the run in `run_dir` has another configuration, or another process trains in
        it; or `computing` doesn't fit.
      CheckpointError: a checkpoint can't be written, or none of them can be read.
      SummaryError: TensorBoard's files can't be written.
      TrainingError: the loss or the weights are not finite, or another worker is lost.
      UserError: the configuration or the model can't be written.
    """
    monitoring = monitoring or Monitoring()
    with contextlib.ExitStack() as stack:
        if distribution.chief:
            stack.enter_context(run_config.claim(run_dir))
        saved = run_config.read(run_dir)
        if saved is not None:
            computing = resuming.as_begun(computing, experiment, distribution.replicas, saved)
        digits = augmentation.vary(digits, experiment)
        source = source_of(digits.images, digits.labels)
        trainer = make_trainer(experiment, source, distribution, computing, initial_weights)
        config = run_config.build(
            experiment, trainer.computing, trainer.replicas, describe_digits(digits), monitoring
        )
        checkpoints = Checkpoints(run_dir / "checkpoints")
        if saved is not None:
            run_config.check_same_course(saved, config, run_dir)
        elif checkpoints.paths():
            raise ConfigError(
                f"run_dir={run_dir}: has checkpoints but no {run_config.FILE_NAME}; "
                "give another --run_dir, or delete this folder to start again"
            )

        state = resuming.restore(trainer, checkpoints)
        step, end, model = int(state.step), experiment.train_steps, run_dir / run_config.MODEL_FILE
        _announce(trainer, digits, distribution)
        resuming.check_alike(trainer, step, run_dir)
        if step >= end:
            said = "Nothing to do: %d training steps are done, of %d asked for. The model is %s."
            logging.info(said, step, end, model)
            if distribution.chief and not model.exists():
                save_model(trainer, state, run_dir)
            return TrainResult(step)
        if saved is not None:
            resuming.compare_versions(saved.get("versions", {}), config["versions"])

        window = Window()
        actions: list[Action] = []  # none for a worker that is not the chief
        if distribution.chief:
            run_config.write(run_dir, config)
            count = min(monitoring.eval_samples, len(held_out))
            # NumPy has no negative seeds.
            held_out = subset(held_out, count, experiment.seed % 2**64)
            held_out = augmentation.vary(held_out, experiment, strokes.HELD_OUT_HANDS)
            summaries = stack.enter_context(RunSummaries(run_dir / "tensorboard", step))
            summaries.configuration(config)
            summaries.hparams({**experiment.to_dict(), "dataset": digits.source})
            actions = [
                Log(monitoring.log_every, trainer, window, summaries),
                Evaluate(
                    monitoring.eval_every, trainer, held_out, monitoring.eval_steps, summaries
                ),
                # Last, so that nothing is missing on resuming from its checkpoint.
                Save(monitoring.checkpoint_every, trainer, run_dir, config, checkpoints),
            ]
        try:
            result = _run(trainer, state, monitoring, checkpoints, window, actions)
        except WorkerLostError as error:
            raise TrainingError(
                f"{error}; {checkpoints.newest()}; start all workers again to continue"
            ) from error
        if not result.stopped_by:
            logging.info("Done: %d training steps. The model is %s.", result.step, model)
        return result


def _run(
    trainer: Trainer,
    state: TrainState,
    monitoring: Monitoring,
    checkpoints: Checkpoints,
    window: Window,
    actions: Sequence[Action],
) -> TrainResult:
    """Trains until the last step or a signal, and runs the actions between calls, in their order.

    Calls end where `monitoring` says, at the same steps for all workers, because workers make each
    call together. The window gets the metrics of each call.
    """
    end = trainer.experiment.train_steps
    start = step = int(state.step)
    with interrupts.signals_noted() as caught:
        # All workers stop together, because none can continue alone.
        while step < end and not trainer.sum_over_replicas(float(bool(caught))):
            first = step == start  # a call of its own, so that its log line comes early
            stretch = 1 if first else monitoring.stretch(step, end)
            begun = time.perf_counter()
            state, metrics = trainer.run(state, tf.constant(stretch))
            taken, step = int(state.step) - step, int(state.step)
            window.add(taken, metrics, time.perf_counter() - begun, compiling=first)
            if not math.isfinite(loss := float(metrics.loss)):
                raise not_finite(f"loss={loss}", step, checkpoints)
            if first:
                logging.info("First training step done: loss %.2f.", loss)
            for action in actions:
                if action.due(step, end):
                    action.run(state)
        if start < step < end:
            for action in actions:
                if action.also_when_stopped and not action.due(step, end):
                    action.run(state)
    if step == end:
        return TrainResult(step)
    stopped_by = caught[0] if caught else signal.SIGTERM.name  # another worker's
    logging.info("Stopped by %s at step %d of %d.", stopped_by, step, end)
    logging.info("Start the same command again to go on.")
    return TrainResult(step, stopped_by)


def _announce(trainer: Trainer, digits: Digits, distribution: Distribution) -> None:
    devices = ", ".join(d.name for d in tf.config.list_logical_devices())
    logging.info("Devices: %s, %d cores.", devices, startup.available_cores())
    how = distribution
    logging.info("Strategy: %s, %d replica(s); %s.", how.name, how.replicas, how.why)
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
