"""The training step: pool to pool, one compiled function, on the device throughout.

Holds the training state, the step (sample, renew, rollout, loss, normalised gradients, Adam,
commit) and the compiled loop of several steps (article: "Training"). Everything is a pure
function of the state and the training digits, so that a checkpoint of the state is all that a
run is. Files, logs and the outer loop are in `training_loop.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from selforg_mnist import living_cells, living_rollout, metrics, optimizer, spec, startup
from selforg_mnist import pool as pools
from selforg_mnist.digits import one_hot_targets
from selforg_mnist.experiments import ENGINES, ConfigError, Experiment, check_lanes
from selforg_mnist.losses import LOSSES
from selforg_mnist.model import CAModel, CAWeights
from selforg_mnist.optimizer import AdamState
from selforg_mnist.pool import Pool, Source
from selforg_mnist.randomness import BEFORE_TRAINING, Purpose, derive, root_key


class TrainState(NamedTuple):
    """All that a training step reads and writes."""

    step: tf.Tensor  # [] int32, training steps done
    weights: CAWeights
    adam: AdamState
    pool: Pool


class StepMetrics(NamedTuple):
    """What a training step reports; over several steps, the mean."""

    loss: tf.Tensor  # [] float32, of the batch's last states
    cell_accuracy: tf.Tensor  # [] float32, share of living cells that are right
    total_agreement: tf.Tensor  # [] float32, share of samples whose cells all agree
    batch_age: tf.Tensor  # [] float32, mean age of the batch's samples when drawn
    gradient_norms: tf.Tensor  # [6] float32, before normalisation


@dataclasses.dataclass(frozen=True)
class Replica:
    """One of several replicas that take a training step together, each with its share.

    Each one holds a share of the pool and of the batch, and draws what no other draws.
    """

    index: int | tf.Tensor  # [] int32, 0 to count - 1
    count: int
    total: Callable[[Any], Any]  # the sum over all replicas of each tensor of a nest


# It draws as if there were no such thing as replicas.
ALONE = Replica(index=0, count=1, total=lambda nest: nest)


def build_model(experiment: Experiment) -> CAModel:
    """The untrained model of an experiment."""
    return CAModel(
        fire_rate=experiment.fire_rate,
        residual_noise=experiment.residual_noise,
        seed=experiment.seed,
    )


def choose_engine(engine: str) -> str:
    """Resolves "auto": living cells where TensorFlow sees only CPUs, dense elsewhere.

    Raises:
      ConfigError: there is no such engine.
    """
    if engine not in ENGINES:
        raise ConfigError(f"engine={engine}: expected one of {', '.join(ENGINES)}")
    if engine != "auto":
        return engine
    accelerators = tf.config.list_physical_devices("GPU") + tf.config.list_physical_devices("TPU")
    return "dense" if accelerators else "living"


def choose_lanes(batch_size: int, cores: int | None = None) -> int:
    """How many lanes the living-cell engine runs side by side: a divisor of the batch.

    The steps of a rollout wait for each other, and one step of a small batch is too little
    work to share among cores; samples don't wait for each other. So each core takes a lane
    of samples through all steps.
    """
    cores = cores or startup.available_cores()
    return max(n for n in range(1, min(cores, batch_size) + 1) if batch_size % n == 0)


class Trainer:
    """Compiles and runs the training of one experiment.

    Args:
      experiment: what to train.
      source: the training digits.
      engine: "auto", "dense" or "living".
      lanes: of the living-cell engine; 0 chooses by the number of cores. Part of a run's
        identity: another number sums in another order and draws other masks.
      replicas: how many share the batch; see `replicas.py`.

    Raises:
      ConfigError: there is no such engine, or the batch can't be shared among the lanes.
    """

    def __init__(
        self,
        experiment: Experiment,
        source: Source,
        engine: str = "auto",
        lanes: int = 0,
        replicas: int = 1,
    ):
        self.experiment = experiment
        self.source = source
        self.engine = choose_engine(engine)
        self.replicas = replicas
        share = experiment.batch_size // replicas
        check_lanes(lanes, share)
        self.lanes = 1 if self.engine == "dense" else lanes or choose_lanes(share)
        self.model = build_model(experiment)
        self._initial_weights = self.model.ca_weights()
        self._pool = Pool(*(tf.Variable(tf.zeros_like(p)) for p in self.initial_state().pool))
        self._loss = LOSSES[experiment.loss]
        # Living cells: a function of its own, so that it is traced once and not for each lane.
        # Dense, there is one lane; and XLA would take all arguments of a function within one,
        # whose gradient asks for shapes, for constants: it would compile anew for each step.
        self._lane_rollout = (
            tf.function(self._living_rollout) if self.engine == "living" else self._dense_rollout
        )

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
        )

    def learning_rate(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate, [] float32, of the training step after `step` others."""
        config = self.experiment
        return optimizer.learning_rate(step, config.learning_rate, config.learning_rate_drops)

    def load(self, state: TrainState) -> None:
        """Puts the weights of a state into `model`."""
        for variable, value in zip(self.model.trainable_variables, state.weights, strict=True):
            variable.assign(value)

    @tf.function
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
        step, weights, adam = state[:3]
        first = step
        zero = tf.constant(0.0)
        total = StepMetrics(zero, zero, zero, zero, tf.zeros([len(weights)]))
        while tf.logical_and(step < first + steps, tf.math.is_finite(total.loss)):
            state, new = self.train_step(TrainState(step, weights, adam, self._pool))
            step, weights, adam = state[:3]
            total = tf.nest.map_structure(tf.add, total, new)
        done = tf.cast(step - first, tf.float32)
        pool = Pool(*(tf.identity(variable) for variable in self._pool))
        return (
            TrainState(step, weights, adam, pool),
            tf.nest.map_structure(lambda value: value / done, total),
        )

    def train_step(
        self, state: TrainState, source: Source | None = None, replica: Replica = ALONE
    ) -> tuple[TrainState, StepMetrics]:
        """One training step (article: "Training").

        Gradients are summed over the replicas first and normalised after, so that several
        replicas learn what one with all their samples would.

        Args:
          state: after `state.step` steps; a pool of variables is written to in place. Of
            several replicas each has the same but for the pool, which is its share.
          source: the training digits as arguments of a compiled function, whose text they
            would otherwise be part of; None is the trainer's own.
          replica: which one this is.

        Returns:
          state: one step on.
          metrics: of this step, over all replicas.
        """
        key = derive(root_key(self.experiment.seed), state.step)
        if replica.count > 1:
            key = derive(key, replica.index)
        size = self.experiment.batch_size
        indices, batch = self._draw_batch(
            state.pool, source or self.source, size // replica.count, key
        )
        with tf.GradientTape() as tape:
            tape.watch(state.weights)
            loss, rolled_out, count = self._roll_out(state.weights, batch, key)
        gradients = tape.gradient(loss, state.weights)
        age = tf.reduce_sum(tf.cast(batch.age, tf.float32))
        gradients, loss, count, age = replica.total((gradients, loss, count, age))
        weights, adam = optimizer.adam(
            state.weights,
            optimizer.normalise(gradients),
            state.adam,
            state.step,
            self.learning_rate(state.step),
        )
        return TrainState(
            step=state.step + 1,
            weights=CAWeights(*weights),
            adam=adam,
            pool=pools.commit(state.pool, indices, rolled_out),
        ), StepMetrics(
            loss=loss,
            cell_accuracy=count.cell_accuracy(),
            total_agreement=count.total_agreement(),
            batch_age=age / size,
            gradient_norms=tf.stack([tf.norm(g) for g in gradients]),
        )

    @tf.function
    def preview(self, state: TrainState) -> tuple[Pool, Pool]:
        """The batch that the next training step will draw, before and after its rollout."""
        key = derive(root_key(self.experiment.seed), state.step)
        _, batch = self._draw_batch(state.pool, self.source, self.experiment.batch_size, key)
        return batch, self._roll_out(state.weights, batch, key)[1]

    def _draw_batch(
        self, pool: Pool, source: Source, size: int, key: tf.Tensor
    ) -> tuple[tf.Tensor, Pool]:
        """Samples and renews a batch, and lays it out lane by lane."""
        indices, batch = pools.sample(pool, size, derive(key, Purpose.POOL))
        batch = pools.renew(batch, self.experiment.pool_mode, source, key)
        if self.lanes == 1:
            return indices, batch
        order = _balanced_order(batch, self.lanes)
        return tf.gather(indices, order), Pool(*(tf.gather(part, order) for part in batch))

    def _roll_out(
        self, weights: CAWeights, batch: Pool, key: tf.Tensor
    ) -> tuple[tf.Tensor, Pool, metrics.Counts]:
        """The loss of a batch after its rollout, the batch then, and how its cells agree.

        The loss is the batch's share of the mean over all replicas' batches.
        """
        share = batch.labels.shape[0] // self.lanes
        results = []
        for lane in range(self.lanes):
            samples = Pool(*(part[lane * share : (lane + 1) * share] for part in batch))
            lane_key = derive(key, Purpose.FIRING, lane)
            results.append(self._lane_rollout(weights, samples, lane_key))
        losses, states, counts = zip(*results, strict=True)
        rolled_out = batch._replace(state=tf.concat(states, axis=0))
        return (
            tf.add_n(losses) / self.experiment.batch_size,
            rolled_out,
            metrics.total(list(counts)),
        )

    def _living_rollout(
        self, weights: CAWeights, batch: Pool, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, metrics.Counts]:
        cells = living_cells.find(pools.gray_of(batch.images))
        firing = living_cells.draw_firing(
            cells,
            self.experiment.rollout_steps,
            self.experiment.fire_rate,
            self.experiment.residual_noise,
            key,
            self.model.channels,
        )
        table = living_cells.to_table(cells, batch.state)
        table = living_rollout.rollout(weights, table, firing)
        logits = self.model.logits(living_cells.living_state(cells, table))  # [N, 10]
        labels = tf.gather(batch.labels, cells.samples)
        loss = tf.reduce_sum(self._loss(logits, tf.one_hot(labels, spec.NUM_CLASSES)))
        state = living_cells.to_image(cells, table, tf.shape(batch.images))
        return loss, state, metrics.count(logits, labels, cells.samples, batch.labels.shape[0])

    def _dense_rollout(
        self, weights: CAWeights, batch: Pool, key: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, metrics.Counts]:
        gray = pools.gray_of(batch.images)
        x = tf.concat([gray[..., None], batch.state], axis=-1)
        variables = self.model.trainable_variables
        with keras.StatelessScope(state_mapping=list(zip(variables, weights, strict=True))):
            x = self.model.rollout(x, self.experiment.rollout_steps, seed=key)
        logits = self.model.logits(x)  # [B, H, W, 10]
        loss = tf.reduce_sum(self._loss(logits, one_hot_targets(gray, batch.labels)))
        count = metrics.count_images(logits, batch.labels, spec.alive_mask(gray))
        return loss, x[..., spec.GRAY_CHANNELS :], count


def _balanced_order(batch: Pool, lanes: int) -> tf.Tensor:
    """Deals the samples to the lanes, largest first and to and fro, for equal work.

    Returns:
      order: [B] int32; consecutive shares of B / lanes samples are the lanes.
    """
    alive = spec.alive_mask(pools.gray_of(batch.images))
    living = tf.math.count_nonzero(alive, axis=[1, 2], dtype=tf.int32)
    ranked = tf.argsort(living, direction="DESCENDING", stable=True)  # [B]
    rounds = tf.unstack(tf.reshape(ranked, [-1, lanes]))
    rounds = [r if i % 2 == 0 else tf.reverse(r, [0]) for i, r in enumerate(rounds)]
    return tf.reshape(tf.stack(rounds, axis=1), [-1])
