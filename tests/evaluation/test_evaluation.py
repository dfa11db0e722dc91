"""Curves over a test set, for models whose curves are known in advance."""

import numpy as np
import pytest

from selforg_mnist.data import digits
from selforg_mnist.data.digits import Digits
from selforg_mnist.evaluation.evaluation import Phase, evaluate, evaluate_phases, mutated
from selforg_mnist.model import CAModel
from support import reference_ca
from support.known_models import bias_model, random_model

CURVES = (
    "cell_accuracy",
    "total_agreement",
    "correct_agreement",
    "state_magnitude",
    "residual_magnitude",
)


def voter(label, strength=1.0):
    """A bias for one label."""
    return strength * np.eye(19, dtype=np.float32)[9 + label]


def assert_same(ours, theirs, rtol):
    for name in CURVES:
        np.testing.assert_allclose(
            getattr(ours, name), getattr(theirs, name), rtol=rtol, err_msg=name
        )
    assert ours.num_samples == theirs.num_samples


@pytest.fixture(scope="module")
def drawn():
    return digits.load_digits("drawn", "test", num_drawn=20)


@pytest.fixture(scope="module")
def living(drawn):
    """Living cells of each digit."""
    return reference_ca.alive(drawn.gray()).sum(axis=(1, 2))


class TestKnownModels:
    @pytest.mark.slow
    @pytest.mark.parametrize("label", [None, 0, 3, 9])
    def test_model_of_one_opinion(self, drawn, living, label):
        # If all channels are equal, the argmax is the first label.
        bias = np.zeros(19) if label is None else voter(label)
        curves = evaluate(bias_model(bias), drawn, steps=2)
        right = drawn.labels == (label or 0)
        assert curves.cell_accuracy == pytest.approx(living[right].sum() / living.sum())
        assert curves.total_agreement.tolist() == [1.0, 1.0]
        assert curves.correct_agreement == pytest.approx(right.mean())
        assert curves.num_samples == 20

    @pytest.mark.slow
    def test_magnitudes_of_a_constant_residual(self, drawn):
        bias = np.linspace(-1.0, 2.0, 19, dtype=np.float32)
        curves = evaluate(bias_model(bias), drawn, steps=3)
        mean = np.abs(bias).mean()
        np.testing.assert_allclose(curves.state_magnitude, mean * np.arange(1, 4), rtol=1e-5)
        np.testing.assert_allclose(curves.residual_magnitude, mean, rtol=1e-5)

    @pytest.mark.slow
    def test_residual_is_averaged_over_the_cells_that_fired(self, drawn, living):
        curves = evaluate(bias_model(np.ones(19), fire_rate=0.5), drawn, steps=6)
        np.testing.assert_allclose(curves.residual_magnitude, 1.0, rtol=1e-6)
        sigma = 0.5 / np.sqrt(living.sum())
        increments = np.diff(curves.state_magnitude, prepend=0.0)
        assert np.abs(increments - 0.5).max() < 4 * sigma
        assert len(set(increments)) > 3

    @pytest.mark.slow
    def test_model_with_a_fire_rate_is_rolled_out_at_it(self, drawn):
        rates = [
            evaluate(bias_model(np.ones(19), fire_rate=rate), drawn, steps=1).state_magnitude[0]
            for rate in (0.2, 0.8)
        ]
        assert rates == pytest.approx([0.2, 0.8], abs=0.05)

    @pytest.mark.slow
    def test_noise_acts(self, drawn):
        curves = evaluate(bias_model(np.zeros(19), residual_noise=0.02), drawn, steps=2)
        expected = 0.02 * np.sqrt(2.0 / np.pi)
        np.testing.assert_allclose(curves.residual_magnitude, expected, rtol=0.03)
        np.testing.assert_allclose(curves.state_magnitude[1], expected * np.sqrt(2.0), rtol=0.03)
        assert np.all(curves.cell_accuracy > 0.05)
        assert np.all(curves.cell_accuracy < 0.15)
        assert curves.total_agreement.tolist() == [0.0, 0.0]

    @pytest.mark.slow
    def test_mixed_opinions(self):
        # A cell with bright neighbours says 1, a single cell says 2.
        images = np.zeros((3, 28, 28), np.uint8)
        images[0, 5, 5:8] = images[1, 9, 9] = images[2, 3, 3:5] = images[2, 20, 20] = 255
        model = bias_model(voter(2))
        weights = model.get_weights()
        weights[0][:, :, 0, 0] = 1.0
        weights[1][0] = -1.5  # zero unless there is a neighbour
        weights[2][0, 0, 0, 0] = 1.0
        weights[4][0, 0, 0, 9 + 1] = 10.0
        model.set_weights(weights)
        labels = np.array([1, 1, 2], np.uint8)
        curves = evaluate(model, Digits(images, labels, "made", "by hand"), steps=1)
        assert curves.cell_accuracy == pytest.approx(4 / 7)
        assert curves.total_agreement == pytest.approx(2 / 3)
        assert curves.correct_agreement == pytest.approx(1 / 3)


