"""What TensorBoard shows of a run, read from real TensorBoards over HTTP."""

import contextlib
import dataclasses
import html
import io
from concurrent import futures

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from selforg_mnist.evaluation.evaluation import Curves
from selforg_mnist.training.pool import Pool
from selforg_mnist.training.summaries import RunSummaries, SummaryError, TrainingScalars
from support.full_disk import largest_file
from support.tensorboard_server import eventually, get, get_json, serve

TRAINING_TAGS = {
    "train/loss": 50.0,
    "train/cell_accuracy": 87.5,  # percent
    "train/total_agreement": 25.0,
    "train/learning_rate": 0.001,
    "train/steps_per_second": 12.0,
    "gradient_norm/perceive_kernel": 1.0,
    "gradient_norm/perceive_bias": 2.0,
    "gradient_norm/hidden_kernel": 3.0,
    "gradient_norm/hidden_bias": 4.0,
    "gradient_norm/residual_kernel": 5.0,
    "gradient_norm/residual_bias": 6.0,
    "pool/batch_age": 7.0,
    "pool/age_mean": 8.0,
    "pool/age_max": 9.0,
}
SCALARS = TrainingScalars(
    loss=50.0,
    cell_accuracy=0.875,
    total_agreement=0.25,
    learning_rate=0.001,
    steps_per_second=12.0,
    gradient_norms=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0),
    batch_age=7.0,
    pool_age_mean=8.0,
    pool_age_max=9.0,
)
CURVES = Curves(
    cell_accuracy=np.array([0.125, 0.75, 0.5]),
    total_agreement=np.array([0.0, 0.25, 0.375]),
    correct_agreement=np.array([0.0, 0.125, 0.25]),
    state_magnitude=np.array([0.5, 1.0, 2.0]),
    residual_magnitude=np.array([0.25, 0.125, 0.0625]),
    num_samples=8,
)
OPTIONS = {"name": "l2_noise", "loss": "l2", "residual_noise": 0.02, "drops": [[30, 0.1]]}
CONFIG = {
    "experiment": OPTIONS,
    "dataset": {"source": "drawn", "note": "drawn digits, not MNIST"},
    "versions": {"tensorflow": "2.x|y"},
}
TAGS_EACH = {  # number of scalars that the fixture `urls` gives each run
    "first/training": 14,
    "first/evaluation": 9,
    "first/curves/after_000100_steps": 5,
    "first/curves/after_000200_steps": 5,
    "second/evaluation": 9,
    "second/curves/after_000100_steps": 5,
    "resumed/training": 14,
    "resumed/evaluation": 9,
    "resumed/curves/after_000200_steps": 5,
    "resumed/curves/after_000400_steps": 5,
}
PALETTE = {2: (70, 240, 240), 3: (210, 245, 60), 6: (170, 255, 195), 7: (165, 163, 159)}


def _samples(*labels_and_votes):
    """4x4 samples, all alive, whose cells all vote for one label."""
    labels, votes = np.array(labels_and_votes).T
    state = np.zeros([len(labels), 4, 4, 19], np.float32)
    state[..., -10:] = np.eye(10)[votes][:, None, None]
    images = np.full([len(labels), 4, 4], 255, np.uint8)
    return Pool(images, labels.astype(np.int32), state, np.zeros_like(labels))


POOL = _samples((7, 3), (6, 6), (3, 3), (2, 7))
BEFORE, AFTER = _samples((2, 3)), _samples((2, 2))


