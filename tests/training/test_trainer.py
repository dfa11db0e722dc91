"""The training step end to end: compiled and eager, every option, early stop, preview."""

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
from support import reference_ca
from support.tiny_trainer import (
    ENGINES,
    ONE_CA_STEP,
    TINY,
    assert_identical,
    bias_only,
    eager_preview,
    eager_steps,
    leaves,
    with_weights,
)


@pytest.fixture(
    scope="module",
    params=[("dense", 1), ("living", 1), ("living", 2)],
    ids=["dense", "living", "two lanes"],
)
def trainer(request, trainer_of):
    """A compiled trainer of each kind."""
    return trainer_of(TINY, *request.param)


class TestCompiledRun:
    @pytest.mark.slow
    def test_many_steps_in_one_call_are_as_many_calls_bit_for_bit(self, trainer):
        start = trainer.initial_state()
        before = leaves(start)
        at_once, mean = trainer.run(start, tf.constant(5))
        state, reported = start, []
        for _ in range(5):
            state, metrics = trainer.run(state, tf.constant(1))
            reported.append(metrics)
        assert int(at_once.step) == 5
        assert_identical(at_once, state)
        for kept, old in zip(leaves(start), before, strict=True):
            np.testing.assert_array_equal(kept, old)
        for total, *parts in zip(mean, *reported, strict=True):
            np.testing.assert_allclose(total, np.mean(parts, axis=0), rtol=1e-5)

    @pytest.mark.slow
    def test_another_process_s_worth_of_it_continues_bit_for_bit(self, trainer, source):
        start = trainer.initial_state()
        straight, _ = trainer.run(start, tf.constant(4))
        half, _ = trainer.run(start, tf.constant(2))
        saved = tf.nest.map_structure(np.asarray, half)
        again = Trainer(TINY, source, trainer.computing)
        assert_identical(again.initial_state(), start)
        resumed, _ = again.run(tf.nest.map_structure(tf.constant, saved), tf.constant(2))
        assert_identical(resumed, straight)

    @pytest.mark.slow
    def test_is_the_eager_step(self, trainer):
        start = with_weights(trainer.initial_state(), reference_ca.random_weights())
        compiled, metrics = trainer.run(start, tf.constant(1))
        eager, expected = trainer.train_step(start)
        for ours, theirs in zip(metrics, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4)
        np.testing.assert_allclose(compiled.pool.state, eager.pool.state, atol=1e-5)
        for ours, theirs in zip(compiled.adam.first, eager.adam.first, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)

    def test_stops_at_weights_that_are_not_finite(self, trainer):
        start = with_weights(trainer.initial_state(), bias_only(float("nan")))
        state, reported = trainer.run(start, tf.constant(9))
        assert int(state.step) == 1
        assert not np.isfinite(reported.loss)

    @pytest.mark.slow
    def test_preview_is_the_batch_that_the_next_step_draws(self, trainer):
        start, _ = trainer.run(trainer.initial_state(), tf.constant(3))
        batch, rolled_out = trainer.preview(start)
        after, reported = trainer.run(start, tf.constant(1))
        assert float(reported.batch_age) == np.mean(batch.age)
        assert_identical(batch[:2], rolled_out[:2])
        indices, _ = pools.sample(start.pool, TINY.batch_size, derive(root_key(TINY.seed), 3, 0))
        written = [tf.gather(field, indices) for field in after.pool]
        others = np.setdiff1d(np.arange(TINY.pool_size), indices)
        assert_identical(written[:3], rolled_out[:3])
        for old, new in zip(start.pool, after.pool, strict=True):
            np.testing.assert_array_equal(tf.gather(old, others), tf.gather(new, others))


