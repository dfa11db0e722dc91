"""What summaries leave on disk: on resuming, after a kill, on a full disk."""

import contextlib
import dataclasses
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from selforg_mnist.training.summaries import RunSummaries, SummaryError
from support.full_disk import largest_file
from support.known_summaries import CURVES, NORMS, VALUES, write


def _read(folder):
    """What a TensorBoard started now would read: {tag: {step: tensor}}; no step twice."""
    found = {}
    for path in sorted(folder.glob("*tfevents*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                steps = found.setdefault(value.tag, {})
                assert event.step not in steps
                steps[event.step] = tf.make_ndarray(value.tensor)
    return found


def _write_and_kill(log_dir, *steps, start=0):
    with RunSummaries(log_dir, step=start) as summaries:
        for step in steps:
            write(summaries, step)


@pytest.mark.slow
def test_resuming_leaves_no_later_points_on_disk(tmp_path):
    _write_and_kill(tmp_path, 100, 200, 300, 400)
    _write_and_kill(tmp_path, 300, start=200)
    _write_and_kill(tmp_path, 400, start=300)
    assert list(_read(tmp_path / "training")["train/loss"]) == [100, 200, 300, 400]
    _write_and_kill(tmp_path, start=150)
    assert list(_read(tmp_path / "training")["train/loss"]) == [100]
    assert _read(tmp_path / "evaluation") == {}
    assert list((tmp_path / "curves").iterdir()) == []


@pytest.mark.slow
def test_what_resuming_kept_is_read_before_what_follows(tmp_path):
    """TensorBoard reads files in the order of their names, and the kept ones start it anew."""
    _write_and_kill(tmp_path, 100)
    _write_and_kill(tmp_path, 200, start=100)  # within the same second
    kept, new = sorted((tmp_path / "training").glob("*tfevents*"))
    assert kept.name.endswith(".resumed")
    assert int(kept.name.split(".")[3]) < int(new.name.split(".")[3])


@pytest.mark.slow
def test_the_figure_keeps_earlier_evaluations_on_resuming(tmp_path):
    def figure(name):
        with RunSummaries(tmp_path / name, step=200) as summaries:
            summaries.evaluation(400, dataclasses.replace(CURVES, total_agreement=np.ones(3)))
        images = _read(tmp_path / name / "evaluation")["evaluation/curves"]
        return np.asarray(Image.open(io.BytesIO(images[400][2]))).astype(int)

    _write_and_kill(tmp_path / "one_evaluation", 200, 300)
    with_history, without = figure("one_evaluation"), figure("none")
    assert with_history.shape == without.shape
    drawn = (with_history != without).any(axis=-1).mean()
    assert 0.001 < drawn < 0.2, "the earlier lines, and only lines, make the difference"


@pytest.mark.slow
def test_curves_are_spaced_by_doubling_and_scalars_are_all_there(tmp_path):
    def shown():
        return sorted(int(path.name.split("_")[1]) for path in (tmp_path / "curves").iterdir())

    def evaluated(step):
        return dataclasses.replace(CURVES, state_magnitude=np.full(3, float(step)))

    with RunSummaries(tmp_path) as summaries:
        for step in range(2, 42, 2):
            summaries.evaluation(step, evaluated(step))
            if step == 6:
                assert shown() == [2, 4, 6]
    assert shown() == [2, 4, 8, 16, 32, 40]
    with RunSummaries(tmp_path, step=20) as summaries:
        summaries.evaluation(22, evaluated(22))
        assert shown() == [2, 4, 8, 16, 22]
    for step in (2, 22):
        curve = _read(tmp_path / "curves" / f"after_{step:06d}_steps")["curve/state_magnitude"]
        assert {float(value) for value in curve.values()} == {step}
    scalars = _read(tmp_path / "evaluation")["evaluation/state_magnitude_at_end"]
    assert {step: float(value) for step, value in scalars.items()} == {
        step: step for step in range(2, 24, 2)
    }


@pytest.mark.slow
def test_a_torn_event_file_is_read_up_to_the_tear(tmp_path):
    _write_and_kill(tmp_path, 100, 200)
    for part in ("training", "curves/after_000200_steps"):
        (path,) = (tmp_path / part).glob("*tfevents*")
        path.write_bytes(path.read_bytes()[:-5])
    _write_and_kill(tmp_path, 300, 400, start=200)
    losses = _read(tmp_path / "training")["train/loss"]
    assert {step: float(loss) for step, loss in losses.items()} == {
        100: 100.0,
        200: 200.0,
        300: 300.0,
        400: 400.0,
    }


@pytest.mark.slow
def test_a_kill_while_resuming_doubles_nothing(tmp_path):
    _write_and_kill(tmp_path, 100, 200)
    (old,) = (tmp_path / "training").glob("*tfevents*")
    content = old.read_bytes()
    _write_and_kill(tmp_path, 300, start=200)
    old.write_bytes(content)  # like a kill between writing the new file and deleting this one
    _write_and_kill(tmp_path, start=300)
    assert list(_read(tmp_path / "training")["train/loss"]) == [100, 200, 300]


@pytest.mark.slow
def test_a_full_disk_is_one_line_at_once(tmp_path):
    summaries = RunSummaries(tmp_path)
    summaries.training(100, VALUES, NORMS)
    (path,) = (tmp_path / "training").glob("*tfevents*")
    with largest_file(path.stat().st_size + 10), pytest.raises(SummaryError) as error:
        summaries.training(200, VALUES, NORMS)
    message = str(error.value)
    assert message.startswith(f"summaries in {tmp_path}: can't be written (")
    assert "File too large" in message
    assert "\n" not in message
    assert "function_node" not in message
    with contextlib.suppress(SummaryError), summaries:
        pass  # closing it fails, too
    _write_and_kill(tmp_path, 200, start=150)
    assert list(_read(tmp_path / "training")["train/loss"]) == [100, 200]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SummaryError, match="can't be written"):
        RunSummaries(tmp_path / "file" / "tensorboard")


def test_six_gradient_norms_are_expected(tmp_path):
    with RunSummaries(tmp_path) as summaries, pytest.raises(ValueError, match="shorter"):
        summaries.training(1, VALUES, (1.0, 2.0))
