"""Command: runs training steps of the StableHLO text on any device of JAX, such as a GPU.

    python -m experiments.run_stablehlo --export=O [--run_dir=runs/l2_noise] [--steps=10]
    python -m experiments.run_stablehlo --export=O --precision=bfloat16
    python -m experiments.run_stablehlo --run=O [--products=default] [--json]

With --export it needs TensorFlow. It writes the step's text, a state, the training digits, and the
state after some steps on the CPU. With --run it needs JAX, NumPy and absl-py only. It takes the
same steps, compares the states, and times more steps. It ends with status 1 if the states differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from absl import flags, logging

from experiments.compiling import stablehlo_run
from selforg_mnist import data_flags, startup
from selforg_mnist import experiment as experiments
from selforg_mnist.errors import UserError
from selforg_mnist.experiment import Experiment
from selforg_mnist.training import computing
from selforg_mnist.training.computing import Computing

_EXPORT = flags.DEFINE_string("export", "", "Folder to write to.")
_RUN = flags.DEFINE_string("run", "", "Folder that --export has written.")
_RUN_DIR = flags.DEFINE_string("run_dir", "", "Run to continue from; empty: an untrained state.")
_EXPERIMENT = flags.DEFINE_string("experiment", "l2_noise", "What to train without --run_dir.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "Samples a step, without --run_dir.")
_ROLLOUT_STEPS = flags.DEFINE_integer("rollout_steps", None, "CA steps, without --run_dir.")
_STEPS = flags.DEFINE_integer("steps", 10, "Training steps to compare.", lower_bound=1)
_DIGITS = flags.DEFINE_integer("digits", 0, "How many training digits to export; 0: all.")
_PRECISION = flags.DEFINE_enum(
    "precision",
    None,
    list(computing.PRECISIONS),
    "Precision of matrix products (default: the run's, or float32).",
)
_PRODUCTS = flags.DEFINE_enum(
    "products",
    "highest",
    stablehlo_run.PRODUCTS,
    "Precision of float32 products with --run: highest keeps float32, default lets the device "
    "round.",
)
_SECONDS = flags.DEFINE_float("seconds", 5.0, "Length of the timing.")
_JSON = flags.DEFINE_bool("json", False, "Print JSON.")
flags.adopt_module_key_flags(data_flags)


def _experiment() -> Experiment:
    given = {flag.name: flag.value for flag in (_BATCH_SIZE, _ROLLOUT_STEPS)}
    options = {name: value for name, value in given.items() if value is not None}
    if "batch_size" in options:  # the pool holds ten batches, as in the article
        options["pool_size"] = 10 * options["batch_size"]
    return experiments.get(_EXPERIMENT.value).replace(**options)


def _export() -> int:
    experiment, how = _experiment(), Computing("dense")
    data_flags.check()

    from experiments.compiling import stablehlo_export

    run_dir = Path(_RUN_DIR.value).expanduser() if _RUN_DIR.value else None
    if run_dir is not None:
        experiment, how = stablehlo_export.course_of(run_dir)
    how = how.replace(precision=_PRECISION.value or how.precision)
    digits = data_flags.load("train", experiment.seed, count=_DIGITS.value)
    logging.info("Data: %d digits, %s.", len(digits), digits.note)
    folder = Path(_EXPORT.value).expanduser()
    trainer = stablehlo_export.trainer_of(experiment, how, digits)
    stablehlo_export.export(folder, trainer, _STEPS.value, run_dir)
    logging.info("Wrote %s; next: --run=%s where JAX has its device.", folder, folder)
    return 0


def _line(report: dict[str, Any]) -> str:
    names = ("share_of_memory_ceiling", "share_of_arithmetic_ceiling")
    shares = [f"{name} {report[name]:.2%}" for name in names if name in report]
    return (
        f"{report['device']}, {report['engine']} engine, {report['precision']}, products "
        f"{report['products']}: batch {report['batch_size']}, {report['rollout_steps']} CA steps: "
        f"{report['steps_per_second']:.1f} training steps a second "
        f"({report['steps_per_second'] / report['tensorflow_steps_per_second']:.1f} times "
        f"TensorFlow's, of the same step on {report['tensorflow_cores']} cores); "
        f"{report['flops_per_step'] / 1e9:.2f} GFLOP and "
        f"{report['bytes_per_step'] / 1e6:.0f} MB a step; "
        f"{', '.join(shares) or 'ceilings of this device are not known'}; after {report['steps']} "
        f"steps off by {report['deviation']:.1e} at most, in {report['deviation_of']}"
    )


def _run() -> int:
    report = stablehlo_run.run(Path(_RUN.value).expanduser(), _PRODUCTS.value, _SECONDS.value)
    print(json.dumps(report, indent=2) if _JSON.value else _line(report))
    tolerance = stablehlo_run.TOLERANCES[report["precision"]]
    if report["deviation"] > tolerance:
        raise UserError(
            f"{report['deviation_of']}: off by {report['deviation']:.1e} from TensorFlow's, "
            f"expected at most {tolerance:g}; with --products=default a device may round its "
            "products"
        )
    return 0


def _export_or_run() -> int:
    if bool(_EXPORT.value) == bool(_RUN.value):
        raise UserError(
            f"export={_EXPORT.value}, run={_RUN.value}: expected one of the two, such as "
            "--export=FOLDER"
        )
    return _export() if _EXPORT.value else _run()


if __name__ == "__main__":
    startup.run(_export_or_run)
