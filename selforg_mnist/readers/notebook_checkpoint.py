"""Reads the weights of the authors' notebook: a TensorFlow checkpoint of its Keras 2 model.

The notebook saves with `model.save_weights(prefix)`, whose files are `prefix.index` and
`prefix.data-00000-of-00001`. Its model has one layer in `perceive` and two in `dmodel`. Of the
variables only kernels and biases are read; an optimiser's are passed over.
"""

from __future__ import annotations

import re
from pathlib import Path

from selforg_mnist.model import CAModel
from selforg_mnist.readers import rule_arrays, tensor_bundle
from selforg_mnist.readers.tensor_bundle import Variable

_MAX_INDEX_BYTES = 2**18  # a trained model's has 1,700
_MAX_DATA_BYTES = 2**24  # a trained model's, with Adam's moments, has 273,000
_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
_SLOT = "/.OPTIMIZER_SLOT/"
_EXPECTED = "a TensorFlow checkpoint of the notebook's model (PREFIX.index and its data file)"


def load(prefix: Path, residual_noise: float = 0.0) -> CAModel:
    """Reads a checkpoint.

    Args:
      prefix: path of the two files without `.index` and `.data-00000-of-00001`.
      residual_noise: of the model; a checkpoint doesn't tell.

    Returns:
      model: with the notebook's fire rate.

    Raises:
      WeightsError: the files are missing, damaged, or of another model.
    """
    with rule_arrays.reading(path := index_file(prefix), _EXPECTED):
        index = tensor_bundle.read_index(rule_arrays.read_bytes(path, _MAX_INDEX_BYTES))
        variables = _rule(index)
        rule_arrays.check_shapes([variable.shape for variable in variables])
    path = prefix.with_name(f"{prefix.name}.data-00000-of-00001")
    with rule_arrays.reading(path, _EXPECTED):
        data = rule_arrays.read_bytes(path, _MAX_DATA_BYTES)
        arrays = [
            rule_arrays.to_array(tensor_bundle.read_bytes(data, variable), variable.shape)
            for variable in variables
        ]
        return rule_arrays.to_model(arrays, residual_noise)


def index_file(prefix: Path) -> Path:
    """The file by which a checkpoint is recognised."""
    return prefix.with_name(f"{prefix.name}.index")


def _rule(index: dict[str, Variable]) -> list[Variable]:
    """The six variables of the rule, in the order of `CAWeights`; their shapes aren't checked.

    Keras has named them in several ways over time, as `dmodel/layer_with_weights-0/kernel`. What
    stays is that a layer's kernel and bias stand side by side, and that the numbers of layers
    count up.
    """
    layers: dict[str, dict[str, Variable]] = {}
    for key, variable in index.items():
        layer, _, kind = key.removesuffix(_SUFFIX).rpartition("/")
        if key.endswith(_SUFFIX) and _SLOT not in key and kind in ("kernel", "bias"):
            layers.setdefault(layer, {})[kind] = variable
    if len(layers) != 3 or any(len(layer) != 2 for layer in layers.values()):
        names = ", ".join(sorted(layers)) or "none"
        raise ValueError(f"layers with kernel or bias: {names}; expected 3 with both")
    if not all(variable.is_float32 for layer in layers.values() for variable in layer.values()):
        raise ValueError("kernels or biases that aren't float32")
    in_order = sorted(layers, key=lambda name: (*_role(layers[name]["kernel"]), *_natural(name)))
    return [layers[name][kind] for name in in_order for kind in ("kernel", "bias")]


def _role(kernel: Variable) -> tuple[bool, bool]:
    """Sorts the 3x3 kernel first, then a 1x1 kernel that keeps the width, then the rest."""
    return kernel.shape[:2] == (1, 1), len(kernel.shape) == 4 and len(set(kernel.shape[2:])) == 2


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts `layer-2` before `layer-10`."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
