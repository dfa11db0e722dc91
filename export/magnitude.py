"""How large the states of a model become: the page's measure for normal states.

When the user changes the model, the page keeps the states only if the new model has met states of
their size. It restarts a digit whose states are far larger.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from selforg_mnist import spec
from selforg_mnist.cells import trajectory
from selforg_mnist.data.digits import load_digits
from selforg_mnist.model import CAModel

_STEPS = 100
_COUNT = 2 * spec.NUM_CLASSES
_SHARE = 0.9  # of the digits; the states of a few may run away


def largest_state(model: CAModel) -> float | None:
    """Runs a model, with its noise, on drawn digits from fresh states.

    Returns:
      largest: absolute value that no state exceeds in nine digits of ten after the last step, to
        two significant digits; None if it is not finite, or 0.
    """
    gray = load_digits("drawn", "test", num_drawn=_COUNT).gray()
    state = deque(trajectory.states(model, gray, _STEPS), maxlen=1).pop()
    of_digits = np.max(np.abs(state), axis=(1, 2, 3))
    largest = float(np.quantile(of_digits, _SHARE, method="higher"))
    return float(f"{largest:.2g}") if 0 < largest < math.inf else None
