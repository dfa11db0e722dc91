"""The robustness studies, on models whose answers are known, and their command's files."""

import csv
import json
import re

import numpy as np
import pytest
from PIL import Image

from experiments.robustness import chimeras, measure, pages, report, transforms
from experiments.robustness import studies as robustness_studies
from experiments.robustness.studies import Size
from selforg_mnist import spec
from selforg_mnist.data import pieces
from selforg_mnist.data.digits import Digits, load_digits
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation import evaluation
from selforg_mnist.model import CAModel
from selforg_mnist.pictures import render
from support import command

SIZE = Size(steps=6, long_steps=9, long_samples=4, every=3)


def bias_model(label, strength=1.0):
    """Every firing cell gains `strength` for one label; all cells fire."""
    model = CAModel(fire_rate=1.0)
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[-1][9 + label] = strength
    model.set_weights(weights)
    return model


@pytest.fixture(scope="module")
def drawn():
    return load_digits("drawn", "test", num_drawn=60)


@pytest.fixture(scope="module")
def few(drawn):
    return Digits(drawn.images[:8], drawn.labels[:8], drawn.source, drawn.note)


@pytest.fixture(scope="module")
def studies(few):
    return robustness_studies.build(few, few, SIZE, seed=3)


def test_studies_have_their_names(studies):
    assert tuple(each.name for each in studies) == robustness_studies.NAMES


def test_a_pen_keeps_its_width_at_all_sizes(studies, few):
    cases = study(studies, "brush").cases
    for scale, (phase,) in cases.items():
        ratio = phase.images.sum(axis=(1, 2), dtype=float) / few.images.sum(axis=(1, 2))
        assert np.median(ratio) == pytest.approx(scale * min(scale, 1.0), rel=0.1)


def study(studies, name):
    (found,) = (each for each in studies if each.name == name)
    return found


