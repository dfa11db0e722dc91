"""Model size: what is trained, and the command."""

import json

import pytest

from experiments.model_size import measure, report, sizes
from selforg_mnist import spec
from selforg_mnist.data.digits import load_digits
from selforg_mnist.training import engines
from support import command


@pytest.mark.parametrize("size", [(20, 80), (12, 16), (32, 24)])
def test_multiplications_are_all_weights_but_the_biases(size):
    model = engines.build_model(sizes.config(size, 1e-3, 100, 0))
    channels, hidden = size
    biases = 2 * hidden + channels - spec.GRAY_CHANNELS
    assert sizes.multiplications(*size) == model.count_params() - biases


def test_trainings_of_a_study_differ_in_size_rate_length_and_seed_alone():
    one = sizes.config((20, 16), 1e-3, 400, 0).to_dict()
    other = sizes.config((32, 80), 2e-3, 100, 1).to_dict()
    differing = {key for key in one if one[key] != other[key]}
    assert differing == {
        "channels", "hidden_channels", "learning_rate", "train_steps", "seed", "warmup_steps"
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.long
def test_command_takes_the_best_rate_and_keeps_what_is_done(tmp_path):
    flags = ("--dataset=drawn", "--sizes=11x4", "--repeated=11x4", "--seeds=2")
    flags += ("--rates=0.001,0.002", "--train_steps=4", "--num_samples=20", "--steps=5")
    for _ in range(2):
        status, _, said = command.run(
            "experiments.model_size", *flags, "--output_dir=out", cwd=tmp_path
        )
        assert status == 0, said
    assert "step 4/4" not in said  # the second time
    found = json.loads((tmp_path / "out" / "model_size.json").read_text())["models"]
    assert len(found["11x4"]["cell_accuracy"]) == 2
    tried = found["11x4"]["rates"]
    assert tried[f"{found['11x4']['rate']:g}"] == max(tried.values())
    assert "| 11 | 4 |" in (tmp_path / "out" / "report.md").read_text()


def test_report_has_a_line_for_each_size_and_the_correlation(tmp_path):
    results = [
        measure.Result((20, hidden), n, n, {"0.001": 50.0}, 1e-3, right, right, right, 1.0)
        for hidden, n, right in ((8, 10, [50.0]), (16, 100, [60.0, 62.0]), (80, 1000, [70.0]))
    ]
    digits = load_digits("drawn", "test", num_drawn=10)
    study = measure.Settings(tmp_path, digits, digits, 100, 5, [1e-3])
    report.write(tmp_path, results, study, 16)
    page = (tmp_path / "report.md").read_text()
    assert "| 20 | 16 | 100 | 100 | 0.001 | 2 | 61.0 ± 1.4 |" in page
    assert "cells right 1.00" in page


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--sizes=20", "sizes=20: expected sizes such as 20x80"),
        ("--sizes=5x80", "channels=5: expected"),
        ("--rates=fast", "rates=fast: expected numbers"),
    ],
)
def test_mistakes(tmp_path, flag, expected):
    said = command.refused("experiments.model_size", "--output_dir=out", flag, cwd=tmp_path)
    assert expected in said
