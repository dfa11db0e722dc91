"""The study of prototypes: the fitness model, ascent on gray values, and the command."""

import json

import numpy as np
import pytest
import tensorflow as tf

from experiments.prototypes import drawings, fitness, measure, report
from selforg_mnist import spec, weights
from selforg_mnist.data.digits import Digits, load_digits
from selforg_mnist.evaluation import classification
from selforg_mnist.randomness import root_key
from support import command, known_models


@pytest.fixture(scope="module")
def few():
    return load_digits("drawn", "train", num_drawn=30)


@pytest.fixture(scope="module")
def matrices():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(20, 784)), rng.normal(size=(784, 10, 20))
    return fitness.Matrices(tf.constant(a), tf.constant(b))


@pytest.fixture(scope="module")
def trained(few):
    return fitness.train(few, 60, seed=0)


def value(matrices, digits):
    inputs = fitness.inputs(tf.constant(digits.gray(), tf.float64))
    v = tf.one_hot(digits.labels, 10, dtype=tf.float64)
    return float(fitness.fitness(matrices, *inputs, v))


class TestFitness:
    def test_is_the_formula(self, matrices, few):
        a, b = (each.numpy() for each in matrices)
        place = np.arange(28)
        f = np.exp(-2j * np.pi * np.outer(place, place) / 28)
        logs = []
        for image, label in zip(few.gray().astype(np.float64), few.labels, strict=True):
            red = np.abs(f @ image @ f).ravel()
            red[0] = 0
            output = sum(r * b_j for r, b_j in zip(red, b, strict=True)) @ (a @ image.ravel())
            logs.append(np.log(abs(output @ np.eye(10)[label])))
        z = sum(b_j.T @ b_j for b_j in b)
        expected = np.mean(logs)
        expected -= np.log(np.linalg.norm(a.T @ a)) / 2 + np.log(np.linalg.norm(z @ z)) / 4
        assert value(matrices, few) == pytest.approx(expected, rel=1e-5)

    def test_symmetries_change_neither_fitness_nor_likeness(self, matrices, few):
        rng = np.random.default_rng(1)
        u, _ = np.linalg.qr(rng.normal(size=(20, 20)))
        signs = rng.choice([-1.0, 1.0], size=(10, 1))
        a, b = (each.numpy() for each in matrices)
        same = fitness.Matrices(tf.constant(3 * u @ a), tf.constant(0.2 * signs * (b @ u.T)))
        assert value(same, few) == pytest.approx(value(matrices, few))
        np.testing.assert_allclose(fitness.likeness(matrices, same), 1.0)
        other = fitness.Matrices(matrices.a[:, ::-1], matrices.b)
        assert max(fitness.likeness(matrices, other)) < 0.5

    def test_g_falls_with_the_scale(self, matrices, few):
        images = tf.constant(few.gray(), tf.float64)
        np.testing.assert_allclose(
            fitness.g(matrices, 2 * images), fitness.g(matrices, images) / 2
        )

    def test_training_within_the_span_loses_nothing(self, trained, few):
        model, curve = trained
        assert curve[-1] > curve[0] + 0.3
        assert value(model, few) == pytest.approx(curve[-1])  # all 784 inputs, not the span's
        outside = np.random.default_rng(0).normal(size=(20, 784))
        basis = np.linalg.qr(few.gray().reshape(len(few), -1).T)[0]
        outside = outside - outside @ basis @ basis.T
        assert value(model._replace(a=model.a + 0.01 * outside), few) < curve[-1]

    def test_pictures_raise_g(self, trained):
        model, _ = trained
        labels = np.arange(10)
        starts = np.random.default_rng(0).random((10, 28, 28))
        unit = starts / np.linalg.norm(starts, axis=(1, 2), keepdims=True)
        drawn = fitness.pictures(model, labels, starts, 40)
        np.testing.assert_allclose(np.linalg.norm(drawn, axis=(1, 2)), 1.0)
        before, after = (
            fitness.g(model, tf.constant(each)).numpy()[labels, labels] for each in (unit, drawn)
        )
        assert (after > before).all()


