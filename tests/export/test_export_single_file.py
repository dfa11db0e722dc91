"""The one-file export is the article's own form: for its page, for us, and for TensorFlow.js."""

import base64
import json

import numpy as np
import pytest
import tensorflow as tf

from export import exporting, graph_runner
from export.graph_runner import Call, Result
from selforg_mnist import weights
from selforg_mnist.data.digits import load_digits
from selforg_mnist.readers import graph_model
from selforg_mnist.readers.rule_arrays import LoadedModel
from support import reference_ca
from support.foreign_files import article_model, assert_same_weights
from support.web_exports import SMALL, canvas, contents, need_converter, need_node, small_model


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The folder of a small model's export, unchecked, and its weights."""
    need_converter()
    model, arrays = small_model()
    folder = tmp_path_factory.mktemp("exports") / "single"
    exporting.write(LoadedModel(model, "s", "s", "s", None), folder, "single_file", check=False)
    return folder, arrays


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The checked export of the shipped l2_noise."""
    need_converter()
    need_node()
    folder = tmp_path_factory.mktemp("exports") / "l2_noise"
    exporting.export("l2_noise", folder, "single_file")
    return folder


def graph_of(path):
    content = json.loads(path.read_text())
    return content, {node["name"]: node for node in content["modelTopology"]["node"]}


@pytest.mark.slow
def test_weights_are_read_back_bit_for_bit(single):
    folder, arrays = single
    loaded = weights.load(str(folder / "model.json"))
    assert_same_weights(loaded.model, arrays)
    assert loaded.model.channels == SMALL["channels"]


@pytest.mark.slow
def test_shipped_weights_are_read_back_bit_for_bit(shipped):
    original = weights.load("l2_noise").model
    loaded = weights.load(str(shipped / "model.json")).model
    assert_same_weights(loaded, original.get_weights())
    assert loaded.residual_noise == original.residual_noise


def test_no_weights_lie_elsewhere(single):
    folder, _ = single
    assert set(contents(folder)) == {"manifest.json", "model.json", "living/model.json"}
    for path in (folder / "model.json", folder / "living" / "model.json"):
        content, _ = graph_of(path)
        assert set(content) == {"format", "modelTopology", "weightsManifest"}
        assert content["format"] == "graph-model"
        assert content["weightsManifest"] == []


def test_names_and_shapes_are_the_article_s(single):
    theirs = graph_of(article_model())[1]
    ours = graph_of(single[0] / "model.json")[1]
    channels = {20: SMALL["channels"], 19: SMALL["channels"] - 1}
    for name in ("x", "fire_rate", "manual_noise"):
        assert ours[name]["op"] == theirs[name]["op"] == "Placeholder"
        assert ours[name]["attr"]["dtype"] == theirs[name]["attr"]["dtype"]
    for name in ("x", "manual_noise"):
        dims = theirs[name]["attr"]["shape"]["shape"]["dim"]
        sizes = [int(dim["size"]) for dim in dims]
        expected = [str(channels.get(size, size)) for size in sizes]
        assert [d["size"] for d in ours[name]["attr"]["shape"]["shape"]["dim"]] == expected
    consumed = {inner for node in ours.values() for inner in node.get("input", [])}
    assert [name for name in ours if name not in consumed] == ["Identity"]


def test_each_constant_stands_in_the_form_that_the_article_s_page_reads(single):
    fields = {"DT_FLOAT": "floatVal", "DT_INT32": "intVal"}
    scalars = {}
    for path in (single[0] / "model.json", single[0] / "living" / "model.json"):
        for name, node in graph_of(path)[1].items():
            if node["op"] != "Const":
                continue
            tensor = node["attr"]["value"]["tensor"]
            dims = [int(dim["size"]) for dim in tensor["tensorShape"].get("dim", [])]
            if dims:
                assert len(base64.b64decode(tensor["tensorContent"])) == 4 * np.prod(dims)
            else:
                (scalars[name],) = tensor[fields[tensor["dtype"]]]
                assert "tensorContent" not in tensor
    (threshold,) = (value for name, value in scalars.items() if "Greater" in name)
    assert np.float32(threshold) == np.float32(0.1)
    (axis,) = (value for name, value in scalars.items() if "split_dim" in name)
    assert axis == -1


def dense_call(path, x, fire_rate, noise):
    inputs = {"x": x, "fire_rate": np.float32(fire_rate), "manual_noise": noise}
    return Call(path, inputs, ["Identity"])


@pytest.mark.slow
def test_the_article_s_page_could_run_it(single):
    # It feeds one number as fire rate, and fills in the constants after tf.loadGraphModel.
    need_node()
    folder, arrays = single
    x, _, noise = canvas((1, 56, 56), SMALL["channels"])
    alive = reference_ca.alive(x[..., 0])
    calls = [dense_call(folder / "model.json", x, rate, noise) for rate in (0, 0.5, 1)]
    none, half, all_ = (r["Identity"] for r in graph_runner.run(calls).results)
    np.testing.assert_array_equal(none, x)
    expected = reference_ca.step(reference_ca.rule_of(arrays), x, alive, noise)
    np.testing.assert_allclose(all_, expected, atol=1e-5)
    changed = (half != x).any(axis=-1)
    assert not changed[~alive].any()
    # Of some 1,600 living cells; the standard deviation is 1.25 points.
    assert changed[alive].mean() == pytest.approx(0.5, abs=0.07)
    np.testing.assert_array_equal(half[changed], all_[changed])


@pytest.mark.slow
def test_the_article_s_own_file_runs_too():
    need_node()
    path = article_model()
    model = graph_model.load(path)
    x, _, noise = canvas((2, 28, 28), 20)
    every = np.ones(x.shape[:3], bool)
    (result,) = graph_runner.run([dense_call(path, x, 1, noise)]).results
    np.testing.assert_allclose(result["Identity"], model(x, fires=every, noise=noise), atol=1e-5)
    assert np.abs(result["Identity"] - x).max() > 0.1


@pytest.mark.slow
def test_shipped_model_classifies_as_its_source_does(shipped):
    model = weights.load("l2_noise").model
    drawn = load_digits("drawn", "test", num_drawn=30)
    x = model.initialize(drawn.gray()).numpy()
    rng = np.random.default_rng(0)
    step, source, calls = tf.function(model), tf.constant(x), []
    for t in range(60):
        fires = rng.random(x.shape[:3]) < model.fire_rate
        noise = rng.normal(0.0, model.residual_noise, (*x.shape[:3], 19)).astype(np.float32)
        source = step(source, fires=fires, noise=noise)
        before = Result(t - 1, "Identity") if t else x
        calls.append(dense_call(shipped / "model.json", before, fires[..., None], noise))
    found = graph_runner.run(calls, "wasm").results[-1]["Identity"]
    labels = model.labels(source).numpy()
    np.testing.assert_array_equal(model.labels(tf.constant(found)), labels)
    # They do name the digits, so the comparison isn't empty.
    alive = reference_ca.alive(x[..., 0])
    right = labels == drawn.labels[:, None, None]
    assert right[alive].mean() > 0.85