def _write(summaries, step):
    summaries.training(step, dataclasses.replace(SCALARS, loss=float(step)))
    if step % 200 == 0:
        summaries.evaluation(step, CURVES)
        summaries.mosaics(step, POOL, BEFORE, AFTER)


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    """TensorBoards over three runs, "fast" and "python"; `resumed` goes on while they watch."""
    root = tmp_path_factory.mktemp("runs")
    with RunSummaries(root / "first", step=0) as summaries:
        summaries.configuration(CONFIG)
        summaries.hparams(OPTIONS)
        summaries.training(100, SCALARS)
        summaries.evaluation(100, CURVES)
        summaries.evaluation(200, dataclasses.replace(CURVES, state_magnitude=np.ones(3)))
        summaries.mosaics(200, POOL, BEFORE, AFTER)
    with RunSummaries(root / "second") as summaries:
        summaries.hparams({**OPTIONS, "name": "ce", "loss": "cross_entropy"})
        summaries.evaluation(100, CURVES)
    with RunSummaries(root / "resumed") as summaries:
        summaries.configuration(CONFIG)
        for step in (100, 200, 300, 400):
            _write(summaries, step)
    with contextlib.ExitStack() as stack, futures.ThreadPoolExecutor() as at_once:
        servers = [serve(root), serve(root, fast=False)]
        urls = at_once.map(stack.enter_context, servers)
        found = dict(zip(("fast", "python"), urls, strict=True))
        for url in found.values():
            eventually(lambda url=url: _tags(url), lambda tags: tags == TAGS_EACH)
            assert _steps(url, "train/loss", "resumed/training") == [100, 200, 300, 400]
            assert _steps(url, "mosaic/pool", "resumed/training", "images") == [200, 400]
        # The run was killed after step 400; its last checkpoint is of step 250.
        with RunSummaries(root / "resumed", step=250) as summaries:
            summaries.configuration(CONFIG)
            summaries.training(280, SCALARS)
            yield found


def _tags(url):
    runs = get_json(url, "data/plugin/scalars/tags")
    return {run: len(tags) for run, tags in runs.items()}


def _points(url, tag, run, plugin="scalars"):
    return get_json(url, f"data/plugin/{plugin}/{plugin}", tag=tag, run=run)


def _steps(url, tag, run, plugin="scalars"):
    points = _points(url, tag, run, plugin)
    return [point["step"] if isinstance(point, dict) else point[1] for point in points]


def _scalars(url, run):
    """The last (step, value) of each of a run's tags."""
    tags = get_json(url, "data/plugin/scalars/tags")[run]
    return {tag: tuple(_points(url, tag, run)[-1][1:]) for tag in tags}


def test_training_scalars_have_their_tags_and_units(urls):
    shown = _scalars(urls["fast"], "first/training")
    assert shown == {tag: (100, pytest.approx(value)) for tag, value in TRAINING_TAGS.items()}


def test_scalars_are_described(urls):
    tags = get_json(urls["fast"], "data/plugin/scalars/tags")
    info = tags["first/training"]["train/cell_accuracy"]
    assert info["description"].strip() == "<p>Living cells that are right, %.</p>"
    assert all(tag["description"] for run in tags.values() for tag in run.values())


def test_an_evaluation_gives_the_articles_row_against_the_training_step(urls):
    assert _scalars(urls["fast"], "second/evaluation") == {
        "evaluation/top_accuracy": (100, 75.0),
        "evaluation/top_accuracy_step": (100, 2.0),
        "evaluation/accuracy_at_end": (100, 50.0),
        "evaluation/top_agreement": (100, 37.5),
        "evaluation/top_agreement_step": (100, 3.0),
        "evaluation/agreement_at_end": (100, 37.5),
        "evaluation/correct_agreement_at_end": (100, 25.0),
        "evaluation/state_magnitude_at_end": (100, 2.0),
        "evaluation/residual_magnitude_at_end": (100, 0.0625),
    }
    assert _steps(urls["fast"], "evaluation/top_accuracy", "first/evaluation") == [100, 200]


