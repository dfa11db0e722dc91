"""Checkpoints of the authors' notebook are read, and nothing else.

Given an index that doesn't parse but whose checksums are right, TensorFlow's reader ends its
process; such indices are made here, and have to end in an error.
"""

import random
import shutil

import numpy as np
import pytest
import tensorflow as tf

from selforg_mnist.errors import WeightsError
from selforg_mnist.readers import child_reader
from selforg_mnist.readers import notebook_checkpoint as subject
from support import forked_child, reference_ca
from support.foreign_files import (
    SMALL,
    assert_one_line,
    assert_same_weights,
    blocks,
    damaged,
    with_checksums,
    write_checkpoint,
)

WEIGHTS = reference_ca.random_weights(**SMALL)
DATA = ".data-00000-of-00001"


@pytest.fixture(autouse=True)
def many_children(monkeypatch):
    monkeypatch.setattr(child_reader.subprocess, "run", forked_child.run)


def refused(prefix, *parts):
    with pytest.raises(WeightsError) as error:
        subject.load(prefix)
    assert_one_line(error.value, prefix, *parts)


@pytest.fixture
def checkpoint(tmp_path):
    write_checkpoint(tmp_path / "small", WEIGHTS)
    return tmp_path / "small"


@pytest.mark.slow
def test_checkpoint_that_keras_2_saved_after_training_gives_its_model(tmp_path):
    # Comes with the `export` extra, which CI installs.
    keras_2 = pytest.importorskip("tf_keras", reason="pip install tf_keras")
    conv = keras_2.layers.Conv2D

    class CAModel(keras_2.Model):
        def __init__(self):
            super().__init__()
            self.perceive = keras_2.Sequential([conv(80, 3, activation="relu", padding="same")])
            self.dmodel = keras_2.Sequential(
                [conv(80, 1, activation="relu"), conv(19, 1, kernel_initializer="zeros")]
            )

        def call(self, x):
            return self.dmodel(self.perceive(x))

    theirs = CAModel()
    x = np.random.default_rng(0).random((2, 6, 5, 20), np.float32)
    theirs.compile(keras_2.optimizers.legacy.Adam(0.01), "mse")
    theirs.fit(x, np.ones((2, 6, 5, 19)), epochs=2, verbose=0)  # Adam's moments are saved as well
    theirs.save_weights(tmp_path / "ca", save_format="tf")
    ours = subject.load(tmp_path / "ca")
    assert ours.count_params() == 22_499
    assert np.abs(theirs(x)).max() > 0.01
    np.testing.assert_allclose(ours.residual(x), theirs(x), atol=1e-6)


@pytest.mark.parametrize("hidden", [3, 10])  # with 10, all 1x1 kernels have one shape
@pytest.mark.parametrize("names", [("layer_with_weights-0", "layer_with_weights-1"), ("2", "10")])
def test_weights_come_in_the_order_of_the_layers(tmp_path, hidden, names):
    weights = reference_ca.random_weights(channels=11, hidden=hidden)
    write_checkpoint(tmp_path / "ca.5", weights, names)
    model = subject.load(tmp_path / "ca.5")
    assert_same_weights(model, weights)
    assert (model.fire_rate, model.residual_noise) == (0.5, 0.0)


def test_residual_noise_is_what_the_caller_says(checkpoint):
    assert subject.load(checkpoint, 0.02).residual_noise == 0.02


def test_missing_files_are_named(checkpoint):
    checkpoint.with_name(f"small{DATA}").unlink()
    refused(checkpoint, f"small{DATA}: can't be read (No such file")
    checkpoint.with_name("small.index").unlink()
    refused(checkpoint, "small.index: can't be read (No such file")


def test_files_that_are_too_large_are_not_read(checkpoint):
    with checkpoint.with_name(f"small{DATA}").open("ab") as file:
        file.truncate(2**24 + 1)
    refused(checkpoint, "larger than 16777216 bytes")
    with checkpoint.with_name("small.index").open("ab") as file:
        file.truncate(2**18 + 1)
    refused(checkpoint, "larger than 262144 bytes")


@pytest.mark.slow
def test_another_model_is_refused(tmp_path):
    tf.train.Checkpoint(kernel=tf.Variable([1.0])).write(str(tmp_path / "other"))
    refused(tmp_path / "other", "expected 3 with both")
    write_checkpoint(tmp_path / "half", [w.astype(np.float16) for w in WEIGHTS])
    refused(tmp_path / "half", "float32")
    wide = [*WEIGHTS[:3], np.zeros(4, np.float32), *WEIGHTS[4:]]
    write_checkpoint(tmp_path / "wide", wide)
    refused(tmp_path / "wide", "hidden_bias is [4], expected [3]")


def test_weights_that_are_not_finite_are_refused(tmp_path):
    write_checkpoint(tmp_path / "ca", [*WEIGHTS[:5], np.full(10, np.nan, np.float32)])
    refused(tmp_path / "ca", "residual_bias has values that are not finite")


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".index", DATA])
def test_damage_is_noticed_or_does_not_matter(checkpoint, suffix):
    # A flipped bit goes unnoticed only in bytes that we don't read: checksums cover the rest.
    path = checkpoint.with_name(f"small{suffix}")
    refusals = 0
    for data in damaged(path.read_bytes(), 24):
        path.write_bytes(data)
        try:
            assert_same_weights(subject.load(checkpoint), WEIGHTS)
        except WeightsError as error:
            assert_one_line(error, checkpoint)
            refusals += 1
    assert refusals > 8


@pytest.mark.slow
def test_index_that_was_made_to_harm_gives_an_error_or_a_finite_model(checkpoint):
    path = checkpoint.with_name("small.index")
    index = path.read_bytes()
    end = blocks(index)[-1][1]
    choose = random.Random(0)
    refusals, crashes = 0, 0
    for _ in range(40):
        bad = bytearray(index)
        for _ in range(choose.choice([1, 1, 2, 4])):
            at = choose.randrange(end)
            bad[at] = choose.choice([bad[at] ^ 1 << choose.randrange(8), 0, 127, 255])
        path.write_bytes(with_checksums(bad, checkpoint.parent))
        try:
            model = subject.load(checkpoint)
        except WeightsError as error:
            assert_one_line(error, checkpoint)
            refusals += 1
            crashes += "crashes TensorFlow" in str(error)
        else:
            assert all(np.isfinite(w).all() for w in model.get_weights())
    assert 8 < refusals < 40
    assert crashes > 0


def test_index_and_data_of_two_checkpoints_are_refused(checkpoint, tmp_path):
    write_checkpoint(tmp_path / "other", [w + 1 for w in WEIGHTS])
    shutil.copy(tmp_path / f"other{DATA}", tmp_path / f"small{DATA}")
    refused(checkpoint, "Checksum does not match")
