"""Command: accuracy and agreement against model size.

    python -m experiments.model_size --output_dir=model_size

Trains cells with several numbers of channels and hidden channels on equally many samples, each at
the best of a few learning rates, and measures them on test digits. The article suspects "a
positive correlation between accuracy and model size" (its section "Experiment 1"). Stopped and
started again, it goes on where it was. With --dataset=mnist it made the report in
experiments/results/model_size.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from experiments.model_size.sizes import config
from selforg_mnist import data_flags, output_files, startup
from selforg_mnist.errors import UserError

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)
_SIZES = flags.DEFINE_list(
    "sizes",
    "20x16,20x32,20x80,20x160,20x288,12x80,32x80,48x80",
    "Models: channels x hidden channels.",
)
_REPEATED = flags.DEFINE_list("repeated", "20x16,20x32,20x80", "Sizes with several seeds.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "Seeds of those.", lower_bound=1)
_RATES = flags.DEFINE_list("rates", "0.001,0.002,0.004", "Learning rates to choose from.")
_TRAIN_STEPS = flags.DEFINE_integer("train_steps", 12_000, "Of each training.", lower_bound=4)
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 2_000, "Test digits; 0: all.", lower_bound=0)
_STEPS = flags.DEFINE_integer("steps", 200, "CA steps of an evaluation.", lower_bound=1)
flags.adopt_module_key_flags(data_flags)


def _sizes(name: str, words: list[str]) -> list[tuple[int, int]]:
    try:
        sizes = [tuple(map(int, word.split("x", 1))) for word in words]
    except ValueError:
        sizes = []
    if not sizes or any(len(size) != 2 for size in sizes):
        raise UserError(f"{name}={','.join(words)}: expected sizes such as 20x80,24x96")
    return [(channels, hidden) for channels, hidden in sizes]


def _rates() -> list[float]:
    try:
        return [float(word) for word in _RATES.value]
    except ValueError:
        raise UserError(f"rates={','.join(_RATES.value)}: expected numbers") from None


def _run() -> int:
    sizes = _sizes("sizes", _SIZES.value)
    repeated = _sizes("repeated", _REPEATED.value) if _REPEATED.value else []
    rates = _rates()
    configs = [config(size, rate, _TRAIN_STEPS.value, 0) for size in sizes for rate in rates]
    data_flags.check()
    from experiments.model_size import measure, report

    startup.one_thread_per_lane(startup.available_cores())
    held_out = data_flags.load("test", 0, count=_NUM_SAMPLES.value)
    digits = data_flags.load("train", 0, dataset=held_out.source)
    output_dir = Path(_OUTPUT_DIR.value).expanduser()
    output_files.make_folder(output_dir)
    settings = measure.Settings(
        output_dir / "runs", digits, held_out, _TRAIN_STEPS.value, _STEPS.value, rates
    )
    results = []
    for size in sizes:
        results.append(measure.measure(settings, size, _SEEDS.value if size in repeated else 1))
        report.write(output_dir, results, settings, configs[0].batch_size)
    print(f"Written to {output_dir}: report.md, model_size.json, model_size.png")
    return 0


if __name__ == "__main__":
    startup.run(_run)
