"""Command: measures how well cells agree, as the article does, and writes curves and figures.

    python -m selforg_mnist.evaluate --weights=l2_noise --mutate --output_dir=evaluation

Flags and wiring only; `--help` lists the flags.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags, logging

from selforg_mnist import data_flags, startup, weights_flags
from selforg_mnist.errors import UserError

_OUTPUT_DIR = flags.DEFINE_string(
    "output_dir", "", "Folder for summary.json, curves.csv and figures."
)
_STEPS = flags.DEFINE_integer("steps", 200, "CA steps, and as many again after the mutation.")
_MUTATE = flags.DEFINE_bool("mutate", False, "Turn each digit into another one and go on.")
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 0, "Digits of the test split; 0: all.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 250, "Digits rolled out together.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the fire masks, the noise and the mutations.")
flags.adopt_module_key_flags(data_flags)
flags.adopt_module_key_flags(weights_flags)


def _check() -> Path:
    weights_flags.check()
    data_flags.check()
    if not _OUTPUT_DIR.value:
        raise UserError(
            "output_dir=: expected a folder to write to, such as --output_dir=evaluation"
        )
    for flag, least in ((_STEPS, 1), (_BATCH_SIZE, 1), (_NUM_SAMPLES, 0)):
        if flag.value < least:
            raise UserError(f"{flag.name}={flag.value}: expected {least} or more")
    return Path(_OUTPUT_DIR.value).expanduser()


def _evaluate() -> int:
    output_dir = _check()  # before TensorFlow is loaded, so that a mistake shows at once

    from selforg_mnist.evaluation import evaluation_report

    startup.one_thread_per_lane(startup.available_cores())
    seed = _SEED.value
    loaded = weights_flags.load()
    digits = data_flags.load("test", seed, count=_NUM_SAMPLES.value)
    logging.info("Weights: %s.", loaded.source)
    logging.info("Data: %d digits, %s.", len(digits), digits.note)
    curves = evaluation_report.measure(
        loaded,
        digits,
        output_dir,
        steps=_STEPS.value,
        mutate=_MUTATE.value,
        seed=seed,
        batch_size=_BATCH_SIZE.value,
    )
    print(
        f"{curves[0].num_samples} digits of {digits.source}; values in percent, each with its "
        "CA step:\n"
    )
    print(evaluation_report.beside_the_article(loaded.name, curves, loaded.experiment))
    print(f"\nWritten to {output_dir}: " + ", ".join(evaluation_report.FILES))
    return 0


if __name__ == "__main__":
    startup.run(_evaluate)
