"""The digits that the page loads: a few of each label, in one small file.

`samples.json` says which digits they are and holds their pictures as base64 text, so that the
page needs neither a picture format nor another request.
"""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from selforg_mnist import output_files, spec
from selforg_mnist.data.digits import Digits
from selforg_mnist.errors import UserError

PER_DIGIT = 20  # as in the article's demo


def pick(digits: Digits, per_digit: int = PER_DIGIT) -> np.ndarray:
    """Picks the first digits of each label.

    Returns:
      [10, per_digit, 28, 28] uint8, 255 full ink; row d holds pictures of the digit d.

    Raises:
      UserError: a label has too few digits.
    """
    rows = []
    for label in range(spec.NUM_CLASSES):
        of_label = digits.images[digits.labels == label][:per_digit]
        if len(of_label) < per_digit:
            raise UserError(
                f"{digits.source}: {len(of_label)} pictures of {label}, expected {per_digit} "
                "or more; take another --dataset"
            )
        rows.append(of_label)
    return np.stack(rows)


def write(path: Path, digits: Digits, split: str) -> None:
    """Writes the page's samples, completely or not at all; the file names dataset and split.

    Raises:
      UserError: there are too few digits, or the file can't be written.
    """
    images = pick(digits)
    content = {
        "dataset": f"{digits.source} {split}",
        "size": spec.IMAGE_SIZE,
        "per_digit": PER_DIGIT,
        "images": base64.b64encode(images.tobytes()).decode("ascii"),
    }
    output_files.write_json(path, content, indent=None)
