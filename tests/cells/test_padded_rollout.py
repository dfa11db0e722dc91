"""The padded engine against the living-cell and the dense ones, its compiled form, overflow."""

import numpy as np
import pytest
import tensorflow as tf
from test_living_cells import CASES, STEPS, assert_same, draw, drawn, models, run_dense, run_living

from selforg_mnist import experiment
from selforg_mnist.cells import padded_cells, padded_rollout
from selforg_mnist.evaluation.metrics import Counts
from selforg_mnist.model import CAWeights
from selforg_mnist.randomness import root_key
from selforg_mnist.training.engines import Padded
from selforg_mnist.training.pool import Pool
from support import reference_ca

__all__ = ["models"]  # a fixture

CAPACITY = 640


def as_batch(gray, labels, state):
    """A batch of uint8 images, which hold these gray values to one part in 510."""
    images = np.round(gray * 255.0).astype(np.uint8)
    age = np.zeros(len(gray), np.int32)
    return Pool(*(tf.constant(part) for part in (images, labels.astype(np.int32), state, age)))


def engine_of(loss, capacity=CAPACITY):
    return Padded(experiment.l2().replace(loss=loss), "float32", capacity)


def run_padded(model, gray, state, labels, fires, noise, loss, capacity=CAPACITY):
    weights, state = model.ca_weights(), tf.constant(state)
    cells = padded_cells.find(tf.constant(gray), capacity)
    firing = padded_cells.firing_from_masks(cells, fires, noise)
    with tf.GradientTape() as tape:
        tape.watch((weights, state))
        batch = as_batch(gray, labels, state)._replace(state=state)
        result = engine_of(loss, capacity).roll_out_firing(weights, batch, cells, firing)
    return result.state, result.loss, tape.gradient(result.loss, [*weights, state]), result


class TestAgainstTheOtherEngines:
    @pytest.mark.parametrize("noisy", [False, True], ids=["quiet", "noisy"])
    @pytest.mark.parametrize("case", CASES)
    def test_states_loss_and_all_gradients_agree(self, models, case, noisy):
        gray = CASES[case]()
        inputs = draw(gray, 20, noisy, incoming=True)
        padded = run_padded(models[20], gray, *inputs, "l2")
        assert_same(padded, run_dense(models[20], gray, *inputs, "l2"))
        assert_same(padded, run_living(models[20], gray, *inputs, "l2"))
        assert int(padded[3].overflow) == 0
        if reference_ca.alive(gray).any():
            assert all(np.abs(gradient).max() > 1e-4 for gradient in padded[2])

    def test_with_cross_entropy(self, models):
        gray = drawn(2)
        inputs = draw(gray, 20, noisy=True, incoming=True)
        padded = run_padded(models[20], gray, *inputs, "cross_entropy")
        assert_same(padded, run_dense(models[20], gray, *inputs, "cross_entropy"))

    @pytest.mark.parametrize("channels", [11, 24])
    def test_with_other_channel_counts(self, models, channels):
        gray = drawn(2)
        inputs = draw(gray, channels, noisy=True, incoming=True)
        padded = run_padded(models[channels], gray, *inputs, "l2")
        assert_same(padded, run_dense(models[channels], gray, *inputs, "l2"))

    @pytest.mark.parametrize("case", ["drawn", "all alive", "touching the border"])
    def test_with_not_a_row_to_spare(self, models, case):
        gray = CASES[case]()
        inputs = draw(gray, 20, noisy=True, incoming=True)
        count = int(reference_ca.alive(gray).sum())
        padded = run_padded(models[20], gray, *inputs, "l2", capacity=count)
        assert int(padded[3].overflow) == 0
        assert_same(padded, run_dense(models[20], gray, *inputs, "l2"))

    def test_agrees_with_the_reference(self, models):
        gray = drawn(2)
        state, labels, fires, noise = draw(gray, 20, noisy=True, incoming=True)
        actual, loss, *_ = run_padded(models[20], gray, state, labels, fires, noise, "l2")
        x = np.concatenate([gray[..., None], state], axis=-1)
        rule = reference_ca.rule_of(models[20].get_weights())
        expected = reference_ca.rollout(rule, x, fires, noise)[-1]
        np.testing.assert_allclose(actual, expected[..., 1:], atol=1e-5)
        expected_loss = reference_ca.l2_loss(expected, labels)
        assert float(loss) / len(gray) == pytest.approx(expected_loss, rel=1e-5)


def test_gradients_by_differences(models):
    gray = drawn(1)
    state, labels, fires, noise = draw(gray, 20, noisy=True, incoming=True)
    gradients = run_padded(models[20], gray, state, labels, fires, noise, "l2")[2]
    weights = models[20].get_weights()
    rng = np.random.default_rng(0)
    x = np.concatenate([gray[..., None], state], axis=-1)
    for which, gradient in enumerate(gradients[:6]):
        direction = rng.standard_normal(weights[which].shape)
        losses = []
        for sign in (1.0, -1.0):
            moved = [np.float64(w) for w in weights]
            moved[which] += sign * 1e-6 * direction
            after = reference_ca.rollout(reference_ca.Rule(*squeezed(moved)), x, fires, noise)
            losses.append(reference_ca.l2_loss(after[-1], labels))
        slope = (losses[0] - losses[1]) / 2e-6
        assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-3, abs=1e-3)


def squeezed(weights):
    return [w.reshape(w.shape[-2:]) if w.shape[:2] == (1, 1) else w for w in weights]


