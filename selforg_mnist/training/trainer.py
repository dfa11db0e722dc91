"""The training step: one compiled function from pool to pool, on the device.

Holds the training state, the step (sample, renew, rollout, loss, normalised gradients, Adam,
commit) and the compiled loop of several steps (article: "Training"). Everything is a pure
function of the state and the training digits, so a checkpoint of the state is the whole run.
Files, logs and the outer loop are in `training_loop.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from selforg_mnist.experiment import Experiment
from selforg_mnist.model import CAWeights
from selforg_mnist.randomness import BEFORE_TRAINING, Purpose, derive, integers, root_key
from selforg_mnist.training import engines, optimizer
from selforg_mnist.training import pool as pools
from selforg_mnist.training.computing import AUTOMATIC, Computing
from selforg_mnist.training.engines import RolledOut
from selforg_mnist.training.optimizer import AdamState
from selforg_mnist.training.pool import Pool, Source
from selforg_mnist.training.widening import widened


class TrainState(NamedTuple):
    """All that a training step reads and writes."""

    step: tf.Tensor  # [] int32, training steps done
    weights: CAWeights
    adam: AdamState
    pool: Pool
    averaged: CAWeights | tuple = ()  # the running average of the weights, if there is one


class StepMetrics(NamedTuple):
    """What a training step reports; over several steps, the mean."""

    loss: tf.Tensor  # [] float32, of the batch's last states
    cell_accuracy: tf.Tensor  # [] float32, share of living cells that are right
    total_agreement: tf.Tensor  # [] float32, share of samples whose cells all agree
    batch_age: tf.Tensor  # [] float32, mean age of the batch's samples when drawn
    gradient_norms: tf.Tensor  # [6] float32, before normalisation


@dataclasses.dataclass(frozen=True)
class Replica:
    """One of several replicas that take a training step together.

    Each replica has its share of the pool and of the batch, and its own random draws.
    """

    index: int | tf.Tensor  # [] int32, 0 to count - 1
    count: int
    total: Callable[[Any], Any]  # the sum over all replicas of each tensor of a nest


# In place of the pool, in a state without one.
_NO_POOL: Any = ()

# A single replica: its draws don't depend on the index.
ALONE = Replica(index=0, count=1, total=lambda nest: nest)


class Trainer:
    """Compiles and runs the training of one experiment.

    Args:
      experiment: what to train.
      source: the training digits.
      computing: how to compute it. Open choices are made here; `self.computing` has them.
      replicas: how many share the batch; see `replicas.py`.
      initial_weights: to start from, of a model of the same or smaller widths; None draws them
        from the experiment's seed.

    Raises:
      ConfigError: the initial weights are of a wider model, the batch can't be shared among the
        lanes, or an option doesn't fit the engine.
    """

    def __init__(
        self,
        experiment: Experiment,
        source: Source,
        computing: Computing = AUTOMATIC,
        replicas: int = 1,
        initial_weights: CAWeights | None = None,
    ):
        self.experiment = experiment
        self.source = source
        self.replicas = replicas
        self.computing = engines.resolve(computing, experiment.batch_size // replicas)
        self.model = engines.build_model(experiment)
        self._initial_weights = self.model.ca_weights()
        if initial_weights is not None:
            self._initial_weights = widened(initial_weights, self._initial_weights)
        self._pool = Pool(*(tf.Variable(tf.zeros_like(p)) for p in self.initial_state().pool))
        self._engine = engines.make(experiment, self.computing)

    def initial_state(self) -> TrainState:
        """The state before the first training step: a pool of fresh samples."""
        key = derive(root_key(self.experiment.seed), BEFORE_TRAINING, Purpose.POOL)
        weights = self._initial_weights
        naive = self.experiment.pool_mode == "naive"
        size = self.experiment.batch_size if naive else self.experiment.pool_size
        return TrainState(
            step=tf.constant(0),
            weights=weights,
            adam=optimizer.initial_state(weights),
            pool=pools.fresh(self.source, size, key, self.model.channels),
            averaged=weights if self.experiment.weight_averaging else (),
        )

    def learning_rate(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate, [] float32, of the training step after `step` other steps."""
        config = self.experiment
        if config.schedule == "cosine":
            rate = optimizer.cosine(
                step, config.learning_rate, config.final_learning_rate, config.train_steps
            )
        else:
            rate = optimizer.learning_rate(step, config.learning_rate, config.learning_rate_drops)
        return optimizer.warm_up(step, rate, config.warmup_steps) if config.warmup_steps else rate

    def load(self, state: TrainState) -> None:
        """Puts the weights of a state into `model`: the averaged ones, if there are any."""
        weights = state.averaged or state.weights
        for variable, value in zip(self.model.trainable_variables, weights, strict=True):
            variable.assign(value)

    def sum_over_replicas(self, value: float) -> float:
        """The sum of a number over all replicas; each of them must call this."""
        return value

    @tf.function(autograph=False)
    def run(self, state: TrainState, steps: tf.Tensor) -> tuple[TrainState, StepMetrics]:
        """Several training steps in one call; stops early after a loss that is not finite.

        Args:
          state: to start from.
          steps: [] int32, at least 1.

        Returns:
          state: after the last step that was run; `state.step` says which.
          metrics: the mean over these steps.
        """
        for variable, value in zip(self._pool, state.pool, strict=True):
            variable.assign(value)
        # The loop's state has no pool: the pool's variables are updated in place.
        state, reported = take_steps(self._step_on_pool, state._replace(pool=_NO_POOL), steps)
        pool = Pool(*(tf.identity(variable) for variable in self._pool))
        return state._replace(pool=pool), reported

    def _step_on_pool(self, state: TrainState) -> tuple[TrainState, StepMetrics]:
        state, reported = self.train_step(state._replace(pool=self._pool))
        return state._replace(pool=_NO_POOL), reported

    def train_step(
        self, state: TrainState, source: Source | None = None, replica: Replica = ALONE
    ) -> tuple[TrainState, StepMetrics]:
        """One training step (article: "Training").

        Gradients are summed over the replicas before they are normalised. So several replicas
        learn the same as one replica with all their samples.

        Args:
          state: after `state.step` steps. If the pool consists of variables, they are updated in
            place. All replicas have the same state, except for their shares of the pool.
          source: the training digits, if they are arguments of a compiled function. With None,
            the trainer's own digits become constants of the function.
          replica: which one this is.

        Returns:
          state: one step on.
          metrics: of this step, over all replicas.
        """
        key = self._key(state.step, replica.index, replica.count)
        size = self.experiment.batch_size
        indices, batch = self._draw_batch(
            state.pool, source or self.source, size // replica.count, key
        )
        with tf.GradientTape() as tape:
            tape.watch(state.weights)
            rolled_out = self._roll_out(state.weights, batch, key)
            loss = rolled_out.loss / size  # the batch's share of the mean over all replicas'
        gradients = tape.gradient(loss, state.weights)
        age = tf.reduce_sum(tf.cast(batch.age, tf.float32))
        gradients, loss, counts, age = replica.total((gradients, loss, rolled_out.counts, age))
        weights, adam = optimizer.adam(
            state.weights,
            optimizer.normalise(gradients),
            state.adam,
            state.step,
            self.learning_rate(state.step),
        )
        averaged = state.averaged
        if decay := self.experiment.weight_averaging:
            averaged = CAWeights(*optimizer.average(averaged, weights, state.step, decay))
        return TrainState(
            step=state.step + 1,
            weights=CAWeights(*weights),
            adam=adam,
            pool=pools.commit(state.pool, indices, batch._replace(state=rolled_out.state)),
            averaged=averaged,
        ), StepMetrics(
            loss=loss,
            cell_accuracy=counts.cell_accuracy(),
            total_agreement=counts.total_agreement(),
            batch_age=age / size,
            gradient_norms=tf.stack([tf.norm(g) for g in gradients]),
        )

    @tf.function(autograph=False)
    def preview(self, state: TrainState) -> tuple[Pool, Pool]:
        """The batch that the next training step will draw, before and after its rollout.

        Of several replicas, the first one's.
        """
        key = self._key(state.step, 0, self.replicas)
        share = state.pool.labels.shape[0] // self.replicas
        pool = Pool(*(part[:share] for part in state.pool))
        size = self.experiment.batch_size // self.replicas
        _, batch = self._draw_batch(pool, self.source, size, key)
        return batch, batch._replace(state=self._roll_out(state.weights, batch, key).state)

    def _key(self, step: tf.Tensor, replica: int | tf.Tensor, replicas: int) -> tf.Tensor:
        """The key of a replica's draws in a training step."""
        key = derive(root_key(self.experiment.seed), step)
        return key if replicas == 1 else derive(key, replica)

    def _draw_batch(
        self, pool: Pool, source: Source, size: int, key: tf.Tensor
    ) -> tuple[tf.Tensor, Pool]:
        """Samples a batch and renews parts of it; returns its places in the pool and itself."""
        indices, batch = pools.sample(pool, size, derive(key, Purpose.POOL))
        config = self.experiment
        batch = pools.renew(
            batch, config.pool_mode, source, key, config.fresh_share, config.mutated_share
        )
        return indices, batch

    def _roll_out(self, weights: CAWeights, batch: Pool, key: tf.Tensor) -> RolledOut:
        steps_taken = self._steps_taken(key)
        return self._engine.roll_out(weights, batch, derive(key, Purpose.FIRING), steps_taken)

    def _steps_taken(self, key: tf.Tensor) -> tf.Tensor | None:
        """The number of CA steps, [] int32, if each training step draws it; otherwise None."""
        least, most = self.experiment.rollout_steps, self.experiment.max_rollout_steps
        if not most:
            return None
        return least + integers(1, most - least + 1, derive(key, Purpose.ROLLOUT_STEPS))[0]


def take_steps(
    step: Callable[[Any], tuple[Any, StepMetrics]], state: Any, steps: tf.Tensor
) -> tuple[Any, StepMetrics]:
    """The loop of `Trainer.run`, for a function that TensorFlow compiles.

    Args:
      step: takes one training step, from a state to the next one and its metrics.
      state: to start from.
      steps: [] int32, at least 1.

    Returns:
      state: after the last step that was run. The loop ends early after a loss that is not finite.
      metrics: the mean over these steps.
    """
    zero, done = tf.constant(0.0), tf.constant(0)
    total = StepMetrics(zero, zero, zero, zero, tf.zeros([len(CAWeights._fields)]))

    def another(done: tf.Tensor, total: StepMetrics, state: Any) -> tuple[tf.Tensor, Any, Any]:
        state, reported = step(state)
        return done + 1, tf.nest.map_structure(tf.add, total, reported), state

    done, total, state = tf.while_loop(
        lambda done, total, _: tf.logical_and(done < steps, tf.math.is_finite(total.loss)),
        another,
        (done, total, state),
    )
    count = tf.cast(done, tf.float32)
    return state, tf.nest.map_structure(lambda value: value / count, total)
