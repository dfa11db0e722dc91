"""What TensorBoard shows of a run: the tags, their units, and what happens on resuming.

Holds the table of scalars, the curves over CA steps as separate runs, the figure that overlays
them, mosaics of the pool, the configuration, and the HParams page. The outer loop decides when
something is shown. Measuring is in `evaluation/evaluation.py`, colouring in `pictures/render.py`.

Shares of cells and of samples are shown in percent, as in the article's table and figures.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorboard.plugins.hparams import api

from selforg_mnist import spec
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation.evaluation import Curves
from selforg_mnist.model import CAWeights
from selforg_mnist.pictures import figures, render
from selforg_mnist.training import event_files
from selforg_mnist.training.pool import Pool


class SummaryError(UserError):
    """Summaries can't be written."""


class _Scalar(NamedTuple):
    """How a number is shown in TensorBoard."""

    tag: str
    description: str
    factor: float = 1.0  # 100 makes a share a percentage


# By the names of the values that `RunSummaries.training` takes; x is the training step. Loss,
# accuracy, agreement, norms and the age of the batch are means over a stretch of training steps.
# The other values are those after its last step.
_TRAINING = {
    "loss": _Scalar("train/loss", "Loss of the last states of a rollout."),
    "cell_accuracy": _Scalar("train/cell_accuracy", "Living cells that are right, %.", 100),
    "total_agreement": _Scalar("train/total_agreement", "Samples whose cells agree, %.", 100),
    "learning_rate": _Scalar("train/learning_rate", "Adam's learning rate."),
    "steps_per_second": _Scalar("train/steps_per_second", "Training steps per second."),
    "batch_age": _Scalar("pool/batch_age", "Mean age of the batch when drawn."),
    "pool_age_mean": _Scalar("pool/age_mean", "Mean age of the pool's samples."),
    "pool_age_max": _Scalar("pool/age_max", "Age of the pool's oldest sample."),
}
# By field of `Curves`; x is the CA step.
_CURVES = {
    "cell_accuracy": _Scalar("curve/cell_accuracy", "Living cells that are right, %.", 100),
    "total_agreement": _Scalar("curve/total_agreement", "Digits whose cells agree, %.", 100),
    "correct_agreement": _Scalar("curve/correct_agreement", "Agreeing and right, %.", 100),
    "state_magnitude": _Scalar("curve/state_magnitude", "Mean |state| of living cells."),
    "residual_magnitude": _Scalar("curve/residual_magnitude", "Mean |change| of fired cells."),
}
_CURVES_FOLDER = re.compile(r"after_(\d+)_steps")