def test_counts_leave_dead_cells_out():
    """Ten cells fixed by hand: the rule is zero, so that the logits are what they start as."""
    gray = np.zeros((4, 2, 4), np.float32)
    gray[0, 0], gray[1, 0], gray[2, 0, :2] = 1.0, 1.0, 1.0  # the last sample is empty
    given = np.array([[7, 7, 7, 7], [3, 3, 3, 5], [8, 8, 0, 0], [0, 0, 0, 0]])
    state = np.zeros((4, 2, 4, 19), np.float32)
    state[:, 0, :, 9:] = np.eye(10)[given]
    zero = CAWeights(*(np.zeros_like(w) for w in reference_ca.random_weights()))
    batch = as_batch(gray, np.array([7, 3, 9, 0]), state)
    cells = padded_cells.find(tf.constant(gray), 16)
    firing = padded_cells.draw_firing(cells, 2, 0.5, 0.0, root_key(0))
    result = engine_of("l2").roll_out_firing(zero, batch, cells, firing)
    expected = Counts(living=10, correct=7, samples=3, agreeing=2, agreeing_correct=1)
    assert Counts(*(float(part) for part in result.counts)) == expected
    assert float(result.loss) == 3.0  # three wrong cells, each (1 + 1) / 2
    np.testing.assert_array_equal(result.state, state * reference_ca.alive(gray)[..., None])


class TestOverflow:
    @pytest.fixture(params=[False, True], ids=["plain", "compiled"])
    def run(self, models, request):
        gray = drawn(2)
        state, labels, *_ = draw(gray, 20, noisy=False, incoming=False)
        weights = models[20].ca_weights()

        def run(short_of):
            count = int(reference_ca.alive(gray).sum())

            @tf.function(jit_compile=request.param)
            def rolled_out(weights, batch):
                cells = padded_cells.find(tf.constant(gray), count - short_of)
                firing = padded_cells.draw_firing(cells, 2, 0.5, 0.0, root_key(0))
                with tf.GradientTape() as tape:
                    tape.watch(weights)
                    result = engine_of("l2").roll_out_firing(weights, batch, cells, firing)
                return result, tape.gradient(result.loss, weights)

            return count, *rolled_out(weights, as_batch(gray, labels, state))

        return run

    def test_none_missing(self, run):
        _, result, gradients = run(short_of=0)
        assert int(result.overflow) == 0
        assert all(np.isfinite(part).all() for part in (result.loss, *gradients))

    def test_one_missing_is_reported_and_spoils_loss_and_gradients(self, run):
        count, result, gradients = run(short_of=1)
        assert int(result.overflow) == 1
        assert np.isnan(result.loss)
        assert all(np.isnan(gradient).any() for gradient in gradients)
        assert float(result.counts.living) == count


class TestCompiled:
    def test_equals_the_plain_function(self, models):
        gray = CASES["an empty image"]()
        state, labels, *_ = draw(gray, 20, noisy=True, incoming=True)
        batch = as_batch(gray, labels, state)

        def rolled_out(weights, batch, key):
            cells = padded_cells.find(tf.cast(batch.images, tf.float32) / 255.0, 512)
            firing = padded_cells.draw_firing(cells, STEPS, 0.5, 0.02, key)
            with tf.GradientTape() as tape:
                tape.watch((weights, batch.state))
                result = engine_of("l2").roll_out_firing(weights, batch, cells, firing)
            return result, firing.fires, tape.gradient(result.loss, [*weights, batch.state])

        arguments = models[20].ca_weights(), batch, root_key(3)
        plain, fires, gradients = rolled_out(*arguments)
        compiled = tf.function(rolled_out, jit_compile=True)(*arguments)
        np.testing.assert_array_equal(compiled[1], fires)
        assert_same(
            (compiled[0].state, compiled[0].loss, compiled[2]),
            (plain.state, plain.loss, gradients),
        )
        np.testing.assert_array_equal(compiled[0].counts, plain.counts)
        assert float(plain.counts.samples) == 2

    def test_shapes_are_static(self, models):
        @tf.function
        def rolled_out(gray):
            cells = padded_cells.find(gray, 100)
            firing = padded_cells.draw_firing(cells, 2, 0.5, 0.02, root_key(0))
            table = padded_cells.to_table(cells, tf.zeros([2, 9, 7, 19]))
            return padded_rollout.rollout(models[20].ca_weights(), cells, table, firing)

        graph = rolled_out.get_concrete_function(tf.TensorSpec([2, 9, 7])).graph
        operations = [o for o in graph.get_operations() if o.type != "NoOp"]
        shapeless = [
            o.name for o in operations for out in o.outputs if not out.shape.is_fully_defined()
        ]
        assert shapeless == []

    def test_no_scatter_in_the_backward_pass(self, models):
        cells = padded_cells.find(tf.constant(drawn(1)), 256)
        firing = padded_cells.draw_firing(cells, 2, 0.5, 0.0, root_key(0))

        @tf.function
        def gradients(weights):
            table = tf.zeros([257, 19])
            with tf.GradientTape() as tape:
                tape.watch(weights)
                loss = tf.reduce_sum(padded_rollout.rollout(weights, cells, table, firing) ** 2)
            return tape.gradient(loss, weights)

        graph = gradients.get_concrete_function(models[20].ca_weights()).graph
        kinds = {operation.type for operation in graph.get_operations()}
        assert "GatherV2" in kinds
        assert not {kind for kind in kinds if "Scatter" in kind or "Segment" in kind}
