"""Trainings with cut gradients, and what networks forget when they go on to other labels.

Each part of the study is kept in a file of its own, so that a run that was stopped goes on.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from experiments.local_learning.cutting import CutTrainer
from experiments.local_learning.gated import GatedNetwork, OrdinaryNetwork
from experiments.study import cached
from selforg_mnist import spec
from selforg_mnist.cells import living_cells
from selforg_mnist.data.digits import Digits
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation import evaluation, votes
from selforg_mnist.experiment import Experiment
from selforg_mnist.model import CAWeights, gray_of
from selforg_mnist.randomness import derive, root_key
from selforg_mnist.training import pool as pools
from selforg_mnist.training.checkpoints import Checkpoints
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import Trainer

HALVES = (range(5), range(5, 10))  # labels learnt first, and second
_STRETCH = 125  # training steps; the trainings take turns
_BATCHES = 50  # over which memory is averaged


@dataclasses.dataclass(frozen=True, eq=False)
class Settings:
    """The settings.

    Attributes:
      folder: for the parts of the study.
      experiment: what all CA are trained as; other networks learn from as many samples.
      digits: to train on.
      held_out: to count on.
      steps: CA steps after which digits are counted.
      reaches: CA steps between two cuts, one CA for each.
    """

    folder: Path
    experiment: Experiment
    digits: Digits
    held_out: Digits
    steps: int
    reaches: tuple[int, ...] = (1, 2, 5, 10, 20)

    @property
    def samples(self) -> int:
        """How many samples each CA learns from, and each other network at most."""
        return self.experiment.train_steps * self.experiment.batch_size

    def about(self) -> dict[str, Any]:
        """The settings as plain values."""
        return {
            "dataset": self.held_out.source,
            "num_samples": len(self.held_out),
            "train_steps": self.experiment.train_steps,
            "batch_size": self.experiment.batch_size,
            "samples": self.samples,
            "rollout_steps": self.experiment.rollout_steps,
            "steps": self.steps,
            "seed": self.experiment.seed,
        }


class Cells:
    """A CA that learns in several phases as the article's does, each with Adam and a new pool."""

    def __init__(self, settings: Settings):
        self._settings, self._phase = settings, 0
        self._weights: CAWeights | None = None

    def learn(self, digits: Digits) -> None:
        """Learns a phase, or takes it from its checkpoint if it was learnt before."""
        self._phase += 1
        settings, source = self._settings, source_of(digits.images, digits.labels)
        trainer = Trainer(settings.experiment, source, initial_weights=self._weights)
        folder = settings.folder / f"forgetting_phase_{self._phase}"
        advance(
            trainer, folder / str(settings.experiment.train_steps), settings.experiment.train_steps
        )
        self._model, self._weights = trainer.model, trainer.model.ca_weights()

    def logits(self, digits: Digits) -> np.ndarray:
        """The sum over the living cells of each digit, [N, 10], after the study's CA steps."""
        *_, last = votes.over_steps(self._model, digits.images, self._settings.steps)
        return last.state[..., -spec.NUM_CLASSES :].sum(axis=(1, 2))


def advance(trainer: Trainer, folder: Path, step: int) -> dict[str, Any]:
    """Trains up to a training step from the last checkpoint on, and loads the model.

    Returns:
      metrics: means over the training steps taken, in percent; empty if there were none to take.

    Raises:
      UserError: the last checkpoint is of a later step, or the loss is not finite.
    """
    checkpoints = Checkpoints(folder, keep=2)
    restored = checkpoints.restore(like=trainer.initial_state())
    state = restored.state if restored else trainer.initial_state()
    left, metrics = step - int(state.step), {}
    if left < 0:
        raise UserError(
            f"train_steps={step}: expected {state.step} or more, as in {folder}; ask for more or "
            "give another --output_dir"
        )
    if left > 0:
        state, reported = trainer.run(state, tf.constant(left))
        if not math.isfinite(loss := float(reported.loss)):
            raise UserError(f"{folder}: loss={loss} at training step {state.step}; try a new seed")
        checkpoints.save(step, state)
        metrics = {
            "step": step,
            "steps": left,
            "cell_accuracy": 100 * float(reported.cell_accuracy),
            "total_agreement": 100 * float(reported.total_agreement),
        }
    trainer.load(state)
    return metrics


def run(settings: Settings) -> dict[str, Any]:
    """The whole study, or what is left of it to do.

    Returns:
      found: "cut_gradients", "without_cells" and "forgetting", as the functions below give them;
        "seconds" and "cpu_seconds" in all.
    """
    path = settings.folder / f"without_cells_{settings.experiment.train_steps}.json"
    found = {
        "cut_gradients": cut_gradients(settings),
        "without_cells": cached(path, lambda: without_cells(settings)),
        "forgetting": forgetting(settings),
    }
    cut = list(found["cut_gradients"].values())
    parts = [found["without_cells"], *cut, *found["forgetting"].values()]
    parts += [stretch for each in cut for stretch in each["stretches"]]
    return found | {
        key: round(sum(part[key] for part in parts)) for key in ("seconds", "cpu_seconds")
    }


