"""Reads the model of the article's page: one CA step as a TensorFlow.js graph in one JSON file.

Such a file lists the operations of a step and holds the weights in base64 among them. This module
only finds the chain of three convolutions and copies its weights. It runs nothing of the graph:
the rest of the step is this project's own. The usual form of TensorFlow.js, with the weights in
separate files, is refused.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selforg_mnist import spec
from selforg_mnist.model import CAModel
from selforg_mnist.readers import rule_arrays

_MAX_BYTES = 2**22  # the article's has 128,549
_MAX_NODES = 500  # the article's has 40; the time to read a graph grows with their square
_MAX_INPUTS = 10
_EXPECTED = (
    "a one-file TensorFlow.js graph model of a CA, such as the article's page ships, or "
    "`python -m export.tfjs --layout=single_file` writes"
)
_NOISE_INPUT = "manual_noise"
_CONVOLUTIONS = ("Conv2D", "_FusedConv2D")
_FUSED = {("BiasAdd",): False, ("BiasAdd", "Relu"): True}  # whether there is a ReLU
_ADDITIONS = ("BiasAdd", "Add", "AddV2")

_Node = Mapping[str, Any]


def load(path: Path) -> CAModel:
    """Reads a graph model.

    Returns:
      model: with the article's fire rate. It has the article's residual noise if the graph takes
        noise, and otherwise none. In the graph both are inputs.

    Raises:
      WeightsError: the file is missing, damaged, or the graph of another model.
    """
    with rule_arrays.reading(path, _EXPECTED):
        graph = rule_arrays.parse_json(rule_arrays.read_bytes(path, _MAX_BYTES))
        nodes = _nodes(graph)
        arrays = _rule(nodes)
        noisy = nodes.get(_NOISE_INPUT, {}).get("op") == "Placeholder"
        return rule_arrays.to_model(arrays, spec.RESIDUAL_NOISE if noisy else 0.0)


def _get(value: Any, *keys: str) -> Any:
    """A member of nested JSON objects, or None if any object on the way to it is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _nodes(graph: Any) -> dict[str, _Node]:
    """The graph's operations by name."""
    if _get(graph, "weightsManifest"):
        raise ValueError("its weights are in separate files")
    listed = _get(graph, "modelTopology", "node")
    if not isinstance(listed, list) or len(listed) > _MAX_NODES:
        raise ValueError("no list of nodes in modelTopology, or one that is too long")
    nodes: dict[str, _Node] = {}
    for node in listed:
        name, inputs = _get(node, "name"), _get(node, "input") or []
        if not isinstance(name, str) or not isinstance(_get(node, "op"), str):
            raise ValueError("a node without name or op")
        if not isinstance(inputs, list) or len(inputs) > _MAX_INPUTS:
            raise ValueError(f"{name!r} has no list of inputs, or one that is too long")
        if not all(isinstance(i, str) for i in inputs):
            raise ValueError(f"{name!r} has inputs that are not names")
        if name in nodes:
            raise ValueError(f"two nodes with the name {name!r}")
        nodes[name] = node | {"input": [i for i in inputs if not i.startswith("^")]}
    return nodes


class _Layer(NamedTuple):
    """A convolution with its bias, and the names of its input and output."""

    source: str
    kernel: _Node
    bias: _Node
    relu: bool
    padding: str
    output: str


def _rule(nodes: Mapping[str, _Node]) -> list[np.ndarray]:
    """The six arrays, in the order of `CAWeights`, of a chain of three convolutions."""
    names = [name for name, node in nodes.items() if node["op"] in _CONVOLUTIONS]
    if len(names) != 3:
        raise ValueError(f"{len(names)} convolutions, expected 3")
    by_source = {layer.source: layer for layer in (_layer(nodes, name) for name in names)}
    source = next((name for name in by_source if nodes[name]["op"] == "Placeholder"), "")
    chain: list[_Layer] = []
    while source in by_source and len(chain) < 3:
        chain.append(by_source[source])
        source = chain[-1].output
    if [layer.relu for layer in chain] != [True, True, False] or chain[0].padding != "SAME":
        raise ValueError(
            "its convolutions aren't three in a row, a ReLU after the first and the second"
        )
    return [_constant(node) for layer in chain for node in (layer.kernel, layer.bias)]


