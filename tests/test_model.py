"""The dense CA step against an independent NumPy one, and what the article says of it."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist import spec
from selforg_mnist.data import digits
from selforg_mnist.model import CAModel
from selforg_mnist.randomness import derive, root_key
from support import reference_ca

STEPS = 20


def model_with(weights, **options):
    channels, hidden = weights[0].shape[2:]
    model = CAModel(channels=channels, hidden_channels=hidden, **options)
    model.set_weights(weights)
    return model


def biased_model(bias=1.0, **options):
    """A model whose residual is the same number in every cell and channel."""
    model = CAModel(**options)
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[-1][:] = bias
    model.set_weights(weights)
    return model


def all_alive(batch=1, size=28):
    return np.ones((batch, size, size), np.float32)


@pytest.fixture(scope="module")
def gray():
    return digits.load_digits("drawn", "test", num_drawn=3).gray()


@pytest.fixture(scope="module")
def start(gray):
    """Samples in the middle of a rollout: living cells have a state."""
    state = 0.5 * np.random.default_rng(1).standard_normal((*gray.shape, 19))
    state *= reference_ca.alive(gray)[..., None]
    return np.concatenate([gray[..., None], state], axis=-1).astype(np.float32)


@pytest.fixture(scope="module")
def draws(gray):
    """Fire masks [STEPS, B, H, W] and noise [STEPS, B, H, W, 19]."""
    rng = np.random.default_rng(2)
    fires = rng.random((STEPS, *gray.shape)) < 0.5
    noise = 0.02 * rng.standard_normal((STEPS, *gray.shape, 19)).astype(np.float32)
    return fires, noise


class TestAgainstTheReference:
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


class TestFiring:
    def test_firing_cell_gets_its_residual_unscaled_in_all_channels(self):
        x = biased_model(0.25).initialize(all_alive())
        after = biased_model(0.25)(x, seed=root_key(0)).numpy()[..., 1:]
        assert set(np.unique(after)) == {0.0, 0.25}

    def test_one_draw_a_cell_for_all_channels(self):
        after = biased_model()(CAModel().initialize(all_alive()), seed=root_key(0)).numpy()
        fired = after[..., 1:]
        np.testing.assert_array_equal(fired, np.broadcast_to(fired[..., :1], fired.shape))

    @pytest.mark.parametrize("fire_rate", [0.5, 0.25, 0.9])
    def test_share_of_firing_cells_is_the_fire_rate(self, fire_rate):
        model = biased_model(fire_rate=fire_rate)
        x = model.initialize(all_alive(50))
        fired = model.rollout(x, 4, seed=root_key(3)).numpy()[..., 1].mean() / 4
        sigma = np.sqrt(fire_rate * (1.0 - fire_rate) / (4 * 50 * 28 * 28))
        assert abs(fired - fire_rate) < 4 * sigma

    def test_every_cell_fires_at_rate_1(self):
        model = biased_model(fire_rate=1.0)
        after = model(model.initialize(all_alive(8)), seed=root_key(0)).numpy()
        np.testing.assert_array_equal(after, 1.0)

    def test_samples_and_steps_draw_independently(self):
        model = biased_model()
        x = model.initialize(all_alive(2))
        first = model.rollout(x, 1, seed=root_key(0)).numpy()[..., 1]
        second = model.rollout(x, 2, seed=root_key(0)).numpy()[..., 1] - first
        masks = np.concatenate([first, second]).reshape(4, -1)  # [sample and step, cell]
        correlations = np.corrcoef(masks)[np.triu_indices(4, 1)]
        assert np.abs(correlations).max() < 0.15  # 4 sigma of 784 cells

    def test_cells_in_state_zero_fire_like_the_others(self):
        # A mask that is drawn again where the state is zero, or that grows from living
        # neighbours, would show in the second step.
        model = biased_model()
        x = model.rollout(model.initialize(all_alive(50)), 1, seed=root_key(5))
        rested = x.numpy()[..., 1] == 0.0
        after = model(x, seed=root_key(6)).numpy()[..., 1]
        assert after[rested].mean() == pytest.approx(0.5, abs=0.015)
        assert (after[~rested] - 1.0).mean() == pytest.approx(0.5, abs=0.015)


class TestAliveness:
    def test_only_cells_above_the_threshold_update(self):
        gray = np.full((1, 3, 3), 0.1, np.float32)
        gray[0, 0] = 0.0
        gray[0, 2, 1] = np.nextafter(np.float32(0.1), np.float32(1.0))
        model = biased_model(fire_rate=1.0)
        after = model(model.initialize(gray), seed=root_key(0)).numpy()[0, ..., 1]
        assert after.tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0]]

    def test_lone_living_cell_wakes_no_neighbour(self):
        gray = np.zeros((1, 5, 5), np.float32)
        gray[0, 2, 2] = 1.0
        model = model_with(reference_ca.random_weights(), fire_rate=1.0)
        after = model.rollout(model.initialize(gray), 5, seed=root_key(0)).numpy()[0, ..., 1:]
        changed = after.any(axis=-1)
        assert changed[2, 2]
        assert changed.sum() == 1

    def test_dead_cell_keeps_whatever_state_it_has(self, start, draws):
        x = start.copy()
        dead = ~reference_ca.alive(x[..., 0])
        x[dead, 1:] = 0.7
        model = model_with(reference_ca.random_weights())
        after = model.rollout(x, 3, fires=draws[0][:3], noise=draws[1][:3]).numpy()
        np.testing.assert_array_equal(after[dead], x[dead])

    def test_gray_never_changes(self, start, draws):
        model = model_with(reference_ca.random_weights())
        after = model.rollout(start, 3, fires=draws[0][:3], noise=draws[1][:3]).numpy()
        np.testing.assert_array_equal(after[..., 0], start[..., 0])

    def test_grays_of_dead_neighbours_are_seen(self):
        gray = np.zeros((1, 3, 3), np.float32)
        gray[0, 1, 1] = 1.0
        faint = gray.copy()
        faint[0, 0, 1] = 0.05
        model = model_with(reference_ca.random_weights(), fire_rate=1.0)
        outputs = [model(model.initialize(g), seed=root_key(0)).numpy() for g in (gray, faint)]
        assert np.abs(outputs[0] - outputs[1])[0, 1, 1, 1:].max() > 1e-4


class TestNoise:
    def test_acts_at_inference_and_differs_from_seed_to_seed(self, gray):
        model = CAModel(fire_rate=1.0, residual_noise=0.02)
        assert "training" not in inspect.signature(model.call).parameters
        x = model.initialize(gray)
        first, second = (model(x, seed=root_key(seed)).numpy() for seed in (0, 1))
        alive = reference_ca.alive(gray)
        assert np.all(first[alive][:, 1:] != second[alive][:, 1:])

    def test_none_without_the_option(self, gray):
        model = CAModel(fire_rate=1.0)
        x = model.initialize(gray)
        np.testing.assert_array_equal(model(x, seed=root_key(0)), x)

    @pytest.mark.parametrize("deviation", [0.02, 0.5])
    def test_is_normal_and_of_the_given_deviation_in_each_channel(self, deviation):
        model = CAModel(fire_rate=1.0, residual_noise=deviation)
        noise = model(model.initialize(all_alive(20)), seed=root_key(0)).numpy()[..., 1:]
        noise = noise.reshape(-1, 19) / deviation  # [15680, 19]
        assert np.abs(noise.mean(axis=0)).max() < 4 / np.sqrt(len(noise))
        assert np.abs(noise.std(axis=0) - 1.0).max() < 4 / np.sqrt(2 * len(noise))
        assert np.mean(np.abs(noise) < 1.0) == pytest.approx(0.6827, abs=0.004)
        assert np.mean(noise**4) == pytest.approx(3.0, abs=0.1)
        assert 4.0 < np.abs(noise).max() < 6.0
        correlations = np.corrcoef(noise.T)[np.triu_indices(19, 1)]
        assert np.abs(correlations).max() < 5 / np.sqrt(len(noise))

    def test_reaches_neither_dead_nor_resting_cells(self, gray):
        model = CAModel(residual_noise=0.02)
        x = model.initialize(np.tile(gray, (10, 1, 1)))
        alive = reference_ca.alive(x[..., 0])
        changed = model(x, seed=root_key(0)).numpy()[..., 1:] != 0.0
        fired = changed.any(axis=-1)
        np.testing.assert_array_equal(changed.all(axis=-1), fired)
        assert not fired[~alive].any()
        assert fired[alive].mean() == pytest.approx(0.5, abs=0.05)

    def test_firing_cells_get_it_whole(self):
        # Its standard deviation is that of the option, although it is masked.
        model = CAModel(residual_noise=0.02)
        noise = model(model.initialize(all_alive(20)), seed=root_key(0)).numpy()[..., 1:]
        assert noise[noise != 0.0].std() == pytest.approx(0.02, rel=0.02)

    def test_steps_draw_independently(self):
        model = CAModel(fire_rate=1.0, residual_noise=0.02)
        x = model.initialize(all_alive())
        first = model.rollout(x, 1, seed=root_key(0)).numpy()[..., 1:]
        second = model.rollout(x, 2, seed=root_key(0)).numpy()[..., 1:] - first
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.04

    def test_owes_nothing_to_the_draw_of_the_fire_mask(self):
        # With one key for both, the first numbers of the noise would come from those that
        # decide which cells fire.
        noisy = CAModel(fire_rate=1.0, residual_noise=1.0)
        x = noisy.initialize(all_alive(20))
        noise = noisy(x, seed=root_key(0)).numpy()[..., 1:]
        fires = biased_model()(x, seed=root_key(0)).numpy()[..., 1].ravel()
        for numbers in (noise.ravel()[: fires.size], noise[..., 0].ravel()):
            for values in (numbers, np.abs(numbers)):
                assert abs(np.corrcoef(values, fires)[0, 1]) < 4 / np.sqrt(fires.size)


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

    def test_a_seed_may_be_a_number_or_a_generator_of_keras(self, model, start):
        expected = model.rollout(start, 2, seed=root_key(5))
        np.testing.assert_array_equal(model.rollout(start, 2, seed=5), expected)
        np.testing.assert_array_equal(model.rollout(start, 2, seed=np.int64(5)), expected)
        generator = keras.random.SeedGenerator(1)
        first, second = (model(start, seed=generator).numpy() for _ in range(2))
        assert np.abs(first - second).max() > 0.01
        again = model(start, seed=keras.random.SeedGenerator(1))
        np.testing.assert_array_equal(again, first)

    def test_without_a_seed_the_generator_of_tensorflow_draws(self, model, start):
        keras.utils.set_random_seed(3)
        first, second = model(start).numpy(), model.rollout(start, 1).numpy()
        assert np.abs(first - second).max() > 0.01
        keras.utils.set_random_seed(3)
        np.testing.assert_array_equal(model(start), first)
        np.testing.assert_array_equal(model.rollout(start, 1), second)

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
