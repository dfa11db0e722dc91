"""How a training is computed, as opposed to what is trained (`experiment.py`).

These options change the rounding, and which of the equally likely random numbers are drawn. So
they are part of a run's identity, but not of the article's experiments. Loads no TensorFlow, so
that commands can check options at once.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from selforg_mnist.experiment import ConfigError

ENGINES = ("auto", "dense", "living")
PRECISIONS = ("float32", "bfloat16")
STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker", "tpu")


@dataclasses.dataclass(frozen=True)
class Computing:
    """The options; 0 and "auto" leave the choice to the trainer.

    Attributes:
      engine: which cells are computed, "auto", "dense" or "living": see `engines.py`.
      lanes: parts of a replica's batch that the living engine runs side by side; the dense
        engine has one. Another number changes the order of sums and the random draws.
      precision: "float32", or "bfloat16" for the inputs and outputs of matrix products.

    Raises:
      ConfigError: a value is out of range, or has no meaning for the engine.
    """

    engine: str = "auto"
    lanes: int = 0
    precision: str = "float32"

    def __post_init__(self) -> None:
        for field, choices in (("engine", ENGINES), ("precision", PRECISIONS)):
            value = getattr(self, field)
            if value not in choices:
                raise ConfigError(f"{field}={value}: expected one of {', '.join(choices)}")
        if self.lanes < 0 or (self.lanes > 1 and self.engine == "dense"):
            raise ConfigError(
                f"lanes={self.lanes}: expected 0, or more with --engine=living; "
                f"the engine is {self.engine}"
            )

    def check_share(self, share: int) -> None:
        """Raises `ConfigError` if a replica's batch can't be divided among the lanes."""
        if self.lanes and share % self.lanes:
            raise ConfigError(
                f"lanes={self.lanes}: expected a divisor of batch_size={share}, or 0"
            )

    def replace(self, **overrides: Any) -> Computing:
        """A copy with some options changed, validated again."""
        return dataclasses.replace(self, **overrides)


# Leaves every choice to the trainer.
AUTOMATIC = Computing()
