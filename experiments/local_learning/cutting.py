"""The training step of the living cells with gradients that are cut every few CA steps.

Everything but the rollout is the package's: pool, normalised gradients, one update of Adam a
training step. The gradients of all parts of a rollout are summed before that update.
"""

from __future__ import annotations

import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.cells.living_cells import Firing, LivingCells
from selforg_mnist.evaluation import metrics
from selforg_mnist.experiment import Experiment
from selforg_mnist.model import CAWeights
from selforg_mnist.training import engines
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.losses import LOSSES
from selforg_mnist.training.pool import Pool, Source
from selforg_mnist.training.trainer import Trainer


class CutEngine(engines.Living):
    """Living cells whose gradients reach back to the last cut.

    A loss is taken at each cut, every `reach` CA steps and at the end of the rollout.
    """

    def __init__(self, experiment: Experiment, computing: Computing, reach: int):
        super().__init__(experiment, computing)
        self._reach = reach
        # A separate function, so that it is traced once and not once for each part.
        self._learn_from_part = tf.function(self._part, autograph=False)

    def _lane(
        self, weights: CAWeights, batch: Pool, key: tf.Tensor, steps_taken: tf.Tensor | None
    ) -> engines.RolledOut:
        """As `Living._lane`; the loss is the sum over all parts."""
        cells, firing = self._cells(batch, key, steps_taken)
        labels = tf.gather(batch.labels, cells.samples)
        table = living_cells.to_table(cells, batch.state)
        fixed = CAWeights(*map(tf.stop_gradient, weights))
        loss = tf.constant(0.0)
        for first in range(0, len(firing.rows), self._reach):
            part = firing.part(first, self._reach)
            of_part, after, gradients = self._learn_from_part(fixed, cells, table, part, labels)
            # The next part starts only when this part's gradients are computed, so the memory that
            # they needed is free again.
            with tf.control_dependencies(gradients):
                table = tf.identity(after)
            # This term is zero; its gradient is `gradients`.
            changes = (w - tf.stop_gradient(w) for w in weights)
            slopes = [tf.reduce_sum(g * c) for g, c in zip(gradients, changes, strict=True)]
            loss += of_part + tf.add_n(slopes)
        logits = living_cells.living_state(cells, table)[:, -spec.NUM_CLASSES :]
        return engines.RolledOut(
            loss=loss,
            state=living_cells.to_image(cells, table, tf.shape(batch.images)),
            counts=metrics.count(logits, labels, cells.samples, batch.labels.shape[0]),
        )

    def _part(
        self,
        weights: CAWeights,
        cells: LivingCells,
        table: tf.Tensor,
        firing: Firing,
        labels: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, ...]]:
        """The loss [] after some CA steps, the table [R, C] then, and the weights' gradients."""
        with tf.GradientTape() as tape:
            tape.watch(weights)
            table = living_rollout.rollout(weights, table, firing)
            logits = living_cells.living_state(cells, table)[:, -spec.NUM_CLASSES :]  # [N, 10]
            losses = LOSSES[self._experiment.loss](logits, tf.one_hot(labels, spec.NUM_CLASSES))
            loss = tf.reduce_sum(losses)
        return loss, table, tuple(tape.gradient(loss, weights))


class CutTrainer(Trainer):
    """The package's trainer with gradients that are cut."""

    def __init__(self, experiment: Experiment, source: Source, reach: int):
        super().__init__(experiment, source, Computing("living"))
        self._engine = CutEngine(experiment, self.computing, reach)
