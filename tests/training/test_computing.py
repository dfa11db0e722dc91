"""The options of how a training is computed: each is checked, and each has an effect."""

import pytest

from selforg_mnist.experiment import ConfigError
from selforg_mnist.training.computing import AUTOMATIC, ENGINES, PRECISIONS, Computing


def test_everything_is_open_unless_asked_for():
    assert Computing("auto", lanes=0, precision="float32") == AUTOMATIC


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_engine_takes_every_precision(engine, precision):
    assert Computing(engine, precision=precision).precision == precision


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "sparse"}, "engine=sparse: expected one of auto, dense, living"),
        ({"precision": "float16"}, "precision=float16: expected one of float32, bfloat16"),
        ({"lanes": -1}, "lanes=-1: expected 0, or more with --engine=living; the engine is auto"),
        ({"engine": "dense", "lanes": 2}, "lanes=2: expected 0, .*; the engine is dense"),
    ],
)
def test_what_no_training_can_use_is_refused(options, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        Computing(**options)


@pytest.mark.parametrize("lanes", [3, 5, 32])
def test_lanes_that_do_not_divide_the_batch_are_refused(lanes):
    with pytest.raises(ConfigError, match=f"^lanes={lanes}: expected a divisor of batch_size=16"):
        Computing(lanes=lanes).check_share(16)


@pytest.mark.parametrize("lanes", [0, 1, 2, 8, 16])
def test_others_are_not(lanes):
    Computing(lanes=lanes).check_share(16)


def test_a_change_is_checked_too():
    with pytest.raises(ConfigError, match="lanes=2"):
        Computing("living", lanes=2).replace(engine="dense")