class RunSummaries(contextlib.AbstractContextManager):
    """Writes one run's summaries; a context manager.

    TensorBoard sees several runs in `log_dir`. In `training` and `evaluation`, x is the training
    step. The curves of some evaluations are separate runs such as `curves/after_003000_steps`,
    where x is the CA step, so that TensorBoard overlays them. These evaluations are the first one,
    then each one at twice the training steps of the one before, and the last one. All methods
    return when the data is on disk.

    Opened again at an earlier training step, as on resuming from a checkpoint, it first removes
    everything shown for later steps.

    Args:
      log_dir: TensorBoard's folder of the run; made where it is missing.
      step: training steps done.

    Raises:
      SummaryError: here and in all methods, the files can't be written.
    """

    def __init__(self, log_dir: Path, step: int = 0):
        self.log_dir = log_dir
        self._start = step
        self._curves: dict[int, dict[str, np.ndarray]] = {}  # by training step, then field
        with self._reporting():
            for name in ("training", "evaluation"):
                event_files.take_back(log_dir / name, step)
            for folder, after in _curve_folders(log_dir):
                if after > step:
                    shutil.rmtree(folder)
                elif (known := _read_curves(folder)) is not None:
                    self._curves[after] = known
            self._training = tf.summary.create_file_writer(str(log_dir / "training"))
            self._evaluation = tf.summary.create_file_writer(str(log_dir / "evaluation"))

    def training(self, step: int, values: Mapping[str, float], norms: Sequence[float]) -> None:
        """Shows how training goes, after `step` training steps; norms as `CAWeights`."""
        with self._writing(self._training):
            for name, value in values.items():
                _write_scalar(_TRAINING[name], value, step)
            for name, norm in zip(CAWeights._fields, norms, strict=True):
                shown = _Scalar(f"gradient_norm/{name}", "Norm before normalisation.")
                _write_scalar(shown, norm, step)

    def evaluation(self, step: int, curves: Curves) -> None:
        """Shows an evaluation after `step` training steps: results, curves and a figure."""
        self._curves[step] = {name: getattr(curves, name) for name in _CURVES}
        self._curves = {each: self._curves[each] for each in _spaced_by_doubling(self._curves)}
        figure = figures.curves_over_training(self._curves)
        folder = self.log_dir / "curves" / f"after_{step:06d}_steps"
        with self._reporting():
            if folder.exists():
                shutil.rmtree(folder)
            # With such a long queue all is written at once: a kill leaves no half of the curves.
            writer = tf.summary.create_file_writer(str(folder), max_queue=1_000_000)
            with writer.as_default():
                for name, values in self._curves[step].items():
                    for ca_step, value in enumerate(values, start=1):
                        _write_scalar(_CURVES[name], value, ca_step)
            writer.close()
            for other, after in _curve_folders(self.log_dir):
                if after not in self._curves:
                    shutil.rmtree(other)
        with self._writing(self._evaluation):
            for shown, value in _results(curves).items():
                _write_scalar(shown, value, step)
            caption = "Held-out digits; evaluations spaced by doubling, and the last."
            tf.summary.image("evaluation/curves", figure[None], step, description=caption)

    def mosaics(self, step: int, pool: Pool, before: Pool, after: Pool) -> None:
        """Shows samples in the colours of their cells' labels, with a bar of the true one.

        The batch is shown before and after its rollout, the pool sorted by label.
        """
        by_label = np.argsort(np.asarray(pool.labels), kind="stable")
        pictures = {
            "mosaic/batch_1_before": _picture(before, slice(None), scale=4),
            "mosaic/batch_2_after": _picture(after, slice(None), scale=4),
            "mosaic/pool": _picture(pool, by_label, scale=2),
        }
        caption = "Each cell in the colour of the label that it gives; bars: the true labels."
        with self._writing(self._training):
            for tag, picture in pictures.items():
                tf.summary.image(tag, picture[None], step, description=caption)

    def configuration(self, config: Mapping[str, Any]) -> None:
        """Shows the content of config.json as a page of text, again after each resuming.

        The page begins with the `note` of the dataset: results on other digits aren't the
        article's.
        """
        with self._writing(self._training):
            tf.summary.text("configuration", _to_markdown(config), self._start)

    def hparams(self, options: Mapping[str, Any]) -> None:
        """Adds the run to the HParams page, which compares all runs that TensorBoard sees.

        The page takes the latest results from `evaluation`, so call this once, at the start.
        There is no list of columns. The page finds all options and results itself, and shows
        first the options in which the runs differ.
        """
        plain = {
            name: value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
            for name, value in options.items()
        }
        with self._writing(self._evaluation):
            api.hparams(plain)

    def __exit__(self, *error: object) -> None:
        with self._reporting():
            self._training.close()
            self._evaluation.close()

    @contextlib.contextmanager
    def _writing(self, writer: tf.summary.SummaryWriter) -> Iterator[None]:
        """Directs summaries to a writer, and flushes it to its file at the end."""
        with self._reporting(), writer.as_default():
            yield

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turns a failure to write into a `SummaryError`.

        TensorFlow raises an error only once, and of any type, such as OutOfRangeError. After
        that it drops all data silently.
        """
        try:
            yield
        except (OSError, tf.errors.OpError) as error:
            reason = re.sub(r"^\{\{.*?\}\} ", "", str(error)).splitlines()[0]
            raise SummaryError(
                f"summaries in {self.log_dir}: can't be written ({reason}); make room or mend "
                "the folder, then start the same command again"
            ) from error


def _write_scalar(shown: _Scalar, value: float, step: int) -> None:
    tf.summary.scalar(shown.tag, shown.factor * value, step, description=shown.description)


def _results(curves: Curves) -> dict[_Scalar, float]:
    """The article's table row and other results; x is the training step."""
    accuracy, agreement = curves.cell_accuracy, curves.total_agreement
    percent = {
        "top_accuracy": ("Best cell accuracy of all CA steps", accuracy.max()),
        "accuracy_at_end": ("Cell accuracy at the last CA step", accuracy[-1]),
        "top_agreement": ("Best total agreement of all CA steps", agreement.max()),
        "agreement_at_end": ("Total agreement at the last CA step", agreement[-1]),
        "correct_agreement_at_end": ("Agreeing and right", curves.correct_agreement[-1]),
    }
    plain = {
        "top_accuracy_step": ("CA step of the best cell accuracy", accuracy.argmax() + 1),
        "top_agreement_step": ("CA step of the best total agreement", agreement.argmax() + 1),
        "state_magnitude_at_end": ("Mean |state|", curves.state_magnitude[-1]),
        "residual_magnitude_at_end": ("Mean |change|", curves.residual_magnitude[-1]),
    }
    return {
        **{_Scalar(f"evaluation/{n}", f"{d}, %.", 100): v for n, (d, v) in percent.items()},
        **{_Scalar(f"evaluation/{n}", f"{d}."): v for n, (d, v) in plain.items()},
    }


