"""Training steps that several replicas take together, under one of TensorFlow's strategies.

The step itself is `Trainer.train_step`. This module divides the pool, sums over the replicas and
collects the results. Between calls, every process holds the whole state. The state doesn't depend
on the number of replicas, so a checkpoint of n replicas resumes on m.

Gradients are summed over the replicas before they are normalised. So the result is the same as for
one replica with the whole batch (article: "Training").
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from selforg_mnist.errors import UserError
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.model import CAWeights
from selforg_mnist.training.computing import AUTOMATIC, Computing
from selforg_mnist.training.pool import Pool, Source
from selforg_mnist.training.strategies import Distribution
from selforg_mnist.training.trainer import (
    Replica,
    StepMetrics,
    Trainer,
    TrainState,
    take_steps,
)


class WorkerLostError(UserError):
    """Another worker is gone, and no sum over all can be completed."""


class ReplicatedTrainer(Trainer):
    """A trainer whose batches and pool are shared among the replicas of a strategy.

    Batch and pool sizes are those of all replicas together. If the number of lanes is open, each
    replica has one lane.

    Raises:
      ConfigError: batch or pool can't be shared among the replicas, or as in `Trainer`.
    """

    def __init__(
        self,
        experiment: Experiment,
        source: Source,
        distribution: Distribution,
        computing: Computing = AUTOMATIC,
        initial_weights: CAWeights | None = None,
    ):
        if distribution.strategy is None:
            raise ValueError("distribution.strategy=None: expected a strategy")
        check_shares(experiment, distribution.replicas)
        computing = computing.replace(lanes=computing.lanes or 1)
        super().__init__(experiment, source, computing, distribution.replicas, initial_weights)
        self._strategy = distribution.strategy
        self._several_workers = distribution.name == "multi_worker"

    def run(self, state: TrainState, steps: tf.Tensor) -> tuple[TrainState, StepMetrics]:
        """As `Trainer.run`, by all replicas together; with several workers, all must call it.

        Raises:
          WorkerLostError: a worker is gone.
        """
        with _lost_workers_reported():
            shares, metrics = self._run_on_replicas(self._deal(state), steps)
            (first, *_) = self._strategy.experimental_local_results(shares._replace(pool=()))
            return first._replace(pool=self._collect(shares.pool)), metrics

    def sum_over_replicas(self, value: float) -> float:
        """As `Trainer.sum_over_replicas`, over all workers; errors as in `run`."""
        with _lost_workers_reported():
            values = self._strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(value)
            )
            return float(self._strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None))

    def _deal(self, state: TrainState) -> Any:
        """The state for each replica: everything is the same except its share of the pool."""
        share = state.pool.labels.shape[0] // self.replicas

        def of_replica(context: tf.distribute.experimental.ValueContext) -> TrainState:
            first = context.replica_id_in_sync_group * share
            pool = Pool(*(part[first : first + share] for part in state.pool))
            return state._replace(pool=pool)

        return self._strategy.experimental_distribute_values_from_function(of_replica)

    def _collect(self, pool: Pool) -> Pool:
        """The whole pool, from the shares of the replicas."""
        if not self._several_workers:
            results = self._strategy.experimental_local_results
            return Pool(*(tf.concat(results(part), axis=0) for part in pool))
        return self._gather(pool)

    @tf.function(autograph=False)
    def _gather(self, pool: Pool) -> Pool:
        # Collective operations between workers don't support uint8.
        wide = pool._replace(images=self._strategy.run(_as_int32, args=(pool.images,)))
        pool = Pool(*(self._strategy.gather(part, axis=0) for part in wide))
        return pool._replace(images=tf.cast(pool.images, tf.uint8))

    @tf.function(autograph=False)
    def _run_on_replicas(self, state: Any, steps: tf.Tensor) -> tuple[Any, StepMetrics]:
        # The loop is outside of the replicas, because a sum over them can't be inside a loop. Its
        # start must have the form of what `strategy.run` returns. With one replica in this process
        # these are plain tensors.
        state = self._strategy.run(_unchanged, args=(state,))
        return take_steps(self._step_on_replicas, state, steps)

    def _step_on_replicas(self, state: Any) -> tuple[Any, StepMetrics]:
        state, metrics = self._strategy.run(self._replica_step, args=(state,))
        # The metrics are sums over the replicas, so they are equal on all of them.
        return state, self._strategy.experimental_local_results(metrics)[0]

    def _replica_step(self, state: TrainState) -> tuple[TrainState, StepMetrics]:
        context = tf.distribute.get_replica_context()
        replica = Replica(
            index=context.replica_id_in_sync_group,
            count=self.replicas,
            total=lambda nest: context.all_reduce(tf.distribute.ReduceOp.SUM, nest),
        )
        return self.train_step(state, replica=replica)


def make_trainer(
    experiment: Experiment,
    source: Source,
    distribution: Distribution,
    computing: Computing = AUTOMATIC,
    initial_weights: CAWeights | None = None,
) -> Trainer:
    """The trainer for one device or several; arguments and errors as in `ReplicatedTrainer`."""
    if distribution.strategy is None:
        return Trainer(experiment, source, computing, initial_weights=initial_weights)
    return ReplicatedTrainer(experiment, source, distribution, computing, initial_weights)


def check_shares(experiment: Experiment, replicas: int) -> None:
    """Raises `ConfigError` if batch or pool can't be shared among replicas."""
    of_batch = experiment.batch_unit * replicas
    if experiment.batch_size % of_batch:
        raise ConfigError(
            f"batch_size={experiment.batch_size}: expected a multiple of {of_batch} for "
            f"{replicas} replicas; give another --batch_size"
        )
    if experiment.pool_mode != "naive" and experiment.pool_size % replicas:
        raise ConfigError(
            f"pool_size={experiment.pool_size}: expected a multiple of {replicas}, the number of "
            "replicas; give another --pool_size"
        )


@contextlib.contextmanager
def _lost_workers_reported() -> Iterator[None]:
    """Raises `WorkerLostError` for what TensorFlow raises when a worker no longer answers."""
    try:
        yield
    except (
        tf.errors.UnavailableError,
        tf.errors.AbortedError,
        tf.errors.DeadlineExceededError,
        tf.errors.CancelledError,
    ) as error:
        raise WorkerLostError(f"another worker is lost ({type(error).__name__})") from error


def _unchanged(state: TrainState) -> TrainState:
    return state


def _as_int32(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(images, tf.int32)
