"""A run's identity: config.json, what may change on resuming, and who may write to it."""

import copy
import dataclasses
import json
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

from selforg_mnist import experiment as experiments
from selforg_mnist.data.digits import Digits, describe_digits
from selforg_mnist.errors import UserError
from selforg_mnist.experiment import ConfigError
from selforg_mnist.training import run_config
from selforg_mnist.training.computing import Computing
from selforg_mnist.training.run_config import Monitoring
from support.messages import one_line

IMAGES = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
DIGITS = Digits(IMAGES, np.array([3, 8], np.uint8), "drawn", "drawn by hand, NOT MNIST")


@pytest.fixture
def config():
    dataset = describe_digits(DIGITS)
    computing = Computing("living", lanes=2)
    return run_config.build(experiments.l2_noise(), computing, 1, dataset, Monitoring(log_every=7))


@pytest.fixture
def run_dir(tmp_path, config):
    run_config.write(tmp_path / "run", config)
    return tmp_path / "run"


def test_holds_everything_needed_to_run_again(config):
    assert config.keys() == {"experiment", "engine", "dataset", "monitoring", "versions"}
    fields = {field.name for field in dataclasses.fields(experiments.Experiment)}
    assert config["experiment"].keys() == fields
    assert config["engine"] == {
        "name": "living",
        "lanes": 2,
        "precision": "float32",
        "replicas": 1,
    }
    assert config["monitoring"] == dataclasses.asdict(Monitoring(log_every=7))
    assert config["dataset"] == {
        "source": "drawn",
        "note": "drawn by hand, NOT MNIST",
        "num_digits": 2,
        "sha256": describe_digits(DIGITS)["sha256"],
    }
    packages = {"selforg_mnist", "python", "tensorflow", "keras", "numpy"}
    packages |= {"tensorflow-datasets", "tensorboard"}
    assert config["versions"].keys() == packages
    assert all(version[0].isdigit() for version in config["versions"].values())


def test_the_checksum_knows_each_pixel_and_label():
    images, labels = IMAGES.copy(), DIGITS.labels.copy()
    images[1, 27, 27] ^= 1
    labels[0] = 4
    others = [
        Digits(images, DIGITS.labels, "drawn", ""),
        Digits(IMAGES, labels, "drawn", ""),
        Digits(IMAGES[::-1], DIGITS.labels, "drawn", ""),
    ]
    sums = {describe_digits(digits)["sha256"] for digits in [DIGITS, *others]}
    assert len(sums) == 4


def test_what_is_written_is_read(run_dir, config):
    assert run_config.read(run_dir) == config
    assert [path.name for path in run_dir.iterdir()] == ["config.json"]
    assert (run_dir / "config.json").read_text().endswith("}\n")


def test_no_run_has_no_configuration(tmp_path):
    assert run_config.read(tmp_path) is None
    assert run_config.read(tmp_path / "nowhere") is None


def _with(section, value):
    def spoil(text):
        return json.dumps({**json.loads(text), section: value})

    return spoil


def _without(section):
    def spoil(text):
        config = json.loads(text)
        del config[section]
        return json.dumps(config)

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text[:-3],
        lambda text: "{}",
        lambda text: "[]",
        lambda text: "null",
        lambda text: '"experiment"',
        lambda text: "hello",
        _without("experiment"),
        _without("engine"),
        _without("dataset"),
        _with("experiment", "l2"),
        _with("experiment", None),
        _with("engine", 5),
        _with("engine", {"name": "living", "lanes": "two"}),
        _with("engine", {"name": "living"}),
        _with("engine", {"name": "living", "lanes": float("inf")}),
        _with("engine", {"name": "living", "lanes": float("nan")}),
        _with("engine", {"name": "living", "lanes": 2, "replicas": float("inf")}),
        _with("engine", {"name": ["living"], "lanes": 2}),
        _with("engine", {"lanes": 2}),
        _with("experiment", {"name": {}}),
        _with("experiment", {"batch_size": 16}),
        _with("versions", ["2.19.0"]),
        _with("versions", 2),
        lambda text: "[" * 100_000,
        lambda text: text[:-2] + ', "deep": ' + "[" * 50_000 + "]" * 50_000 + "}",
        _with("dataset", "mnist"),
    ],
)
def test_a_damaged_one_is_one_line(run_dir, spoil):
    path = run_dir / "config.json"
    path.write_text(spoil(path.read_text()))
    before = path.read_text()
    with pytest.raises(ConfigError) as error:
        run_config.read(run_dir)
    text = one_line(error)
    assert text.startswith(f"{path}: not the configuration of a run (")
    assert f"give another --run_dir, or delete the folder {run_dir}" in text
    assert path.read_text() == before


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80 not UTF-8"])
def test_one_that_is_no_text_is_one_line(run_dir, content):
    (run_dir / "config.json").write_bytes(content)
    with pytest.raises(ConfigError, match="not the configuration of a run"):
        run_config.read(run_dir)


