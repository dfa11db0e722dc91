"""Adam against Keras' own, gradients normalised one by one, and where the rate drops."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist import experiment
from selforg_mnist.training import optimizer

SHAPES = [(3, 3, 4, 5), (5,), (1, 1, 5, 2), ()]
RATES = [1e-3, 1e-3, 0.3, 1e-5, 1e-4, 1e-2]


def random_tensors(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return [tf.constant(scale * rng.standard_normal(shape), tf.float32) for shape in SHAPES]


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e4])
def test_adam_is_keras_adam_over_several_updates(scale):
    weights = random_tensors(0)
    variables = [keras.Variable(weight) for weight in weights]
    theirs = keras.optimizers.Adam()
    state = optimizer.initial_state(weights)
    for step, rate in enumerate(RATES):
        gradients = random_tensors(1 + step, scale)
        theirs.learning_rate = rate
        theirs.apply(gradients, variables)
        before = weights
        weights, state = optimizer.adam(
            weights, gradients, state, tf.constant(step), tf.constant(rate)
        )
        for ours, expected, old in zip(weights, variables, before, strict=True):
            np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-5, atol=1e-6 * rate)
            assert np.mean(ours != old) > 0.9


def test_first_update_of_adam_is_the_rate_against_the_gradient():
    weights = random_tensors(0)
    gradients = random_tensors(1)
    state = optimizer.initial_state(weights)
    updated, _ = optimizer.adam(weights, gradients, state, tf.constant(0), tf.constant(0.25))
    for new, old, gradient in zip(updated, weights, gradients, strict=True):
        np.testing.assert_allclose(new - old, -0.25 * np.sign(gradient), rtol=0.01)


class TestNormalise:
    def test_each_variable_has_norm_one_on_its_own(self):
        gradients = [
            gradient * scale
            for gradient, scale in zip(random_tensors(0), [1e3, 1.0, 1e-4, 5.0], strict=True)
        ]
        for normalised, gradient in zip(optimizer.normalise(gradients), gradients, strict=True):
            norm = np.linalg.norm(np.ravel(gradient))
            assert np.linalg.norm(np.ravel(normalised)) == pytest.approx(1.0, rel=1e-3)
            np.testing.assert_allclose(normalised, gradient / norm, rtol=1e-3)

    def test_small_gradients_are_enlarged_not_only_large_ones_clipped(self):
        (normalised,) = optimizer.normalise([tf.constant([3e-3, 4e-3])])
        np.testing.assert_allclose(normalised, [0.6, 0.8], rtol=1e-4)

    def test_epsilon_is_added_to_the_norm(self):
        (normalised,) = optimizer.normalise([tf.constant([6e-9, 8e-9])])
        np.testing.assert_allclose(normalised, [0.3, 0.4], rtol=1e-5)

    def test_zero_gradient_stays_zero(self):
        (normalised,) = optimizer.normalise([tf.zeros([3])])
        assert normalised.numpy().tolist() == [0.0, 0.0, 0.0]


class TestLearningRate:
    @pytest.mark.parametrize("name", ["ce", "l2", "l2_noise"])
    @pytest.mark.parametrize(
        ("step", "rate"),
        [
            (0, 1e-3),
            (1, 1e-3),
            (29_999, 1e-3),
            (30_000, 1e-4),
            (30_001, 1e-4),
            (69_999, 1e-4),
            (70_000, 1e-5),
            (99_999, 1e-5),
        ],
    )
    def test_article_s_schedule_to_the_step(self, name, step, rate):
        config = experiment.get(name)
        actual = optimizer.learning_rate(
            tf.constant(step), config.learning_rate, config.learning_rate_drops
        )
        assert float(actual) == pytest.approx(rate, rel=1e-6)

    def test_no_drops(self):
        assert float(optimizer.learning_rate(tf.constant(10**6), 0.5, ())) == 0.5

    def test_compiled_with_the_step_as_a_tensor(self):
        rate = tf.function(lambda step: optimizer.learning_rate(step, 1.0, [(2, 0.5)]))
        assert [float(rate(tf.constant(step))) for step in range(4)] == [1.0, 1.0, 0.5, 0.5]


class TestCosine:
    def test_falls_from_the_rate_to_its_last_part(self):
        rates = [
            float(optimizer.cosine(tf.constant(s), 2e-3, 0.01, 100)) for s in range(0, 151, 25)
        ]
        expected = [
            2e-3 * (0.01 + 0.99 * (1 + np.cos(np.pi * s)) / 2) for s in (0, 0.25, 0.5, 0.75)
        ]
        np.testing.assert_allclose(rates, [*expected, 2e-5, 2e-5, 2e-5], rtol=1e-4)

    def test_warm_up_rises_in_equal_parts(self):
        rates = [float(optimizer.warm_up(tf.constant(s), tf.constant(0.8), 4)) for s in range(6)]
        np.testing.assert_allclose(rates, [0.2, 0.4, 0.6, 0.8, 0.8, 0.8], rtol=1e-6)


class TestAverage:
    @pytest.mark.slow
    def test_forgets_its_start_and_then_decays(self):
        averaged = (tf.constant(100.0),)
        for step in range(2_000):
            averaged = optimizer.average(averaged, (tf.constant(1.0),), tf.constant(step), 0.99)
        assert float(averaged[0]) == pytest.approx(1.0, abs=1e-3)
        (after,) = optimizer.average(averaged, (tf.constant(2.0),), tf.constant(2_000), 0.99)
        assert float(after) == pytest.approx(1.01, abs=1e-3)

    def test_one_step_in_it_is_mostly_the_new_weights(self):
        (after,) = optimizer.average(
            (tf.constant(0.0),), (tf.constant(11.0),), tf.constant(0), 0.9
        )
        assert float(after) == pytest.approx(9.0)
