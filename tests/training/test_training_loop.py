"""Runs as a user sees them: finished, started again, refused, with every option.

All of them are real processes. What may happen to a run is in `test_training_mishaps.py`.
"""

import contextlib
import re
import shutil
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from selforg_mnist import experiment
from selforg_mnist.model import CAWeights  # this also registers the model for Keras
from support import command
from support.messages import error_line
from support.tensorboard_server import eventually, get_json, serve
from support.train_process import TINY, run, start
from support.training_runs import (
    NOW_AND_THEN,
    STEPS,
    arrays,
    assert_same_end,
    checkpoints,
    config_of,
    hashes,
    steps_saved,
)


@pytest.fixture(scope="session")
def log(straight):
    return (straight.parent / "log").read_text()


@pytest.fixture
def copy(straight, tmp_path):
    """A copy of the finished run, to be damaged."""
    return shutil.copytree(straight, tmp_path / "copy")


class TestFinishedRun:
    @pytest.mark.slow
    def test_has_its_files(self, straight):
        assert {path.name for path in straight.iterdir()} == {
            "config.json",
            "checkpoints",
            "tensorboard",
            "model.keras",
        }
        assert steps_saved(straight) == [20, 40, 60]
        assert len(list((straight / "checkpoints").iterdir())) == 3

    def test_config_has_all_that_is_needed_to_run_again(self, straight):
        config = config_of(straight)
        assert config["experiment"] == {
            **experiment.get("l2_noise").to_dict(),
            "train_steps": STEPS,
            "batch_size": 4,
            "pool_size": 8,
            "rollout_steps": 3,
        }
        assert config["engine"]["name"] in ("dense", "living")
        assert config["engine"]["lanes"] >= 1
        assert config["dataset"]["source"] == "drawn"
        assert "NOT MNIST" in config["dataset"]["note"]
        assert config["dataset"]["num_digits"] == 10_000
        assert re.fullmatch("[0-9a-f]{64}", config["dataset"]["sha256"])
        assert config["monitoring"]["eval_samples"] == 10
        assert config["versions"]["keras"] == keras.__version__
        assert {"selforg_mnist", "python", "tensorflow", "numpy"} < config["versions"].keys()

    def test_model_loads_and_has_the_checkpoint_s_weights(self, straight):
        model = keras.models.load_model(straight / "model.keras")
        assert model.count_params() == 22_499
        with np.load(checkpoints(straight)[-1]) as archive:
            saved = [archive[name] for name in archive if name.startswith("weights.")]
        for variable, value in zip(model.trainable_variables, saved, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)
        assert (model.fire_rate, model.residual_noise) == (0.5, 0.02)

    def test_log_names_what_it_starts_with(self, log, straight):
        for said in (
            f"No checkpoint in {straight}/checkpoints: starting from step 0.",
            "Devices: /device:CPU:0",
            "Data: 10000 digits, drawn: embedded hand-made strokes, NOT MNIST",
            "Experiment l2_noise: 22499 parameters, ",
            " engine",
            "First training step done: loss ",
            f"Done: {STEPS} training steps. The model is {straight}/model.keras.",
        ):
            assert log.count(said) == 1, said

    def test_log_shows_progress_with_rate_and_time_left(self, log):
        progress = re.findall(
            r"step (\d+)/60  loss \d+\.\d\d  accuracy \d+\.\d%  agreement \d+\.\d%  "
            r"\d+\.\d steps/s  (\d+:\d\d:\d\d) left",
            log,
        )
        assert [int(step) for step, _ in progress] == list(range(1, STEPS + 1))
        assert progress[-1][1] == "0:00:00"
        assert len(re.findall("Held out, 10 digits, after 5 CA steps: accuracy", log)) == 3

    @pytest.mark.slow
    def test_tensorboard_shows_it(self, log, straight):
        logged = re.findall(r"step (\d+)/60  loss (\d+\.\d\d)", log)
        after = {f"curves/after_{step:06d}_steps" for step in (20, 40, 60)}
        with serve(straight / "tensorboard") as url:
            runs = eventually(lambda: set(get_json(url, "data/runs")), lambda r: len(r) == 5)
            assert runs == {"training", "evaluation"} | after

            def read(name, tag):
                plugin = "data/plugin/scalars/scalars"
                return [p[1:] for p in get_json(url, plugin, run=name, tag=tag)]

            shown = eventually(lambda: read("training", "train/loss"), lambda s: len(s) == STEPS)
            for (step, loss), (step_shown, loss_shown) in zip(logged, shown, strict=True):
                assert int(step) == step_shown
                assert loss_shown == pytest.approx(float(loss), abs=0.006)
            assert [s for s, _ in read("evaluation", "evaluation/top_accuracy")] == [20, 40, 60]
            for name in after:
                assert [s for s, _ in read(name, "curve/cell_accuracy")] == [1, 2, 3, 4, 5]
            text = get_json(url, "data/plugin/text/text", run="training", tag="configuration")
            assert "NOT MNIST" in text[-1]["text"]
            body = {"experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN"]}
            body |= {"colParams": [], "startIndex": 0, "sliceSize": 10}
            groups = get_json(url, "data/plugin/hparams/session_groups", body)["sessionGroups"]
            assert groups[0]["hparams"]["learning_rate"] == 0.001
            assert groups[0]["hparams"]["dataset"] == "drawn"

    def test_again_there_is_nothing_to_do(self, straight, tmp_path):
        before = hashes(straight)
        status, text = run(*TINY, f"--train_steps={STEPS}", run_dir=straight)
        assert status == 0
        assert "Nothing to do: 60 training steps are done, of 60 asked for." in text
        assert "First training step" not in text
        assert hashes(straight) == before

    def test_fewer_steps_are_done_too_and_a_lost_model_comes_back(self, copy, straight):
        before = hashes(copy)
        (copy / "model.keras").unlink()
        status, text = run(*TINY, "--train_steps=20", run_dir=copy)
        assert status == 0
        assert "Nothing to do: 60 training steps are done, of 20 asked for." in text
        assert {**hashes(copy), "model.keras": ""} == {**before, "model.keras": ""}
        assert_same_end(copy, straight)


