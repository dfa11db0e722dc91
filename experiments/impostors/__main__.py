"""Command: how many cells that lie does it take to turn a digit into an 8?

    python -m experiments.impostors --output_dir=impostors

Puts impostors among the cells of trained models and counts what the honest cells say. Those that
come with the study were trained against `l2_noise`; among wider cells they are widened. To train
new ones against each model, for any label:

    python -m experiments.impostors --output_dir=impostors --train_steps=2000 --target=3

With --dataset=mnist it made the reports in experiments/results/impostors.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from experiments import study
from selforg_mnist import data_flags, startup, weights
from selforg_mnist.errors import UserError

if TYPE_CHECKING:
    from experiments.impostors.measure import Attack
    from selforg_mnist.data.digits import Digits
    from selforg_mnist.model import CAModel

_SHIPPED = Path(__file__).with_name("impostor_l2_noise.keras")
_SHIPPED_TARGET = 8

study.define_flags("l2_noise,consensus,robust", steps=600, num_samples=2_000, least_steps=3)
_TARGET = flags.DEFINE_integer(
    "target", _SHIPPED_TARGET, "The label that impostors want.", lower_bound=0, upper_bound=9
)
_SHARES = flags.DEFINE_list(
    "shares", "0.25,0.5,1,2,5,10,20", "Impostors among the pixels, in percent; one run for each."
)
_IMPOSTORS = flags.DEFINE_string(
    "impostors", "", "Weights of impostors, as --weights (default: those that come with it)."
)
_TRAIN_STEPS = flags.DEFINE_integer(
    "train_steps", 0, "Trains new impostors against each model; 0: doesn't.", lower_bound=0
)


def _shares() -> list[float]:
    try:
        shares = [float(share) / 100 for share in _SHARES.value]
    except ValueError:
        shares = []
    if not shares or not all(0 <= share <= 1 for share in shares):
        raise UserError(f"shares={','.join(_SHARES.value)}: expected numbers from 0 to 100")
    return shares


def _check() -> None:
    """Refuses options for which there are no impostors."""
    if _TRAIN_STEPS.value and _IMPOSTORS.value:
        raise UserError("train_steps, impostors: expected one of the two")
    if _IMPOSTORS.value:
        weights.check(_IMPOSTORS.value)
    elif _TARGET.value != _SHIPPED_TARGET and not _TRAIN_STEPS.value:
        raise UserError(
            f"target={_TARGET.value}: the impostors that come with the study want "
            f"{_SHIPPED_TARGET}; add --train_steps=2000, or --impostors"
        )


def _run() -> int:
    shares = _shares()
    _check()
    from experiments.impostors import measure, report, training

    def attack(model: CAModel, digits: Digits, steps: int, seed: int) -> Attack:
        if _TRAIN_STEPS.value:
            examples = data_flags.load("train", seed, dataset=digits.source)
            made = training.train(model, _TARGET.value, examples, _TRAIN_STEPS.value, seed)
        else:
            loaded = weights.load(_IMPOSTORS.value or str(_SHIPPED))
            made = training.widened_to(model, loaded.model)
        return measure.measure(model, made, digits, steps, seed, _TARGET.value, shares)

    options = ("target", "shares", "impostors", "train_steps")
    return study.run("impostors", attack, report.make, options)


if __name__ == "__main__":
    startup.run(_run)
