"""What an evaluation writes and prints, from known curves."""

import csv
import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from selforg_mnist.data import digits
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation import article, evaluation_report
from selforg_mnist.evaluation.article import Peak, TableRow
from selforg_mnist.evaluation.evaluation import Curves
from selforg_mnist.model import CAModel
from selforg_mnist.readers.rule_arrays import LoadedModel


def curves(accuracy, agreement, right, samples=8):
    steps = len(accuracy)
    shares = [np.array(values, np.float64) for values in (accuracy, agreement, right)]
    return Curves(*shares, np.full(steps, 3.0), np.full(steps, 0.125), num_samples=samples)


BEFORE = curves([0.25, 0.75, 0.5], [0.0, 0.5, 0.5], [0.0, 0.375, 0.25])
AFTER = curves([0.5, 0.25], [0.25, 0.75], [0.125, 0.625])


class TestRows:
    def test_maxima_and_ends_with_their_steps(self):
        assert evaluation_report.row(BEFORE) == TableRow(
            top_accuracy=Peak(75.0, 2),
            accuracy_at_end=Peak(50.0, 3),
            top_agreement=Peak(50.0, 2),  # the first of two
            agreement_at_end=Peak(50.0, 3),
            correct_agreement_at_end=Peak(25.0, 3),
        )

    def test_steps_go_on_after_the_mutation(self):
        rows = evaluation_report.rows([BEFORE, AFTER])
        assert list(rows) == ["before_mutation", "after_mutation"]
        assert rows["after_mutation"].top_accuracy == Peak(50.0, 4)
        assert rows["after_mutation"].agreement_at_end == Peak(75.0, 5)
        assert list(evaluation_report.rows([BEFORE])) == ["before_mutation"]

    def test_joined_curves_are_in_percent_and_magnitudes_are_not(self):
        joined = evaluation_report.joined([BEFORE, AFTER])
        assert joined["cell_accuracy"].tolist() == [25, 75, 50, 50, 25]
        assert joined["correct_agreement"].tolist() == [0, 37.5, 25, 12.5, 62.5]
        assert joined["state_magnitude"].tolist() == [3] * 5
        assert joined["residual_magnitude"].tolist() == [0.125] * 5


class TestTable:
    def test_values_stand_under_their_heads(self):
        lines = evaluation_report.table({"mine": evaluation_report.row(BEFORE)}).splitlines()
        assert len({len(line) for line in lines}) == 1
        heads, _, values = ([c.strip() for c in line.split("|")[1:-1]] for line in lines)
        assert dict(zip(heads, values, strict=True)) == {
            "model": "mine",
            "top accuracy": "75.0 at 2",
            "accuracy at the end": "50.0 at 3",
            "top agreement": "50.0 at 2",
            "agreement at the end": "50.0 at 3",
            "agreeing and right at the end": "25.0 at 3",
        }

    @pytest.mark.parametrize(
        ("experiment", "theirs"),
        [
            ("ce", ["66.2"]),
            ("l2", ["85.2"]),
            ("l2_noise", ["88.1"]),
            (None, ["66.2", "85.2", "88.1"]),
        ],
    )
    def test_the_article_s_row_is_the_experiment_s(self, experiment, theirs):
        text = evaluation_report.beside_the_article("mine", [BEFORE, AFTER], experiment)
        rows = [line for line in text.splitlines() if "article" in line]
        assert len(rows) == len(theirs)
        for row, agreement in zip(rows, theirs, strict=True):
            assert f" {agreement} at 200 " in row
        assert "mine, before mutation" in text
        assert "mine, after mutation" in text

    def test_the_article_s_table_is_complete(self):
        # Copied from the article on purpose, not from our table.
        expected = {
            "ce": (96.2, 80, 95.3, 77.9, 80, 66.2),
            "l2": (95.0, 95, 94.7, 85.5, 175, 85.2),
            "l2_noise": (95.4, 65, 95.3, 88.2, 190, 88.1),
        }
        for name, (top, step, end, agreement, agreement_step, agreement_end) in expected.items():
            row = article.TABLE[name]
            assert row.top_accuracy == Peak(top, step)
            assert row.accuracy_at_end == Peak(end, 200)
            assert row.top_agreement == Peak(agreement, agreement_step)
            assert row.agreement_at_end == Peak(agreement_end, 200)
        assert article.TABLE.keys() == article.TITLES.keys() == article.MAGNITUDES.keys()


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("measured") / "new" / "folder"
    model = CAModel(residual_noise=0.25, fire_rate=0.75)
    loaded = LoadedModel(model, "mine", "made by hand", given="file.keras", experiment=None)
    drawn = digits.load_digits("drawn", "test", num_drawn=9)
    phases = evaluation_report.measure(loaded, drawn, folder, steps=3, seed=4, batch_size=4)
    return folder, phases, drawn


