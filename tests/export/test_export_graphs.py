"""The exported graphs, run by TensorFlow.js: the article's step, for any canvas and any cells."""

import json

import numpy as np
import pytest
import tensorflow as tf

from export import conversion, graph_runner, graphs, living_rows
from export.graph_runner import Call, Result
from selforg_mnist.cells import living_cells, living_rollout
from support import reference_ca
from support.web_exports import SMALL, canvas, need_converter, need_node, small_model

STATE = SMALL["channels"] - 1


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Paths of the dense graph and the graph of living cells, and the weights in both."""
    need_converter()
    need_node()
    model, weights = small_model()
    folder = tmp_path_factory.mktemp("web")
    names = conversion.convert(graphs.DenseGraph(model), folder)
    assert names.inputs == {n: n for n in ("fire_rate", "manual_noise", "x")}
    assert names.outputs == {"x": "Identity"}
    (output,) = json.loads((folder / "model.json").read_text())["signature"]["outputs"].values()
    assert [dim["size"] for dim in output["tensorShape"]["dim"]] == ["-1", "-1", "-1", "14"]
    names = conversion.convert(graphs.LivingGraph(model), folder / "living")
    inputs = ("firing", "gray", "gray_part", "neighbours", "noise", "slots", "state")
    assert names.inputs == {n: n for n in inputs}
    assert names.outputs == {"gray_part": "Identity", "state": "Identity_1"}
    return folder / "model.json", folder / "living" / "model.json", weights


def dense_call(path, x, fire_rate, noise):
    inputs = {"x": x, "fire_rate": np.float32(fire_rate), "manual_noise": noise}
    return Call(path, inputs, ["Identity"])


def living_inputs(x, fires, noise):
    """The rows, and what the graph takes besides their gray part."""
    cells = living_rows.find(x[..., 0])
    firing = living_rows.fire(cells, fires, noise)
    state = x[cells.alive][:, 1:]
    return cells, {"state": state, "neighbours": cells.neighbours, **firing._asdict()}


def living_calls(path, x, fires, noise, at=0, changes=None):
    """Calls for the gray part and the step, of which the first one will be number `at`."""
    cells, inputs = living_inputs(x, fires, noise)
    gray_part = Call(path, {"gray": cells.gray}, ["Identity"])
    inputs |= {"gray_part": Result(at, "Identity"), **(changes or {})}
    return [gray_part, Call(path, inputs, ["Identity_1"])]


def run_living(path, x, fires, noise, changes=None):
    ran = graph_runner.run(living_calls(path, x, fires, noise, changes=changes))
    return ran.results[1]["Identity_1"]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["cpu", "wasm"])
def test_both_graphs_take_the_article_s_step_on_any_canvas(exported, backend):
    dense, living, weights = exported
    shapes = [(1, 1, 1), (2, 3, 5), (3, 28, 28), (1, 56, 40), (1, 1, 9)]
    calls, expected = [], []
    for seed, shape in enumerate(shapes):
        x, fires, noise = canvas(shape, SMALL["channels"], seed)
        x[0, 0, 0, 0] = 1.0
        calls.append(dense_call(dense, x, fires[..., None], noise))
        calls += living_calls(living, x, fires, noise, at=len(calls))
        after = reference_ca.step(reference_ca.rule_of(weights), x, fires, noise)
        expected.append((x, after))
    results = graph_runner.run(calls, backend).results
    for i, (x, after) in enumerate(expected):
        np.testing.assert_allclose(results[3 * i]["Identity"], after, atol=1e-5)
        rows = after[reference_ca.alive(x[..., 0])][:, 1:]
        np.testing.assert_allclose(results[3 * i + 2]["Identity_1"], rows, atol=1e-5)
        np.testing.assert_array_equal(results[3 * i]["Identity"][..., 0], x[..., 0])
    assert np.abs(expected[2][1] - expected[2][0]).max() > 0.1


@pytest.mark.slow
def test_living_graph_is_the_engine_that_trains(exported):
    x, fires, noise = canvas((2, 12, 9), SMALL["channels"], 3)
    model, _ = small_model()
    cells = living_cells.find(tf.constant(x[..., 0]))
    table = living_cells.to_table(cells, tf.constant(x[..., 1:]))
    firing = living_cells.firing_from_masks(cells, tf.constant(fires[None]), noise[None])
    after = living_rollout.rollout(model.ca_weights(), table, firing)
    found = run_living(exported[1], x, fires, noise)
    np.testing.assert_allclose(found, living_cells.living_state(cells, after), atol=1e-5)


@pytest.mark.slow
def test_fire_rate_may_be_a_number_or_a_map(exported):
    x, _, noise = canvas((4, 20, 20), SMALL["channels"])
    x[..., 0] = 1.0
    rates = (0.0, 0.5, 1.0)
    maps = (np.zeros((1, 20, 20, 1)), np.full((4, 1, 1, 1), 0.5), np.ones((4, 20, 20, 1)))
    calls = [dense_call(exported[0], x, rate, noise) for rate in (*rates, *maps)]
    results = graph_runner.run(calls).results
    for i, rate in enumerate(2 * rates):
        changed = (results[i]["Identity"] != x).any(axis=-1)
        # Of 1,600 cells at 0.5, the standard deviation is 20.
        assert abs(changed.sum() - rate * changed.size) <= (100 if rate == 0.5 else 0)


@pytest.mark.slow
def test_noise_reaches_only_what_fires_and_lives(exported):
    x = np.zeros((1, 3, 3, SMALL["channels"]), np.float32)
    x[0, 1, :, 0] = (0.1, 1.0, 1.0)  # dead at exactly 0.1, living, living
    fires = np.array([[[1, 1, 1], [1, 1, 0], [1, 1, 1]]], np.float32)
    noise = np.full((1, 3, 3, STATE), 100, np.float32)
    (result,) = graph_runner.run([dense_call(exported[0], x, fires[..., None], noise)]).results
    change = np.abs(result["Identity"] - x)[..., 1:].min(axis=-1)
    assert (change > 50).tolist() == [[[False] * 3, [False, True, False], [False] * 3]]
    assert (change[change <= 50] == 0).all()


@pytest.mark.slow
def test_a_single_cell_that_fires_and_one_that_rests(exported):
    _, living, weights = exported
    _, _, noise = canvas((1, 4, 4), SMALL["channels"])
    x = np.zeros((1, 4, 4, SMALL["channels"]), np.float32)
    x[0, 3, 0] = np.linspace(0.7, -0.7, SMALL["channels"])
    rule = reference_ca.rule_of(weights)
    for value in (True, False):
        fires = np.full((1, 4, 4), value)
        after = reference_ca.step(rule, x, fires, noise)[0, 3, :1, 1:]
        assert np.array_equal(after, x[0, 3, :1, 1:]) is not value
        np.testing.assert_allclose(run_living(living, x, fires, noise), after, atol=1e-5)


@pytest.mark.slow
def test_one_of_many_fires(exported):
    x, fires, noise = canvas((1, 6, 6), SMALL["channels"], 1)
    x[..., 0] = 1.0
    fires[:] = False
    fires[0, 5, 5] = True
    found = run_living(exported[1], x, fires, noise)
    assert np.flatnonzero((found != x.reshape(36, -1)[:, 1:]).any(axis=1)).tolist() == [35]
    after = reference_ca.step(reference_ca.rule_of(exported[2]), x, fires, noise)
    np.testing.assert_allclose(found, after.reshape(36, -1)[:, 1:], atol=1e-5)


@pytest.mark.slow
def test_rows_of_firing_that_no_slot_points_to_change_nothing(exported):
    x, fires, noise = canvas((1, 7, 8), SMALL["channels"], 5)
    _, inputs = living_inputs(x, fires, noise)
    count = len(inputs["firing"])
    resting = inputs["slots"] == count
    padded = {
        "firing": np.pad(inputs["firing"], (0, 9)),
        "noise": np.pad(inputs["noise"], ((0, 9), (0, 0)), constant_values=77),
        "slots": np.where(resting, count + 9, inputs["slots"]).astype(np.int32),
    }
    assert resting.any()
    plain = run_living(exported[1], x, fires, noise)
    np.testing.assert_array_equal(run_living(exported[1], x, fires, noise, padded), plain)


def test_rows_of_a_canvas_by_hand():
    gray = np.zeros((2, 2, 3), np.float32)
    gray[0, 0] = (0.5, 0.05, 0.25)  # living, dead but seen, living
    gray[0, 1] = (0.0, 0.75, 0.0)
    gray[1, 1, 2] = 1.0
    cells = living_rows.find(gray)
    assert cells.alive.tolist() == [
        [[True, False, True], [False, True, False]],
        [[False, False, False], [False, False, True]],
    ]
    assert cells.neighbours.tolist() == [
        [4, 4, 4, 4, 0, 4, 4, 4, 2],
        [4, 4, 4, 4, 1, 4, 2, 4, 4],
        [0, 4, 1, 4, 2, 4, 4, 4, 4],
        [4, 4, 4, 4, 3, 4, 4, 4, 4],
    ]
    seen = np.float32(
        [[0, 0, 0, 0, 0.5, 0.05, 0, 0, 0.75], [0.5, 0.05, 0.25, 0, 0.75, 0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(cells.gray[[0, 2]], seen)
    assert cells.neighbours.dtype == np.int32
    noise = np.arange(12, dtype=np.float32).reshape(2, 2, 3, 1)
    fires = cells.alive & (gray != 0.5)
    rows = living_rows.fire(cells, fires, noise)
    assert [part.tolist() for part in rows] == [[1, 2, 3], [3, 0, 1, 2], [[2], [4], [11]]]
    none = living_rows.fire(cells, np.zeros_like(fires), noise)
    assert [part.tolist() for part in none] == [[0], [1, 1, 1, 1], [[0]]]
