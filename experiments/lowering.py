"""The dense training step as StableHLO text: state and digits in, state and metrics out.

Everything that the step reads is an argument, in the order of `Arguments`, and everything that
it gives a result, in that of `Results`; draws are stateless, so the text alone is the training.
Compilers and devices are the affair of `compile_for_tpu.py` and `run_stablehlo.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

# CrossReplicaSum, which tf.distribute puts in its place on TPUs, is in TensorFlow's builds for
# TPUs only. XLA makes the same all-reduce of both.
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from selforg_mnist.experiments import ConfigError, Experiment
from selforg_mnist.pool import Pool, Source
from selforg_mnist.trainer import ALONE, Replica, StepMetrics, Trainer, TrainState


class Arguments(NamedTuple):
    """What a training step reads."""

    state: TrainState  # of several replicas, with this one's share of the pool
    source: Source
    replica: tf.Tensor | tuple  # [] int32, which one this is; () where there is one only


class Results(NamedTuple):
    """What a training step gives."""

    state: TrainState
    metrics: StepMetrics


def arguments(trainer: Trainer, replicas: int = 1) -> Arguments:
    """The arguments of the first training step, of the first of several replicas.

    Raises:
      ConfigError: batch and pool can't be shared among so many replicas.
    """
    _check_shares(trainer.experiment, replicas)
    state = trainer.initial_state()
    share = state.pool.labels.shape[0] // replicas
    pool = Pool(*(part[:share] for part in state.pool))
    index = tf.constant(0) if replicas > 1 else ()
    return Arguments(state._replace(pool=pool), trainer.source, index)


def stablehlo(trainer: Trainer, replicas: int = 1) -> str:
    """Lowers one training step.

    Args:
      trainer: of the dense engine.
      replicas: that take the step together; 1 is a program for a single core.

    Returns:
      text: whose `main` takes the leaves of `Arguments` and gives those of `Results`.

    Raises:
      ConfigError: as `arguments`.
    """
    like = arguments(trainer, replicas)

    def step(*leaves: tf.Tensor) -> list[tf.Tensor]:
        state, source, index = tf.nest.pack_sequence_as(like, leaves)
        replica = Replica(index, replicas, _sum_over(replicas)) if replicas > 1 else ALONE
        return tf.nest.flatten(Results(*trainer.train_step(state, source, replica)))

    specs = [tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in tf.nest.flatten(like)]
    compiled = tf.function(step, jit_compile=True, autograph=False)
    captured = compiled.get_concrete_function(*specs).captured_inputs
    if captured:  # they would be arguments that nobody knows of
        raise RuntimeError(f"the training step captures {captured}: expected arguments only")
    return compiled.experimental_get_compiler_ir(*specs)(stage="stablehlo")


def _sum_over(replicas: int) -> Callable[[Any], Any]:
    def all_reduce(part: tf.Tensor) -> tf.Tensor:
        return gen_xla_ops.xla_all_reduce(
            part, group_assignment=[[*range(replicas)]], reduce_op="Add", mode="CrossReplica"
        )

    return lambda nest: tf.nest.map_structure(all_reduce, nest)


def _check_shares(experiment: Experiment, replicas: int) -> None:
    naive = experiment.pool_mode == "naive"
    quarters = replicas if naive else 4 * replicas
    if experiment.batch_size % quarters or (not naive and experiment.pool_size % replicas):
        raise ConfigError(
            f"replicas={replicas}: can't share batch_size={experiment.batch_size} and "
            f"pool_size={experiment.pool_size}; expected a batch that is a multiple of "
            f"{quarters} and a pool that is one of {replicas}"
        )
