"""The identity of a run: config.json, and whether a run may be resumed with given options.

config.json holds everything needed to repeat the run: the experiment, the data, the engine, the
package versions. On resuming, options that affect the training's result must be the same. How
often it logs, evaluates and saves, and its length, may change. Loads no TensorFlow, so that
commands can check options at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from selforg_mnist import output_files
from selforg_mnist.errors import one_line
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.startup import versions
from selforg_mnist.training.computing import ENGINES, Computing

FILE_NAME = "config.json"
MODEL_FILE = "model.keras"
_MOST = 2**62  # the largest number of steps; TensorFlow counts them in 64 bits


@dataclasses.dataclass(frozen=True)
class Monitoring:
    """How a run is logged, evaluated and saved; nothing here changes the training's result.

    Raises:
      ConfigError: a value is out of range.
    """

    log_every: int = 100  # training steps between log lines and TensorBoard points
    eval_every: int = 2000  # training steps between evaluations; 0: only one, at the end
    eval_samples: int = 500  # held-out digits to evaluate on; 0: all
    eval_steps: int = 200  # CA steps of an evaluation
    checkpoint_every: int = 500  # training steps between checkpoints
    steps_per_call: int = 50  # most training steps of a compiled call; a signal waits for its end

    def __post_init__(self) -> None:
        least = {"eval_every": 0, "eval_samples": 0}
        for name, value in dataclasses.asdict(self).items():
            if value < least.get(name, 1):
                raise ConfigError(f"{name}={value}: expected {least.get(name, 1)} or more")
            if value > _MOST:
                raise ConfigError(f"{name}={value}: expected {_MOST} or less")

    def stretch(self, step: int, end: int) -> int:
        """How many training steps the next call takes, after `step` of `end`."""
        periods = [p for p in (self.log_every, self.eval_every, self.checkpoint_every) if p]
        return min(self.steps_per_call, end - step, *(p - step % p for p in periods))


def build(
    experiment: Experiment,
    computing: Computing,
    replicas: int,
    dataset: Mapping[str, Any],
    monitoring: Monitoring,
) -> dict[str, Any]:
    """The content of config.json, as plain values."""
    options = dataclasses.asdict(computing)
    return {
        "experiment": experiment.to_dict(),
        "engine": {"name": options.pop("engine"), **options, "replicas": replicas},
        "dataset": dict(dataset),
        "monitoring": dataclasses.asdict(monitoring),
        "versions": versions(),
    }


def read(run_dir: Path) -> dict[str, Any] | None:
    """The run's config.json, or None if there is none.

    Raises:
      ConfigError: the file isn't a valid configuration.
    """
    path = run_dir / FILE_NAME
    try:
        config = json.loads(path.read_text())
        sections = {name: dict(config[name]) for name in ("experiment", "engine", "dataset")}
        engine = sections["engine"]
        for section in ("experiment", "engine"):
            if not isinstance(name := sections[section]["name"], str):
                raise TypeError(f"{section}.name is {name!r}")
        engine["lanes"] = int(engine["lanes"])
        # Earlier versions didn't have these options.
        sections["experiment"] = Experiment(name="").to_dict() | sections["experiment"]
        engine["replicas"] = int(engine.get("replicas", 1))
        engine["precision"] = str(engine.get("precision", "float32"))
        engine.pop("capacity", None)  # of the engine "padded" in earlier versions
        return {**config, **sections, "versions": dict(config.get("versions", {}))}
    except FileNotFoundError:
        return None
    except (OSError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path}: not the configuration of a run "
            f"({type(error).__name__}: {one_line(error)}); "
            f"give another --run_dir, or delete the folder {run_dir} to start again"
        ) from error


def write(run_dir: Path, config: Mapping[str, Any]) -> None:
    """Writes config.json, complete or not at all.

    Raises:
      UserError: the folder can't be made or written to.
    """
    output_files.write_json(run_dir / FILE_NAME, config)


@contextlib.contextmanager
def claim(run_dir: Path) -> Iterator[None]:
    """Makes the run's folder if necessary, and keeps other processes out of it during the block.

    The lock is the operating system's, on the folder itself. It adds no file, and ends with the
    process in any case. Systems without such locks have none.

    Raises:
      ConfigError: another process trains in the folder.
      UserError: the folder can't be made.
    """
    output_files.make_folder(run_dir)
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):
            import fcntl  # Windows has none

            folder = os.open(run_dir, os.O_RDONLY)
            stack.callback(os.close, folder)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"run_dir={run_dir}: another process is training in it; "
                    "stop that one first, or give another --run_dir"
                ) from error
        yield


def check_same_course(saved: Mapping[str, Any], asked: Mapping[str, Any], run_dir: Path) -> None:
    """Refuses to resume the run in `run_dir` with options that would change its result.

    Raises:
      ConfigError: `saved` and `asked`, both as in config.json, differ; the message lists both
        values of each option. Or the run uses an engine that only earlier versions had.
    """
    if saved["engine"]["name"] not in ENGINES:
        raise ConfigError(
            f"run_dir={run_dir}: holds a run of engine={saved['engine']['name']}, which this "
            f"version does not have; its {MODEL_FILE} can be evaluated; to train, give another "
            "--run_dir"
        )
    before, now = _course(saved), _course(asked)
    if before.pop("engine.replicas", 1) != now.pop("engine.replicas", 1):
        # With another number of replicas the result changes anyway; lanes are per replica.
        del before["engine.lanes"], now["engine.lanes"]
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
    """The options that affect a training's result, flat, as JSON returns them."""
    dataset = config.get("dataset", {})
    course = dict(config["experiment"])
    if course.get("schedule") != "cosine":  # with "cosine", learning rates depend on the end
        course.pop("train_steps", None)  # a finished run may be continued
    course |= {f"engine.{name}": value for name, value in config.get("engine", {}).items()}
    course |= {f"dataset.{name}": dataset.get(name) for name in ("source", "num_digits", "sha256")}
    return json.loads(json.dumps(course))
