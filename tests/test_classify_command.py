"""The classification command: its lines, its JSON, its film, its mistakes."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageSequence

from selforg_mnist.data import canvas, digits
from selforg_mnist.evaluation import classification
from selforg_mnist.model import CAModel
from support import command
from support.foreign_files import article_model

CLASSIFY = "selforg_mnist.classify"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with pictures, and a model whose cells say 7 once they have fired."""
    folder = tmp_path_factory.mktemp("classify")
    picture = Image.new("L", (60, 60), 255)
    ImageDraw.Draw(picture).line([(30, 8), (30, 50)], fill=0, width=6)
    picture.save(folder / "bar.png")
    picture.transpose(Image.Transpose.ROTATE_90).save(folder / "dash.jpg")
    Image.new("L", (60, 60), 255).save(folder / "blank.png")
    model = CAModel(fire_rate=0.5)
    weights = [np.zeros_like(weight) for weight in model.get_weights()]
    weights[-1][9 + 7] = 1.0
    model.set_weights(weights)
    model.save(folder / "seven.keras")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no IMAGE: expected one or more, besides the flags"),
        (["--json"], "no IMAGE: expected one or more"),
        (["bar.png", "--weights=l3"], "weights=l3: unknown, did you mean l2?"),
        (["bar.png", "--steps=0"], "steps=0: expected 1 to 100000"),
        (["bar.png", "--size=13"], "size=13: expected 14 to 512"),
        (["--size=many", "bar.png"], "--size=many: invalid literal"),
        (["bar.png", f"--seed={2**63}"], f"seed={2**63}: expected a whole number of 64 bits"),
        (["bar.png", "--weight"], "Unknown command line flag 'weight'. Did you mean: weights"),
        (
            ["bar.png", "dash.jpg", "--gif=x.gif"],
            "gif=x.gif: a film shows one image, but 2 are given",
        ),
        (["bar.png", "--gif=x.avi"], "x.avi: a film's name ends in .mp4, .gif, .webp"),
        (["bar.png", "--weights=ce", "--run_dir=run"], "run_dir=run, weights=ce: expected one of"),
        (["missing.png"], "missing.png: can't be read (No such file or directory); give another"),
        (["blank.png"], "blank.png: no ink found; expected a digit"),
    ],
)
def test_a_mistake_is_one_line_at_once(folder, arguments, said):
    before = sorted(folder.iterdir())
    assert said in command.refused(CLASSIFY, *arguments, cwd=folder)
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
def test_all_images_are_answered_around_a_bad_one(folder):
    images = ["bar.png", "blank.png", "dash.jpg"]
    flags = ["--weights=seven.keras", "--steps=40", "--size=20"]
    status, printed, said = command.run(CLASSIFY, *images, *flags, cwd=folder)
    assert status == 1
    (error,) = (line for line in said.splitlines() if line.startswith("error"))
    assert error.startswith("error: blank.png: no ink found")
    found = re.fullmatch(
        r"bar.png: 7   (\d+) of \1 cells agree, from step (\d+) on\n"
        r"dash.jpg: 7   (\d+) of \3 cells agree, from step (\d+) on\n",
        printed,
    )
    assert found, printed
    # 14 cells long and nearly 2 wide.
    assert 14 <= int(found[1]) <= 42
    assert 2 <= int(found[2]) <= 20


@pytest.mark.slow
def test_json_and_a_film_of_a_run_s_model(folder):
    (folder / "run").mkdir()
    shutil.copy(folder / "seven.keras", folder / "run" / "model.keras")
    flags = ["--run_dir=run", "--residual_noise=0.125", "--steps=3", "--seed=5"]
    flags += ["--json", "--gif=films/bar.webp"]
    status, printed, said = command.run(CLASSIFY, *flags, "bar.png", cwd=folder)
    assert status == 0, said
    (answer,) = json.loads(printed)
    picture = canvas.read(folder / "bar.png")
    model = keras.models.load_model(folder / "seven.keras")
    model.residual_noise = 0.125
    (decision,) = classification.classify(model, picture[None], steps=3, seed=5)
    assert answer == json.loads(json.dumps(dataclasses.asdict(decision))) | {
        "image": "bar.png",
        "weights": "run",
        "residual_noise": 0.125,
        "size": 28,
        "steps": 3,
        "seed": 5,
    }
    assert (answer["label"], answer["steps_to_agreement"]) == (7, None)
    assert 0.5 < answer["share"] < 1.0
    assert "Film: films/bar.webp" in said
    with Image.open(folder / "films" / "bar.webp") as film:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
    expected = list(classification.film(model, picture, steps=3, seed=5))
    assert np.array_equal(frames[-1], expected[-1])
    assert np.array_equal(frames[0], expected[0])


@pytest.mark.slow
def test_answers_appear_one_by_one(folder):
    flags = ["--weights=seven.keras", "--steps=40"]
    images = ["bar.png", "blank.png", "dash.jpg"]
    done = subprocess.run(
        [sys.executable, "-m", CLASSIFY, *images, *flags],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(command.ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    order = re.findall(r"^(?:error: )?(\w+\.\w+): ", done.stdout, re.MULTILINE)
    assert order == images, done.stdout


@pytest.mark.slow
def test_json_has_answers_and_errors_in_the_order_given(folder):
    flags = ["--weights=seven.keras", "--steps=2", "--json"]
    status, printed, _ = command.run(CLASSIFY, "blank.png", "bar.png", *flags, cwd=folder)
    assert status == 1
    error, answer = json.loads(printed)
    assert error.keys() == {"image", "error"}
    assert "no ink found" in error["error"]
    assert answer["image"] == "bar.png"


@pytest.mark.slow
def test_the_article_s_weights_name_drawn_digits(tmp_path):
    drawn = digits.load_digits("drawn", "test", num_drawn=10)
    for label, picture in zip(drawn.labels, drawn.images, strict=True):
        large = Image.fromarray(255 - picture).resize((300, 300), Image.Resampling.BICUBIC)
        large.save(tmp_path / f"{label}.png")
    names = [f"{label}.png" for label in range(10)]
    flags = [f"--weights={article_model()}", "--json", "--steps=100"]
    status, printed, said = command.run(CLASSIFY, *flags, *names, cwd=tmp_path)
    assert status == 0, said
    answers = json.loads(printed)
    assert [answer["image"] for answer in answers] == names
    assert sum(answer["image"] == f"{answer['label']}.png" for answer in answers) >= 9
    assert sum(answer["steps_to_agreement"] is not None for answer in answers) >= 7
