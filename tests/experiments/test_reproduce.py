"""The whole reproduction at small size: table, figures and films of three simple models."""

import json
import re

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from selforg_mnist.evaluation import article
from selforg_mnist.model import CAModel
from support import command, reference_ca

REPRODUCE = "experiments.reproduce"
STEPS = 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "--output_dir"),
        (["--output_dir=o", "--steps=0"], "steps=0: expected 1 or more"),
        (["--output_dir=o", "--num_samples=-1"], "num_samples=-1: expected 0 or more"),
        (["--output_dir=o", "--train"], "train=true: expected a folder for the runs"),
        (["--output_dir=o", "--films=some"], "--films=some: value should be one of"),
    ],
)
def test_a_mistake_is_one_line_at_once(tmp_path, flags, said):
    assert said in command.refused(REPRODUCE, *flags, cwd=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reproduced")
    for scale, name in enumerate(article.TABLE, start=1):
        model = CAModel(residual_noise=0.02 if name == "l2_noise" else 0.0)
        weights = reference_ca.random_weights()
        weights[-2] *= scale
        model.set_weights(weights)
        (folder / "runs" / name).mkdir(parents=True)
        model.save(folder / "runs" / name / "model.keras")
    flags = ["--runs_dir=runs", "--output_dir=out", "--dataset=drawn", "--num_samples=14"]
    status, printed, said = command.run(
        REPRODUCE, *flags, f"--steps={STEPS}", "--seed=3", cwd=folder
    )
    assert status == 0, said
    assert printed.startswith('# "Self-classifying MNIST Digits", reproduced')
    return folder / "out"


@pytest.mark.slow
@pytest.mark.long
class TestReproduction:
    def test_report_has_ours_beside_the_article_s(self, reproduced):
        text = (reproduced / "report.md").read_text()
        table, differences = text.split("Our values minus the article's")
        for name, row in article.TABLE.items():
            summary = json.loads((reproduced / name / "summary.json").read_text())
            ours = summary["before_mutation"]["agreement_at_end"]["value"]
            (line,) = re.findall(rf"^\| {name}, before mutation +\| .* \|$", table, re.MULTILINE)
            assert line.split("|")[5].strip() == f"{ours:.1f} at {STEPS}"
            (line,) = re.findall(rf"^\| {name} \| .* \|$", differences, re.MULTILINE)
            assert line.split("|")[5].strip() == f"{ours - row.agreement_at_end.value:+.1f}"
            assert line.endswith("| no |")
            assert f"{row.agreement_at_end.value:.1f} at 200" in text
        # The report says that fourteen drawn digits aren't MNIST.
        assert "**Not the article's protocol**" in text
        assert "NOT MNIST" in text

    def test_every_link_leads_to_a_file(self, reproduced):
        links = re.findall(r"\]\(([^)]+)\)", (reproduced / "report.md").read_text())
        assert len(links) == len(set(links)) == 3 + 3 * 5
        assert all((reproduced / link).stat().st_size > 100 for link in links)

    def test_films_have_their_frames(self, reproduced):
        for name in article.TABLE:
            count, _ = imageio_ffmpeg.count_frames_and_secs(str(reproduced / name / "runs.mp4"))
            assert count == 2 * STEPS
            # Six digits of 150 steps each: the first 50, then every eighth, and the last one.
            path = reproduced / name / "internal_states.mp4"
            assert imageio_ffmpeg.count_frames_and_secs(str(path))[0] == 6 * (50 + 12) + 1
            with Image.open(reproduced / name / "runs_small.gif") as film:
                assert film.n_frames == 2 * STEPS
                frames = []
                for i in (0, STEPS - 1, STEPS):
                    film.seek(i)
                    frames.append(np.asarray(film.convert("RGB")))
            # Within a phase only the colours change; between phases the shapes change.
            shapes = [np.all(frame[: frame.shape[0] // 2] == 255, axis=-1) for frame in frames]
            np.testing.assert_array_equal(shapes[0], shapes[1])
            assert np.any(shapes[1] != shapes[2])

    def test_models_are_told_apart(self, reproduced):
        pictures = [np.asarray(Image.open(reproduced / n / "digits.png")) for n in article.TABLE]
        assert pictures[0].shape == (28 * 2, 14 * 28 * 2, 3)
        assert np.any(pictures[0] != pictures[1])
        values = {
            json.loads((reproduced / n / "summary.json").read_text())["residual_noise"]
            for n in article.TABLE
        }
        assert values == {0.0, 0.02}


@pytest.mark.slow
@pytest.mark.long
def test_it_trains_what_is_missing(tmp_path):
    flags = ["--train", "--train_steps=1", "--runs_dir=runs", "--films=none", "--output_dir=out"]
    flags += ["--dataset=drawn", "--num_samples=4", "--steps=2"]
    status, printed, said = command.run(REPRODUCE, *flags, cwd=tmp_path)
    assert status == 0, said
    for name in article.TABLE:
        config = json.loads((tmp_path / "runs" / name / "config.json").read_text())
        assert config["experiment"]["name"] == name
        assert config["dataset"]["source"] == "drawn"
        assert f"training run runs/{name}" in printed
    assert "Films" not in printed
