"""The report on prototypes: a mosaic of all pictures, and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments import markdown
from experiments.prototypes.measure import LEARNT, SIGNED, WANTED, canvases
from selforg_mnist import output_files, spec
from selforg_mnist.pictures import film_parts, render


def mosaic(pictures: Mapping[str, np.ndarray]) -> np.ndarray:
    """All pictures under their makers' names, a row for each start: [H, W, 3] uint8."""
    parts = []
    for maker, drawn in pictures.items():
        if drawn.dtype != np.uint8:
            largest = np.abs(drawn).max(axis=(1, 2), keepdims=True)
            signed = np.rint(127.5 - 127.5 * drawn / largest).astype(np.uint8)
            parts += [film_parts.text(f"{maker}: signed"), _rows(signed)]
        parts += [film_parts.text(maker), _rows(255 - canvases(drawn))]
    return render.stack(*parts)


def _rows(gray: np.ndarray) -> np.ndarray:
    rows = render.mosaic(gray, columns=spec.NUM_CLASSES, gap=2, scale=2)
    return np.repeat(rows[..., None], 3, axis=2)


def write(
    folder: Path,
    pictures: Mapping[str, np.ndarray],
    numbers: Mapping[str, Any],
    about: Mapping[str, Any],
) -> Sequence[str]:
    """Writes report.md, prototypes.json and prototypes.png.

    Returns:
      names: of the files.
    """
    output_files.write_json(
        folder / "prototypes.json", {"about": dict(about), **numbers}, indent=1
    )
    with output_files.replacing(folder / "prototypes.png") as partial:
        Image.fromarray(mosaic(pictures)).quantize(32).save(partial, optimize=True)
    output_files.write_text(folder / "report.md", _page(numbers, about))
    return ["report.md", "prototypes.json", "prototypes.png"]


def _page(numbers: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    model, drawn_by = numbers["fitness_model"], numbers["drawn_by"]
    judges = list(drawn_by)
    trainings = [
        ["training", "start", "fitness", "A\\*A", "labels' forms", "right on 100", "on test"]
    ]
    for i, (alike, *forms) in enumerate(model["likeness_to_first"]):
        start = "signed" if SIGNED[i] else "positive"
        row = f"{i + 1} {start} {model['fitness'][i]:.5f} {alike:.4f} {min(forms):.4f}".split()
        trainings.append([*row, *(f"{model[f'right_on_{k}'][i]:.1f}" for k in ("learnt", "test"))])
    pairs = {name: each["correlation_of_starts"] for name, each in drawn_by.items()}
    pairs |= {f"fitness, {k}": v for k, v in model.items() if " " in k}
    pairs["two training digits"] = numbers["correlation_of_digits"]
    same = [["", *map(str, range(spec.NUM_CLASSES))]]
    same += [[name, *(f"{v:.2f}" for v in each)] for name, each in pairs.items()]
    labels = [["pictures of", *(f"labelled by {judge}" for judge in judges)]]
    for maker, each in drawn_by.items():
        labels.append([maker, *(_verdict(each["labelled_by"][judge]) for judge in judges)])
    few = numbers["linear_of_few_right_on_test"]
    seconds = ", ".join(f"{part} {value:.0f} s" for part, value in numbers["seconds"].items())
    return f"""# The perfect 3

Each picture is what its maker likes best as a label: gradient ascent, from two random starts for
each label. *Fitness* is J. Van Name's model, trained on the first {LEARNT} training digits
of {about["dataset"]}. *Linear* is a linear classifier of pixels, trained on all of them. The
others are cells.

![Ten labels from two starts, for each maker](prototypes.png)

The pictures of the fitness model have ink of both signs, dark and light on gray. The rows below
show the positive ink, which is what the others label.

## The fitness model

{markdown.table(trainings)}

Each training has its own random start, as in the source with positive entries, or with both
signs. Its A\\*A and its forms of the ten
labels, [784, 784] each, are compared with those of the first training (cosines, the lowest of
ten); 1 is the same model up to its symmetries. Accuracies are in percent. Linear classifiers:
trained on the same {LEARNT} digits {few:.1f} % on {about["num_samples"]} test digits, trained
on all {numbers["linear_right_on_test"]:.1f} %.

## The same picture from any start?

Correlation of the two pictures of a label:

{markdown.table(same)}

## What they call each other's pictures

Of {len(WANTED)} pictures, those labelled as meant. For cells: by most of them after
{about["steps"]} CA steps; in brackets, by all living cells, and from which step on (median).

{markdown.table(labels)}

{seconds}. Made by `{about["command"]}` in {about["seconds"]} s.
"""


def _verdict(given: Mapping[str, Sequence[Any]]) -> str:
    meant = np.array(given["labels"]) == WANTED
    if "agree_from" not in given:
        return str(meant.sum())
    pairs = zip(given["agree_from"], meant, strict=True)
    since = [step for step, right in pairs if right and step is not None]
    return (
        f"{meant.sum()} ({len(since)}; {np.median(since):.0f})" if since else f"{meant.sum()} (0)"
    )
