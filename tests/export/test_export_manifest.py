"""manifest.json agrees with the model, the constants and the record, and names no local folder."""

import json
from pathlib import Path

import pytest

from export import manifest as subject
from export.conversion import Names
from export.equality import Checked, Graph
from selforg_mnist import __version__, spec, weights
from selforg_mnist.readers.rule_arrays import LoadedModel
from support.web_exports import SMALL, small_model

OUT = Path("out")
DENSE_NAMES = Names({n: n for n in ("fire_rate", "manual_noise", "x")}, {"x": "Identity"})
LIVING_NAMES = Names({"state": "a", "noise": "b"}, {"gray_part": "c", "state": "d"})
DENSE = Graph(OUT / "model.json", DENSE_NAMES)
LIVING = Graph(OUT / "living" / "model.json", LIVING_NAMES)
CHECKED = Checked(3e-07, 1e-05, "2.19.0", "4.22.0")


def made(loaded, checked=CHECKED):
    return subject.manifest(OUT, loaded, DENSE, LIVING, checked)


@pytest.mark.slow
def test_constants_are_those_of_the_model_and_of_spec():
    model, _ = small_model(residual_noise=0.125)
    content = made(LoadedModel(model, "mine", "Keras file mine.keras", "mine.keras", None))
    expected = {
        "format": "selforg_mnist",
        "version": 1,
        "name": "mine",
        "title": "mine",
        "channels": SMALL["channels"],
        "state_channels": SMALL["channels"] - 1,
        "classes": 10,
        "hidden_channels": SMALL["hidden"],
        "image_size": 28,
        "alive_threshold": 0.1,
        "undecided_below": 0.01,
        "fire_rate": 0.5,
        "residual_noise": 0.125,
        "figures": None,
    }
    assert {name: content[name] for name in expected} == expected
    assert content["palette"] == spec.PALETTE
    assert content["undecided_colour"] == (0, 0, 0)
    assert content["background_colour"] == (255, 255, 255)


@pytest.mark.slow
def test_graphs_and_their_names(tmp_path):
    model, _ = small_model()
    content = made(LoadedModel(model, "mine", "mine", "mine", None), checked=None)
    assert content["dense"] == {
        "model": "model.json",
        "inputs": {"fire_rate": "fire_rate", "noise": "manual_noise", "x": "x"},
        "outputs": {"x": "Identity"},
    }
    assert content["living"] == {
        "model": "living/model.json",
        "inputs": {"state": "a", "noise": "b"},
        "outputs": {"gray_part": "c", "state": "d"},
    }
    assert content["checked"] is None
    (tmp_path / "out").mkdir()
    dense = Graph(tmp_path / "model.json", DENSE_NAMES)
    living = Graph(tmp_path / "living" / "model.json", LIVING_NAMES)
    subject.write(
        tmp_path, LoadedModel(model, "mine", "mine", "mine", None), dense, living, CHECKED
    )
    text = (tmp_path / "manifest.json").read_text()
    assert text.endswith("}\n")
    checked = {"limit": 1e-5, "max_difference": 3e-7, "tensorflow": "2.19.0"}
    written = json.loads(text)
    assert written["checked"] == checked | {"tensorflowjs": "4.22.0"}
    assert written["palette"][1] == [230, 25, 75]
    assert {k: v for k, v in written.items() if k not in ("checked", "palette")} == {
        k: list(v) if isinstance(v, tuple) else v
        for k, v in content.items()
        if k not in ("checked", "palette")
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", weights.SHIPPED)
def test_shipped_weights_bring_their_record_and_figures(name):
    content = made(weights.load(name))
    record = json.loads(weights.shipped_path(name).with_suffix(".json").read_text())
    assert content["name"] == name
    titles = {"ce": "Cross Entropy", "l2": "L2", "l2_noise": "L2 + Residual Noise"}
    assert content["title"] == titles.get(name, name)
    assert content["residual_noise"] == (0.0 if name in ("ce", "l2") else 0.02)
    assert content["source"] == {
        "weights": f"shipped weights {name}",
        "experiment": name,
        "package": f"selforg_mnist {__version__}",
        "record": record,
    }
    row, figures = record["final_row"]["before_mutation"], content["figures"]
    for top in ("top_accuracy", "top_agreement"):
        assert figures[top]["step"] == row[top]["step"]
        assert figures[top]["value"] == pytest.approx(row[top]["value"], abs=0.05)
    for end in ("accuracy_at_end", "agreement_at_end"):
        assert figures[end] == pytest.approx(row[end]["value"], abs=0.05)
        assert figures[end] == round(figures[end], 1)
    assert len(figures) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "source", "expected"),
    [
        ("/home/me/mine.keras", "Keras file /home/me/mine.keras", "Keras file mine.keras"),
        ("mine.keras", "Keras file mine.keras", "Keras file mine.keras"),
        ("./ce", "TensorFlow checkpoint ce", "TensorFlow checkpoint ce"),
        ("/a/ca.5.index", "TensorFlow checkpoint /a/ca.5", "TensorFlow checkpoint ca.5"),
        (
            "~/b/m.json",
            "TensorFlow.js graph model HOME/b/m.json",
            "TensorFlow.js graph model m.json",
        ),
        ("../runs/ce", "training run ../runs/ce", "training run ce"),
        ("/m.keras", "Keras file /m.keras", "Keras file m.keras"),
    ],
)
def test_no_folder_of_this_machine_is_published(monkeypatch, given, source, expected):
    monkeypatch.setenv("HOME", "/home/me")
    model, _ = small_model()
    source = source.replace("HOME", "/home/me")
    content = made(LoadedModel(model, "mine", source, given, "ce"))
    assert content["source"]["weights"] == expected
    assert content["source"]["experiment"] == "ce"
    assert content["source"]["record"] is None
