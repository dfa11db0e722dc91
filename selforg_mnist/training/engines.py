"""The engines of the training step: they roll a batch out and compute its loss.

Both engines follow the same rule (article: "Model") and minimise the same loss. They differ in
which cells they compute, and in what they draw for the same key:

- dense: every pixel, with three convolutions over the whole image (`model.py`). Its shapes are
  static, which accelerators need.
- living: only living cells that fire. The shapes depend on the data (`cells/living_rollout.py`).
"""

from __future__ import annotations

from typing import NamedTuple

import keras
import tensorflow as tf

from selforg_mnist import spec, startup
from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.cells.living_cells import Firing, LivingCells
from selforg_mnist.data.digits import one_hot_targets
from selforg_mnist.evaluation import metrics
from selforg_mnist.experiment import Experiment
from selforg_mnist.model import CAModel, CAWeights, gray_of
from selforg_mnist.randomness import derive
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.losses import LOSSES, disagreement, overflow
from selforg_mnist.training.pool import Pool


class RolledOut(NamedTuple):
    """A batch after its rollout."""

    loss: tf.Tensor  # [] float32, summed over the batch
    state: tf.Tensor  # [B, H, W, C - 1] float32, zero at dead cells
    counts: metrics.Counts  # of the batch


def choose(engine: str) -> str:
    """Resolves "auto": "living" if TensorFlow sees only CPUs, otherwise "dense"."""
    if engine != "auto":
        return engine
    return "living" if only_cpus() else "dense"


def only_cpus() -> bool:
    """Whether TensorFlow sees no accelerator."""
    return not any(tf.config.list_physical_devices(kind) for kind in ("GPU", "TPU"))


def choose_lanes(batch_size: int, cores: int | None = None) -> int:
    """How many lanes the living-cell engine runs side by side: a divisor of the batch size.

    The steps of a rollout depend on each other, and one step of a small batch is too little
    work to divide among cores. Samples don't depend on each other. So each core takes a lane
    of samples through all steps.
    """
    cores = cores or startup.available_cores()
    return max(n for n in range(1, min(cores, batch_size) + 1) if batch_size % n == 0)


def resolve(computing: Computing, batch_size: int) -> Computing:
    """Makes all choices that were left open, for replicas with `batch_size` samples each.

    Raises:
      ConfigError: an option doesn't fit the engine or the batch.
    """
    computing = computing.replace(engine=choose(computing.engine))
    computing.check_share(batch_size)
    if computing.engine == "living":
        return computing.replace(lanes=computing.lanes or choose_lanes(batch_size))
    return computing.replace(lanes=1)


def make(experiment: Experiment, computing: Computing) -> Dense | Living:
    """The engine for options that `resolve` has completed."""
    return (Dense if computing.engine == "dense" else Living)(experiment, computing)


def most_steps(experiment: Experiment) -> int:
    """The largest number of CA steps of a training step."""
    return experiment.max_rollout_steps or experiment.rollout_steps


def build_model(experiment: Experiment, precision: str = "float32") -> CAModel:
    """The untrained model of an experiment."""
    return CAModel(
        channels=experiment.channels,
        hidden_channels=experiment.hidden_channels,
        fire_rate=experiment.fire_rate,
        residual_noise=experiment.residual_noise,
        seed=experiment.seed,
        dtype=precision if precision == "float32" else f"mixed_{precision}",
    )


class Dense:
    """Computes every pixel."""

    def __init__(self, experiment: Experiment, computing: Computing):
        self._experiment = experiment
        self._model = build_model(experiment, computing.precision)

    def roll_out(
        self,
        weights: CAWeights,
        batch: Pool,
        key: tf.Tensor,
        steps_taken: tf.Tensor | None = None,
    ) -> RolledOut:
        """Takes a batch through the CA steps of a training step.

        Args:
          weights: of the rule; the loss is differentiable with respect to them.
          batch: B samples.
          key: [2] int32, a stateless key, from which each lane derives its own.
          steps_taken: [] int32, CA steps to take if the experiment has a range of them.

        Returns:
          rolled_out: the samples in the order of the batch.
        """
        key = derive(key, 0)  # of its only lane
        gray = gray_of(batch.images)
        x = tf.concat([gray[..., None], batch.state], axis=-1)
        variables = self._model.trainable_variables
        with keras.StatelessScope(state_mapping=list(zip(variables, weights, strict=True))):
            for t in range(most_steps(self._experiment)):
                # Not `self._model(...)`: see `CAModel.rollout`.
                after = self._model.call(x, seed=derive(key, t))
                x = after if steps_taken is None else tf.where(t < steps_taken, after, x)
        logits = self._model.classify(x)  # [B, H, W, 10]
        loss = LOSSES[self._experiment.loss](logits, one_hot_targets(gray, batch.labels))
        if self._experiment.consensus:
            alive = tf.cast(spec.alive_mask(gray), tf.float32)[..., None]  # [B, H, W, 1]
            living = tf.reduce_sum(alive, axis=[1, 2], keepdims=True)
            mean = tf.math.divide_no_nan(tf.reduce_sum(logits, axis=[1, 2], keepdims=True), living)
            loss += self._experiment.consensus * disagreement(logits, alive * mean)
        if self._experiment.overflow:
            loss += self._experiment.overflow * overflow(x[..., spec.GRAY_CHANNELS :])
        return RolledOut(
            loss=tf.reduce_sum(loss),
            state=x[..., spec.GRAY_CHANNELS :],
            counts=metrics.count_images(logits, batch.labels, spec.alive_mask(gray)),
        )


