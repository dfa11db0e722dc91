"""Uses the weights of a narrower model as the start of a wider one; not in the article."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.experiment import ConfigError
from selforg_mnist.model import CAWeights


def widened(given: CAWeights, like: CAWeights) -> CAWeights:
    """Weights of a wider model that computes the same as a narrower one, with room to learn more.

    The last channels stay the classification channels, so the new channels come before them.
    Nothing that the narrower model computes depends on the new channels.

    Args:
      given: weights with C channels and H hidden channels.
      like: initial weights of the wider model.

    Raises:
      ConfigError: the model is narrower than the weights.
    """
    channels, hidden = given.perceive_kernel.shape[2:]
    more_channels = like.perceive_kernel.shape[2] - channels
    if more_channels < 0 or like.hidden_bias.shape[0] < hidden:
        raise ConfigError(
            f"initial_weights: of {channels} channels and {hidden} hidden channels; expected "
            f"at most {channels + more_channels} and {like.hidden_bias.shape[0]}"
        )
    added = channels - spec.NUM_CLASSES + np.arange(more_channels)
    old = np.delete(np.arange(channels + more_channels), added)  # where the given channels go
    new = CAWeights(*(np.array(weight) for weight in like))
    new.perceive_kernel[:, :, added, :hidden] = 0.0
    new.perceive_kernel[:, :, old, :hidden] = given.perceive_kernel
    new.perceive_bias[:hidden] = given.perceive_bias
    new.hidden_kernel[..., hidden:, :hidden] = 0.0
    new.hidden_kernel[..., :hidden, :hidden] = given.hidden_kernel
    new.hidden_bias[:hidden] = given.hidden_bias
    new.residual_kernel[..., :hidden, old[1:] - 1] = given.residual_kernel
    new.residual_bias[old[1:] - 1] = given.residual_bias
    return CAWeights(*map(tf.constant, new))
