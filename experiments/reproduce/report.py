"""The report of a reproduction: report.md and the figures of all models together.

Compares what was measured with the article's figures; measures nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from experiments import markdown
from selforg_mnist import output_files, startup
from selforg_mnist.data.digits import Digits
from selforg_mnist.evaluation import article, evaluation_report
from selforg_mnist.evaluation.article import TableRow
from selforg_mnist.evaluation.evaluation import Curves
from selforg_mnist.evaluation.evaluation_report import save_picture
from selforg_mnist.pictures import figures
from selforg_mnist.readers.rule_arrays import LoadedModel

_WITHIN = 1.0  # points that a value may be below the article's


class Reproduction(NamedTuple):
    """What was done and measured."""

    models: Mapping[str, LoadedModel]  # by name
    digits: Digits  # that they classified
    curves: Mapping[str, Sequence[Curves]]  # before and after the mutation, by model
    films: Sequence[Path]  # films and pictures
    seed: int  # of the evaluation

    @property
    def steps(self) -> int:
        """CA steps of each phase."""
        return next(iter(self.curves.values()))[0].steps


def write(output_dir: Path, done: Reproduction) -> Path:
    """Writes report.md, accuracy_and_agreement.png, magnitudes.png and ce_magnitude.png.

    The folder already holds the films and the evaluations of the models.

    Returns:
      path: of the report.
    """
    joined = {
        article.TITLES[name]: evaluation_report.joined(phases)
        for name, phases in done.curves.items()
    }
    mutations = [done.steps]
    title = article.TITLES["ce"]
    pictures = {
        "accuracy_and_agreement": figures.accuracy_and_agreement(joined, mutations),
        "magnitudes": figures.magnitudes(joined, mutations),
        "ce_magnitude": figures.magnitudes({title: joined[title]}, mutations, log=False),
    }
    for name, picture in pictures.items():
        save_picture(output_dir / f"{name}.png", picture)
    path = output_dir / "report.md"
    output_files.write_text(path, _text(output_dir, done))
    return path


def _text(output_dir: Path, done: Reproduction) -> str:
    digits, curves, steps = done.digits, done.curves, done.steps
    versions = ", ".join(f"{name} {version}" for name, version in startup.versions().items())
    rows = {}
    for name, phases in curves.items():
        for phase, row in evaluation_report.rows(phases).items():
            rows[f"{name}, {phase.replace('_', ' ')}"] = row
        rows[f"article: {article.TITLES[name]}"] = article.TABLE[name]
    parts = [
        '# "Self-classifying MNIST Digits", reproduced',
        f"Made by `python -m experiments.reproduce`, seed {done.seed}: {len(digits)} test digits "
        f"of `{digits.source}`, {steps} CA steps, then every digit is mutated into another one, "
        f"and {steps} more steps. Versions: {versions}.",
        *_warning(digits, steps),
        "The models:",
        "\n".join(f"- `{name}`: {loaded.source}" for name, loaded in done.models.items()),
        "## The table",
        "Values are in percent, each with its CA step. *Agreeing and right*: all cells of a digit "
        "give its label. The article doesn't report this value.",
        evaluation_report.table(rows),
        "Our values minus the article's, in points, before the mutation:",
        _differences(curves),
        "## Accuracy and agreement",
        "![Cell accuracy and total agreement over CA steps](accuracy_and_agreement.png)",
        "## Magnitudes",
        "State: mean |state| over living cells and 19 channels. Residual: mean |state change| "
        "over the living cells that fired. The article's values are read from its figure.",
        _magnitudes(curves, steps),
        "![Magnitudes of states and residuals over CA steps](magnitudes.png)",
        "![Magnitudes under cross-entropy, linear axis](ce_magnitude.png)",
    ]
    if done.films:
        parts += ["## Films and pictures", *_gallery(done.films, output_dir)]
    return "\n\n".join(parts) + "\n"


def _warning(digits: Digits, steps: int) -> list[str]:
    if digits.source == "mnist" and len(digits) == 10_000 and steps == 200:
        return []
    return [
        f"**Not the article's protocol**, which is all 10,000 test digits of MNIST and 200 steps. "
        f"These digits are: {digits.note}."
    ]


def _differences(curves: Mapping[str, Sequence[Curves]]) -> str:
    names = [f.name for f in fields(TableRow) if f.name != "correct_agreement_at_end"]
    lines = []
    for name, phases in curves.items():
        ours, theirs = evaluation_report.row(phases[0]), article.TABLE[name]
        points = [getattr(ours, f).value - getattr(theirs, f).value for f in names]
        kept = "yes" if min(points) >= -_WITHIN else "no"
        lines.append([name, *(f"{p:+.1f}" for p in points), kept])
    heads = ["model", *(name.replace("_", " ") for name in names), "within a point, or better"]
    return markdown.table([heads, *lines])


def _magnitudes(curves: Mapping[str, Sequence[Curves]], steps: int) -> str:
    lines = []
    for name, phases in curves.items():
        theirs = article.MAGNITUDES[name]
        for phase, part in zip(evaluation_report.PHASES, phases, strict=False):
            state, residual = part.state_magnitude, part.residual_magnitude
            ours = [f"{values[i]:.3g}" for values in (state, residual) for i in (0, -1)]
            lines.append([f"{name}, {phase.replace('_', ' ')}", *ours])
        magnitudes = ["", f"{theirs.state:g}", "", f"{theirs.residual:g}"]
        lines.append([f"article: {article.TITLES[name]}", *magnitudes])
    whens = ("at the first step", "at the last step")
    ends = [f"{what} {when}" for what in ("state", "residual") for when in whens]
    return markdown.table([[f"model, {steps} steps", *ends], *lines])


def _gallery(films: Sequence[Path], output_dir: Path) -> list[str]:
    """Pictures and small films shown, the others linked."""
    shown, linked = [], []
    for path in films:
        place = path.relative_to(output_dir).as_posix()
        caption = f"{path.parent.name}: {path.stem.removesuffix('_small').replace('_', ' ')}"
        if path.suffix in (".png", ".gif"):
            shown.append(f"{caption}\n\n![{caption}]({place})")
        else:
            linked.append(f"- [{caption}]({place})")
    return [*shown, "\n".join(linked)] if linked else shown
