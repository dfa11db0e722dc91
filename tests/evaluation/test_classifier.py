"""What people who know Keras try first: predict, fit, Sequential, save, export."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist import spec, weights
from selforg_mnist.data.digits import load_digits
from selforg_mnist.evaluation.classifier import Classifier
from selforg_mnist.model import CAModel


@pytest.fixture(scope="module")
def digits():
    return load_digits("drawn", "test", num_drawn=20)


@pytest.fixture(scope="module")
def model():
    return weights.load("l2_noise").model


def exported(model, path):
    model.export(path, verbose=False)
    loaded = tf.saved_model.load(
        path
    )  # kept, because its functions alone don't keep its weights alive
    return lambda x: loaded.serve(x)


def saved(model, path):
    tf.saved_model.save(model, path)
    return lambda x: next(
        iter(tf.saved_model.load(path).signatures["serving_default"](tf.constant(x)).values())
    )


WAYS = {
    "predict": lambda model, path: lambda x: model.predict(x, batch_size=8, verbose=0),
    "Sequential": lambda model, path: lambda x: keras.Sequential([model]).predict(x, verbose=0),
    "export": lambda model, path: exported(model, str(path)),
    "tf.saved_model": lambda model, path: saved(model, str(path)),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_ca_step_in_all_ways_of_keras(model, digits, tmp_path, way):
    x = model.initialize(digits.gray()).numpy()
    after = np.asarray(way(model, tmp_path)(x))
    np.testing.assert_array_equal(after[..., 0], x[..., 0])
    fired = (after != x).any(axis=-1)
    alive = spec.alive_mask(x[..., 0])
    assert not fired[~alive].any()
    assert abs(fired[alive].mean() - 0.5) < 0.1
    # A cell that fired has changed as the model says, apart from the noise.
    expected = model.residual(x).numpy()[fired]
    assert abs((after - x)[fired][:, 1:] - expected).max() < 6 * model.residual_noise


@pytest.mark.slow
@pytest.mark.parametrize("way", ["predict", "export"])
def test_n_steps_in_the_ways_of_keras_name_the_digits(model, digits, tmp_path, way):
    classifier = Classifier(model, steps=25)
    logits = np.asarray(WAYS[way](classifier, tmp_path)(digits.gray()))
    assert logits.shape == (20, 10)
    assert (logits.argmax(axis=-1) == digits.labels).mean() >= 0.7


@pytest.mark.slow
def test_logits_are_means_over_living_cells(model, digits):
    blank = np.zeros([1, 28, 28], np.uint8)
    images = np.concatenate([digits.images[:3], blank])
    x = model.rollout(model.initialize(images / np.float32(255)), 5, seed=2).numpy()
    alive = spec.alive_mask(x[:3, ..., 0])
    expected = [x[i, ..., -10:][alive[i]].mean(axis=0) for i in range(3)]
    logits = Classifier(model, steps=5)(images, seed=2).numpy()
    np.testing.assert_allclose(logits[:3], expected, atol=1e-5)
    assert not logits[3].any()
    again = Classifier(model, steps=5)(images / np.float32(255), seed=2)
    np.testing.assert_allclose(again, logits, atol=1e-6)


@pytest.mark.slow
def test_it_survives_saving(model, digits, tmp_path):
    before = Classifier(model, steps=3)
    before.save(tmp_path / "classifier.keras")
    after = keras.models.load_model(tmp_path / "classifier.keras")
    assert after.steps == 3
    assert after.ca.residual_noise == model.residual_noise
    images = digits.gray()
    np.testing.assert_array_equal(after(images, seed=1), before(images, seed=1))


@pytest.mark.slow
def test_fit_trains_the_cells(digits):
    classifier = Classifier(CAModel(channels=12, hidden_channels=16), steps=3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    losses = classifier.fit(
        digits.images, digits.labels, batch_size=20, epochs=20, verbose=0
    ).history["loss"]
    assert losses[0] == pytest.approx(np.log(10), abs=0.01)
    assert losses[-1] < losses[0] - 0.02
    assert classifier.evaluate(digits.images, digits.labels, verbose=0)[0] < losses[0]


def test_no_steps_are_refused(model):
    with pytest.raises(ValueError, match=r"^steps=0: expected 1 or more"):
        Classifier(model, steps=0)
