"""How large the states of a model grow: what the page takes for healthy.

The page goes on from the states of another model only where this one has met such states, and
begins a digit anew whose states are far beyond them.
"""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.data.digits import load_digits
from selforg_mnist.model import CAModel

_STEPS = 100
_SEED = 0
_COUNT = 2 * spec.NUM_CLASSES
_SHARE = 0.9  # of the digits; the states of a few may run away


def largest_state(model: CAModel) -> float | None:
    """Runs a model on drawn digits from fresh states.

    Args:
      model: any; its noise acts.

    Returns:
      largest: absolute value of any state that nine digits in ten don't exceed after the last
        step, to two significant digits; None if it is not finite, or 0.
    """
    gray = load_digits("drawn", "test", num_drawn=_COUNT).gray()
    step = tf.function(lambda x, seed: model(x, seed=seed))
    x = model.initialize(gray)
    for t in range(_STEPS):
        x = step(x, tf.constant([_SEED, t]))
    of_digits = np.max(np.abs(x[..., 1:]), axis=(1, 2, 3))
    largest = float(np.quantile(of_digits, _SHARE, method="higher"))
    return float(f"{largest:.2g}") if 0 < largest < math.inf else None
