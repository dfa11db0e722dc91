"""The scaling benchmark: what it times, how it counts and sums up, what it writes."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from experiments.scaling import figure, measure, report, timing
from experiments.scaling import studies as scaling_studies
from experiments.scaling.studies import Scene, Subject
from selforg_mnist.data.digits import Digits
from support import command

SCALING = "experiments.scaling"
ORANGE = (255, 127, 14)  # the dense reference's, in the figure


@pytest.fixture(scope="module")
def bars():
    """Twenty "digits": of label n, an upright bar of n + 1 cells in the corner."""
    labels = np.arange(20, dtype=np.uint8) % 10
    images = np.zeros((20, 28, 28), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[: label + 1, 0] = 255
    return Digits(images, labels, "bars", "bars")


def test_each_study_lets_one_thing_grow():
    subjects = scaling_studies.build(["batch", "canvas", "living"])
    grown = {"batch": "batch", "canvas": "canvas", "living": "digits"}
    values = {}
    for study, field in grown.items():
        own = [s.scene for s in subjects if s.study == study and s.engine == "living"]
        values[study] = [getattr(scene, field) for scene in own]
        others = {f.name for f in dataclasses.fields(Scene)} - {field}
        assert all(len({getattr(scene, name) for scene in own}) == 1 for name in others), study
    assert values == {
        "batch": [16, 32, 64, 128, 256, 512],
        "canvas": [28, 42, 56, 84, 112, 140],
        "living": [1, 2, 4, 9, 16, 25],
    }


def test_other_engines_and_replicas():
    other = {
        (s.engine, s.scene.batch) for s in scaling_studies.build(["batch"]) if s.engine != "living"
    }
    assert other == {("dense", 16), ("dense", 64)}
    replicas = scaling_studies.build(["replicas"])
    assert [(s.scene.batch, s.replicas) for s in replicas] == [(16, 1), (16, 2), (64, 1), (64, 2)]


def test_studies_keep_their_order_and_quick_ones_are_small():
    subjects = scaling_studies.build(["living", "batch"], quick=True)
    assert list(dict.fromkeys(s.study for s in subjects)) == ["batch", "living"]
    assert all(s.scene.pixels() <= 4 * 56**2 for s in subjects)


@pytest.mark.parametrize("scene", [Scene(4, 42), Scene(4, 84, 4), Scene(4, 140, 25)])
def test_canvases_hold_whole_digits_of_their_label(bars, scene):
    images, labels = scaling_studies.canvases(bars, scene)
    assert images.shape == (1024, scene.canvas, scene.canvas)
    assert set(labels) == set(range(10))
    for image, label in zip(images, labels, strict=True):
        assert np.count_nonzero(image) == scene.digits * (label + 1)
        # There are as many bars as digits, so none overlap.
        starts = (image > 0) & (np.pad(image, ((1, 0), (0, 0)))[:-1] == 0)
        assert np.count_nonzero(starts) == scene.digits


def test_places_differ_and_digits_are_the_same_on_canvases_of_any_size(bars):
    small, of_small = scaling_studies.canvases(bars, Scene(4, 42))
    large, of_large = scaling_studies.canvases(bars, Scene(4, 140))
    np.testing.assert_array_equal(of_small, of_large)
    tops, lefts = zip(*(np.argwhere(image)[0] for image in small), strict=True)
    assert set(tops) == set(lefts) == set(range(15))  # everywhere that a digit fits
    lefts = {int(np.argwhere(image)[0][1]) for image in large}
    assert lefts == {0, 28, 56, 84, 112}


def test_a_digit_on_a_canvas_of_its_own_is_the_training_set(bars):
    images, labels = scaling_studies.canvases(bars, Scene(16))
    assert images is bars.images
    assert labels is bars.labels


def test_living_cells_are_those_above_the_threshold():
    images = np.zeros((2, 3, 3), np.uint8)
    images[0, 0] = 25, 26, 255  # 0.098, 0.102, 1
    images[1, 2, 2] = 200
    assert scaling_studies.living_cells(images) == 1.5


def test_the_pool_is_ten_batches_where_memory_allows():
    assert Scene(16).pool_size() == 160
    assert Scene(4, 140, 25).pool_size() == 40
    # 1678 samples of 4 * 19 * 784 bytes make 100 MB: three batches of 512.
    assert Scene(512).pool_size() == 1536
    assert Scene(256, 140).pool_size() == 256


def test_memory_of_the_reference():
    # 250 floats of 4 bytes, 16 * 784 pixels, 20 CA steps; measured: 0.27 GB.
    assert Scene(16).reference_bytes() == pytest.approx(0.25e9, rel=0.01)


def test_a_stopwatch_times_enough_steps_and_not_the_first_call():
    calls = []

    def timer(steps):
        calls.append(steps)
        return 100.0 if len(calls) == 1 else 0.01 * steps

    watch = timing.Stopwatch(timer, seconds=0.5)
    assert calls[:2] == [1, 1]
    assert watch.rate() == pytest.approx(100)
    assert 0.5 <= 0.01 * calls[-1] <= 1.2


def test_steps_of_a_timing_have_an_end():
    assert timing.Stopwatch(lambda steps: 1e-9 * steps, seconds=1.0).rate() == pytest.approx(1e9)


def row(study, scene, rates, reference_rates=(), engine="living", replicas=1, living=100.0):
    ratios = [a / b for a, b in zip(rates, reference_rates, strict=False)]
    peaks = (900, 2000 if reference_rates else None)
    subject = Subject(study, scene, engine, replicas)
    return measure.row(subject, living, rates, reference_rates, ratios, peaks)


def test_a_row_from_timings_by_hand():
    subject = Subject("living", Scene(4, 140, 2))
    found = measure.row(
        subject, 245.0, [50.0, 20.0, 40.0], [1.6, 2.0, 1.0], [31.25, 10.0, 40.0], (900, 2000)
    )
    assert dataclasses.asdict(found) == {
        "study": "living",
        "engine": "living",
        "batch": 4,
        "canvas": 140,
        "digits": 2,
        "replicas": 1,
        "pool": 40,
        "living_cells": 980.0,
        "living_share": 0.0125,  # of 78,400
        "firing_cells": 490.0,
        "steps_per_second": 40.0,
        "slowest": 20.0,
        "fastest": 50.0,
        "ms": 25.0,
        "reference_ms": 625.0,
        "ratio": 31.25,  # the median of the ratios, not the ratio of the medians
        "peak_mb": 900,
        "reference_peak_mb": 2000,
    }


def test_a_row_without_reference():
    found = row("batch", Scene(16), [10.0])
    assert (found.reference_ms, found.ratio, found.reference_peak_mb) == (None, None, None)


ABOUT = {
    "command": "python -m experiments.scaling --dataset=bars",
    "cores": 2,
    "machine": "x86_64",
    "versions": {"tensorflow": "2.19.0"},
    "dataset": "bars, 20 digits",
    "experiment": "l2_noise",
    "rollout_steps": 20,
    "rounds": 3,
    "seconds": 1.0,
}
CANVAS = (
    row("canvas", Scene(4, 28), [100.0], [10.0]),
    row("canvas", Scene(4, 140), [80.0], [0.4], living=98.0),
)
BATCH = (
    row("batch", Scene(16), [40.0], [4.0]),
    row("batch", Scene(64), [10.0]),
    row("batch", Scene(16), [4.0], [4.0], engine="dense"),
)
REPLICAS = (
    row("replicas", Scene(16), [44.0], [4.0]),
    row("replicas", Scene(16), [20.0], [4.0], replicas=2),
)


def test_tables():
    lines = report.text(ABOUT, [*BATCH, *CANVAS, *REPLICAS]).splitlines()
    assert "`python -m experiments.scaling --dataset=bars`" in lines
    for line in (
        "## One digit on a growing canvas, batch 4",
        "| 140 x 140 | 0.50% | 196 | 80.00 (80.00-80.00) | 12.5 | 2,500.0 | 200.0 | 900 | 2,000 |",
        "From the living engine's first row to its last: pixels x 25.0, firing cells x 1.0, "
        "the living engine's time x 1.2, the reference's time x 25.0.",
        "| living | 64 | 12.76% | 3,200 | 10.00 (10.00-10.00) | 100.0 |  |  | 900 |  |",
        "| dense | 16 | 12.76% | 800 | 4.00 (4.00-4.00) | 250.0 | 250.0 | 1.0 | 900 | 2,000 |",
        "From the living engine's first row to its last: pixels x 4.0, firing cells x 4.0, "
        "the living engine's time x 4.0.",
        "| 16 | 2 | 12.76% | 800 | 20.00 (20.00-20.00) | 50.0 | 250.0 | 5.0 | 900 | 2,000 |",
    ):
        assert line in lines
    assert not any("More and more digits" in line for line in lines)  # there are no such rows


@pytest.mark.slow
def test_files(tmp_path):
    report.write(tmp_path, ABOUT, [*CANVAS, *BATCH])
    assert {path.name for path in tmp_path.iterdir()} == set(report.FILES)
    document = json.loads((tmp_path / "scaling.json").read_text())
    assert document["rows"] == [dataclasses.asdict(each) for each in (*CANVAS, *BATCH)]
    assert {name: document[name] for name in ABOUT} == ABOUT
    text = (tmp_path / "scaling.md").read_text()
    assert text == report.text(ABOUT, [*CANVAS, *BATCH])
    picture = np.asarray(Image.open(tmp_path / "scaling.png"))
    np.testing.assert_array_equal(picture, figure.draw([*CANVAS, *BATCH]))


@pytest.mark.parametrize(
    ("rows", "panels"),
    [((*CANVAS, *BATCH), 3), (CANVAS, 2), (REPLICAS, 2), (BATCH[1:2], 1)],
)
def test_the_figure_has_a_panel_for_what_was_measured(rows, panels):
    picture = figure.draw(rows)
    assert picture.shape == (540, 540 * panels, 3)
    # The reference has points only where it was timed.
    with_reference = any(each.reference_ms for each in rows)
    assert (picture == ORANGE).all(axis=-1).any() == with_reference


@pytest.mark.parametrize("studies", ["batch,size", ""])
def test_unknown_studies_are_refused_before_anything_is_loaded(tmp_path, studies):
    said = command.refused(SCALING, "--output_dir=out", f"--studies={studies}", cwd=tmp_path)
    assert f"studies={studies}: expected some of batch, canvas, living, replicas" in said
    assert not list(tmp_path.iterdir())


def test_a_folder_that_takes_no_files_is_refused_before_anything_is_loaded(tmp_path):
    (tmp_path / "out").write_text("a file")
    said = command.refused(SCALING, "--output_dir=out", cwd=tmp_path)
    assert "out: can't be written (File exists)" in said
    # A folder that exists, but where not even root can write.
    said = command.refused(SCALING, "--output_dir=/proc/self", cwd=tmp_path)
    assert "/proc/self: can't be written" in said


@pytest.mark.slow
@pytest.mark.long
def test_the_command_measures_and_its_numbers_fit_together(tmp_path):
    flags = ("--quick", "--rounds=1", "--seconds=0.01", "--dataset=drawn")
    status, printed, said = command.run(
        SCALING, "--output_dir=out", "--studies=canvas,replicas", *flags, cwd=tmp_path
    )
    assert status == 0, said
    assert "Study replicas, batch 8, 28 x 28, 1 digit: 3 of 3." in said
    assert all(name in printed for name in report.FILES)
    document = json.loads((tmp_path / "out" / "scaling.json").read_text())
    assert document["dataset"] == "drawn, 10000 digits"
    assert "--dataset=drawn --studies=canvas,replicas" in document["command"]
    rows = document["rows"]
    assert [(r["study"], r["canvas"], r["batch"], r["replicas"]) for r in rows] == [
        ("canvas", 28, 4, 1),
        ("canvas", 42, 4, 1),
        ("replicas", 28, 8, 1),
        ("replicas", 28, 8, 2),
    ]
    for each in rows:
        assert each["ms"] == pytest.approx(1e3 / each["steps_per_second"])
        assert each["slowest"] == each["fastest"] == each["steps_per_second"]
        assert each["ratio"] > 0
        cells = each["batch"] * each["canvas"] ** 2
        assert each["living_share"] == pytest.approx(each["living_cells"] / cells)
        assert each["firing_cells"] == each["living_cells"] / 2
        assert 300 < each["peak_mb"] < 4000
    small, large, *_ = rows
    assert small["ratio"] == pytest.approx(small["reference_ms"] / small["ms"])
    assert large["living_cells"] == pytest.approx(small["living_cells"], rel=0.05)
    # Far below the usual ratio: even short timings on a busy machine exceed it.
    assert large["ratio"] > 2


@pytest.mark.slow
def test_digits_that_can_not_be_had_are_refused(tmp_path):
    said = command.refused(
        SCALING, "--output_dir=out", "--dataset=no_such_set", cwd=tmp_path, tensorflow=True
    )
    assert "no_such_set" in said
