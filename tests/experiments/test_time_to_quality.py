"""Time to quality, from TensorBoard files as a training writes them."""

import numpy as np
import pytest
import tensorflow as tf

from experiments.time_to_quality import courses
from support import command


def write(folder, tag, points):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for step, value in points:
            tf.summary.scalar(tag, value, step)
    writer.close()


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run" / "tensorboard"
    # Half of the time something else ran on the machine.
    write(
        folder / "training", "train/steps_per_second", [(i, 10.0 + 10 * (i % 2)) for i in range(8)]
    )
    accuracy = [(1200, 90.0), (2400, 95.4), (3600, 96.0)]
    write(folder / "evaluation", "evaluation/accuracy_at_end", accuracy)
    agreement = [(1200, 80.0), (2400, 88.0), (3600, 89.0)]
    write(folder / "evaluation", "evaluation/agreement_at_end", agreement)
    return folder.parent


def test_a_run_passes_when_it_has_both_values(run):
    course = courses.read(run)
    assert course.rate == 20
    np.testing.assert_allclose(course.minutes, [1, 2, 3])
    assert course.passes() == 2


@pytest.mark.slow
def test_command(run, tmp_path):
    status, printed, said = command.run(
        "experiments.time_to_quality", "--runs=run", "--output_dir=out", cwd=tmp_path
    )
    assert status == 0, said
    assert "| run | 20.0 | 3,600 steps | 3.0 | 96.0 / 89.0 | 3.0 |" in printed
    assert (tmp_path / "out" / "time_to_quality.png").exists()


@pytest.mark.slow
def test_a_folder_without_a_run_is_refused(tmp_path):
    status, _, said = command.run(
        "experiments.time_to_quality", "--runs=nothing", "--output_dir=out", cwd=tmp_path
    )
    assert status == 1
    assert "nothing: no train/steps_per_second" in said
