"""The decisions of cells, with models whose cells behave in a known way at each step."""

import dataclasses

import numpy as np
import pytest

from selforg_mnist.cells import trajectory
from selforg_mnist.evaluation.classification import Decision, classify, film, in_words
from selforg_mnist.model import CAModel
from selforg_mnist.pictures import film_frames
from support import reference_ca

NO_VOTES = (0.0,) * 10


def canvas_of(*rows):
    """[28, 28] uint8 with these rows of gray values at its top left."""
    picture = np.zeros((28, 28), np.uint8)
    picture[: len(rows), : len(rows[0])] = rows
    return picture


def ramps(levels, slopes, fire_rate=1.0):
    """A model whose label channels are `slope * t + level` after t steps, t > 0, in each cell.

    The first hidden unit is on while a cell's eleventh channel is below 1, which it raises: so
    levels are added in the first step only.
    """
    model = CAModel(fire_rate=fire_rate)
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[0][1, 1, 1, 0] = -1.0  # reads the cell's own first free channel
    weights[1][0] = 1.0
    weights[2][0, 0, 0, 0] = 1.0
    weights[4][0, 0, 0, 0] = 1.0
    weights[4][0, 0, 0, 9:] = levels
    weights[5][9:] = slopes
    model.set_weights(weights)
    return model


def votes_of(**shares):
    votes = list(NO_VOTES)
    for label, share in shares.items():
        votes[int(label[1:])] = share
    return tuple(votes)


def lonely_and_paired():
    """A model whose cells say 1 after one step if a neighbour lives, and otherwise 2."""
    model = CAModel(fire_rate=1.0)
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[0][:, :, 0, 0] = 1.0
    weights[1][0] = -1.5
    weights[2][0, 0, 0, 0] = 1.0
    weights[4][0, 0, 0, 9 + 1] = 10.0
    weights[5][9 + 2] = 1.0
    model.set_weights(weights)
    return model


class TestAtTheEnd:
    def test_a_majority_and_a_runner_up(self):
        three_and_two = canvas_of([255, 255, 255, 0, 255, 0, 255])
        (decision,) = classify(lonely_and_paired(), three_and_two[None], steps=4)
        assert decision == Decision(
            label=1,
            share=0.6,
            runner_up=2,
            runner_up_share=0.4,
            undecided=0.0,
            living=5,
            steps_to_agreement=None,
            votes=votes_of(_1=0.6, _2=0.4),
        )

    def test_of_a_tie_the_lower_label_wins(self):
        tie = canvas_of([255, 255, 0, 255, 0, 255])
        (decision,) = classify(lonely_and_paired(), tie[None], steps=1)
        assert (decision.label, decision.runner_up) == (1, 2)
        assert decision.share == decision.runner_up_share == 0.5

    def test_dead_cells_have_no_vote(self):
        gray = canvas_of([255, 0, 25, 0, 26])  # 25 is below a tenth of 255
        (decision,) = classify(lonely_and_paired(), gray[None], steps=1)
        assert decision.living == 2
        assert decision.label == 2

    @pytest.mark.slow
    def test_cells_that_know_nothing_decide_nothing(self):
        (decision,) = classify(ramps(0, np.full(10, 0.0009)), canvas_of([255])[None], steps=11)
        assert decision == Decision(None, 0.0, None, 0.0, 1.0, 1, None, NO_VOTES)
        (decision,) = classify(ramps(0, np.eye(10)[0] * 0.0011), canvas_of([255])[None], steps=11)
        assert (decision.label, decision.share, decision.undecided) == (0, 1.0, 0.0)

    def test_a_canvas_without_living_cells(self):
        (decision,) = classify(lonely_and_paired(), np.zeros((1, 28, 28), np.uint8), steps=2)
        assert decision == Decision(None, 0.0, None, 0.0, 0.0, 0, None, NO_VOTES)

    def test_each_canvas_has_its_own_answer(self):
        lone, pair = canvas_of([255]), canvas_of([255, 255])
        decisions = classify(lonely_and_paired(), np.stack([lone, pair, lone, 0 * lone]), steps=2)
        assert [decision.label for decision in decisions] == [2, 1, 2, None]
        assert [decision.living for decision in decisions] == [1, 2, 1, 0]

    def test_canvases_may_have_any_size(self):
        (decision,) = classify(lonely_and_paired(), np.full((1, 5, 9), 255, np.uint8), steps=1)
        assert (decision.label, decision.living) == (1, 45)