def test_another_configuration_is_refused_and_nothing_changed(copy):
    before = hashes(copy)
    flags = ("--dataset=drawn", "--batch_size=8", "--pool_size=8", "--rollout_steps=4")
    flags += ("--experiment=ce", "--learning_rate=0.01", "--pool_mode=persistent", "--seed=1")
    status, text = run(*flags, "--train_steps=70", "--lanes=8", "--engine=living", run_dir=copy)
    assert status == 1
    line = error_line(text)
    assert f"run_dir={copy}: holds a run of another configuration (" in line
    engine = config_of(copy)["engine"]
    for difference in (
        "batch_size is 4 there and 8 now",
        "rollout_steps is 3 there and 4 now",
        "name is l2_noise there and ce now",
        "loss is l2 there and cross_entropy now",
        "residual_noise is 0.02 there and 0.0 now",
        "learning_rate is 0.001 there and 0.01 now",
        "pool_mode is mutating there and persistent now",
        "seed is 0 there and 1 now",
        f"engine.lanes is {engine['lanes']} there and 8 now",
        "dataset.sha256 is ",
    ):
        assert difference in line
    assert "pool_size is" not in line
    assert "train_steps is" not in line
    assert hashes(copy) == before


def test_another_batch_is_refused_as_such_whatever_the_lanes(copy):
    path = copy / "config.json"
    path.write_text(re.sub(r'"lanes": \d+', '"lanes": 4', path.read_text()))
    flags = ("--dataset=drawn", "--pool_mode=naive", "--rollout_steps=3", "--pool_size=8")
    status, text = run(*flags, "--batch_size=6", run_dir=copy)
    assert status == 1
    assert "batch_size is 4 there and 6 now" in error_line(text)


