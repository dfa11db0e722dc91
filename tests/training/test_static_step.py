"""The training step as accelerators take it: static shapes, arguments only, replicas."""

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.data import digits
from selforg_mnist.experiment import Experiment
from selforg_mnist.training import optimizer
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.pool import Pool, Source, source_of
from selforg_mnist.training.trainer import Replica, Trainer

TINY = Experiment("tiny", residual_noise=0.02, batch_size=8, pool_size=16, rollout_steps=2)


@pytest.fixture(scope="module")
def source():
    drawn = digits.load_digits("drawn", "train", num_drawn=20)
    return source_of(drawn.images[:, 4:24, 4:24], drawn.labels)


def assert_alike(ours, theirs, atol):
    for one, other in zip(tf.nest.flatten(ours), tf.nest.flatten(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=atol)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [{}, pytest.param({"loss": "cross_entropy", "pool_mode": "naive"}, marks=pytest.mark.long)],
)
def test_xla_takes_the_ordinary_step(source, change):
    trainer = Trainer(TINY.replace(**change), source, Computing("dense"))
    ordinary = tf.function(trainer.train_step)
    compiled = tf.function(trainer.train_step, jit_compile=True)
    state = other = trainer.initial_state()
    for _ in range(5):
        state, reported = ordinary(state)
        other, reported_too = compiled(other)
    assert compiled.experimental_get_tracing_count() == 1
    assert_alike(other.weights, state.weights, 1e-7)
    assert_alike(other.pool, state.pool, 1e-6)
    assert_alike(reported_too, reported, 1e-5)
    assert np.abs(state.weights.residual_kernel).max() > 1e-3  # it has learnt


@pytest.mark.slow
def test_xla_takes_bfloat16(source):
    """It may round in other places than TensorFlow. Adam's first steps depend only on signs."""
    trainer = Trainer(TINY, source, Computing("dense", precision="bfloat16"))
    state, reported = trainer.train_step(trainer.initial_state())
    compiled = tf.function(trainer.train_step, jit_compile=True)
    other, reported_too = compiled(trainer.initial_state())
    assert_alike(other.pool, state.pool, 1e-2)
    np.testing.assert_allclose(reported_too.loss, reported.loss, rtol=1e-3)
    np.testing.assert_allclose(reported_too.gradient_norms, reported.gradient_norms, rtol=0.02)


@pytest.mark.slow
def test_digits_and_step_are_arguments_and_nothing_is_captured(source):
    trainer = Trainer(TINY.replace(pool_mode="naive"), source, Computing("dense"))
    state = trainer.initial_state()

    def step(state, images, labels):
        return trainer.train_step(state, Source(images, labels, source.size))

    arguments = state, source.images, source.labels
    concrete = tf.function(step).get_concrete_function(*arguments)
    assert not concrete.captured_inputs
    assert len(concrete.inputs) == len(tf.nest.flatten(arguments))
    assert float(step(state, tf.zeros_like(source.images), source.labels)[1].loss) == 0.0


def share_of(pool, index):
    half = pool.labels.shape[0] // 2
    return Pool(*(part[index * half : (index + 1) * half] for part in pool))


@pytest.mark.slow
def test_replicas_draw_apart_and_normalise_the_sum_of_their_gradients(source):
    trainer = Trainer(TINY, source, Computing("dense"))
    state = trainer.run(trainer.initial_state(), tf.constant(3))[0]
    shares = [state._replace(pool=share_of(state.pool, index)) for index in range(2)]

    def step(index, total):
        return trainer.train_step(shares[index], replica=Replica(index, 2, total))

    parts = []
    alone = [step(index, lambda nest: parts.append(nest) or nest) for index in range(2)]
    summed = tf.nest.map_structure(tf.add, *parts)
    (first, reported), (second, _) = (step(index, lambda nest: summed) for index in range(2))

    gradients, loss = summed[:2]
    expected, _ = optimizer.adam(
        state.weights,
        optimizer.normalise(gradients),
        state.adam,
        state.step,
        trainer.learning_rate(state.step),
    )
    assert_alike(first.weights, expected, 0)
    assert_alike(second.weights, first.weights, 0)
    assert float(reported.loss) == float(loss)
    assert float(loss) == pytest.approx(sum(float(metrics.loss) for _, metrics in alone))
    # With the same pool, digits and weights, another replica draws other numbers.
    other = trainer.train_step(shares[0], replica=Replica(1, 2, lambda nest: nest))[0]
    assert not np.array_equal(other.pool.state, alone[0][0].pool.state)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["dense", "living"])
def test_preview_is_the_first_replica_s_batch(source, engine):
    trainer = Trainer(TINY, source, Computing(engine, 1), replicas=2)
    state = trainer.run(trainer.initial_state(), tf.constant(2))[0]
    share = state._replace(pool=share_of(state.pool, 0))
    after = trainer.train_step(share, replica=Replica(0, 2, lambda nest: nest))[0]
    before, rolled_out = trainer.preview(state)
    assert before.labels.shape == (4,)
    committed = after.pool.state.numpy()
    for shown in rolled_out.state.numpy():
        assert np.abs(shown).max() > 0
        assert min(np.abs(committed - shown).max(axis=(1, 2, 3))) < 1e-5
    # A single replica with the whole batch would draw other numbers.
    alone = Trainer(TINY, source, Computing(engine, 1))
    assert not np.array_equal(alone.preview(state)[0].images[:4], before.images)