def cut_gradients(settings: Settings) -> dict[str, Any]:
    """Trains one CA for each reach, on equally many samples, and counts over held-out digits.

    Returns:
      runs: by reach, each with its stretches of training, what held-out digits say, and memory.
    """
    source = source_of(settings.digits.images, settings.digits.labels)
    trainers = {
        reach: CutTrainer(settings.experiment, source, reach) for reach in settings.reaches
    }
    folders = {reach: settings.folder / f"reach_{reach}" for reach in settings.reaches}
    end = settings.experiment.train_steps
    stretches: dict[int, list[dict[str, Any]]] = {reach: [] for reach in settings.reaches}
    for step in [*range(_STRETCH, end, _STRETCH), end]:
        for reach, trainer in trainers.items():
            stretch = cached(
                settings.folder / f"reach_{reach}_step_{step}.json",
                lambda t=trainer, f=folders[reach], s=step: advance(t, f, s),  # type: ignore[misc]
            )
            stretches[reach].append(stretch)
    memory = memory_of_a_step(settings)
    runs = {}
    for reach, trainer in trainers.items():
        advance(trainer, folders[reach], end)
        path = settings.folder / f"reach_{reach}_step_{end}_evaluation.json"
        found = cached(path, lambda t=trainer: _shares(t, settings))  # type: ignore[misc]
        runs[str(reach)] = {**found, "stretches": stretches[reach], "megabytes": memory[reach]}
    return runs


def _shares(trainer: CutTrainer, settings: Settings) -> dict[str, float]:
    """What the cells of held-out digits say after the last CA step, in percent."""
    return evaluation.evaluate(trainer.model, settings.held_out, settings.steps).shares_at_end()


def memory_of_a_step(settings: Settings) -> dict[int, float]:
    """Megabytes that gradients need at a time, for each reach: the mean over batches.

    Up to the next cut, each cell that fires keeps what the three layers of the rule took: its
    neighbourhood and two hidden layers, in float32.
    """
    config = settings.experiment
    width = 4 * (spec.NEIGHBOURHOOD * config.channels + 2 * config.hidden_channels)
    source = source_of(settings.digits.images, settings.digits.labels)
    largest: dict[int, list[int]] = {reach: [] for reach in settings.reaches}
    for batch in range(_BATCHES):
        key = derive(root_key(config.seed), batch)
        cells = living_cells.find(gray_of(pools.fresh(source, config.batch_size, key).images))
        firing = living_cells.draw_firing(cells, config.rollout_steps, config.fire_rate, 0.0, key)
        fired = [len(rows) for rows in firing.rows]
        for reach, found in largest.items():
            found.append(max(sum(fired[i : i + reach]) for i in range(0, len(fired), reach)))
    return {reach: width * float(np.mean(found)) / 1e6 for reach, found in largest.items()}


def without_cells(settings: Settings) -> dict[str, Any]:
    """How the gated network and an ordinary one learn all labels: accuracy by samples seen."""
    found = {}
    total = min(settings.samples, len(settings.digits))
    for name, network in _networks(settings).items():
        done, accuracy = 0, {}
        for end in (total // 16 or 1, total // 4 or 1, total):
            network.learn(settings.digits[done:end])
            done = end
            accuracy[str(end)] = _right(network.logits(settings.held_out), settings.held_out)
        found[name] = {"weights": network.size, "accuracy": accuracy}
    return {"networks": found}


def forgetting(settings: Settings) -> dict[str, Any]:
    """What is left of labels 0 to 4 after learning 5 to 9, for each network."""
    first, second, held_first, held_second = (
        digits[np.isin(digits.labels, half)]
        for digits in (settings.digits, settings.held_out)
        for half in HALVES
    )
    count = settings.samples
    learners: dict[str, Cells | GatedNetwork | OrdinaryNetwork] = {
        **_networks(settings),
        "CA": Cells(settings),
    }

    def forget(learner: Cells | GatedNetwork | OrdinaryNetwork) -> dict[str, Any]:
        learner.learn(first[:count])
        before = learner.logits(held_first)
        learner.learn(second[:count])
        after = learner.logits(held_first)
        return {
            "first_before": _right(before, held_first),
            "first_after": _right(after, held_first),
            "second_after": _right(learner.logits(held_second), held_second),
            "first_before_of_five": _right(before[:, : len(HALVES[0])], held_first),
            "first_after_of_five": _right(after[:, : len(HALVES[0])], held_first),
        }

    end = settings.experiment.train_steps
    return {
        name: cached(
            settings.folder / f"forgetting_{name.replace(' ', '_')}_{end}.json",
            lambda each=learner: forget(each),  # type: ignore[misc]
        )
        for name, learner in learners.items()
    }


def _networks(settings: Settings) -> dict[str, GatedNetwork | OrdinaryNetwork]:
    """A gated network, and an ordinary one with as many weights."""
    seed = settings.experiment.seed
    mean = settings.digits.gray().reshape(len(settings.digits), -1).mean(axis=0)
    gated = GatedNetwork(mean, seed)
    return {"gated network": gated, "ordinary network": OrdinaryNetwork(gated.size, seed)}


def _right(logits: np.ndarray, digits: Digits) -> float:
    return 100 * float((logits.argmax(axis=1) == digits.labels).mean())