def test_a_folder_in_its_place_is_one_line(tmp_path, config):
    (tmp_path / "config.json").mkdir()
    with pytest.raises(ConfigError, match="not the configuration of a run"):
        run_config.read(tmp_path)
    with pytest.raises(UserError, match="can't be written"):
        run_config.write(tmp_path, config)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_no_room_leaves_the_one_before(run_dir, config):
    before = (run_dir / "config.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(UserError) as error:
            run_config.write(run_dir, {**config, "engine": {}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"{run_dir}/config.json: can't be written (File too large)" in one_line(error)
    assert (run_dir / "config.json").read_bytes() == before
    assert [path.name for path in run_dir.iterdir()] == ["config.json"]


class TestSameCourse:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", "mine"),
            ("channels", 24),
            ("hidden_channels", 96),
            ("loss", "cross_entropy"),
            ("consensus", 1.0),
            ("overflow", 0.1),
            ("residual_noise", 0.03),
            ("fire_rate", 0.6),
            ("batch_size", 8),
            ("pool_size", 80),
            ("pool_mode", "naive"),
            ("fresh_share", 0.5),
            ("mutated_share", 0.5),
            ("rollout_steps", 21),
            ("max_rollout_steps", 30),
            ("learning_rate", 0.002),
            ("schedule", "cosine"),
            ("learning_rate_drops", ((10, 0.1),)),
            ("final_learning_rate", 0.1),
            ("warmup_steps", 5),
            ("weight_averaging", 0.9),
            ("initial_weights", "ce"),
            ("canvas", 40),
            ("scale_range", (0.7, 1.0)),
            ("stroke_range", (0.8, 1.2)),
            ("plain_share", 0.5),
            ("drawn_share", 0.5),
            ("seed", 1),
        ],
    )
    def test_each_option_of_the_experiment_matters(self, config, tmp_path, field, value):
        asked = copy.deepcopy(config)
        experiment = experiments.l2_noise().replace(**{field: value})
        asked["experiment"] = experiment.to_dict()
        saved = json.loads(json.dumps(config))
        before, now = saved["experiment"][field], json.loads(json.dumps(experiment.to_dict()))
        with pytest.raises(ConfigError) as error:
            run_config.check_same_course(saved, asked, tmp_path)
        text = one_line(error)
        assert f"{field} is {before} there and {now[field]} now" in text
        # With a cosine, the end matters too.
        assert text.count(" there and ") == (2 if field == "schedule" else 1)
        assert f"run_dir={tmp_path}: holds a run of another configuration" in text

    def test_every_other_option_was_tried_above(self):
        (mark,) = self.test_each_option_of_the_experiment_matters.pytestmark
        tried = {field for field, _ in mark.args[1]} | {"train_steps"}
        assert tried == {field.name for field in dataclasses.fields(experiments.Experiment)}

    @pytest.mark.parametrize(
        ("section", "field", "value"),
        [
            ("engine", "name", "dense"),
            ("engine", "lanes", 4),
            ("dataset", "source", "mnist"),
            ("dataset", "num_digits", 3),
            ("dataset", "sha256", "0"),
        ],
    )
    def test_so_do_engine_and_data(self, config, tmp_path, section, field, value):
        asked = copy.deepcopy(config)
        asked[section][field] = value
        with pytest.raises(ConfigError) as error:
            run_config.check_same_course(config, asked, tmp_path)
        before = config[section][field]
        assert f"({section}.{field} is {before} there and {value} now)" in one_line(error)

    def test_all_differences_are_told_at_once(self, config, tmp_path):
        asked = copy.deepcopy(config)
        asked["experiment"] |= {"seed": 5, "batch_size": 32}
        asked["engine"]["lanes"] = 8
        with pytest.raises(ConfigError) as error:
            run_config.check_same_course(config, asked, tmp_path)
        assert one_line(error).count(" there and ") == 3

    def test_an_engine_of_an_earlier_version_is_told_as_such(self, config, run_dir):
        saved = copy.deepcopy(config)
        saved["engine"] |= {"name": "padded", "capacity": 3328}
        run_config.write(run_dir, saved)
        with pytest.raises(ConfigError) as error:
            run_config.check_same_course(run_config.read(run_dir), config, run_dir)
        assert "engine=padded, which this version does not have" in one_line(error)
        assert "give another --run_dir" in one_line(error)

    def test_rows_of_an_engine_that_is_gone_do_not_matter(self, config, run_dir):
        saved = copy.deepcopy(config)
        saved["engine"]["capacity"] = 0
        run_config.write(run_dir, saved)
        run_config.check_same_course(run_config.read(run_dir), config, run_dir)

    def test_length_and_looks_may_change(self, config, tmp_path):
        asked = copy.deepcopy(config)
        asked["experiment"]["train_steps"] = 5
        asked["monitoring"] = dataclasses.asdict(Monitoring(eval_every=3, checkpoint_every=1))
        asked["versions"]["tensorflow"] = "3.0"
        asked["dataset"]["note"] = "the same, kept elsewhere"
        run_config.check_same_course(config, asked, tmp_path)


class TestMonitoring:
    @pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Monitoring)])
    def test_each_has_its_least_value(self, name):
        least = 0 if name in ("eval_every", "eval_samples") else 1
        assert getattr(Monitoring(**{name: least}), name) == least
        with pytest.raises(ConfigError, match=f"^{name}={least - 1}: expected {least} or more$"):
            Monitoring(**{name: least - 1})


