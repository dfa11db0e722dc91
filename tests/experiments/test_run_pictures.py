"""Extracts the newest pictures of a run from its TensorBoard files."""

import numpy as np
import pytest
from PIL import Image

from selforg_mnist.evaluation.evaluation import Curves
from selforg_mnist.training.summaries import RunSummaries
from support import command

PICTURES = "experiments.run_pictures"


@pytest.mark.slow
def test_newest_picture_of_each_tag_is_written(tmp_path):
    with RunSummaries(tmp_path / "tensorboard") as summaries:
        for step, accuracy in ((100, 0.2), (200, 0.8)):
            values = [np.full(5, accuracy)] * 5
            summaries.evaluation(step, Curves(*values, num_samples=10))
            flags = ("--run_dir=.", f"--output_dir=after_{step}")
            status, _, said = command.run(PICTURES, *flags, cwd=tmp_path)
            assert status == 0, said
            assert [path.name for path in (tmp_path / f"after_{step}").iterdir()] == ["curves.png"]
    before, after = (
        np.asarray(Image.open(tmp_path / f"after_{step}" / "curves.png")) for step in (100, 200)
    )
    assert before.shape == after.shape
    assert (before != after).any()


@pytest.mark.slow
def test_run_without_pictures_is_refused_in_one_line(tmp_path):
    flags = ("--run_dir=.", "--output_dir=out")
    line = command.refused(PICTURES, *flags, cwd=tmp_path, tensorflow=True)
    assert "expected a run with pictures" in line
    assert not (tmp_path / "out").exists()