def _picture(samples: Pool, order: np.ndarray | slice, scale: int) -> np.ndarray:
    gray = np.asarray(samples.images)[order].astype(np.float32) / 255
    logits = np.asarray(samples.state)[order][..., -spec.NUM_CLASSES :]
    pictures = render.underline(render.colour(gray, logits), np.asarray(samples.labels)[order])
    tiles = render.mosaic(pictures, gap=3, scale=scale)
    return render.stack(render.legend(tiles.shape[1] // 11), tiles, gap=3 * scale)


def _to_markdown(config: Mapping[str, Any]) -> str:
    parts = []
    if note := config.get("dataset", {}).get("note"):
        parts.append(f"**Data: {note}**")
    for title, options in config.items():
        parts.append(f"### {title}\n\n| option | value |\n|---|---|")
        for name, value in options.items():
            text = value if isinstance(value, str) else json.dumps(value)
            parts[-1] += f"\n| {name} | {text.replace('|', '&#124;')} |"
    return "\n\n".join(parts)


def _spaced_by_doubling(steps: Iterable[int]) -> list[int]:
    """Picks the training steps whose curves are shown; more curves would be hard to tell apart."""
    *earlier, last = sorted(steps)
    kept: list[int] = []
    for step in earlier:
        if not kept or step >= 2 * kept[-1]:
            kept.append(step)
    return [*kept, last]


def _curve_folders(log_dir: Path) -> list[tuple[Path, int]]:
    found = [(p, _CURVES_FOLDER.fullmatch(p.name)) for p in (log_dir / "curves").glob("*")]
    return [(path, int(match[1])) for path, match in found if match]


def _read_curves(folder: Path) -> dict[str, np.ndarray] | None:
    """The curves that `RunSummaries.evaluation` wrote, or None if they are incomplete."""
    values: dict[str, list[float]] = {shown.tag: [] for shown in _CURVES.values()}
    for path in event_files.find(folder):
        for _, event in event_files.read(path):
            for value in event.summary.value:
                if value.tag in values:
                    values[value.tag].append(float(tf.make_ndarray(value.tensor)))
    if len({len(part) for part in values.values()}) != 1:
        return None
    return {name: np.array(values[s.tag]) / s.factor for name, s in _CURVES.items()}
