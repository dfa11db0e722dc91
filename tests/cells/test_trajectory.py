"""Trajectories show what the dense model computes."""

import numpy as np
import pytest

from selforg_mnist.cells import trajectory
from selforg_mnist.data import digits
from support import reference_ca
from support.known_models import bias_model, random_model


@pytest.fixture(scope="module")
def gray():
    return digits.load_digits("drawn", "test", num_drawn=3).gray()


@pytest.mark.slow
def test_states_are_those_of_the_reference(gray):
    model = random_model(fire_rate=1.0)
    x = np.concatenate([gray[..., None], np.zeros((*gray.shape, 19))], axis=-1)
    rule = reference_ca.rule_of(reference_ca.random_weights())
    expected = reference_ca.rollout(rule, x, np.ones((4, *gray.shape), bool))
    states = list(trajectory.states(model, gray, 4))
    assert len(states) == 4
    for ours, theirs in zip(states, expected, strict=True):
        np.testing.assert_allclose(ours, theirs[..., 1:], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_one_call_and_several_draw_the_same(gray):
    model = random_model(residual_noise=0.02)
    *_, whole = trajectory.states(model, gray, 5, seed=3)
    *_, part = trajectory.states(model, gray, 2, seed=3)
    *_, rest = trajectory.states(model, gray, 3, seed=3, state=part, first_step=2)
    np.testing.assert_array_equal(rest, whole)
    *_, other = trajectory.states(model, gray, 5, seed=4)
    assert np.any(other != whole)


def test_noise_and_fire_rate_are_the_model_s(gray):
    alive = reference_ca.alive(gray)
    (state,) = trajectory.states(bias_model(np.ones(19), fire_rate=0.25), gray, 1)
    assert set(np.unique(state)) == {0.0, 1.0}
    assert state[alive].mean() == pytest.approx(0.25, abs=0.08)
    (state,) = trajectory.states(bias_model(np.zeros(19), residual_noise=0.5), gray, 1)
    assert state[alive].std() == pytest.approx(0.5, rel=0.05)
    assert not state[~alive].any()


def test_samples_go_through_phases_with_their_states():
    # Two single cells; the first one lives only in the first picture.
    grays = np.zeros((2, 1, 10, 12), np.float32)
    grays[:, 0, 7, 9] = 1.0
    grays[0, 0, 1, 1] = 0.5
    seen = list(trajectory.states_of_phases(bias_model(np.ones(19)), grays, steps=2))
    assert [step for step, _, _ in seen] == [1, 2, 3, 4]
    for (_, gray, _), picture in zip(seen, grays[[0, 0, 1, 1]], strict=True):
        np.testing.assert_array_equal(gray, picture)
    assert [state[0, 7, 9, 0] for _, _, state in seen] == [1, 2, 3, 4]
    assert [state[0, 1, 1, 0] for _, _, state in seen] == [1, 2, 0, 0]
    assert sum(np.count_nonzero(state) for _, _, state in seen) == 19 * (2 + 2 + 1 + 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"gray": np.zeros((28, 28))}, r"gray of shape \[28, 28\]: expected \[B, H, W\]"),
        ({"steps": 0}, "steps=0: expected 1 or more"),
        (
            {"state": np.zeros((3, 28, 28, 20))},
            r"state of shape \[3, 28, 28, 20\]: expected \[3, 28, 28, 19\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused_at_once(gray, arguments, said):
    with pytest.raises(ValueError, match=said):
        trajectory.states(random_model(), **({"gray": gray, "steps": 1} | arguments))
