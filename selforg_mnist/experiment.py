"""What distinguishes one training from another: a frozen, validated configuration.

Holds the options of a training and the registry of experiments: the article's three (its section
"Experiments") and our own. Loads no TensorFlow, so that commands can list and check experiments
without waiting for it.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from selforg_mnist import spec
from selforg_mnist.errors import UserError

LOSS_NAMES = ("l2", "cross_entropy")
POOL_MODES = ("naive", "persistent", "mutating")
SCHEDULES = ("drops", "cosine")


class ConfigError(UserError, ValueError):
    """An option that no training can use."""


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Everything that shapes a training; the defaults are the article's.

    Attributes:
      name: of the experiment, as in the registry.
      channels: number of channels of a cell: its gray, and its state, of which the last 10 are the
        classification channels.
      hidden_channels: width of the rule's two hidden layers.
      loss: "l2" or "cross_entropy".
      consensus: additional weight of the cells' disagreement in the L2 loss; see
        `losses.disagreement`. 0 is the article's loss.
      overflow: weight of the states that are too large, which keeps them small in long runs; see
        `losses.overflow`. 0 is the article's loss.
      residual_noise: standard deviation of the noise on the residual update.
      fire_rate: probability that a cell fires in a CA step.
      train_steps: optimiser steps.
      batch_size: samples a training step, over all replicas.
      pool_size: samples kept between steps, over all replicas; "naive" keeps its batch only.
      pool_mode: "naive" (no pool), "persistent" (half of each batch goes on, half is
        fresh) or "mutating" (half goes on, a quarter is fresh, a quarter is mutated).
      fresh_share: share of each batch that is replaced by fresh samples.
      mutated_share: share of each batch that is mutated; with "persistent" these samples are
        fresh too.
      rollout_steps: CA steps per training step; the loss is taken from the last state.
      max_rollout_steps: if it is not 0, each training step draws its number of CA steps, from
        `rollout_steps` to this number. If it is 0, every training step has `rollout_steps`.
      learning_rate: the highest learning rate of Adam.
      schedule: "drops" (constant between `learning_rate_drops`) or "cosine" (falls to
        `final_learning_rate` along half a cosine until `train_steps`).
      learning_rate_drops: pairs (training step, factor on `learning_rate` from there on).
      final_learning_rate: where "cosine" ends, as a factor on `learning_rate`.
      warmup_steps: training steps over which the learning rate rises from 0.
      weight_averaging: decay of a running average of the weights. The average is then evaluated
        and saved as the model. 0: there is no average.
      initial_weights: weights to start from, named as for `--weights`. Their model may have the
        same widths or smaller ones. "": new weights.
      canvas: side of the training pictures, in cells.
      scale_range: smallest and largest size of the training digits, relative to their own size.
      stroke_range: smallest and largest stroke width, relative to the digit's own width at
        scale 1; None leaves strokes as the scale makes them. See `data/augmentation.py`.
      plain_share: share of the training digits that keeps its own size and strokes.
      drawn_share: share of the training digits that is replaced by drawn digits, in the hands
        of `strokes.TRAINING_HANDS`.
      seed: of all random draws; between -2**63 and 2**63, both excluded.

    Raises:
      ConfigError: a value is out of range, or two of them don't fit together.
    """

    name: str
    channels: int = spec.NUM_CHANNELS
    hidden_channels: int = spec.HIDDEN_CHANNELS
    loss: str = "l2"
    consensus: float = 0.0
    overflow: float = 0.0
    residual_noise: float = 0.0
    fire_rate: float = spec.FIRE_RATE
    train_steps: int = 100_000
    batch_size: int = 16
    pool_size: int = 160
    pool_mode: str = "mutating"
    fresh_share: float = 0.25
    mutated_share: float = 0.25
    rollout_steps: int = 20
    max_rollout_steps: int = 0
    learning_rate: float = 1e-3
    schedule: str = "drops"
    learning_rate_drops: tuple[tuple[int, float], ...] = ((30_000, 0.1), (70_000, 0.01))
    final_learning_rate: float = 0.01
    warmup_steps: int = 0
    weight_averaging: float = 0.0
    initial_weights: str = ""
    canvas: int = spec.IMAGE_SIZE
    scale_range: tuple[float, float] = (1.0, 1.0)
    stroke_range: tuple[float, float] | None = None
    plain_share: float = 0.0
    drawn_share: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for field in ("learning_rate_drops", "scale_range", "stroke_range"):
            object.__setattr__(self, field, _as_tuples(getattr(self, field)))
        choices = {"loss": LOSS_NAMES, "pool_mode": POOL_MODES, "schedule": SCHEDULES}
        for field, names in choices.items():
            value = getattr(self, field)
            _require(value in names, field, value, f"one of {', '.join(names)}")
        for field, (least, most) in _WHOLE_NUMBERS.items():
            value = getattr(self, field)
            usable = _whole(value) and least <= value <= most
            upto = f" to {most}" if most < _ANY else " or more"
            _require(usable, field, value, f"a whole number, {least}{upto}")
        whole = _whole(self.seed) and abs(self.seed) < 2**63
        _require(whole, "seed", self.seed, "a whole number of 64 bits")
        for field, (usable, expected) in _NUMBERS.items():
            value = getattr(self, field)
            _require(_number(value) and usable(value), field, value, expected)
        named = isinstance(self.initial_weights, str)
        _require(named, "initial_weights", self.initial_weights, "a name or a path")

        drops = self.learning_rate_drops
        expected = "pairs (training step, factor above 0), with rising steps of 1 or more"
        _require(_are_drops(drops), "learning_rate_drops", drops, expected)
        expected = "two numbers above 0, the smaller one first"
        _require(_is_range(self.scale_range), "scale_range", self.scale_range, expected)
        strokes = self.stroke_range
        _require(strokes is None or _is_range(strokes), "stroke_range", strokes, expected)
        largest = spec.IMAGE_SIZE * max(1.0, self.scale_range[1])
        expected = f"{largest:g} or more, the size of the largest digits"
        _require(self.canvas >= largest, "canvas", self.canvas, expected)

        steps, most = self.rollout_steps, self.max_rollout_steps
        _require(not most or most >= steps, "max_rollout_steps", most, f"0, or {steps} or more")
        only_l2 = not self.consensus or self.loss == "l2"
        _require(only_l2, "consensus", self.consensus, f"0 with loss={self.loss}")
        if self.pool_mode != "naive":
            self._check_pool()

    @property
    def batch_unit(self) -> int:
        """The smallest batch whose fresh and mutated shares are whole numbers of samples."""
        if self.pool_mode == "naive":
            return 1
        shares = (self.fresh_share, self.mutated_share)
        return math.lcm(*(Fraction(s).limit_denominator(1024).denominator for s in shares))

    def _check_pool(self) -> None:
        """Refuses shares that aren't whole samples, and a pool smaller than a batch."""
        size = self.batch_size
        _require(
            size % self.batch_unit == 0,
            "batch_size",
            size,
            f"a multiple of {self.batch_unit}, so that fresh_share={self.fresh_share:g} and "
            f"mutated_share={self.mutated_share:g} are whole numbers of samples",
        )
        total = self.fresh_share + self.mutated_share
        _require(total <= 1.0, "mutated_share", self.mutated_share, "at most 1 - fresh_share")
        _require(
            self.pool_size >= size,
            "pool_size",
            self.pool_size,
            f"at least batch_size={size}: a batch is drawn without replacement",
        )

    def replace(self, **overrides: Any) -> Experiment:
        """A copy with some options changed, validated again."""
        return dataclasses.replace(self, **overrides)

    def to_dict(self) -> dict[str, Any]:
        """The options as plain values, for config.json."""
        return json.loads(json.dumps(dataclasses.asdict(self)))


