"""Reads the weights of the authors' notebook: a TensorFlow checkpoint of its Keras 2 model.

The notebook saves with `model.save_weights(prefix)`, which writes `prefix.index` and
`prefix.data-00000-of-00001`. Its model has one layer in `perceive` and two in `dmodel`. Only
kernels and biases are taken; the variables of an optimiser are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from selforg_mnist.model import CAModel
from selforg_mnist.readers import child_reader, rule_arrays

_MAX_INDEX_BYTES = 2**18  # a trained model's has 1,700
_MAX_DATA_BYTES = 2**24  # a trained model's, with Adam's moments, has 273,000
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
_SLOT = "/.OPTIMIZER_SLOT/"
_EXPECTED = "a TensorFlow checkpoint of the notebook's model (PREFIX.index and its data file)"


def load(prefix: Path, residual_noise: float = 0.0) -> CAModel:
    """Reads a checkpoint.

    `prefix` is the path of the two files without `.index` and `.data-00000-of-00001`.

    Returns:
      model: with the notebook's fire rate.

    Raises:
      WeightsError: the files are missing, damaged, or of another model.
    """
    index, data = Path(f"{prefix}.index"), Path(f"{prefix}.data-00000-of-00001")
    for path, limit in ((index, _MAX_INDEX_BYTES), (data, _MAX_DATA_BYTES)):
        with rule_arrays.reading(path, _EXPECTED):
            rule_arrays.read_bytes(path, limit)
    with rule_arrays.reading(index, _EXPECTED):
        arrays = _rule(child_reader.checkpoint(str(prefix)))
        return rule_arrays.to_model(arrays, residual_noise)


def _rule(variables: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The six arrays of the rule, in the order of `CAWeights`; their shapes aren't checked.

    Keras has changed the names over time, such as `dmodel/layer_with_weights-0/kernel`. But the
    kernel and the bias of a layer always have the same prefix, and the layers' numbers increase.
    """
    layers: dict[str, dict[str, np.ndarray]] = {}
    for key, variable in variables.items():
        layer, _, kind = key.removesuffix(_SUFFIX).rpartition("/")
        if key.endswith(_SUFFIX) and _SLOT not in key and kind in ("kernel", "bias"):
            layers.setdefault(layer, {})[kind] = variable
    if len(layers) != 3 or any(len(layer) != 2 for layer in layers.values()):
        names = ", ".join(sorted(layers)) or "none"
        raise ValueError(f"float32 layers with kernel or bias: {names}; expected 3 with both")
    in_order = sorted(layers, key=lambda name: (*_role(layers[name]["kernel"]), *_natural(name)))
    return [layers[name][kind] for name in in_order for kind in ("kernel", "bias")]


def _role(kernel: np.ndarray) -> tuple[bool, bool]:
    """The sort key that puts the 3x3 kernel first, then a 1x1 kernel that keeps the width."""
    return kernel.shape[:2] == (1, 1), kernel.ndim == 4 and len(set(kernel.shape[2:])) == 2


def _natural(name: str) -> list[tuple[int, str]]:
    """The sort key that puts `layer-2` before `layer-10`."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
