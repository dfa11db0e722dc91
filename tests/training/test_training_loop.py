"""Runs as a user sees them: killed, stopped, damaged, out of room, gone astray, finished.

All of them are real processes. One run that nothing happens to, `straight`, is the measure of the
others: whatever happens to them, they end bit for bit where it ended.
"""

import contextlib
import hashlib
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.util import tensor_util

from selforg_mnist import experiment
from selforg_mnist.model import CAWeights  # this also registers the model for Keras
from support import command
from support.tensorboard_server import eventually, get_json, serve
from support.train_process import TINY, run, start

STEPS = 60
NOW_AND_THEN = ("--log_every=1", "--eval_every=20", "--checkpoint_every=20")
ALL_THE_TIME = ("--log_every=1", "--eval_every=1", "--checkpoint_every=1000")  # slows it down


def arrays(path):
    """A checkpoint's tensors by name, in a form that compares bit by bit."""
    with np.load(path) as archive:
        return {n: (archive[n].dtype, archive[n].shape, archive[n].tobytes()) for n in archive}


def checkpoints(run_dir):
    return sorted((run_dir / "checkpoints").glob("step-*.npz"))


def steps_saved(run_dir):
    return [int(path.stem.split("-")[1]) for path in checkpoints(run_dir)]


def model_weights(path):
    """The weights of a `.keras` file, in order of their places in it."""
    found = []

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            found.append(item[()])

    with (
        zipfile.ZipFile(path) as archive,
        archive.open("model.weights.h5") as file,
        h5py.File(file) as weights,
    ):
        weights.visititems(add)
    return found


def config_of(run_dir):
    return json.loads((run_dir / "config.json").read_text())


