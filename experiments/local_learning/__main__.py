"""Command: how far back must a cell learn?

    python -m experiments.local_learning --output_dir=local_learning

Trains a CA with gradients cut after 1, 2, 5, 10 and 20 CA steps, and a network that learns without
backpropagation; asks what each forgets. Stopped and started again, it goes on where it was. With
--dataset=mnist it made the report in experiments/results/local_learning.
"""

from pathlib import Path

from absl import flags

from selforg_mnist import data_flags, output_files, startup

_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder for the report.", required=True)
_TRAIN_STEPS = flags.DEFINE_integer("train_steps", 1_000, "Of each CA.", lower_bound=1)
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 1_000, "Test digits; 0: all.", lower_bound=0)
_STEPS = flags.DEFINE_integer("steps", 200, "CA steps of the evaluation.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of all random draws.")


def _run() -> int:
    from experiments.local_learning import measure, report
    from selforg_mnist import experiment

    steps, seed = _TRAIN_STEPS.value, _SEED.value
    data_flags.check()
    startup.one_thread_per_lane(startup.available_cores())
    held_out = data_flags.load("test", seed, count=_NUM_SAMPLES.value)
    digits = data_flags.load("train", seed, dataset=held_out.source)
    output_dir = Path(_OUTPUT_DIR.value).expanduser()
    options = f"{held_out.source}_{len(held_out)}_digits_{_STEPS.value}_steps_seed_{seed}"
    folder = output_dir / "runs" / options
    output_files.make_folder(folder)
    config = experiment.get("l2_noise").replace(train_steps=steps, seed=seed)
    settings = measure.Settings(folder, config, digits, held_out, _STEPS.value)
    about = {
        "command": f"python -m experiments.local_learning --dataset={held_out.source} "
        f"--train_steps={steps} --num_samples={_NUM_SAMPLES.value} --steps={_STEPS.value} "
        f"--seed={seed} --output_dir=...",
        **settings.about(),
        "versions": startup.versions(),
    }
    written = report.write(output_dir, measure.run(settings), about)
    print(f"Written to {output_dir}: " + ", ".join(written))
    return 0


if __name__ == "__main__":
    startup.run(_run)
