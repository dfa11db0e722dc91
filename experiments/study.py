"""What studies of several models on the same test digits share: flags, command, files.

A study measures each model and makes a report on all; see `disagreement/` and `long_runs/`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from absl import flags, logging

from selforg_mnist import data_flags, output_files, startup, weights

if TYPE_CHECKING:
    import numpy as np

    from selforg_mnist.data.digits import Digits
    from selforg_mnist.model import CAModel

ResultT = TypeVar("ResultT")


class Report(NamedTuple):
    """What a study writes."""

    numbers: Mapping[str, Any]  # of each model, plain values
    pictures: Mapping[str, np.ndarray]  # [H, W] or [H, W, 3] uint8, by file name
    page: str  # in Markdown, with the pictures
    files: Mapping[str, Callable[[Path], Any]] = {}  # by file name, what writes it to a path


Measure = Callable[["CAModel", "Digits", int, int], ResultT]
Make = Callable[["Digits", Mapping[str, ResultT], Mapping[str, Any]], Report]


def define_flags(weights: str, steps: int, num_samples: int, least_steps: int = 1) -> None:
    """Defines the flags of a study, with its defaults."""
    flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)
    flags.DEFINE_list("weights", weights, "Models to compare, each as --weights of evaluate.")
    flags.DEFINE_integer("steps", steps, "CA steps.", lower_bound=least_steps)
    flags.DEFINE_integer("num_samples", num_samples, "Test digits; 0: all.", lower_bound=0)
    flags.DEFINE_integer("seed", 0, "Seed of all random draws.")
    flags.adopt_module_key_flags(data_flags)


def cached(path: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A part of a study with its duration: from its file, or computed and written to it."""
    if not path.exists():
        began, cpu = time.perf_counter(), time.process_time()
        found = compute()
        found["seconds"] = round(time.perf_counter() - began, 1)
        found["cpu_seconds"] = round(time.process_time() - cpu, 1)
        output_files.write_text(path, json.dumps(found, indent=2) + "\n")
        logging.info("%s: %.0f s.", path.stem, found["seconds"])
    return json.loads(path.read_text(encoding="utf-8"))


def run(name: str, measure: Measure, make: Make, options: Sequence[str] = ()) -> int:
    """Loads models and digits, measures each model, and writes the report.

    The report's command shows which of the study's own flags, `options`, were given.
    """
    from selforg_mnist.evaluation import evaluation_report

    given = flags.FLAGS
    for each in given.weights:
        weights.check(each)
    data_flags.check()
    startup.one_thread_per_lane(startup.available_cores())
    models = [weights.load(each) for each in given.weights]
    digits = data_flags.load("test", given.seed, count=given.num_samples)
    output_dir = Path(given.output_dir).expanduser()
    output_files.make_folder(output_dir)  # if this fails, it fails before minutes of work
    began = time.perf_counter()
    results = {}
    for each in models:
        results[each.name] = measure(each.model, digits, given.steps, given.seed)
        logging.info("%s: done after %.0f s.", each.name, time.perf_counter() - began)
    own = [f" {flag.serialize()}" for flag in map(given.__getitem__, options) if flag.present]
    about = {
        "command": f"python -m experiments.{name} --weights={','.join(given.weights)} "
        f"--dataset={digits.source} --steps={given.steps} --num_samples={given.num_samples} "
        f"--seed={given.seed}{''.join(own)} --output_dir=...",
        "models": {each.name: each.source for each in models},
        "steps": given.steps,
        "num_samples": len(digits),
        "seed": given.seed,
        "dataset": digits.source,
        "seconds": round(time.perf_counter() - began),
        "versions": startup.versions(),
    }
    report = make(digits, results, about)
    numbers = {"about": about, "models": report.numbers}
    output_files.write_json(output_dir / f"{name}.json", numbers)
    for file, picture in report.pictures.items():
        evaluation_report.save_picture(output_dir / file, picture)
    for file, write in report.files.items():
        write(output_dir / file)
    output_files.write_text(output_dir / "report.md", report.page)
    written = ["report.md", f"{name}.json", *report.pictures, *report.files]
    print(f"Written to {output_dir}: " + ", ".join(written))
    return 0
