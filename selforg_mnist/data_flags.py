"""The flags that choose the digits, the same in every command that takes digits.

flags.adopt_module_key_flags(data_flags)  # so that --help lists them
"""

from __future__ import annotations

from absl import flags

from selforg_mnist.data.digits import Digits, check_name, load_digits, subset

_DATASET = flags.DEFINE_string(
    "dataset", "auto", "auto, mnist, drawn, or another 28x28 set of TensorFlow Datasets."
)
_DATA_DIR = flags.DEFINE_string("data_dir", "", "Where TensorFlow Datasets keeps its data.")
_MANUAL_DIR = flags.DEFINE_string("manual_dir", "", "Folder with the dataset's original files.")


def check() -> None:
    """Raises `DigitsError` if there is no dataset of the flag's name; loads no TensorFlow."""
    check_name(_DATASET.value, _DATA_DIR.value)


def load(split: str, seed: int, dataset: str = "", count: int = 0) -> Digits:
    """Loads the digits that the flags choose.

    `dataset` is used instead of the flag's, and `count` digits are picked at random; 0 takes all.

    Raises:
      DigitsError: as `load_digits` and `subset`.
    """
    chosen = dataset or _DATASET.value
    digits = load_digits(chosen, split, _DATA_DIR.value, _MANUAL_DIR.value, seed)
    return subset(digits, count, seed % 2**64)  # NumPy has no negative seeds


def arguments() -> list[str]:
    """The flags as words of a command line, for another command."""
    return [f"--{f.name}={f.value}" for f in (_DATASET, _DATA_DIR, _MANUAL_DIR)]