def _layer(nodes: Mapping[str, _Node], name: str) -> _Layer:
    """The layer of a convolution. Its bias and ReLU may be separate nodes or fused with it."""
    node = nodes[name]
    padding = _check_convolution(node)
    inputs = _inputs(nodes, name)
    relu, output = False, name
    if node["op"] == "Conv2D":
        for added in _consumers(nodes, name, _ADDITIONS):
            inputs += [i for i in _inputs(nodes, added) if i != name]
            output = added
        for rectified in _consumers(nodes, output, ("Relu",)):
            relu, output = True, rectified
    else:
        operations = tuple(map(_text, _get(node, "attr", "fused_ops", "list", "s") or []))
        if operations not in _FUSED:
            raise ValueError(f"a convolution fused with {operations}")
        relu = _FUSED[operations]
    if len(inputs) != 3:
        raise ValueError(f"{name!r} doesn't have one kernel and one bias")
    source, kernel, bias = inputs
    return _Layer(source, nodes[kernel], nodes[bias], relu, padding, output)


def _inputs(nodes: Mapping[str, _Node], name: str) -> list[str]:
    return [_producer(nodes, i) for i in nodes[name]["input"]]


def _producer(nodes: Mapping[str, _Node], name: str) -> str:
    """The node that an input comes from; nodes that only pass it on are skipped."""
    for _ in nodes:
        name = name.partition(":")[0]  # the part after it is the number of the output
        if name not in nodes:
            raise ValueError(f"no node with the name {name!r}")
        if nodes[name]["op"] != "Identity" or len(nodes[name]["input"]) != 1:
            return name
        (name,) = nodes[name]["input"]
    raise ValueError("nodes in a circle")


def _consumers(nodes: Mapping[str, _Node], name: str, operations: Sequence[str]) -> list[str]:
    """The nodes with one of these operations that take a node's output."""
    return [
        consumer
        for consumer, node in nodes.items()
        if node["op"] in operations and name in _inputs(nodes, consumer)
    ]


def _check_convolution(node: _Node) -> str:
    """Checks that our convolution computes the same; returns the padding."""
    attributes = node.get("attr")
    for name in ("strides", "dilations"):
        steps = _get(attributes, name, "list", "i")
        if not isinstance(steps, list) or any(str(step) != "1" for step in steps):
            raise ValueError(f"a convolution with {name} other than 1")
    if _text(_get(attributes, "data_format", "s")) != "NHWC":
        raise ValueError("a convolution with the channels not last")
    return _text(_get(attributes, "padding", "s"))


def _text(value: Any) -> str:
    """A string attribute, which is in base64."""
    return _decoded(value).decode("ascii")


def _decoded(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ValueError("a string in base64 is missing")
    return base64.b64decode(value, validate=True)


def _constant(node: _Node) -> np.ndarray:
    """A float32 tensor that the file contains."""
    tensor = _get(node, "attr", "value", "tensor")
    if node["op"] != "Const" or _get(tensor, "dtype") != "DT_FLOAT":
        raise ValueError(f"{node['name']!r} isn't a float32 constant")
    dims = _get(tensor, "tensorShape", "dim")
    sizes = [str(_get(dim, "size")) for dim in dims] if isinstance(dims, list) else []
    if not all(re.fullmatch("[0-9]{1,9}", size) for size in sizes):
        raise ValueError(f"{node['name']!r} has no usable shape")
    content = _decoded(_get(tensor, "tensorContent"))
    shape = tuple(map(int, sizes))
    if len(content) != math.prod(shape) * 4:
        raise ValueError(f"{len(content)} bytes of a tensor {list(shape)}, of 4 bytes each")
    return np.frombuffer(content, "<f4").reshape(shape)