@pytest.mark.slow
def test_stops_early_and_names_the_step(source):
    # After the first update weights are 1e30; their squares overflow in the second loss.
    experiment = TINY.replace(learning_rate=1e30, rollout_steps=1)
    trainer = Trainer(experiment, source, Computing("living", 1))
    state, reported = trainer.run(trainer.initial_state(), tf.constant(9))
    assert int(state.step) == 2
    assert not np.isfinite(reported.loss)
    state, reported = trainer.run(trainer.initial_state(), tf.constant(1))
    assert np.isfinite(reported.loss)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_training_reduces_the_loss(source, engine):
    images, labels = (part.numpy() for part in source.gather([1, 2]))
    assert labels[0] != labels[1]
    experiment = TINY.replace(
        pool_mode="naive",
        batch_size=4,
        rollout_steps=4,
        learning_rate=2e-3,
        learning_rate_drops=(),
    )
    trainer = Trainer(experiment, source_of(images, labels), Computing(engine, 1))
    state, first = trainer.run(trainer.initial_state(), tf.constant(1))
    state, _ = trainer.run(state, tf.constant(60))
    _, last = trainer.run(state, tf.constant(20))
    assert float(last.loss) < 0.6 * float(first.loss)


@pytest.fixture(scope="module")
def unchanged(source):
    """Three steps of each engine, which an option has to change."""
    return {engine: three_steps(ONE_CA_STEP, source, engine) for engine in ENGINES}


def three_steps(experiment, source, engine):
    trainer = Trainer(experiment, source, Computing(engine, 1))
    start = with_weights(trainer.initial_state(), reference_ca.random_weights())
    return eager_steps(trainer, start, 3)


class TestOptions:
    @pytest.mark.slow
    @pytest.mark.parametrize("engine", ENGINES)
    @pytest.mark.parametrize(
        "change",
        [
            {"loss": "cross_entropy"},
            {"residual_noise": 0.0},
            {"residual_noise": 0.04},
            {"fire_rate": 0.6},
            {"rollout_steps": 2},
        ],
        ids=str,
    )
    def test_each_of_the_rollout_changes_the_training(self, source, unchanged, engine, change):
        self.assert_changes(source, unchanged, engine, change)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "change",
        [
            {"batch_size": 4},
            {"pool_size": 20},
            {"pool_mode": "persistent"},
            {"pool_mode": "naive"},
            {"learning_rate": 2e-3},
            {"learning_rate_drops": ()},
            {"learning_rate_drops": ((1, 0.1),)},
            {"learning_rate_drops": ((2, 0.2),)},
            {"seed": 1},
        ],
        ids=str,
    )
    def test_each_of_the_others_changes_the_training(self, source, unchanged, change):
        self.assert_changes(source, unchanged, "living", change)

    def assert_changes(self, source, unchanged, engine, change):
        state, _ = three_steps(ONE_CA_STEP.replace(**change), source, engine)
        for ours, theirs in zip(state.weights, unchanged[engine][0].weights, strict=True):
            assert np.any(ours != theirs)
        assert np.abs(state.weights[0] - unchanged[engine][0].weights[0]).max() > 1e-5

    @pytest.mark.slow
    def test_number_of_steps_and_name_are_the_loop_s(self, source, unchanged):
        experiment = ONE_CA_STEP.replace(train_steps=3, name="another")
        assert_identical(three_steps(experiment, source, "living"), unchanged["living"])

    @pytest.mark.slow
    def test_initial_weights_follow_the_seed(self, source):
        weights = [
            Trainer(TINY.replace(seed=seed), source).initial_state().weights for seed in (0, 1)
        ]
        assert np.all(weights[0].perceive_kernel != weights[1].perceive_kernel)

    def test_options_reach_the_model(self, source):
        model = Trainer(TINY.replace(fire_rate=0.7, seed=3), source).model
        assert (model.fire_rate, model.residual_noise, model.seed) == (0.7, 0.02, 3)