class TestAgreement:
    @pytest.mark.slow
    def test_it_counts_from_the_first_step_of_the_last_agreement(self):
        # 3 leads at first: 5 + t against 2 t for 8, which is level in step 5 and ahead from 6 on.
        model = ramps(np.eye(10)[3] * 5, np.eye(10)[3] + 2 * np.eye(10)[8])
        picture = canvas_of([255, 255], [0, 255])[None]
        since = [classify(model, picture, steps)[0].steps_to_agreement for steps in (1, 5, 6, 9)]
        labels = [classify(model, picture, steps)[0].label for steps in (1, 5, 6, 9)]
        assert labels == [3, 3, 8, 8]
        assert since == [1, 1, 6, 6]

    def test_cells_that_have_not_decided_yet_do_not_agree_on_zero(self):
        # The tenth channel passes 0.01 in step 3; before, all ten are the same.
        (decision,) = classify(ramps(0, np.eye(10)[0] * 0.004), canvas_of([255])[None], steps=9)
        assert (decision.label, decision.steps_to_agreement) == (0, 3)

    @pytest.mark.slow
    def test_it_takes_the_last_cell(self):
        # Each of 50 cells says 4 once it has fired; the last one fires in step 8 or so.
        model = ramps(0, np.eye(10)[4], fire_rate=0.5)
        picture = canvas_of(*[[255] * 10] * 5)[None]
        (decision,) = classify(model, picture, steps=30)
        since = decision.steps_to_agreement
        assert 4 <= since <= 20
        before = classify(model, picture, steps=since - 1)[0]
        assert before.steps_to_agreement is None
        assert before.label == 4
        assert before.undecided == pytest.approx(1 - before.share)
        assert 0.02 <= before.undecided <= 0.1
        assert classify(model, picture, steps=since)[0].steps_to_agreement == since


@pytest.mark.slow
def test_seed_decides():
    model = CAModel(residual_noise=0.02)
    model.set_weights(reference_ca.random_weights())
    picture = np.full((1, 12, 12), 255, np.uint8)
    first, again, other = (classify(model, picture, 3, seed)[0] for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert sum(first.votes) + first.undecided == pytest.approx(1)


@pytest.mark.slow
def test_a_film_shows_the_same_rollout_to_its_end():
    model = ramps(0, np.eye(10)[4], fire_rate=0.5)
    picture = canvas_of(*[[255] * 10] * 5)
    frames = list(film(model, picture, steps=80, seed=3))
    # 50 steps one by one, every eighth to step 74, and the end, which stays for two seconds.
    assert len(frames) == 50 + 3 + 30
    assert all(np.array_equal(frame, frames[-1]) for frame in frames[-30:])
    gray = picture.astype(np.float32) / 255
    for step in (1, 2, 50):
        *_, state = trajectory.states(model, gray[None], step, seed=3)
        expected = film_frames.votes(gray, state[0, ..., -10:], step)
        assert np.array_equal(frames[step - 1], expected)
    assert not np.array_equal(frames[0], next(film(model, picture, steps=80, seed=4)))


def test_nothing_to_do_is_refused():
    with pytest.raises(ValueError, match="steps=0"):
        classify(CAModel(), np.zeros((1, 28, 28), np.uint8), steps=0)


AGREED = Decision(3, 1.0, None, 0.0, 0.0, 142, 37, votes_of(_3=1.0))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "3   142 of 142 cells agree, from step 37 on"),
        (
            {"steps_to_agreement": 104},
            "3   142 of 142 cells agree, from step 104 on; that is late: unclear, or not a digit",
        ),
        (
            {"share": 138 / 142, "runner_up": 8, "runner_up_share": 4 / 142},
            "3   138 of 142 cells say so, 4 say 8; no agreement after 200 steps",
        ),
        (
            {"share": 139 / 142, "undecided": 3 / 142},
            "3   139 of 142 cells say so, 3 are undecided; no agreement after 200 steps",
        ),
        (
            {"share": 3 / 7, "runner_up": 0, "runner_up_share": 2 / 7, "living": 7}
            | {"undecided": 1 / 7},
            "3   3 of 7 cells say so, 2 say 0, 1 is undecided; no agreement after 200 steps: "
            "unclear, or not a digit",
        ),
        (
            {"label": None, "share": 0.0, "undecided": 1.0},
            "no label   none of 142 cells has decided after 200 steps",
        ),
    ],
)
def test_a_decision_in_words(changes, words):
    if changes:
        changes = {"steps_to_agreement": None} | changes
    assert in_words(dataclasses.replace(AGREED, **changes), 200) == words
