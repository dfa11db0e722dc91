"""A finished run's model is copied unchanged, with a record of how it was made."""

import hashlib
import json

import pytest
import tensorflow as tf

from experiments.ship.shipping import duration, ship, training_command
from selforg_mnist import experiment, weights
from selforg_mnist.errors import UserError
from support import train_process
from support.foreign_files import assert_one_line

PEAK = {"value": 12.5, "step": 3}
MEASURED = ("top_accuracy", "accuracy_at_end", "top_agreement", "agreement_at_end")
PHASE = dict.fromkeys((*MEASURED, "correct_agreement_at_end"), PEAK)
SUMMARY = {
    "num_samples": 10_000,
    "steps": 200,
    "seed": 7,
    "weights": "/somewhere/on/this/machine",
    "dataset": "mnist",
    "before_mutation": PHASE,
    "after_mutation": PHASE | {"top_accuracy": {"value": 95.25, "step": 90}},
}


@pytest.fixture(scope="module")
def short_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    flags = ("--experiment=l2", "--train_steps=6", "--log_every=2", "--seed=3", "--lanes=1")
    status, text = train_process.run(*train_process.TINY, *flags, run_dir=folder)
    assert status == 0, text
    return folder


@pytest.fixture
def summary(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(SUMMARY))
    return path


def refused(*arguments):
    with pytest.raises(UserError) as error:
        ship(*arguments)
    assert_one_line(error.value)
    assert not arguments[2].exists()
    return str(error.value)


@pytest.mark.slow
def test_model_is_shipped_with_the_record_of_its_making(short_run, summary, tmp_path):
    model, record = ship(short_run, summary, tmp_path / "out")
    assert (model.name, record.name) == ("l2.keras", "l2.json")
    assert sorted(p.name for p in model.parent.iterdir()) == ["l2.json", "l2.keras"]
    data = model.read_bytes()
    assert data == (short_run / "model.keras").read_bytes()
    assert weights.load(str(model)).model.count_params() == 22_499

    said = json.loads(record.read_text())
    config = json.loads((short_run / "config.json").read_text())
    assert said["command"] == (
        "python -m selforg_mnist.train --experiment=l2 --dataset=drawn "
        "--train_steps=6 --batch_size=4 --pool_size=8 --rollout_steps=3 --seed=3"
    )
    assert (said["experiment"], said["seed"], said["train_steps"]) == ("l2", 3, 6)
    assert said["dataset"] == {
        name: config["dataset"][name] for name in ("source", "num_digits", "sha256")
    }
    assert said["engine"] == config["engine"]
    assert said["engine"]["lanes"] == 1
    assert said["versions"] == config["versions"]
    assert said["cpu"]["name"]
    assert said["cpu"]["cores"] >= 1
    assert said["weights"] == {
        "file": "l2.keras",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    assert said["final_row"] == {
        name: SUMMARY[name]
        for name in ("num_samples", "steps", "seed", "before_mutation", "after_mutation")
    }
    duration = said["duration"]
    assert (duration["from_step"], duration["to_step"]) == (2, 6)
    assert duration["seconds"] < train_process.TIMEOUT
    assert duration["steps_per_second"] > 0
    for folder in (short_run, tmp_path, "/somewhere"):
        assert str(folder) not in record.read_text()


def test_record_of_an_unchanged_experiment_names_no_option():
    assert training_command(experiment.ce(), "mnist") == (
        "python -m selforg_mnist.train --experiment=ce --dataset=mnist"
    )


def test_duration_is_from_the_first_logged_step_to_the_last(tmp_path):
    folder = tmp_path / "tensorboard" / "training"
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "events.out.tfevents.1.x")) as writer:
        times = [("config", 0, 10.0), ("train/loss", 100, 50.0), ("train/loss", 600, 300.0)]
        for tag, step, time in [*times, ("pool", 700, 999.0)]:
            summary = tf.compat.v1.Summary(value=[tf.compat.v1.Summary.Value(tag=tag)])
            event = tf.compat.v1.Event(wall_time=time, step=step, summary=summary)
            writer.write(event.SerializeToString())
    found = duration(tmp_path)
    del found["note"]
    assert found == {"seconds": 250.0, "from_step": 100, "to_step": 600, "steps_per_second": 2.0}


def test_run_that_is_not_finished_is_refused(short_run, summary, tmp_path):
    newest = short_run / "checkpoints" / "step-00000006.npz"
    aside = newest.rename(tmp_path / "aside")
    try:
        text = refused(short_run, summary, tmp_path / "out")
    finally:
        aside.rename(newest)
    assert "0 training steps are done, expected 6; start its training again" in text


def test_folder_that_is_no_run_is_refused(summary, tmp_path):
    text = refused(tmp_path, summary, tmp_path / "out")
    assert text.startswith(f"run_dir={tmp_path}: has no config.json")


def test_run_without_its_tensorboard_files_is_refused(short_run, summary, tmp_path):
    aside = (short_run / "tensorboard").rename(tmp_path / "aside")
    try:
        text = refused(short_run, summary, tmp_path / "out")
    finally:
        aside.rename(short_run / "tensorboard")
    assert "to compute the duration" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file"),
        ("{", "can't be read"),
        ("[]", "can't be read"),
        (json.dumps(SUMMARY | {"after_mutation": None}), "can't be read"),
        (json.dumps({k: v for k, v in SUMMARY.items() if k != "after_mutation"}), "after_mutat"),
        (json.dumps(SUMMARY | {"before_mutation": {}}), "top_accuracy"),
        (json.dumps(SUMMARY | {"before_mutation": PHASE | {"top_accuracy": None}}), "can't be"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_other_summaries_are_refused(short_run, tmp_path, text, reason):
    path = tmp_path / "summary.json"
    if text is not None:
        path.write_text(text)
    said = refused(short_run, path, tmp_path / "out")
    assert reason in said
    assert "expected summary.json of an evaluation with --mutate" in said
