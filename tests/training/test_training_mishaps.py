"""Runs that are killed, stopped or damaged, run out of room or go astray.

All of them are real processes. One run that nothing happens to, `straight`, is the measure of the
others: whatever happens to them, they end bit for bit where it ended.
"""

import contextlib
import math
import os
import random
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

from support import command
from support.messages import error_line
from support.train_process import TINY, run, start
from support.training_runs import (
    NOW_AND_THEN,
    STEPS,
    arrays,
    assert_same_end,
    checkpoints,
    config_of,
    hashes,
    model_weights,
    scalars,
    steps_saved,
)

ALL_THE_TIME = ("--log_every=1", "--eval_every=1", "--checkpoint_every=1000")  # slows it down


@pytest.fixture
def copy(straight, tmp_path):
    """A copy of the finished run, to be damaged."""
    return shutil.copytree(straight, tmp_path / "copy")


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
    assert config_of(run_dir)["monitoring"]["checkpoint_every"] == 11
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