class Living:
    """Computes living cells that fire, in lanes that run side by side."""

    def __init__(self, experiment: Experiment, computing: Computing):
        self._experiment, self._computing = experiment, computing
        # A separate function, so that it is traced once and not once for each lane.
        self._roll_out_lane = tf.function(self._lane, autograph=False)

    def roll_out(
        self,
        weights: CAWeights,
        batch: Pool,
        key: tf.Tensor,
        steps_taken: tf.Tensor | None = None,
    ) -> RolledOut:
        """As `Dense.roll_out`, with each lane's share of the batch in turn."""
        if self._computing.lanes == 1:
            return self._roll_out_lane(weights, batch, derive(key, 0), steps_taken)
        shares = deal(batch, self._computing.lanes)
        results = []
        for lane, share in enumerate(shares):
            samples = Pool(*(tf.gather(part, share) for part in batch))
            results.append(self._roll_out_lane(weights, samples, derive(key, lane), steps_taken))
        losses, states, counts = zip(*results, strict=True)
        state = tf.dynamic_stitch(shares, states)  # each sample back in its place
        return RolledOut(
            loss=tf.add_n(losses),
            state=tf.ensure_shape(state, batch.state.shape),
            counts=metrics.total(list(counts)),
        )

    def _lane(
        self, weights: CAWeights, batch: Pool, key: tf.Tensor, steps_taken: tf.Tensor | None
    ) -> RolledOut:
        """Rolls the samples of one lane out; arguments as in `roll_out`."""
        config = self._experiment
        cells, firing = self._cells(batch, key, steps_taken)
        table = living_cells.to_table(cells, batch.state)
        dtype = tf.as_dtype(self._computing.precision)
        table = living_rollout.rollout(weights, table, firing, dtype)
        state = living_cells.living_state(cells, table)  # [N, C - 1]
        logits = state[:, -spec.NUM_CLASSES :]
        labels = tf.gather(batch.labels, cells.samples)
        loss = LOSSES[config.loss](logits, tf.one_hot(labels, spec.NUM_CLASSES))
        if config.consensus:
            mean = tf.math.unsorted_segment_mean(logits, cells.samples, batch.labels.shape[0])
            mean = tf.gather(tf.stop_gradient(mean), cells.samples)
            loss += config.consensus * disagreement(logits, mean)
        if config.overflow:
            loss += config.overflow * overflow(state)
        return RolledOut(
            loss=tf.reduce_sum(loss),
            state=living_cells.to_image(cells, table, tf.shape(batch.images)),
            counts=metrics.count(logits, labels, cells.samples, batch.labels.shape[0]),
        )

    def _cells(
        self, batch: Pool, key: tf.Tensor, steps_taken: tf.Tensor | None
    ) -> tuple[LivingCells, Firing]:
        """The living cells of a batch, and which of them fire in each step."""
        config = self._experiment
        cells = living_cells.find(gray_of(batch.images))
        channels = batch.state.shape[-1] + spec.GRAY_CHANNELS
        how = most_steps(config), config.fire_rate, config.residual_noise
        return cells, living_cells.draw_firing(cells, *how, key, channels, steps_taken)


def deal(batch: Pool, lanes: int) -> list[tf.Tensor]:
    """Deals the samples to the lanes so that all lanes have about the same work.

    The samples are sorted by size. Odd rounds go through the lanes in reverse.

    Args:
      batch: B samples.
      lanes: a divisor of B.

    Returns:
      shares: for each lane, [B / lanes] int32, the indices of its samples in the batch.
    """
    alive = spec.alive_mask(gray_of(batch.images))
    living = tf.math.count_nonzero(alive, axis=[1, 2], dtype=tf.int32)
    ranked = tf.argsort(living, direction="DESCENDING", stable=True)  # [B]
    rounds = tf.unstack(tf.reshape(ranked, [-1, lanes]))
    rounds = [r if i % 2 == 0 else tf.reverse(r, [0]) for i, r in enumerate(rounds)]
    return tf.unstack(tf.stack(rounds, axis=1))