@pytest.mark.slow
@pytest.mark.long
def test_a_run_as_the_article_has_it_needs_less_than_two_gigabytes(tmp_path):
    process = start("--dataset=drawn", "--train_steps=5", run_dir=tmp_path / "run")
    status = Path(f"/proc/{process.pid}/status")
    peaks = []
    with contextlib.suppress(OSError):
        while found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text()):
            peaks.append(int(found[1]))
            time.sleep(0.02)
    assert process.wait() == 0, process.text
    assert "Held out, 500 digits, after 200 CA steps" in process.text
    assert 200_000 < peaks[-1] < 2_000_000


@pytest.mark.slow
@pytest.mark.long
def test_precision_is_recorded_and_part_of_the_run(tmp_path):
    run_dir = tmp_path / "run"
    flags = (*TINY, "--precision=bfloat16")
    status, text = run(*flags, "--train_steps=5", run_dir=run_dir)
    assert status == 0, text
    assert "products in bfloat16." in text
    assert config_of(run_dir)["engine"]["precision"] == "bfloat16"
    status, text = run(*TINY, "--train_steps=10", run_dir=run_dir)
    assert status == 1
    assert "engine.precision is bfloat16 there and float32 now" in error_line(text)
    other = tmp_path / "float32"
    run(*TINY, "--train_steps=5", run_dir=other)
    states = []
    for folder in (run_dir, other):
        with np.load(checkpoints(folder)[-1]) as archive:
            states.append(archive["pool.state"])
    assert 0.0 < np.abs(states[0] - states[1]).max() < 0.1


BEYOND = (
    *TINY,
    *NOW_AND_THEN,
    "--channels=13",
    "--hidden_channels=8",
    "--consensus=2",
    "--overflow=0.1",
    "--fresh_share=0",
    "--mutated_share=0.25",
    "--max_rollout_steps=5",
    "--schedule=cosine",
    "--warmup_steps=3",
    "--weight_averaging=0.9",
    "--canvas=40",
    "--scale_range=0.7,1.4",
    "--stroke_range=0.8,1.2",
    "--plain_share=0.25",
    "--drawn_share=0.5",
    "--train_steps=40",
)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("wide") / "run"
    flags = (*BEYOND, f"--run_dir={run_dir}")
    status, _, said = command.run("selforg_mnist.train", *flags, cwd=run_dir.parent)
    assert status == 0, said
    return run_dir


class TestBeyondTheArticle:
    """A run with every option that the article's training doesn't have."""

    def test_resumes_bit_for_bit(self, wide, tmp_path):
        again = shutil.copytree(wide, tmp_path / "again")
        checkpoints(again)[-1].unlink()
        (again / "model.keras").unlink()
        status, _, said = command.run(
            "selforg_mnist.train", *BEYOND, f"--run_dir={again}", cwd=tmp_path
        )
        assert status == 0, said
        assert "step-00000020.npz" in said
        ours, theirs = (arrays(checkpoints(folder)[-1]) for folder in (again, wide))
        assert ours == theirs

    def test_model_has_the_averaged_weights(self, wide):
        model = keras.models.load_model(wide / "model.keras")
        assert (model.channels, model.hidden_channels) == (13, 8)
        with np.load(checkpoints(wide)[-1]) as archive:
            for name, variable in zip(CAWeights._fields, model.trainable_variables, strict=True):
                np.testing.assert_array_equal(variable.numpy(), archive[f"averaged.{name}"])
                assert np.any(variable.numpy() != archive[f"weights.{name}"])

    def test_data_are_named_as_varied(self, wide):
        note = config_of(wide)["dataset"]["note"]
        assert "varied: sizes 0.7 to 1.4 on 40 x 40 cells, strokes 0.8 to 1.2" in note

    def test_the_end_of_a_cosine_belongs_to_the_run(self, wide):
        flags = (*BEYOND, "--train_steps=80", f"--run_dir={wide}")
        status, _, said = command.run("selforg_mnist.train", *flags, cwd=wide.parent)
        assert status == 1
        assert "train_steps is 40 there and 80 now" in error_line(said)
