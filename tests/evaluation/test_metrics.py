"""Cell accuracy and total agreement, compared with values computed by hand."""

import numpy as np
import pytest

from selforg_mnist.evaluation import metrics
from support import reference_ca


def count(*samples):
    """Counts over samples, each (label, labels that its living cells give)."""
    given = [label for _, cells in samples for label in cells]
    logits = np.full((len(given), 10), -1.0, np.float32)
    logits[np.arange(len(given)), given] = 0.5
    return metrics.count(
        logits,
        np.array([label for label, cells in samples for _ in cells], np.int32),
        np.array([n for n, (_, cells) in enumerate(samples) for _ in cells], np.int32),
        len(samples),
    )


def shares(counts):
    return [
        float(share)
        for share in (
            counts.cell_accuracy(),
            counts.total_agreement(),
            counts.correct_agreement(),
        )
    ]


def test_all_right():
    assert shares(count((3, [3, 3, 3]))) == [1.0, 1.0, 1.0]


def test_one_cell_wrong_breaks_the_agreement():
    assert shares(count((3, [3, 3, 8, 3]))) == [0.75, 0.0, 0.0]


@pytest.mark.parametrize("label", [0, 9])
def test_all_wrong_but_agreeing(label):
    assert shares(count((label, [4, 4, 4]))) == [0.0, 1.0, 0.0]


def test_all_wrong_and_disagreeing():
    assert shares(count((3, [4, 5, 4]))) == [0.0, 0.0, 0.0]


def test_one_cell_always_agrees_with_itself():
    assert shares(count((3, [4]))) == [0.0, 1.0, 0.0]


def test_cells_are_pooled_over_the_samples():
    counts = count((1, [1] * 9), (2, [0]), (7, [7, 7]), (5, [5, 3, 5, 5]))
    assert [float(part) for part in counts] == [16.0, 14.0, 4.0, 3.0, 2.0]
    assert shares(counts) == pytest.approx([14 / 16, 3 / 4, 2 / 4])


@pytest.mark.parametrize("where", [0, 1, 2])
def test_sample_without_a_living_cell_is_not_counted(where):
    samples = [(1, [1, 1]), (2, [2, 3])]
    samples.insert(where, (6, []))
    assert [float(part) for part in count(*samples)] == [4.0, 3.0, 2.0, 1.0, 1.0]


def test_label_of_an_empty_sample_is_never_taken_for_a_right_one():
    assert [float(part) for part in count((0, []), (9, []))] == [0.0] * 5
    assert shares(count((0, []), (9, []))) == [0.0, 0.0, 0.0]


def test_all_channels_count_and_ties_go_to_the_first():
    logits = np.zeros((2, 10), np.float32)
    logits[1, 9] = 1e-6
    counts = metrics.count(logits, np.array([0, 9], np.int32), np.array([0, 1], np.int32), 2)
    assert shares(counts) == [1.0, 1.0, 1.0]


def test_total_adds_up_so_that_a_short_batch_weighs_what_it_should():
    parts = [((1, [1, 1, 1, 2]), (2, [2])), ((3, [4, 4]),), ((5, []),)]
    together = metrics.total([count(*part) for part in parts])
    assert [float(part) for part in together] == [7.0, 4.0, 3.0, 2.0, 1.0]
    assert together == count(*(sample for part in parts for sample in part))


def test_agrees_with_the_reference_on_random_samples():
    rng = np.random.default_rng(0)
    x = rng.random((30, 2, 3, 20)).astype(np.float32)
    x[..., 0] = rng.choice([0.0, 1.0], x.shape[:-1], p=[0.6, 0.4])
    labels = rng.integers(0, 10, len(x)).astype(np.int32)
    x[:20, ..., 12] += 0.9  # many agree
    alive = reference_ca.alive(x[..., 0])
    samples = np.argwhere(alive)[:, 0].astype(np.int32)
    counts = metrics.count(x[alive][:, -10:], labels[samples], samples, len(x))
    accuracy, agreement, _ = shares(counts)
    assert accuracy == pytest.approx(reference_ca.cell_accuracy(x, labels))
    assert agreement == pytest.approx(reference_ca.total_agreement(x))
    assert 0.2 < agreement < 0.9
    images = metrics.count_images(x[..., -10:], labels, alive)
    assert [float(part) for part in images] == [float(part) for part in counts]


def test_images_count_no_dead_cell():
    logits = np.zeros((3, 1, 3, 10), np.float32)
    for sample, labels in enumerate([(4, 4, 9), (2, 7, 7), (0, 0, 0)]):
        logits[sample, 0, range(3), labels] = 1
    alive = np.array([[[1, 1, 0]], [[1, 1, 1]], [[0, 0, 0]]], bool)
    counts = metrics.count_images(logits, np.array([4, 7, 0], np.int32), alive)
    assert [float(part) for part in counts] == [5.0, 4.0, 2.0, 1.0, 1.0]
