"""Reads a `.keras` file of a `CAModel`, which may come from anyone.

`keras.models.load_model` builds any objects that the file's configuration asks for, of any size.
This module takes only numbers: the constructor's arguments from config.json, and six arrays from
model.weights.h5. The zip archive's checksums cover both.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from selforg_mnist.model import CAModel
from selforg_mnist.readers import child_reader, rule_arrays

MAX_BYTES = 2**22  # the article's model has 105,990
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = {_CONFIG, _WEIGHTS, "metadata.json"}
_CLASS = "selforg_mnist>CAModel"
_EXPECTED = f"a .keras file of selforg_mnist's CAModel, of at most {MAX_BYTES} bytes"
# The places of the arrays in files of Keras 3.8 to 3.15, in the order of `CAWeights`.
_GROUPS = ("layers/conv2d", "hidden_conv", "layers/conv2d_2")
_ARRAYS = tuple(f"{group}/vars/{i}" for group in _GROUPS for i in (0, 1))
_MOST_NOISE = 1000.0


def load(path: Path) -> CAModel:
    """Reads a model.

    Returns:
      model: for a file that this package wrote, the same as `keras.models.load_model` returns.

    Raises:
      WeightsError: the file is missing, damaged, or of another model.
    """
    with rule_arrays.reading(path, _EXPECTED):
        members = _members(rule_arrays.read_bytes(path, MAX_BYTES))
        config = _config(members[_CONFIG])
        shapes = rule_arrays.shapes(config["channels"], config["hidden_channels"])
        arrays = _arrays(members[_WEIGHTS], shapes)
        return rule_arrays.to_model(arrays, config["residual_noise"], config["fire_rate"])


def _members(data: bytes) -> dict[str, bytes]:
    """Unpacks the archive, but no more bytes than a model can have."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if not {_CONFIG, _WEIGHTS} <= set(names) <= _MEMBERS or len(set(names)) < len(names):
                raise ValueError(f"holds {', '.join(names) or 'nothing'}")
            return {name: _member(archive, name) for name in (_CONFIG, _WEIGHTS)}
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f"zip archive: {error}") from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that Keras doesn't use")
    with archive.open(name) as member:
        data = member.read(MAX_BYTES + 1)  # whatever size the archive claims
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name} is larger than {MAX_BYTES} bytes")
    return data


def _config(data: bytes) -> dict[str, Any]:
    """The constructor's arguments that affect the model's behaviour, checked."""
    saved = rule_arrays.parse_json(data)
    if not isinstance(saved, dict) or saved.get("registered_name") != _CLASS:
        raise ValueError(f"not a model of class {_CLASS}")
    config = saved.get("config")
    if not isinstance(config, dict):
        raise ValueError("no configuration")
    if not {"channels", "hidden_channels"} <= config.keys():
        raise ValueError("no numbers of channels")
    for name, most in (("fire_rate", 1.0), ("residual_noise", _MOST_NOISE)):
        value: Any = config.get(name)
        if type(value) not in (int, float) or not 0 <= value <= most:
            raise ValueError(f"{name}={value!r}, expected a number of 0 to {most}")
    return config


def _arrays(data: bytes, shapes: tuple[tuple[int, ...], ...]) -> list[np.ndarray]:
    """The six arrays, with the given shapes."""
    try:
        found = child_reader.hdf5(data, _ARRAYS)
    except ValueError as error:
        raise ValueError(f"{_WEIGHTS}: {error}") from error
    for path, shape in zip(_ARRAYS, shapes, strict=True):
        if found[path].shape != shape:
            raise ValueError(f"array {path} is {list(found[path].shape)}, expected {list(shape)}")
    return [found[path] for path in _ARRAYS]