class TestStudies:
    def test_neutral_strengths_show_the_digits_themselves(self, few):
        full = robustness_studies.build(few, few, Size(6, 9, 4), seed=3)
        for name, neutral in (("size", 1.0), ("height", 1.0), ("stroke", 0.0), ("shift", 0.0)):
            (phase,) = study(full, name).cases[neutral]
            spare = phase.images.shape[1] - 28
            ink = phase.images[:, spare // 2 :, spare // 2 :][:, :28, :28]
            np.testing.assert_array_equal(ink, few.images)
            assert phase.images.sum() == few.images.sum()
        np.testing.assert_array_equal(study(full, "cut").cases[0.0][0].images, few.images)

    def test_parts_go_and_come_back(self, studies):
        for share, (before, gone, back) in study(studies, "parts").cases.items():
            living, left = (transforms.alive(p.images).sum(axis=(1, 2)) for p in (before, gone))
            np.testing.assert_allclose(left / living, 1 - share, atol=0.01)
            np.testing.assert_array_equal(back.images, before.images)

    @pytest.mark.parametrize("name", ["scattered_states", "patch_states"])
    def test_states_are_lost_of_the_asked_share(self, studies, name):
        for share, (before, after) in study(studies, name).cases.items():
            living = transforms.alive(before.images)
            lost = (living & ~after.keep).sum(axis=(1, 2)) / living.sum(axis=(1, 2))
            np.testing.assert_allclose(lost, share, atol=0.01)
            np.testing.assert_array_equal(after.images, before.images)

    def test_seed_chooses_the_parts(self, few, studies):
        again, other = (robustness_studies.build(few, few, SIZE, seed) for seed in (3, 4))
        parts = [study(s, "parts").cases[0.5][1].images for s in (studies, again, other)]
        np.testing.assert_array_equal(parts[0], parts[1])
        assert (parts[0] != parts[2]).any()

    def test_work_counts_steps_of_living_cells(self, few, studies):
        cells = int(transforms.alive(few.images).sum())
        shift = study(studies, "shift")
        assert shift.work() == len(shift.cases) * SIZE.steps * cells


class TestMeasure:
    def test_a_stubborn_model_agrees_and_is_right_where_its_label_is(self, studies, few):
        rows = list(measure.measure(study(studies, "size"), "m", bias_model(7), 0))
        assert [row.strength for row in rows] == [0.5, 1.25, 3.0]
        sevens = 100 * np.mean(few.labels == 7)
        for row in rows:
            assert (row.model, row.study, row.phase, row.step) == ("m", "size", "shown", 6)
            assert row.total_agreement == 100
            assert row.correct_agreement == pytest.approx(sevens)
            assert row.num_samples == len(few)
            assert row.in_one_piece == 100

    def test_regrown_and_emptied_cells_start_from_nothing(self, studies):
        # Each cell gains 1/19 per step, so the magnitude shows its age in steps.
        for name, phase in (("parts", "given back"), ("patch_states", "after")):
            one = study(studies, name)
            rows = list(measure.measure(one, "m", bias_model(7), 0))
            for row in rows:
                if row.phase == phase:
                    young = 1 - np.mean(_kept_share(one, row.strength))
                    before = 6 * (len(one.phases) - 1)
                    expected = (6 + before * (1 - young)) / 19
                    assert row.state_magnitude == pytest.approx(expected, rel=1e-4)

    @pytest.mark.slow
    def test_long_run_keeps_many_steps_of_the_same_rollout(self, studies, few):
        one = study(studies, "long")
        rows = list(measure.measure(one, "m", CAModel(residual_noise=0.5), 2))
        assert [row.step for row in rows] == list(range(1, 10))
        (phase,) = one.cases[0.0]
        (curves,) = evaluation.evaluate_phases(CAModel(residual_noise=0.5), [phase], 2, 75)
        np.testing.assert_allclose([r.state_magnitude for r in rows], curves.state_magnitude)

    def test_looks_show_the_states_that_are_measured(self, studies):
        one = study(studies, "patch_states")
        picked = np.array([1, 4])
        ((gray, logits),) = measure.logits_at_views(one, [0.1, 0.75], picked, bias_model(7), 0)
        for i, share in enumerate((0.1, 0.75)):
            phase = one.cases[share][1]
            np.testing.assert_allclose(gray[i], phase.images[picked] / 255, rtol=1e-6)
            living = transforms.alive(phase.images[picked])
            expected = np.where(phase.keep[picked], 12, 6) * living  # steps since the state was 0
            np.testing.assert_allclose(logits[i, ..., 7], expected)


def _kept_share(one, strength):
    """For all samples together, the share of cells that never lost their state."""
    phases = one.cases[strength]
    living = transforms.alive(phases[-1].images)
    kept = living.copy()
    for phase in phases:
        kept &= transforms.alive(phase.images)
        kept &= True if phase.keep is None else phase.keep
    return kept.sum() / living.sum()


class TestChimeras:
    @pytest.fixture(scope="class")
    @staticmethod
    def groups(drawn):
        return chimeras.build(drawn, 4, seed=1, seams=(0.5,))

    def test_all_kinds_are_there_in_one_piece_of_two_parts(self, groups):
        kinds = {(g.first, g.second, g.axis, g.seam) for g in groups}
        assert len(kinds) == len(groups) == 3 * 2 * 2 * 2
        for group in groups:
            assert len(group.images) == 4
            assert pieces.connected(group.images).all()
            living = transforms.alive(group.images)
            for part in (group.of_first, ~group.of_first):
                assert (living & part).any(axis=(1, 2)).all()

    def test_parents_are_of_the_right_labels(self, groups, drawn):
        for group in groups:
            if group.seam is None or group.axis == "right":
                continue
            for label, half in ((group.first, slice(0, 14)), (group.second, slice(14, 28))):
                own = drawn.images[drawn.labels == label][:, half]
                for image in group.images[:, half]:
                    assert (image == own).all(axis=(1, 2)).any()

    def test_outcomes_of_a_stubborn_model(self, groups):
        outcomes, logits = chimeras.measure(groups, "m", bias_model(9), 5, 0)
        for group, outcome, ends in zip(groups, outcomes, logits, strict=True):
            assert ends.shape == (*group.images.shape, 10)
            assert outcome.agree_first == (100 if group.first == 9 else 0)
            assert outcome.agree_second == (100 if group.second == 9 else 0)
            assert outcome.agree_other == (0 if 9 in (group.first, group.second) else 100)
            assert outcome.no_agreement == outcome.changing == 0
            assert outcome.votes_second == outcome.second_part_right == outcome.agree_second

    def test_shares_of_a_quarrel(self):
        # Three cells give the first label, one gives the second, and one has changed its label.
        images = np.zeros((2, 28, 28), np.uint8)
        images[:, 5, 5:9] = 255
        of_first = np.zeros(images.shape, bool)
        of_first[:, 5, 5:7] = True
        group = chimeras.Chimeras(3, 5, "right", 0.5, images, of_first)
        labels = np.zeros(images.shape, int)
        labels[0, 5, 5:9] = [3, 3, 3, 5]
        labels[1, 5, 5:9] = 8
        before = labels.copy()
        before[0, 5, 5] = 1
        outcome = chimeras.count(group, "m", [before, labels])
        shares = (outcome.agree_first, outcome.agree_second, outcome.agree_other)
        assert (*shares, outcome.no_agreement) == (0, 0, 50, 50)
        assert (outcome.votes_first, outcome.votes_second) == (37.5, 12.5)
        assert (outcome.first_part_right, outcome.second_part_right) == (50, 25)
        assert (outcome.other_label, outcome.votes_other_label) == (8, 50)
        assert outcome.changing == 12.5

    def test_digits_that_lack_a_label_are_refused(self, few):
        nines = Digits(few.images, np.full(8, 9, np.uint8), "drawn", "")
        with pytest.raises(UserError, match="found 0 chimeras of 3 and 5 in one piece") as error:
            chimeras.build(nines, 4, seed=1)
        assert "\n" not in str(error.value)


def test_tiles_have_one_scale_and_the_labels_colours(few):
    gray = few.gray()[None]
    logits = np.zeros((*gray.shape, 10), np.float32)
    logits[..., 4] = 1.0
    tiles = pages.tiles(gray, logits)
    assert tiles.shape == (1, 8, 84, 84, 3)
    green = (tiles == np.array(spec.PALETTE[4])).all(axis=-1).sum(axis=(0, 2, 3))
    np.testing.assert_array_equal(green, 9 * transforms.alive(few.images).sum(axis=(1, 2)))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder that the command fills, for two models."""
    folder = tmp_path_factory.mktemp("robustness")
    model = CAModel(residual_noise=0.1)
    rng = np.random.default_rng(5)
    model.set_weights([rng.normal(0, 0.05, weight.shape) for weight in model.weights])
    for name in ("l2", "other"):
        model.save(folder / f"{name}.keras")
    weights = f"--weights={folder / 'l2.keras'},{folder / 'other.keras'}"
    flags = (weights, "--dataset=drawn", "--num_chimeras=2", "--steps=4", "--long_steps=6")
    flags = ("--quick", "--num_samples=8", *flags, "--output_dir=out")
    status, _, said = command.run("experiments.robustness", *flags, cwd=folder)
    assert status == 0, said
    assert re.search(r"stroke, other: \d+% done, about \d+ s left", said)
    return folder / "out"


@pytest.mark.slow
class TestCommand:
    def test_all_files_are_there_and_nothing_else(self, written):
        assert {path.name for path in written.iterdir()} == set(report.FILES)

    def test_csv_holds_the_numbers_of_the_json(self, written):
        document = json.loads((written / "robustness.json").read_text())
        rows = [row for one in document["studies"].values() for row in one["rows"]]
        for name, expected in (("robustness", rows), ("chimeras", document["chimeras"])):
            lines = list(csv.DictReader((written / f"{name}.csv").open()))
            assert len(lines) == len(expected) > 20
            for line, row in zip(lines, expected, strict=True):
                assert line == {k: "" if v is None else str(v) for k, v in row.items()}
        assert {row["model"] for row in rows} == {"l2", "other"}
        assert document["about"]["num_samples"] == 8
        assert document["about"]["dataset"] == "drawn"

    def test_models_with_the_same_weights_get_the_same_numbers(self, written):
        """All models get the same masks, so that only the models differ."""
        for file in ("robustness.csv", "chimeras.csv"):
            lines = list(csv.DictReader((written / file).open()))
            ours, theirs = (
                [{**line, "model": ""} for line in lines if line["model"] == name]
                for name in ("l2", "other")
            )
            assert ours == theirs

    def test_report_shows_every_view_and_says_what_the_data_is(self, written):
        text = (written / "report.md").read_text()
        for one in json.loads((written / "robustness.json").read_text())["studies"].values():
            assert f"## {one['title']}" in text
        assert "NOT MNIST" in text
        assert "| 3 above 5, whole digits |" in text
        for name in re.findall(r"\]\(([^):]+)\)", text):
            assert (written / name).is_file()
        tables = re.findall(r"(?m)(?:^\|.*\|\n)+", text)
        for table in tables:
            assert len({line.count("|") for line in table.splitlines()}) == 1

    @pytest.mark.parametrize("name", report.PICTURES)
    def test_pictures_show_something(self, written, name):
        picture = np.asarray(Image.open(written / name))
        assert picture.shape[0] > 200
        assert picture.shape[1] > 400
        assert 0.02 < np.mean(picture.min(axis=-1) < 250) < 0.9
        if name != "curves.png":
            np.testing.assert_array_equal(picture[-24:, : 24 * 11], render.legend())


@pytest.mark.parametrize(
    ("flag", "message", "tensorflow"),
    [
        ("--steps=0", "steps", False),
        ("--num_samples=5", "long_samples=200: expected 5 or fewer", False),
        ("--weights=", "weights=: expected", False),
        (
            "--weights=ce,ce",
            "weights=ce,ce: expected one or more models of different names",
            False,
        ),
        ("--weights=l2_nose", "weights=l2_nose", False),
        pytest.param("--studies=sise", "studies=sise: expected", True, marks=pytest.mark.slow),
    ],
)
def test_mistake_is_told_in_one_line(flag, message, tensorflow, tmp_path):
    flags = (flag, "--output_dir=out", "--dataset=drawn")
    line = command.refused("experiments.robustness", *flags, cwd=tmp_path, tensorflow=tensorflow)
    assert message in line
    assert not (tmp_path / "out").exists()
