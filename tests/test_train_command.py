"""The training command's flags: each has an effect, and a mistake gives one line at once."""

import dataclasses
import json
import re

import pytest

from selforg_mnist import experiment as experiments
from selforg_mnist.experiment import Experiment
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.run_config import Monitoring
from support import command
from support.command import refused
from support.train_process import TINY, run

TRAIN = "selforg_mnist.train"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--experiment=nonsense", "experiment=nonsense: expected one of ce, l2, l2_noise"),
        ("--experiment=", "experiment=: expected one of ce, l2, l2_noise"),
        ("--train_steps=0", "train_steps=0: expected a whole number, 1 or more"),
        ("--batch_size=6", "batch_size=6: expected a multiple of 4"),
        ("--batch_size=-4", "batch_size=-4: expected a whole number, 1 or more"),
        ("--batch_size=abc", "--batch_size=abc: invalid literal for int() with base 10: 'abc'"),
        ("--batch_size=1.5", "--batch_size=1.5: invalid literal"),
        ("--batch_size=", "--batch_size="),
        ("--pool_size=8", "pool_size=8: expected at least batch_size=16"),
        (
            "--pool_mode=nonsense",
            "pool_mode=nonsense: expected one of naive, persistent, mutating",
        ),
        ("--rollout_steps=0", "rollout_steps=0: expected a whole number, 1 or more"),
        ("--loss=mse", "loss=mse: expected one of l2, cross_entropy"),
        ("--residual_noise=-1", "residual_noise=-1.0: expected a number, 0 or more"),
        ("--residual_noise=nan", "residual_noise=nan: expected a number, 0 or more"),
        ("--fire_rate=0", "fire_rate=0.0: expected a number above 0, at most 1"),
        ("--fire_rate=50%", "--fire_rate=50%: could not convert string to float"),
        ("--learning_rate=0", "learning_rate=0.0: expected a number above 0"),
        ("--learning_rate=inf", "learning_rate=inf: expected a number above 0"),
        ("--seed=one", "--seed=one: invalid literal"),
        ("--seed=9223372036854775808", "seed=9223372036854775808: expected a whole number of 64"),
        ("--engine=fast", "--engine=fast: value should be one of <auto|dense|living>"),
        ("--lanes=3", "lanes=3: expected a divisor of batch_size=16"),
        ("--lanes=-1", "lanes=-1: expected 0, or more with --engine=living"),
        ("--precision=half", "--precision=half: value should be one of <float32|bfloat16>"),
        ("--train_steps=1_000", "--train_steps=1_000: expected a whole number of 64 bits, in dig"),
        (f"--log_every={'9' * 23}", f"--log_every={'9' * 23}: expected a whole number of 64 bits"),
        (f"--eval_every={2**62 + 1}", f"eval_every={2**62 + 1}: expected {2**62} or less"),
        ("--run_dir=", "run_dir=: expected a folder; leave the flag out for runs/l2_noise"),
        ("--initial_weights=l2_nose", "weights=l2_nose: unknown, did you mean l2_noise?"),
        ("--log_every=0", "log_every=0: expected 1 or more"),
        ("--eval_every=-1", "eval_every=-1: expected 0 or more"),
        ("--eval_samples=-1", "eval_samples=-1: expected 0 or more"),
        ("--eval_steps=0", "eval_steps=0: expected 1 or more"),
        ("--checkpoint_every=0", "checkpoint_every=0: expected 1 or more"),
        ("--steps_per_call=0", "steps_per_call=0: expected 1 or more"),
        ("--epochs=3", "Unknown command line flag 'epochs'"),
        ("--batchsize=16", "Did you mean: batch_size"),
        ("--run_dir", "Missing value for flag --run_dir"),
        ("l2_noise", "l2_noise: expected flags only"),
        ("--run_dir=file", "file: can't be written (File exists)"),
        ("--run_dir=file/run", "file/run: can't be written (Not a directory)"),
        ("--run_dir=/proc/run", "/proc/run: can't be written ("),  # not even by root
        ("--run_dir=damaged", "damaged/config.json: not the configuration of a run ("),
    ],
)
def test_a_mistake_is_one_line_at_once(tmp_path, flag, said):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "config.json").write_text('{"experiment": {"na')
    assert said in refused(TRAIN, flag, cwd=tmp_path)
    assert (tmp_path / "file").read_text() == "mine"
    assert [path.name for path in (tmp_path / "damaged").iterdir()] == ["config.json"]


@pytest.mark.parametrize("flag", ["--help", "--helpfull", "--helpshort"])
def test_help_is_no_mistake(tmp_path, flag):
    status, printed, said = command.run(TRAIN, flag, cwd=tmp_path, tensorflow=False)
    assert (status, said) == (0, "")
    assert "--experiment" in printed


