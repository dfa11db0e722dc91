"""The article's one-file graph model is read unchanged; all other files are refused."""

import base64
import copy
import json
import random

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.errors import WeightsError
from selforg_mnist.readers import graph_model as subject
from support import reference_ca
from support.foreign_files import (
    SMALL,
    article_model,
    assert_one_line,
    assert_same_weights,
    damaged,
    graph_model,
    loads,
)

WEIGHTS = reference_ca.random_weights(**SMALL)


def write(folder, graph):
    path = folder / "model.json"
    path.write_text(graph if isinstance(graph, str) else json.dumps(graph))
    return path


def node(graph, name):
    (found,) = (n for n in graph["modelTopology"]["node"] if n["name"] == name)
    return found


def refused(path, *parts):
    with pytest.raises(WeightsError) as error:
        subject.load(path)
    assert_one_line(error.value, path, *parts)


def test_article_model_takes_the_step_that_its_file_describes():
    path = article_model()
    model = subject.load(path)
    assert model.count_params() == 22_499
    assert (model.fire_rate, model.residual_noise) == (0.5, 0.02)

    nodes = json.loads(path.read_text())["modelTopology"]["node"]
    constants = {n["name"]: n["attr"]["value"]["tensor"] for n in nodes if n["op"] == "Const"}
    weights = []
    for layer in ("sequential/conv2d", "sequential_1/conv2d_1", "sequential_1/conv2d_2"):
        for part in ("Conv2D", "BiasAdd"):
            tensor = constants[f"{layer}/{part}/ReadVariableOp/resource"]
            shape = [int(dim["size"]) for dim in tensor["tensorShape"]["dim"]]
            content = base64.b64decode(tensor["tensorContent"])
            weights.append(np.frombuffer(content, "<f4").reshape(shape))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 9, 8, 20)).astype(np.float32)
    x[..., 0] = rng.random((2, 9, 8))
    fires = rng.random((2, 9, 8)) < 0.5
    noise = 0.02 * rng.standard_normal((2, 9, 8, 19)).astype(np.float32)
    expected = reference_ca.step(reference_ca.rule_of(weights), x, fires, noise)
    found = model(tf.constant(x), fires=tf.constant(fires), noise=tf.constant(noise))
    assert np.isfinite(model.residual(x)).all()
    assert np.abs(expected - x).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("noise", [False, True])
def test_weights_come_in_the_order_of_the_convolutions(tmp_path, fused, noise):
    # All 1x1 kernels have the same shape here, so that only the graph distinguishes them.
    weights = reference_ca.random_weights(channels=11, hidden=10)
    graph = graph_model(weights, fused, noise)
    random.Random(1).shuffle(graph["modelTopology"]["node"])
    model = subject.load(write(tmp_path, graph))
    assert_same_weights(model, weights)
    assert model.residual_noise == (0.02 if noise else 0.0)
    assert model.fire_rate == 0.5


def _set(name, *keys_and_value):
    def change(graph):
        *keys, last, value = keys_and_value
        place = node(graph, name)
        for key in keys:
            place = place[key]
        place[last] = value

    return change


def _remove(name):
    def change(graph):
        graph["modelTopology"]["node"].remove(node(graph, name))

    return change


def _again(name):
    def change(graph):
        graph["modelTopology"]["node"].append(node(graph, name))

    return change


