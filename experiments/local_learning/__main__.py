"""Command: how far back must a cell learn?

    python -m experiments.local_learning --output_dir=local_learning
"""

from pathlib import Path

from absl import flags

from selforg_mnist import data_flags, output_files, startup

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)
_TRAIN_STEPS = flags.DEFINE_integer("train_steps", 1_000, "Of each CA.", lower_bound=8)
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 1_000, "Test digits; 0: all.", lower_bound=0)
_STEPS = flags.DEFINE_integer("steps", 200, "CA steps of the evaluation.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of everything random.")


def _run() -> int:
    from experiments.local_learning import measure
    from selforg_mnist import experiment

    data_flags.check()
    startup.one_thread_a_lane(startup.available_cores())
    test = data_flags.load("test", _SEED.value, count=_NUM_SAMPLES.value)
    folder = Path(_OUTPUT_DIR.value).expanduser() / f"{test.source}_{_NUM_SAMPLES.value}_{_SEED.value}"
    output_files.make_folder(folder)
    study = measure.Study(
        folder,
        experiment.get("l2_noise").replace(train_steps=_TRAIN_STEPS.value, seed=_SEED.value),
        data_flags.load("train", _SEED.value, dataset=test.source),
        test,
        _STEPS.value,
    )
    print(measure.cut_gradients(study))
    return 0


if __name__ == "__main__":
    startup.run(_run)
