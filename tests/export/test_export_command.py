"""The export command: what it writes and prints, and what stays unchanged on an error."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from export import conversion
from selforg_mnist import weights
from selforg_mnist.errors import UserError
from support import command
from support.web_exports import DEMO, contents, need_converter, need_node, small_model

TFJS = "export.tfjs"
FILES = {
    "manifest.json",
    "model.json",
    "group1-shard1of1.bin",
    "living/model.json",
    "living/group1-shard1of1.bin",
}
REAL_PATH = {"PATH": os.environ["PATH"]}


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    model, _ = small_model(residual_noise=0.125)
    path = tmp_path_factory.mktemp("model") / "mine.keras"
    model.save(path)
    return path


def export(*flags, cwd, **options):
    """Runs the command without an error; returns its standard output and error output."""
    need_converter()
    need_node()
    status, printed, said = command.run(TFJS, *flags, cwd=cwd, **options)
    assert status == 0, said
    return printed, said


@pytest.fixture(scope="module")
def exported(tmp_path_factory, model_file):
    """An export of `model_file`, and what the command has printed and said; not to be changed."""
    folder = tmp_path_factory.mktemp("exported")
    flags = (f"--weights={model_file}", "--output_dir=web")
    return folder / "web", *export(*flags, cwd=folder)


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "run_dir=, weights=: expected one of the two"),
        (["--weights=ce", "--run_dir=runs/ce"], "run_dir=runs/ce, weights=ce: expected one of"),
        (["--weights=ce"], "output_dir=: expected a folder to write to"),
        (
            ["--weights=ce", "--output_dir=web", "--layout=zip"],
            "value should be one of <tfjs|sing",
        ),
        (["--weights=ce", "--output_dir=web", "--quick"], "Unknown command line flag"),
        (["ce"], "ce: expected flags only"),
        (["--weights=ce", "--output_dir=file"], "file: a file; expected a folder"),
        (["--weights=ce", "--output_dir=mine"], "mine: holds notes.txt, which is not part of an"),
        (
            ["--weights=ce", "--output_dir=theirs"],
            "theirs: holds model.json, but no manifest.json",
        ),
    ],
)
def test_a_mistake_is_one_line_at_once(tmp_path, flags, said):
    for name in ("file", "mine/notes.txt", "theirs/model.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
    before = contents(tmp_path)
    assert said in command.refused(TFJS, *flags, cwd=tmp_path)
    assert contents(tmp_path) == before


def test_without_node_the_remedies_are_named(tmp_path):
    need_converter()
    said = command.refused(TFJS, "--weights=ce", "--output_dir=web", cwd=tmp_path)
    assert "node: not on the PATH" in said
    assert "install Node 20" in said
    assert "--nocheck" in said


def copy_of_the_command(folder):
    """The command's sources, in a working directory that they are run from."""
    shutil.copytree(DEMO.parent, folder / "export", ignore=shutil.ignore_patterns("demo"))
    (folder / "export" / "demo").mkdir()


def test_without_the_packages_of_the_page_the_remedies_are_named(tmp_path):
    need_converter()
    need_node()
    copy_of_the_command(tmp_path)
    flags = ("--weights=ce", "--output_dir=web")
    said = command.refused(TFJS, *flags, cwd=tmp_path, env=REAL_PATH)
    assert f"{tmp_path / 'export' / 'demo'}: has no @tensorflow/tfjs-converter" in said
    assert "run `npm ci` there, or give --nocheck" in said


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ((3, 12), "tensorflowjs: not installed; .*pip install -e"),
        ((3, 13), "needs .* 3.12"),
    ],
)
def test_without_the_converter_the_remedy_is_named(monkeypatch, python, said):
    monkeypatch.setitem(sys.modules, "tensorflowjs", None)
    monkeypatch.setattr(sys, "version_info", python)
    with pytest.raises(UserError, match=said):
        conversion.check_installed()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--weights=nothing", "weights=nothing: no such weights"),
        ("--run_dir=no", "run_dir=no: has no"),
    ],
)
def test_what_is_no_model_is_one_line(tmp_path, flag, said):
    need_converter()
    flags = (flag, "--output_dir=web", "--nocheck")
    assert said in command.refused(TFJS, *flags, cwd=tmp_path, tensorflow=True)
    assert contents(tmp_path) == {}


