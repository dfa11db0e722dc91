"""The sizes of model that are compared, and how each is trained. Loads no TensorFlow."""

from __future__ import annotations

from selforg_mnist import spec
from selforg_mnist.experiment import Experiment, quick

Size = tuple[int, int]  # channels, hidden channels
CONSENSUS = 0.5  # that of `quick` when the first sizes were trained: all must be comparable


def config(size: Size, rate: float, train_steps: int, seed: int) -> Experiment:
    """The experiment `quick` at another size, with its schedule over that many training steps."""
    channels, hidden = size
    return quick().replace(
        channels=channels,
        hidden_channels=hidden,
        consensus=CONSENSUS,
        train_steps=train_steps,
        learning_rate=rate,
        warmup_steps=min(300, train_steps // 4),
        seed=seed,
    )


def multiplications(channels: int, hidden: int) -> int:
    """How many multiplications the rule of a cell takes: all weights that are no biases."""
    seen = spec.NEIGHBOURHOOD * channels
    return seen * hidden + hidden**2 + hidden * (channels - spec.GRAY_CHANNELS)
