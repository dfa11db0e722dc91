"""The study of own pictures: its table, and that classify does well on what people draw."""

import re

import pytest
from PIL import Image

from support import command


@pytest.mark.slow
@pytest.mark.long
def test_shares_of_digits_and_of_what_people_draw(mnist_data_dir, tmp_path):
    Image.new("L", (60, 60), 255).save(tmp_path / "blank_3.png")
    flags = ["--dataset=mnist", f"--data_dir={mnist_data_dir}", "--count=120"]
    status, printed, said = command.run(
        "experiments.own_pictures", *flags, f"--pictures={tmp_path}", cwd=tmp_path
    )
    assert status == 0, said
    print(printed)
    assert "blank_3.png: no ink found" in printed
    table = re.findall(r"^\| (.+?) \| (\d+) \| (.+) \|$", printed, re.MULTILINE)
    shares = {
        kind: [float(s.rstrip(" %")) for s in cells.split(" | ")] for kind, _, cells in table
    }
    assert [(kind, count) for kind, count, _ in table] == [
        ("mnist as PNG", "120"), ("drawn, 20 to 900 pixels", "120"), ("letters", "138"),
        ("given pictures", "1"),
    ]  # fmt: skip
    right, agreeing, sure, wrong, sure_but_wrong, refused = shares["mnist as PNG"]
    assert right > 90
    assert agreeing > 80
    assert sure > agreeing - 8
    assert sure_but_wrong <= wrong < 5
    assert refused < 2
    assert shares["letters"][2] < 20  # sure
    assert shares["drawn, 20 to 900 pixels"][0] > 70
    assert shares["given pictures"] == [0, 0, 0, 0, 0, 100]
