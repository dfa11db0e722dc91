"""The shipped weights agree with their records, and reach the recorded results."""

import hashlib
import json

import pytest

from selforg_mnist import experiment, weights
from selforg_mnist.data import digits
from selforg_mnist.evaluation import evaluation, evaluation_report

RECORDED = {
    name: json.loads(weights.shipped_path(name).with_suffix(".json").read_text())
    for name in weights.SHIPPED
}

LAST_PARTS = {  # of trainings in parts; the record is of the last one
    "consensus": (
        " --consensus=3.0 --train_steps=28000 --rollout_steps=20 --max_rollout_steps=40 "
        "--learning_rate=0.001 --initial_weights=consensus --seed=1"
    ),
    "robust": (
        " --consensus=0.5 --train_steps=8500 --batch_size=32 --pool_size=1024 "
        "--fresh_share=0.03125 --mutated_share=0.0625 --learning_rate=0.001 --warmup_steps=200 "
        "--initial_weights=robust --plain_share=0.7 --seed=7"
    ),
}


@pytest.mark.parametrize("name", weights.SHIPPED)
def test_file_is_the_one_of_the_record_and_small(name):
    data, record = weights.shipped_path(name).read_bytes(), RECORDED[name]
    assert len(data) < 300_000
    assert hashlib.sha256(data).hexdigest() == record["weights"]["sha256"]
    assert record["dataset"]["source"] == "mnist"
    command = f"python -m selforg_mnist.train --experiment={name} --dataset=mnist"
    if name in LAST_PARTS:
        command += LAST_PARTS[name]
    else:
        assert record["train_steps"] == experiment.get(name).train_steps
    assert record["command"] == command
    assert record["final_row"]["num_samples"] == 10_000


@pytest.mark.slow
@pytest.mark.parametrize("name", weights.SHIPPED)
def test_model_is_the_experiment_s(name):
    loaded, asked_for = weights.load(name), experiment.get(name)
    assert loaded.name == loaded.experiment == loaded.given == name
    assert loaded.model.count_params() == (58_673 if name == "robust" else 22_499)
    assert loaded.model.channels == asked_for.channels
    assert loaded.model.residual_noise == asked_for.residual_noise
    assert loaded.model.fire_rate == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", weights.SHIPPED)
def test_model_gives_what_is_recorded(name, mnist_data_dir):
    test = digits.subset(digits.load_digits("mnist", "test", str(mnist_data_dir)), 200, seed=1)
    row = evaluation_report.row(evaluation.evaluate(weights.load(name).model, test))
    recorded = RECORDED[name]["final_row"]["before_mutation"]
    # Of 200 digits the standard errors are about one point of accuracy and two of agreement.
    assert row.accuracy_at_end.value == pytest.approx(
        recorded["accuracy_at_end"]["value"], abs=2.5
    )
    assert row.agreement_at_end.value == pytest.approx(
        recorded["agreement_at_end"]["value"], abs=6
    )
    assert row.top_agreement.value == pytest.approx(recorded["top_agreement"]["value"], abs=6)
