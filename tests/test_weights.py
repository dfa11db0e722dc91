"""Weights are found by the names and paths that a user may give."""

import json
import shutil

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
        ("ca.step.5.data-00000-of-00001", "no such weights"),
        ("nothing.index", "no such weights"),
        ("nothing.keras", "nothing.keras: can't be read (No such file or directory)"),
        ("nothing.json", "nothing.json: can't be read (No such file or directory)"),
        ("a\0b", "no such weights"),
        ("a\nb", "no such weights"),
        ("a\0b.keras", "null byte"),
        ("n" * 5000, "no such weights"),
        ("~no_such_user_here/x", "not a path"),
        ("http://example.com/ce.keras", "can't be read (No such file"),
    ],
    ids=lambda value: value[:20],
)
def test_other_names_are_refused(folder, name, reason):
    refused(name, reason)
