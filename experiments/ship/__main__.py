"""Command: copies a finished run's model into the package, with a record of how it was made.

    python -m experiments.ship --run_dir=runs/l2_noise --evaluation=evaluation/summary.json

Writes NAME.keras and NAME.json to where `--weights=NAME` finds them; NAME is the experiment's
name. First evaluate the run over the whole test set, with
`python -m selforg_mnist.evaluate --run_dir=... --mutate`. Takes seconds.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags, logging

from experiments.ship import shipping
from selforg_mnist import startup

_RUN_DIR = flags.DEFINE_string("run_dir", None, "Folder of a finished run.", required=True)
_EVALUATION = flags.DEFINE_string(
    "evaluation", None, "summary.json of the run's evaluation.", required=True
)
_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "selforg_mnist/pretrained", "Folder for the weights and their record."
)


def _ship() -> int:
    for path in shipping.ship(
        Path(_RUN_DIR.value), Path(_EVALUATION.value), Path(_OUTPUT_DIR.value)
    ):
        logging.info("Wrote %s.", path)
    return 0


if __name__ == "__main__":
    startup.run(_ship)