_ANY = 2**62
# The smallest and largest value of each option that is a whole number.
_WHOLE_NUMBERS = {
    "channels": (spec.GRAY_CHANNELS + spec.NUM_CLASSES, 1024),
    "hidden_channels": (1, 1024),
    "train_steps": (1, _ANY),
    "batch_size": (1, _ANY),
    "pool_size": (1, _ANY),
    "rollout_steps": (1, _ANY),
    "max_rollout_steps": (0, _ANY),
    "warmup_steps": (0, _ANY),
    "canvas": (1, 1024),
}
_NOT_NEGATIVE = (lambda value: value >= 0.0, "a number, 0 or more")
_SHARE = (lambda value: 0.0 <= value <= 1.0, "a number from 0 to 1")
# Which values of the other numeric options are usable: as a check and in words.
_NUMBERS: dict[str, tuple[Callable[[float], bool], str]] = {
    "consensus": _NOT_NEGATIVE,
    "overflow": _NOT_NEGATIVE,
    "residual_noise": _NOT_NEGATIVE,
    "fire_rate": (lambda value: 0.0 < value <= 1.0, "a number above 0, at most 1"),
    "learning_rate": (lambda value: value > 0.0, "a number above 0"),
    "final_learning_rate": _SHARE,
    "weight_averaging": (lambda value: 0.0 <= value < 1.0, "a number, 0 or more and below 1"),
    "fresh_share": _SHARE,
    "mutated_share": _SHARE,
    "plain_share": _SHARE,
    "drawn_share": _SHARE,
}


