"""A training run without interruption, and what runs leave in their folders.

Whatever happens to a run, it ends bit for bit where the one without interruption ended.
"""

import hashlib
import json
import zipfile

import h5py
import numpy as np
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.util import tensor_util

from support import command
from support.train_process import TINY

STEPS = 60
NOW_AND_THEN = ("--log_every=1", "--eval_every=20", "--checkpoint_every=20")


def straight_run(folder):
    """A run without interruption, as a user starts it; its output is beside it, in `log`."""
    run_dir = folder / "run"
    flags = (*TINY, *NOW_AND_THEN, f"--train_steps={STEPS}", f"--run_dir={run_dir}")
    status, printed, said = command.run(
        "selforg_mnist.train", *flags, cwd=run_dir.parent, fork=False
    )
    assert status == 0, said
    assert printed == ""
    (run_dir.parent / "log").write_text(said)
    return run_dir


def arrays(path):
    """A checkpoint's tensors by name, in a form that compares bit by bit."""
    with np.load(path) as archive:
        return {n: (archive[n].dtype, archive[n].shape, archive[n].tobytes()) for n in archive}


def checkpoints(run_dir):
    return sorted((run_dir / "checkpoints").glob("step-*.npz"))


def steps_saved(run_dir):
    return [int(path.stem.split("-")[1]) for path in checkpoints(run_dir)]


def model_weights(path):
    """The weights of a `.keras` file, in order of their places in it."""
    found = []

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            found.append(item[()])

    with (
        zipfile.ZipFile(path) as archive,
        archive.open("model.weights.h5") as file,
        h5py.File(file) as weights,
    ):
        weights.visititems(add)
    return found


def config_of(run_dir):
    return json.loads((run_dir / "config.json").read_text())


def hashes(folder):
    """What is in a folder, files by their content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def scalars(folder):
    """What the event files of a folder say: by tag, (step, value) in order."""
    found = {}
    for path in sorted(folder.glob("*tfevents*")):
        for event in event_file_loader.EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    number = float(tensor_util.make_ndarray(value.tensor))
                    found.setdefault(value.tag, []).append((event.step, number))
    return found


def assert_same_end(run_dir, straight):
    assert steps_saved(run_dir)[-1] == STEPS
    ours, theirs = (arrays(checkpoints(folder)[-1]) for folder in (run_dir, straight))
    assert [name for name in theirs if ours[name] != theirs[name]] == []
    assert ours.keys() == theirs.keys()
    weights, expected = (model_weights(folder / "model.keras") for folder in (run_dir, straight))
    assert [w.tobytes() for w in weights] == [w.tobytes() for w in expected]
    assert not list(run_dir.rglob("*partial*"))
