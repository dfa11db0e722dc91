"""The two losses, compared with values by hand; training uses the one that was asked for."""

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.data import digits
from selforg_mnist.experiment import Experiment
from selforg_mnist.model import CAWeights
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.losses import LOSSES, cross_entropy, disagreement, l2
from selforg_mnist.training.pool import source_of
from selforg_mnist.training.trainer import Trainer
from support import reference_ca

ENGINES = ["dense", "living"]


def one_hot(*labels):
    return np.eye(10, dtype=np.float32)[list(labels)]


class TestByHand:
    def test_l2_is_half_the_squared_distance_of_each_cell(self):
        logits = np.zeros((4, 10), np.float32)
        logits[1] = 1.0
        logits[2, 3] = 1.0
        logits[3, :3] = [-2.0, 0.5, 3.0]
        expected = [0.5, 4.5, 0.0, (9.0 + 0.25 + 9.0) / 2.0]
        np.testing.assert_allclose(l2(logits, one_hot(3, 3, 3, 0)), expected, rtol=1e-6)

    def test_cross_entropy_is_that_of_the_softmax_in_nats(self):
        logits = np.zeros((3, 10), np.float32)
        logits[1, 4] = 2.0
        logits[2, 4] = 2.0
        total = np.log(np.exp(2.0) + 9.0)
        expected = [np.log(10.0), total - 2.0, total]
        np.testing.assert_allclose(cross_entropy(logits, one_hot(0, 4, 5)), expected, rtol=1e-6)

    def test_cross_entropy_of_large_logits_stays_finite(self):
        logits = np.full((1, 10), -1e4, np.float32)
        logits[0, 2] = 1e4
        assert cross_entropy(logits, one_hot(2)).numpy().tolist() == [0.0]
        assert cross_entropy(logits, one_hot(3)).numpy().tolist() == [2e4]

    def test_gradients(self):
        logits = tf.constant([[2.0] + 9 * [0.0]])
        target = one_hot(1)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(logits)
            values = l2(logits, target), cross_entropy(logits, target)
        np.testing.assert_allclose(tape.gradient(values[0], logits), logits - target)
        softmax = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(tape.gradient(values[1], logits), softmax - target, rtol=1e-5)

    def test_l2_of_a_digit_is_its_error_as_a_whole_and_its_disagreement(self):
        votes = np.random.default_rng(0).standard_normal((7, 10)).astype(np.float32)
        mean, target = votes.mean(axis=0), one_hot(3)[0]
        apart = tf.reduce_sum(disagreement(votes, mean))
        whole = 7 * ((mean - target) ** 2).sum() / 2
        total = tf.reduce_sum(l2(votes, np.tile(target, (7, 1))))
        np.testing.assert_allclose(apart + whole, total, rtol=1e-5)

    def test_gradient_of_disagreement_is_that_with_the_mean_differentiated(self):
        votes = tf.random.stateless_normal([5, 10], [0, 1])
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(votes)
            mean = tf.reduce_mean(votes, axis=0)
            ours = tf.reduce_sum(disagreement(votes, mean))
            theirs = tf.reduce_sum((votes - mean) ** 2) / 2
        expected = tape.gradient(theirs, votes)
        np.testing.assert_allclose(tape.gradient(ours, votes), expected, atol=1e-6)

    @pytest.mark.parametrize("name", LOSSES)
    def test_dead_cells_cost_nothing(self, name):
        dead = np.zeros((2, 10), np.float32)
        assert LOSSES[name](dead, dead).numpy().tolist() == [0.0, 0.0]

    @pytest.mark.parametrize("name", LOSSES)
    def test_any_leading_shape(self, name):
        logits = np.random.default_rng(0).standard_normal((2, 3, 4, 10)).astype(np.float32)
        targets = one_hot(*range(10), *range(10), *range(4)).reshape(2, 3, 4, 10)
        flat = LOSSES[name](logits.reshape(-1, 10), targets.reshape(-1, 10))
        np.testing.assert_array_equal(LOSSES[name](logits, targets), tf.reshape(flat, (2, 3, 4)))


@pytest.fixture(scope="module")
def source():
    drawn = digits.load_digits("drawn", "train", num_drawn=20)
    return source_of(drawn.images, drawn.labels)


@pytest.fixture(scope="module")
def set_out(source):
    """A function that gives a trainer, made once for all tests, and a state with weights."""
    made = {}

    def set_out(weights, loss, engine, lanes=1):
        if (loss, engine, lanes) not in made:
            experiment = Experiment("test", loss=loss, batch_size=8, pool_size=16, rollout_steps=2)
            made[loss, engine, lanes] = Trainer(experiment, source, Computing(engine, lanes))
        trainer = made[loss, engine, lanes]
        state = trainer.initial_state()
        return trainer, state._replace(weights=CAWeights(*map(tf.constant, weights)))

    return set_out


def rolled_out(trainer, state):
    """The batch of the next step after its rollout: x [B, H, W, 20] and labels."""
    _, batch = trainer.preview.python_function(state)
    gray = batch.images.numpy().astype(np.float32)[..., None] / np.float32(255)
    return np.concatenate([gray, batch.state], axis=-1), batch.labels.numpy()