def _require(condition: bool, field: str, value: Any, expected: str) -> None:
    if not condition:
        raise ConfigError(f"{field}={value}: expected {expected}")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Any) -> bool:
    return (isinstance(value, float) and math.isfinite(value)) or _whole(value)


def _as_tuples(value: Any) -> Any:
    """Turns lists into tuples: config.json, which has no tuples, gives lists back."""
    return tuple(map(_as_tuples, value)) if isinstance(value, list | tuple) else value


def _is_range(value: Any) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(_number(number) and number > 0.0 for number in value)
        and value[0] <= value[1]
    )


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
    """Cross-entropy ("Experiment 1")."""
    return Experiment(name="ce", loss="cross_entropy")


def l2() -> Experiment:
    """L2 loss ("Experiment 2")."""
    return Experiment(name="l2", loss="l2")


def l2_noise() -> Experiment:
    """L2 loss and noise on the residual update ("Experiment 3")."""
    return Experiment(name="l2_noise", loss="l2", residual_noise=spec.RESIDUAL_NOISE)


def consensus() -> Experiment:
    """Beyond the article: its model, trained further until cells almost always agree.

    Disagreement costs three times as much. Most samples stay in the pool for many training
    steps, so training also meets borders between two labels that still stand after hundreds of
    CA steps. The shipped weights were trained in two parts, as docs/recipes.md says.
    """
    return Experiment(
        name="consensus",
        consensus=2.0,
        residual_noise=spec.RESIDUAL_NOISE,
        train_steps=50_000,
        batch_size=32,
        pool_size=1024,
        fresh_share=0.0625,
        mutated_share=0.125,
        rollout_steps=16,
        max_rollout_steps=32,
        learning_rate=1.5e-3,
        schedule="cosine",
        warmup_steps=500,
        weight_averaging=0.999,
        initial_weights="l2_noise",
    )


def quick() -> Experiment:
    """Beyond the article: its model after less than twenty minutes of training on two cores.

    From new weights: the accuracy of the article's `l2_noise`, and more agreement. The learning
    rate falls along a cosine, weights are averaged, fewer samples of a batch are replaced, and
    disagreement costs a little more.
    """
    return Experiment(
        name="quick",
        consensus=0.2,
        residual_noise=spec.RESIDUAL_NOISE,
        train_steps=22_000,
        batch_size=32,
        pool_size=1024,
        fresh_share=0.125,
        mutated_share=0.125,
        rollout_steps=16,
        max_rollout_steps=24,
        learning_rate=2e-3,
        schedule="cosine",
        warmup_steps=300,
        weight_averaging=0.998,
    )


def robust() -> Experiment:
    """Beyond the article: digits of 0.7 to 2.2 times MNIST's size, with thin and thick strokes.

    A wider model (58,673 parameters), trained like `consensus` but on varied digits. It starts
    from the weights of `l2_noise`: with new weights, it could hardly tell digits apart after
    4,000 training steps. The shipped weights were trained in parts, as docs/recipes.md says.
    """
    return consensus().replace(
        name="robust",
        overflow=2.0,
        channels=24,
        hidden_channels=150,
        train_steps=24_000,
        batch_size=16,
        pool_size=512,
        rollout_steps=24,
        max_rollout_steps=40,
        canvas=64,
        scale_range=(0.7, 2.2),
        stroke_range=(0.8, 2.2),
        plain_share=0.4,
        drawn_share=0.15,
    )


EXPERIMENTS = {make.__name__: make for make in (ce, l2, l2_noise, quick, consensus, robust)}


def get(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
      ConfigError: there is no such experiment; the message lists those that there are.
    """
    if name not in EXPERIMENTS:
        raise ConfigError(f"experiment={name}: expected one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]()
