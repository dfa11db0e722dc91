"""The report on local learning: tables, and two figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments import markdown
from selforg_mnist import output_files
from selforg_mnist.evaluation import evaluation_report
from selforg_mnist.pictures import figures

_SHARES = {
    "cell_accuracy": "cells right",
    "total_agreement": "digits whose cells agree",
    "correct_agreement": "agree and are right",
}
_LEFT = {
    "first_before": "0 to 4, just learnt",
    "second_after": "5 to 9, learnt after them",
    "first_after": "0 to 4, what is left",
    "first_before_of_five": "0 to 4, just learnt, choice of five",
    "first_after_of_five": "0 to 4, what is left, choice of five",
}


def write(folder: Path, found: Mapping[str, Any], about: Mapping[str, Any]) -> list[str]:
    """Writes report.md, local_learning.json and the figures."""
    output_files.write_json(folder / "local_learning.json", {"about": dict(about), **found})
    pictures = {"reach.png": _reach(found["cut_gradients"]), "forgetting.png": _left(found)}
    for name, picture in pictures.items():
        evaluation_report.save_picture(folder / name, picture)
    output_files.write_text(folder / "report.md", _page(found, about))
    return ["report.md", "local_learning.json", *pictures]


def cpu_of_a_step(run: Mapping[str, Any]) -> float:
    """Seconds of CPU time of a training step: the median over all stretches but the first.

    The first one compiles; it counts if it is the only one.
    """
    stretches = run["stretches"][1:] or run["stretches"]
    return float(np.median([each["cpu_seconds"] / each["steps"] for each in stretches]))


def _reach(runs: Mapping[str, Any]) -> np.ndarray:
    """Shares, courses of training, and cost against reach: [H, W, 3] uint8."""
    figure = Figure(figsize=(12, 3.8), dpi=80, layout="constrained")
    shares, courses, cost = figure.subplots(1, 3)
    reaches = [int(reach) for reach in runs]
    for key, title in _SHARES.items():
        shares.plot(reaches, [run[key] for run in runs.values()], "o-", label=title)
    shares.set_title("held-out digits")
    shares.set_ylabel("percent")
    for reach, run in runs.items():
        steps = [each["step"] for each in run["stretches"]]
        values = [each["cell_accuracy"] for each in run["stretches"]]
        courses.plot(steps, values, ".-", label=f"reach {reach}")
    courses.set_title("during training: cells right")
    courses.set_xlabel("training step")
    courses.set_ylabel("percent")
    cost.plot(reaches, [run["megabytes"] for run in runs.values()], "o-", label="memory, MB")
    times = [1000 * cpu_of_a_step(run) / 10 for run in runs.values()]
    cost.plot(reaches, times, "s--", label="CPU time, 10 ms")
    cost.set_title("cost of a training step")
    cost.set_ylim(bottom=0)
    for axes in (shares, cost):
        axes.set_xscale("log")
        axes.set_xticks(reaches, [str(reach) for reach in reaches])
        axes.minorticks_off()
        axes.set_xlabel("CA steps between two cuts")
    for axes in (shares, courses, cost):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
    return figures.pixels(figure)


def _left(found: Mapping[str, Any]) -> np.ndarray:
    """Bars: what each network knows before and after, [H, W, 3] uint8."""
    networks = found["forgetting"]
    figure = Figure(figsize=(9, 3.6), dpi=80, layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(_LEFT)
    for i, (key, title) in enumerate(_LEFT.items()):
        places = np.arange(len(networks)) + (i - (len(_LEFT) - 1) / 2) * width
        axes.bar(places, [each[key] for each in networks.values()], width, label=title)
    axes.set_xticks(range(len(networks)), list(networks))
    axes.set_ylabel("digits right, percent")
    axes.grid(alpha=0.3, axis="y")
    axes.set_axisbelow(True)
    figure.legend(loc="outside right upper", fontsize=9)
    return figures.pixels(figure)


def _page(found: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    runs = found["cut_gradients"]
    cut = [["CA steps between two cuts", *runs]]
    for key, title in _SHARES.items():
        cut.append([f"{title}, %", *(f"{run[key]:.1f}" for run in runs.values())])
    cut.append(["memory of gradients, MB", *(f"{run['megabytes']:.1f}" for run in runs.values())])
    times = (f"{1000 * cpu_of_a_step(run):.0f}" for run in runs.values())
    cut.append(["CPU time of a training step, ms", *times])
    for title, key in (("training", "seconds"), ("CPU time of it", "cpu_seconds")):
        sums = (sum(each[key] for each in run["stretches"]) for run in runs.values())
        cut.append([f"{title}, min", *(f"{seconds / 60:.1f}" for seconds in sums)])

    networks = found["without_cells"]["networks"]
    samples = list(next(iter(networks.values()))["accuracy"])
    learning = [["digits right, %, after", "weights", *(f"{int(n):,} digits" for n in samples)]]
    for name, each in networks.items():
        values = (f"{value:.1f}" for value in each["accuracy"].values())
        learning.append([name, f"{each['weights']:,}", *values])

    left = [["digits right, %", *found["forgetting"]]]
    for key, title in _LEFT.items():
        left.append([title, *(f"{each[key]:.1f}" for each in found["forgetting"].values())])
    seconds = (f"{each['seconds'] / 60:.1f}" for each in found["forgetting"].values())
    left.append(["duration, min", *seconds])
    return f"""# How far back must a cell learn?

{about["num_samples"]} test digits of {about["dataset"]}. Each CA is of the article's size, starts
from new weights and is trained as `l2_noise`: {about["train_steps"]:,} training steps of
{about["batch_size"]} samples, at the article's learning rate.

## Gradients that are cut

A training step takes {about["rollout_steps"]} CA steps. After every k of them a loss is taken and
the gradient is cut, so that a cell learns from at most k steps back. The gradients of all parts
are summed, normalised and used for one update of Adam. At k = {about["rollout_steps"]} this is the
article's training. Counted after {about["steps"]} CA steps:

{markdown.table(cut)}

![Shares, courses and cost against the CA steps between two cuts](reach.png)

Memory is what the backward pass of a batch needs at a time, counted from the cells that fire. Time
is the median over stretches of a training. Other programs ran on the same cores, so durations are
longer than the work.

## Without backpropagation

A dendritic gated network: each neuron is a linear regression of its own, and random half-spaces
of the picture choose its weights. The ordinary network has as many weights, one hidden layer,
cross-entropy and Adam. One pass over the digits in batches of 16:

{markdown.table(learning)}

## Forgetting

Each network learns digits 0 to 4, then digits 5 to 9 alone, from {about["samples"]:,} samples of
each half at most. A CA answers with the sum over its cells. *Choice of five* counts the answers
among 0 to 4 only.

{markdown.table(left)}

![What each network knows before and after](forgetting.png)

Made by `{about["command"]}` in {found["seconds"] / 60:.0f} min, of which
{found["cpu_seconds"] / 60:.0f} min of CPU time.
"""
