"""Which cells a dense CA step changes, and by how much: firing, aliveness, noise."""

import inspect

import numpy as np
import pytest

from selforg_mnist.model import CAModel
from selforg_mnist.randomness import root_key
from support import reference_ca
from support.known_models import model_with

pytest_plugins = ["support.drawn_samples"]


def biased_model(bias=1.0, **options):
    """A model whose residual is the same number in every cell and channel."""
    model = CAModel(**options)
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[-1][:] = bias
    model.set_weights(weights)
    return model


def all_alive(batch=1, size=28):
    return np.ones((batch, size, size), np.float32)


class TestFiring:
    def test_firing_cell_gets_its_residual_unscaled_in_all_channels(self):
        x = biased_model(0.25).initialize(all_alive())
        after = biased_model(0.25)(x, seed=root_key(0)).numpy()[..., 1:]
        assert set(np.unique(after)) == {0.0, 0.25}

    def test_one_draw_a_cell_for_all_channels(self):
        after = biased_model()(CAModel().initialize(all_alive()), seed=root_key(0)).numpy()
        fired = after[..., 1:]
        np.testing.assert_array_equal(fired, np.broadcast_to(fired[..., :1], fired.shape))

    @pytest.mark.slow
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
