"""What distinguishes one training from another: a frozen, validated configuration.

Holds the options of a training and the registry of the article's three experiments (its
section "Experiments"). Loads no TensorFlow, so that commands can list and check experiments
at once.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from selforg_mnist import spec
from selforg_mnist.errors import UserError

LOSS_NAMES = ("l2", "cross_entropy")
POOL_MODES = ("naive", "persistent", "mutating")


class ConfigError(UserError, ValueError):
    """An option that no training can use."""


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything that shapes a training; the defaults are the article's.

    Attributes:
      name: of the experiment, as in the registry.
      loss: "l2" or "cross_entropy".
      residual_noise: standard deviation of the noise on the residual update.
      fire_rate: probability that a cell fires in a CA step.
      train_steps: optimiser steps.
      batch_size: samples a training step, over all replicas.
      pool_size: samples kept between steps, over all replicas.
      pool_mode: "naive" (no pool), "persistent" (half of each batch goes on, half is
        fresh) or "mutating" (half goes on, a quarter is fresh, a quarter is mutated).
      rollout_steps: CA steps a training step; the loss looks at the last state.
      learning_rate: Adam's, at the start.
      learning_rate_drops: pairs (training step, factor on `learning_rate` from there on).
      seed: of everything random.

    Raises:
      ConfigError: a value is out of range, or two of them don't fit together.
    """

    name: str
    loss: str = "l2"
    residual_noise: float = 0.0
    fire_rate: float = spec.FIRE_RATE
    train_steps: int = 100_000
    batch_size: int = 16
    pool_size: int = 160
    pool_mode: str = "mutating"
    rollout_steps: int = 20
    learning_rate: float = 1e-3
    learning_rate_drops: tuple[tuple[int, float], ...] = ((30_000, 0.1), (70_000, 0.01))
    seed: int = 0

    def __post_init__(self) -> None:
        for field, choices in (("loss", LOSS_NAMES), ("pool_mode", POOL_MODES)):
            value = getattr(self, field)
            _require(value in choices, field, value, f"one of {', '.join(choices)}")
        for field in ("train_steps", "batch_size", "pool_size", "rollout_steps"):
            _require(getattr(self, field) >= 1, field, getattr(self, field), "1 or more")

        noise, rate, fire_rate = self.residual_noise, self.learning_rate, self.fire_rate
        _require(0.0 <= noise < math.inf, "residual_noise", noise, "a number of 0 or more")
        _require(0.0 < rate < math.inf, "learning_rate", rate, "a number above 0")
        _require(0.0 < fire_rate <= 1.0, "fire_rate", fire_rate, "above 0 and at most 1")
        drops = self.learning_rate_drops
        starts = [step for step, _ in drops]
        rising = starts == sorted(set(starts)) and all(start >= 1 for start in starts)
        _require(rising, "learning_rate_drops", drops, "steps that rise from 1 or more")

        if self.pool_mode != "naive":
            _require(
                self.batch_size % 4 == 0,
                "batch_size",
                self.batch_size,
                f"a multiple of 4 with pool_mode={self.pool_mode}, which renews quarters",
            )
            _require(
                self.pool_size >= self.batch_size,
                "pool_size",
                self.pool_size,
                f"at least batch_size={self.batch_size}: a batch is drawn without replacement",
            )

    def replace(self, **overrides: Any) -> Experiment:
        """A copy with some options changed, validated again."""
        return dataclasses.replace(self, **overrides)

    def to_dict(self) -> dict[str, Any]:
        """The options as plain values, for config.json."""
        options = dataclasses.asdict(self)
        options["learning_rate_drops"] = [list(drop) for drop in self.learning_rate_drops]
        return options


def _require(condition: bool, field: str, value: Any, expected: str) -> None:
    if not condition:
        raise ConfigError(f"{field}={value}: expected {expected}")


def ce() -> Experiment:
    """Cross-entropy ("Experiment 1").

    The article's row: accuracy 96.2 at step 80, 95.3 at step 200; agreement 77.9 at
    step 80, 66.2 at step 200.
    """
    return Experiment(name="ce", loss="cross_entropy")


def l2() -> Experiment:
    """L2 loss ("Experiment 2").

    The article's row: accuracy 95.0 at step 95, 94.7 at step 200; agreement 85.5 at
    step 175, 85.2 at step 200.
    """
    return Experiment(name="l2", loss="l2")


def l2_noise() -> Experiment:
    """L2 loss and noise on the residual update ("Experiment 3").

    The article's row: accuracy 95.4 at step 65, 95.3 at step 200; agreement 88.2 at
    step 190, 88.1 at step 200.
    """
    return Experiment(name="l2_noise", loss="l2", residual_noise=spec.RESIDUAL_NOISE)


EXPERIMENTS = {make.__name__: make for make in (ce, l2, l2_noise)}


def get(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
      ConfigError: there is none; the message lists what there is.
    """
    if name not in EXPERIMENTS:
        raise ConfigError(f"experiment={name}: expected one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]()
