"""A CA step in which some cells follow another rule: honest cells and impostors in one table."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.cells.living_cells import Firing, LivingCells, draw_firing
from selforg_mnist.model import CAModel, CAWeights
from selforg_mnist.randomness import derive


class Rules(NamedTuple):
    """Two rules of the same width, and how their cells fire."""

    honest: CAWeights
    impostor: CAWeights
    fire_rate: float
    residual_noise: float

    @classmethod
    def of(cls, honest: CAModel, impostor: CAWeights) -> Rules:
        """Impostors fire at the rate of the cells that they live among, with the same noise."""
        return cls(honest.ca_weights(), impostor, honest.fire_rate, honest.residual_noise)


class Places(NamedTuple):
    """Which living cells of a batch are impostors."""

    rows: tf.Tensor  # [R, 1] bool, by table row
    cells: tf.Tensor  # [N] bool, by living cell


def find(cells: LivingCells, masks: tf.Tensor) -> Places:
    """Looks up which living cells are impostors; masks: [B, H, W] bool."""
    table = living_cells.to_table(cells, tf.cast(masks[..., None], tf.float32))  # [R, 2]
    rows = table[:, 1:] > 0.0
    return Places(rows, living_cells.living_state(cells, table)[:, 0] > 0.0)


def rollout(
    rules: Rules, cells: LivingCells, places: Places, table: tf.Tensor, steps: int, key: tf.Tensor
) -> tf.Tensor:
    """CA steps of x = honest(x) (1 - m) + impostor(x) m, in which each rule draws on its own.

    Each rule computes only the cells that follow it.

    Args:
      rules: the two; the result is differentiable in both, and in `table`.
      cells: of the batch.
      places: of its impostors, m above.
      table: [R, C] float32, x above.
      steps: how many.
      key: [2] int32, a stateless key, from which each rule derives its own.

    Returns:
      table: [R, C] float32.
    """
    chances = steps, rules.fire_rate, rules.residual_noise
    both = []
    for i, (rule, among) in enumerate(
        ((rules.honest, ~places.cells), (rules.impostor, places.cells))
    ):
        firing = draw_firing(cells, *chances, derive(key, i), table.shape[1], among=among)
        both.append((rule, firing))
    for t in range(steps):
        table = _step(places, table, tuple((rule, firing.part(t, 1)) for rule, firing in both))
    return table


@tf.function(autograph=False)  # of its own, so that it is traced once and not for each step
def _step(
    places: Places, table: tf.Tensor, both: tuple[tuple[CAWeights, Firing], ...]
) -> tf.Tensor:
    honest, impostor = (living_rollout.rollout(rule, table, firing) for rule, firing in both)
    return tf.where(places.rows, impostor, honest)