TENSOR = ("attr", "value", "tensor")
DIMS = (*TENSOR, "tensorShape", "dim")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_remove("k1"), "no node with the name 'k1'"),
        (_remove("c1"), "2 convolutions"),
        (_remove("r0"), "no node with the name 'r0'"),
        (_remove("x"), "no node with the name 'x'"),
        (_again("k1"), "two nodes with the name 'k1'"),
        (_again("c1"), "two nodes with the name 'c1'"),
        (_set("c1", "input", ["a0", "read1"]), "three in a row"),
        (_set("c1", "input", ["r0"]), "one kernel and one bias"),
        (_set("c2", "input", ["r0", "read2"]), "three in a row"),
        (_set("c0", "input", ["a2", "read0"]), "three in a row"),
        (_set("read1", "input", ["read1"]), "circle"),
        (_set("a1", "input", ["c1", "k0"]), "hidden_bias is [3, 3, 11, 3], expected [3]"),
        (_set("a1", "input", ["c1", "x"]), "'x' isn't a float32 constant"),
        (_set("c0", "attr", "padding", {"s": "VkFMSUQ="}), "three in a row"),
        (_set("c0", "attr", "strides", "list", "i", ["1", "2", "2", "1"]), "strides"),
        (_set("c0", "attr", "data_format", {"s": "TkNIVw=="}), "channels not last"),
        (_set("k0", *TENSOR, "dtype", "DT_HALF"), "'k0' isn't a float32 constant"),
        (_set("k0", *TENSOR, "tensorContent", "@@@"), "base64"),
        (_set("k0", *TENSOR, "tensorContent", "AAAA"), "3 bytes of a tensor [3, 3, 11, 3]"),
        (_set("k0", *TENSOR, "tensorContent", None), "base64"),
        (_set("k0", *DIMS, 3, "size", "-3"), "'k0' has no usable shape"),
        (_set("k0", *DIMS, 3, "size", "9" * 30), "'k0' has no usable shape"),
        (_set("k0", *DIMS, 3, "size", "999999999"), "1188 bytes of a tensor"),
        (_set("k0", "name", 7), "without name or op"),
        (_set("c0", "input", 7), "no list of inputs"),
        (_set("c0", "input", [7]), "inputs that are not names"),
    ],
)
def test_other_graphs_are_refused(tmp_path, change, reason):
    graph = copy.deepcopy(graph_model(WEIGHTS))
    change(graph)
    refused(write(tmp_path, graph), reason)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(tmp_path, value):
    weights = [w.copy() for w in WEIGHTS]
    weights[3][1] = value
    refused(write(tmp_path, graph_model(weights)), "hidden_bias has values that are not finite")


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ({"channels": 10, "hidden": 3}, "10 channels, expected 11 to 256"),
        ({"channels": 257, "hidden": 3}, "257 channels"),
        ({"channels": 11, "hidden": 1025}, "larger than 4194304 bytes"),
    ],
)
def test_sizes_beyond_reason_are_refused(tmp_path, size, reason):
    weights = reference_ca.random_weights(**size)
    refused(write(tmp_path, graph_model(weights)), reason)


OTHER_JSON = {
    "empty": ("", "Expecting value"),
    "list": ("[]", "no list of nodes"),
    "no list": ('{"modelTopology": {"node": {}}}', "no list of nodes"),
    "no node": ('{"modelTopology": {"node": [1]}}', "without name or op"),
    "twice": ('{"format": 1, "format": 2}', "comes twice"),
    "two files": ('{"weightsManifest": [{"paths": ["a.bin"]}]}', "separate files"),
    "deep list": ("[" * 100_000, "recursion"),
    "deep object": ('{"a":' * 100_000, "recursion"),
    "long number": (f"[{'9' * 3_000_000}]", "a number of 3000000 characters"),
    "NaN": ("[NaN]", "NaN"),
    "many nodes": (json.dumps({"modelTopology": {"node": [{}] * 501}}), "too long"),
    "odd name": ('{"modelTopology": {"node": [{"name": "\\ud800\\n\\u001b"}]}}', "without name"),
}


@pytest.mark.parametrize("case", OTHER_JSON)
def test_other_json_is_refused(tmp_path, case):
    text, reason = OTHER_JSON[case]
    refused(write(tmp_path, text), reason)


def test_files_that_are_none_are_refused(tmp_path):
    refused(tmp_path / "missing.json", "No such file")
    refused(tmp_path, "not an ordinary file")
    binary = tmp_path / "binary.json"
    binary.write_bytes(bytes(range(256)))
    refused(binary, "utf-8")


@pytest.mark.slow
def test_damaged_file_gives_an_error_or_a_finite_model(tmp_path):
    path = tmp_path / "model.json"
    loaded = 0
    for data in damaged(json.dumps(graph_model(WEIGHTS)).encode(), 300):
        path.write_bytes(data)
        loaded += loads(subject.load, path)
    assert 0 < loaded < 300  # without a checksum, a changed weight can't be detected


NASTY = (None, [], {}, "", "k0", "x" * 99, -1, 0, 1e300, True, [[]], {"s": 1}, ["x", "x", "x"])


@pytest.mark.slow
def test_any_value_at_any_place_gives_an_error_or_a_finite_model(tmp_path):
    choose = random.Random(0)
    graph = graph_model(WEIGHTS)
    places = list(_places(graph))
    outcomes = set()
    for place in choose.sample(places, 200):
        bad = copy.deepcopy(graph)
        inner = bad
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = choose.choice(NASTY)
        outcomes.add(loads(subject.load, write(tmp_path, bad)))
    assert outcomes == {False, True}


def _places(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield [key]
        if isinstance(inner, dict | list):
            yield from ([key, *place] for place in _places(inner))
