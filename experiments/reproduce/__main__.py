"""Command: the article's table, figures and films, from our models, beside the article's own.

    python -m experiments.reproduce --output_dir=reproduction

Uses the shipped weights. With --runs_dir=runs it uses the models of runs/ce, runs/l2 and
runs/l2_noise instead. With --train as well, it first trains those that are not trained yet: three
quarters of an hour each on two cores, and you can stop and resume at any time. The evaluation
(10,000 digits, 400 CA steps) takes about two minutes per model on two cores, and all films take
about two minutes together. Open report.md in the output folder. This command made the report in
experiments/results/reproduction.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from absl import flags, logging

from selforg_mnist import data_flags, startup
from selforg_mnist.errors import UserError

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)
_RUNS_DIR = flags.DEFINE_string(
    "runs_dir", "", "Folder with the runs ce, l2 and l2_noise; empty: the shipped weights."
)
_TRAIN = flags.DEFINE_bool("train", False, "Train, or resume, the runs in --runs_dir first.")
_TRAIN_STEPS = flags.DEFINE_integer(
    "train_steps", 0, "Training steps with --train; 0: the article's 100,000."
)
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 0, "Digits of the test split; 0: all.")
_STEPS = flags.DEFINE_integer("steps", 200, "CA steps before the mutation, and after it.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the fire masks, the noise and the mutations.")
_FILMS = flags.DEFINE_enum(
    "films", "all", ["all", "small", "none"], "Which films to make; small ones are for pages."
)
flags.adopt_module_key_flags(data_flags)


def _train(experiment: str, run_dir: Path) -> None:
    command = [sys.executable, "-m", "selforg_mnist.train", f"--experiment={experiment}"]
    command += [f"--run_dir={run_dir}", *data_flags.arguments()]
    if _TRAIN_STEPS.value:
        command.append(f"--train_steps={_TRAIN_STEPS.value}")
    logging.info("Training: %s", " ".join(command[1:]))
    # In a process of its own, because TensorFlow can't set its threads once it has computed.
    status = subprocess.run(command, check=False).returncode
    if status:
        raise UserError(
            f"training of {experiment}: ended with status {status}; start again to resume"
        )


def _reproduce() -> int:
    from selforg_mnist.evaluation.article import TABLE

    output_dir = Path(_OUTPUT_DIR.value).expanduser()
    runs_dir = Path(_RUNS_DIR.value).expanduser() if _RUNS_DIR.value else None
    for flag, least in ((_STEPS, 1), (_NUM_SAMPLES, 0), (_TRAIN_STEPS, 0)):
        if flag.value < least:
            raise UserError(f"{flag.name}={flag.value}: expected {least} or more")
    data_flags.check()
    if _TRAIN.value:
        if runs_dir is None:
            raise UserError("train=true: expected a folder for the runs, such as --runs_dir=runs")
        for name in TABLE:
            _train(name, runs_dir / name)

    from experiments.reproduce import films as reproduction_films
    from experiments.reproduce import report as reproduction_report
    from selforg_mnist import weights
    from selforg_mnist.evaluation import evaluation_report

    startup.one_thread_per_lane(startup.available_cores())
    digits = data_flags.load("test", _SEED.value, count=_NUM_SAMPLES.value)
    logging.info("Data: %d digits, %s.", len(digits), digits.note)
    models = {n: weights.load_run(runs_dir / n) if runs_dir else weights.load(n) for n in TABLE}
    curves = {
        name: evaluation_report.measure(
            loaded, digits, output_dir / name, steps=_STEPS.value, seed=_SEED.value
        )
        for name, loaded in models.items()
    }
    films: list[Path] = []
    if _FILMS.value != "none":
        films = reproduction_films.make(
            models, digits, output_dir, _STEPS.value, _SEED.value, whole=_FILMS.value == "all"
        )
    done = reproduction_report.Reproduction(models, digits, curves, films, _SEED.value)
    report = reproduction_report.write(output_dir, done)
    print(report.read_text())
    return 0


if __name__ == "__main__":
    startup.run(_reproduce)
