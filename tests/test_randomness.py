"""Keys depend on the place in a run and are never shared. Draws are the same on any device."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.randomness import (
    BEFORE_TRAINING,
    EVALUATION,
    Purpose,
    derive,
    distinct,
    integers,
    normal,
    root_key,
    uniform,
)


def keys_of(keys):
    return [tuple(np.asarray(key).tolist()) for key in keys]


class TestKeys:
    def test_a_purpose_keeps_its_number(self):
        # With another number, a resumed run would draw other numbers than before.
        assert {purpose.name: purpose.value for purpose in Purpose} == {
            "POOL": 0,
            "FRESH_DIGITS": 1,
            "MUTATION_DIGITS": 2,
            "FIRING": 3,
            "NOISE": 4,
            "ROLLOUT_STEPS": 5,
        }
        assert (BEFORE_TRAINING, EVALUATION) == (-1, -2)  # in place of a training step

    def test_a_key_is_a_stateless_seed(self):
        key = derive(root_key(3), 1)
        assert (key.dtype, key.shape) == (tf.int32, [2])
        first, again = (tf.random.stateless_uniform([4], key) for _ in range(2))
        np.testing.assert_array_equal(first, again)

    def test_seeds_of_64_bits_differ(self):
        seeds = [0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, -1, -2]
        keys = keys_of(map(root_key, seeds))
        assert len(set(keys)) == len(seeds)

    @pytest.mark.slow
    def test_no_two_places_of_a_run_share_a_key(self):
        places = [
            (seed, step, purpose, replica)
            for seed, step, purpose, replica in itertools.product(
                (0, 1), (EVALUATION, BEFORE_TRAINING, 0, 1, 2, 99_999), Purpose, (0, 1, 7)
            )
        ]
        keys = keys_of(derive(root_key(seed), *rest) for seed, *rest in places)
        assert len(set(keys)) == len(places)

    def test_the_order_of_indices_matters(self):
        key = root_key(0)
        assert keys_of([derive(key, 1, 2)]) != keys_of([derive(key, 2, 1)])
        assert keys_of([derive(key, 1, 2)]) == keys_of([derive(derive(key, 1), 2)])
        assert keys_of([derive(key)]) == keys_of([key])

    @pytest.mark.parametrize("dtype", [tf.int32, tf.int64])
    def test_tensors_and_numbers_give_the_same_key(self, dtype):
        @tf.function
        def compiled(step):
            return derive(root_key(5), step, Purpose.NOISE)

        expected = keys_of([derive(root_key(5), 12, 4)])
        assert keys_of([compiled(tf.constant(12, dtype))]) == expected


class TestNormal:
    def test_is_normal(self):
        drawn = normal([1000, 1000], root_key(0), 1.0).numpy().astype(np.float64)
        # Errors of the moments of a million draws, times five.
        assert abs(drawn.mean()) < 0.005
        assert abs((drawn**2).mean() - 1) < 0.0075
        assert abs((drawn**3).mean()) < 0.02
        assert abs((drawn**4).mean() - 3) < 0.05
        for bound, share in ((1.0, 0.682689), (2.0, 0.9545), (3.0, 0.9973)):
            assert abs((np.abs(drawn) < bound).mean() - share) < 0.0025
        assert 4 < np.abs(drawn).max() < 5.7

    def test_both_halves_of_a_pair_are_independent(self):
        drawn = normal([200_000], root_key(1), 1.0).numpy()
        first, second = drawn[:100_000], drawn[100_000:]
        for power in (1, 2):
            assert abs(np.corrcoef(first**power, second**power)[0, 1]) < 0.016
        assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.012

    @pytest.mark.parametrize("shape", [[1], [3], [7, 5], [2, 3, 4], [0], [4, 0]])
    def test_has_the_shape_asked_for(self, shape):
        for asked in (shape, tf.constant(shape, tf.int32)):
            drawn = normal(asked, root_key(0), 0.02)
            assert drawn.dtype == tf.float32
            assert drawn.shape == shape
            assert np.isfinite(drawn).all()

    def test_a_shape_may_be_known_only_when_it_runs(self):
        @tf.function(input_signature=[tf.TensorSpec([None, 19])])
        def like(x):
            return normal(tf.shape(x), root_key(0), 0.02)

        np.testing.assert_array_equal(like(tf.zeros([6, 19])), normal([6, 19], root_key(0), 0.02))

    def test_scales_with_its_standard_deviation(self):
        one = normal([100], root_key(2), 1.0).numpy()
        np.testing.assert_allclose(normal([100], root_key(2), 0.02), 0.02 * one, rtol=1e-5)
        assert np.all(normal([100], root_key(2), 0.0) == 0)

    def test_the_key_decides(self):
        first, again, other = (normal([50], root_key(seed), 1.0).numpy() for seed in (0, 0, 1))
        np.testing.assert_array_equal(first, again)
        assert np.all(first != other)


def compiled(function):
    return tf.function(function, jit_compile=True, autograph=False)


# The shipped weights were trained with these draws, and runs that resume go on with them.
KEY = derive(root_key(3), 1, 2)
BEGAN_WITH = {
    "keys": (lambda key: derive(key, 4, 7), [1707918935, 7]),
    "uniform": (
        lambda key: uniform([5], key),
        [2708236 / 2**23, 3414783 / 2**23, 7130781 / 2**23, 2557048 / 2**23, 7728108 / 2**23],
    ),
    "integers": (lambda key: integers(5, 60_000, key), [18892, 3999, 9021, 28728, 47436]),
    "distinct": (
        lambda key: distinct(16, 160, key),
        [12, 148, 33, 158, 136, 147, 21, 151, 80, 159, 123, 9, 35, 101, 28, 14],
    ),
}


class TestDraws:
    @pytest.mark.slow
    @pytest.mark.parametrize("kind", [lambda draw: draw, compiled], ids=["ordinary", "XLA"])
    @pytest.mark.parametrize(("draw", "expected"), BEGAN_WITH.values(), ids=BEGAN_WITH)
    def test_are_what_runs_began_with(self, draw, expected, kind):
        assert kind(draw)(KEY).numpy().tolist() == expected

    @pytest.mark.parametrize("kind", [lambda draw: draw, compiled], ids=["ordinary", "XLA"])
    def test_normals_are_what_runs_began_with(self, kind):
        expected = [0.0155428322032094, 0.004403349477797747, -0.02804073691368103]
        expected += [-0.004436785355210304, -0.008384907618165016, 0.019968945533037186]
        drawn = kind(lambda key: normal([7], key, 0.02))(KEY)
        np.testing.assert_allclose(drawn[:6], expected, rtol=1e-5)

    @pytest.mark.parametrize(
        ("count", "limit"), [(1, 1), (2, 2), (10, 10), (3, 7), (16, 160), (64, 640)]
    )
    def test_distinct_ones_begin_a_shuffle(self, count, limit):
        shuffle = tf.random.experimental.stateless_shuffle
        for seed in range(10):
            whole = shuffle(tf.range(limit), root_key(seed), alg="philox")
            np.testing.assert_array_equal(distinct(count, limit, root_key(seed)), whole[:count])