class TestDrawings:
    def test_forward_mask_is_the_rules_own(self):
        gray = tf.constant([0.0, 0.06, 0.1, 0.11, 0.14, 0.9])
        with tf.GradientTape() as tape:
            tape.watch(gray)
            mask = drawings.living_mask(gray)
        np.testing.assert_array_equal(mask, spec.alive_mask(gray.numpy()))
        slope = tape.gradient(mask, gray).numpy()
        assert (slope[1:5] > 0).all()
        assert slope[0] == slope[5] == 0

    def test_score_is_that_of_the_true_rule(self, few):
        model = known_models.random_model(fire_rate=1.0)
        gray = tf.constant(few.gray()[:3])
        labels = tf.constant(few.labels[:3], tf.int32)
        score = drawings.of_cells(model, 3)(gray, labels, root_key(0))
        x, expected = model.initialize(gray), np.zeros(3)
        for t in range(3):
            x = model.call(x, seed=t, noise=tf.zeros([3, 28, 28, 19]))
            alive = spec.alive_mask(gray.numpy())
            logs = tf.nn.log_softmax(5 * model.classify(x)).numpy()
            of_label = [logs[i][alive[i]][:, label].mean() for i, label in enumerate(labels)]
            expected += np.array(of_label) / 3
        np.testing.assert_allclose(score, expected, rtol=1e-4)

    def test_gradient_reaches_living_cells_and_those_that_could_live(self):
        model = known_models.random_model(fire_rate=1.0)
        gray = np.zeros((1, 28, 28), np.float32)
        gray[0, 10:14, 10:14] = 0.8
        gray[0, 9, 10:14] = 0.09  # dead; the slope of the mask is not zero
        gray = tf.constant(gray)
        with tf.GradientTape() as tape:
            tape.watch(gray)
            score = drawings.of_cells(model, 3)(gray, tf.constant([3]), root_key(0))
        gradient = tape.gradient(score, gray).numpy()[0]
        assert np.isfinite(gradient).all()
        assert (gradient[9:14, 10:14] != 0).all()
        assert not gradient[20:].any()

    @pytest.mark.slow
    def test_drawings_stay_in_range_and_get_their_label(self):
        labels = np.array([0, 1])

        def darker_above(gray, labels, key):
            up, down = (tf.reduce_sum(half, [1, 2]) for half in tf.split(gray, 2, axis=1))
            return (up - down) * tf.where(labels == 0, 1.0, -1.0)

        canvases = drawings.draw(darker_above, labels, 60, seed=0)
        assert canvases.dtype == np.uint8
        assert canvases.shape == (2, 28, 28)
        blank = canvases.copy()
        blank[:, 4:-4, 4:-4] = 0
        assert not blank.any()
        above = canvases[:, :14].sum(axis=(1, 2)) > canvases[:, 14:].sum(axis=(1, 2))
        assert above.tolist() == [True, False]

    def test_cost_is_least_for_smooth_drawings_with_the_ink_of_a_digit(self):
        smooth = np.zeros((28, 28), np.float32)
        smooth[9:19, 9:19] = 1  # 100 cells
        scattered = np.random.default_rng(0).permutation(smooth.ravel()).reshape(28, 28)
        costs = drawings.cost(tf.constant([smooth, scattered, 0.5 * smooth])).numpy()
        assert costs[0] < min(costs[1:])


@pytest.mark.slow
def test_cells_judge_by_the_rule_itself(few):
    model = weights.load("l2_noise").model
    images = np.where(few.images > 25, few.images, 0)[:4]
    shadow = np.where(few.images > 25, few.images, 25)[:4]  # 25 / 255 is below the threshold
    judge = measure.by_cells(model, 40, seed=0)
    for canvases in (images, shadow):
        decisions = classification.classify(model, canvases, 40, 0)
        assert judge(canvases) == {
            "labels": [each.label for each in decisions],
            "agree_from": [each.steps_to_agreement for each in decisions],
        }
        assert [each.living for each in decisions] == [(c > 25).sum() for c in images]


def test_negative_ink_is_blank_on_canvases():
    signed = np.array([[[-2.0, 0.5], [1.0, 0.0]]])
    assert measure.canvases(signed).tolist() == [[[0, 128], [255, 0]]]


@pytest.mark.slow
def test_linear_classifier_learns(few):
    shifted = Digits(few.images[::-1], few.labels[::-1], few.source, few.note)
    model = measure.linear(shifted, epochs=60)
    assert (np.argmax(model(few.gray()), axis=1) == few.labels).mean() > 0.8


@pytest.mark.slow
def test_smoke(few, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "CA_STEPS", 2)
    models = {"l2": weights.load("l2").model}
    pictures, numbers = measure.run(models, few, few, iterations=2, steps=5, seed=0)
    assert list(pictures) == list(numbers["drawn_by"]) == ["fitness", "linear", "l2"]
    for drawn in pictures.values():
        assert drawn.shape == (20, 28, 28)
        assert (drawn[:10] != drawn[10:]).any()  # two starts
    assert pictures["fitness"].min() < 0 <= measure.canvases(pictures["fitness"]).min()
    canvases = np.concatenate([measure.canvases(each) for each in pictures.values()])
    of_linear = classification.classify(models["l2"], canvases, 5)[20:40]
    labelled = numbers["drawn_by"]["linear"]["labelled_by"]["l2"]["labels"]
    assert labelled == [-1 if each.label is None else each.label for each in of_linear]
    about = {"dataset": "drawn", "num_samples": 30, "steps": 5, "command": "c", "seconds": 1}
    names = report.write(tmp_path, pictures, numbers, about)
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    page = (tmp_path / "report.md").read_text()
    assert page.count("\n| fitness |") == 2
    assert "nan" not in page


@pytest.mark.slow
@pytest.mark.long
def test_command(tmp_path):
    flags = ("--weights=l2", "--dataset=drawn", "--num_samples=40", "--steps=10")
    flags += ("--iterations=3",)
    status, printed, said = command.run(
        "experiments.prototypes", *flags, "--output_dir=out", cwd=tmp_path
    )
    assert status == 0, said
    assert "report.md" in printed
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"report.md", "prototypes.json", "prototypes.png"}
    numbers = json.loads((tmp_path / "out" / "prototypes.json").read_text())
    assert list(numbers["drawn_by"]) == ["fitness", "linear", "l2"]
    assert len(numbers["drawn_by"]["l2"]["labelled_by"]["fitness"]["labels"]) == 20
    page = (tmp_path / "out" / "report.md").read_text()
    assert "python -m experiments.prototypes --weights=l2 " in page
