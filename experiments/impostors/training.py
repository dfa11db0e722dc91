"""Trains impostors against a model that doesn't change.

After Randazzo, Mordvintsev, Niklasson and Levin: "Adversarial Reprogramming of Neural Cellular
Automata", Distill 2021, doi:10.23915/distill.00027.004. Everything else is the training of
`l2_noise`: pool, batch, CA steps, loss, normalised gradients, Adam.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import tensorflow as tf
from absl import logging

from experiments.impostors import two_rules
from selforg_mnist import experiment, spec
from selforg_mnist.cells import living_cells
from selforg_mnist.data.digits import Digits
from selforg_mnist.model import CAModel, CAWeights, gray_of
from selforg_mnist.randomness import BEFORE_TRAINING, Purpose, derive, root_key, uniform
from selforg_mnist.training import engines, losses, optimizer
from selforg_mnist.training import pool as pools
from selforg_mnist.training.widening import widened

SHARE = 0.1  # of the pixels in training
_MASKS = 100  # purposes of draws, beside those of `Purpose`
_LOG_EVERY = 100


class State(NamedTuple):
    """All that a training step reads and writes."""

    step: tf.Tensor  # [] int32, training steps done
    impostor: CAWeights
    adam: optimizer.AdamState
    pool: pools.Pool
    masks: tf.Tensor  # [P, H, W] bool, where the samples of the pool have impostors


class Trained(NamedTuple):
    """Impostors, and how they were made."""

    impostor: CAModel
    losses: list[float]  # of all training steps; none where the weights came from a file
    seconds: float


def train(model: CAModel, target: int, digits: Digits, steps: int, seed: int) -> Trained:
    """Trains impostors against a model with the settings of `l2_noise`."""
    source = pools.source_of(digits.images, digits.labels)
    training = Training(model, target, source, experiment.l2_noise().replace(seed=seed))
    state, losses, began = training.initial_state(), [], time.perf_counter()
    for done in range(1, steps + 1):
        state, loss = training.train_step(state)
        losses.append(float(loss))
        if done % _LOG_EVERY == 0 or done == steps:
            mean = sum(losses[-_LOG_EVERY:]) / len(losses[-_LOG_EVERY:])
            rate = done / (time.perf_counter() - began)
            logging.info("Step %d of %d: loss %.2f, %.1f steps/s.", done, steps, mean, rate)
    return Trained(_model_of(model, state.impostor), losses, time.perf_counter() - began)


def widened_to(model: CAModel, impostor: CAModel) -> Trained:
    """Impostors of a narrower model, made ready for the cells of a wider one.

    They neither see nor change the channels that they don't know.

    Raises:
      ConfigError: the impostors are wider than the model.
    """
    config = experiment.l2_noise().replace(
        channels=model.channels, hidden_channels=model.hidden_channels
    )
    like = engines.build_model(config).ca_weights()
    return Trained(_model_of(model, widened(impostor.ca_weights(), like)), [], 0.0)


def _model_of(model: CAModel, impostor: CAWeights) -> CAModel:
    """Impostors as a model, which fires and is noisy as the honest cells are."""
    result = CAModel.from_config(model.get_config() | {"name": "impostor"})
    result.set_weights(list(impostor))
    return result


class Training:
    """Trains impostors that make all cells give one label.

    They fire at the model's rate, with its noise; all other options are those of the config.
    """

    def __init__(
        self, model: CAModel, target: int, source: pools.Source, config: experiment.Experiment
    ):
        self.config = config.replace(
            channels=model.channels, hidden_channels=model.hidden_channels
        )
        self._model, self._target, self._source = model, target, source

    def initial_state(self) -> State:
        """Impostors that do nothing yet, and a pool of fresh samples with fresh masks."""
        key = derive(root_key(self.config.seed), BEFORE_TRAINING, Purpose.POOL)
        impostor = engines.build_model(self.config).ca_weights()
        size = self.config.pool_size
        return State(
            step=tf.constant(0),
            impostor=impostor,
            adam=optimizer.initial_state(impostor),
            pool=pools.fresh(self._source, size, key, self._model.channels),
            masks=self._fresh_masks(size, key),
        )

    def _fresh_masks(self, count: int, key: tf.Tensor) -> tf.Tensor:
        return uniform([count, *self._source.size], derive(key, _MASKS)) < SHARE

    @tf.function(autograph=False)
    def train_step(self, state: State) -> tuple[State, tf.Tensor]:
        """One training step of the impostors; the loss, [] float32, is the batch's mean."""
        config = self.config
        key = derive(root_key(config.seed), state.step)
        indices, batch = pools.sample(state.pool, config.batch_size, derive(key, Purpose.POOL))
        batch = pools.renew(batch, config.pool_mode, self._source, key)
        fresh = config.batch_size // 4  # samples with a new digit and a new mask
        masks = tf.concat(
            [self._fresh_masks(fresh, key), tf.gather(state.masks, indices[fresh:])], axis=0
        )
        with tf.GradientTape() as tape:
            tape.watch(state.impostor)
            loss, after = self.loss(state.impostor, batch, masks, derive(key, Purpose.FIRING))
        gradients = optimizer.normalise(tape.gradient(loss, state.impostor))
        rate = optimizer.learning_rate(
            state.step, config.learning_rate, config.learning_rate_drops
        )
        impostor, adam = optimizer.adam(state.impostor, gradients, state.adam, state.step, rate)
        return State(
            step=state.step + 1,
            impostor=CAWeights(*impostor),
            adam=adam,
            pool=pools.commit(state.pool, indices, batch._replace(state=after)),
            masks=tf.tensor_scatter_nd_update(state.masks, indices[:, None], masks),
        ), loss

    def loss(
        self, impostor: CAWeights, batch: pools.Pool, masks: tf.Tensor, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The loss of a batch after its CA steps, and its state then."""
        rules = two_rules.Rules.of(self._model, impostor)
        cells = living_cells.find(gray_of(batch.images))
        places = two_rules.find(cells, masks)
        table = living_cells.to_table(cells, batch.state)
        table = two_rules.rollout(rules, cells, places, table, self.config.rollout_steps, key)
        logits = living_cells.living_state(cells, table)[:, -spec.NUM_CLASSES :]
        target = tf.one_hot(self._target, spec.NUM_CLASSES)
        loss = tf.reduce_sum(losses.l2(logits, target)) / self.config.batch_size
        return loss, living_cells.to_image(cells, table, tf.shape(batch.images))
