"""Trained weights by a name or a path: the shipped ones, a run's, and other people's files.

Finds the file that is meant and gives it to the reader of its format: `readers/keras_file.py`,
`readers/graph_model.py` or `readers/notebook_checkpoint.py`. TensorFlow is loaded only with a
reader, so that a command can refuse a wrong name at once.
"""

from __future__ import annotations

import difflib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from selforg_mnist import spec
from selforg_mnist.errors import WeightsError, one_line
from selforg_mnist.training import run_config
from selforg_mnist.training.run_config import MODEL_FILE

if TYPE_CHECKING:
    from selforg_mnist.readers.rule_arrays import LoadedModel

SHIPPED = ("ce", "l2", "l2_noise", "consensus", "robust")
_ACCEPTED = (
    f"one of {', '.join(SHIPPED)} (shipped), a .keras file, a one-file TensorFlow.js graph model "
    "(.json), or the prefix of a TensorFlow checkpoint of the authors' notebook"
)
_INDEX = ".index"


def check(name: str) -> None:
    """Checks that there are weights of this name for `load`, without loading TensorFlow.

    Raises:
      WeightsError: as in `load`, for what shows without reading the file.
    """
    if name in SHIPPED:
        _check_installed(name)
    else:
        _find(name)


def check_run(run_dir: Path) -> Path:
    """Returns the path of a run's model, without loading TensorFlow.

    Raises:
      WeightsError: the folder has no model.
    """
    path = run_dir / MODEL_FILE
    if not os.path.isfile(path):
        raise WeightsError(
            f"run_dir={run_dir}: has no {MODEL_FILE}; expected the folder of a training run, "
            "which gets one with its first checkpoint"
        )
    return path


def load(name: str, residual_noise: float | None = None) -> LoadedModel:
    """Loads weights.

    Args:
      name: of shipped weights; or the path of a `.keras` file, of a one-file TensorFlow.js
        graph model (`.json`), or of a checkpoint, with or without `.index`. To load a file that
        has the name of shipped weights, write `./ce`.
      residual_noise: to use instead of the model's own; None keeps the model's own. A checkpoint
        of the notebook doesn't say what its noise is, so the model's own is 0 then.

    Returns:
      loaded: the model, its name and its source.

    Raises:
      WeightsError: there are no such weights, they can't be read, or they don't fit the model.
    """
    from selforg_mnist.readers import keras_file
    from selforg_mnist.readers.rule_arrays import LoadedModel

    if name in SHIPPED:
        model = keras_file.load(_check_installed(name))
        loaded = LoadedModel(model, name, f"shipped weights {name}", name, name)
    else:
        loaded = _load_file(name)
    return _with_noise(loaded, residual_noise)


def load_run(run_dir: Path, residual_noise: float | None = None) -> LoadedModel:
    """Loads the model of a training run, as its last checkpoint left it.

    Args:
      run_dir: folder of the run.
      residual_noise: as in `load`.

    Raises:
      WeightsError: the folder has no model, or it can't be read.
    """
    path = check_run(run_dir)
    from selforg_mnist.readers import keras_file
    from selforg_mnist.readers.rule_arrays import LoadedModel

    config = run_config.read(run_dir)
    experiment = config["experiment"].get("name") if config else None
    loaded = LoadedModel(
        keras_file.load(path),
        run_dir.resolve().name,
        f"training run {run_dir}",
        str(run_dir),
        experiment,
    )
    return _with_noise(loaded, residual_noise)


def shipped_path(name: str) -> Path:
    """The path of the shipped weights of this name, whether they are installed or not."""
    return Path(__file__).with_name("pretrained") / f"{name}.keras"


def _check_installed(name: str) -> Path:
    path = shipped_path(name)
    if not os.path.isfile(path):
        raise WeightsError(
            f"weights={name}: not part of this installation ({path} is missing); install the "
            "package again, or give a file of your own"
        )
    return path


def _find(name: str) -> Path:
    """The path of the file, or of a checkpoint's index.

    Raises:
      WeightsError: there is none, or its name is not that of weights.
    """
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:  # ~nobody
        raise WeightsError(
            f"weights={one_line(name)}: not a path ({error}); expected {_ACCEPTED}"
        ) from error
    if path.suffix in (".keras", ".json"):
        try:
            path.stat()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise WeightsError(
                f"{one_line(path)}: can't be read ({reason}); expected {_ACCEPTED}"
            ) from error
        return path
    index = path if path.suffix == _INDEX else Path(f"{path}{_INDEX}")
    if path.name and os.path.isfile(index):
        return index
    raise WeightsError(f"weights={one_line(name)}: {_hint(name, path)}expected {_ACCEPTED}")


def _load_file(name: str) -> LoadedModel:
    path = _find(name)
    from selforg_mnist.readers import graph_model, keras_file, notebook_checkpoint
    from selforg_mnist.readers.rule_arrays import LoadedModel

    if path.suffix == ".keras":
        model, kind, short = keras_file.load(path), "Keras file", path.stem
    elif path.suffix == ".json":
        model, kind, short = graph_model.load(path), "TensorFlow.js graph model", path.stem
    else:
        path = path.with_suffix("")
        model, kind, short = notebook_checkpoint.load(path), "TensorFlow checkpoint", path.name
    # Of the article's experiments only l2_noise has noise. A model without may be of the others.
    is_the_article_s = model.count_params() == spec.NUM_PARAMETERS
    experiment = "l2_noise" if model.residual_noise and is_the_article_s else None
    return LoadedModel(model, short, f"{kind} {path}", name, experiment)


def _hint(name: str, path: Path) -> str:
    if os.path.isfile(path / MODEL_FILE):
        return f"the folder of a run, whose model is {path / MODEL_FILE}; "
    if os.path.isfile(path):
        return "exists, but in a format that isn't read; "
    near = difflib.get_close_matches(name, SHIPPED, 1, cutoff=0.5)
    return f"unknown, did you mean {near[0]}? " if near else "no such weights; "


def _with_noise(loaded: LoadedModel, residual_noise: float | None) -> LoadedModel:
    if residual_noise is None:
        return loaded
    if not 0.0 <= residual_noise < math.inf:
        raise WeightsError(f"residual_noise={residual_noise}: expected a number, 0 or more")
    loaded.model.residual_noise = residual_noise
    source = f"{loaded.source}, with residual noise {residual_noise:g}"
    return loaded._replace(source=source)
