"""The configurations: the article's table, validation, and no TensorFlow behind them."""

import dataclasses
import json
import subprocess
import sys

import pytest

from selforg_mnist import experiment, spec
from selforg_mnist.experiment import ConfigError, Experiment

ARTICLE = ("ce", "l2", "l2_noise")
NEUTRAL = {
    "consensus": 0.0,
    "overflow": 0.0,
    "max_rollout_steps": 0,
    "final_learning_rate": 0.01,  # only used with "cosine"
    "warmup_steps": 0,
    "weight_averaging": 0.0,
    "initial_weights": "",
    "canvas": 28,
    "scale_range": [1.0, 1.0],
    "stroke_range": None,
    "plain_share": 0.0,
    "drawn_share": 0.0,
}


class TestRegistry:
    def test_is_the_article_s_table(self):
        table = {
            name: (config.name, config.loss, config.residual_noise)
            for name in ARTICLE
            for config in [experiment.get(name)]
        }
        assert table == {
            "ce": ("ce", "cross_entropy", 0.0),
            "l2": ("l2", "l2", 0.0),
            "l2_noise": ("l2_noise", "l2", 0.02),
        }

    @pytest.mark.parametrize("name", ["ce", "l2", "l2_noise"])
    def test_everything_else_is_the_article_s_training(self, name):
        options = experiment.get(name).to_dict()
        for own in ("name", "loss", "residual_noise"):
            del options[own]
        # Options that the article's training doesn't have, at the values that do nothing.
        assert {name: options.pop(name) for name in NEUTRAL} == NEUTRAL
        assert options == {
            "channels": 20,
            "hidden_channels": 80,
            "fire_rate": 0.5,
            "train_steps": 100_000,
            "batch_size": 16,
            "pool_size": 160,
            "pool_mode": "mutating",
            "fresh_share": 0.25,
            "mutated_share": 0.25,
            "rollout_steps": 20,
            "learning_rate": 1e-3,
            "schedule": "drops",
            "learning_rate_drops": [[30_000, 0.1], [70_000, 0.01]],
            "seed": 0,
        }

    def test_unknown_name_lists_what_there_is(self):
        with pytest.raises(ConfigError) as error:
            experiment.get("nonsense")
        message = str(error.value)
        assert "\n" not in message
        for word in ("nonsense", "ce", "l2", "l2_noise"):
            assert word in message

    def test_constants_of_the_article(self):
        assert (spec.NUM_CHANNELS, spec.STATE_CHANNELS, spec.NUM_CLASSES) == (20, 19, 10)
        assert (spec.HIDDEN_CHANNELS, spec.KERNEL_SIZE, spec.NUM_PARAMETERS) == (80, 3, 22_499)
        assert (spec.ALIVE_THRESHOLD, spec.FIRE_RATE, spec.RESIDUAL_NOISE) == (0.1, 0.5, 0.02)