def hashes(folder):
    """What is in a folder, files by their content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def scalars(folder):
    """What the event files of a folder say: by tag, (step, value) in order."""
    found = {}
    for path in sorted(folder.glob("*tfevents*")):
        for event in event_file_loader.EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    number = float(tensor_util.make_ndarray(value.tensor))
                    found.setdefault(value.tag, []).append((event.step, number))
    return found


def error_line(text):
    """The last line that the command printed, in which it says what is wrong."""
    assert "Traceback" not in text, text
    assert "Exception ignored" not in text, text
    lines = text.splitlines()
    assert sum(line.startswith("error: ") for line in lines) == 1, text
    assert lines[-1].startswith("error: "), text
    return lines[-1]


def assert_same_end(run_dir, straight):
    assert steps_saved(run_dir)[-1] == STEPS
    ours, theirs = (arrays(checkpoints(folder)[-1]) for folder in (run_dir, straight))
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    assert ours.keys() == theirs.keys()
    weights, expected = (model_weights(folder / "model.keras") for folder in (run_dir, straight))
    assert [w.tobytes() for w in weights] == [w.tobytes() for w in expected]
    assert not list(run_dir.rglob("*partial*"))


@pytest.fixture(scope="session")
def straight(tmp_path_factory):
    """A run without interruption, started as a user starts it."""
    run_dir = tmp_path_factory.mktemp("straight") / "run"
    flags = (*TINY, *NOW_AND_THEN, f"--train_steps={STEPS}", f"--run_dir={run_dir}")
    status, printed, said = command.run(
        "selforg_mnist.train", *flags, cwd=run_dir.parent, fork=False
    )
    assert status == 0, said
    assert printed == ""
    (run_dir.parent / "log").write_text(said)
    return run_dir


@pytest.fixture(scope="session")
def log(straight):
    return (straight.parent / "log").read_text()


@pytest.fixture
def copy(straight, tmp_path):
    """A copy of the finished run, to be damaged."""
    return shutil.copytree(straight, tmp_path / "copy")


class TestFinishedRun:
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
        assert config["looking"]["eval_samples"] == 10
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


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
@pytest.mark.long
def test_killed_again_and_again_it_ends_where_it_would_have(straight, tmp_path, seed):
    run_dir, chance = tmp_path / "run", random.Random(seed)
    flags = (*TINY, f"--train_steps={STEPS}", "--log_every=1", "--eval_every=20")
    flags += ("--checkpoint_every=1",)
    before = 0
    # The first checkpoint is there; in the middle of writing a model, a checkpoint; after a while.
    for moment in ("checkpoints/step-*.npz", "partial.model.keras", "checkpoints/partial.*", None):
        process = start(*flags, run_dir=run_dir)
        if before:
            process.wait_for("Saved ")
        if moment:
            process.wait_until(lambda moment=moment: list(run_dir.glob(moment)))
        else:
            time.sleep(chance.uniform(0, 0.3))
        process.send(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, process.text
        assert (before == 0) == ("starting from step 0" in process.text)
        assert "damaged" not in process.text
        after = steps_saved(run_dir)[-1]
        assert before < after < STEPS
        before = after
        assert model_weights(run_dir / "model.keras")  # is there, and complete
    # Once more at the very end: the next start then has nothing to do.
    process = start(*flags, run_dir=run_dir)
    process.wait_until((run_dir / "checkpoints" / f"step-{STEPS:08d}.npz").exists)
    process.send(signal.SIGKILL)
    assert process.wait() in (-signal.SIGKILL, 0), process.text
    assert f"Resuming from {run_dir}/checkpoints/step-{before:08d}.npz." in process.text
    status, text = run(*flags, run_dir=run_dir)
    assert status == 0, text
    assert "Nothing to do" in text
    assert_same_end(run_dir, straight)
    # TensorBoard has each step once, and the same numbers.
    ours, theirs = (scalars(folder / "tensorboard" / "training") for folder in (run_dir, straight))
    assert ours["train/loss"] == theirs["train/loss"]
    assert ours["pool/age_max"] == theirs["pool/age_max"]
    evaluated = scalars(run_dir / "tensorboard" / "evaluation")["evaluation/accuracy_at_end"]
    expected = scalars(straight / "tensorboard" / "evaluation")["evaluation/accuracy_at_end"]
    assert [step for step, _ in evaluated] == [20, 40, 60]
    assert evaluated == expected
    assert len(list((run_dir / "tensorboard" / "curves").iterdir())) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "train_steps"),
    [
        (signal.SIGTERM, 143, 30),
        pytest.param(signal.SIGINT, 130, 1000, marks=pytest.mark.long),
        pytest.param(signal.SIGHUP, 129, 1000, marks=pytest.mark.long),
    ],
    ids=["SIGTERM, then more steps", "SIGINT, then fewer", "SIGHUP"],
)
def test_stopped_by_a_signal_it_saves_and_goes_on(straight, tmp_path, number, status, train_steps):
    run_dir = tmp_path / "run"
    process = start(*TINY, *ALL_THE_TIME, f"--train_steps={train_steps}", run_dir=run_dir)
    process.wait_for("step 4/")
    if number == signal.SIGTERM:  # someone starts it a second time during the training
        flags = (*TINY, "--train_steps=1", f"--run_dir={run_dir}")
        second, _, said = command.run("selforg_mnist.train", *flags, cwd=tmp_path)
        assert second == 1
        assert said.startswith(f"error: run_dir={run_dir}: another process is training in it")
    process.send(number)
    if number == signal.SIGHUP:  # a closing terminal may send it twice
        process.wait_for("SIGHUP: saving")
        process.send(number)
    assert process.wait() == status, process.text
    name = signal.Signals(number).name
    stopped = re.search(rf"Stopped by {name} at step (\d+) of {train_steps}\.\n", process.text)
    step = int(stopped[1])
    assert 4 <= step < 30
    assert process.text.endswith("Start the same command again to go on.\n")
    assert steps_saved(run_dir) == [step]
    with np.load(checkpoints(run_dir)[-1]) as archive:
        assert archive["step"] == step

    periods = ("--log_every=7", "--eval_every=0", "--checkpoint_every=11", "--steps_per_call=3")
    status, text = run(*TINY, *periods, f"--train_steps={STEPS}", run_dir=run_dir)
    assert status == 0, text
    assert f"Resuming from {run_dir}/checkpoints/step-{step:08d}.npz." in text
    assert_same_end(run_dir, straight)
    assert config_of(run_dir)["experiment"]["train_steps"] == STEPS
    assert config_of(run_dir)["looking"]["checkpoint_every"] == 11
    # What is logged every seventh step is the mean of the steps since.
    losses = dict(scalars(straight / "tensorboard" / "training")["train/loss"])
    means = scalars(run_dir / "tensorboard" / "training")["train/loss"]
    assert [s for s, _ in means][step:] == [*range((step // 7 + 1) * 7, STEPS, 7), STEPS]
    assert means[-2][1] == pytest.approx(np.mean([losses[s] for s in range(50, 57)]), rel=1e-5)


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once(tmp_path):
    run_dir = tmp_path / "run"
    flags = (*TINY, "--eval_steps=1000000", "--eval_every=2", "--log_every=2")
    process = start(*flags, f"--train_steps={10**9}", run_dir=run_dir)
    process.wait_for(r"step 2/1000000000 .* steps/s  \d+ days, \d+:\d\d:\d\d left")
    process.send(signal.SIGINT)
    process.wait_for("SIGINT: saving after the current steps; again: ends at once.")
    asked = time.monotonic()
    process.send(signal.SIGINT)
    assert process.wait(60) == -signal.SIGINT
    assert time.monotonic() - asked < 10
    assert "Traceback" not in process.text


@pytest.mark.slow
def test_ctrl_c_before_the_first_step_shows_no_traceback(tmp_path):
    process = start(*TINY, run_dir=tmp_path / "run")
    process.wait_until((tmp_path / "run").exists)  # before TensorFlow and the data are loaded
    process.send(signal.SIGINT)
    assert process.wait() == 130
    assert process.text.endswith("interrupted\n")
    assert "Traceback" not in process.text


class TestDamage:
    @pytest.mark.slow
    def test_a_truncated_checkpoint_is_passed_over(self, copy, straight):
        _, middle, newest = checkpoints(copy)
        os.truncate(newest, newest.stat().st_size // 2)
        (copy / "checkpoints" / "partial.step-00000061.npz").write_bytes(b"left by a kill")
        status, text = run(*TINY, *NOW_AND_THEN, f"--train_steps={STEPS}", run_dir=copy)
        assert status == 0, text
        assert re.search(rf"{newest}: damaged \(.*\): falling back to the one before it\.", text)
        assert f"Resuming from {middle}." in text
        assert_same_end(copy, straight)

    def test_none_left_is_one_line(self, copy):
        for path in checkpoints(copy):
            os.truncate(path, path.stat().st_size - 1)
        before = hashes(copy)
        status, text = run(*TINY, "--train_steps=70", run_dir=copy)
        assert status == 1
        line = error_line(text)
        assert f"{copy}/checkpoints: none of its 3 checkpoints can be read" in line
        assert "delete the run's folder to start again" in line
        assert hashes(copy) == before

    def test_checkpoints_without_a_configuration_are_refused(self, copy):
        (copy / "config.json").unlink()
        before = hashes(copy)
        status, text = run(*TINY, "--train_steps=70", run_dir=copy)
        assert status == 1
        assert "has checkpoints but no config.json" in error_line(text)
        assert hashes(copy) == before

    def test_other_versions_are_told(self, copy):
        path = copy / "config.json"
        path.write_text(path.read_text().replace('"keras": "3', '"keras": "2'))
        process = start(*TINY, "--train_steps=61", run_dir=copy)
        said = process.wait_for(
            r"Continuing with keras (\S+), begun with (\S+): results may differ"
        )
        assert said[1][1:] == said[2][1:]
        process.send(signal.SIGKILL)
        process.wait()


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


@contextlib.contextmanager
def small_disk(folder, kilobytes):
    """A small file system on a folder; yields whether the machine lets us have one."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    try:
        yield done.returncode == 0
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.long
def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(straight, tmp_path):
    # As root on most machines the disk is really full; elsewhere a limit on each file's size
    # stands for that.
    disk = tmp_path / "disk"
    run_dir = disk / "run"
    with small_disk(disk, 2200) as really:
        status, text = run(*TINY, "--train_steps=10", run_dir=run_dir, log=tmp_path / "1")
        assert status == 0, text
        flags = (*TINY, "--eval_every=0", "--checkpoint_every=5", f"--train_steps={STEPS}")
        limit = None if really else 300_000
        status, text = run(*flags, run_dir=run_dir, log=tmp_path / "2", largest_file=limit)
        assert status == 1
        line = error_line(text)
        assert ("No space left on device" if really else "File too large") in line
        assert "make room" in line
        last = checkpoints(run_dir)[-1]
        assert f"the last one is intact: {last}" in line
        assert arrays(last)
        assert not list(run_dir.rglob("*partial*"))
        if really:
            subprocess.run(["mount", "-o", "remount,size=9000k", str(disk)], check=True)
        status, text = run(*flags, run_dir=run_dir, log=tmp_path / "3")
        assert status == 0, text
        assert f"Resuming from {last}." in text
        assert_same_end(run_dir, straight)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_it_and_names_the_step(tmp_path):
    astray = (*TINY, "--learning_rate=1e3", "--train_steps=200", "--eval_every=0")
    # One run evaluates and saves at each step, the other takes all steps in one call.
    watched = start(*astray, "--log_every=1", "--checkpoint_every=1", run_dir=tmp_path / "watched")
    periods = ("--log_every=1000", "--checkpoint_every=1000", "--steps_per_call=1000")
    at_once = start(*astray, *periods, run_dir=tmp_path / "at_once")
    assert (watched.wait(), at_once.wait()) == (1, 1)
    lines = [error_line(process.text) for process in (watched, at_once)]
    steps = [int(re.search(r"loss=(?:nan|inf) at training step (\d+):", x)[1]) for x in lines]
    assert steps[0] == steps[1] > 2
    losses = scalars(tmp_path / "watched" / "tensorboard" / "training")["train/loss"]
    assert [step for step, _ in losses] == list(range(1, steps[0]))
    assert all(math.isfinite(loss) for _, loss in losses)
    assert "try a lower --learning_rate in another --run_dir" in lines[0]
    assert f"the last checkpoint is {tmp_path}/watched/checkpoints/step-" in lines[0]
    assert "there is no checkpoint yet" in lines[1]
    assert steps_saved(tmp_path / "watched")[-1] == steps[0] - 1
    for path in checkpoints(tmp_path / "watched"):
        with np.load(path) as archive:
            assert all(np.isfinite(archive[name]).all() for name in archive)
    assert not checkpoints(tmp_path / "at_once")


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
