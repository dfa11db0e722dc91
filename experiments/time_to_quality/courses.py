"""The course of a run: accuracy and agreement of its evaluations, against minutes of training."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from selforg_mnist.errors import UserError
from selforg_mnist.evaluation import article
from selforg_mnist.training import event_files

_ROW = article.TABLE["l2_noise"]
ARTICLE = {"cell accuracy": _ROW.accuracy_at_end.value, "agreement": _ROW.agreement_at_end.value}
TAGS = {
    "cell accuracy": "evaluation/accuracy_at_end",
    "agreement": "evaluation/agreement_at_end",
}
_RATE = "train/steps_per_second"
_BEST_SHARE = 10  # percent of the log lines, the fastest


class Course(NamedTuple):
    """How good a run became."""

    rate: float  # training steps a second
    steps: np.ndarray  # [evaluations], training steps
    shares: dict[str, np.ndarray]  # [evaluations] each, in percent

    @property
    def minutes(self) -> np.ndarray:
        """Minutes of training at each evaluation."""
        return self.steps / self.rate / 60

    def passes(self) -> int | None:
        """The first evaluation that has both of the article's values."""
        good = np.all([self.shares[name] >= ARTICLE[name] for name in TAGS], axis=0)
        return int(np.argmax(good)) if good.any() else None


def read(run_dir: Path) -> Course:
    """The course of a run.

    Raises:
      UserError: the folder has no log lines or no evaluations.
    """

    def scalars(folder: str, tag: str) -> np.ndarray:
        """The points of a tag, [N, 2]: training step and value."""
        points = [
            (event.step, float(tf.make_ndarray(value.tensor)))
            for path in event_files.find(run_dir / "tensorboard" / folder)
            for _, event in event_files.read(path)
            for value in event.summary.value
            if value.tag == tag
        ]
        if not points:
            raise UserError(f"{run_dir}: no {tag} in its TensorBoard files; expected a run folder")
        return np.array(points)

    rate = np.percentile(scalars("training", _RATE)[:, 1], 100 - _BEST_SHARE)
    found = {name: scalars("evaluation", tag) for name, tag in TAGS.items()}
    steps = found["agreement"][:, 0]
    return Course(float(rate), steps, {name: points[:, 1] for name, points in found.items()})
