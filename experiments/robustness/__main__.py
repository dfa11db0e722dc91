"""Command: how trained cells classify digits changed in ways they never met in training.

    python -m experiments.robustness --output_dir=robustness

Rescales, stretches, thickens, thins and moves digits; erases parts of them, or of their states,
during a run; shows digits of another hand and chimeras of two digits; lets cells run for 2,000
steps. Takes about ten minutes for the three shipped models on two idle cores. With --quick, which
only shows that everything works, it takes a minute. Open report.md in the output folder. With
--dataset=mnist it made the report in experiments/results/robustness.
"""

from __future__ import annotations

import time
from pathlib import Path

from absl import flags, logging

from selforg_mnist import data_flags, startup, weights
from selforg_mnist.data.digits import describe_digits, subset
from selforg_mnist.errors import UserError

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)
_WEIGHTS = flags.DEFINE_list(
    "weights", "ce,l2,l2_noise", "Models to compare, each as --weights of selforg_mnist.evaluate."
)
_STUDIES = flags.DEFINE_list(
    "studies", "", "Studies to run, such as size,brush, without chimeras (default: everything)."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random draws.")
_QUICK = flags.DEFINE_bool("quick", False, "Few digits, strengths and steps, to try it out.")
# The flags' defaults, and those with --quick.
_AMOUNTS: dict[str, tuple[int, int, str]] = {
    "num_samples": (250, 10, "Digits of each study."),
    "steps": (200, 10, "CA steps on each picture."),
    "long_steps": (2000, 40, "CA steps of the long runs."),
    "long_samples": (200, 5, "Digits of the long runs."),
    "num_chimeras": (30, 3, "Chimeras of each kind."),
}
for _name, (_full, _quick, _help) in _AMOUNTS.items():
    flags.DEFINE_integer(
        _name, None, f"{_help} (default: {_full}; {_quick} with --quick)", lower_bound=1
    )
flags.adopt_module_key_flags(data_flags)

_EVERY_WITH_QUICK = 3


def _amounts() -> dict[str, int]:
    amounts = {}
    for name, (full, quick, _) in _AMOUNTS.items():
        value = flags.FLAGS[name].value
        amounts[name] = (quick if _QUICK.value else full) if value is None else value
    return amounts


def _run() -> int:
    # Before TensorFlow is loaded, so that a mistake shows at once.
    amounts, seed = _amounts(), _SEED.value
    _check_different(_WEIGHTS.value)
    if amounts["long_samples"] > amounts["num_samples"]:
        raise UserError(
            f"long_samples={amounts['long_samples']}: expected {amounts['num_samples']} or fewer, "
            "which is num_samples"
        )
    for name in _WEIGHTS.value:
        weights.check(name)
    data_flags.check()
    output_dir = Path(_OUTPUT_DIR.value).expanduser()

    from experiments.robustness import chimeras, measure, pages, report
    from experiments.robustness import studies as robustness_studies
    from selforg_mnist import output_files
    from selforg_mnist.evaluation import article

    startup.one_thread_per_lane(startup.available_cores())
    models = [weights.load(name) for name in _WEIGHTS.value]
    _check_different([each.name for each in models])
    loaded = {each.name: each for each in models}
    titles = {name: article.TITLES.get(name, name) for name in loaded}
    everything = data_flags.load("test", seed)
    digits = subset(everything, amounts["num_samples"], seed % 2**64)
    drawn = data_flags.load("test", seed, "drawn", amounts["num_samples"])
    logging.info("Data: %d digits, %s.", len(digits), digits.note)
    size = robustness_studies.Size(
        amounts["steps"],
        amounts["long_steps"],
        amounts["long_samples"],
        every=_EVERY_WITH_QUICK if _QUICK.value else 1,
    )
    studies = robustness_studies.build(digits, drawn, size, seed)
    chosen = _STUDIES.value
    if unknown := sorted(set(chosen) - set(robustness_studies.NAMES)):
        raise UserError(
            f"studies={','.join(unknown)}: expected some of {', '.join(robustness_studies.NAMES)}"
        )
    studies = [study for study in studies if not chosen or study.name in chosen]
    groups = [] if chosen else chimeras.build(everything, amounts["num_chimeras"], seed)

    output_files.make_folder(output_dir)  # if this fails, it fails before minutes of work
    began = time.perf_counter()
    rows, outcomes, ends = measure.measure_all(
        {name: each.model for name, each in loaded.items()}, studies, groups, size.steps, seed
    )
    logging.info("Drawing the pictures.")
    by_title = {titles[name]: each.model for name, each in loaded.items()}
    mosaic = pages.of_studies(studies, by_title, seed)
    results = report.Results(
        about={
            "command": _command(amounts, digits.source),
            "models": {name: each.source for name, each in loaded.items()},
            **amounts,
            "seed": seed,
            "dataset": digits.source,
            "digits_sha256": describe_digits(digits)["sha256"],
            "seconds": round(time.perf_counter() - began),
            "versions": startup.versions(),
        },
        titles=titles,
        studies=studies,
        rows=rows,
        outcomes=outcomes,
    )
    chimera_page = pages.of_chimeras(groups, list(by_title), ends) if groups else None
    written = report.write(output_dir, results, mosaic, chimera_page)
    print(f"Written to {output_dir}: " + ", ".join(written))
    return 0


def _check_different(names: list[str]) -> None:
    if len(set(names)) < max(1, len(names)):
        raise UserError(
            f"weights={','.join(_WEIGHTS.value)}: expected one or more models of different names, "
            "such as ce,l2,l2_noise; rename a file"
        )


def _command(amounts: dict[str, int], dataset: str) -> str:
    """The command that does the same again, without the folders of this machine."""
    words = {"weights": ",".join(_WEIGHTS.value), "dataset": dataset, "seed": _SEED.value}
    if _STUDIES.value:
        words["studies"] = ",".join(_STUDIES.value)
    flags_given = [f"--{name}={value}" for name, value in (words | amounts).items()]
    return " ".join(
        ["python -m experiments.robustness", *["--quick"] * _QUICK.value, *flags_given]
    )


if __name__ == "__main__":
    startup.run(_run)
