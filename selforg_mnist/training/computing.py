"""How a training is computed, as opposed to what is trained (`experiment.py`).

These options change the rounding, and which of the equally likely random numbers are drawn, so
they belong to a run's identity; the article's experiments know nothing of them. Loads no
TensorFlow, so that commands can check options at once.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from selforg_mnist.experiment import ConfigError

ENGINES = ("auto", "dense", "living", "padded")
PRECISIONS = ("float32", "bfloat16")
STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker", "tpu")


@dataclasses.dataclass(frozen=True)
class Computing:
    """The options; 0 and "auto" leave a choice to the trainer.

    Attributes:
      engine: which cells do arithmetic, "auto", "dense", "living" or "padded": see `engines.py`.
      lanes: shares of a replica's batch that the living engine runs side by side; the other
        engines have one. Another number sums in another order and draws other masks.
      precision: "float32", or "bfloat16" for what matrix products take and give.
      capacity: rows that the padded engine has for a replica's living cells; the others have
        none. Another number draws other masks.

    Raises:
      ConfigError: a value is out of range, or means nothing to the engine.
    """

    engine: str = "auto"
    lanes: int = 0
    precision: str = "float32"
    capacity: int = 0

    def __post_init__(self) -> None:
        for field, choices in (("engine", ENGINES), ("precision", PRECISIONS)):
            value = getattr(self, field)
            if value not in choices:
                raise ConfigError(f"{field}={value}: expected one of {', '.join(choices)}")
        self._require("lanes", ("auto", "living"), least=1)
        self._require("capacity", ("padded",), least=0)

    def _require(self, field: str, engines: tuple[str, ...], least: int) -> None:
        """Refuses what no engine takes, or this engine does not; `least` is what all have."""
        value = getattr(self, field)
        if value < 0 or (value > least and self.engine not in engines):
            raise ConfigError(
                f"{field}={value}: expected 0, or more with --engine={engines[-1]}; "
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