class TestAgainstTheReference:
    @pytest.mark.slow
    def test_all_curves(self, drawn):
        steps = 4
        x = np.zeros((20, 28, 28, 20))
        x[..., 0] = drawn.gray()
        fires = np.ones((steps, 20, 28, 28), bool)
        rule = reference_ca.rule_of(reference_ca.random_weights())
        trajectory = reference_ca.rollout(rule, x, fires)
        curves = evaluate(random_model(fire_rate=1.0), drawn, steps=steps)
        for t, (before, after) in enumerate(zip([x, *trajectory], trajectory, strict=False)):
            expected = (
                reference_ca.cell_accuracy(after, drawn.labels),
                reference_ca.total_agreement(after),
                reference_ca.state_magnitude(after),
                reference_ca.residual_magnitude(before, after, fires[t]),
            )
            actual = (
                curves.cell_accuracy[t],
                curves.total_agreement[t],
                curves.state_magnitude[t],
                curves.residual_magnitude[t],
            )
            assert actual == pytest.approx(expected, rel=1e-4)


class TestBatches:
    @pytest.mark.slow
    @pytest.mark.parametrize("batch_size", [1, 7, 19, 20])
    def test_short_last_batch_counts_exactly(self, drawn, batch_size):
        model = random_model(fire_rate=1.0)
        whole = evaluate(model, drawn, steps=2)
        assert_same(evaluate(model, drawn, steps=2, batch_size=batch_size), whole, rtol=1e-5)
        assert whole.num_samples == 20

    @pytest.mark.slow
    def test_batches_draw_masks_and_noise_of_their_own(self):
        # Forty single cells whose labels depend only on the noise: same noise, same labels.
        images = np.zeros((40, 28, 28), np.uint8)
        images[:, 14, 14] = 255
        same = Digits(images, np.full(40, 3, np.uint8), "made", "by hand")
        model = bias_model(np.zeros(19), residual_noise=1.0)
        curves = evaluate(model, same, steps=5, batch_size=1)
        assert np.all(curves.total_agreement == 1.0)
        assert 0.0 < curves.cell_accuracy.mean() < 0.5
        assert not np.any(curves.cell_accuracy == 1.0)

    @pytest.mark.slow
    def test_digit_without_a_living_cell_is_not_counted(self, drawn):
        images, labels = drawn.images.copy(), drawn.labels
        images[[0, 7, 19]] = 25  # dead, but not blank
        with_empty = Digits(images, labels, "made", "by hand")
        kept = np.setdiff1d(np.arange(20), [0, 7, 19])
        without = Digits(images[kept], labels[kept], "made", "by hand")
        model = random_model(fire_rate=1.0)
        ours = evaluate(model, with_empty, steps=2, batch_size=7)
        assert_same(ours, evaluate(model, without, steps=2), rtol=1e-5)
        assert ours.num_samples == 17

    @pytest.mark.slow
    def test_no_living_cell_at_all(self):
        blank = Digits(np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8), "made", "by hand")
        curves = evaluate(random_model(), blank, steps=2)
        assert curves.num_samples == 0
        for name in CURVES:
            assert getattr(curves, name).tolist() == [0.0, 0.0]


