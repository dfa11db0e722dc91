"""A training step as StableHLO text: state and digits in, state and metrics out.

For the dense engine, whose shapes are static, in float32 and bfloat16. Everything that the step
reads is an argument, in the order of `Arguments`. Everything that it returns is a result, in the
order of `Results`. Draws are stateless, so the text alone is the whole training step.
`compile_for_tpu.py` and `run_stablehlo.py` give it to compilers and devices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

# On TPUs tf.distribute uses CrossReplicaSum instead, which only TensorFlow's builds for TPUs have.
# XLA turns both into the same all-reduce.
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from selforg_mnist.training.pool import Pool, Source
from selforg_mnist.training.replicas import check_shares
from selforg_mnist.training.trainer import ALONE, Replica, StepMetrics, Trainer, TrainState


class Arguments(NamedTuple):
    """What a training step reads."""

    state: TrainState  # of several replicas, with this one's share of the pool
    images: tf.Tensor  # of all training digits, [D, H * W] uint8
    labels: tf.Tensor  # [D] int32
    replica: tf.Tensor | tuple  # [] int32, the index of this replica; () if there is only one


class Results(NamedTuple):
    """What a training step returns."""

    state: TrainState
    metrics: StepMetrics


def arguments(trainer: Trainer) -> Arguments:
    """The arguments of the first training step, for the first of the trainer's replicas.

    Raises:
      ConfigError: batch and pool can't be divided among this number of replicas.
    """
    check_shares(trainer.experiment, trainer.replicas)
    state = trainer.initial_state()
    share = state.pool.labels.shape[0] // trainer.replicas
    pool = Pool(*(part[:share] for part in state.pool))
    index = tf.constant(0) if trainer.replicas > 1 else ()
    source = trainer.source
    return Arguments(state._replace(pool=pool), source.images, source.labels, index)


def stablehlo(trainer: Trainer) -> str:
    """Lowers one training step.

    The trainer has the dense engine. Its replicas take the step together.

    Returns:
      text: its `main` takes the leaves of `Arguments` and returns those of `Results`.

    Raises:
      ConfigError: as `arguments`.
    """
    replicas = trainer.replicas
    like = arguments(trainer)

    def step(*leaves: tf.Tensor) -> list[tf.Tensor]:
        state, images, labels, index = tf.nest.pack_sequence_as(like, leaves)
        source = Source(images, labels, trainer.source.size)
        replica = Replica(index, replicas, _sum_over(replicas)) if replicas > 1 else ALONE
        return tf.nest.flatten(Results(*trainer.train_step(state, source, replica)))

    specs = [tf.TensorSpec(leaf.shape, leaf.dtype) for leaf in tf.nest.flatten(like)]
    compiled = tf.function(step, jit_compile=True, autograph=False)
    captured = compiled.get_concrete_function(*specs).captured_inputs
    if captured:  # they would be arguments that `Arguments` doesn't list
        raise RuntimeError(f"the training step captures {captured}: expected arguments only")
    return compiled.experimental_get_compiler_ir(*specs)(stage="stablehlo")


def _sum_over(replicas: int) -> Callable[[Any], Any]:
    def all_reduce(part: tf.Tensor) -> tf.Tensor:
        return gen_xla_ops.xla_all_reduce(
            part, group_assignment=[[*range(replicas)]], reduce_op="Add", mode="CrossReplica"
        )

    return lambda nest: tf.nest.map_structure(all_reduce, nest)
