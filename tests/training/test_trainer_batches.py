"""The batches of the training step: the pool's modes, what is drawn for each step, lanes."""

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.model import gray_of
from selforg_mnist.randomness import derive, root_key
from selforg_mnist.training import engines
from selforg_mnist.training import pool as pools
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import Trainer
from support import reference_ca, tiny_trainer
from support.tiny_trainer import (
    ENGINES,
    ONE_CA_STEP,
    TINY,
    assert_identical,
    bias_only,
    differ,
    eager_preview,
    eager_steps,
    with_weights,
)


@pytest.fixture(scope="module")
def one_digit():
    """Samples that differ only in their random draws: one digit, all cells alive."""
    return source_of(np.full((1, 28, 28), 255, np.uint8), [3])


@pytest.fixture(scope="module")
def trainer_of(source, one_digit):
    return tiny_trainer.trainers({"drawn": source, "one digit": one_digit})


class TestPoolModes:
    def state_after(self, trainer_of, mode, steps=6):
        # The noise shows in every sample that was rolled out.
        experiment = ONE_CA_STEP.replace(pool_mode=mode, pool_size=8, learning_rate=1e-6)
        trainer = trainer_of(experiment)
        state, _ = eager_steps(trainer, trainer.initial_state(), steps)
        return trainer, state

    @pytest.mark.slow
    def test_naive_batches_are_always_fresh(self, trainer_of):
        trainer, state = self.state_after(trainer_of, "naive")
        batch, _ = eager_preview(trainer, state)
        assert not batch.state.numpy().any()
        assert not batch.age.numpy().any()

    @pytest.mark.slow
    def test_persistent_batches_are_half_old_half_fresh(self, trainer_of):
        trainer, state = self.state_after(trainer_of, "persistent")
        batch, _ = eager_preview(trainer, state)
        old = batch.state.numpy().any(axis=(1, 2, 3))
        assert old.tolist() == [False] * 2 + [True] * 4 + [False] * 2
        assert np.all(batch.age.numpy()[2:6] > 0)

    @pytest.mark.slow
    def test_mutating_batches_keep_states_under_new_digits(self, trainer_of):
        trainer, state = self.state_after(trainer_of, "mutating")
        _, drawn = pools.sample(state.pool, 8, derive(root_key(TINY.seed), 6, 0))
        batch, _ = eager_preview(trainer, state)
        old = batch.state.numpy().any(axis=(1, 2, 3))
        assert old.tolist() == [False] * 2 + [True] * 6
        assert_identical([f[2:6] for f in batch], [f[2:6] for f in drawn])
        changed = np.any(batch.images[6:] != drawn.images[6:], axis=(1, 2))
        assert changed.all()
        dead = ~reference_ca.alive(gray_of(batch.images))
        assert not batch.state.numpy()[dead].any()

    @pytest.mark.slow
    def test_naive_batch_may_be_larger_than_the_pool(self, source):
        experiment = TINY.replace(pool_mode="naive", batch_size=8, pool_size=4)
        trainer = Trainer(experiment, source, Computing("living", 1))
        batch, _ = eager_preview(trainer, trainer.initial_state())
        assert len(batch.labels) == 8


class TestDraws:
    """On one digit and with a residual of 1, states after a step are the fire masks."""

    def masks(self, trainer_of, step=0, lanes=1, engine="living", **options):
        options = {"pool_mode": "naive", "rollout_steps": 1, "residual_noise": 0.0} | options
        trainer = trainer_of(TINY.replace(**options), engine, lanes, "one digit")
        state = with_weights(trainer.initial_state(), bias_only())
        _, batch = eager_preview(trainer, state._replace(step=tf.constant(step)))
        return batch.state.numpy()[..., 0].reshape(8, -1)

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", ENGINES)
    def test_steps_draw_masks_of_their_own(self, trainer_of, engine):
        masks = [self.masks(trainer_of, step, engine=engine) for step in (0, 0, 1, 2, 70_000)]
        np.testing.assert_array_equal(masks[0], masks[1])
        correlations = np.corrcoef(np.reshape(masks[1:], (4, -1)))[np.triu_indices(4, 1)]
        assert np.abs(correlations).max() < 0.06  # 4.5 sigma of 8 * 784 cells

    @pytest.mark.slow
    @pytest.mark.parametrize("lanes", [2, 4, 8])
    def test_lanes_draw_masks_of_their_own(self, trainer_of, lanes):
        masks = self.masks(trainer_of, lanes=lanes)
        correlations = np.corrcoef(masks)[np.triu_indices(8, 1)]
        assert np.abs(correlations).max() < 0.17  # 4.5 sigma of 784 cells

    @pytest.mark.slow
    def test_lanes_draw_noise_of_their_own(self, trainer_of):
        # Centring removes the bias, so that only noise is left.
        masks = self.masks(trainer_of, lanes=2, residual_noise=1.0, fire_rate=1.0) - 1.0
        assert masks.std() == pytest.approx(1.0, abs=0.05)
        correlations = np.corrcoef(masks)[np.triu_indices(8, 1)]
        assert np.abs(correlations).max() < 0.17

    @pytest.mark.slow
    def test_seeds_draw_masks_of_their_own(self, trainer_of):
        masks = [self.masks(trainer_of, seed=seed).ravel() for seed in (0, 1, -1, 2**40)]
        correlations = np.corrcoef(masks)[np.triu_indices(4, 1)]
        assert np.abs(correlations).max() < 0.06

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize("fire_rate", [0.5, 0.2])
    def test_share_of_firing_cells_is_the_fire_rate(self, trainer_of, engine, fire_rate):
        masks = self.masks(trainer_of, engine=engine, fire_rate=fire_rate)
        assert masks.mean() == pytest.approx(fire_rate, abs=0.025)
        assert set(np.unique(masks)) == {0.0, 1.0}

    @pytest.mark.slow
    def test_initial_pool_is_not_drawn_with_a_step_s_key(self, source):
        # Each use has its own stream: no step may reuse the key of the initial pool.
        pool = Trainer(TINY, source).initial_state().pool
        for step in range(10):
            key = derive(root_key(TINY.seed), step)
            assert differ(pools.fresh(source, TINY.pool_size, key), pool), f"step {step}"

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", ENGINES)
    def test_last_training_digit_is_drawn(self, engine):
        images = np.full((3, 28, 28), 255, np.uint8)
        trainer = Trainer(TINY, source_of(images, [0, 1, 2]), Computing(engine))
        assert set(trainer.initial_state().pool.labels.numpy()) == {0, 1, 2}