def bias_only(*channels):
    """Weights under which each firing gives these state channels 1 and the others 0."""
    weights = [np.zeros_like(weight) for weight in reference_ca.random_weights()]
    weights[-1][list(channels)] = 1.0
    return weights


@pytest.mark.parametrize("engine", ENGINES)
class TestInTraining:
    @pytest.mark.slow
    @pytest.mark.parametrize("loss", LOSSES)
    def test_reported_loss_is_the_article_s(self, set_out, engine, loss):
        lanes = 2 if engine == "living" else 1
        trainer, state = set_out(reference_ca.random_weights(), loss, engine, lanes)
        _, reported = trainer.train_step(state)
        x, labels = rolled_out(trainer, state)
        expected = reference_ca.LOSSES[loss](x, labels)
        assert float(reported.loss) == pytest.approx(expected, rel=1e-5)

    @pytest.mark.slow
    def test_losses_differ_in_value_and_gradient(self, set_out, engine):
        weights = reference_ca.random_weights()
        updated = {}
        for loss in LOSSES:
            trainer, state = set_out(weights, loss, engine)
            after, reported = trainer.train_step(state)
            updated[loss] = float(reported.loss), reported.gradient_norms, after.adam.first
        ours, other = updated["l2"], updated["cross_entropy"]
        assert abs(ours[0] / other[0] - 1.0) > 0.1
        assert np.all(np.abs(ours[1] / other[1] - 1.0) > 0.01)
        for first, second in zip(ours[2], other[2], strict=True):
            assert np.abs(first - second).max() > 1e-4

    @pytest.mark.slow
    @pytest.mark.parametrize("loss", LOSSES)
    def test_only_the_last_ten_channels_count(self, set_out, engine, loss):
        def loss_of(*channels):
            trainer, state = set_out(bias_only(*channels), loss, engine)
            return float(trainer.train_step(state)[1].loss)

        silent = loss_of()
        assert loss_of(*range(9)) == silent
        for channel in (9, 18):
            assert abs(loss_of(channel) - silent) > 1.0

    @pytest.mark.slow
    def test_undecided_cells_cost_one_half_or_log_10_each(self, set_out, engine):
        for loss, cost in (("l2", 0.5), ("cross_entropy", np.log(10.0))):
            trainer, state = set_out(bias_only(), loss, engine)
            x, _ = rolled_out(trainer, state)
            living = reference_ca.alive(x[..., 0]).sum()
            reported = trainer.train_step(state)[1].loss
            assert float(reported) == pytest.approx(cost * living / len(x), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "lanes"), [("dense", 1), ("living", 1), ("living", 2)])
def test_consensus_adds_the_disagreement_of_each_digit(source, engine, lanes):
    losses = []
    for weight in (0.0, 3.0):
        experiment = Experiment(
            "test", consensus=weight, batch_size=8, pool_size=16, rollout_steps=2
        )
        trainer = Trainer(experiment, source, Computing(engine, lanes))
        state = trainer.initial_state()
        state = state._replace(weights=CAWeights(*map(tf.constant, reference_ca.random_weights())))
        losses.append(float(trainer.train_step(state)[1].loss))
        x, _ = rolled_out(trainer, state)
    apart = 0.0
    for sample in x:
        votes = sample[reference_ca.alive(sample[..., 0])][:, -10:]
        apart += ((votes - votes.mean(axis=0)) ** 2).sum() / 2
    assert apart > 0.1
    assert losses[1] - losses[0] == pytest.approx(3.0 * apart / len(x), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_overflow_adds_what_lies_beyond_the_limit(source, engine):
    losses = []
    for weight in (0.0, 0.5):
        experiment = Experiment(
            "test", overflow=weight, batch_size=8, pool_size=16, rollout_steps=2
        )
        trainer = Trainer(experiment, source, Computing(engine, 1))
        state = trainer.initial_state()
        weights = [5 * w for w in reference_ca.random_weights()]
        state = state._replace(weights=CAWeights(*map(tf.constant, weights)))
        losses.append(float(trainer.train_step(state)[1].loss))
        x, _ = rolled_out(trainer, state)
    beyond = np.maximum(np.abs(x[..., 1:]) - 3.0, 0.0).sum()
    assert beyond > 10
    assert losses[1] - losses[0] == pytest.approx(0.5 * beyond / len(x), rel=1e-3)


def test_first_l2_loss_on_mnist_is_half_its_living_cells(mnist_data_dir):
    mnist = digits.load_digits("mnist", "train", data_dir=str(mnist_data_dir))
    source = source_of(mnist.images, mnist.labels)
    experiment = Experiment(
        "test", pool_mode="naive", batch_size=512, pool_size=512, rollout_steps=1
    )
    trainer = Trainer(experiment, source, Computing("living", 1))
    _, reported = trainer.train_step(trainer.initial_state())
    assert 136.5 / 2 - 3 < float(reported.loss) < 136.5 / 2 + 3
