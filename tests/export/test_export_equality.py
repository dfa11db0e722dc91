"""An error in a written graph is found before it replaces a good export."""

import json
import shutil

import numpy as np
import pytest

from export import conversion, equality, exporting, graph_runner, graphs
from export.equality import Graph
from export.graph_runner import Call
from selforg_mnist.errors import UserError
from selforg_mnist.readers.rule_arrays import LoadedModel
from support.foreign_files import assert_one_line
from support.web_exports import contents, need_converter, need_node, small_model

DENSE, LIVING = "", "living"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A model and its two graphs on the disk."""
    need_converter()
    need_node()
    model, _ = small_model()
    folder = tmp_path_factory.mktemp("web")
    paths = (folder / conversion.MODEL_FILE, folder / LIVING / conversion.MODEL_FILE)
    names = (
        conversion.convert(graphs.DenseGraph(model), paths[0].parent),
        conversion.convert(graphs.LivingGraph(model), paths[1].parent),
    )
    return model, *(Graph(path, n) for path, n in zip(paths, names, strict=True))


def plant(folder, shape, change):
    """Changes the numbers of the first float weight of a shape, in the file."""
    (group,) = json.loads((folder / "model.json").read_text())["weightsManifest"]
    (path,) = (folder / name for name in group["paths"])
    data, at = np.frombuffer(path.read_bytes(), np.uint8).copy(), 0
    for weight in group["weights"]:
        size = 4 * int(np.prod(weight["shape"]))
        if weight["shape"] == shape and weight["dtype"] == "float32":
            values = data[at : at + size].view("<f4")
            values[:] = change(values)
            break
        at += size
    else:
        raise AssertionError(f"no weight {shape}")
    path.write_bytes(data.tobytes())


@pytest.mark.slow
def test_graphs_as_written_pass(written):
    checked = equality.check(*written)
    assert 0 < checked.max_difference < 2e-6
    assert (checked.limit, checked.tensorflowjs) == (1e-5, "4.22.0")


def one_more(values):
    return np.where(np.arange(values.size) == 4, values + 1e-3, values)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "shape", "change"),
    [
        (DENSE, [13], one_more),
        (DENSE, [3, 3, 14, 6], lambda values: values[::-1]),
        (DENSE, [6], lambda values: values * np.nan),
        (DENSE, [], lambda values: values * 3),  # the threshold
        (LIVING, [117, 6], one_more),
        (LIVING, [9, 6], one_more),
        (LIVING, [13], one_more),
        (LIVING, [1, 13], lambda values: values + 0.01),  # the dead cells' state
    ],
)
def test_planted_fault_is_found(written, place, shape, change):
    model, *found = written
    folder = found[place == LIVING].model.parent
    (path,) = folder.glob("*.bin")
    good = path.read_bytes()
    plant(folder, shape, change)
    try:
        with pytest.raises(UserError) as error:
            equality.check(model, *found)
    finally:
        path.write_bytes(good)
    graph = "living" if place else "dense"
    assert_one_line(error.value, f"the {graph} graph in TensorFlow.js differs", "1e-05")


@pytest.mark.slow
def test_outputs_that_are_exchanged_are_found(written):
    model, dense, living = written
    outputs = dict(zip(living.names.outputs, reversed(living.names.outputs.values()), strict=True))
    exchanged = living._replace(names=living.names._replace(outputs=outputs))
    with pytest.raises(UserError, match=r"TensorFlow\.js"):
        equality.check(model, dense, exchanged)


@pytest.mark.slow
def test_states_that_grow_without_end_are_compared_as_far_as_they_are_finite(tmp_path):
    model, weights = small_model()
    model.set_weights([100 * weight for weight in weights])
    need_converter()
    need_node()
    numbers = [step.number for step in equality.steps_of(model)]
    assert numbers[:3] == [0, 1, 2]
    assert max(numbers) < 100
    dense = conversion.convert(graphs.DenseGraph(model), tmp_path)
    living = conversion.convert(graphs.LivingGraph(model), tmp_path / LIVING)
    found = (
        Graph(tmp_path / "model.json", dense),
        Graph(tmp_path / LIVING / "model.json", living),
    )
    assert equality.check(model, *found).max_difference < 1e-5


@pytest.mark.slow
def test_model_whose_steps_are_not_finite_is_refused(tmp_path):
    need_converter()
    need_node()
    model, weights = small_model()
    model.set_weights([1e30 * weight for weight in weights])
    with pytest.raises(UserError, match="not finite") as error:
        exporting.write(LoadedModel(model, "mine", "mine", "mine", None), tmp_path / "web")
    assert_one_line(error.value)
    assert contents(tmp_path) == {}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["damage", "disappear", "full"])
def test_failed_export_leaves_the_earlier_one(tmp_path, written, monkeypatch, fault):
    model, dense, _ = written
    loaded = LoadedModel(model, "mine", "mine", "mine", None)
    folder = tmp_path / "web"
    shutil.copytree(dense.model.parent, folder)
    (folder / "manifest.json").write_text('{"format": "selforg_mnist"}')
    before = contents(tmp_path)
    convert = conversion.convert

    def convert_badly(graph, place):
        names = convert(graph, place)
        if place.name == LIVING:
            if fault == "damage":
                plant(place, [13], one_more)
            elif fault == "disappear":
                (place / "model.json").unlink()
            else:
                raise OSError(28, "No space left on device")
        return names

    monkeypatch.setattr(conversion, "convert", convert_badly)
    with pytest.raises(UserError) as error:
        exporting.write(loaded, folder)
    assert_one_line(error.value)
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_failure_in_node_is_one_line(written, tmp_path):
    _, dense, _ = written
    x = np.zeros((1, 2, 2, 14), np.float32)
    with pytest.raises(UserError) as error:
        graph_runner.run([Call(dense.model, {"x": x}, ["Identity"])])
    assert_one_line(error.value, "node: TensorFlow.js failed (", "Missing the following inputs")
    with pytest.raises(UserError) as error:
        graph_runner.run([Call(tmp_path / "model.json", {}, ["Identity"])])
    assert_one_line(error.value, "ENOENT", "or give --nocheck")