class TestLanes:
    def preview(self, trainer_of, lanes, steps=2):
        trainer = trainer_of(TINY, lanes=lanes)
        weights = reference_ca.random_weights()
        start = with_weights(trainer.initial_state(), weights)
        return eager_preview(trainer, start._replace(step=tf.constant(steps)))

    @pytest.mark.slow
    @pytest.mark.parametrize("lanes", [2, 4, 8])
    def test_leave_the_batch_in_its_order(self, trainer_of, lanes):
        (one, _), (many, rolled_out) = (self.preview(trainer_of, n) for n in (1, lanes))
        assert_identical(one, many)
        assert_identical(many[:2], rolled_out[:2])

    @pytest.mark.slow
    @pytest.mark.parametrize("lanes", [2, 4])
    def test_share_the_work_and_cover_each_sample_once(self, trainer_of, lanes):
        batch, _ = self.preview(trainer_of, 1)
        living = reference_ca.alive(gray_of(batch.images)).sum(axis=(1, 2))
        shares = [share.numpy() for share in engines.deal(batch, lanes)]
        assert [len(share) for share in shares] == [8 // lanes] * lanes
        assert sorted(np.concatenate(shares)) == list(range(8))
        work = [living[share].sum() for share in shares]
        assert max(work) - min(work) <= living.max() - living.min()

    @pytest.mark.slow
    @pytest.mark.parametrize("lanes", [1, 2])
    def test_states_go_back_to_the_sample_that_they_belong_to(self, trainer_of, source, lanes):
        trainer = trainer_of(TINY, lanes=lanes)
        start = with_weights(trainer.initial_state(), reference_ca.random_weights())
        after, _ = trainer.train_step(start)
        images, labels = (part.numpy() for part in source.gather(tf.range(20)))
        label_of = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
        for image, label in zip(after.pool.images.numpy(), after.pool.labels.numpy(), strict=True):
            assert label == label_of[image.tobytes()]
        # A sample's state lies within its digit, and the middle half keeps its digits.
        alive = reference_ca.alive(gray_of(after.pool.images))
        state = after.pool.state.numpy()
        assert not state[~alive].any()
        changed = state.any(axis=(1, 2, 3))
        np.testing.assert_array_equal(changed, after.pool.age.numpy() == 1)
        covered = state.any(axis=-1).sum(axis=(1, 2))[changed] / alive.sum(axis=(1, 2))[changed]
        assert covered.min() > 0.6  # two steps of half the cells reach three quarters
        indices, _ = pools.sample(start.pool, 8, derive(root_key(TINY.seed), 0, 0))
        middle = indices.numpy()[2:6]
        for old, new in zip(start.pool[:2], after.pool[:2], strict=True):
            np.testing.assert_array_equal(tf.gather(old, middle), tf.gather(new, middle))

    def test_choice_divides_the_batch_and_uses_the_cores(self):
        assert [engines.choose_lanes(16, cores) for cores in (1, 2, 3, 4, 15, 16, 64)] == [
            *(1, 2, 2, 4, 8, 16, 16)
        ]
        assert engines.choose_lanes(6, 4) == 3
        assert engines.choose_lanes(7, 4) == 1
        assert 16 % engines.choose_lanes(16) == 0

    @pytest.mark.parametrize("lanes", [-1, 3, 16])
    def test_number_that_does_not_divide_the_batch_is_refused(self, source, lanes):
        with pytest.raises(ValueError, match=f"lanes={lanes}"):
            Trainer(TINY, source, Computing("living", lanes))
