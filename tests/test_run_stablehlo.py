"""The exported training step under JAX, which gets no TensorFlow: the same steps, or an error."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from command import ROOT, refused, run

jax = pytest.importorskip("jax", reason="no JAX: pip install -e '.[tpu]'")

from experiments import stablehlo_export, stablehlo_run  # noqa: E402
from selforg_mnist.checkpoints import Checkpoints  # noqa: E402
from selforg_mnist.digits import load_digits  # noqa: E402
from selforg_mnist.errors import UserError  # noqa: E402
from selforg_mnist.experiments import Experiment  # noqa: E402

COMMAND = "experiments.run_stablehlo"
TINY = Experiment("tiny", residual_noise=0.02, batch_size=8, pool_size=16, rollout_steps=2)


@pytest.fixture(scope="module")
def digits():
    return load_digits("drawn", "train", num_drawn=20)


@pytest.fixture(scope="module")
def exported(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    stablehlo_export.export(folder, TINY, digits, steps=4)
    return folder


def changed(folder, name, array_name, change):
    """Puts another array into an archive of an export."""
    with np.load(folder / name) as archive:
        arrays = dict(archive)
    arrays[array_name] = change(arrays[array_name])
    with (folder / name).open("wb") as file:
        np.savez(file, **arrays)


def test_jax_takes_tensorflow_s_steps(exported):
    report = stablehlo_run.run(exported, "highest", seconds=0.01)
    assert report["deviation"] < 1e-2
    assert (report["batch_size"], report["rollout_steps"], report["steps"]) == (8, 2, 4)
    assert report["device"] == jax.devices()[0].device_kind
    assert report["steps_per_second"] > 0
    assert report["tensorflow_steps_per_second"] > 0
    # Of a CA step forward, two floating-point operations a weight and cell; and a step back.
    forward = 2 * 8 * 28 * 28 * 22_320
    assert 2 * forward < report["flops_per_step"] < 8 * forward


def test_command_needs_no_tensorflow_and_says_what_it_ran(exported):
    flags = (f"--run={exported}", "--seconds=0.01")
    status, printed, said = run(COMMAND, *flags, cwd=ROOT, tensorflow=False)
    assert status == 0, said
    assert "batch 8, 2 CA steps" in printed
    assert "precision highest" in printed


def test_other_results_than_tensorflow_s_end_the_command(exported, tmp_path):
    folder = tmp_path / "exported"
    shutil.copytree(exported, folder)
    changed(folder, stablehlo_run.EXPECTED, "state.pool.labels", lambda labels: (labels + 1) % 10)
    flags = (f"--run={folder}", "--seconds=0.01")
    status, _, said = run(COMMAND, *flags, cwd=ROOT, tensorflow=False)
    assert status == 1
    assert said.splitlines()[-1].startswith("error: state.pool.labels: off by inf")


class TestDeviation:
    START = np.array([1.0, 2.0, 3.0], np.float32)

    def test_is_a_share_of_the_way(self):
        expected = self.START + np.array([0.03, 0.0, 0.04], np.float32)
        found = expected + np.array([0.0, 0.005, 0.0], np.float32)
        assert stablehlo_run.deviation(found, expected, self.START) == pytest.approx(0.1, rel=1e-3)

    def test_without_a_start_is_a_share_of_the_size(self):
        found, expected = np.array([3.0, 4.5]), np.array([3.0, 4.0])
        assert stablehlo_run.deviation(found, expected, None) == pytest.approx(0.1)

    def test_of_what_did_not_move_is_the_difference(self):
        assert stablehlo_run.deviation(self.START, self.START, self.START) == 0
        assert stablehlo_run.deviation(self.START + 1, self.START, self.START) > 1

    def test_of_other_whole_numbers_and_of_no_numbers_is_infinite(self):
        whole = np.array([1, 2])
        assert stablehlo_run.deviation(whole, whole, whole) == 0
        assert stablehlo_run.deviation(whole + np.array([0, 1]), whole, whole) == np.inf
        assert stablehlo_run.deviation(self.START * np.nan, self.START, self.START) == np.inf


def test_a_run_s_checkpoint_is_where_it_begins(digits, tmp_path):
    trainer = stablehlo_export.trainer_of(TINY, digits)
    state, _ = trainer.run(trainer.initial_state(), tf.constant(3))
    run_dir = tmp_path / "run"
    Checkpoints(run_dir / "checkpoints").save(3, state)
    config = {"experiment": TINY.to_dict(), "engine": {"lanes": 1}, "dataset": {}}
    (run_dir / "config.json").write_text(json.dumps(config))
    assert stablehlo_export.experiment_of(run_dir).to_dict() == TINY.to_dict()
    stablehlo_export.export(tmp_path / "out", TINY, digits, steps=1, run_dir=run_dir)
    with np.load(tmp_path / "out" / stablehlo_run.ARGUMENTS) as arguments:
        assert arguments["state.step"] == 3
        np.testing.assert_array_equal(arguments["state.pool.state"], state.pool.state)
    assert stablehlo_run.run(tmp_path / "out", "highest", seconds=0.01)["deviation"] < 1e-2


class TestMistakes:
    def test_one_of_both_is_asked_for(self, tmp_path):
        expected = "expected one of --export=FOLDER and --run=FOLDER"
        assert expected in refused(COMMAND, cwd=tmp_path)
        assert expected in refused(COMMAND, "--run=a", "--export=b", cwd=tmp_path)

    def test_folder_without_an_export_is_refused(self, exported, tmp_path):
        assert "no whole export" in refused(COMMAND, f"--run={tmp_path}", cwd=tmp_path)
        folder = tmp_path / "cut"
        shutil.copytree(exported, folder)
        whole = (folder / stablehlo_run.EXPECTED).read_bytes()
        (folder / stablehlo_run.EXPECTED).write_bytes(whole[: len(whole) // 2])
        assert "no whole export" in refused(COMMAND, f"--run={folder}", cwd=tmp_path)

    def test_run_dir_without_a_run_is_refused(self, tmp_path):
        with pytest.raises(UserError, match=r"no config\.json"):
            stablehlo_export.experiment_of(tmp_path)
