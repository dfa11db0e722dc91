"""Command: how many minutes of training each run took to pass the article's row.

    python -m experiments.time_to_quality --runs=runs/l2_noise,runs/quick --output_dir=OUT

Reads the runs' TensorBoard files. Minutes are training steps divided by the run's best rate, so
pauses, other programs and evaluations don't count.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from selforg_mnist import output_files, startup

_RUNS = flags.DEFINE_list("runs", None, "Folders of runs.", required=True)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)


def _run() -> int:
    from experiments.time_to_quality import courses, report

    runs = {Path(run).expanduser().name: Path(run).expanduser() for run in _RUNS.value}
    found = {name: courses.read(run_dir) for name, run_dir in runs.items()}
    output_dir = Path(_OUTPUT_DIR.value).expanduser()
    output_files.make_folder(output_dir)
    print(report.write(output_dir, found))
    return 0


if __name__ == "__main__":
    startup.run(_run)
