"""The studies of several models on the same digits: what they count, and their commands."""

import json

import numpy as np
import pytest

from experiments.disagreement import measure as disagreement
from experiments.long_runs import measure as long_runs
from selforg_mnist import weights
from selforg_mnist.cells import trajectory
from selforg_mnist.data.digits import Digits, load_digits
from selforg_mnist.evaluation import evaluation, votes
from selforg_mnist.model import CAModel
from support import command


@pytest.fixture(scope="module")
def drawn():
    return load_digits("drawn", "test", num_drawn=60)


@pytest.fixture(scope="module")
def model():
    return weights.load("l2_noise").model


class TestVotes:
    @pytest.mark.slow
    def test_are_those_that_the_evaluation_counts(self, model, drawn):
        curves = evaluation.evaluate(model, drawn, steps=45)
        parts = list(votes.over_steps(model, drawn.images, 45, at_a_time=20))
        assert [len(part.cells) for part in parts] == [20, 20, 5]
        cells = np.concatenate([part.cells for part in parts])
        agreeing = np.concatenate([part.agreeing() for part in parts])
        right = cells[:, np.arange(60), drawn.labels].sum(axis=1) / cells.sum(axis=(1, 2))
        np.testing.assert_allclose(agreeing.mean(axis=1), curves.total_agreement, atol=1e-6)
        np.testing.assert_allclose(right, curves.cell_accuracy, atol=1e-6)

    @pytest.mark.slow
    def test_largest_state_is_that_of_the_digit(self, model, drawn):
        (part,) = votes.over_steps(model, drawn.images, 10)
        np.testing.assert_allclose(part.largest[-1], np.abs(part.state).max(axis=(1, 2, 3)))

    @pytest.mark.slow
    def test_models_of_several_widths_in_turn(self, drawn):
        for channels, hidden in ((20, 80), (24, 96), (13, 7)):
            model = CAModel(channels, hidden)
            (part,) = votes.over_steps(model, drawn.images, 3)
            assert part.state.shape == (60, 28, 28, channels - 1)
            *_, state = trajectory.states(model, drawn.gray()[:4], 3)
            assert state.shape == (4, 28, 28, channels - 1)


class TestDisagreement:
    @pytest.mark.slow
    def test_causes(self, model, drawn):
        images = drawn.images.copy()
        images[0, :, :] = 0
        images[0, 4:24, 4:8] = images[0, 4:24, 20:24] = 255  # two bars
        images[0, 13, 20:24] = 0
        digits = Digits(images, drawn.labels, drawn.source, drawn.note)
        found = disagreement.measure(model, digits, 80, seed=0)
        assert not found.whole[0]
        assert found.whole[1:].all()
        assert set(found.cause[found.agreeing]) == {-1}
        assert (found.cause[~found.agreeing] >= 0).all()
        assert found.cause[0] in (-1, 0)
        divided = found.most_divided(5)
        assert not found.agreeing[divided].any()
        assert np.all(np.diff(found.majority[divided]) >= 0)
        assert sum(found.pairs().values()) == (~found.agreeing & found.whole).sum()


class TestLongRuns:
    @pytest.mark.slow
    def test_digits_that_blow_up_are_named(self, drawn):
        model = weights.load("l2_noise").model
        calm = long_runs.measure(model, drawn, 100, seed=0)
        assert calm.large == [0.0]
        assert calm.growing == []
        bias = model.trainable_variables[-1]
        bias.assign(bias + 3e38)  # after two firings a state is not finite
        wild = long_runs.measure(model, drawn, 100, seed=0)
        assert wild.not_finite == [1.0]
        assert sorted(wild.growing) == list(range(60))

    def test_digits_that_are_not_finite_do_not_hide_those_that_grow(self):
        largest = np.array([2, 2, 2, 2, 2, 41, 39, np.nan, 1], np.float32)
        finite = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0], bool)
        median, large = long_runs.large_states(largest, finite)
        assert median == 2
        assert large.nonzero()[0].tolist() == [5, 7, 8]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "files"),
    [
        ("disagreement", {"most_divided_ce.png", "most_divided_l2.png", "side_by_side.gif"}),
        ("long_runs", {"growth.png"}),
    ],
)
def test_commands(study, files, tmp_path):
    flags = ("--weights=ce,l2", "--dataset=drawn", "--num_samples=20", "--steps=100")
    status, printed, said = command.run(
        f"experiments.{study}", *flags, "--output_dir=out", cwd=tmp_path
    )
    assert status == 0, said
    assert "report.md" in printed
    assert files | {"report.md"} <= {path.name for path in (tmp_path / "out").iterdir()}
    numbers = json.loads((tmp_path / "out" / f"{study}.json").read_text())
    assert list(numbers["models"]) == ["ce", "l2"]
    assert numbers["about"]["num_samples"] == 20
    page = (tmp_path / "out" / "report.md").read_text()
    assert f"python -m experiments.{study}" in page