class TestArguments:
    @pytest.mark.slow
    @pytest.mark.parametrize("steps", [1, 5])
    def test_steps_are_honoured(self, drawn, steps):
        curves = evaluate(random_model(), drawn, steps=steps)
        assert curves.steps == steps
        assert {getattr(curves, name).shape for name in CURVES} == {(steps,)}

    @pytest.mark.slow
    def test_shorter_rollout_is_the_beginning_of_a_longer_one(self, drawn):
        short, long = (evaluate(random_model(), drawn, steps=steps) for steps in (2, 5))
        for name in CURVES:
            np.testing.assert_array_equal(getattr(short, name), getattr(long, name)[:2])

    @pytest.mark.slow
    def test_seed_decides(self, drawn):
        model = random_model(residual_noise=0.02)
        first, again, other = (evaluate(model, drawn, steps=3, seed=seed) for seed in (0, 0, 1))
        assert_same(first, again, rtol=0)
        assert np.all(first.state_magnitude != other.state_magnitude)
        np.testing.assert_allclose(first.state_magnitude, other.state_magnitude, rtol=0.1)

    @pytest.mark.slow
    def test_number_of_channels_is_the_model_s(self, drawn):
        curves = evaluate(CAModel(channels=24, residual_noise=0.02), drawn, steps=1)
        expected = 0.02 * np.sqrt(2.0 / np.pi)
        assert curves.residual_magnitude[0] == pytest.approx(expected, rel=0.05)

    @pytest.mark.parametrize("options", [{"steps": 0}, {"batch_size": 0}], ids=str)
    def test_nothing_to_do_is_refused_by_name(self, drawn, options):
        ((name, value),) = options.items()
        with pytest.raises(ValueError, match=f"{name}={value}: expected"):
            evaluate(random_model(), drawn, **options)

    def test_no_digits_are_refused(self):
        empty = Digits(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8), "made", "none")
        with pytest.raises(ValueError, match="digits"):
            evaluate(random_model(), empty, steps=1)


def spread(value):
    """A model in which a cell's own state grows by `value` in each step, in all channels."""
    return bias_model(np.full(19, value, np.float32))


