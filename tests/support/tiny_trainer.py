"""A tiny training, step by step: its trainers, states with known weights, comparisons."""

import functools

import numpy as np
import tensorflow as tf

from selforg_mnist.data import digits
from selforg_mnist.experiment import Experiment
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import Trainer
from support import reference_ca

ENGINES = ["dense", "living"]
TINY = Experiment(
    "tiny",
    residual_noise=0.02,
    batch_size=8,
    pool_size=16,
    rollout_steps=2,
    learning_rate_drops=((2, 0.1),),
)
ONE_CA_STEP = TINY.replace(rollout_steps=1)


def drawn_source():
    """Twenty drawn digits, to draw samples from."""
    drawn = digits.load_digits("drawn", "train", num_drawn=20)
    return source_of(drawn.images[:, 4:24, 4:24], drawn.labels)  # all ink is in there


def trainers(sources):
    """A function that gives trainers, each made, and its rollout traced, once for all tests.

    Args:
      sources: by name; a trainer takes "drawn" unless it is told another name.
    """

    @functools.cache
    def trainer_of(experiment, engine="living", lanes=1, data="drawn"):
        return Trainer(experiment, sources[data], Computing(engine, lanes))

    return trainer_of


def eager_steps(trainer, state, count):
    for _ in range(count):
        state, reported = trainer.train_step(state)
    return state, reported


def eager_preview(trainer, state):
    return trainer.preview.python_function(state)


def with_weights(state, weights):
    return state._replace(weights=type(state.weights)(*map(tf.constant, weights)))


def bias_only(bias=1.0):
    """Weights under which a firing cell's state rises by the same number in all channels."""
    weights = [np.zeros_like(weight) for weight in reference_ca.random_weights()]
    weights[-1][:] = bias
    return weights


def leaves(structure):
    return [tensor.numpy() for tensor in tf.nest.flatten(structure)]


def assert_identical(first, second):
    for ours, theirs in zip(leaves(first), leaves(second), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def differ(first, second):
    return any(np.any(a != b) for a, b in zip(leaves(first), leaves(second), strict=True))
