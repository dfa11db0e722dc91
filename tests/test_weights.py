"""Finds weights by the names and paths that a user may give."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from selforg_mnist import weights as subject
from selforg_mnist.errors import WeightsError
from selforg_mnist.model import CAModel
from selforg_mnist.readers import child_reader
from support import forked_child, reference_ca
from support.foreign_files import (
    SMALL,
    assert_one_line,
    assert_same_weights,
    graph_model,
    write_checkpoint,
)

ROOT = Path(__file__).resolve().parents[1]
ARRAYS = reference_ca.random_weights(**SMALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with one file of each format and a run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(child_reader.subprocess, "run", forked_child.run)
    model = CAModel(*SMALL.values(), residual_noise=0.125)
    model.set_weights(ARRAYS)
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    model.save(tmp_path / "ours.keras")
    model.save_weights(tmp_path / "ours.weights.h5")
    shutil.copy("ours.weights.h5", "ours.h5")
    shutil.copy("ours.keras", tmp_path / "runs" / "mine" / "model.keras")
    (tmp_path / "page.json").write_text(json.dumps(graph_model(ARRAYS)))
    write_checkpoint(tmp_path / "ca.step.5", ARRAYS)
    write_checkpoint(tmp_path / "ce", ARRAYS)
    return tmp_path


def refused(name, *parts):
    with pytest.raises(WeightsError) as error:
        subject.load(name)
    assert_one_line(error.value, *parts)


@pytest.mark.parametrize(
    ("given", "name", "source", "noise"),
    [
        ("ours.keras", "ours", "Keras file ours.keras", 0.125),
        ("page.json", "page", "TensorFlow.js graph model page.json", 0.02),
        ("ca.step.5", "ca.step.5", "TensorFlow checkpoint ca.step.5", 0.0),
        ("ca.step.5.index", "ca.step.5", "TensorFlow checkpoint ca.step.5", 0.0),
        ("./ce", "ce", "TensorFlow checkpoint ce", 0.0),
        ("runs/mine/model.keras", "model", "Keras file runs/mine/model.keras", 0.125),
    ],
)
def test_each_format_is_known_by_its_name(folder, given, name, source, noise):
    loaded = subject.load(given)
    assert_same_weights(loaded.model, ARRAYS)
    assert (loaded.name, loaded.source) == (name, source)
    assert loaded.model.residual_noise == noise


def test_a_file_with_noise_counts_as_l2_noise_only_at_the_article_s_size(folder):
    assert subject.load("ours.keras").experiment is None
    CAModel(residual_noise=0.125).save("article_size.keras")
    assert subject.load("article_size.keras").experiment == "l2_noise"
    CAModel(residual_noise=0.0).save("article_size.keras")
    assert subject.load("article_size.keras").experiment is None


def test_path_below_home_is_found(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir("/")
    assert_same_weights(subject.load("~/ours.keras").model, ARRAYS)


@pytest.mark.parametrize("given", ["ours.keras", "ca.step.5"])
def test_residual_noise_can_be_set(folder, given):
    loaded = subject.load(given, residual_noise=0.5)
    assert loaded.model.residual_noise == 0.5
    assert loaded.source.endswith(", with residual noise 0.5")
    assert subject.load("ours.keras", residual_noise=0.0).model.residual_noise == 0.0


@pytest.mark.parametrize("noise", [-0.1, float("inf"), float("nan")])
def test_other_residual_noise_is_refused(folder, noise):
    with pytest.raises(WeightsError, match=f"^residual_noise={noise}: expected a number"):
        subject.load("ours.keras", residual_noise=noise)


@pytest.mark.slow
def test_run_is_called_by_its_folder(folder, monkeypatch):
    loaded = subject.load_run(folder / "runs" / "mine")
    assert_same_weights(loaded.model, ARRAYS)
    assert (loaded.name, loaded.source) == ("mine", f"training run {folder / 'runs' / 'mine'}")
    assert subject.load_run(folder / "runs" / "mine", 0.25).model.residual_noise == 0.25
    monkeypatch.chdir(folder / "runs" / "mine")
    assert subject.load_run(subject.Path()).name == "mine"


def test_folder_that_is_no_run_is_refused(folder):
    with pytest.raises(WeightsError) as error:
        subject.load_run(folder)
    assert_one_line(error.value, f"run_dir={folder}: has no model.keras; expected the folder of")


@pytest.mark.parametrize("name", subject.SHIPPED)
def test_shipped_name_never_means_a_file_in_the_working_directory(folder, name):
    write_checkpoint(folder / name, ARRAYS)
    assert subject.load(name).source == f"shipped weights {name}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("l2_nose", "unknown, did you mean l2_noise? expected one of ce, l2, l2_noise"),
        ("", "no such weights; expected one of ce, l2, l2_noise"),
        (".", "no such weights"),
        ("..", "no such weights"),
        ("/", "no such weights"),
        ("nothing", "no such weights"),
        ("runs/mine", "the folder of a run, whose model is runs/mine/model.keras;"),
        ("ca.step.5.data-00000-of-00001", "exists, but in a format that isn't read; expected"),
        (
            "ours.weights.h5",
            "exists, but in a format that isn't read; expected",
        ),
        ("ours.h5", "weights=ours.h5: exists, but in a format that isn't read; expected"),
        ("other.weights.h5", "no such weights"),
        ("nothing.index", "no such weights"),
        ("nothing.keras", "nothing.keras: can't be read (No such file or directory)"),
        ("nothing.json", "nothing.json: can't be read (No such file or directory)"),
        ("a\0b", "no such weights"),
        ("a\nb", "no such weights"),
        ("a\0b.keras", " null "),
        ("n" * 5000, "no such weights"),
        ("~no_such_user_here/x", "not a path"),
        ("http://example.com/ce.keras", "can't be read (No such file"),
    ],
    ids=lambda value: value[:20],
)
def test_other_names_are_refused(folder, name, reason):
    refused(name, reason)


SETTINGS = {
    "float64": (keras.config.set_floatx, "float64", "float32"),
    "float16": (keras.config.set_floatx, "float16", "float32"),
    "channels_first": (keras.config.set_image_data_format, "channels_first", "channels_last"),
    "mixed_float16": (keras.mixed_precision.set_global_policy, "mixed_float16", "float32"),
    "mixed_bfloat16": (keras.mixed_precision.set_global_policy, "mixed_bfloat16", "float32"),
}


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_settings_of_keras_change_nothing(tmp_path, setting):
    def states(model):
        gray = np.random.default_rng(0).random((2, 9, 9), np.float32)
        return model(model.rollout(model.initialize(gray), 3, seed=1), seed=2).numpy()

    expected = states(subject.load("l2_noise").model)
    change, value, usual = setting
    change(value)
    try:
        model = subject.load("l2_noise").model
        found = states(model)
        model.save(tmp_path / "saved.keras")
        again = states(subject.load(str(tmp_path / "saved.keras")).model)
    finally:
        change(usual)
        keras.mixed_precision.set_global_policy("float32")
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(again, expected)


def python(code, folder, env):
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_the_backend_is_tensorflow_whatever_is_set(tmp_path):
    settings = {"backend": "torch", "floatx": "float64", "image_data_format": "channels_first"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    code = "from selforg_mnist import weights\n"
    code += "print(weights.load('l2').model.get_weights()[0].dtype)"
    environment = {"KERAS_BACKEND": "torch", "KERAS_HOME": str(tmp_path)}
    status, printed, said = python(code, tmp_path, environment)
    assert (status, printed) == (0, "float32\n"), said


@pytest.mark.slow
def test_keras_on_another_backend_is_refused_in_words(tmp_path):
    pytest.importorskip("jax")
    code = "import keras, selforg_mnist.model"
    status, _, said = python(code, tmp_path, {"KERAS_BACKEND": "jax"})
    assert status == 1
    expected = "ImportError: Keras runs on jax: expected tensorflow; import selforg_mnist before"
    assert said.splitlines()[-1].startswith(expected)
