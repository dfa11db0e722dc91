"""Trainings with cut gradients, and what networks forget when the labels that they learn change.

Every part of the study is kept in a file of its own, so that a run that was stopped goes on.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from experiments.local_learning.cutting import CutTrainer
from selforg_mnist import output_files, spec
from selforg_mnist.cells import living_cells
from selforg_mnist.data.digits import Digits
from selforg_mnist.evaluation import evaluation, votes
from selforg_mnist.experiment import Experiment
from selforg_mnist.model import CAModel, gray_of
from selforg_mnist.randomness import derive, root_key
from selforg_mnist.training import pool as pools
from selforg_mnist.training.checkpoints import Checkpoints
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import TrainState

REACHES = (1, 2, 5, 10, 20)  # CA steps between two cuts
_STRETCH = 125  # training steps; the trainings take turns
_BATCHES = 50  # over which memory is averaged


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """The settings.

    Attributes:
      folder: for the parts of the study.
      experiment: of the package, with the number of training steps.
      digits: to train on.
      held_out: to count on.
      steps: CA steps after which digits are counted.
    """

    folder: Path
    experiment: Experiment
    digits: Digits
    held_out: Digits
    steps: int


def kept(path: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A part of the study: from its file, or computed and written to it."""
    if not path.exists():
        began, cpu = time.perf_counter(), time.process_time()
        found = compute()
        found["seconds"] = round(time.perf_counter() - began, 1)
        found["cpu_seconds"] = round(time.process_time() - cpu, 1)
        output_files.write_text(path, json.dumps(found, indent=2) + "\n")
        logging.info("%s: %.0f s.", path.stem, found["seconds"])
    return json.loads(path.read_text(encoding="utf-8"))


def advance(trainer: CutTrainer, folder: Path, step: int) -> dict[str, Any]:
    """Trains up to a training step from the last checkpoint on, and loads the model.

    Args:
      trainer: that trains.
      folder: of its checkpoints.
      step: the training step.

    Returns:
      metrics: the means over the training steps taken; none if there were none to take.
    """
    checkpoints = Checkpoints(folder, keep=2)
    restored = checkpoints.restore(like=trainer.initial_state())
    state: TrainState = restored.state if restored else trainer.initial_state()
    left, metrics = step - int(state.step), {}
    if left > 0:
        state, reported = trainer.run(state, tf.constant(left))
        checkpoints.save(int(state.step), state)
        metrics = {
            "step": step,
            "cell_accuracy": 100 * float(reported.cell_accuracy),
            "total_agreement": 100 * float(reported.total_agreement),
        }
        if not math.isfinite(float(reported.loss)):
            raise FloatingPointError(f"loss={float(reported.loss)} at step {int(state.step)}")
    trainer.load(state)
    return metrics


def cut_gradients(study: Study) -> dict[str, Any]:
    """Trains one CA for each reach, on equally many samples, and counts over held-out digits.

    Returns:
      runs: by the CA steps between two cuts.
    """
    source = source_of(study.digits.images, study.digits.labels)
    trainers = {reach: CutTrainer(study.experiment, source, reach) for reach in REACHES}
    end = study.experiment.train_steps
    curves: dict[int, list] = {reach: [] for reach in REACHES}
    marks = [*range(_STRETCH, end, _STRETCH), end]
    for step in marks:
        for reach, trainer in trainers.items():
            name = f"reach_{reach}"
            path = study.folder / f"{name}_step_{step}.json"
            curves[reach].append(
                kept(path, lambda t=trainer, n=name, s=step: advance(t, study.folder / n, s))
            )
    memory = memory_of_a_step(study)
    runs = {}
    for reach, trainer in trainers.items():
        advance(trainer, study.folder / f"reach_{reach}", end)
        path = study.folder / f"reach_{reach}_evaluation.json"
        found = kept(path, lambda t=trainer: evaluate(t.model, study))
        runs[str(reach)] = found | {"curve": curves[reach], "megabytes": memory[reach]}
    return runs


def evaluate(model: CAModel, study: Study) -> dict[str, Any]:
    """What the cells say after the last CA step, in percent."""
    curves = evaluation.evaluate(model, study.held_out, study.steps, study.experiment.seed)
    return {
        "cell_accuracy": 100 * float(curves.cell_accuracy[-1]),
        "total_agreement": 100 * float(curves.total_agreement[-1]),
        "correct_agreement": 100 * float(curves.correct_agreement[-1]),
    }


def memory_of_a_step(study: Study) -> dict[int, float]:
    """Megabytes that gradients need at a time, for each reach: the mean over batches.

    Up to the next cut, each cell that fires keeps what the three layers of the rule took: its
    neighbourhood and two hidden layers, in float32.
    """
    config = study.experiment
    width = 4 * (spec.NEIGHBOURHOOD * config.channels + 2 * config.hidden_channels)
    source = source_of(study.digits.images, study.digits.labels)
    largest: dict[int, list[int]] = {reach: [] for reach in REACHES}
    for batch in range(_BATCHES):
        key = derive(root_key(config.seed), batch)
        cells = living_cells.find(gray_of(pools.fresh(source, config.batch_size, key).images))
        firing = living_cells.draw_firing(cells, config.rollout_steps, config.fire_rate, 0.0, key)
        fired = [len(rows) for rows in firing.rows]
        for reach, found in largest.items():
            found.append(max(sum(fired[i : i + reach]) for i in range(0, len(fired), reach)))
    return {reach: width * float(np.mean(found)) / 1e6 for reach, found in largest.items()}
