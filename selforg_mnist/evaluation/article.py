"""The article's own results, to compare ours with, and its names for the three experiments.

They come from its table of accuracies and agreements and its figure of magnitudes: 200 CA steps
over MNIST's 10,000 test digits. Reports only show them and the differences from ours.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Peak:
    """A value in percent, and the CA step at which it is reached."""

    value: float
    step: int


@dataclasses.dataclass(frozen=True)
class TableRow:
    """A row of the table; all values in percent."""

    top_accuracy: Peak  # highest cell accuracy
    accuracy_at_end: Peak  # cell accuracy after the last step
    top_agreement: Peak  # highest total agreement
    agreement_at_end: Peak  # total agreement after the last step
    # Share of samples whose cells all agree and are right, after the last step; the article
    # doesn't give it.
    correct_agreement_at_end: Peak | None = None


TABLE = {
    "ce": TableRow(Peak(96.2, 80), Peak(95.3, 200), Peak(77.9, 80), Peak(66.2, 200)),
    "l2": TableRow(Peak(95.0, 95), Peak(94.7, 200), Peak(85.5, 175), Peak(85.2, 200)),
    "l2_noise": TableRow(Peak(95.4, 65), Peak(95.3, 200), Peak(88.2, 190), Peak(88.1, 200)),
}

# As in the legends of the article's figures.
TITLES = {"ce": "Cross Entropy", "l2": "L2", "l2_noise": "L2 + Residual Noise"}


@dataclasses.dataclass(frozen=True)
class Magnitudes:
    """Magnitudes after 200 CA steps, read from the article's figure."""

    state: float
    residual: float


MAGNITUDES = {
    "ce": Magnitudes(28.0, 2.0),
    "l2": Magnitudes(0.85, 0.03),
    "l2_noise": Magnitudes(0.5, 0.05),
}
