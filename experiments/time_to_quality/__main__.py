"""Command: how many minutes of training each run took to pass the article's row.

    python -m experiments.time_to_quality --runs=runs/l2_noise,runs/quick --output_dir=OUT

Takes the runs' own TensorBoard files. Minutes are those of training alone, without evaluations: a
training step counts as long as at the run's best rate, so that other programs on the machine don't
count.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from absl import flags
from matplotlib.figure import Figure

from experiments import markdown
from experiments.time_to_quality.courses import ARTICLE, TAGS, Course, read
from selforg_mnist import output_files, startup

_RUNS = flags.DEFINE_list("runs", None, "Folders of runs.", required=True)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)


def _figure(courses: dict[str, Course]) -> np.ndarray:
    from selforg_mnist.pictures import figures

    figure = Figure(figsize=(9, 3.6), dpi=80, layout="constrained")
    for panel, name in zip(figure.subplots(1, 2), TAGS, strict=True):
        for run, course in courses.items():
            panel.plot(course.minutes, course.shares[name], marker=".", label=run)
        panel.axhline(ARTICLE[name], color="black", linestyle="--", linewidth=1)
        panel.set_title(f"{name}, %", fontsize=11)
        panel.set_xlabel("minutes of training")
        panel.set_ylim(ARTICLE[name] - 12, min(ARTICLE[name] + 8, 100))
        panel.grid(alpha=0.3)
    panel.legend(fontsize=9, loc="lower right")
    return figures.pixels(figure)


def _run() -> int:
    runs = {Path(run).expanduser().name: Path(run).expanduser() for run in _RUNS.value}
    courses = {name: read(run_dir) for name, run_dir in runs.items()}
    from selforg_mnist.evaluation import evaluation_report

    lines = [["run", "steps a second", "passes after", "minutes", "at the end", "minutes"]]
    for name, course in courses.items():
        first = course.passes()
        passed = ["never", ""]
        if first is not None:
            passed = [f"{course.steps[first]:,.0f} steps", f"{course.minutes[first]:.1f}"]
        end = " / ".join(f"{shares[-1]:.1f}" for shares in course.shares.values())
        row = [name, f"{course.rate:.1f}", *passed, end, f"{course.minutes[-1]:.1f}"]
        lines.append(row)
    output_dir = Path(_OUTPUT_DIR.value).expanduser()
    output_files.make_folder(output_dir)
    evaluation_report.save_picture(output_dir / "time_to_quality.png", _figure(courses))
    page = f"""# Time to quality

Minutes of training until the held-out digits pass the article's row for L2 with noise: at CA step
200 a cell accuracy of {ARTICLE["cell accuracy"]} % and an agreement of {ARTICLE["agreement"]} %
(dashed). A training step counts as long as at the run's best rate; evaluations don't count.
*At the end*: accuracy / agreement.

{markdown.table(lines)}

![Accuracy and agreement over minutes of training](time_to_quality.png)

Made by `python -m experiments.time_to_quality` from the TensorBoard files of the runs.
"""
    output_files.write_text(output_dir / "report.md", page)
    print(page)
    return 0


if __name__ == "__main__":
    startup.run(_run)