def test_curves_are_runs_against_the_ca_step(urls):
    run = "first/curves/after_000100_steps"
    shown = {
        tag: [tuple(point[1:]) for point in _points(urls["fast"], tag, run)]
        for tag in get_json(urls["fast"], "data/plugin/scalars/tags")[run]
    }
    assert shown == {
        "curve/cell_accuracy": [(1, 12.5), (2, 75.0), (3, 50.0)],
        "curve/total_agreement": [(1, 0.0), (2, 25.0), (3, 37.5)],
        "curve/correct_agreement": [(1, 0.0), (2, 12.5), (3, 25.0)],
        "curve/state_magnitude": [(1, 0.5), (2, 1.0), (3, 2.0)],
        "curve/residual_magnitude": [(1, 0.25), (2, 0.125), (3, 0.0625)],
    }
    later = _points(urls["fast"], "curve/state_magnitude", "first/curves/after_000200_steps")
    assert [point[2] for point in later] == [1.0, 1.0, 1.0]


def _image(url, tag, run):
    (point,) = _points(url, tag, run, "images")
    png = get(url, f"data/plugin/images/individualImage?{point['query']}")
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_pool_is_shown_in_order_of_its_labels(urls):
    picture = _image(urls["fast"], "mosaic/pool", "first/training")
    # Two by two tiles of 4 columns and 4 + 3 rows, 3 apart, all twice as large: 22 by 34; above
    # them the legend, 22 // 11 = 2 high, and 6 blank rows.
    assert picture.shape == (2 + 6 + 34, 22, 3)
    order = [(2, 7), (3, 3), (6, 6), (7, 3)]  # label, vote
    for (label, vote), (row, column) in zip(order, [(0, 0), (0, 1), (1, 0), (1, 1)], strict=True):
        top, left = 8 + 20 * row, 14 * column
        assert (picture[top : top + 8, left : left + 8] == PALETTE[vote]).all()
        assert (picture[top + 8 : top + 10, left : left + 8] == 255).all()
        assert (picture[top + 10 : top + 14, left : left + 8] == PALETTE[label]).all()


def test_a_batch_is_shown_before_and_after_its_rollout(urls):
    before = _image(urls["fast"], "mosaic/batch_1_before", "first/training")
    after = _image(urls["fast"], "mosaic/batch_2_after", "first/training")
    # One tile of 4 by 7, four times as large; the legend 16 // 11 = 1 high, 12 blank rows.
    assert before.shape == after.shape == (13 + 28, 16, 3)
    assert (before[13:29] == PALETTE[3]).all()
    assert (after[13:29] == PALETTE[2]).all()


def test_the_configuration_is_a_page_with_the_data_first(urls):
    (page,) = _points(urls["fast"], "configuration", "first/training", "text")
    text = html.unescape(page["text"])  # versions of TensorBoard escape different characters
    assert text.index("<strong>Data: drawn digits, not MNIST</strong>") < text.index("<table>")
    for cells in ("residual_noise</td>\n<td>0.02", "drops</td>\n<td>[[30, 0.1]]", "<td>2.x|y"):
        assert cells in text


def test_hparams_compares_the_runs_by_their_results(urls):
    url = urls["fast"]
    body = {"experimentName": "", "includeMetrics": True}
    experiment = get_json(url, "data/plugin/hparams/experiment", body)
    differing = [info["name"] for info in experiment["hparamInfos"] if info.get("differs")]
    assert differing == ["loss", "name"]
    metrics = [info["name"] for info in experiment["metricInfos"]]
    assert {metric["tag"].split("/")[0] for metric in metrics} == {"evaluation"}
    columns = [{"hparam": "name"}, *({"metric": metric} for metric in metrics)]
    body = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_UNKNOWN"],
        "colParams": [{**column, "includeInResult": True} for column in columns],
        "startIndex": 0,
        "sliceSize": 10,
    }
    groups = get_json(url, "data/plugin/hparams/session_groups", body)["sessionGroups"]
    shown = {}
    for group in groups:
        values = {v["name"]["tag"]: v["value"] for v in group["metricValues"]}
        magnitude, accuracy = (
            values[f"evaluation/{name}"] for name in ("state_magnitude_at_end", "top_accuracy")
        )
        shown[group["hparams"]["name"]] = (magnitude, accuracy)
    assert shown == {"l2_noise": (1.0, 75.0), "ce": (2.0, 75.0)}  # each run's latest evaluation


