"""Rollouts over held-out digits: the curves of agreement against CA steps.

Follows the article's section "Experiments". Fresh samples take a number of CA steps. After each
step it is counted how many cells are right and in how many digits all cells agree. On request the
digits are then mutated, and the same is counted again. Runs on the living-cell engine, forward
only. Curves are drawn and written elsewhere.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from selforg_mnist import spec, startup
from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.data.digits import Digits
from selforg_mnist.evaluation import metrics
from selforg_mnist.model import CAModel, CAWeights, gray_of
from selforg_mnist.randomness import EVALUATION, derive, root_key

_BATCH = 250
_MUTATED = 1  # tells the random order of `mutated` from other uses of the seed


@dataclasses.dataclass(frozen=True)
class Curves:
    """One value per CA step, from step 1 on; each array is [steps] float64."""

    cell_accuracy: np.ndarray  # share of the living cells that are right, in [0, 1]
    total_agreement: np.ndarray  # share of samples whose living cells give one label, any
    correct_agreement: np.ndarray  # share of samples whose living cells all give the right label
    state_magnitude: np.ndarray  # mean |state| over living cells and state channels
    residual_magnitude: np.ndarray  # mean |state change| over cells that fired, and channels
    num_samples: int  # samples counted, those with at least one living cell

    @property
    def steps(self) -> int:
        """Number of CA steps."""
        return len(self.cell_accuracy)

    def shares_at_end(self) -> dict[str, float]:
        """Cell accuracy, total and correct agreement after the last step, in percent."""
        names = ("cell_accuracy", "total_agreement", "correct_agreement")
        return {name: 100 * float(getattr(self, name)[-1]) for name in names}


@dataclasses.dataclass(frozen=True, eq=False)
class Phase:
    """Some CA steps of all samples, each on one picture. A phase starts from the last one's state.

    A cell that is dead in this phase always loses its state (article: "Training", mutation).
    """

    images: np.ndarray  # [N, H, W] uint8, what each sample shows in this phase
    labels: np.ndarray  # [N] integers, 0 to 9, what its cells should say
    steps: int  # CA steps
    keep: np.ndarray | None = None  # [N, H, W] bool, where the state is kept; None: everywhere


class Sums(NamedTuple):
    """What is summed up over a batch after each CA step, [steps] each."""

    counts: metrics.Counts
    state: tf.Tensor | np.ndarray  # |state|, over living cells and their state channels
    change: tf.Tensor | np.ndarray  # |state change|, over cells that fired and their channels
    fired: tf.Tensor | np.ndarray  # how many cells fired


_STRUCTURE = Sums(metrics.Counts(0, 0, 0, 0, 0), 0, 0, 0)  # the structure, for `tf.nest`


def evaluate(
    model: CAModel, digits: Digits, steps: int = 200, seed: int = 0, batch_size: int = _BATCH
) -> Curves:
    """Rolls fresh samples of all digits out and measures after each CA step.

    Args:
      model: whose rule, fire rate and noise are used.
      digits: to classify.
      steps: CA steps.
      seed: of the fire masks and the noise.
      batch_size: as in `evaluate_phases`.

    Raises:
      ValueError: there are no steps, or no digits.
    """
    (curves,) = evaluate_phases(
        model, [Phase(digits.images, digits.labels, steps)], seed, batch_size
    )
    return curves


def mutated(digits: Digits, seed: int = 0) -> Digits:
    """Replaces each digit by another one of the same set, at random; each digit is used once.

    There are two digits or more. The same seed gives the same order.
    """
    order = np.random.default_rng([seed % 2**64, _MUTATED]).permutation(len(digits))
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)  # along one cycle through all of them
    return digits[other]


def evaluate_phases(
    model: CAModel,
    phases: Sequence[Phase],
    seed: int = 0,
    batch_size: int = _BATCH,
    progress: Callable[[int], None] | None = None,
) -> list[Curves]:
    """Rolls fresh samples out through several phases and measures after each CA step.

    Args:
      model: whose rule, fire rate and noise are used.
      phases: of equally many samples each; their canvases are of one size.
      seed: of the fire masks and the noise.
      batch_size: samples rolled out together. Memory grows with it. A smaller last batch has its
        exact weight.
      progress: called with the work done since the last call, as CA steps times samples. The
        calls come from several threads.

    Returns:
      curves: of each phase.

    Raises:
      ValueError: there are no phases, no steps or no samples, or the phases don't fit each other.
    """
    shape = phases[0].images.shape if phases else (0,)
    for phase in phases:
        if phase.images.shape != shape or len(phase.labels) != shape[0]:
            raise ValueError(
                f"phase of {list(phase.images.shape)} images and {len(phase.labels)} labels: "
                f"expected {list(shape)} and {shape[0]}, as in the first phase"
            )
        if phase.keep is not None and phase.keep.shape != shape:
            raise ValueError(f"keep of shape {list(phase.keep.shape)}: expected {list(shape)}")
    steps = min((phase.steps for phase in phases), default=0)
    for name, value in (("steps", steps), ("batch_size", batch_size), ("digits", shape[0])):
        if value < 1:
            raise ValueError(f"{name}={value}: expected 1 or more")
    weights = model.ca_weights()

    def sums_of(start: int) -> list[Sums]:
        share = slice(start, start + batch_size)
        key = derive(root_key(seed), EVALUATION, start)
        state = tf.zeros([*phases[0].images[share].shape, model.state_channels])
        all_sums, done = [], 0
        for phase in phases:
            if phase.keep is not None:
                state = tf.where(tf.constant(phase.keep[share])[..., None], state, 0.0)
            sums, state = _roll_out(
                weights,
                tf.constant(phase.images[share]),
                tf.constant(phase.labels[share].astype(np.int32)),
                state,
                tf.range(done, done + phase.steps),
                key,
                fire_rate=model.fire_rate,
                residual_noise=model.residual_noise,
            )
            all_sums.append(tf.nest.map_structure(lambda s: s.numpy().astype(np.float64), sums))
            done += phase.steps
            if progress is not None:
                progress(phase.steps * state.shape[0])
        return all_sums

    # One batch per core: the steps of a rollout depend on each other, batches don't.
    with concurrent.futures.ThreadPoolExecutor(startup.available_cores()) as cores:
        batches = list(cores.map(sums_of, range(0, shape[0], batch_size)))
    return [
        _curves(tf.nest.map_structure(lambda *parts: np.sum(parts, axis=0), *of_phase), model)
        for of_phase in zip(*batches, strict=True)
    ]


def _curves(sums: Sums, model: CAModel) -> Curves:
    counts, width = sums.counts, model.state_channels
    return Curves(
        cell_accuracy=_share(counts.correct, counts.living),
        total_agreement=_share(counts.agreeing, counts.samples),
        correct_agreement=_share(counts.agreeing_correct, counts.samples),
        state_magnitude=_share(sums.state, counts.living * width),
        residual_magnitude=_share(sums.change, sums.fired * width),
        num_samples=int(counts.samples[0]),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@tf.function(autograph=False)
def _roll_out(
    weights: CAWeights,
    images: tf.Tensor,
    labels: tf.Tensor,
    state: tf.Tensor,
    steps: tf.Tensor,
    key: tf.Tensor,
    fire_rate: float,
    residual_noise: float,
) -> tuple[Sums, tf.Tensor]:
    """Rolls a batch out and sums up after each step.

    Returns:
      sums: of each step, float32.
      state: [B, H, W, C - 1] float32 after the last step.
    """
    num_samples = tf.shape(images)[0]
    cells = living_cells.find(gray_of(images))
    table = living_cells.to_table(cells, state)
    rows = living_cells.living_state(cells, table)
    labels = tf.gather(labels, cells.samples)
    width = len(tf.nest.flatten(_STRUCTURE))
    all_sums = tf.TensorArray(tf.float32, tf.size(steps), element_shape=[width])

    def step(
        i: tf.Tensor, table: tf.Tensor, before: tf.Tensor, all_sums: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.TensorArray]:
        table, fired = living_rollout.random_step(
            weights, cells, table, derive(key, steps[i]), fire_rate, residual_noise
        )
        rows = living_cells.living_state(cells, table)
        sums = Sums(
            metrics.count(rows[:, -spec.NUM_CLASSES :], labels, cells.samples, num_samples),
            state=tf.reduce_sum(tf.abs(rows)),
            change=tf.reduce_sum(tf.abs(rows - before)),
            fired=tf.cast(fired, tf.float32),
        )
        return i + 1, table, rows, all_sums.write(i, tf.stack(tf.nest.flatten(sums)))

    _, table, _, all_sums = tf.while_loop(
        lambda i, *_: i < tf.size(steps), step, (tf.constant(0), table, rows, all_sums)
    )
    by_step = tf.unstack(all_sums.stack(), axis=1)  # [steps] each
    state = living_cells.to_image(cells, table, tf.shape(images))
    return tf.nest.pack_sequence_as(_STRUCTURE, by_step), state
