"""The files of the robustness studies: numbers as JSON and CSV, report.md and its pictures.

Shares are in percent everywhere. Nothing is measured here.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments import markdown
from experiments.robustness import figures
from experiments.robustness.chimeras import RECENT, ChimeraResult, title
from experiments.robustness.measure import Measurement, at_view
from experiments.robustness.studies import LONG_MARKS, Study, View
from selforg_mnist import output_files
from selforg_mnist.evaluation import evaluation_report

NUMBERS = ("robustness.json", "robustness.csv", "chimeras.csv")
PICTURES = ("curves.png", "mosaic.png", "chimeras.png")
FILES = (*NUMBERS, *PICTURES, "report.md")  # report.md last: it shows the others


class Results(NamedTuple):
    """Everything that was measured."""

    about: Mapping[str, Any]  # models, data and settings, plain values
    titles: Mapping[str, str]  # of the models, by name
    studies: Sequence[Study]  # in the order of the report
    rows: Sequence[Measurement]  # of all studies and models
    outcomes: Sequence[ChimeraResult]  # of all chimeras and models


def write(
    output_dir: Path, results: Results, mosaic: np.ndarray, chimeras: np.ndarray | None
) -> list[str]:
    """Writes all `FILES`; without chimeras, only the files of the other studies.

    Args:
      output_dir: made where it is missing; files of these names are replaced.
      results: what was measured.
      mosaic: [H, W, 3] uint8, coloured digits of all studies.
      chimeras: [H, W, 3] uint8, coloured chimeras, or None where there are none.

    Returns:
      names: of the files.

    Raises:
      UserError: a file can't be written; an earlier one then stays as it was.
    """
    rows, outcomes = (
        [dataclasses.asdict(each) for each in part] for part in (results.rows, results.outcomes)
    )
    document = {
        "about": dict(results.about),
        "studies": {
            study.name: {
                "title": study.views[0].title,
                "strength": study.axis,
                "rows": [row for row in rows if row["study"] == study.name],
            }
            for study in results.studies
        },
        "chimeras": outcomes,
    }
    output_files.write_json(output_dir / "robustness.json", _rounded(document), indent=1)
    output_files.write_text(output_dir / "robustness.csv", _csv(Measurement, rows))
    if chimeras is not None:
        output_files.write_text(output_dir / "chimeras.csv", _csv(ChimeraResult, outcomes))
    curves = figures.curves(results.studies, results.rows, results.titles)
    for name, picture in zip(PICTURES, (curves, mosaic, chimeras), strict=True):
        if picture is not None:
            evaluation_report.save_picture(output_dir / name, picture)
    output_files.write_text(output_dir / "report.md", _report(results))
    return [name for name in FILES if chimeras is not None or "chimeras" not in name]


def _rounded(value: Any) -> Any:
    """Plain values, fractions to six digits; None for numbers that JSON doesn't have."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, (list, tuple)) else value


def _csv(kind: type, rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    names = [field.name for field in dataclasses.fields(kind)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rounded(dict(row)) for row in rows)
    return text.getvalue()


def _report(results: Results) -> str:
    about = results.about
    models = "; ".join(f"{title} ({about['models'][n]})" for n, title in results.titles.items())
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    drawn = "the embedded set `drawn`, hand-made strokes that are NOT MNIST"
    digits = drawn if about["dataset"] == "drawn" else f"`{about['dataset']}`"
    parts = [
        "# Robustness of self-classifying digits",
        f"`{about['command']}`",
        f"- Models: {models}.\n"
        f"- Digits: {about['num_samples']} of the test set of {digits}, {about['long_samples']} "
        f"of them in long runs; another hand: {about['num_samples']} of {drawn}"
        + (f"; chimeras of each kind: {about['num_chimeras']}.\n" if results.outcomes else ".\n")
        + f"- {about['steps']} CA steps on each picture, seed {about['seed']}; {versions}.\n"
        '- The studies follow the article\'s section "Robustness" '
        "(doi:10.23915/distill.00027.002). Cells can't talk across a gap, so few digits that are "
        "not in one piece can agree.\n"
        "- Magnitudes are means over all cells. If the states of a few digits grow without end, "
        "these digits dominate the mean. Their labels can still be stable, because a label is an "
        "argmax.\n"
        "- All numbers, also after other CA steps than shown here: "
        "[robustness.json](robustness.json), [robustness.csv](robustness.csv)"
        + (", [chimeras.csv](chimeras.csv)." if results.outcomes else "."),
        "![Curves of all studies](curves.png)",
        "All shares are in percent, as *cells right / digits whose cells all agree / digits whose "
        "cells all agree and are right*.",
    ]
    for study in results.studies:
        for view in study.views:
            parts += [f"## {view.title}", _table(results, study, view)]
    if results.outcomes:
        parts += [
            "## Chimeras",
            "No answer is right. The article describes some chimeras that its authors drew. In "
            "those of 3 and 5, the 3 dominates. In those of 8 and 9, sections of both digits are "
            "classified correctly and oscillate. In those of 6 and 9 it is the same, but the 6 is "
            "taken for a 4. The table gives for each model, in percent:\n\n"
            "- chimeras *whose cells all give the first digit / the second digit / another label "
            "/ several labels*;\n"
            "- *cells of the first digit's part that give its label / the same for the second*;\n"
            "- the most frequent third label, and *the cells that give it*;\n"
            f"- *cells that gave another label within the last {RECENT} steps*.",
            _chimera_table(results),
            "![Chimeras](chimeras.png)",
        ]
    parts += [
        "## Some digits of each study",
        "The bar below a digit has the colour of its right label.",
        "![Digits](mosaic.png)",
    ]
    return "\n\n".join(parts) + "\n"


def _table(results: Results, study: Study, view: View) -> str:
    lines = [[study.axis, "in one piece", *results.titles.values()]]
    shown = {
        name: at_view(study, view, [row for row in results.rows if row.model == name])
        for name in results.titles
    }
    for rows in zip(*shown.values(), strict=True):
        if study.over_steps and rows[0].step not in (*LONG_MARKS, view.step):
            continue
        cells = [
            f"{row.cell_accuracy:.1f} / {row.total_agreement:.1f} / {row.correct_agreement:.1f}"
            for row in rows
        ]
        if study.over_steps:
            lines[0][2:] = [
                f"{title}; magnitude of state, of change" for title in results.titles.values()
            ]
            cells = [
                f"{text}; {row.state_magnitude:.3g}, {row.residual_magnitude:.3g}"
                for text, row in zip(cells, rows, strict=True)
            ]
        at = rows[0].step if study.over_steps else rows[0].strength
        lines.append([f"{at:g}", f"{rows[0].in_one_piece:.1f}", *cells])
    return markdown.table(lines)


def _chimera_table(results: Results) -> str:
    lines = [["chimera", *results.titles.values()]]
    by_group: dict[str, list[str]] = {}
    for outcome in results.outcomes:
        agreed = (
            outcome.agree_first,
            outcome.agree_second,
            outcome.agree_other,
            outcome.no_agreement,
        )
        parts = (outcome.first_part_right, outcome.second_part_right)
        texts = [" / ".join(f"{share:.0f}" for share in each) for each in (agreed, parts)]
        texts.append(f"{outcome.other_label}: {outcome.votes_other_label:.0f}")
        texts.append(f"{outcome.changing:.0f}")
        by_group.setdefault(title(outcome), []).append("; ".join(texts))
    return markdown.table(lines + [[name, *models] for name, models in by_group.items()])
