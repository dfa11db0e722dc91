"""Runs of the padded engine and in bfloat16, as commands: what they record, resume and refuse."""

import json
import re

import numpy as np
import pytest

from selforg_mnist.cells import padded_cells
from selforg_mnist.data.digits import load_digits
from support.train_process import TINY, run

pytestmark = pytest.mark.slow

PADDED = (*TINY, "--engine=padded", "--checkpoint_every=5", "--log_every=5")


def engine_of(run_dir):
    return json.loads((run_dir / "config.json").read_text())["engine"]


def newest(run_dir):
    path = max((run_dir / "checkpoints").glob("*.npz"))
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def error_of(text):
    last = text.splitlines()[-1]
    assert last.startswith("error: "), text
    assert "Traceback" not in text
    return last


def assert_same(ours, theirs):
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def test_capacity_is_chosen_recorded_and_kept(tmp_path):
    once, twice = tmp_path / "once", tmp_path / "twice"
    status, text = run(*PADDED, "--train_steps=10", run_dir=once)
    assert status == 0, text
    capacity = padded_cells.capacity_for(load_digits("drawn", "train").images, batch_size=4)
    assert f"padded engine, {capacity} rows a replica, products in float32." in text
    assert engine_of(once) == {
        "name": "padded",
        "lanes": 1,
        "precision": "float32",
        "capacity": capacity,
        "replicas": 1,
    }
    # Resumed, it is bit for bit the run that was not interrupted.
    run(*PADDED, "--train_steps=5", run_dir=twice)
    status, text = run(*PADDED, "--train_steps=10", run_dir=twice)
    assert status == 0, text
    assert_same(newest(twice), newest(once))

    before = newest(once)
    status, text = run(*PADDED, "--train_steps=20", "--capacity=2000", run_dir=once)
    assert status == 1
    assert f"engine.capacity is {capacity} there and 2000 now" in error_of(text)
    assert_same(newest(once), before)


def test_capacity_that_was_asked_for_is_that_of_the_run(tmp_path):
    run_dir = tmp_path / "run"
    run(*PADDED, "--capacity=1500", "--train_steps=5", run_dir=run_dir)
    status, text = run(*PADDED, "--train_steps=10", run_dir=run_dir)
    assert status == 0, text
    assert engine_of(run_dir)["capacity"] == 1500
    assert newest(run_dir)["step"] == 10


def test_overflow_ends_the_run_in_one_line_and_leaves_its_checkpoints(tmp_path):
    """With so many rows four drawn digits overflow now and then, though not at once."""
    run_dir = tmp_path / "run"
    status, text = run(*PADDED, "--capacity=760", "--train_steps=2000", run_dir=run_dir)
    assert status == 1
    said = re.fullmatch(
        r"error: capacity=760: (\d+) living cells of training step (\d+) found no row; "
        r"the last checkpoint is (\S+); give a larger --capacity in another --run_dir",
        error_of(text),
    )
    assert said, text
    assert 0 < int(said[1]) < 400
    kept = newest(run_dir)
    assert kept["step"] == (int(said[2]) - 1) // 5 * 5  # the last multiple of 5 before
    assert all(np.isfinite(part).all() for part in kept.values())


def test_capacity_is_a_replica_s_and_another_number_of_them_goes_on(tmp_path):
    run_dir = tmp_path / "run"
    flags = (*PADDED, "--batch_size=8", "--pool_size=16")
    run(*flags, "--train_steps=5", run_dir=run_dir)
    alone = engine_of(run_dir)["capacity"]
    two = ("--strategy=mirrored", "--cpu_replicas=2")
    status, text = run(*flags, "--train_steps=10", *two, run_dir=run_dir)
    assert status == 0, text
    assert engine_of(run_dir)["capacity"] < alone
    status, text = run(*flags, "--train_steps=15", run_dir=run_dir)
    assert status == 0, text
    assert engine_of(run_dir)["capacity"] == alone
    assert newest(run_dir)["step"] == 15


def test_precision_is_recorded_and_part_of_the_run(tmp_path):
    run_dir = tmp_path / "run"
    flags = (*TINY, "--precision=bfloat16")
    status, text = run(*flags, "--train_steps=5", run_dir=run_dir)
    assert status == 0, text
    assert "products in bfloat16." in text
    assert engine_of(run_dir)["precision"] == "bfloat16"
    status, text = run(*TINY, "--train_steps=10", run_dir=run_dir)
    assert status == 1
    assert "engine.precision is bfloat16 there and float32 now" in error_of(text)
    other = tmp_path / "float32"
    run(*TINY, "--train_steps=5", run_dir=other)
    rounded, exact = (newest(folder)["pool.state"] for folder in (run_dir, other))
    assert 0.0 < np.abs(rounded - exact).max() < 0.1
