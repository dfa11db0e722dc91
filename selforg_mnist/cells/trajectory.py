"""Rollouts that can be looked at: the whole state of every sample after each CA step.

For films, for the classification of a picture, and for studies that need to see each cell. Uses
the living-cell engine, forward only, on canvases of any size. To count agreement over whole test
sets without keeping any state, use `evaluation/evaluation.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.model import CAModel
from selforg_mnist.randomness import TRAJECTORY, derive, root_key


def states(
    model: CAModel,
    gray: np.ndarray,
    steps: int,
    seed: int = 0,
    state: np.ndarray | None = None,
    first_step: int = 0,
) -> Iterator[np.ndarray]:
    """Rolls samples out and yields them after each CA step.

    To mutate samples in the middle of a run, call it again with the new digits, the last state and
    the number of steps done. The state of cells that are then dead is ignored (article:
    "Training", mutation).

    Args:
      model: whose rule, fire rate and noise are used.
      gray: [B, H, W] float32 in [0, 1].
      steps: CA steps.
      seed: of the fire masks and the noise.
      state: [B, H, W, C - 1] float32 to start from; None is zero (the article's "seed").
      first_step: CA steps done before. The masks of a step don't depend on how the steps are
        split into calls.

    Yields:
      state: [B, H, W, C - 1] float32, zero at dead cells, after each of `steps` steps.

    Raises:
      ValueError: a shape doesn't fit, or there is no step to take.
    """
    expected = (*gray.shape, model.state_channels)
    if gray.ndim != 3:
        raise ValueError(f"gray of shape {list(gray.shape)}: expected [B, H, W]")
    if state is not None and state.shape != expected:
        raise ValueError(f"state of shape {list(state.shape)}: expected {list(expected)}")
    if steps < 1:
        raise ValueError(f"steps={steps}: expected 1 or more")
    return _states(model, gray, range(first_step, first_step + steps), seed, state)


def states_of_phases(
    model: CAModel, grays: Sequence[np.ndarray], steps: int, seed: int = 0
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Rolls samples out and mutates them every `steps` CA steps.

    Args:
      model: whose rule, fire rate and noise are used.
      grays: what the samples show in each phase, [B, H, W] float32 each.
      steps: CA steps of each phase.
      seed: of the fire masks and the noise.

    Yields:
      step: CA steps done, from 1 on.
      gray: [B, H, W] float32, of the phase.
      state: [B, H, W, C - 1] float32 after that step.

    Raises:
      ValueError: as in `states`.
    """
    state = None
    for phase, gray in enumerate(grays):
        first = steps * phase
        for step, after in enumerate(states(model, gray, steps, seed, state, first), first + 1):
            state = after
            yield step, gray, state


def _states(
    model: CAModel, gray: np.ndarray, steps: range, seed: int, state: np.ndarray | None
) -> Iterator[np.ndarray]:
    weights, key = model.ca_weights(), derive(root_key(seed), TRAJECTORY)
    cells = living_cells.find(tf.constant(gray, tf.float32))
    width = model.state_channels
    start = tf.zeros([*gray.shape, width]) if state is None else tf.constant(state, tf.float32)
    table = living_cells.to_table(cells, start)
    step = _step_of(model.channels, model.hidden_channels)
    for t in steps:
        table, _ = step(
            weights, cells, table, derive(key, t), model.fire_rate, model.residual_noise
        )
        yield living_cells.to_image(cells, table, tf.constant(gray.shape)).numpy()


@functools.cache
def _step_of(channels: int, hidden_channels: int) -> Callable:
    """The compiled CA step of models with these widths.

    The number of cells changes between calls, and one trace serves all of them. Other widths
    need another trace, because the matrices have static shapes.
    """
    return tf.function(living_rollout.random_step, autograph=False, reduce_retracing=True)
