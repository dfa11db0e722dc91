"""Command: training and evaluation speed of this machine, beside the article's dense graph.

    python -m experiments.benchmark [--json]

Each round times every subject right after the dense reference and a large matrix product, so
that a machine that slows down slows both sides of a ratio. Takes about five minutes on two cores.
Expect `living` at batch 16 to be about ten times as fast as the reference.

TensorFlow fixes its thread counts when a process first computes. The reference and the
subjects without a mark run in one process with TensorFlow's own counts, which suit the
reference best. Subjects marked "1 thread a lane" run as in `selforg_mnist.train`, in a second
process, which is idle while the first one is timed.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import platform
import statistics
from typing import Any

from absl import flags, logging

from experiments.scaling import studies, timing
from experiments.scaling.timing import Data, Run, Stopwatch, Timer
from selforg_mnist import data_flags, spec, startup
from selforg_mnist import experiment as experiments

_JSON = flags.DEFINE_bool("json", False, "Print JSON instead of a table.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Timings of each subject.", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 1.0, "Shortest length of one timing.", lower_bound=0.01)
flags.adopt_module_key_flags(data_flags)

_CEILING_SIZE = 2048
_CEILING_ARITHMETIC = 2 * _CEILING_SIZE**3
_EVALUATED = 250


@dataclasses.dataclass(frozen=True)
class Subject:
    """Something to time: `kind` is reference, ceiling, evaluation or the name of an engine."""

    kind: str
    batch: int = 0
    one_thread_per_lane: bool = False

    def __str__(self) -> str:
        names = {
            "reference": "dense reference",
            "dense": "engine dense",
            "living": "engine living",
        }
        mark = ", 1 thread a lane" if self.one_thread_per_lane else ""
        return names.get(self.kind, self.kind) + mark


CEILING = Subject("ceiling")
SUBJECTS = (
    Subject("dense", 16),
    Subject("living", 16),
    Subject("living", 16, one_thread_per_lane=True),
    Subject("dense", 64),
    Subject("living", 64),
    Subject("living", 64, one_thread_per_lane=True),
    Subject("evaluation", _EVALUATED),
    Subject("evaluation", _EVALUATED, one_thread_per_lane=True),
)


def _prepare(subject: Subject, data: Data) -> Run:
    """Builds a subject; the result runs a number of its steps and waits for the last one."""
    import tensorflow as tf

    from selforg_mnist.data.digits import subset
    from selforg_mnist.evaluation import evaluation
    from selforg_mnist.training import engines
    from selforg_mnist.training.computing import Computing

    if subject.kind == "ceiling":
        matrix = tf.random.normal([_CEILING_SIZE, _CEILING_SIZE])
        return lambda steps: [tf.matmul(matrix, matrix) for _ in range(steps)][-1].numpy()

    digits = timing.training_digits(data)
    experiment = experiments.l2_noise()
    if subject.kind == "reference":
        batch = subset(digits, subject.batch)
        return timing.reference(batch.images, batch.labels)
    if subject.kind == "evaluation":
        model = engines.build_model(experiment)
        cores = startup.available_cores()
        batches = subset(digits, cores * subject.batch)
        # One batch per core: `steps` steps of one batch are this many CA steps of all batches.
        return lambda steps: evaluation.evaluate(
            model, batches, max(1, steps // cores), batch_size=subject.batch
        )

    size = subject.batch
    experiment = experiment.replace(batch_size=size, pool_size=10 * size)
    return timing.training(experiment, digits.images, digits.labels, Computing(subject.kind))


def _start_worker() -> None:
    startup.quiet_tensorflow()
    startup.one_thread_per_lane(startup.available_cores())


def measure(data: Data, rounds: int, seconds: float) -> dict[str, Any]:
    """Times all subjects in some rounds; a timing takes at least the given seconds.

    Returns:
      report: plain values. Rates are steps per second, medians over the rounds. `ratio` is a
        subject's rate divided by the reference's in the same round and at the same batch size,
        median over the rounds. `share_of_ceiling`, in [0, 1], is likewise the median of two
        rates' ratio: the operations per second that a subject needs at least, and those of the
        matrix product.
    """
    with timing.worker(_start_worker) as worker:

        def timer(subject: Subject) -> Timer:
            time_steps = functools.partial(timing.time_steps, _prepare, (subject, data))
            if subject.one_thread_per_lane:
                return lambda steps: worker.submit(time_steps, steps).result()
            return time_steps

        batches = sorted({s.batch for s in SUBJECTS if s.kind != "evaluation"})
        references = {size: Subject("reference", size) for size in batches}
        subjects = [CEILING, *references.values(), *SUBJECTS]
        watches = {}
        for subject in subjects:
            logging.info("Compiling %s, batch %d.", subject, subject.batch)
            watches[subject] = Stopwatch(timer(subject), seconds)

        digits = timing.training_digits(data)
        living = studies.living_cells(digits.images)
        ratios: dict[Subject, list[float]] = {subject: [] for subject in SUBJECTS}
        shares: dict[Subject, list[float]] = {subject: [] for subject in subjects}
        for number in range(rounds):
            logging.info("Round %d of %d.", number + 1, rounds)
            for subject in SUBJECTS:
                ceiling = watches[CEILING].rate()
                timed = [subject]
                if reference := references.get(subject.batch):
                    timed.insert(0, reference)
                for each in timed:
                    work = _least_arithmetic(each, living) / _CEILING_ARITHMETIC
                    shares[each].append(watches[each].rate() * work / ceiling)
                if reference:
                    ratios[subject].append(
                        watches[subject].rates[-1] / watches[reference].rates[-1]
                    )
        peaks = {False: timing.peak_bytes(), True: worker.submit(timing.peak_bytes).result()}

    rows = []
    for subject in subjects[1:]:
        row: dict[str, Any] = {
            "subject": str(subject),
            "batch": subject.batch,
            **timing.summary(watches[subject].rates),
            "share_of_ceiling": statistics.median(shares[subject]),
        }
        if ratios.get(subject):
            row["ratio"] = statistics.median(ratios[subject])
        rows.append(row)
    return {
        "rows": rows,
        "ceiling_gflops": statistics.median(watches[CEILING].rates) * _CEILING_ARITHMETIC / 1e9,
        "peak_memory_mb": {
            "default threads": round(peaks[False] / 2**20),
            "1 thread a lane": round(peaks[True] / 2**20),
        },
        "cores": startup.available_cores(),
        "machine": platform.machine(),
        "dataset": f"{digits.source}, {len(digits)} digits",
        "rounds": rounds,
    }


def _least_arithmetic(subject: Subject, living: float) -> float:
    """The fewest floating-point operations of a step: those of living cells that fire.

    `living` is the mean number of living cells of a digit.
    """
    patch = spec.NEIGHBOURHOOD * spec.NUM_CHANNELS
    products = (patch + spec.HIDDEN_CHANNELS + spec.STATE_CHANNELS) * spec.HIDDEN_CHANNELS
    forward = 2 * products * subject.batch * living * spec.FIRE_RATE
    if subject.kind == "evaluation":
        return forward  # of one CA step
    # The backward pass takes twice the operations of the forward pass.
    return 3 * forward * experiments.l2_noise().rollout_steps


def _print_table(report: dict[str, Any]) -> None:
    print(f"\nData: {report['dataset']}. {report['cores']} cores, {report['machine']}.")
    print(f"Large float32 matrix product: {report['ceiling_gflops']:.0f} GFLOP/s.\n")
    heads = ("subject", "batch", "steps/s", "(slowest-fastest)", "x reference", "of ceiling")
    print("{:34} {:>5} {:>9} {:>18} {:>12} {:>11}".format(*heads))
    for row in report["rows"]:
        span = f"({row['slowest']:.1f}-{row['fastest']:.1f})"
        ratio = f"{row['ratio']:.1f}" if "ratio" in row else ""
        print(
            f"{row['subject']:34} {row['batch']:5} {row['steps_per_second']:9.1f} {span:>18} "
            f"{ratio:>12} {row['share_of_ceiling']:11.0%}"
        )
    peaks = ", ".join(f"{mb} MB ({name})" for name, mb in report["peak_memory_mb"].items())
    print(f"\nA step of evaluation is one CA step of its batch. Peak memory: {peaks}.")


def _benchmark() -> int:
    report = measure(timing.data_of_flags(), _ROUNDS.value, _SECONDS.value)
    if _JSON.value:
        print(json.dumps(report, indent=2))
    else:
        _print_table(report)
    return 0


if __name__ == "__main__":
    startup.run(_benchmark)
