"""The exported training step under JAX, without TensorFlow: the same steps, or an error."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from support.command import ROOT, refused, run

jax = pytest.importorskip("jax", reason="no JAX: pip install -e '.[tpu]'")

from experiments.compiling import stablehlo_export, stablehlo_run  # noqa: E402
from selforg_mnist.data.digits import load_digits  # noqa: E402
from selforg_mnist.errors import UserError  # noqa: E402
from selforg_mnist.experiment import Experiment  # noqa: E402
from selforg_mnist.training.checkpoints import Checkpoints  # noqa: E402
from selforg_mnist.training.computing import Computing  # noqa: E402

COMMAND = "experiments.run_stablehlo"
TINY = Experiment("tiny", residual_noise=0.02, batch_size=8, pool_size=16, rollout_steps=2)
DENSE = Computing("dense")
# Operations of a CA step forward, per computed cell: two for each weight.
CELL_FLOPS = 2 * 22_320


@pytest.fixture(scope="module")
def digits():
    return load_digits("drawn", "train", num_drawn=20)


@pytest.fixture(scope="module")
def exported(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    trainer = stablehlo_export.trainer_of(TINY, DENSE, digits)
    stablehlo_export.export(folder, trainer, steps=4)
    return folder


def changed(folder, name, array_name, change):
    """Puts another array into an archive of an export."""
    with np.load(folder / name) as archive:
        arrays = dict(archive)
    arrays[array_name] = change(arrays[array_name])
    with (folder / name).open("wb") as file:
        np.savez(file, **arrays)


@pytest.mark.slow
def test_jax_takes_tensorflow_s_steps(exported):
    report = stablehlo_run.run(exported, "highest", seconds=0.01)
    assert report["deviation"] < 1e-2
    assert (report["batch_size"], report["rollout_steps"], report["steps"]) == (8, 2, 4)
    assert report["device"] == jax.devices()[0].device_kind
    assert report["steps_per_second"] > 0
    assert report["tensorflow_steps_per_second"] > 0
    forward = 8 * 28 * 28 * CELL_FLOPS
    assert 2 * forward < report["flops_per_step"] < 8 * forward


@pytest.mark.slow
@pytest.mark.long
def test_jax_takes_the_steps_in_bfloat16(exported, digits, tmp_path):
    computing = Computing("dense", precision="bfloat16")
    trainer = stablehlo_export.trainer_of(TINY, computing, digits)
    stablehlo_export.export(tmp_path, trainer, steps=4)
    report = stablehlo_run.run(tmp_path, "highest", seconds=0.01)
    # Far within the command's tolerance, which is for trained states.
    assert report["deviation"] < 0.1 < stablehlo_run.TOLERANCES["bfloat16"]
    assert (report["engine"], report["precision"]) == ("dense", "bfloat16")
    assert "xbf16>" in (tmp_path / stablehlo_run.TEXT).read_text()
    assert "xbf16>" not in (exported / stablehlo_run.TEXT).read_text()


@pytest.mark.slow
def test_command_needs_no_tensorflow_and_takes_a_nameless_engine_for_dense(exported, tmp_path):
    folder = tmp_path / "exported"
    shutil.copytree(exported, folder)
    about = json.loads((folder / stablehlo_run.ABOUT).read_text())
    for name in ("engine", "precision"):
        del about[name]
    (folder / stablehlo_run.ABOUT).write_text(json.dumps(about))
    flags = (f"--run={folder}", "--seconds=0.01")
    status, printed, said = run(COMMAND, *flags, cwd=ROOT, tensorflow=False)
    assert status == 0, said
    assert "dense engine, float32, products highest: batch 8, 2 CA steps" in printed


@pytest.mark.slow
@pytest.mark.long
def test_command_exports_the_precision_asked_for(tmp_path):
    size = ("--batch_size=4", "--rollout_steps=1", "--steps=1", "--dataset=drawn", "--digits=20")
    how = "--precision=bfloat16"
    status, _, said = run(COMMAND, f"--export={tmp_path / 'O'}", *size, how, cwd=ROOT)
    assert status == 0, said
    about = json.loads((tmp_path / "O" / stablehlo_run.ABOUT).read_text())
    assert (about["engine"], about["precision"], about["batch_size"]) == ("dense", "bfloat16", 4)


@pytest.mark.slow
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


def made_run(run_dir, **engine):
    """The config.json of a run, with other options of its engine."""
    run_dir.mkdir()
    options = {"name": "living", "lanes": 1, "replicas": 1, "precision": "float32"}
    config = {"experiment": TINY.to_dict(), "engine": options | engine, "dataset": {}}
    (run_dir / "config.json").write_text(json.dumps(config))
    return run_dir


@pytest.mark.slow
def test_a_run_s_checkpoint_is_where_it_begins(digits, tmp_path):
    run_dir = made_run(tmp_path / "run")
    experiment, computing = stablehlo_export.course_of(run_dir)
    assert experiment.to_dict() == TINY.to_dict()
    trainer = stablehlo_export.trainer_of(experiment, computing, digits)
    state, _ = trainer.run(trainer.initial_state(), tf.constant(3))
    Checkpoints(run_dir / "checkpoints").save(3, state)
    stablehlo_export.export(tmp_path / "out", trainer, steps=1, run_dir=run_dir)
    with np.load(tmp_path / "out" / stablehlo_run.ARGUMENTS) as arguments:
        assert arguments["state.step"] == 3
        np.testing.assert_array_equal(arguments["state.pool.state"], state.pool.state)
    assert stablehlo_run.run(tmp_path / "out", "highest", seconds=0.01)["deviation"] < 1e-2


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ({}, Computing("dense")),
        ({"precision": "bfloat16"}, Computing("dense", precision="bfloat16")),
    ],
)
def test_a_run_s_way_of_computing_is_taken_over(engine, expected, tmp_path):
    assert stablehlo_export.course_of(made_run(tmp_path / "run", **engine))[1] == expected


class TestMistakes:
    def test_one_of_both_is_asked_for(self, tmp_path):
        expected = "expected one of the two, such as --export=FOLDER"
        assert expected in refused(COMMAND, cwd=tmp_path)
        assert expected in refused(COMMAND, "--run=a", "--export=b", cwd=tmp_path)

    def test_folder_without_an_export_is_refused(self, tmp_path):
        assert "not a complete export" in refused(COMMAND, f"--run={tmp_path}", cwd=tmp_path)

    @pytest.mark.slow
    def test_half_an_export_is_refused(self, exported, tmp_path):
        folder = tmp_path / "cut"
        shutil.copytree(exported, folder)
        whole = (folder / stablehlo_run.EXPECTED).read_bytes()
        (folder / stablehlo_run.EXPECTED).write_bytes(whole[: len(whole) // 2])
        assert "not a complete export" in refused(COMMAND, f"--run={folder}", cwd=tmp_path)

    def test_run_dir_without_a_run_is_refused(self, tmp_path):
        with pytest.raises(UserError, match=r"no config\.json"):
            stablehlo_export.course_of(tmp_path)