@pytest.mark.slow
def test_help_lists_every_flag_with_its_default(tmp_path):
    _, printed, said = command.run(TRAIN, "--help", cwd=tmp_path)
    assert said == ""
    sections = re.split(r"^  --(?:\[no\])?(\w+): ", printed, flags=re.MULTILINE)
    told = dict(zip(sections[1::2], sections[2::2], strict=True))
    experiment = {field.name for field in dataclasses.fields(Experiment)}
    flags = {"experiment", "run_dir", "dataset", "data_dir", "manual_dir"}
    flags |= {"strategy", "tpu", "cpu_replicas"}
    flags |= {field.name for field in dataclasses.fields(Computing)}
    assert flags | experiment - {"name", "learning_rate_drops"} <= told.keys()
    for field in dataclasses.fields(Monitoring):
        assert f"(default: '{field.default}')" in told[field.name]
    assert "python -m selforg_mnist.train --experiment=l2_noise" in sections[0]
    assert "ce, l2, l2_noise" in told["experiment"]
    assert "naive, persistent, mutating" in told["pool_mode"]
    assert "l2, cross_entropy" in told["loss"]


@pytest.mark.slow
def test_every_option_reaches_the_run_and_auto_without_mnist_says_so(tmp_path):
    experiment = {
        "train_steps": 3,
        "batch_size": 8,
        "pool_size": 12,
        "pool_mode": "persistent",
        "rollout_steps": 2,
        "loss": "cross_entropy",
        "residual_noise": 0.25,
        "fire_rate": 0.75,
        "learning_rate": 0.5,
        "seed": 7,
    }
    monitoring = {
        "log_every": 3,
        "eval_every": 1,
        "eval_samples": 9,
        "eval_steps": 4,
        "checkpoint_every": 2,
        "steps_per_call": 5,
    }
    flags = [f"--{name}={value}" for name, value in (experiment | monitoring).items()]
    flags += ["--experiment=ce", "--engine=living", "--lanes=2", "--precision=bfloat16"]
    flags += ["--dataset=auto", f"--data_dir={tmp_path / 'data'}"]
    nowhere = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:9")
    nowhere |= {"no_proxy": "", "NO_PROXY": ""} | {n.upper(): nowhere[n] for n in nowhere}
    status, text = run(*flags, run_dir=tmp_path / "run", env=nowhere)
    assert status == 0, text
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    drops = {"learning_rate_drops": [[30000, 0.1], [70000, 0.01]]}
    assert config["experiment"] == experiments.ce().to_dict() | experiment | drops
    assert config["monitoring"] == monitoring
    computing = {"name": "living", "lanes": 2, "precision": "bfloat16"}
    assert config["engine"] == computing | {"replicas": 1}

    assert config["dataset"]["source"] == "drawn"
    note = config["dataset"]["note"]
    assert note.startswith("drawn: embedded hand-made strokes, NOT MNIST; train split, seed 7")
    assert "mnist not found: dataset 'mnist' is not prepared in" in note
    assert str(tmp_path / "data") in note
    assert f"Data: 10000 digits, {note}." in text

    # The options of logging, evaluating and saving.
    assert re.findall(r"step (\d)/3", text) == ["3"]
    assert text.count("Held out, 9 digits, after 4 CA steps") == 3
    curves = {path.name for path in (tmp_path / "run" / "tensorboard" / "curves").iterdir()}
    assert curves == {f"after_{step:06d}_steps" for step in (1, 2, 3)}
    saved = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert saved == {"step-00000002.npz", "step-00000003.npz"}
    written = b"".join(
        path.read_bytes() for path in (tmp_path / "run" / "tensorboard" / "training").iterdir()
    )
    assert b"mnist not found" in written


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--dataset=fashion-mnist"], "'fashion-mnist' is unknown: did you mean 'fashion_mnist'?"),
        (["--dataset="], "dataset '' is unknown: expected 'auto', 'drawn', 'mnist' or another"),
        (["--manual_dir=nowhere"], "manual_dir 'nowhere' does not exist"),
        (["--dataset=drawn", "--seed=-1"], "seed -1: expected 0 or more"),
    ],
)
def test_a_mistake_about_the_data_is_one_line(tmp_path, flags, said):
    status, text = run(*flags, f"--data_dir={tmp_path / 'data'}", run_dir=tmp_path / "run")
    assert status == 1
    assert said in text.splitlines()[-1]
    assert text.splitlines()[-1].startswith("error: ")
    assert "Traceback" not in text


def test_the_run_dir_is_named_after_the_experiment_and_knows_home(tmp_path):
    # A file in place of the folder shows at once which folder is used.
    (tmp_path / "runs").write_text("mine")
    assert "runs/l2: can't be written" in refused(TRAIN, "--experiment=l2", cwd=tmp_path)
    said = refused(TRAIN, "--run_dir=~/runs/mine", cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert f"{tmp_path}/runs/mine: can't be written" in said


@pytest.mark.slow
def test_a_run_dir_in_korean_under_the_plainest_locale(tmp_path):
    flags = (*TINY, "--train_steps=2", "--run_dir=실행")
    status, _, said = command.run(TRAIN, *flags, cwd=tmp_path, env={"LC_ALL": "C"})
    assert status == 0, said
    assert (tmp_path / "실행" / "model.keras").is_file()
    assert "The model is 실행/model.keras" in said
