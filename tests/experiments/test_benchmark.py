"""The benchmark's reference is the article's step, and its report has all its parts."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.scaling import dense_reference
from selforg_mnist import spec
from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.data import digits
from selforg_mnist.data.digits import load_digits

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def batch():
    return digits.subset(load_digits("drawn", "train", num_drawn=40), 4)


@pytest.mark.slow
def test_reference_starts_undecided_and_learns(batch):
    step = dense_reference.make_training_step(batch.images, batch.labels, rollout_steps=5)
    losses = [float(step()) for _ in range(40)]
    living = np.sum(spec.alive_mask(batch.gray()), axis=(1, 2))
    # Before the first update the residual is the noise alone: 0.02 on each of ten channels.
    assert losses[0] == pytest.approx(living.mean() / 2, rel=0.02)
    assert losses[-1] < losses[0]


def test_reference_owes_nothing_to_the_engines():
    source = Path(dense_reference.__file__).read_text()
    for module in (living_cells, living_rollout):
        assert module.__name__.split(".")[-1] not in source
    assert "selforg_mnist" not in source


@pytest.mark.slow
@pytest.mark.long
def test_report_has_rates_ratios_shares_and_memory():
    flags = ("--json", "--rounds=1", "--seconds=0.01", "--dataset=drawn")
    done = subprocess.run(
        [sys.executable, "-m", "experiments.benchmark", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    rows = {(row["subject"], row["batch"]): row for row in report["rows"]}
    for size in (16, 64):
        assert rows["dense reference", size]["steps_per_second"] > 0
        # Far below the usual ratio: even one short timing on a busy machine exceeds it.
        assert rows["engine living, 1 thread a lane", size]["ratio"] > 2
        assert 0.2 < rows["engine dense", size]["ratio"] < 5
    evaluation = rows["evaluation", 250]
    assert evaluation["steps_per_second"] > 1
    assert "ratio" not in evaluation
    assert all(0 < row["share_of_ceiling"] < 1.5 for row in report["rows"])
    assert report["ceiling_gflops"] > 1
    assert all(100 < megabytes < 16_000 for megabytes in report["peak_memory_mb"].values())