class TestPhases:
    @staticmethod
    def lone_cells(*places):
        images = np.zeros((1, 28, 28), np.uint8)
        for y, x in places:
            images[0, y, x] = 255
        return images

    @pytest.mark.slow
    def test_state_goes_on_where_the_new_picture_lives(self):
        # Cells far from each other: every state counts its own cell's steps.
        labels = np.array([0])
        first = Phase(self.lone_cells((2, 2), (8, 8)), labels, steps=2)
        second = Phase(self.lone_cells((8, 8), (20, 20)), labels, steps=3)
        before, after = evaluate_phases(spread(1.0), [first, second])
        assert before.state_magnitude == pytest.approx([1, 2])
        assert after.state_magnitude == pytest.approx([(3 + 1) / 2, (4 + 2) / 2, (5 + 3) / 2])
        assert after.residual_magnitude == pytest.approx([1, 1, 1])

    @pytest.mark.slow
    def test_state_is_zeroed_where_it_is_not_kept(self):
        picture, labels = self.lone_cells((2, 2), (8, 8)), np.array([0])
        keep = np.ones((1, 28, 28), bool)
        keep[0, 8, 8] = False
        phases = [Phase(picture, labels, 4), Phase(picture, labels, 1, keep)]
        _, after = evaluate_phases(spread(1.0), phases)
        assert after.state_magnitude == pytest.approx([(5 + 1) / 2])

    def test_cell_that_dies_and_lives_again_starts_from_zero(self):
        both, one = self.lone_cells((2, 2), (8, 8)), self.lone_cells((2, 2))
        phases = [Phase(images, np.array([0]), 1) for images in (both, one, both)]
        *_, last = evaluate_phases(spread(1.0), phases)
        assert last.state_magnitude == pytest.approx([(3 + 1) / 2])

    def test_labels_are_the_phase_s_own(self, drawn):
        phases = [Phase(drawn.images, np.full(20, label), 1) for label in (3, 4)]
        three, four = evaluate_phases(bias_model(voter(3)), phases)
        assert three.cell_accuracy.tolist() == three.correct_agreement.tolist() == [1.0]
        assert four.cell_accuracy.tolist() == four.correct_agreement.tolist() == [0.0]
        assert four.total_agreement.tolist() == [1.0]

    @pytest.mark.slow
    def test_phases_of_one_picture_are_one_long_phase(self, drawn):
        model = random_model(residual_noise=0.02)
        (whole,) = evaluate_phases(model, [Phase(drawn.images, drawn.labels, 5)])
        parts = evaluate_phases(
            model, [Phase(drawn.images, drawn.labels, steps) for steps in (2, 3)], batch_size=20
        )
        for name in CURVES:
            joined = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_allclose(joined, getattr(whole, name), rtol=1e-6, err_msg=name)

    def test_any_canvas(self):
        images = np.zeros((2, 40, 31), np.uint8)
        images[:, 39, 30] = 200
        (curves,) = evaluate_phases(bias_model(voter(7)), [Phase(images, np.array([7, 1]), 1)])
        assert curves.cell_accuracy.tolist() == [0.5]

    @pytest.mark.slow
    def test_progress_adds_up(self, drawn):
        done = []
        phases = [Phase(drawn.images, drawn.labels, steps) for steps in (1, 2)]
        evaluate_phases(random_model(), phases, batch_size=7, progress=done.append)
        assert sum(done) == 20 * 3
        assert len(done) == 6

    @pytest.mark.parametrize(
        ("phases", "said"),
        [
            ([], "steps=0"),
            ([(3, 3, 1, None), (2, 2, 1, None)], r"\[2, 28, 28\] images and 2 labels"),
            ([(3, 2, 1, None)], "and 2 labels"),
            ([(3, 3, 1, None), (3, 3, 0, None)], "steps=0"),
            ([(3, 3, 1, (3, 28))], r"keep of shape \[3, 28\]: expected \[3, 28, 28\]"),
        ],
    )
    def test_phases_that_do_not_fit_are_refused(self, phases, said):
        made = [
            Phase(
                np.zeros((images, 28, 28), np.uint8),
                np.zeros(labels, np.uint8),
                steps,
                None if keep is None else np.ones(keep, bool),
            )
            for images, labels, steps, keep in phases
        ]
        with pytest.raises(ValueError, match=said):
            evaluate_phases(random_model(), made)


class TestMutated:
    @pytest.mark.parametrize("count", [2, 3, 20])
    def test_each_digit_becomes_another_and_each_is_used_once(self, drawn, count):
        numbered = np.zeros((count, 28, 28), np.uint8)
        numbered[:, 0, 0] = np.arange(count)
        some = Digits(numbered, drawn.labels[:count], "made", "by hand")
        other = mutated(some, seed=5)
        order = other.images[:, 0, 0]
        assert sorted(order) == list(range(count))
        assert not np.any(order == np.arange(count))
        np.testing.assert_array_equal(other.labels, some.labels[order])

    def test_seed_chooses(self, drawn):
        first, again, other = (mutated(drawn, seed).images for seed in (1, 1, -1))
        np.testing.assert_array_equal(first, again)
        assert np.any(first != other)
