"""Command: the pictures that a classifier likes best of all, for matrices and for trained cells.

    python -m experiments.prototypes --output_dir=prototypes --weights=l2_noise,consensus,ce

Draws each label by gradient ascent from two random starts: for J. Van Name's fitness model, which
it trains first, for a linear classifier of pixels, and for the cells of each model. Reports how
alike the two pictures are, and how all of them label each other's. Takes some minutes on an
idle core. With --dataset=mnist it made the report in experiments/results/prototypes.
"""

import time
from pathlib import Path

from absl import flags

from experiments import study
from selforg_mnist import data_flags, output_files, startup, weights

study.define_flags(weights="l2_noise,consensus,ce", steps=100, num_samples=0)
_ITERATIONS = flags.DEFINE_integer("iterations", 150, "Steps of each drawing.", lower_bound=1)


def _run() -> int:
    given = flags.FLAGS
    for each in given.weights:
        weights.check(each)
    data_flags.check()
    startup.one_thread_per_lane(startup.available_cores())
    from experiments.prototypes import measure, report

    models = {each.name: each.model for each in map(weights.load, given.weights)}
    train = data_flags.load("train", given.seed)
    test = data_flags.load("test", given.seed, train.source, given.num_samples)
    output_dir = Path(given.output_dir).expanduser()
    output_files.make_folder(output_dir)  # if this fails, it fails before minutes of work
    began = time.perf_counter()
    pictures, numbers = measure.run(
        models, train, test, _ITERATIONS.value, given.steps, given.seed
    )
    about = {
        "command": f"python -m experiments.prototypes --weights={','.join(given.weights)} "
        f"--dataset={train.source} --iterations={_ITERATIONS.value} --steps={given.steps} "
        f"--num_samples={given.num_samples} --seed={given.seed} --output_dir=...",
        "steps": given.steps,
        "num_samples": len(test),
        "dataset": train.source,
        "seconds": round(time.perf_counter() - began),
        "versions": startup.versions(),
    }
    written = report.write(output_dir, pictures, numbers, about)
    print(f"Written to {output_dir}: " + ", ".join(written))
    return 0


if __name__ == "__main__":
    startup.run(_run)
