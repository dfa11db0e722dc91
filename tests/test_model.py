"""The dense CA step against an independent NumPy one; new models, seeds, files, mistakes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.model import CAModel
from selforg_mnist.randomness import derive, root_key
from support import reference_ca
from support.drawn_samples import STEPS
from support.known_models import model_with

pytest_plugins = ["support.drawn_samples"]


class TestAgainstTheReference:
    @pytest.mark.slow
    @pytest.mark.parametrize("noisy", [False, True])
    def test_each_of_20_steps_agrees(self, start, draws, noisy):
        weights = reference_ca.random_weights()
        model = model_with(weights)
        fires, noise = draws[0], draws[1] if noisy else None
        expected = reference_ca.rollout(reference_ca.rule_of(weights), start, fires, noise)
        x = tf.constant(start)
        for t in range(STEPS):
            x = model(x, fires=fires[t], noise=noise[t] if noisy else None)
            np.testing.assert_allclose(x, expected[t], atol=1e-5, err_msg=f"step {t}")
        assert 0.1 < np.abs(expected[-1][..., 1:]).max() < 100.0  # so the comparison isn't trivial

    @pytest.mark.slow
    def test_compiled_rollout_agrees(self, start, draws):
        weights = reference_ca.random_weights(seed=1)
        model = model_with(weights)
        fires, noise = draws[0][:5], draws[1][:5]
        actual = tf.function(model.rollout)(start, 5, fires=fires, noise=noise)
        expected = reference_ca.rollout(reference_ca.rule_of(weights), start, fires, noise)[-1]
        np.testing.assert_allclose(actual, expected, atol=1e-5)

    @pytest.mark.parametrize(("channels", "hidden"), [(11, 5), (24, 16)])
    def test_other_widths_agree(self, gray, draws, channels, hidden):
        weights = reference_ca.random_weights(channels, hidden)
        model = model_with(weights)
        x = model.initialize(gray)
        expected = reference_ca.rollout(reference_ca.rule_of(weights), x, draws[0][:5])[-1]
        np.testing.assert_allclose(model.rollout(x, 5, fires=draws[0][:5]), expected, atol=1e-5)

    def test_sample_that_is_not_square_agrees(self):
        weights = reference_ca.random_weights(seed=3)
        rng = np.random.default_rng(4)
        x = rng.random((2, 5, 9, 20)).astype(np.float32)
        fires = rng.random((3, 2, 5, 9)) < 0.5
        expected = reference_ca.rollout(reference_ca.rule_of(weights), x, fires)[-1]
        actual = model_with(weights).rollout(x, 3, fires=fires)
        np.testing.assert_allclose(actual, expected, atol=1e-5)


class TestTheUntrainedModel:
    def test_has_22499_parameters(self):
        assert CAModel().count_params() == 22_499

    def test_first_step_changes_nothing(self, gray):
        model = CAModel()
        x = model.initialize(gray)
        np.testing.assert_array_equal(model(x, seed=root_key(0)), x)

    def test_residual_of_any_state_is_zero(self, start):
        assert not np.any(CAModel().residual(start))

    def test_fresh_sample_is_the_digit_with_state_zero(self, gray):
        x = CAModel().initialize(gray).numpy()
        assert x.shape == (3, 28, 28, 20)
        np.testing.assert_array_equal(x[..., 0], gray)
        assert not x[..., 1:].any()

    def test_hidden_kernels_are_glorot_uniform_and_biases_zero(self):
        kernel, bias, hidden, hidden_bias, _, out_bias = CAModel().get_weights()
        for weights, fans in ((kernel, 9 * 20 + 9 * 80), (hidden, 80 + 80)):
            limit = np.sqrt(6.0 / fans)
            assert 0.98 * limit < np.abs(weights).max() <= limit
            assert weights.std() == pytest.approx(limit / np.sqrt(3.0), rel=0.03)
        assert not any(b.any() for b in (bias, hidden_bias, out_bias))

    def test_seed_decides_the_weights(self):
        first, again, other = (CAModel(seed=seed).get_weights() for seed in (0, 0, 1))
        for i in (0, 2):
            np.testing.assert_array_equal(first[i], again[i])
            assert np.all(first[i] != other[i])

    def test_kernels_of_one_model_are_not_drawn_alike(self):
        kernel, _, hidden, *_ = CAModel().get_weights()
        assert abs(np.corrcoef(kernel.ravel()[:6400], hidden.ravel())[0, 1]) < 0.1


@pytest.fixture(scope="module")
def model():
    """Like a trained model: no weight is zero."""
    return model_with(reference_ca.random_weights(), residual_noise=0.02)


class TestSeedsAndMasks:
    def test_same_seed_same_result_and_another_seed_another(self, model, start):
        first, again, other = (
            model.rollout(start, 3, seed=root_key(seed)).numpy() for seed in (7, 7, 8)
        )
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.01

    @pytest.mark.slow
    def test_a_seed_may_be_a_number_or_a_generator_of_keras(self, model, start):
        expected = model.rollout(start, 2, seed=root_key(5))
        np.testing.assert_array_equal(model.rollout(start, 2, seed=5), expected)
        np.testing.assert_array_equal(model.rollout(start, 2, seed=np.int64(5)), expected)
        generator = keras.random.SeedGenerator(1)
        first, second = (model(start, seed=generator).numpy() for _ in range(2))
        assert np.abs(first - second).max() > 0.01
        again = model(start, seed=keras.random.SeedGenerator(1))
        np.testing.assert_array_equal(again, first)

    @pytest.mark.slow
    def test_without_a_seed_the_generator_of_tensorflow_draws(self, model, start):
        keras.utils.set_random_seed(3)
        first, second = model(start).numpy(), model.rollout(start, 1).numpy()
        assert np.abs(first - second).max() > 0.01
        keras.utils.set_random_seed(3)
        np.testing.assert_array_equal(model(start), first)
        np.testing.assert_array_equal(model.rollout(start, 1), second)

    @pytest.mark.slow
    def test_eager_equals_compiled(self, model, start):
        eager = model.rollout(start, 5, seed=root_key(1))
        compiled = tf.function(model.rollout)(start, 5, seed=root_key(1))
        np.testing.assert_allclose(eager, compiled, atol=1e-6)

    def test_rollout_is_steps_with_a_key_each(self, model, start):
        x = start
        for t in range(3):
            x = model(x, seed=derive(root_key(1), t))
        np.testing.assert_array_equal(x, model.rollout(start, 3, seed=root_key(1)))

    def test_masks_passed_in_leave_nothing_to_the_seed(self, model, start, draws):
        given = {"fires": draws[0][:3], "noise": draws[1][:3]}
        unseeded = model.rollout(start, 3, **given)
        np.testing.assert_array_equal(unseeded, model.rollout(start, 3, root_key(5), **given))

    def test_fires_passed_in_leave_the_noise_to_the_seed(self, model, start, draws):
        first, second = (
            model(start, seed=root_key(seed), fires=draws[0][0]).numpy() for seed in (0, 1)
        )
        alive = reference_ca.alive(start[..., 0])
        changed = np.any(first != second, axis=-1)
        np.testing.assert_array_equal(changed, alive & draws[0][0])

    def test_noise_passed_in_leaves_the_firing_to_the_seed(self, model, start, draws):
        zero = np.zeros_like(draws[1][0])
        first, second = (model(start, seed=root_key(seed), noise=zero).numpy() for seed in (0, 1))
        quiet = model_with(reference_ca.random_weights())
        np.testing.assert_array_equal(first, quiet(start, seed=root_key(0)))
        assert np.any(first != second)


class TestClassify:
    def test_gives_the_largest_of_the_last_ten_channels_and_minus_1_at_dead_cells(self):
        x = np.zeros((1, 1, 4, 20), np.float32)
        x[0, 0, :, 0] = [1.0, 0.2, 0.1, 0.11]
        x[0, 0, 0, 10 + 7] = 0.5
        x[0, 0, 1, 9] = 9.0  # the last free channel, not a label
        x[0, 0, 1, 10] = 0.1
        x[0, 0, 2, 10 + 3] = 1.0
        x[0, 0, 3, -1] = 0.1
        assert CAModel().labels(x).numpy().tolist() == [[[7, 0, -1, 9]]]

    def test_perception_is_the_first_layer(self, start):
        weights = reference_ca.random_weights()
        rule = reference_ca.rule_of(weights)
        identity = rule._replace(
            hidden_kernel=np.eye(80), hidden_bias=np.zeros(80), out_kernel=np.eye(80), out_bias=0.0
        )
        expected = reference_ca.residual(identity, start)
        np.testing.assert_allclose(model_with(weights).perceive(start), expected, atol=1e-5)


@pytest.fixture(scope="module")
def saved_and_loaded(tmp_path_factory):
    weights = reference_ca.random_weights(channels=24, hidden=16)
    saved = model_with(weights, fire_rate=0.7, residual_noise=0.03, seed=5)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    saved.save(path)
    return saved, keras.models.load_model(path)


class TestSaving:
    def test_config_survives(self, saved_and_loaded):
        saved, loaded = saved_and_loaded
        assert type(loaded) is CAModel
        assert loaded.get_config() == saved.get_config()
        options = ("channels", "hidden_channels", "fire_rate", "residual_noise", "seed")
        assert [getattr(loaded, name) for name in options] == [24, 16, 0.7, 0.03, 5]

    def test_outputs_survive(self, saved_and_loaded, gray):
        saved, loaded = saved_and_loaded
        outputs = [m.rollout(m.initialize(gray), 3, root_key(0)).numpy() for m in saved_and_loaded]
        np.testing.assert_array_equal(*outputs)
        assert np.abs(outputs[0][..., 1:]).max() > 0.05
        assert loaded.count_params() == saved.count_params()

    def test_weights_are_named_in_the_order_of_the_living_engine(self, saved_and_loaded):
        for model in saved_and_loaded:
            for ours, keras_own in zip(model.ca_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(ours, keras_own)


class TestErrors:
    @pytest.mark.parametrize(
        "options",
        [
            {"channels": 10},
            {"hidden_channels": 0},
            {"fire_rate": 0.0},
            {"fire_rate": 1.5},
            {"fire_rate": float("nan")},
            {"residual_noise": -0.02},
            {"residual_noise": float("nan")},
        ],
        ids=str,
    )
    def test_argument_out_of_range_is_named_with_its_value(self, options):
        ((name, value),) = options.items()
        with pytest.raises(ValueError, match=f"{name}={value}: expected") as error:
            CAModel(**options)
        assert "\n" not in str(error.value)

    def test_least_number_of_channels_works(self, gray):
        model = CAModel(channels=spec.GRAY_CHANNELS + spec.NUM_CLASSES)
        assert model(model.initialize(gray), seed=root_key(0)).shape == (3, 28, 28, 11)

    @pytest.mark.parametrize("seed", ["one", 0.5, [1, 2, 3], [0.5, 1.0], [[0, 1]]], ids=str)
    def test_what_is_no_seed_is_refused(self, model, start, seed):
        with pytest.raises(ValueError, match="expected two whole numbers of 32 bits, one whole"):
            model.rollout(start, 1, seed=seed)

    @pytest.mark.parametrize("shape", [(3, 28, 28), (3, 28, 28, 1), (28, 28, 20)], ids=str)
    def test_what_is_no_sample_is_refused(self, model, shape):
        with pytest.raises(ValueError, match=r"expected \[B, H, W, 20\], a sample; `initialize`"):
            model(np.zeros(shape, np.float32), seed=0)
