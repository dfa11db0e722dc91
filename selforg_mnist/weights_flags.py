"""The flags that choose a model, and the function that loads it.

A command module that uses them writes, so that --help lists them:

    flags.adopt_module_key_flags(weights_flags)
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from selforg_mnist import weights
from selforg_mnist.errors import UserError

if TYPE_CHECKING:
    from selforg_mnist.readers.rule_arrays import LoadedModel

FOR_PICTURES = "robust"  # the default for pictures that people make; docs/evaluate.md compares

_RUN_DIR = flags.DEFINE_string("run_dir", "", "Folder of a training run, to use its model.")
_WEIGHTS = flags.DEFINE_string(
    "weights",
    "",
    "ce, l2, l2_noise, consensus or robust (shipped), a .keras file, the article's one-file "
    "model.json, or the prefix of a checkpoint of the authors' notebook.",
)
_RESIDUAL_NOISE = flags.DEFINE_float(
    "residual_noise", None, "Standard deviation of the residual noise (default: the model's)."
)


def check(default: str = "") -> None:
    """Checks that the flags choose exactly one model that exists, without loading TensorFlow.

    If they choose none, `default` names the weights.

    Raises:
      UserError: they choose two, or none and there is no default, or there is no such model.
    """
    run_dir, named = bool(_RUN_DIR.value), bool(_WEIGHTS.value)
    if run_dir == named and (run_dir or not default):
        raise UserError(
            f"run_dir={_RUN_DIR.value}, weights={_WEIGHTS.value}: expected one of the two, such "
            "as --weights=l2_noise"
        )
    if _RUN_DIR.value:
        weights.check_run(_run_dir())
    else:
        weights.check(_WEIGHTS.value or default)


def _run_dir() -> Path:
    return Path(os.path.expanduser(_RUN_DIR.value))


def load(default: str = "") -> LoadedModel:
    """Loads the model that the flags choose, or `default`.

    Raises:
      WeightsError: there is no such model, or it can't be read.
    """
    if _RUN_DIR.value:
        return weights.load_run(_run_dir(), _RESIDUAL_NOISE.value)
    return weights.load(_WEIGHTS.value or default, _RESIDUAL_NOISE.value)
