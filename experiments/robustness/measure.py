"""Measures the robustness studies: shows their pictures to cells and counts their answers.

Follows the article's section "Experiments": cell accuracy, total agreement, magnitudes. Tables
and figures are in `report.py`, `figures.py` and `pages.py`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from absl import logging

from experiments.robustness import chimeras
from experiments.robustness.chimeras import ChimeraResult, Chimeras
from experiments.robustness.studies import Study, View
from selforg_mnist import spec
from selforg_mnist.cells import trajectory
from selforg_mnist.data import pieces
from selforg_mnist.data.digits import gray_levels
from selforg_mnist.evaluation import evaluation
from selforg_mnist.model import CAModel

_BATCH = 75  # small enough that batches of large digits fit into the cores' caches


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Numbers of one model, in one study, at one strength, after one CA step; shares in percent.

    The numbers from `cell_accuracy` on are those of `evaluation.Curves`.
    """

    study: str  # its name
    strength: float  # of the change
    model: str  # its name
    phase: str  # name of the phase
    step: int  # CA steps since the phase began
    num_samples: int  # digits counted: those with a living cell
    in_one_piece: float  # share of the shown digits whose living cells are all connected
    cell_accuracy: float
    total_agreement: float
    correct_agreement: float
    state_magnitude: float
    residual_magnitude: float


def measure_all(
    models: Mapping[str, CAModel],
    studies: Sequence[Study],
    groups: Sequence[Chimeras],
    steps: int,
    seed: int,
) -> tuple[list[Measurement], list[ChimeraResult], list[list[np.ndarray]]]:
    """Measures all studies and chimeras, and logs the progress.

    Returns:
      rows: of the studies; for each study, all models.
      outcomes: of the chimeras; for each model, all kinds.
      ends: for each model and kind of chimera, [N, H, W, 10] float32, the logits at the end.
    """
    rows: list[Measurement] = []
    outcomes: list[ChimeraResult] = []
    ends: list[list[np.ndarray]] = []
    work = {study.name: study.work() for study in studies}
    work["chimeras"] = sum(group.work(steps) for group in groups)
    began, total, done = time.perf_counter(), len(models) * sum(work.values()), 0

    def log(what: str, name: str) -> None:
        nonlocal done
        done += work[what]
        left = (time.perf_counter() - began) * (total / done - 1)
        share = 100 * done / total
        logging.info("%s, %s: %.0f%% done, about %.0f s left.", what, name, share, left)

    for study in studies:
        for name, model in models.items():
            rows += measure(study, name, model, seed)
            log(study.name, name)
    for name, model in models.items() if groups else ():
        measured, logits = chimeras.measure(groups, name, model, steps, seed)
        outcomes += measured
        ends.append(logits)
        log("chimeras", name)
    return rows, outcomes, ends


def measure(study: Study, name: str, model: CAModel, seed: int) -> Iterator[Measurement]:
    """Rolls a study's digits out and yields the numbers at its marks.

    They are in the order of strength, phase and step. The seed of the fire masks and the noise is
    the same for all strengths.
    """
    for strength, phases in study.cases.items():
        curves = evaluation.evaluate_phases(model, phases, seed, _BATCH)
        for number, (phase, curve) in enumerate(zip(phases, curves, strict=True)):
            whole = 100 * float(pieces.connected(phase.images).mean())
            for step in study.kept(number):
                i = step - 1
                yield Measurement(
                    study.name,
                    strength,
                    name,
                    study.phases[number],
                    step,
                    curve.num_samples,
                    whole,
                    100 * float(curve.cell_accuracy[i]),
                    100 * float(curve.total_agreement[i]),
                    100 * float(curve.correct_agreement[i]),
                    float(curve.state_magnitude[i]),
                    float(curve.residual_magnitude[i]),
                )


def at_view(study: Study, view: View, rows: Sequence[Measurement]) -> list[Measurement]:
    """The rows that a view shows: one for each strength, or for each step of a long run."""
    own = [r for r in rows if r.study == study.name and r.phase == study.phases[view.phase]]
    return own if study.over_steps else [r for r in own if r.step == view.step]


def logits_at_views(
    study: Study, strengths: Sequence[float], picked: np.ndarray, model: CAModel, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What the cells of a few digits say, at all views of a study.

    Args:
      study: what to show.
      strengths: some of the study's strengths.
      picked: [K] integers, the indices of the digits to show.
      model: whose rule, fire rate and noise are used.
      seed: of the fire masks and the noise.

    Yields:
      for each view, in order:
      gray: [S, K, H, W] float32 in [0, 1], by strength.
      logits: [S, K, H, W, 10] float32.
    """
    state, done = None, 0
    shown = [study.cases[strength] for strength in strengths]
    for number, phases in enumerate(zip(*shown, strict=True)):
        images = np.concatenate([phase.images[picked] for phase in phases])
        gray = gray_levels(images)
        if state is not None:
            kept = [
                np.ones_like(p.images[picked], bool) if p.keep is None else p.keep[picked]
                for p in phases
            ]
            state = np.where(np.concatenate(kept)[..., None], state, np.float32(0))
        views = [view.step for view in study.views if view.phase == number]
        steps = phases[0].steps
        for step, now in enumerate(trajectory.states(model, gray, steps, seed, state, done), 1):
            state = now
            if step in views:
                split = (len(strengths), -1, *gray.shape[1:])
                logits = state[..., -spec.NUM_CLASSES :].reshape(*split, spec.NUM_CLASSES)
                yield gray.reshape(split), logits
        done += steps
