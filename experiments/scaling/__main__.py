"""Command: what the time of a training step depends on, and what it doesn't depend on.

    python -m experiments.scaling --output_dir=scaling

Times the living engine over batch size, canvas size, living share and replicas. Each row is timed
beside the article's dense graph in the same round. Writes tables, a figure and all numbers. Close
other programs first. Takes about a quarter of an hour on two idle cores. The largest batch takes
ten gigabytes of memory, most of it for the dense graph; --reference_gb leaves the graph out where
it would take more. With --quick, which only shows that everything works, it takes two minutes.
Open scaling.md in the output folder. With --dataset=mnist it made the report in
experiments/results/scaling.
"""

from __future__ import annotations

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
_STUDIES = flags.DEFINE_list("studies", list(scaling_studies.STUDIES), "Which studies to run.")
_ROUNDS = flags.DEFINE_integer("rounds", 3, "Timings of each row.", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 1.0, "Shortest length of one timing.", lower_bound=0.01)
_REFERENCE_GB = flags.DEFINE_float(
    "reference_gb", 12.0, "Leave the dense reference out where it would take more GB than this."
)
_QUICK = flags.DEFINE_bool("quick", False, "Few and small rows, to try it out.")
flags.adopt_module_key_flags(data_flags)


def _scale() -> int:
    studies = _STUDIES.value
    unknown = [name for name in studies if name not in scaling_studies.STUDIES]
    if unknown or not studies:
        raise UserError(
            f"studies={','.join(studies)}: expected some of {', '.join(scaling_studies.STUDIES)}"
        )
    output_dir = Path(_OUTPUT_DIR.value).expanduser()
    _check_writable(output_dir)  # if this fails, it fails before minutes of work

    subjects = scaling_studies.build(studies, _QUICK.value)
    data = timing.data_of_flags()
    survey = measure.survey(subjects, data)
    logging.info("Data: %s, %d digits.", survey.dataset, survey.digits)
    rows = list(
        measure.measure(
            subjects,
            data._replace(dataset=survey.dataset),  # what "auto" has chosen
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
    with output_files.errors_in_one_line(folder), tempfile.TemporaryFile(dir=folder):
        pass


def _command(dataset: str) -> str:
    """The command that does the same again, without the folders of this machine."""
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