class TestClaim:
    def test_makes_the_folder_and_adds_no_file(self, tmp_path):
        with run_config.claim(tmp_path / "a" / "b"):
            assert list((tmp_path / "a" / "b").iterdir()) == []

    def test_is_for_one_at_a_time(self, tmp_path):
        with run_config.claim(tmp_path):
            with pytest.raises(ConfigError) as error, run_config.claim(tmp_path):
                pytest.fail("claimed twice")
            text = one_line(error)
            assert f"run_dir={tmp_path}: another process is training in it" in text
            with run_config.claim(tmp_path / "another"):
                pass
        with run_config.claim(tmp_path):
            pass

    def test_ends_with_an_error_inside(self, tmp_path):
        with pytest.raises(OSError, match="mine"), run_config.claim(tmp_path):
            raise OSError("mine")
        with run_config.claim(tmp_path):
            pass

    def test_ends_with_its_process(self, tmp_path):
        code = (
            "import pathlib, sys; from selforg_mnist.training import run_config\n"
            f"with run_config.claim(pathlib.Path({str(tmp_path)!r})):\n"
            "    print('claimed', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", code]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, env=os.environ | {"PYTHONPATH": "."}) as process:
            assert process.stdout.readline() == b"claimed\n"
            with pytest.raises(ConfigError), run_config.claim(tmp_path):
                pass
            process.kill()
            process.wait()
        with run_config.claim(tmp_path):
            pass

    @pytest.mark.parametrize("below", ["", "below"])
    def test_a_file_in_its_place_is_one_line(self, tmp_path, below):
        (tmp_path / "file").write_text("mine")
        folder = tmp_path / "file" / below
        with pytest.raises(UserError) as error, run_config.claim(folder):
            pass
        assert f"{folder}: can't be written (" in one_line(error)
        assert (tmp_path / "file").read_text() == "mine"
