"""Command: what the time of a training step grows with, and what it doesn't.

    python -m experiments.scaling --output_dir=scaling

Times the living engine against batch size, canvas size, living share and replicas, each row beside
the article's dense graph in the same round, and writes tables, a figure and every number. Close
other programs first. Takes about a quarter of an hour on two quiet cores, and at the largest batch
ten gigabytes of memory, most of it for the dense graph (--reference_gb leaves it out where it
takes more); --quick, which only shows that everything works, two minutes. Open scaling.md in the
output folder. The report in experiments/results/scaling is made so, with --dataset=mnist.
"""

from __future__ import annotations

import dataclasses
import platform
import tempfile
from pathlib import Path

from absl import flags, logging

from experiments.scaling import measure, timing
from experiments.scaling import studies as scaling_studies
from selforg_mnist import data_flags, output_files, startup
from selforg_mnist import experiment as experiments
from selforg_mnist.errors import UserError

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)
_STUDIES = flags.DEFINE_list("studies", list(scaling_studies.STUDIES), "Which ones to run.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Timings of each row.", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 1.0, "Least length of one timing.", lower_bound=0.01)
_REFERENCE_GB = flags.DEFINE_float(
    "reference_gb", 12.0, "Leave the dense reference out where it takes more GB."
)
_QUICK = flags.DEFINE_bool("quick", False, "Few rows and small ones, to try it out.")
flags.adopt_module_key_flags(data_flags)


def _scale() -> int:
    studies = _STUDIES.value
    unknown = [name for name in studies if name not in scaling_studies.STUDIES]
    if unknown or not studies:
        raise UserError(
            f"studies={','.join(studies)}: expected some of {', '.join(scaling_studies.STUDIES)}"
        )
    output_dir = Path(_OUTPUT_DIR.value).expanduser()
    _check_writable(output_dir)  # before minutes of work, if it isn't

    subjects = scaling_studies.build(studies, _QUICK.value)
    data = timing.data_of_flags()
    survey = measure.survey(subjects, data)
    logging.info("Data: %s, %d digits.", survey.dataset, survey.digits)
    rows = list(
        measure.measure(
            subjects,
            dataclasses.replace(data, dataset=survey.dataset),  # "auto" is settled
            survey.living,
            _ROUNDS.value,
            _SECONDS.value,
            _REFERENCE_GB.value * 1e9,
        )
    )
    experiment = experiments.l2_noise()
    about = {
        "command": _command(survey.dataset),
        "cores": startup.available_cores(),
        "machine": platform.machine(),
        "versions": startup.versions(),
        "dataset": f"{survey.dataset}, {survey.digits} digits",
        "experiment": experiment.name,
        "rollout_steps": experiment.rollout_steps,
        "rounds": _ROUNDS.value,
        "seconds": _SECONDS.value,
    }
    from experiments.scaling import report as scaling_report

    scaling_report.write(output_dir, about, rows)
    print(f"Written to {output_dir}: {', '.join(scaling_report.FILES)}")
    return 0


def _check_writable(folder: Path) -> None:
    output_files.make_folder(folder)
    with output_files.failing_in_one_line(folder), tempfile.TemporaryFile(dir=folder):
        pass


def _command(dataset: str) -> str:
    """The command that does the same again, without the places of this machine."""
    words = {
        "dataset": dataset,
        "studies": ",".join(_STUDIES.value),
        "rounds": _ROUNDS.value,
        "seconds": _SECONDS.value,
        "reference_gb": _REFERENCE_GB.value,
    }
    given = [f"--{name}={value}" for name, value in words.items()]
    return " ".join(["python -m experiments.scaling", *["--quick"] * _QUICK.value, *given])


if __name__ == "__main__":
    startup.run(_scale)
