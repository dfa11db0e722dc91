"""The sample pool: what is drawn, renewed, mutated and written back."""

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.model import gray_of
from selforg_mnist.randomness import root_key
from selforg_mnist.training import pool as pools
from selforg_mnist.training.pool import Pool

SIZE = 5  # of an image


def source_of(count):
    """Digits that can be identified: digit n has n + 1 at its first pixel, label n % 10."""
    images = np.random.default_rng(0).choice([0, 25, 26, 255], (count, SIZE, SIZE))
    images[:, 0, 0] = np.arange(count) + 1
    return pools.source_of(images.astype(np.uint8), np.arange(count) % 10)


def pool_of(count, channels=20):
    """Samples that can be identified: sample n has state n + 1 everywhere and age n."""
    state = np.arange(1, count + 1, dtype=np.float32)[:, None, None, None]
    images = np.random.default_rng(1).choice([200, 255], (count, SIZE, SIZE))
    return Pool(
        tf.constant(images.astype(np.uint8)),
        tf.constant((np.arange(count) + 3) % 10, tf.int32),
        tf.constant(np.tile(state, (1, SIZE, SIZE, channels - 1))),
        tf.range(count),
    )


def part(samples, start, stop):
    return Pool(*(field[start:stop] for field in samples))


def at(samples, rows):
    return Pool(*(tf.gather(field, rows) for field in samples))


def assert_same(samples, others):
    for name, ours, theirs in zip(Pool._fields, samples, others, strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def digits_of(samples, source):
    """Which digit of `source_of` each sample shows, after checking all of image and label."""
    chosen = samples.images.numpy()[:, 0, 0].astype(int) - 1
    images, labels = source.gather(chosen)
    np.testing.assert_array_equal(samples.images, images)
    np.testing.assert_array_equal(samples.labels, labels)
    return chosen


def test_source_gives_its_pictures_back():
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 5), np.uint8)
    gathered, labels = pools.source_of(images, np.arange(7)).gather(tf.constant([6, 0, 6]))
    np.testing.assert_array_equal(gathered, images[[6, 0, 6]])
    assert labels.numpy().tolist() == [6, 0, 6]


class TestFresh:
    def test_state_and_age_are_zero(self):
        samples = pools.fresh(source_of(9), 7, root_key(0))
        assert samples.state.shape == (7, SIZE, SIZE, 19)
        assert not samples.state.numpy().any()
        assert samples.age.numpy().tolist() == [0] * 7
        assert [field.dtype for field in samples] == [tf.uint8, tf.int32, tf.float32, tf.int32]

    def test_number_of_channels(self):
        assert pools.fresh(source_of(9), 7, root_key(0), channels=24).state.shape[-1] == 23

    def test_each_slot_gets_a_digit_of_its_own_with_its_label(self):
        source = source_of(200)
        chosen = digits_of(pools.fresh(source, 16, root_key(0)), source)
        assert len(set(chosen)) >= 12

    def test_every_digit_is_drawn_as_often_the_first_and_the_last_included(self):
        source = source_of(4)
        chosen = digits_of(pools.fresh(source, 4000, root_key(0)), source)
        assert np.bincount(chosen, minlength=4) == pytest.approx(1000, abs=110)  # 4 sigma

    def test_key_decides(self):
        source = source_of(200)
        first, again, other = (
            digits_of(pools.fresh(source, 16, root_key(seed)), source) for seed in (0, 0, 1)
        )
        assert first.tolist() == again.tolist() != other.tolist()


class TestSample:
    def test_draws_without_replacement(self):
        for seed in range(20):
            indices, _ = pools.sample(pool_of(20), 16, root_key(seed))
            assert len(set(indices.numpy().tolist())) == 16

    def test_gives_the_samples_at_the_indices(self):
        pool = pool_of(20)
        indices, batch = pools.sample(pool, 16, root_key(0))
        assert_same(batch, at(pool, indices))

    def test_whole_pool_comes_in_random_order(self):
        indices, _ = pools.sample(pool_of(16), 16, root_key(0))
        assert sorted(indices.numpy()) == list(range(16))
        assert indices.numpy().tolist() != list(range(16))

    @pytest.mark.slow
    def test_every_sample_is_drawn_as_often_and_at_every_place(self):
        drawn = np.stack(
            [pools.sample(pool_of(8), 4, root_key(seed))[0].numpy() for seed in range(400)]
        )
        for place in range(4):
            assert np.bincount(drawn[:, place], minlength=8) == pytest.approx(50, abs=28)


@pytest.fixture(scope="module")
def source():
    return source_of(250)


