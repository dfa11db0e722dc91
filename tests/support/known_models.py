"""Models whose cells behave in a known way."""

import numpy as np

from selforg_mnist.model import CAModel
from support import reference_ca


def bias_model(bias, **options):
    """A model whose residual is `bias`, [19], in every cell; by default all cells fire."""
    model = CAModel(**({"fire_rate": 1.0} | options))
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[-1][:] = bias
    model.set_weights(weights)
    return model


def model_with(weights, **options):
    """A model of these six weights, and of their widths."""
    channels, hidden = weights[0].shape[2:]
    model = CAModel(channels=channels, hidden_channels=hidden, **options)
    model.set_weights(weights)
    return model


def random_model(**options):
    model = CAModel(**options)
    model.set_weights(reference_ca.random_weights())
    return model