class TestStep:
    @pytest.mark.slow
    @pytest.mark.parametrize("engine", ENGINES)
    def test_end_to_end(self, trainer_of, engine):
        trainer = trainer_of(TINY, engine)
        start = trainer.initial_state()
        assert int(start.step) == 0
        assert start.pool.state.shape == (16, 20, 20, 19)
        after, reported = trainer.train_step(start)
        assert int(after.step) == 1
        tf.nest.assert_same_structure(start, after)
        assert [t.shape for t in tf.nest.flatten(after)] == [
            t.shape for t in tf.nest.flatten(start)
        ]
        # With the last kernel zero, no gradient reaches the layers below it.
        norms = reported.gradient_norms.numpy()
        assert norms[:4].tolist() == [0.0] * 4
        assert np.all(norms[4:] > 0.1)
        for new, old, moved in zip(after.weights, start.weights, norms > 0, strict=True):
            assert np.any(new != old) == moved
        assert 30 < float(reported.loss) < 120
        assert float(reported.batch_age) == 0.0
        assert sorted(after.pool.age.numpy()) == [0] * 8 + [1] * 8

    @pytest.mark.parametrize("engine", ENGINES)
    def test_each_variable_s_gradient_has_norm_one(self, trainer_of, engine):
        # After one update, Adam's first moment is a tenth of its gradient.
        trainer = trainer_of(TINY, engine)
        start = with_weights(trainer.initial_state(), reference_ca.random_weights())
        after, reported = trainer.train_step(start)
        for moment in after.adam.first:
            assert np.linalg.norm(np.ravel(moment)) == pytest.approx(0.1, rel=1e-4)
        assert np.ptp(reported.gradient_norms) > 1.0

    @pytest.mark.slow
    def test_reported_agreement_is_the_reference_s(self, trainer_of):
        trainer = trainer_of(TINY, lanes=2)
        start = with_weights(trainer.initial_state(), reference_ca.random_weights())
        _, batch = eager_preview(trainer, start)
        x = np.concatenate([gray_of(batch.images)[..., None], batch.state], axis=-1)
        _, reported = trainer.train_step(start)
        expected = reference_ca.cell_accuracy(x, batch.labels.numpy())
        assert float(reported.cell_accuracy) == pytest.approx(expected, rel=1e-5)
        assert float(reported.total_agreement) == reference_ca.total_agreement(x)

    @pytest.mark.slow
    def test_engines_and_lanes_train_alike_where_nothing_is_left_to_chance(self, source):
        experiment = TINY.replace(fire_rate=1.0, residual_noise=0.0)
        results = []
        ways = (("dense", 1), ("living", 1), ("living", 2), ("living", 4))
        for engine, lanes in ways:
            trainer = Trainer(experiment, source, Computing(engine, lanes))
            start = with_weights(trainer.initial_state(), reference_ca.random_weights())
            results.append(eager_steps(trainer, start, 2))
        dense, reported = results[0]
        for state, metrics in results[1:]:
            np.testing.assert_allclose(metrics.loss, reported.loss, rtol=1e-4)
            np.testing.assert_allclose(metrics.gradient_norms, reported.gradient_norms, rtol=1e-3)
            np.testing.assert_allclose(state.pool.state, dense.pool.state, atol=1e-3)
            assert_identical(state.pool[:2], dense.pool[:2])
            assert_identical(state.pool.age, dense.pool.age)

    @pytest.mark.slow
    def test_learning_rate_is_that_of_the_step(self, trainer_of):
        # Adam's first update moves each weight by the rate, whatever the step number is.
        trainer = trainer_of(TINY)
        start = trainer.initial_state()
        for step, rate in ((0, 1e-3), (1, 1e-3), (2, 1e-4)):
            assert float(trainer.learning_rate(tf.constant(step))) == pytest.approx(rate)
        first = trainer.train_step(start)[0].weights.residual_bias - start.weights.residual_bias
        assert np.abs(first).max() == pytest.approx(1e-3, rel=1e-3)

    def test_load_puts_the_weights_into_the_model(self, source):
        trainer = Trainer(TINY, source)
        weights = reference_ca.random_weights()
        trainer.load(with_weights(trainer.initial_state(), weights))
        for ours, expected in zip(trainer.model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(ours, expected)

    @pytest.mark.slow
    @pytest.mark.parametrize("engine", ENGINES)
    def test_weights_of_the_state_are_used_not_the_model_s(self, source, engine):
        trainer = Trainer(ONE_CA_STEP, source, Computing(engine, 1))
        start = trainer.initial_state()
        before = trainer.train_step(start)
        trainer.load(with_weights(start, reference_ca.random_weights()))
        assert_identical(trainer.train_step(start), before)


class TestEngines:
    def test_auto_takes_living_cells_on_a_cpu(self):
        if tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("TPU"):
            assert engines.choose("auto") == "dense"
        else:
            assert engines.choose("auto") == "living"

    @pytest.mark.parametrize("engine", ENGINES)
    def test_named_engine_is_taken(self, source, engine):
        assert Trainer(TINY, source, Computing(engine)).computing.engine == engine
