"""The evaluation command: what it prints and writes, and the article's own weights through it."""

import json

import numpy as np
import pytest

from selforg_mnist.model import CAModel
from support import command, reference_ca
from support.foreign_files import article_model

EVALUATE = "selforg_mnist.evaluate"


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    model = CAModel()
    model.set_weights(reference_ca.random_weights())
    path = tmp_path_factory.mktemp("model") / "mine.keras"
    model.save(path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "run_dir=, weights=: expected one of the two"),
        (["--weights=ce", "--run_dir=runs/ce"], "run_dir=runs/ce, weights=ce: expected one of"),
        (["--weights=ce"], "output_dir=: expected a folder"),
        (["--weights=l2_nose"], "weights=l2_nose: unknown, did you mean l2_noise?"),
        (["--weights=missing.keras"], "missing.keras: can't be read (No such file"),
        (["--run_dir=nowhere"], "run_dir=nowhere: has no model.keras"),
        (["--weights=ce", "--output_dir=o", "--steps=0"], "steps=0: expected 1 or more"),
        (["--weights=ce", "--output_dir=o", "--batch_size=0"], "batch_size=0: expected 1 or"),
        (["--weights=ce", "--output_dir=o", "--num_samples=-1"], "num_samples=-1: expected 0 or"),
        (["--weights=ce", "--output_dir=o", "--mutation"], "Unknown command line flag"),
        (["ce"], "ce: expected flags only"),
    ],
)
def test_a_mistake_is_one_line_at_once(tmp_path, flags, said):
    assert said in command.refused(EVALUATE, *flags, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--weights=MODEL", "--num_samples=3000"], "3000 digits asked for: expected 0 (all) to"),
        (["--weights=MODEL", "--num_samples=1", "--mutate"], "num_samples=1: expected 2 or more"),
        (["--weights=MODEL", "--residual_noise=-1"], "residual_noise=-1.0: expected a number, 0"),
        (["--weights=MODEL", "--output_dir=file"], "file: can't be written (File exists)"),
    ],
)
def test_what_only_the_data_shows_is_one_line_too(tmp_path, model_file, flags, said):
    (tmp_path / "file").write_text("mine")
    flags = [flag.replace("MODEL", str(model_file)) for flag in flags]
    if not any("output_dir" in flag for flag in flags):
        flags.append("--output_dir=out")
    flags.append("--dataset=drawn")
    assert said in command.refused(EVALUATE, *flags, cwd=tmp_path, tensorflow=True)
    assert (tmp_path / "file").read_text() == "mine"
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.slow
def test_every_option_has_its_effect(tmp_path, model_file):
    flags = ["--steps=4", "--num_samples=30", "--batch_size=7", "--seed=5", "--mutate"]
    flags += ["--dataset=drawn", "--residual_noise=0.5", "--output_dir=out"]
    flags += [f"--weights={model_file}"]
    status, printed, said = command.run(EVALUATE, *flags, cwd=tmp_path)
    assert status == 0, said
    lines = printed.splitlines()
    assert lines[0].startswith("30 digits of drawn; values in percent")
    assert sum("mine, " in line for line in lines) == 2
    assert sum("article: " in line for line in lines) == 3  # its experiment is unknown
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    expected = {"num_samples": 30, "steps": 4, "seed": 5, "dataset": "drawn"}
    expected |= {"residual_noise": 0.5, "weights": str(model_file)}
    assert {name: summary[name] for name in expected} == expected
    value = summary["before_mutation"]["accuracy_at_end"]["value"]
    assert any(f" {value:.1f} at 4 " in line for line in lines)
    table = np.genfromtxt(tmp_path / "out" / "curves.csv", delimiter=",", names=True)
    assert table["step"].tolist() == list(range(1, 9))
    # The noise changes a cell more than the file's model does.
    assert table["residual_magnitude"].min() > 0.35
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "accuracy_and_agreement.png",
        "curves.csv",
        "magnitudes.png",
        "summary.json",
    ]


@pytest.mark.slow
def test_the_article_s_weights_give_the_article_s_figures(tmp_path, mnist_data_dir):
    flags = [f"--weights={article_model()}", "--dataset=mnist", f"--data_dir={mnist_data_dir}"]
    flags += ["--num_samples=400", "--output_dir=out"]
    status, printed, said = command.run(EVALUATE, *flags, cwd=tmp_path)
    assert status == 0, said
    assert "article: L2 + Residual Noise" in printed
    table = np.genfromtxt(tmp_path / "out" / "curves.csv", delimiter=",", names=True)
    # Over all 10,000 digits: 84.3, 94.7, 95.4 and 14.2, 77.2, 86.2, 87.9 percent. Of 400
    # digits the standard errors are about 1 point of accuracy and 1.7 of agreement.
    for step, accuracy in ((20, 84.3), (40, 94.7), (200, 95.4)):
        assert table["cell_accuracy"][step - 1] == pytest.approx(accuracy, abs=2)
    for step, agreement in ((20, 14.2), (40, 77.2), (65, 86.2), (200, 87.9)):
        assert table["total_agreement"][step - 1] == pytest.approx(agreement, abs=4)
    assert table["correct_agreement"][-1] == pytest.approx(86.8, abs=4)
    assert table["state_magnitude"][-1] == pytest.approx(0.50, abs=0.01)
