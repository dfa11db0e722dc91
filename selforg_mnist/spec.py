"""The constants of the article, each named once, and the rule for which cells live.

Holds numbers and the alive mask only: no model, no data, no training option that an
experiment may change (those are in `experiment.py`). Sections named in comments are
those of Randazzo et al., "Self-classifying MNIST Digits", Distill 2020.
"""

from __future__ import annotations

from typing import TypeVar

# "Model": a cell is 20 numbers. Channel 0 is its gray value and never changes; the other
# 19 are its state, of which the last 10 are the classification channels.
NUM_CHANNELS = 20
NUM_CLASSES = 10
GRAY_CHANNELS = 1
STATE_CHANNELS = NUM_CHANNELS - GRAY_CHANNELS
HIDDEN_CHANNELS = 80
KERNEL_SIZE = 3
NEIGHBOURHOOD = KERNEL_SIZE * KERNEL_SIZE
NUM_PARAMETERS = 22_499

# "The self-classifying MNIST task": what counts as a living cell of a 28x28 digit.
IMAGE_SIZE = 28
ALIVE_THRESHOLD = 0.1

# "Model" and "Experiment 2": asynchronous firing and the noise on the residual update.
FIRE_RATE = 0.5
RESIDUAL_NOISE = 0.02

# "Figures": the colour of each label (RGB), of a living cell that has not decided
# (all ten classification channels below the threshold), and of a dead cell.
PALETTE = (
    (128, 0, 0),
    (230, 25, 75),
    (70, 240, 240),
    (210, 245, 60),
    (250, 190, 190),
    (170, 110, 40),
    (170, 255, 195),
    (165, 163, 159),
    (0, 128, 128),
    (128, 128, 0),
)
UNDECIDED_BELOW = 0.01
UNDECIDED_COLOUR = (0, 0, 0)
BACKGROUND_COLOUR = (255, 255, 255)

ArrayT = TypeVar("ArrayT")


def alive_mask(gray: ArrayT) -> ArrayT:
    """Says which cells live: gray strictly above 0.1, everywhere in this project.

    The article's text says "larger than 0.1"; its notebook trains with `>` and builds
    its targets with `>=`. An 8-bit image has no value of exactly 0.1 (25.5 / 255), so on
    MNIST the two agree; one rule for both keeps them agreeing on any other image.

    Args:
      gray: [...] float, NumPy array or TensorFlow tensor, in [0, 1].

    Returns:
      [...] bool, of the same kind and shape.
    """
    return gray > ALIVE_THRESHOLD  # type: ignore[operator,return-value]
