"""How a run is taken up again: its choices, its newest checkpoint, and whether both fit.

What has to be the same as when it began is in `run_config.py`.
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
    """What was chosen for a run when it began, where nothing else is asked for now.

    Args:
      computing: what is asked for.
      experiment: likewise.
      replicas: likewise.
      saved: the run's config.json.
    """
    begun = saved["engine"]
    if (saved["experiment"].get("batch_size"), begun["replicas"], begun["name"]) != (
        experiment.batch_size,
        replicas,
        engines.choose(computing.engine),
    ):
        # It may not fit; and that something else differs is what the user has to hear.
        return computing
    return computing.replace(lanes=computing.lanes or begun["lanes"])


def restore(trainer: Trainer, checkpoints: Checkpoints) -> TrainState:
    """The state of the newest checkpoint, or the initial one where there is none.

    Raises:
      CheckpointError: there are checkpoints, none of which can be read.
    """
    state = trainer.initial_state()
    restored = checkpoints.restore(state)
    if restored is None:
        logging.info("No checkpoint in %s: starting anew.", checkpoints.directory)
        return state
    for line in restored.damaged:
        logging.warning("%s: falling back to the one before it.", line)
    logging.info("Resuming from %s.", restored.path)
    return restored.state


def check_alike(trainer: Trainer, step: int, run_dir: Path) -> None:
    """Refuses workers that resume at different steps, as they would without a common folder.

    Raises:
      ConfigError: they do; the same on all workers.
    """
    mean = trainer.sum_over_replicas(float(step)) / trainer.replicas
    if mean != step:
        raise ConfigError(
            f"run_dir={run_dir}: this worker found step {step} there, others found another; "
            "expected one folder that all workers see"
        )


def compare_versions(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Warns of packages that have another version than when the run began."""
    for name, version in now.items():
        if before.get(name) != version:
            logging.warning(
                "Going on with %s %s, begun with %s: results may differ in rounding.",
                name,
                version,
                before.get(name),
            )
