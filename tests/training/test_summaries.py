"""What TensorBoard shows of a run, read from real TensorBoards over HTTP."""

import contextlib
import dataclasses
import html
import io
from concurrent import futures

import numpy as np
import pytest
from PIL import Image

from selforg_mnist.training.summaries import RunSummaries
from support.known_summaries import AFTER, BEFORE, CURVES, NORMS, POOL, VALUES, write
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


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    """TensorBoards over three runs, "fast" and "python"; `resumed` goes on while they watch."""
    root = tmp_path_factory.mktemp("runs")
    with RunSummaries(root / "first", step=0) as summaries:
        summaries.configuration(CONFIG)
        summaries.hparams(OPTIONS)
        summaries.training(100, VALUES, NORMS)
        summaries.evaluation(100, CURVES)
        summaries.evaluation(200, dataclasses.replace(CURVES, state_magnitude=np.ones(3)))
        summaries.mosaics(200, POOL, BEFORE, AFTER)
    with RunSummaries(root / "second") as summaries:
        summaries.hparams({**OPTIONS, "name": "ce", "loss": "cross_entropy"})
        summaries.evaluation(100, CURVES)
    with RunSummaries(root / "resumed") as summaries:
        summaries.configuration(CONFIG)
        for step in (100, 200, 300, 400):
            write(summaries, step)
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
            summaries.training(280, VALUES, NORMS)
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


@pytest.mark.slow
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
