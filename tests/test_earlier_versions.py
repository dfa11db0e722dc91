"""Files of an earlier version can still be used: a model, a run, an export.

The files in `support/earlier_version` are as the version wrote them whose modules all lay side by
side: `web_exports.small_model(0.125)`, saved by Keras; its export; and a run of one training step,
without its TensorBoard files.
"""

import json
import shutil

import keras
import numpy as np
import pytest

from export import equality, output_folder
from export.conversion import Names
from export.equality import Graph
from selforg_mnist import weights
from selforg_mnist.model import CAModel
from support import command, train_process, web_exports

EARLIER = command.ROOT / "tests" / "support" / "earlier_version"
FLAGS = (
    "--experiment=l2_noise",
    "--dataset=drawn",
    "--pool_mode=naive",
    "--batch_size=1",
    "--pool_size=1",
    "--rollout_steps=5",
    "--eval_samples=4",
    "--eval_steps=5",
)


@pytest.mark.parametrize("load", [lambda path: weights.load(path).model, keras.models.load_model])
def test_a_model_is_loaded(load):
    model = load(str(EARLIER / "small.keras"))
    _, expected = web_exports.small_model()
    assert isinstance(model, CAModel)
    assert model.residual_noise == 0.125
    for array, right in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(array, right.reshape(array.shape))


@pytest.mark.slow
def test_a_run_is_resumed(tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(EARLIER / "run", run_dir)
    before = weights.load_run(run_dir)
    assert before.experiment == "l2_noise"
    status, said = train_process.run(*FLAGS, "--train_steps=2", run_dir=run_dir)
    assert status == 0, said
    assert f"Resuming from {run_dir}/checkpoints/step-00000001.npz" in said
    with np.load(run_dir / "checkpoints" / "step-00000002.npz") as archive:
        assert archive["step"] == 2
    after = weights.load_run(run_dir).model.get_weights()
    # Adam moves no weight by more than a few times the learning rate.
    moved = [abs(a - b).max() for a, b in zip(after, before.model.get_weights(), strict=True)]
    assert all(0 < most < 0.01 for most in moved)


def test_an_export_is_taken_for_one():
    output_folder.check(EARLIER / "export")


def graph(kind):
    said = json.loads((EARLIER / "export" / "manifest.json").read_text())[kind]
    inputs = said["inputs"]
    if kind == "dense":
        inputs["manual_noise"] = inputs.pop("noise")
    return Graph(EARLIER / "export" / said["model"], Names(inputs, said["outputs"]))


@pytest.mark.slow
def test_the_graphs_of_an_export_give_what_the_model_gives():
    web_exports.need_node()
    model = weights.load(str(EARLIER / "small.keras")).model
    checked = equality.check(model, graph("dense"), graph("living"))
    assert checked.max_difference < equality.LIMIT
