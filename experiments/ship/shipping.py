"""Copies a finished run's model to the shipped weights, with a record of how it was made.

Reads the run's folder and the summary of its evaluation, which `__main__.py` names.
"""

from __future__ import annotations

import dataclasses
import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selforg_mnist import experiment as experiments
from selforg_mnist import output_files, startup
from selforg_mnist.errors import UserError
from selforg_mnist.evaluation.article import TableRow
from selforg_mnist.experiment import ConfigError, Experiment
from selforg_mnist.training import run_config

MAX_BYTES = 300_000
_MEASURED = tuple(field.name for field in dataclasses.fields(TableRow))
_COUNTS = ("num_samples", "steps", "seed")
_SCALAR = "train/loss"  # written at every logged step


def ship(run_dir: Path, evaluation: Path, output_dir: Path) -> list[Path]:
    """Copies a finished run's model and writes down how it was made.

    Returns:
      paths: of NAME.keras and NAME.json.

    Raises:
      UserError: the run isn't finished, a file is missing or isn't valid, the model is too large,
        or the folder can't be written.
    """
    from selforg_mnist.readers import keras_file, rule_arrays

    config = run_config.read(run_dir)
    if config is None:
        raise UserError(
            f"run_dir={run_dir}: has no {run_config.FILE_NAME}; expected the folder of a run"
        )
    experiment = _experiment(config, run_dir)
    _check_finished(run_dir, experiment)
    model = run_dir / run_config.MODEL_FILE
    keras_file.load(model)  # fails if users couldn't load it
    data = rule_arrays.read_bytes(model, keras_file.MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise UserError(f"{model}: {len(data)} bytes, expected at most {MAX_BYTES}")
    weights = output_dir / f"{experiment.name}.keras"
    record = {
        "command": training_command(experiment, config["dataset"]["source"]),
        "experiment": experiment.name,
        "seed": experiment.seed,
        "train_steps": experiment.train_steps,
        "dataset": {
            name: config["dataset"].get(name) for name in ("source", "num_digits", "sha256")
        },
        "sizes": list(experiment.scale_range),  # of the digits, as factors on MNIST's
        "engine": config["engine"],
        "versions": config.get("versions", {}),
        "cpu": _cpu(),
        "duration": duration(run_dir),
        "weights": {
            "file": weights.name,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        },
        "final_row": _final_row(evaluation),
    }
    output_files.write_bytes(weights, data)
    output_files.write_json(weights.with_suffix(".json"), record)
    return [weights, weights.with_suffix(".json")]


def _experiment(config: Mapping[str, Any], run_dir: Path) -> Experiment:
    try:
        return Experiment(**config["experiment"])
    except TypeError as error:  # an option that is missing, or that this version doesn't know
        raise ConfigError(
            f"{run_dir / run_config.FILE_NAME}: its options are not those of this version "
            f"({error}); train with this version"
        ) from error


def _check_finished(run_dir: Path, experiment: Experiment) -> None:
    from selforg_mnist.training.checkpoints import Checkpoints

    paths = Checkpoints(run_dir / "checkpoints").paths()
    done = int(paths[-1].stem.removeprefix("step-")) if paths else 0
    if done != experiment.train_steps:
        raise UserError(
            f"run_dir={run_dir}: {done} training steps are done, expected "
            f"{experiment.train_steps}; start its training again to finish it"
        )


def training_command(experiment: Experiment, dataset: str) -> str:
    """The command of a training, with the options that differ from the experiment's own."""
    default = experiments.get(experiment.name).to_dict()
    different = [
        f"--{name}={value}"
        for name, value in experiment.to_dict().items()
        if value != default[name]
    ]
    parts = [f"--experiment={experiment.name}", f"--dataset={dataset}", *different]
    return " ".join(["python -m selforg_mnist.train", *parts])


def _cpu() -> dict[str, Any]:
    """This machine's processor, by the name that the system gives it, and its usable cores."""
    info = Path("/proc/cpuinfo")  # only Linux has it; elsewhere Python's `platform` must do
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or platform.machine()
    return {"name": name, "cores": startup.available_cores()}


def duration(run_dir: Path) -> dict[str, Any]:
    """How long a training took, from the wall times of its TensorBoard files.

    Returns:
      duration: seconds, the training steps between which they passed, and the rate.

    Raises:
      UserError: the files don't hold two logged steps.
    """
    from selforg_mnist.training import event_files

    folder = run_dir / "tensorboard" / "training"
    logged = [
        (event.step, event.wall_time)
        for path in event_files.find(folder)
        for _, event in event_files.read(path)
        if any(value.tag == _SCALAR for value in event.summary.value)
    ]
    (first, began), (last, ended) = (min(logged), max(logged)) if logged else ((0, 0.0),) * 2
    if not ended > began:
        raise UserError(
            f"{folder}: expected {_SCALAR} at two steps or more, to compute the duration; train "
            "with a smaller --log_every"
        )
    seconds = ended - began
    return {
        "seconds": round(seconds, 1),
        "from_step": first,
        "to_step": last,
        "steps_per_second": round((last - first) / seconds, 2),
        "note": "wall time from the first to the last step that was logged, pauses included",
    }


def _final_row(path: Path) -> dict[str, Any]:
    """What an evaluation measured before and after the mutation.

    Raises:
      UserError: the file can't be read, or isn't a summary of both.
    """
    from selforg_mnist.evaluation import evaluation_report
    from selforg_mnist.readers import rule_arrays

    with rule_arrays.reading(path, "summary.json of an evaluation with --mutate"):
        summary = rule_arrays.parse_json(rule_arrays.read_bytes(path, 2**20))
        row = {name: summary[name] for name in _COUNTS}
        for phase in evaluation_report.PHASES:
            row[phase] = {
                name: {"value": float(peak["value"]), "step": int(peak["step"])}
                for name, peak in ((name, summary[phase][name]) for name in _MEASURED)
            }
        return row
