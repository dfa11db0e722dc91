"""The report on time to quality: a table and a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments import markdown
from experiments.time_to_quality.courses import ARTICLE, TAGS, Course
from selforg_mnist import output_files
from selforg_mnist.evaluation import evaluation_report
from selforg_mnist.pictures import figures


def write(folder: Path, courses: Mapping[str, Course]) -> str:
    """Writes report.md and time_to_quality.png, and returns the page."""
    lines = [["run", "steps a second", "passes after", "minutes", "at the end", "minutes"]]
    for name, course in courses.items():
        first = course.passes()
        passed = ["never", ""]
        if first is not None:
            passed = [f"{course.steps[first]:,.0f} steps", f"{course.minutes[first]:.1f}"]
        end = " / ".join(f"{shares[-1]:.1f}" for shares in course.shares.values())
        row = [name, f"{course.rate:.1f}", *passed, end, f"{course.minutes[-1]:.1f}"]
        lines.append(row)
    evaluation_report.save_picture(folder / "time_to_quality.png", _figure(courses))
    page = f"""# Time to quality

Minutes of training until the held-out digits pass the article's row for L2 with noise: at CA step
200 a cell accuracy of {ARTICLE["cell accuracy"]} % and an agreement of {ARTICLE["agreement"]} %
(dashed). Minutes are training steps divided by the run's best rate, so pauses, other programs and
evaluations don't count.
*At the end*: accuracy / agreement.

{markdown.table(lines)}

![Accuracy and agreement over minutes of training](time_to_quality.png)

Made by `python -m experiments.time_to_quality` from the TensorBoard files of the runs.
"""
    output_files.write_text(folder / "report.md", page)
    return page


def _figure(courses: Mapping[str, Course]) -> np.ndarray:
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
