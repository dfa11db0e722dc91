"""The report on stability: a table for each question."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments import markdown
from experiments.stability.measure import BACK, FACTORS, SETTLED, Stability
from experiments.study import Report
from selforg_mnist.data.digits import Digits

_TABLES = {
    "back": "Digits that come back, %",
    "lost": "Digits whose states grow further, %",
    "gain": "Growth of a small difference in a CA step",
}


def make(digits: Digits, found: Mapping[str, Stability], about: Mapping[str, Any]) -> Report:
    """The tables; there are no pictures."""
    tables = []
    for key, title in _TABLES.items():
        lines = [["states times", *map(str, FACTORS)]]
        for name, stability in found.items():
            values = getattr(stability, key)
            shown = [f"{v:.3f}" if key == "gain" else f"{100 * v:.0f}" for v in values]
            lines.append([name, *shown])
        tables.append(f"## {title}\n\n{markdown.table(lines)}")
    text = "\n\n".join(tables)
    page = f"""# Stability

{about["num_samples"]} test digits of {about["dataset"]}, settled for {SETTLED} CA steps. All their
states are multiplied, and {about["steps"]} CA steps follow. A digit comes back if its largest
|state| ends below {BACK:g} times the median of settled digits. The growth is that of the largest
mode of the linear mean step, median over digits: above 1 differences grow, below 1 they fade.

{text}

Made by `{about["command"]}` in {about["seconds"]} s.
"""
    numbers = {name: dict(stability._asdict()) for name, stability in found.items()}
    return Report(numbers, {}, page)
