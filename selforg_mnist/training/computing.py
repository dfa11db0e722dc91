"""How a training is computed, as opposed to what is trained (`experiment.py`).

These options change the rounding, and which of the equally likely random numbers are drawn, so
they belong to a run's identity; the article's experiments know nothing of them. Loads no
TensorFlow, so that commands can check options at once.
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
    """The options; 0 and "auto" leave a choice to the trainer.

    Attributes:
      engine: which cells do arithmetic, "auto", "dense" or "living": see `engines.py`.
      lanes: shares of a replica's batch that the living engine runs side by side; the dense
        engine has one. Another number sums in another order and draws other masks.
      precision: "float32", or "bfloat16" for what matrix products take and give.

    Raises:
      ConfigError: a value is out of range, or means nothing to the engine.
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
        """Refuses a number of lanes that a replica's batch can't be dealt to.

        Raises:
          ConfigError: as said.
        """
        if self.lanes and share % self.lanes:
            raise ConfigError(
                f"lanes={self.lanes}: expected a divisor of batch_size={share}, or 0"
            )

    def replace(self, **overrides: Any) -> Computing:
        """A copy with some options changed, validated again."""
        return dataclasses.replace(self, **overrides)


# Everything is left to the trainer.
AUTOMATIC = Computing()
