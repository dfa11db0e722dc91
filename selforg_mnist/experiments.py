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
      pool_size: samples kept between steps, over all replicas; "naive" keeps its batch only.
      pool_mode: "naive" (no pool), "persistent" (half of each batch goes on, half is
        fresh) or "mutating" (half goes on, a quarter is fresh, a quarter is mutated).
      rollout_steps: CA steps a training step; the loss looks at the last state.
      learning_rate: Adam's, at the start.
      learning_rate_drops: pairs (training step, factor on `learning_rate` from there on).
      seed: of everything random, less than 2**63 in size.

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
            value = getattr(self, field)
            _require(_whole(value) and value >= 1, field, value, "a whole number, 1 or more")
        whole = _whole(self.seed) and abs(self.seed) < 2**63
        _require(whole, "seed", self.seed, "a whole number of 64 bits")

        noise, rate, fire_rate = self.residual_noise, self.learning_rate, self.fire_rate
        usable = _number(noise) and noise >= 0.0
        _require(usable, "residual_noise", noise, "a number, 0 or more")
        _require(_number(rate) and rate > 0.0, "learning_rate", rate, "a number above 0")
        usable = _number(fire_rate) and 0.0 < fire_rate <= 1.0
        _require(usable, "fire_rate", fire_rate, "a number above 0, at most 1")
        drops = self.learning_rate_drops
        expected = "pairs (training step, factor above 0), steps rising from 1 or more"
        _require(_are_drops(drops), "learning_rate_drops", drops, expected)

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


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return (isinstance(value, float) and math.isfinite(value)) or _whole(value)


def _are_drops(drops: Any) -> bool:
    try:
        pairs = [(step, factor) for step, factor in drops]
    except (TypeError, ValueError):
        return False
    steps = [step for step, _ in pairs]
    return (
        all(_whole(step) and step >= 1 for step in steps)
        and all(_number(factor) and factor > 0.0 for _, factor in pairs)
        and steps == sorted(set(steps))
    )


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