@pytest.mark.slow
def test_same_weights_give_the_same_bytes_and_a_new_export_replaces_the_old(
    tmp_path, model_file, exported
):
    folder, printed, said = exported
    assert printed.startswith("Written to web: group1-shard1of1.bin, living/group1-")
    assert f"Weights: Keras file {model_file}." in said
    assert "TensorFlow.js 4.22.0 agrees with TensorFlow 2.19.0: they differ by " in said
    assert "Try https" not in said + printed  # a dependency's advertisement
    first = contents(folder)
    assert set(first) == FILES
    said = manifest(folder)
    assert 0 < said["checked"]["max_difference"] < 1e-5
    assert (said["channels"], said["residual_noise"]) == (14, 0.125)
    assert said["source"]["weights"] == "Keras file mine.keras"

    (tmp_path / "runs").mkdir()
    shutil.copytree(model_file.parent, tmp_path / "runs" / "mine")
    (tmp_path / "runs" / "mine" / "mine.keras").rename(tmp_path / "runs" / "mine" / "model.keras")
    flags = ("--run_dir=runs/mine", "--output_dir=b")
    export(*flags, cwd=tmp_path, env={"PYTHONHASHSEED": "2"}, fork=False)
    second = contents(tmp_path / "b")
    texts = [files.pop("manifest.json").decode() for files in (first, second)]
    assert second == first
    texts[0] = texts[0].replace("Keras file mine.keras", "training run mine")
    texts[0] = texts[0].replace('"experiment": "l2_noise"', '"experiment": null')  # a run tells
    assert texts[1] == texts[0]

    shipped = f"--weights={weights.shipped_path('l2')}"
    printed, said = export(shipped, "--output_dir=b", "--nocheck", cwd=tmp_path)
    assert "Nothing was compared: " in said
    assert "agrees with TensorFlow" not in said
    said = manifest(tmp_path / "b")
    assert (said["checked"], said["channels"]) == (None, 20)
    assert set(contents(tmp_path / "b")) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "runs"]


@pytest.mark.slow
def test_fault_in_a_graph_ends_in_status_1_and_the_earlier_export_stays(
    tmp_path, model_file, exported
):
    flags = (f"--weights={model_file}", "--output_dir=web", "--layout=single_file")
    shutil.copytree(exported[0], tmp_path / "web")
    before = contents(tmp_path / "web")
    copy_of_the_command(tmp_path)
    shutil.rmtree(tmp_path / "export" / "demo")
    (tmp_path / "export" / "demo").symlink_to(DEMO)
    source = tmp_path / "export" / "graphs.py"
    good = source.read_text()
    source.write_text(good.replace("gray @ gray_kernel", "1.01 * gray @ gray_kernel"))
    assert source.read_text() != good
    said = command.refused(TFJS, *flags, cwd=tmp_path, env=REAL_PATH, tensorflow=True)
    assert "the living graph in TensorFlow.js differs from TensorFlow by " in said
    assert "expected at most 1e-05" in said
    assert contents(tmp_path / "web") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export", "web"]


@pytest.mark.long
@pytest.mark.slow
def test_export_that_is_killed_leaves_the_earlier_one(tmp_path, model_file, exported):
    flags = (f"--weights={model_file}", "--output_dir=web")
    shutil.copytree(exported[0], tmp_path / "web")
    before = contents(tmp_path / "web")
    partial = tmp_path / "partial.web" / "living" / "model.json"
    process = subprocess.Popen(
        [sys.executable, "-m", TFJS, *flags],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(command.ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    limit = time.monotonic() + command.TIMEOUT
    while not partial.exists():
        assert process.poll() is None, "ended before it was killed"
        assert time.monotonic() < limit
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert contents(tmp_path / "web") == before
    assert partial.exists()

    export(*flags, cwd=tmp_path)
    assert contents(tmp_path / "web") == before
    assert [path.name for path in tmp_path.iterdir()] == ["web"]
