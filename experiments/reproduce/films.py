"""The article's films and its banner with our models: runs, internal states, 144 digits.

Rolls samples out and writes the frames that `pictures/film_frames.py` draws. The report links the
files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import logging

from selforg_mnist import spec
from selforg_mnist.cells import trajectory
from selforg_mnist.data.digits import Digits, subset
from selforg_mnist.evaluation import evaluation_report
from selforg_mnist.model import CAModel
from selforg_mnist.pictures import film_frames, films
from selforg_mnist.readers.rule_arrays import LoadedModel

# Samples of the article's film and of its banner.
_RUNS = 100
_BANNER = 144
# For pages: few samples and a time-lapse, so that the file stays small.
_SMALL_RUNS = 40
# The number of digits that one sample becomes, one after the other, and its CA steps as each.
_TURNS = 6
_SMALL_TURNS = 2
_STEPS_EACH = 150
_FPS = 25


def make(
    models: Mapping[str, LoadedModel],
    digits: Digits,
    output_dir: Path,
    steps: int,
    seed: int,
    whole: bool = True,
) -> list[Path]:
    """Makes the films of all models; the digits are the same for each.

    For each model `output_dir` gets, if `whole`, NAME/runs and NAME/internal_states, in the best
    format that this machine can write; small GIFs of both, for pages; and NAME/digits.png.

    Returns:
      paths: of what was written.
    """
    many, few, banner, turns = (
        subset(digits, min(count, len(digits)), seed % 2**64).gray()
        for count in (_RUNS, _SMALL_RUNS, _BANNER, _TURNS)
    )
    # Each digit turns into its neighbour in the set.
    turned = [[gray, np.roll(gray, 1, axis=0)] for gray in (many, few)]
    written = []
    for name, loaded in models.items():
        model, suffix = loaded.model, films.best_suffix()
        reels = {
            "runs_small.gif": _runs(model, turned[1], steps, seed, factor=8),
            "internal_states_small.gif": _internal_states(model, turns[:_SMALL_TURNS], seed),
        }
        if whole:
            reels[f"runs{suffix}"] = _runs(model, turned[0], steps, seed, factor=1)
            reels[f"internal_states{suffix}"] = _internal_states(model, turns, seed)
        for file, frames in reels.items():
            written.append(films.write(frames, output_dir / name / file, _FPS))
        *_, state = trajectory.states(model, banner, steps, seed)
        picture = film_frames.digit_mosaic(banner, state[..., -spec.NUM_CLASSES :])
        written.append(output_dir / name / "digits.png")
        evaluation_report.save_picture(written[-1], picture)
        logging.info("Films of %s are done.", name)
    return written


def _runs(
    model: CAModel, grays: Sequence[np.ndarray], steps: int, seed: int, factor: int
) -> Iterator[np.ndarray]:
    """Frames of a mosaic of runs; `factor` is the factor of `film_frames.time_lapse`."""
    mutations = [steps * i for i in range(1, len(grays))]
    total = steps * len(grays)
    shown = set(film_frames.time_lapse(total, mutations, slow=min(steps, 40), factor=factor))
    for step, gray, state in trajectory.states_of_phases(model, grays, steps, seed):
        if step in shown:
            logits = state[..., -spec.NUM_CLASSES :]
            yield film_frames.runs(gray, logits, step, total, mutations, columns=10)


def _internal_states(model: CAModel, grays: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """Frames of one sample's channels while it is one digit after another; grays: [N, H, W]."""
    mutations = [_STEPS_EACH * i for i in range(1, len(grays))]
    total = _STEPS_EACH * len(grays)
    shown = set(film_frames.time_lapse(total, mutations))
    for step, gray, state in trajectory.states_of_phases(
        model, [*grays[:, None]], _STEPS_EACH, seed
    ):
        if step in shown:
            yield film_frames.internal_states(gray[0], state[0], step, total, mutations)
