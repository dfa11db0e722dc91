"""The report on impostors: tables, curves, the digits that resist, and a film."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments import markdown
from experiments.impostors import film
from experiments.impostors.measure import Attack, chances
from experiments.study import Report
from selforg_mnist import output_files, spec
from selforg_mnist.data import pieces
from selforg_mnist.data.digits import Digits
from selforg_mnist.pictures import figures, render

_RESISTING = 48
_RESISTED = 0.05  # share of impostors
# The source's films: one pixel in ten for a while, and one in a hundred from the start.
_FILMED, _FILMED_FROM_START = 0.1, 0.01
_GROUPS = {"0": (0, 0), "1": (1, 1), "2": (2, 2), "3 to 5": (3, 5), "6 to 10": (6, 10)}
_LINES = {
    "before": "before: cells that say {target}",
    "right_before": "before: digits whose cells all say the true label",
    "cells": "with impostors: honest cells that say {target}",
    "digits": "with impostors: digits whose honest cells all say {target}",
    "right": "with impostors: honest cells that say the true label",
    "cells_after": "after: cells that say {target}",
    "right_after": "after: digits whose cells all say the true label",
}


def numbers_of(digits: Digits, attack: Attack) -> dict[str, Any]:
    """The numbers of one model in percent, of the digits that aren't the target themselves."""
    target, steps, others = attack.target, len(attack.votes[0]), digits.labels != attack.target
    last = 2 * steps // 3 - 1  # step with impostors
    numbers: dict[str, Any] = {"impostors": [round(100 * share, 4) for share in attack.shares]}
    numbers |= {key: [] for key in _LINES}
    for votes in attack.votes:
        ends = votes[[steps // 3 - 1, last, -1]][:, others].astype(int)  # [3, n, 10]
        right = ends[:, np.arange(others.sum()), digits.labels[others]]
        said, all_of = ends[..., target], ends.sum(axis=2)
        cells = said.sum(axis=1) / all_of.sum(axis=1)
        found = (
            cells[0],
            np.mean(right[0] == all_of[0]),
            cells[1],
            np.mean(said[1] == all_of[1]),
            right[1].sum() / all_of[1].sum(),
            cells[2],
            np.mean(right[2] == all_of[2]),
        )
        for key, value in zip(_LINES, found, strict=True):
            numbers[key].append(round(100 * float(value), 2))
    said = np.stack([attack.said(i)[last] for i in range(len(attack.shares))])  # [shares, N]
    counts, i = np.stack(attack.impostors), _nearest(attack)
    numbers["taken_over_by_impostors_in_digit"] = {
        name: _percent(said[(low <= counts) & (counts <= high) & others] > 0.5)
        for name, (low, high) in _GROUPS.items()
    }
    resisting, parted = (said[i] < 0.5) & others, ~pieces.connected(digits.images)
    numbers["resisting"] = {
        "impostors": numbers["impostors"][i],
        "all": _percent(resisting[others]),
        "by_label": [
            _percent(resisting[others & (digits.labels == k)]) for k in range(spec.NUM_CLASSES)
        ],
        "in_pieces": _percent(resisting[parted & others]),
        "in_one_piece": _percent(resisting[~parted & others]),
    }
    return numbers


def _nearest(attack: Attack) -> int:
    """The run whose share of impostors is nearest to that of the tables of resisting digits."""
    return int(np.argmin(np.abs(np.array(attack.shares) - _RESISTED)))


def _percent(values: np.ndarray) -> float | None:
    return round(100 * float(values.mean()), 1) if values.size else None


def _cell(percent: float | None) -> str:
    return "" if percent is None else f"{percent:.1f}"


def make(digits: Digits, attacks: Mapping[str, Attack], about: Mapping[str, Any]) -> Report:
    """The tables, pictures and film, and the impostors that were trained."""
    numbers = {name: numbers_of(digits, attack) for name, attack in attacks.items()}
    first, seed, steps = next(iter(attacks.values())), about["seed"], about["steps"]

    def filmed(share: float, come: int, leave: int) -> Callable[[Path], None]:
        return lambda path: film.write(path, first, digits, seed, share, come, leave)

    others = {
        "film.gif": filmed(_FILMED, steps // 3, 2 * steps // 3),
        "film_from_start.gif": filmed(_FILMED_FROM_START, 0, steps),
    }
    for name, attack in attacks.items():
        if losses := attack.made.losses:
            numbers[name]["training"] = {
                "target": attack.target,
                "train_steps": len(losses),
                "seconds": round(attack.made.seconds),
                "loss_of_last_100_steps": round(float(np.mean(losses[-100:])), 3),
            }
            about_it = numbers[name]["training"] | about
            others[f"impostor_{name}.keras"] = functools.partial(_save, attack, about_it)
    pictures = {
        "curves.png": _curves(digits, attacks, numbers),
        "resisting.png": _resisting(digits, first, seed),
    }
    return Report(numbers, pictures, _page(attacks, numbers, about), others)


def _save(attack: Attack, about: Mapping[str, Any], path: Path) -> None:
    """Writes impostors that were trained, and beside them how."""
    with output_files.replacing(path) as partial:
        attack.made.impostor.save(partial)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    weights = {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}
    output_files.write_json(path.with_suffix(".json"), {**about, "weights": weights})


def _curves(
    digits: Digits, attacks: Mapping[str, Attack], numbers: Mapping[str, Any]
) -> np.ndarray:
    """Left: the first model over CA steps. Right: all, over the share of impostors. uint8."""
    figure = Figure(figsize=(10, 3.8), dpi=80, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    first, attack = next(iter(attacks.items()))
    for i, share in enumerate(attack.shares):
        said = 100 * attack.said_by_all(i, digits.labels)
        left.plot(np.arange(1, len(said) + 1), said, label=f"{100 * share:g} %")
    left.set_title(f"honest cells of {first} that say {attack.target}", fontsize=11)
    left.set_xlabel("CA step")
    left.set_ylabel("%")
    left.legend(title="impostors", fontsize=8, loc="upper left")
    for name, found in numbers.items():
        (line,) = right.plot(found["impostors"], found["cells"], marker="o", label=name)
        style = {"linestyle": "--", "marker": ".", "color": line.get_color()}
        right.plot(found["impostors"], found["digits"], **style)
    right.set_title("cells (solid) and whole digits (dashed)", fontsize=11)
    right.set_xlabel("impostors, %")
    right.set_xscale("symlog", linthresh=0.1)
    right.set_xticks(numbers[first]["impostors"], [f"{s:g}" for s in numbers[first]["impostors"]])
    right.minorticks_off()
    right.legend(fontsize=8, loc="upper left")
    for panel in (left, right):
        panel.grid(alpha=0.3)
    return figures.pixels(figure)


def _resisting(digits: Digits, attack: Attack, seed: int) -> np.ndarray:
    """The digits whose honest cells say the target least, impostors red: [H, W, 3] uint8."""
    i = _nearest(attack)
    order = np.argsort(attack.said(i)[2 * len(attack.votes[i]) // 3 - 1], kind="stable")
    chosen = order[digits.labels[order] != attack.target][:_RESISTING]
    shown = np.repeat((255 - digits.images[chosen])[..., None], 3, axis=-1)
    masks = chances(digits, seed)[chosen] < attack.shares[i]
    shown[masks & spec.alive_mask(digits.gray()[chosen])] = film.RED
    tiles = render.underline(shown, digits.labels[chosen].astype(int))
    return render.stack(render.mosaic(tiles, columns=12, gap=2, scale=2), render.legend())


def _page(
    attacks: Mapping[str, Attack], numbers: Mapping[str, Any], about: Mapping[str, Any]
) -> str:
    first, attack = next(iter(attacks.items()))
    target, third, sections = attack.target, about["steps"] // 3, []
    few = [["impostors in the digit", *_GROUPS]]
    resisting = [["", "all", *map(str, range(spec.NUM_CLASSES)), "in one piece", "in pieces"]]
    for name, found in numbers.items():
        lines = [["impostors, %", *(f"{share:g}" for share in found["impostors"])]]
        for key, title in _LINES.items():
            lines.append([title.format(target=target), *(f"{v:.1f}" for v in found[key])])
        made = found.get("training")
        how = (
            f"Impostors trained against it for {made['train_steps']:,} steps in {made['seconds']} "
            f"s; mean loss of the last 100 steps {made['loss_of_last_100_steps']}.\n\n"
            if made
            else ""
        )
        sections.append(f"## {name}\n\n{how}{markdown.table(lines)}")
        few.append([name, *map(_cell, found["taken_over_by_impostors_in_digit"].values())])
        of = found["resisting"]
        cells = (of["all"], *of["by_label"], of["in_one_piece"], of["in_pieces"])
        resisting.append([name, *map(_cell, cells)])
    tables = "\n\n".join(sections)
    return f"""# Impostors

{about["num_samples"]} test digits of {about["dataset"]}, {about["steps"]} CA steps. From step
{third + 1} to step {2 * third} some cells are impostors: they follow another rule, which was
trained to make all cells say {target}. Each pixel is an impostor with the same probability. All
figures are in percent, of the digits that aren't {target} themselves, at the last step before the
impostors come, at the last step with them, and at the very last.

{tables}

![Honest cells that say {target}](curves.png)

## How many it takes

Digits of which more than half of the honest cells say {target} at the last step with impostors, by
the number of impostors in the digit, all shares together:

{markdown.table(few)}

## Which digits resist

With {numbers[first]["resisting"]["impostors"]:g} % impostors, digits of which fewer than half of
the honest cells say {target}: of all, by true label, of those in one piece, and of the others.

{markdown.table(resisting)}

Those that resist most under {first}, with their impostors in red; the bar below a digit has the
colour of its true label:

![Digits that resist](resisting.png)

## Films

{film.DIGITS} digits under {first}, impostors in red. A digit is framed while fewer than half of
its cells give its true label. {100 * _FILMED:g} % impostors for a third of the time:

![Impostors that come and go](film.gif)

{100 * _FILMED_FROM_START:g} % from the start:

![Impostors from the start](film_from_start.gif)

Made by `{about["command"]}` in {about["seconds"]} s.
"""
