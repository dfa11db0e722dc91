"""Files of weights as other programs write them, small, and ways to damage them.

`graph_model` gives a TensorFlow.js graph in one file, as the article's page has it or as the
converter fuses it; `write_checkpoint` a checkpoint as the authors' notebook saves it, whose
checksums `with_checksums` puts right again; `damaged` many versions of some bytes, no two runs
different.
"""

import base64
import os
import pathlib
import random

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.errors import WeightsError

SMALL = {"channels": 11, "hidden": 3}  # such small files can be read many times quickly
ARTICLE_MODEL = "l2_noise_model.json"


def article_model():
    """The article's model: in the folder SELFORG_ARTICLE_DIR, else ../shared/article."""
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("SELFORG_ARTICLE_DIR") or root.parent / "shared/article")
    if not (folder / ARTICLE_MODEL).is_file():
        pytest.skip(
            f"{folder} lacks {ARTICLE_MODEL}: name a folder with it in SELFORG_ARTICLE_DIR"
        )
    return folder / ARTICLE_MODEL


def _text(value):
    return {"s": base64.b64encode(value.encode()).decode()}


def _constant(name, array):
    dims = [{"size": str(size)} for size in array.shape]
    content = base64.b64encode(array.astype("<f4").tobytes()).decode()
    tensor = {"dtype": "DT_FLOAT", "tensorShape": {"dim": dims}, "tensorContent": content}
    return {"name": name, "op": "Const", "attr": {"value": {"tensor": tensor}}}


def graph_model(weights, fused=False, noise=True):
    """The graph of a step, up to the residual update with its noise."""
    kernels, biases = weights[::2], weights[1::2]
    nodes, source = [{"name": "x", "op": "Placeholder"}], "x"
    nodes += [{"name": "manual_noise", "op": "Placeholder"}] * noise
    for i, (kernel, bias) in enumerate(zip(kernels, biases, strict=True)):
        ones = {"list": {"i": ["1", "1", "1", "1"]}}
        attr = {"strides": ones, "dilations": ones, "data_format": _text("NHWC")}
        attr["padding"] = _text("VALID" if i else "SAME")
        nodes += [_constant(f"k{i}", kernel), _constant(f"b{i}", bias)]
        relu = i < 2
        if fused:
            operations = ["BiasAdd", "Relu"] if relu else ["BiasAdd"]
            attr["fused_ops"] = {"list": {"s": [_text(o)["s"] for o in operations]}}
            inputs = [source, f"k{i}", f"b{i}"]
            nodes.append({"name": f"l{i}", "op": "_FusedConv2D", "input": inputs, "attr": attr})
            source = f"l{i}"
            continue
        nodes += [
            {"name": f"read{i}", "op": "Identity", "input": [f"k{i}"]},
            {"name": f"c{i}", "op": "Conv2D", "input": [source, f"read{i}"], "attr": attr},
            {"name": f"a{i}", "op": "BiasAdd", "input": [f"c{i}:0", f"b{i}", "^x"]},
        ]
        nodes += [{"name": f"r{i}", "op": "Relu", "input": [f"a{i}"]}] * relu
        source = f"r{i}" if relu else f"a{i}"
    if noise:
        nodes.append({"name": "add", "op": "AddV2", "input": [source, "manual_noise"]})
    return {"format": "graph-model", "modelTopology": {"node": nodes}, "weightsManifest": []}


def write_checkpoint(prefix, weights, names=("layer_with_weights-0", "layer_with_weights-1")):
    """Writes a checkpoint under the names that Keras 2 gives the notebook's layers."""

    def layer(kernel, bias):
        module = tf.Module()
        module.kernel, module.bias = tf.Variable(kernel), tf.Variable(bias)
        return module

    perceive, hidden, residual = (layer(*weights[i : i + 2]) for i in (0, 2, 4))
    parts = {"perceive": tf.Module(), "dmodel": tf.Module()}
    setattr(parts["perceive"], names[0], perceive)
    setattr(parts["dmodel"], names[0], hidden)
    setattr(parts["dmodel"], names[1], residual)
    tf.train.Checkpoint(**parts).write(str(prefix))


def _masked_crc(data, folder):
    """The checksum as TensorFlow computes it: the last 4 bytes of a record in one of its files."""
    path = str(folder / "record")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(data)
    with open(path, "rb") as file:
        return file.read()[-4:]


def blocks(index):
    """Begin and end of the three blocks of a small index, each followed by 5 bytes."""
    at, numbers = len(index) - 48, []
    while len(numbers) < 4:
        value = shift = 0
        while True:
            byte, at = index[at], at + 1
            value, shift = value | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        numbers.append(value)
    ends = [(numbers[0], sum(numbers[:2])), (numbers[2], sum(numbers[2:]))]
    return [(0, numbers[0] - 5), *ends]


def with_checksums(index, folder):
    """A small index, changed within its blocks, with the checksums that TensorFlow expects."""
    right = bytearray(index)
    for begin, end in blocks(index):
        right[end + 1 : end + 5] = _masked_crc(bytes(index[begin : end + 1]), folder)
    return bytes(right)


def damaged(data, count, seed=0):
    """Yields versions of some bytes: bits flipped, cut off, overwritten, parts exchanged."""
    choose = random.Random(seed)
    for _ in range(count):
        bad = bytearray(data)
        at = choose.randrange(len(bad))
        length = choose.choice([1, 2, 4, 8, 64])
        match choose.randrange(5):
            case 0:
                bad[at] ^= 1 << choose.randrange(8)
            case 1:
                del bad[at:]
            case 2:
                bad[at : at + length] = choose.choice([b"\xff", b"\0", b"\x7f"]) * length
            case 3:
                bad[at : at + length] = choose.randbytes(length)
            case 4:
                start = choose.randrange(len(bad))
                bad[at:at] = bad[start : start + length]
        yield bytes(bad)


def assert_same_weights(model, weights):
    for found, expected in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, expected)


def assert_one_line(error, *parts):
    """An error for a user: one line of printable characters that says all the parts."""
    text = str(error)
    assert text.isprintable(), repr(text)
    for part in parts:
        assert str(part) in text, text


def loads(load, path):
    """Whether `load` takes a file, as a model of finite weights; else it says so in one line."""
    try:
        model = load(path)
    except WeightsError as error:
        assert_one_line(error, path)
        return False
    assert all(np.isfinite(w).all() for w in model.get_weights())
    return True
