"""Padded tables against the living cells' own, by brute force; capacities; draws."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from test_living_cells import CASES

from selforg_mnist.cells import padded_cells
from selforg_mnist.data import digits
from selforg_mnist.randomness import root_key
from support import reference_ca

CAPACITY = 640


def wide_row():
    """Living cells at pixels 1, 2 and 5 of 1x6, the dead one at pixel 3 not blank."""
    return tf.constant([[[0.0, 0.5, 0.6, 0.05, 0.0, 0.7]]])


class TestFind:
    def test_by_hand(self):
        cells = padded_cells.find(wide_row(), 4)
        assert cells.living.numpy().tolist() == [True, True, True, False]
        assert cells.positions.numpy().tolist() == [1, 2, 5, 0]
        assert cells.rows.numpy().tolist() == [[[4, 0, 1, 4, 4, 2]]]
        assert int(cells.overflow) == 0
        nobody = [4, 4, 4]
        beside = [[4, 0, 1], [0, 1, 4], [4, 2, 4], nobody]
        assert cells.neighbours.numpy().tolist() == [nobody + row + nobody for row in beside]
        gray = cells.gray.numpy().reshape(4, 3, 3)
        assert not gray[:, [0, 2]].any()
        expected = [[0.0, 0.5, 0.6], [0.5, 0.6, 0.05], [0.0, 0.7, 0.0], [0.0, 0.0, 0.0]]
        np.testing.assert_array_equal(gray[:, 1], np.float32(expected))

    def test_cells_beyond_the_capacity_are_counted_and_nobody_sees_them(self):
        cells = padded_cells.find(wide_row(), 1)
        assert int(cells.overflow) == 2
        assert cells.rows.numpy().tolist() == [[[1, 0, 1, 1, 1, 1]]]
        assert cells.neighbours.numpy().tolist() == [[1, 1, 1, 1, 0, 1, 1, 1, 1]]

    @pytest.mark.parametrize("case", CASES)
    def test_by_brute_force(self, case):
        gray = CASES[case]()
        cells = padded_cells.find(tf.constant(gray), CAPACITY)
        living = [tuple(where) for where in np.argwhere(reference_ca.alive(gray))]
        row_of = {where: row for row, where in enumerate(living)}
        count = len(living)
        assert cells.living.numpy().tolist() == [True] * count + [False] * (CAPACITY - count)
        flat = [np.ravel_multi_index(where, gray.shape) for where in living]
        assert cells.positions.numpy()[:count].tolist() == flat
        assert cells.samples.numpy()[:count].tolist() == [where[0] for where in living]
        assert (cells.neighbours.numpy()[count:] == CAPACITY).all()
        assert not cells.gray.numpy()[count:].any()
        rows = np.full(gray.shape, CAPACITY)
        rows[reference_ca.alive(gray)] = np.arange(count)
        np.testing.assert_array_equal(cells.rows, rows)
        around = np.pad(gray, [(0, 0), (1, 1), (1, 1)])
        neighbours, grays = cells.neighbours.numpy(), cells.gray.numpy()
        for row, (sample, y, x) in enumerate(living):
            seen = around[sample, y : y + 3, x : x + 3].ravel()
            assert grays[row].tolist() == seen.tolist()
            for k, (dy, dx) in enumerate(itertools.product((-1, 0, 1), repeat=2)):
                expected = row_of.get((sample, y + dy, x + dx), CAPACITY)
                assert neighbours[row, k] == expected

    def test_the_relation_is_symmetric(self):
        cells = padded_cells.find(tf.constant(CASES["touching the border"]()), 128)
        neighbours = cells.neighbours.numpy()
        for row, k in np.argwhere(neighbours < 128):
            assert neighbours[neighbours[row, k], 8 - k] == row

    def test_more_rows_than_pixels(self):
        cells = padded_cells.find(wide_row(), 9)
        assert cells.positions.numpy()[:3].tolist() == [1, 2, 5]
        assert int(tf.math.count_nonzero(cells.living)) == 3


class TestTable:
    @pytest.mark.parametrize("case", CASES)
    def test_state_survives_the_way_there_and_back(self, case):
        gray = CASES[case]()
        alive = reference_ca.alive(gray)
        state = np.random.default_rng(0).random((*gray.shape, 19)).astype(np.float32)
        cells = padded_cells.find(tf.constant(gray), CAPACITY)
        table = padded_cells.to_table(cells, tf.constant(state)).numpy()
        assert table.shape == (CAPACITY + 1, 19)
        np.testing.assert_array_equal(table[: alive.sum()], state[alive])
        assert not table[alive.sum() :].any()
        image = padded_cells.to_image(cells, tf.constant(table))
        np.testing.assert_array_equal(image, state * alive[..., None])

    def test_empty_rows_stay_zero_whatever_the_first_pixel_holds(self):
        cells = padded_cells.find(wide_row(), 4)
        state = np.full((1, 1, 6, 19), np.nan, np.float32)
        assert not padded_cells.to_table(cells, tf.constant(state))[3:].numpy().any()


class TestDrawFiring:
    @pytest.fixture
    def cells(self):
        gray = np.zeros((4, 28, 28), np.float32)
        gray[:3] = 1.0
        return padded_cells.find(tf.constant(gray), 4 * 28 * 28)

    @pytest.mark.parametrize("fire_rate", [0.5, 0.2])
    def test_share_of_firing_cells_is_the_fire_rate(self, cells, fire_rate):
        fires = padded_cells.draw_firing(cells, 8, fire_rate, 0.0, root_key(0)).fires.numpy()
        assert not fires[:, 3 * 784 :].any()  # empty rows
        living = fires[:, : 3 * 784]
        sigma = np.sqrt(fire_rate * (1.0 - fire_rate) / living.size)
        assert abs(living.mean() - fire_rate) < 4 * sigma
        assert np.abs(np.corrcoef(living)[np.triu_indices(8, 1)]).max() < 0.09  # 4 sigma

    def test_every_cell_fires_at_rate_1(self, cells):
        firing = padded_cells.draw_firing(cells, 2, 1.0, 0.0, root_key(0))
        assert firing.fires.numpy().sum(axis=1).tolist() == [3 * 784, 3 * 784]

    def test_key_decides(self, cells):
        first, again, other = (
            padded_cells.draw_firing(cells, 2, 0.5, 0.02, root_key(seed)) for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first.fires, again.fires)
        np.testing.assert_array_equal(first.noise, again.noise)
        assert np.mean(first.fires.numpy() != other.fires.numpy()) > 0.3
        assert np.mean(first.noise.numpy() != other.noise.numpy()) > 0.9

    def test_noise_is_normal_and_fresh_in_each_step(self, cells):
        noise = padded_cells.draw_firing(cells, 2, 0.5, 0.02, root_key(0), channels=24).noise
        assert noise.shape == (2, 4 * 784, 23)
        noise = noise.numpy() / 0.02
        assert abs(noise.mean()) < 4 / np.sqrt(noise.size)
        assert noise.std() == pytest.approx(1.0, abs=4 / np.sqrt(2 * noise.size))
        assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.015

    def test_no_noise_at_deviation_0(self, cells):
        assert padded_cells.draw_firing(cells, 1, 0.5, 0.0, root_key(0)).noise is None


class TestCapacity:
    def images(self, counts):
        """Images of 20x20, each with so many living pixels and the others just dead."""
        flat = np.full((len(counts), 400), 25, np.uint8)  # 25 / 255 < 0.1 < 26 / 255
        for row, count in zip(flat, counts, strict=True):
            row[:count] = 26
        return flat.reshape(-1, 20, 20)

    def test_a_single_size_needs_no_margin(self):
        assert padded_cells.capacity_for(self.images([100, 100]), 16) == 1664  # 13 * 128 > 1600

    @pytest.mark.parametrize("risk", [1e-3, 1e-9])
    def test_risk_is_kept_and_little_is_wasted(self, risk):
        counts = np.arange(50, 351, 25)
        batch, images = 16, self.images(counts)
        capacity = padded_cells.capacity_for(images, batch, risk)
        exact = np.ones(1)  # the distribution of the sum
        for _ in range(batch):
            exact = np.convolve(exact, np.bincount(counts) / len(counts))
        assert exact[capacity + 1 :].sum() <= risk
        assert exact[capacity + 1 - 3 * 128 :].sum() > risk

    def test_never_more_than_the_largest_digits_need(self):
        assert padded_cells.capacity_for(self.images([10, 300]), 2, 1e-9) == 640

    def test_blank_images_get_one_tile(self):
        assert padded_cells.capacity_for(np.zeros((3, 28, 28), np.uint8), 16) == 128

    def test_on_mnist(self, mnist_data_dir):
        mnist = digits.load_digits("mnist", "test", data_dir=str(mnist_data_dir))
        assert padded_cells.capacity_for(mnist.images, 16) == 3328
