"""The living-cell engine against the dense one, its tables by brute force, and its draws."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.cells import living_cells, living_rollout
from selforg_mnist.data import digits
from selforg_mnist.model import CAModel, CAWeights
from selforg_mnist.randomness import root_key
from selforg_mnist.training.losses import LOSSES
from support import reference_ca

STEPS = 4
THRESHOLD = np.float32(0.1)
JUST_ABOVE = np.nextafter(THRESHOLD, np.float32(1.0))


def drawn(count):
    return digits.load_digits("drawn", "test", num_drawn=count).gray()


def with_an_empty_image():
    gray = drawn(3)
    gray[1] = 0.0
    return gray


def one_living_cell():
    gray = np.zeros((2, 6, 6), np.float32)
    gray[1, 2, 3] = 0.8
    return gray


def strokes_at_the_threshold():
    gray = np.random.default_rng(0).choice(
        [0.0, THRESHOLD, JUST_ABOVE, 1.0], (2, 8, 8), p=[0.2, 0.4, 0.2, 0.2]
    )
    return gray.astype(np.float32)


def touching_the_border():
    gray = np.zeros((3, 7, 7), np.float32)
    gray[0, [0, 0, -1, -1], [0, -1, 0, -1]] = 1.0  # only the corners
    gray[1, [0, -1]] = gray[1, :, [0, -1]] = 0.9  # the whole frame
    gray[2, :, -1] = 0.6  # in memory, beside the first column
    gray[2, 1:, 0] = 0.5
    return gray


def not_square(height, width):
    return np.random.default_rng(1).random((2, height, width)).astype(np.float32) ** 3


def dead_but_not_blank():
    gray = np.random.default_rng(2).uniform(0.001, 0.0999, (2, 6, 6)).astype(np.float32)
    gray[:, 2:4, 2:4] = 0.9
    return gray


CASES = {
    "drawn": lambda: drawn(4),
    "an empty image": with_an_empty_image,
    "nothing alive": lambda: np.zeros((2, 5, 5), np.float32),
    "one living cell": one_living_cell,
    "all alive": lambda: np.random.default_rng(3).uniform(0.2, 1.0, (2, 6, 6)).astype("float32"),
    "at the threshold": strokes_at_the_threshold,
    "touching the border": touching_the_border,
    "batch of one": lambda: drawn(1),
    "5x9": lambda: not_square(5, 9),
    "9x5": lambda: not_square(9, 5),
    "1x12": lambda: not_square(1, 12),
    "dead but not blank": dead_but_not_blank,
}


@pytest.fixture(scope="module")
def models():
    """One dense model for each number of channels, with random weights."""
    made = {}
    for channels in (11, 20, 24):
        made[channels] = CAModel(channels=channels)
        made[channels].set_weights(reference_ca.random_weights(channels))
    return made


def draw(gray, channels, noisy, incoming):
    """The inputs of both engines: state, labels, fire masks, noise or None."""
    rng = np.random.default_rng(5)
    alive = reference_ca.alive(gray)
    state = np.zeros((*gray.shape, channels - 1), np.float32)
    if incoming:
        state = (0.5 * rng.standard_normal(state.shape) * alive[..., None]).astype(np.float32)
    fires = rng.random((STEPS, *gray.shape)) < 0.5
    noise = 0.02 * rng.standard_normal((STEPS, *state.shape)).astype(np.float32)
    labels = rng.integers(0, 10, len(gray))
    return state, labels, fires, noise if noisy else None


def run_dense(model, gray, state, labels, fires, noise, loss):
    state, alive = tf.constant(state), reference_ca.alive(gray)
    with tf.GradientTape() as tape:
        tape.watch(state)
        x = tf.concat([gray[..., None], state], axis=-1)
        x = model.rollout(x, STEPS, fires=fires, noise=noise)
        targets = digits.one_hot_targets(gray, labels)
        value = tf.reduce_sum(LOSSES[loss](model.classify(x), targets))
    *gradients, of_state = tape.gradient(value, [*model.trainable_variables, state])
    # The state of dead cells is always 0, so its gradient has no meaning.
    return x[..., 1:], value, [*gradients, of_state * alive[..., None]]


def run_living(model, gray, state, labels, fires, noise, loss):
    weights, state = model.ca_weights(), tf.constant(state)
    with tf.GradientTape() as tape:
        tape.watch((weights, state))
        cells = living_cells.find(gray)
        firing = living_cells.firing_from_masks(cells, fires, noise)
        table = living_rollout.rollout(weights, living_cells.to_table(cells, state), firing)
        logits = model.classify(living_cells.living_state(cells, table))
        targets = tf.one_hot(tf.gather(labels, cells.samples), 10)
        value = tf.reduce_sum(LOSSES[loss](logits, targets))
    gradients = tape.gradient(value, [*weights, state])
    return living_cells.to_image(cells, table, gray.shape), value, gradients


def assert_same(actual, expected):
    """States, loss and all gradients."""
    np.testing.assert_allclose(actual[0], expected[0], atol=2e-6)
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-5)
    names = (*CAWeights._fields, "state")
    for name, ours, theirs in zip(names, actual[2], expected[2], strict=True):
        scale = np.abs(theirs).max() + 1e-12
        np.testing.assert_allclose(ours / scale, theirs / scale, atol=2e-5, err_msg=name)


def assert_engines_agree(model, gray, noisy=False, incoming=True, loss="l2"):
    inputs = draw(gray, model.channels, noisy, incoming)
    dense, living = (run(model, gray, *inputs, loss) for run in (run_dense, run_living))
    assert_same(living, dense)
    return dense


class TestAgainstTheDenseEngine:
    @pytest.mark.slow
    @pytest.mark.parametrize("noisy", [False, True], ids=["quiet", "noisy"])
    @pytest.mark.parametrize("case", CASES)
    def test_states_loss_and_all_gradients_agree(self, models, case, noisy):
        gray = CASES[case]()
        states, loss, gradients = assert_engines_agree(models[20], gray, noisy)
        if reference_ca.alive(gray).any():
            assert loss > 0
            assert np.abs(states).max() > 0.05
            assert all(np.abs(gradient).max() > 1e-4 for gradient in gradients)

    def test_on_mnist(self, models, mnist_data_dir):
        mnist = digits.load_digits("mnist", "test", data_dir=str(mnist_data_dir))
        gray = digits.subset(mnist, 4).gray()
        assert_engines_agree(models[20], gray, noisy=True)

    def test_from_fresh_samples(self, models):
        assert_engines_agree(models[20], drawn(2), noisy=True, incoming=False)

    def test_with_cross_entropy(self, models):
        assert_engines_agree(models[20], drawn(2), loss="cross_entropy")

    @pytest.mark.parametrize("channels", [11, 24])
    def test_with_other_channel_counts(self, models, channels):
        assert_engines_agree(models[channels], drawn(2), noisy=True)

    def test_agrees_with_the_reference(self, models):
        gray = drawn(2)
        state, labels, fires, noise = draw(gray, 20, noisy=True, incoming=True)
        actual, loss, _ = run_living(models[20], gray, state, labels, fires, noise, "l2")
        x = np.concatenate([gray[..., None], state], axis=-1)
        rule = reference_ca.rule_of(models[20].get_weights())
        expected = reference_ca.rollout(rule, x, fires, noise)[-1]
        np.testing.assert_allclose(actual, expected[..., 1:], atol=1e-5)
        expected_loss = reference_ca.l2_loss(expected, labels)
        assert float(loss) / len(gray) == pytest.approx(expected_loss, rel=1e-5)

    def test_single_steps_are_the_rollout(self, models):
        gray = drawn(2)
        state, _, fires, noise = draw(gray, 20, noisy=True, incoming=True)
        weights, cells = models[20].ca_weights(), living_cells.find(gray)
        firing = living_cells.firing_from_masks(cells, fires, noise)
        start = table = living_cells.to_table(cells, state)
        for t in range(STEPS):
            table = living_rollout.step(
                weights, table, firing.rows[t], firing.neighbours[t], firing.noise[t]
            )
        expected = living_rollout.rollout(weights, start, firing)
        np.testing.assert_allclose(table, expected, atol=1e-6)

    def test_nobody_fires(self, models):
        gray = drawn(1)
        state, *_ = draw(gray, 20, noisy=False, incoming=True)
        cells = living_cells.find(gray)
        firing = living_cells.firing_from_masks(cells, np.zeros((2, *gray.shape), bool))
        table = living_cells.to_table(cells, state)
        after = living_rollout.rollout(models[20].ca_weights(), table, firing)
        np.testing.assert_array_equal(after, table)


def test_gradients_by_differences(models):
    gray = drawn(1)
    state, labels, fires, noise = draw(gray, 20, noisy=True, incoming=True)
    gradients = run_living(models[20], gray, state, labels, fires, noise, "l2")[2]
    weights = models[20].get_weights()
    rng = np.random.default_rng(0)
    x = np.concatenate([gray[..., None], state], axis=-1)
    for which, gradient in enumerate(gradients[:6]):
        direction = rng.standard_normal(weights[which].shape)
        losses = []
        for sign in (1.0, -1.0):
            moved = [np.float64(w) for w in weights]
            moved[which] += sign * 1e-6 * direction
            after = reference_ca.rollout(reference_ca.rule_of(moved), x, fires, noise)
            losses.append(reference_ca.l2_loss(after[-1], labels))
        slope = (losses[0] - losses[1]) / 2e-6
        assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_neighbour_table_by_brute_force(case):
    gray = CASES[case]()
    cells = living_cells.find(gray)
    living = [tuple(where) for where in np.argwhere(reference_ca.alive(gray))]
    row_of = {where: 1 + n for n, where in enumerate(living)}
    flat = [np.ravel_multi_index(where, gray.shape) for where in living]
    assert cells.positions.numpy().tolist() == flat
    assert cells.samples.numpy().tolist() == [where[0] for where in living]
    assert cells.gray[0] == 0.0

    neighbours, grays = cells.neighbours.numpy(), cells.gray.numpy()
    seen = {}  # by table row: dead cells that are not blank
    for n, (sample, y, x) in enumerate(living):
        assert grays[1 + n] == gray[sample, y, x]
        for k, (dy, dx) in enumerate(itertools.product((-1, 0, 1), repeat=2)):
            where, row = (sample, y + dy, x + dx), neighbours[n, k]
            inside = 0 <= y + dy < gray.shape[1] and 0 <= x + dx < gray.shape[2]
            if not inside or gray[where] == 0.0:
                assert row == 0
            elif where in row_of:
                assert row == row_of[where]
            else:
                assert row > len(living)
                assert grays[row] == gray[where]
                assert seen.setdefault(row, where) == where
    assert len(set(seen.values())) == len(seen)


class TestTable:
    @pytest.mark.parametrize("case", CASES)
    def test_state_survives_the_way_there_and_back(self, case):
        gray = CASES[case]()
        state, *_ = draw(gray, 20, noisy=False, incoming=True)
        cells = living_cells.find(gray)
        table = living_cells.to_table(cells, state)
        assert table.shape == (len(cells.gray), 20)
        np.testing.assert_array_equal(table[:, 0], cells.gray)
        np.testing.assert_array_equal(living_cells.to_image(cells, table, gray.shape), state)
        np.testing.assert_array_equal(
            living_cells.living_state(cells, table), state[reference_ca.alive(gray)]
        )

    def test_state_at_dead_cells_is_taken_for_zero(self):
        gray = dead_but_not_blank()
        state = np.ones((*gray.shape, 19), np.float32)
        cells = living_cells.find(gray)
        table = living_cells.to_table(cells, state)
        image = living_cells.to_image(cells, table, gray.shape).numpy()
        np.testing.assert_array_equal(image, state * reference_ca.alive(gray)[..., None])
        assert not table[0].numpy().any()
        assert not table[1 + len(cells.positions) :, 1:].numpy().any()


class TestDrawFiring:
    @pytest.fixture
    def cells(self):
        return living_cells.find(np.ones((4, 28, 28), np.float32))

    def masks(self, cells, steps, fire_rate, key):
        firing = living_cells.draw_firing(cells, steps, fire_rate, 0.0, key)
        masks = np.zeros((steps, len(cells.positions)))
        for t, rows in enumerate(firing.rows):
            np.add.at(masks[t], rows.numpy() - 1, 1)
        assert masks.max() <= 1  # no cell fires twice in a step
        return masks

    @pytest.mark.parametrize("fire_rate", [0.5, 0.2])
    def test_share_of_firing_cells_is_the_fire_rate(self, cells, fire_rate):
        masks = self.masks(cells, 8, fire_rate, root_key(0))
        sigma = np.sqrt(fire_rate * (1.0 - fire_rate) / masks.size)
        assert abs(masks.mean() - fire_rate) < 4 * sigma

    def test_every_cell_fires_at_rate_1(self, cells):
        assert self.masks(cells, 2, 1.0, root_key(0)).all()

    def test_steps_and_samples_draw_independently(self, cells):
        masks = self.masks(cells, 4, 0.5, root_key(0)).reshape(16, 28 * 28)
        correlations = np.corrcoef(masks)[np.triu_indices(16, 1)]
        assert np.abs(correlations).max() < 0.16  # 4.5 sigma of 784 cells, 120 pairs

    def test_key_decides(self, cells):
        first, again, other = (self.masks(cells, 2, 0.5, root_key(s)) for s in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert np.mean(first != other) == pytest.approx(0.5, abs=0.03)

    def test_only_cells_that_may_fire_do(self, cells):
        among = np.arange(len(cells.positions)) % 3 == 0
        key = root_key(0)
        some = living_cells.draw_firing(cells, 4, 0.5, 0.0, key, among=among)
        every = living_cells.draw_firing(cells, 4, 0.5, 0.0, key)
        for rows, of_all in zip(some.rows, every.rows, strict=True):
            np.testing.assert_array_equal(rows, of_all.numpy()[among[of_all.numpy() - 1]])

    def test_neighbours_are_those_of_the_firing_cells(self, cells):
        firing = living_cells.draw_firing(cells, 3, 0.5, 0.0, root_key(0))
        for rows, neighbours in zip(firing.rows, firing.neighbours, strict=True):
            np.testing.assert_array_equal(neighbours, tf.gather(cells.neighbours, rows - 1))
            np.testing.assert_array_equal(neighbours[:, 4], rows)

    def test_noise_is_normal_fresh_in_each_step_and_spares_gray(self, cells):
        firing = living_cells.draw_firing(cells, 2, 1.0, 0.02, root_key(0), channels=24)
        noise = np.stack(firing.noise)  # [2, N, 24]
        assert noise.shape == (2, 4 * 28 * 28, 24)
        assert not noise[..., 0].any()
        noise = noise[..., 1:] / 0.02
        assert abs(noise.mean()) < 4 / np.sqrt(noise.size)
        assert noise.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * noise.size))
        assert np.mean(np.abs(noise) < 1.0) == pytest.approx(0.6827, abs=0.005)
        assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.015

    def test_noise_goes_to_firing_cells_only(self, cells):
        firing = living_cells.draw_firing(cells, 3, 0.5, 0.02, root_key(0))
        assert [n.shape for n in firing.noise] == [(len(r), 20) for r in firing.rows]

    def test_no_noise_at_deviation_0(self, cells):
        assert living_cells.draw_firing(cells, 1, 0.5, 0.0, root_key(0)).noise is None

    def test_nothing_alive(self):
        cells = living_cells.find(np.zeros((2, 3, 3), np.float32))
        firing = living_cells.draw_firing(cells, 2, 0.5, 0.02, root_key(0))
        assert [len(rows) for rows in firing.rows] == [0, 0]
