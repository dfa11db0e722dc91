"""The report on digits whose cells don't agree: tables, and a mosaic of the most divided ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments import markdown
from experiments.disagreement import film
from experiments.disagreement.measure import CAUSES, RECENT, Undecided
from experiments.study import Report
from selforg_mnist import spec
from selforg_mnist.data.digits import Digits
from selforg_mnist.pictures import render

_MOST_DIVIDED = 60
_FILMED = 24
_FILM = "side_by_side.gif"
_PAIRS = 10


def figures(digits: Digits, found: Undecided) -> dict[str, Any]:
    """The numbers of one model; shares are in percent, of all digits unless the name says else."""

    def percent(mask: np.ndarray) -> float:
        return round(100 * float(mask.mean()), 2)

    apart = ~found.agreeing
    border = apart & found.whole
    return {
        "agreement": percent(found.agreeing),
        "agreeing_and_right": percent(found.agreeing & found.right),
        "undecided": percent(apart),
        "by_cause": {cause: percent(found.cause == i) for i, cause in enumerate(CAUSES)},
        "agreement_of_digits_in_pieces": _share(found.agreeing, ~found.whole),
        "of_undecided_in_one_piece": {
            "never_agreed_recently": _share(found.never_agreed, border),
            "same_majority_recently": _share(found.same_majority, border),
            "median_majority": round(100 * float(np.median(found.majority[border])), 1)
            if border.any()
            else None,
            "majority_right": _share(found.right, border),
        },
        "undecided_by_digit": [
            _share(apart, digits.labels == label) for label in range(spec.NUM_CLASSES)
        ],
        "pairs": {f"{a} and {b}": n for (a, b), n in list(found.pairs().items())[:_PAIRS]},
    }


def _share(mask: np.ndarray, among: np.ndarray) -> float | None:
    """Percent of the digits in `among`; None where there are none."""
    return round(100 * float(mask[among].mean()), 1) if among.any() else None


def mosaic(digits: Digits, found: Undecided) -> np.ndarray:
    """The most divided digits, with a bar of the true label's colour below: [H, W, 3] uint8."""
    chosen = found.most_divided(_MOST_DIVIDED)
    if not len(chosen):
        return render.legend()
    cells = render.colour(digits.gray()[chosen], found.logits[chosen])
    tiles = render.underline(cells, digits.labels[chosen].astype(int))
    return render.stack(render.mosaic(tiles, columns=12, gap=2, scale=3), render.legend())


def make(digits: Digits, found: Mapping[str, Undecided], about: Mapping[str, Any]) -> Report:
    """The tables, a mosaic for each model, and a film of the first model's most divided digits."""
    numbers = {name: figures(digits, each) for name, each in found.items()}
    pictures = {f"most_divided_{name}.png": mosaic(digits, each) for name, each in found.items()}
    first = next(iter(found.values()))
    chosen = first.most_divided(_MOST_DIVIDED)
    chosen = chosen[first.whole[chosen]][:_FILMED]
    films: dict[str, Callable[[Path], Any]] = {}
    if len(chosen):
        models = {name: each.model for name, each in found.items()}
        gray = digits.gray()[chosen]
        films[_FILM] = lambda path: film.write(path, models, gray, about["steps"], about["seed"])
    return Report(numbers, pictures, _page(numbers, about, filmed=len(chosen)), films)


def _page(numbers: Mapping[str, Any], about: Mapping[str, Any], filmed: int) -> str:
    models = list(numbers)
    lines = [["percent of all digits", *models]]
    for title, key in (
        ("agree", "agreement"),
        ("agree and are right", "agreeing_and_right"),
        ("undecided", "undecided"),
    ):
        lines.append([title, *(f"{numbers[m][key]:.2f}" for m in models)])
    for cause in CAUSES:
        shares = (f"{numbers[m]['by_cause'][cause]:.2f}" for m in models)
        lines.append([f"undecided: {cause}", *shares])
    digits = [["digit", *map(str, range(spec.NUM_CLASSES))]]
    digits += [[m, *(f"{v}" for v in numbers[m]["undecided_by_digit"])] for m in models]
    pairs = [["model", "most frequent pairs of labels (digits)"]]
    for m in models:
        listed = ", ".join(f"{pair} ({count})" for pair, count in numbers[m]["pairs"].items())
        pairs.append([m, listed])
    heads = "undecided in one piece", f"never agreed in the last {RECENT} steps"
    borders = [[*heads, "same majority in these steps", "median majority", "majority right"]]
    for m in models:
        of = numbers[m]["of_undecided_in_one_piece"]
        borders.append([m, *(str(value) for value in of.values())])
    pictures = "\n\n".join(
        f"{m}:\n\n![The most divided digits under {m}](most_divided_{m}.png)" for m in models
    )
    if filmed:
        pictures += f"""

{filmed} of the digits of {models[0]} above that are in one piece, from the start, under each
model. They are the worst of {models[0]}, so the film shows what the others do with these, not how
often they fail:

![The same digits under each model]({_FILM})"""
    return f"""# Digits whose cells don't agree

{about["num_samples"]} test digits of {about["dataset"]} after {
        about["steps"]
    } CA steps. A digit is
undecided if its living cells give more than one label. Undecided digits have three causes:

- *In pieces*: the living cells are not all connected, and cells can't talk across a gap.
- *Standing border*: the digit is in one piece. During the last {RECENT} steps its majority label
  stayed the same, and its cells never agreed.
- *Flicker*: all other undecided digits.

{markdown.table(lines)}

Share of the digits in pieces whose cells agree: {
        ", ".join(f"{m} {numbers[m]['agreement_of_digits_in_pieces']} %" for m in models)
    }.

Undecided digits in one piece, in percent of these digits:

{markdown.table(borders)}

Undecided by digit, in percent of the samples of each digit:

{markdown.table(digits)}

{markdown.table(pairs)}

The {_MOST_DIVIDED} most divided digits, smallest majority first. Each cell has the colour of its
label. The bar below a digit has the colour of the right label.

{pictures}

Made by `{about["command"]}` in {about["seconds"]} s.
"""