@pytest.mark.parametrize("loader", ["fast", "python"])
def test_a_watching_tensorboard_drops_what_resuming_took_back(urls, loader):
    url, run = urls[loader], "resumed/training"
    eventually(lambda: _steps(url, "train/loss", run), lambda steps: steps == [100, 200, 280])
    losses = [point[2] for point in _points(url, "train/loss", run)]
    assert losses == [100.0, 200.0, 50.0]
    assert _steps(url, "mosaic/pool", run, "images") == [200]
    assert _steps(url, "configuration", run, "text") == [0, 250]
    eventually(
        lambda: _steps(url, "evaluation/top_accuracy", "resumed/evaluation"),
        lambda steps: steps == [200],
    )
    assert _steps(url, "evaluation/curves", "resumed/evaluation", "images") == [200]
    gone = "resumed/curves/after_000400_steps"
    runs = eventually(lambda: get_json(url, "data/runs"), lambda runs: gone not in runs)
    assert "resumed/curves/after_000200_steps" in runs


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
            _write(summaries, step)


def test_resuming_leaves_no_later_points_on_disk(tmp_path):
    _write_and_kill(tmp_path, 100, 200, 300, 400)
    _write_and_kill(tmp_path, 300, start=200)
    _write_and_kill(tmp_path, 400, start=300)
    assert list(_read(tmp_path / "training")["train/loss"]) == [100, 200, 300, 400]
    _write_and_kill(tmp_path, start=150)
    assert list(_read(tmp_path / "training")["train/loss"]) == [100]
    assert _read(tmp_path / "evaluation") == {}
    assert list((tmp_path / "curves").iterdir()) == []


def test_what_resuming_kept_is_read_before_what_follows(tmp_path):
    """TensorBoard reads files in the order of their names, and the kept ones start it anew."""
    _write_and_kill(tmp_path, 100)
    _write_and_kill(tmp_path, 200, start=100)  # within the same second
    kept, new = sorted((tmp_path / "training").glob("*tfevents*"))
    assert kept.name.endswith(".resumed")
    assert int(kept.name.split(".")[3]) < int(new.name.split(".")[3])


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


def test_a_kill_while_resuming_doubles_nothing(tmp_path):
    _write_and_kill(tmp_path, 100, 200)
    (old,) = (tmp_path / "training").glob("*tfevents*")
    content = old.read_bytes()
    _write_and_kill(tmp_path, 300, start=200)
    old.write_bytes(content)  # like a kill between writing the new file and deleting this one
    _write_and_kill(tmp_path, start=300)
    assert list(_read(tmp_path / "training")["train/loss"]) == [100, 200, 300]


def test_a_full_disk_is_one_line_at_once(tmp_path):
    summaries = RunSummaries(tmp_path)
    summaries.training(100, SCALARS)
    (path,) = (tmp_path / "training").glob("*tfevents*")
    with largest_file(path.stat().st_size + 10), pytest.raises(SummaryError) as error:
        summaries.training(200, SCALARS)
    message = str(error.value)
    assert message.startswith(f"summaries in {tmp_path}: can't be written (")
    assert "File too large" in message
    assert "\n" not in message
    assert "function_node" not in message
    with contextlib.suppress(SummaryError):
        summaries.close()
    _write_and_kill(tmp_path, 200, start=150)
    assert list(_read(tmp_path / "training")["train/loss"]) == [100, 200]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SummaryError, match="can't be written"):
        RunSummaries(tmp_path / "file" / "tensorboard")


def test_six_gradient_norms_are_expected(tmp_path):
    with RunSummaries(tmp_path) as summaries, pytest.raises(ValueError, match="shorter"):
        summaries.training(1, dataclasses.replace(SCALARS, gradient_norms=(1.0, 2.0)))