class TestExperiment:
    def test_is_frozen(self):
        config = experiment.get("ce")
        with pytest.raises(dataclasses.FrozenInstanceError):
            config.seed = 1

    def test_replace_gives_a_changed_copy(self):
        config = experiment.get("ce")
        assert config.replace(seed=7).seed == 7
        assert config.seed == 0
        assert config.replace(seed=7).replace(seed=0) == config

    def test_replace_validates_again(self):
        with pytest.raises(ConfigError, match=r"fire_rate=2\.0: expected"):
            experiment.get("ce").replace(fire_rate=2.0)

    def test_survives_json(self):
        config = experiment.get("l2_noise").replace(seed=3, learning_rate_drops=((10, 0.5),))
        for kept in (config, experiment.get("robust")):
            assert Experiment(**json.loads(json.dumps(kept.to_dict()))) == kept

    @pytest.mark.parametrize(
        "options",
        [
            {"loss": "hinge"},
            {"loss": "L2"},
            {"loss": ""},
            {"pool_mode": "none"},
            {"pool_mode": None},
            {"train_steps": 0},
            {"batch_size": 0},
            {"batch_size": -16},
            {"batch_size": 6},
            {"batch_size": 6, "pool_mode": "persistent"},
            {"pool_size": 0, "pool_mode": "naive"},
            {"pool_size": 15},
            {"rollout_steps": 0},
            {"residual_noise": -0.02},
            {"residual_noise": float("nan")},
            {"residual_noise": float("inf")},
            {"fire_rate": 0.0},
            {"fire_rate": 1.01},
            {"fire_rate": float("nan")},
            {"learning_rate": 0.0},
            {"learning_rate": -1e-3},
            {"learning_rate": float("nan")},
            {"learning_rate": float("inf")},
            {"learning_rate_drops": ((0, 0.1),)},
            {"learning_rate_drops": ((5, 0.1), (5, 0.01))},
            {"learning_rate_drops": ((70, 0.1), (30, 0.01))},
            {"channels": 10},
            {"hidden_channels": 0},
            {"consensus": -1.0},
            {"overflow": -0.1},
            {"consensus": 2.0, "loss": "cross_entropy"},
            {"max_rollout_steps": 19},
            {"schedule": "linear"},
            {"final_learning_rate": 1.1},
            {"warmup_steps": -1},
            {"weight_averaging": 1.0},
            {"fresh_share": -0.25},
            {"mutated_share": 1.0},
            {"canvas": 27},
            {"canvas": 1025},
            {"canvas": 56, "scale_range": (0.7, 2.1)},
            {"scale_range": (2.0, 0.7)},
            {"scale_range": (0.0, 1.0)},
            {"stroke_range": (1.0,)},
            {"plain_share": 1.5},
            {"drawn_share": 1.5},
        ],
        ids=str,
    )
    def test_value_out_of_range_is_named_beside_what_was_expected(self, options):
        self.assert_refused(options)

    @pytest.mark.parametrize(
        "options",
        [
            {"rollout_steps": 2.5},
            {"batch_size": 16.0},
            {"batch_size": "16"},
            {"train_steps": None},
            {"residual_noise": "0.02"},
            {"fire_rate": None},
            {"learning_rate": "1e-3"},
            {"seed": 1.5},
            {"seed": "zero"},
            {"learning_rate_drops": 30_000},
            {"learning_rate_drops": ((30_000, 0.1, 0.2),)},
            {"learning_rate_drops": ((1.5, 0.1),)},
            {"scale_range": ("a", "b")},
            {"channels": 20.0},
        ],
        ids=str,
    )
    def test_value_of_a_wrong_kind_is_named_beside_what_was_expected(self, options):
        self.assert_refused(options)

    def test_batch_without_whole_shares_is_told_its_unit(self):
        with pytest.raises(
            ConfigError, match=r"batch_size=16: expected a multiple of 32, .*0\.03"
        ):
            Experiment("test", fresh_share=1 / 32)

    @pytest.mark.parametrize("factor", [-1.0, float("nan"), float("inf")])
    def test_drop_to_a_rate_that_is_no_rate_is_refused(self, factor):
        self.assert_refused({"learning_rate_drops": ((30_000, factor),)})

    @pytest.mark.parametrize("seed", [2**64, -(2**64)])
    def test_seed_beyond_64_bits_is_refused(self, seed):
        self.assert_refused({"seed": seed})

    def assert_refused(self, options):
        name, value = next(iter(options.items()))
        with pytest.raises(ConfigError) as error:
            Experiment("test", **options)
        message = str(error.value)
        assert message.startswith(f"{name}={value}: expected ")
        assert len(message) > len(f"{name}={value}: expected ")
        assert "\n" not in message

    @pytest.mark.parametrize(
        "options",
        [
            {"fire_rate": 1.0},
            {"batch_size": 4, "pool_size": 4},
            {"batch_size": 3, "pool_mode": "naive"},
            {"train_steps": 1, "rollout_steps": 1},
            {"learning_rate_drops": ()},
            {"learning_rate_drops": ((1, 0.5),)},
            {"seed": -1},
            {"seed": 2**40},
            {"channels": 11, "hidden_channels": 1},
            {"max_rollout_steps": 20},
            {"fresh_share": 0.0, "mutated_share": 1.0},
            {"fresh_share": 0.0625, "mutated_share": 0.125, "batch_size": 32},
            {"canvas": 64, "scale_range": (0.7, 2.2), "stroke_range": (0.8, 2.2)},
        ],
        ids=str,
    )
    def test_edge_of_the_range_is_accepted(self, options):
        config = Experiment("test", **options)
        assert {name: getattr(config, name) for name in options} == options


def test_importing_them_loads_no_tensorflow():
    code = (
        "import sys, selforg_mnist.experiment;"
        "print([m for m in ('tensorflow', 'keras', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
