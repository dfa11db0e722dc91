"""Writes a training step as StableHLO text, its arguments, and TensorFlow's results for them.

The counterpart of `stablehlo_run.py`, which runs the text where there is no TensorFlow.
"""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from experiments.compiling import lowering, stablehlo_run
from experiments.compiling.lowering import Arguments, Results
from selforg_mnist import output_files, startup
from selforg_mnist.data.digits import Digits
from selforg_mnist.errors import UserError
from selforg_mnist.experiment import Experiment
from selforg_mnist.training import run_config
from selforg_mnist.training.checkpoints import Checkpoints, named
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import Trainer, TrainState


def course_of(run_dir: Path) -> tuple[Experiment, Computing]:
    """What a run trains, and how one replica of the dense engine computes it.

    Raises:
      UserError: there is no run.
    """
    config = run_config.read(run_dir)
    if config is None:
        raise UserError(f"run_dir={run_dir}: no config.json; expected the folder of a run")
    computing = Computing("dense", precision=config["engine"]["precision"])
    return Experiment(**config["experiment"]), computing


def trainer_of(experiment: Experiment, computing: Computing, digits: Digits) -> Trainer:
    """The trainer whose step is exported."""
    return Trainer(experiment, source_of(digits.images, digits.labels), computing)


def export(folder: Path, trainer: Trainer, steps: int, run_dir: Path | None = None) -> None:
    """Takes some training steps with TensorFlow on the CPU; writes text, arguments and results.

    `run_dir` is of a run, to start from its newest checkpoint; None starts untrained.

    Raises:
      UserError: the run has no complete checkpoint, or the folder can't be written to.
    """
    experiment, computing, source = trainer.experiment, trainer.computing, trainer.source
    start = trainer.initial_state() if run_dir is None else _restored(trainer, run_dir)
    results, rate = _take(trainer, start, steps)
    about: dict[str, Any] = {
        "experiment": experiment.name,
        "engine": computing.engine,
        "precision": computing.precision,
        "batch_size": experiment.batch_size,
        "rollout_steps": experiment.rollout_steps,
        "from_step": int(start.step),
        "steps": steps,
        "tensorflow_steps_per_second": rate,
        "tensorflow_cores": startup.available_cores(),
    }
    output_files.write_text(folder / stablehlo_run.TEXT, lowering.stablehlo(trainer))
    _write(folder / stablehlo_run.ARGUMENTS, Arguments(start, source.images, source.labels, ()))
    _write(folder / stablehlo_run.EXPECTED, results)
    output_files.write_json(folder / stablehlo_run.ABOUT, about)


def _restored(trainer: Trainer, run_dir: Path) -> TrainState:
    restored = Checkpoints(run_dir / "checkpoints").restore(trainer.initial_state())
    if restored is None:
        raise UserError(f"run_dir={run_dir}: no checkpoint; expected a run that has one; train it")
    return restored.state


def _take(trainer: Trainer, state: TrainState, steps: int) -> tuple[Results, float]:
    """The results of some training steps on the CPU, and their rate."""
    with tf.device("/CPU:0"):
        step = tf.function(trainer.train_step, autograph=False)
        step(state)  # traced
        begun = time.perf_counter()
        for _ in range(steps):
            state, metrics = step(state)
        float(metrics.loss)
    return Results(state, metrics), steps / (time.perf_counter() - begun)


def _write(path: Path, nest: Any) -> None:
    archive = io.BytesIO()
    np.savez_compressed(archive, **named(nest))
    output_files.write_bytes(path, archive.getvalue())
