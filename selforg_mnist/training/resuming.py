"""How a run resumes: the choices it began with, its newest checkpoint, and whether both fit.

Which options must be the same as when the run began is in `run_config.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import logging

from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.training import engines
from selforg_mnist.training.checkpoints import Checkpoints
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.trainer import Trainer, TrainState


def as_begun(
    computing: Computing, experiment: Experiment, replicas: int, saved: Mapping[str, Any]
) -> Computing:
    """Completes the options with the choices of a run's config.json, if the rest is the same."""
    begun = saved["engine"]
    if (saved["experiment"].get("batch_size"), begun["replicas"], begun["name"]) != (
        experiment.batch_size,
        replicas,
        engines.choose(computing.engine),
    ):
        # The lanes may not fit. The user should read what else differs.
        return computing
    return computing.replace(lanes=computing.lanes or begun["lanes"])


def restore(trainer: Trainer, checkpoints: Checkpoints) -> TrainState:
    """The state of the newest checkpoint, or the initial state if there is none.

    Raises:
      CheckpointError: there are checkpoints, but none of them can be read.
    """
    state = trainer.initial_state()
    restored = checkpoints.restore(state)
    if restored is None:
        logging.info("No checkpoint in %s: starting from step 0.", checkpoints.directory)
        return state
    for line in restored.damaged:
        logging.warning("%s: falling back to the one before it.", line)
    logging.info("Resuming from %s.", restored.path)
    return restored.state


def check_alike(trainer: Trainer, step: int, run_dir: Path) -> None:
    """Raises `ConfigError`, on all workers, if they resume at different steps.

    This happens if they don't share a folder.
    """
    mean = trainer.sum_over_replicas(float(step)) / trainer.replicas
    if mean != step:
        raise ConfigError(
            f"run_dir={run_dir}: this worker found step {step} there, others found another; "
            "expected one folder that all workers see"
        )


def compare_versions(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Warns if a package has another version than when the run began."""
    for name, version in now.items():
        if before.get(name) != version:
            logging.warning(
                "Continuing with %s %s, begun with %s: results may differ in rounding.",
                name,
                version,
                before.get(name),
            )
