"""Stability: rules of which it is known whether states come back, and the command."""

import numpy as np
import pytest

from experiments.stability import measure
from selforg_mnist.data.digits import load_digits
from selforg_mnist.model import CAModel
from support import command


@pytest.fixture(scope="module")
def drawn():
    return load_digits("drawn", "test", num_drawn=6)


def drawn_to(middle, by):
    """A rule that moves the first state channel towards a value by a share of the distance."""
    model = CAModel(channels=11, hidden_channels=2, fire_rate=1.0)
    weights = [np.zeros(w.shape, np.float32) for w in model.get_weights()]
    weights[0][1, 1, 1] = [1.0, -1.0]  # of the cell itself: its positive and its negative part
    weights[2][0, 0] = np.eye(2)
    weights[4][0, 0, :, 0] = [-by, by]
    weights[5][0] = by * middle
    model.set_weights(weights)
    return model


@pytest.mark.slow
def test_states_that_are_drawn_to_a_value_come_back(drawn):
    found = measure.measure(drawn_to(2.0, by=0.25), drawn, 40, 0)
    assert found.back == [1.0] * len(measure.FACTORS)
    assert found.lost == [0.0] * len(measure.FACTORS)
    # Nine channels stay as they are; the mode that is seen is that of the largest growth.
    np.testing.assert_allclose(found.gain, 1.0, atol=1e-3)


@pytest.mark.slow
def test_states_that_are_driven_away_are_lost(drawn):
    found = measure.measure(drawn_to(-0.001, by=-0.2), drawn, 40, 0)
    assert found.back[-1] == 0.0
    assert found.lost[-1] == 1.0
    np.testing.assert_allclose(found.gain, 1.2, atol=1e-3)


@pytest.mark.slow
def test_command(tmp_path):
    flags = ("--weights=l2_noise", "--dataset=drawn", "--num_samples=4", "--steps=10")
    status, _, said = command.run(
        "experiments.stability", *flags, "--output_dir=out", cwd=tmp_path
    )
    assert status == 0, said
    page = (tmp_path / "out" / "report.md").read_text()
    assert "| l2_noise | 100 |" in page