class TestMeasure:
    @pytest.mark.slow
    def test_summary_says_what_was_measured_and_how(self, measured):
        folder, phases, drawn = measured
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["num_samples"] == 9
        assert summary["steps"] == 3
        assert summary["weights"] == "file.keras"
        assert summary["dataset"] == "drawn"
        assert summary["seed"] == 4
        assert summary["residual_noise"] == 0.25
        assert summary["fire_rate"] == 0.75
        content = drawn.images.tobytes() + drawn.labels.tobytes()
        assert summary["digits_sha256"] == hashlib.sha256(content).hexdigest()
        for phase, of_phase, first in zip(
            ("before_mutation", "after_mutation"), phases, (0, 3), strict=True
        ):
            accuracy = 100 * of_phase.cell_accuracy
            assert summary[phase]["accuracy_at_end"] == {
                "value": pytest.approx(accuracy[-1]),
                "step": first + 3,
            }
            assert summary[phase]["top_accuracy"] == {
                "value": pytest.approx(accuracy.max()),
                "step": first + 1 + int(accuracy.argmax()),
            }
            assert set(summary[phase]) == {
                "top_accuracy",
                "accuracy_at_end",
                "top_agreement",
                "agreement_at_end",
                "correct_agreement_at_end",
            }

    def test_csv_has_a_line_a_step(self, measured):
        folder, phases, _ = measured
        with (folder / "curves.csv").open() as file:
            lines = list(csv.DictReader(file))
        assert list(lines[0]) == [
            "step",
            "cell_accuracy",
            "total_agreement",
            "correct_agreement",
            "state_magnitude",
            "residual_magnitude",
        ]
        assert [int(line["step"]) for line in lines] == [1, 2, 3, 4, 5, 6]
        for i, line in enumerate(lines):
            phase, t = phases[i // 3], i % 3
            assert float(line["cell_accuracy"]) == pytest.approx(
                100 * phase.cell_accuracy[t], rel=1e-5
            )
            assert float(line["state_magnitude"]) == pytest.approx(
                phase.state_magnitude[t], rel=1e-5
            )

    def test_figures_are_pictures_of_these_curves(self, measured):
        folder, phases, _ = measured
        joined = evaluation_report.joined(phases)
        for name, draw in (
            ("accuracy_and_agreement", evaluation_report.figures.accuracy_and_agreement),
            ("magnitudes", evaluation_report.figures.magnitudes),
        ):
            picture = np.asarray(Image.open(folder / f"{name}.png"))
            np.testing.assert_array_equal(picture, draw({"mine": joined}, [3]))
        assert {path.name for path in folder.iterdir()} == set(evaluation_report.FILES)

    @pytest.mark.slow
    def test_without_mutation_there_is_one_phase(self, tmp_path):
        drawn = digits.load_digits("drawn", "test", num_drawn=1)
        loaded = LoadedModel(CAModel(), "mine", "made by hand", given="", experiment=None)
        (only,) = evaluation_report.measure(loaded, drawn, tmp_path, steps=2, mutate=False)
        assert only.steps == 2
        assert "after_mutation" not in json.loads((tmp_path / "summary.json").read_text())
        with pytest.raises(UserError, match="num_samples=1: expected 2 or more"):
            evaluation_report.measure(loaded, drawn, tmp_path, steps=2)

    def test_folder_that_cannot_be_made_is_told_before_the_work(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        drawn = digits.load_digits("drawn", "test", num_drawn=2)
        loaded = LoadedModel(CAModel(), "mine", "made by hand", given="", experiment=None)
        with pytest.raises(UserError, match="file: can't be written"):
            # A billion steps would not end.
            evaluation_report.measure(loaded, drawn, tmp_path / "file", steps=10**9)