class TestRenew:
    """A batch of 16: 4 fresh, 8 that go on, 4 mutated."""

    def renewed(self, mode, source, seed=0):
        batch = pool_of(16)
        return batch, pools.renew(batch, mode, source, root_key(seed))

    @pytest.mark.parametrize("mode", ["persistent", "mutating"])
    def test_middle_half_goes_on_unchanged(self, source, mode):
        batch, renewed = self.renewed(mode, source)
        assert_same(part(renewed, 4, 12), part(batch, 4, 12))

    @pytest.mark.parametrize(
        ("mode", "slots"),
        [
            ("naive", range(16)),
            ("persistent", [*range(4), *range(12, 16)]),
            ("mutating", range(4)),
        ],
    )
    def test_fresh_slots_have_state_and_age_zero_and_a_digit_each(self, source, mode, slots):
        _, renewed = self.renewed(mode, source)
        fresh = at(renewed, list(slots))
        assert not fresh.state.numpy().any()
        assert not fresh.age.numpy().any()
        chosen = digits_of(fresh, source)
        assert (
            len(set(chosen)) >= len(slots) - 2
        )  # of 250: two equal ones are rare, all equal never happens

    def test_last_quarter_is_mutated(self, source):
        batch, renewed = self.renewed("mutating", source)
        old, new = part(batch, 12, 16), part(renewed, 12, 16)
        chosen = digits_of(new, source)
        assert len(set(chosen)) >= 3
        alive = new.images.numpy() > 25  # 25 / 255 is below 0.1, 26 / 255 above
        assert 0.2 < alive.mean() < 0.8
        np.testing.assert_array_equal(new.state, old.state * alive[..., None])
        np.testing.assert_array_equal(new.age, old.age)

    def test_modes_treat_the_last_quarter_differently(self, source):
        last = {
            mode: part(self.renewed(mode, source)[1], 12, 16).state.numpy().any()
            for mode in ("naive", "persistent", "mutating")
        }
        assert last == {"naive": False, "persistent": False, "mutating": True}

    def test_fresh_and_mutated_digits_are_drawn_apart(self, source):
        _, renewed = self.renewed("mutating", source)
        chosen = digits_of(at(renewed, [*range(4), *range(12, 16)]), source)
        assert chosen[:4].tolist() != chosen[4:].tolist()

    def test_naive_takes_any_batch_size(self, source):
        batch = pool_of(5)
        assert len(pools.renew(batch, "naive", source, root_key(0)).labels) == 5

    def test_smallest_batch_of_quarters(self, source):
        batch = pool_of(4)
        renewed = pools.renew(batch, "mutating", source, root_key(0))
        assert not renewed.state[0].numpy().any()
        assert_same(part(renewed, 1, 3), part(batch, 1, 3))
        digits_of(part(renewed, 3, 4), source)

    @pytest.mark.parametrize(("fresh", "mutated"), [(0.125, 0.0), (0.0, 0.25), (0.0625, 0.5)])
    def test_other_shares(self, source, fresh, mutated):
        batch = pool_of(16)
        renewed = pools.renew(batch, "mutating", source, root_key(0), fresh, mutated)
        first, last = round(16 * fresh), 16 - round(16 * mutated)
        assert_same(part(renewed, first, last), part(batch, first, last))
        assert not part(renewed, 0, first).state.numpy().any()
        if mutated:
            assert np.any(part(renewed, last, 16).images != part(batch, last, 16).images)
            assert part(renewed, last, 16).state.numpy().any()

    def test_number_of_channels_is_kept(self, source):
        batch = pool_of(8, channels=24)
        for mode in ("naive", "persistent", "mutating"):
            assert pools.renew(batch, mode, source, root_key(0)).state.shape == batch.state.shape

    def test_key_decides(self, source):
        first, again, other = (self.renewed("mutating", source, seed)[1] for seed in (0, 0, 1))
        assert_same(first, again)
        assert np.any(first.images != other.images)


class TestMutate:
    def test_state_stays_where_the_new_digit_lives_and_is_zeroed_elsewhere(self):
        batch = Pool(
            images=tf.constant([[[255, 255, 0, 0]]], tf.uint8),
            labels=tf.constant([3]),
            state=tf.constant([[[[1.0, -2.0], [3.0, -4.0], [0.0, 0.0], [0.0, 0.0]]]]),
            age=tf.constant([7]),
        )
        new = tf.constant([[[0, 26, 255, 25]]], tf.uint8)
        mutated = pools.mutate(batch, new, tf.constant([8]))
        assert mutated.images.numpy().tolist() == new.numpy().tolist()
        assert mutated.labels.numpy().tolist() == [8]
        assert mutated.state.numpy().tolist() == [[[[0, 0], [3, -4], [0, 0], [0, 0]]]]
        assert mutated.age.numpy().tolist() == [7]


class TestCommit:
    def test_writes_the_batch_where_it_came_from_and_nowhere_else(self):
        pool, source = pool_of(20), source_of(9)
        indices, _ = pools.sample(pool, 8, root_key(0))
        batch = pools.fresh(source, 8, root_key(1))
        batch = batch._replace(state=batch.state - tf.range(1.0, 9.0)[:, None, None, None])
        after = pools.commit(pool, indices, batch)
        assert_same(at(after, indices), batch._replace(age=tf.ones(8, tf.int32)))
        others = np.setdiff1d(np.arange(20), indices)
        assert_same(at(after, others), at(pool, others))

    def test_makes_the_batch_one_step_older(self):
        pool = pool_of(6)
        indices, batch = pools.sample(pool, 4, root_key(0))
        expected = np.arange(6)
        expected[indices.numpy()] += 1
        assert pools.commit(pool, indices, batch).age.numpy().tolist() == expected.tolist()


def test_gray_is_the_image_over_255():
    gray = gray_of(tf.constant([0, 51, 255], tf.uint8)).numpy()
    np.testing.assert_array_equal(gray, np.float32([0.0, 0.2, 1.0]))


def test_commit_to_variables_writes_in_place_what_it_gives_for_tensors():
    pool = pool_of(20)
    indices, _ = pools.sample(pool, 8, root_key(0))
    batch = pools.fresh(source_of(9), 8, root_key(1))
    variables = Pool(*map(tf.Variable, pool))
    committed = pools.commit(variables, indices, batch)
    assert all(ours is given for ours, given in zip(committed, variables, strict=True))
    assert_same(variables, pools.commit(pool, indices, batch))
    assert_same(pool, pool_of(20))
