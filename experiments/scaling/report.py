"""The scaling report's files: scaling.json, scaling.md with a table for each study, scaling.png.

Measuring is in `measure.py`, drawing in `figure.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import markdown
from experiments.scaling import figure
from experiments.scaling.measure import Timing
from selforg_mnist import output_files
from selforg_mnist.evaluation import evaluation_report

FILES = ("scaling.json", "scaling.png", "scaling.md")  # scaling.md last: it shows the figure

_Column = tuple[str, Callable[[Timing], str]]
_BATCH: _Column = ("batch", lambda row: f"{row.batch}")
_TITLES: dict[str, str] = {
    "batch": "A growing batch of single digits, {canvas} x {canvas}",
    "canvas": "One digit on a growing canvas, batch {batch}",
    "living": "More and more digits on a canvas of {canvas} x {canvas}, batch {batch}",
    "replicas": "Replicas that share a batch and these cores, {canvas} x {canvas}",
}
_VARIED: dict[str, tuple[_Column, ...]] = {
    "batch": (("engine", lambda row: row.engine), _BATCH),
    "canvas": (("canvas", lambda row: f"{row.canvas} x {row.canvas}"),),
    "living": (("digits", lambda row: f"{row.digits}"),),
    "replicas": (_BATCH, ("replicas", lambda row: f"{row.replicas}")),
}
_MEASURED: tuple[_Column, ...] = (
    ("living share", lambda row: f"{row.living_share:.2%}"),
    ("firing cells per CA step", lambda row: f"{row.firing_cells:,.0f}"),
    ("steps/s (slowest-fastest)", lambda row: _rates(row)),
    ("ms per step", lambda row: f"{row.ms:,.1f}"),
    ("reference, ms", lambda row: _or_none(row.reference_ms, ",.1f")),
    ("x reference", lambda row: _or_none(row.ratio, ".1f")),
    ("MB", lambda row: f"{row.peak_mb:,}"),
    ("reference, MB", lambda row: _or_none(row.reference_peak_mb, ",")),
)


def write(output_dir: Path, about: Mapping[str, Any], rows: Sequence[Timing]) -> None:
    """Writes all `FILES`; `about` holds command, machine, data and settings, plain values."""
    document = {**about, "rows": [dataclasses.asdict(row) for row in rows]}
    output_files.write_json(output_dir / "scaling.json", document, indent=1)
    evaluation_report.save_picture(output_dir / "scaling.png", figure.draw(rows))
    output_files.write_text(output_dir / "scaling.md", text(about, rows))


def text(about: Mapping[str, Any], rows: Sequence[Timing]) -> str:
    """The report as Markdown; arguments as in `write`."""
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    parts = [
        "# A training step's time against batch, canvas, living cells and replicas",
        f"`{about['command']}`",
        f"- Machine: {about['cores']} cores, {about['machine']}; {versions}.\n"
        f"- Digits: {about['dataset']}.\n"
        f"- Experiment {about['experiment']}, {about['rollout_steps']} CA steps per training "
        f"step. Figures are medians of {about['rounds']} rounds of {about['seconds']:g} s or "
        "more. Each round also times the dense reference "
        "(`experiments/scaling/dense_reference.py`) at the same batch size. *x reference* is the "
        "median of the rounds' ratios.\n"
        "- The living engine has one thread per lane, as `selforg_mnist.train` sets it. The other "
        "engines and the reference have TensorFlow's own thread counts. MB: peak memory of the "
        "process, including TensorFlow and the digits.",
        "![Time against canvas, firing cells and batch](scaling.png)",
    ]
    for study, title in _TITLES.items():
        own = [row for row in rows if row.study == study]
        if own:
            heading = title.format(batch=own[0].batch, canvas=own[0].canvas)
            parts += [f"## {heading}", _table(own, study)]
        if own and study != "replicas":  # there nothing grows from row to row
            parts.append(_growth([row for row in own if row.engine == "living"]))
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Timing], study: str) -> str:
    columns = (*_VARIED[study], *_MEASURED)
    lines = [[cell(row) for _, cell in columns] for row in rows]
    return markdown.table([[head for head, _ in columns], *lines])


def _growth(rows: Sequence[Timing]) -> str:
    """By which factors things grew from the first row to the last."""
    first, last = rows[0], rows[-1]
    factors = {
        "pixels": last.batch * last.canvas**2 / (first.batch * first.canvas**2),
        "firing cells": last.firing_cells / first.firing_cells,
        "the living engine's time": last.ms / first.ms,
    }
    if first.reference_ms and last.reference_ms:
        factors["the reference's time"] = last.reference_ms / first.reference_ms
    words = ", ".join(f"{name} x {factor:.1f}" for name, factor in factors.items())
    return f"From the living engine's first row to its last: {words}."


def _rates(row: Timing) -> str:
    return f"{row.steps_per_second:.2f} ({row.slowest:.2f}-{row.fastest:.2f})"


def _or_none(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"
