"""What an evaluation leaves on disk and on the screen: summary.json, curves.csv, figures, table.

All shares are in percent here, in both files and in the table. CA steps are counted from the
start of the first phase, in the files and in the figures: after 200 steps and the mutation, the
next step is 201. Measuring is in `evaluation.py`, the article's own rows are in `article.py`.
"""

from __future__ import annotations

import dataclasses
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from selforg_mnist import output_files
from selforg_mnist.data.digits import Digits, describe_digits
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation import article, evaluation
from selforg_mnist.evaluation.article import Peak, TableRow
from selforg_mnist.evaluation.evaluation import Curves
from selforg_mnist.pictures import figures
from selforg_mnist.readers.rule_arrays import LoadedModel
from selforg_mnist.startup import versions

PHASES = ("before_mutation", "after_mutation")
FIELDS = tuple(f.name for f in dataclasses.fields(Curves) if f.name != "num_samples")
FILES = ("summary.json", "curves.csv", "accuracy_and_agreement.png", "magnitudes.png")
_PERCENT = ("cell_accuracy", "total_agreement", "correct_agreement")
_HEADS = (
    "model",
    "top accuracy",
    "accuracy at the end",
    "top agreement",
    "agreement at the end",
    "agreeing and right at the end",
)


def row(curves: Curves, steps_before: int = 0) -> TableRow:
    """The table's row of one phase, after `steps_before` CA steps.

    It has the two maxima, each with the first CA step that reaches it, and the values at the end.
    """

    def top(shares: np.ndarray) -> Peak:
        best = int(np.argmax(shares))
        return Peak(100 * float(shares[best]), steps_before + best + 1)

    def end(shares: np.ndarray) -> Peak:
        return Peak(100 * float(shares[-1]), steps_before + len(shares))

    return TableRow(
        top_accuracy=top(curves.cell_accuracy),
        accuracy_at_end=end(curves.cell_accuracy),
        top_agreement=top(curves.total_agreement),
        agreement_at_end=end(curves.total_agreement),
        correct_agreement_at_end=end(curves.correct_agreement),
    )


def rows(phases: Sequence[Curves]) -> dict[str, TableRow]:
    """The rows of `before_mutation` and, where there is a second phase, `after_mutation`."""
    starts = np.cumsum([0, *(curves.steps for curves in phases)])
    return {
        name: row(curves, int(start))
        for name, curves, start in zip(PHASES, phases, starts, strict=False)
    }


def joined(phases: Sequence[Curves]) -> dict[str, np.ndarray]:
    """The curves of all phases, one after the other: by field, [steps] float64, in percent."""
    return {
        field: (100 if field in _PERCENT else 1)
        * np.concatenate([getattr(curves, field) for curves in phases])
        for field in FIELDS
    }


def table(rows: Mapping[str, TableRow]) -> str:
    """The article's table in Markdown, with aligned columns, so that it is readable as text too.

    It has a line for each model. Values are in percent, to one decimal, each with its CA step.
    """
    lines = [list(_HEADS)]
    for name, row in rows.items():
        peaks = (getattr(row, field.name) for field in dataclasses.fields(row))
        lines.append([name, *(f"{p.value:.1f} at {p.step}" if p else "" for p in peaks)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[f"{c:{w}}" for c, w in zip(line, widths, strict=True)] for line in lines]
    padded.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def beside_the_article(name: str, phases: Sequence[Curves], experiment: str | None) -> str:
    """A table of a model's rows and the article's row of its experiment.

    If the article doesn't have the experiment, the table has all rows of the article.
    """
    ours = {f"{name}, {phase.replace('_', ' ')}": r for phase, r in rows(phases).items()}
    names = [experiment] if experiment in article.TABLE else list(article.TABLE)
    return table(ours | {f"article: {article.TITLES[n]}": article.TABLE[n] for n in names})


def measure(
    loaded: LoadedModel,
    digits: Digits,
    output_dir: Path,
    steps: int = 200,
    mutate: bool = True,
    seed: int = 0,
    batch_size: int = 250,
) -> list[Curves]:
    """Evaluates a model by the article's protocol and writes what it finds.

    Writes summary.json, curves.csv, accuracy_and_agreement.png and magnitudes.png, and replaces
    files of these names. Shows its progress on a terminal.

    Returns:
      phases: the curves before and, with `mutate`, after the mutation.

    Raises:
      UserError: a file can't be written (an earlier one then stays as it was), or there are too
        few digits to mutate one into another.
    """
    if mutate and len(digits) < 2:
        raise UserError(f"num_samples={len(digits)}: expected 2 or more, to mutate them")
    output_files.make_folder(output_dir)  # if this fails, it fails before minutes of work
    shown = [digits, evaluation.mutated(digits, seed)] if mutate else [digits]
    phases = [evaluation.Phase(d.images, d.labels, steps) for d in shown]
    began = time.perf_counter()
    work = len(digits) * steps * len(phases)
    with tqdm(total=work, desc=loaded.name, unit="step", unit_scale=True, disable=None) as bar:
        curves = evaluation.evaluate_phases(loaded.model, phases, seed, batch_size, bar.update)
    about = {
        "num_samples": curves[0].num_samples,
        "steps": steps,
        "weights": loaded.given,
        "dataset": digits.source,
        "seed": seed,
        # Without the note of the digits, which names folders of this machine.
        "digits_sha256": describe_digits(digits)["sha256"],
        "fire_rate": loaded.model.fire_rate,
        "residual_noise": loaded.model.residual_noise,
        "seconds": round(time.perf_counter() - began, 1),
        "versions": versions(),
    }
    _write(output_dir, about, article.TITLES.get(loaded.name, loaded.name), curves)
    return curves


def _write(
    output_dir: Path, about: Mapping[str, Any], title: str, phases: Sequence[Curves]
) -> None:
    curves = joined(phases)
    mutations = [phases[0].steps] if len(phases) > 1 else []
    measured = {name: dataclasses.asdict(row) for name, row in rows(phases).items()}
    picture = figures.accuracy_and_agreement({title: curves}, mutations)
    save_picture(output_dir / "accuracy_and_agreement.png", picture)
    save_picture(output_dir / "magnitudes.png", figures.magnitudes({title: curves}, mutations))
    output_files.write_text(output_dir / "curves.csv", to_csv(curves))
    output_files.write_json(output_dir / "summary.json", {**about, **measured})


def to_csv(curves: Mapping[str, np.ndarray]) -> str:
    """The curves of `joined` as CSV, one line per CA step, from step 1 on."""
    text = io.StringIO()
    steps = np.arange(1, len(curves[FIELDS[0]]) + 1)
    columns = np.column_stack([steps, *(curves[field] for field in FIELDS)])
    np.savetxt(text, columns, "%.6g", ",", header=",".join(["step", *FIELDS]), comments="")
    return text.getvalue()


def save_picture(path: Path, picture: np.ndarray) -> None:
    """Writes a picture, [H, W, 3] or [H, W] uint8, as PNG; errors as in `replacing`."""
    with output_files.replacing(path) as partial:
        Image.fromarray(picture).save(partial, format="png", optimize=True)
