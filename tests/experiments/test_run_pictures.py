"""Extracts the newest pictures of a run from its TensorBoard files."""

import numpy as np
import pytest
from PIL import Image

from experiments.run_pictures import save_pictures
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation.evaluation import Curves
from selforg_mnist.training.summaries import RunSummaries


@pytest.mark.slow
def test_newest_picture_of_each_tag_is_written(tmp_path):
    with RunSummaries(tmp_path / "tensorboard") as summaries:
        for step, accuracy in ((100, 0.2), (200, 0.8)):
            values = [np.full(5, accuracy)] * 5
            summaries.evaluation(step, Curves(*values, num_samples=10))
            (first,) = save_pictures(tmp_path, tmp_path / f"after {step}")
            assert first.name == "curves.png"
    before, after = (
        np.asarray(Image.open(tmp_path / f"after {step}" / "curves.png")) for step in (100, 200)
    )
    assert before.shape == after.shape
    assert (before != after).any()


def test_run_without_pictures_is_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match="expected a run with pictures") as error:
        save_pictures(tmp_path, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()
