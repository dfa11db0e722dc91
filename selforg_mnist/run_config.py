"""The identity of a run: config.json, and whether a run may be resumed under it.

config.json holds everything needed to run again: the experiment, the data, the engine, the
package versions. What decides a training's course has to be the same on resuming; how often
it is looked at, and how long it is to be, may change.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selforg_mnist import __version__
from selforg_mnist.digits import Digits
from selforg_mnist.experiments import ConfigError, Experiment

FILE_NAME = "config.json"
_PACKAGES = ("tensorflow", "keras", "numpy", "tensorflow-datasets", "tensorboard")


def describe_digits(digits: Digits) -> dict[str, Any]:
    """What identifies a set of digits: name, size and a checksum of its content."""
    content = hashlib.sha256(digits.images.tobytes() + digits.labels.tobytes())
    return {
        "source": digits.source,
        "note": digits.note,
        "num_digits": len(digits),
        "sha256": content.hexdigest(),
    }


def build(
    experiment: Experiment,
    engine: str,
    lanes: int,
    dataset: Mapping[str, Any],
    looking: Mapping[str, Any],
) -> dict[str, Any]:
    """The content of config.json.

    Args:
      experiment: what is trained.
      engine: "dense" or "living", as resolved.
      lanes: of the living-cell engine.
      dataset: as `describe_digits` gives it, of the training digits.
      looking: options that only say how the run is watched and saved.

    Returns:
      config: plain values, ready for JSON.
    """
    return {
        "experiment": experiment.to_dict(),
        "engine": {"name": engine, "lanes": lanes},
        "dataset": dict(dataset),
        "looking": dict(looking),
        "versions": {
            "selforg_mnist": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
    }


def read(run_dir: Path) -> dict[str, Any] | None:
    """The run's config.json, or None where there is none.

    Raises:
      ConfigError: the file is there and can't be understood.
    """
    path = run_dir / FILE_NAME
    try:
        config = json.loads(path.read_text())
        return {**config, "experiment": dict(config["experiment"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not the configuration of a run ({type(error).__name__}: {error}); "
            "give another --run_dir, or delete this one to start anew"
        ) from error


def write(run_dir: Path, config: Mapping[str, Any]) -> None:
    """Writes config.json beside, then renames it into place.

    Raises:
      ConfigError: the folder can't be made or written to.
    """
    path = run_dir / FILE_NAME
    beside = path.with_suffix(".partial")
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(config, indent=2) + "\n")
        os.replace(beside, path)
    except OSError as error:
        raise ConfigError(
            f"run_dir={run_dir}: can't be written ({error.strerror or error}); "
            "give a folder that you may write to"
        ) from error


def check_same_course(saved: Mapping[str, Any], asked: Mapping[str, Any], run_dir: Path) -> None:
    """Refuses to resume a run under options that would have led it elsewhere.

    Args:
      saved: config.json of the run.
      asked: what the command asks for.
      run_dir: for the message.

    Raises:
      ConfigError: they differ; the message lists each option's two values.
    """
    before, now = _course(saved), _course(asked)
    different = [
        f"{name} is {before.get(name)} there and {now.get(name)} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if different:
        raise ConfigError(
            f"run_dir={run_dir}: holds a run of another configuration ({'; '.join(different)}); "
            "give the same options to resume it, or another --run_dir"
        )


def _course(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options that decide where a training goes, flat, as JSON gives them back."""
    dataset = config.get("dataset", {})
    course = dict(config["experiment"])
    course.pop("train_steps", None)  # a finished run may be taken further
    course |= {f"engine.{name}": value for name, value in config.get("engine", {}).items()}
    course |= {f"dataset.{name}": dataset.get(name) for name in ("source", "num_digits", "sha256")}
    return json.loads(json.dumps(course))
