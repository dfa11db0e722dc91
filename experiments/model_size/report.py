"""The report on model size: a table and a figure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments import markdown
from experiments.model_size.measure import Result, Settings, spread
from experiments.model_size.sizes import CONSENSUS
from selforg_mnist import output_files, spec, startup
from selforg_mnist.evaluation import evaluation_report
from selforg_mnist.pictures import figures

_SHARES = {
    "cell_accuracy": "cells right",
    "total_agreement": "agree",
    "correct_agreement": "agree and are right",
}


def write(folder: Path, results: Sequence[Result], settings: Settings, batch_size: int) -> None:
    """Writes report.md, model_size.json and model_size.png."""
    models = {f"{r.size[0]}x{r.size[1]}": r._asdict() for r in results}
    about = {
        "train_steps": settings.train_steps,
        "batch_size": batch_size,
        "samples": settings.train_steps * batch_size,
        "num_samples": len(settings.held_out),
        "steps": settings.steps,
        "rates": list(settings.rates),
        "dataset": settings.held_out.source,
        "versions": startup.versions(),
    }
    output_files.write_json(folder / "model_size.json", {"about": about, "models": models})
    evaluation_report.save_picture(folder / "model_size.png", _figure(results))
    output_files.write_text(folder / "report.md", _page(results, about, list(models)))


def correlation(results: Sequence[Result], key: str) -> float:
    """The correlation of a share with the logarithm of the number of parameters."""
    shares = [statistics.mean(getattr(r, key)) for r in results]
    return float(np.corrcoef(np.log([r.parameters for r in results]), shares)[0, 1])


def _families(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Models that differ in width alone, and in channels alone, in the order of their size."""
    families = {
        f"{spec.NUM_CHANNELS} channels": [r for r in results if r.size[0] == spec.NUM_CHANNELS],
        f"{spec.HIDDEN_CHANNELS} hidden": [
            r for r in results if r.size[1] == spec.HIDDEN_CHANNELS
        ],
    }
    return {
        name: sorted(family, key=lambda r: r.parameters)
        for name, family in families.items()
        if len(family) > 1
    }


def _figure(results: Sequence[Result]) -> np.ndarray:
    """Each share against the number of parameters: [H, W, 3] uint8."""
    figure = Figure(figsize=(11, 3.8), dpi=80, layout="constrained")
    families = _families(results) or {"": list(results)}
    for panel, (key, title) in zip(figure.subplots(1, 3), _SHARES.items(), strict=True):
        for name, family in families.items():
            values = [getattr(r, key) for r in family]
            means = [statistics.mean(each) for each in values]
            errors = [spread(each) or 0.0 for each in values]
            sizes = [r.parameters for r in family]
            panel.errorbar(sizes, means, errors, marker="o", capsize=3, label=name)
        panel.set_xscale("log")
        sizes = sorted(r.parameters for r in results)
        panel.set_xticks(sizes, [f"{size / 1000:.0f}" for size in sizes])
        panel.minorticks_off()
        panel.set_xlabel("thousand parameters")
        panel.set_title(f"{title}, %", fontsize=11)
        panel.grid(alpha=0.3)
    if any(families):  # that have a name
        panel.legend(fontsize=9)
    return figures.pixels(figure)


def _page(results: Sequence[Result], about: dict[str, Any], models: Sequence[str]) -> str:
    lines = [
        [
            *("channels", "hidden", "parameters", "multiplications", "learning rate", "seeds"),
            *(f"{title}, %" for title in _SHARES.values()),
            "training, min",
        ]
    ]
    for r in sorted(results, key=lambda r: r.parameters):
        shares = [_with_spread(getattr(r, key)) for key in _SHARES]
        lines.append(
            [
                *map(str, r.size),
                f"{r.parameters:,}",
                f"{r.multiplications:,}",
                f"{r.rate:g}",
                str(len(r.cell_accuracy)),
                *shares,
                f"{r.minutes:.1f}",
            ]
        )
    tuning = ""
    if any(r.rates for r in results):
        tried = [["cells right, % after the short trainings", *map(str, results[0].rates)]]
        for r in results:
            name = f"{r.size[0]} channels, {r.size[1]} hidden"
            tried.append([name, *(f"{share:.1f}" for share in r.rates.values())])
        tuning = (
            "Each size was first trained for a quarter as long at several learning rates, and "
            "judged on training\ndigits that were kept back. The best rate was then used for the "
            f"whole training.\n\n{markdown.table(tried)}\n\n"
        )
    correlations = (
        "Correlation with the logarithm of the number of parameters: "
        + ", ".join(f"{title} {correlation(results, k):.2f}" for k, title in _SHARES.items())
        + ".\n\n"
        if len(results) > 2
        else ""
    )
    return f"""# Model size

The article suspects "a positive correlation between accuracy and model size". The cell was trained
in {len(results)} size{"s" * (len(results) > 1)}, as the experiment `quick` with
`--consensus={CONSENSUS}`, on {about["samples"]:,} samples each
({about["train_steps"]:,} training steps of {about["batch_size"]}).
{about["num_samples"]:,} test digits of {about["dataset"]}, after {about["steps"]} CA steps.
*Multiplications* are those of a cell that fires. *Training* is the number of training steps
divided by the run's best rate, so that pauses and other programs don't count. Where there are
several seeds: the mean and the standard deviation.

{markdown.table(lines)}

{correlations}![Shares against parameters](model_size.png)

{tuning}Made by `python -m experiments.model_size --dataset={about["dataset"]}
--sizes={",".join(models)} --rates={",".join(map(str, about["rates"]))}
--train_steps={about["train_steps"]} --num_samples={about["num_samples"]} --output_dir=...`.
"""


def _with_spread(values: Sequence[float]) -> str:
    deviation = spread(values)
    mean = f"{statistics.mean(values):.1f}"
    return mean if deviation is None else f"{mean} ± {deviation:.1f}"
