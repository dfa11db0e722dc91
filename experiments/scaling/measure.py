"""Measures the scaling studies: times each subject and the dense reference in turn.

Each subject and the reference have a process of their own; only one of them computes at a time.
The living engine has one thread per lane, as `selforg_mnist.train` sets it. The other engines and
the reference have TensorFlow's own thread counts. What is timed is in `studies.py`.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

from absl import logging

from experiments.scaling import studies, timing
from experiments.scaling.studies import Scene, Subject
from experiments.scaling.timing import Data, Run, Stopwatch
from selforg_mnist import experiment as experiments
from selforg_mnist import spec, startup
from selforg_mnist.errors import UserError


class Survey(NamedTuple):
    """What there is to train on."""

    dataset: str  # name, as `load_digits` takes it
    digits: int  # in the training set
    living: Mapping[Scene, float]  # mean number of living cells of a canvas, by scene


@dataclasses.dataclass(frozen=True)
class Timing:
    """The numbers of one subject."""

    study: str  # its name
    engine: str  # "living" or "dense"
    batch: int  # canvases of a training step
    canvas: int  # side, in cells
    digits: int  # on each canvas
    replicas: int  # that share the batch
    pool: int  # canvases in the pool
    living_cells: float  # mean number of a batch
    living_share: float  # share of all cells that live, in [0, 1]
    firing_cells: float  # mean number of a batch in each CA step
    steps_per_second: float  # training steps, median over the rounds
    slowest: float  # the slowest round, in training steps per second
    fastest: float  # the fastest round, in training steps per second
    ms: float  # time of a training step, by the median rate
    reference_ms: float | None  # the same for the dense reference; None if it was left out
    ratio: float | None  # rate divided by the reference's in the same round, median
    peak_mb: int  # memory of the process, including TensorFlow and the digits
    reference_peak_mb: int | None  # the same for the reference's process


def survey(subjects: Sequence[Subject], data: Data) -> Survey:
    """Loads the digits and counts living cells on the canvases, in a process that then ends."""
    with timing.worker() as worker:
        scenes = list(dict.fromkeys(subject.scene for subject in subjects))
        return worker.submit(_survey, scenes, data).result()


def _survey(scenes: Sequence[Scene], data: Data) -> Survey:
    digits = timing.training_digits(data)
    living = {scene: studies.living_cells(studies.canvases(digits, scene)[0]) for scene in scenes}
    return Survey(digits.source, len(digits), living)


def measure(
    subjects: Sequence[Subject],
    data: Data,
    living: Mapping[Scene, float],
    rounds: int,
    seconds: float,
    reference_bytes: float,
) -> Iterator[Timing]:
    """Times subjects, and logs the progress.

    `living` is as in `Survey`. A subject is timed in some rounds, for the given seconds or longer.
    The dense reference is left out where it would take more than `reference_bytes` of memory.

    Yields:
      row: of each subject; subjects of the same study and scene come after each other.

    Raises:
      UserError: a process was killed, probably because memory ran out.
    """
    scenes = list(dict.fromkeys((subject.study, subject.scene) for subject in subjects))
    for place, (study, scene) in enumerate(scenes, 1):
        logging.info("Study %s, %s: %d of %d.", study, scene, place, len(scenes))
        own = [each for each in subjects if (each.study, each.scene) == (study, scene)]
        with_reference = scene.reference_bytes() <= reference_bytes
        if not with_reference:
            needed = scene.reference_bytes() / 1e9
            logging.info("Without the dense reference, which takes about %.1f GB.", needed)
        try:
            yield from _measure_scene(own, data, living[scene], rounds, seconds, with_reference)
        except BrokenProcessPool as error:
            raise UserError(
                f"{scene}: a process was killed, probably because memory ran out; close other "
                "programs, leave the reference out with a smaller --reference_gb, or leave study "
                f"{study} out of --studies"
            ) from error


def _measure_scene(
    subjects: Sequence[Subject],
    data: Data,
    living: float,
    rounds: int,
    seconds: float,
    with_reference: bool,
) -> Iterator[Timing]:
    """As `measure`, for one scene; `living` is the mean number of living cells of a canvas."""
    with contextlib.ExitStack() as stack:

        def start(subject: Subject | Scene) -> tuple[concurrent.futures.Executor, Stopwatch]:
            worker = stack.enter_context(timing.worker())
            task = functools.partial(timing.time_steps, _prepare, (subject, data))
            return worker, Stopwatch(lambda n: worker.submit(task, n).result(), seconds)

        def peak_mb(worker: concurrent.futures.Executor) -> int:
            return round(worker.submit(timing.peak_bytes).result() / 2**20)

        reference = start(subjects[0].scene) if with_reference else None
        timed = {subject: start(subject) for subject in subjects}
        ratios: dict[Subject, list[float]] = {subject: [] for subject in subjects}
        for _ in range(rounds):
            for subject, (_, watch) in timed.items():
                beside = reference[1].rate() if reference else None
                rate = watch.rate()
                if beside:
                    ratios[subject].append(rate / beside)
        for subject, (worker, watch) in timed.items():
            yield row(
                subject,
                living,
                watch.rates,
                reference[1].rates if reference else [],
                ratios[subject],
                (peak_mb(worker), peak_mb(reference[0]) if reference else None),
            )


def row(
    subject: Subject,
    living: float,
    rates: Sequence[float],
    reference_rates: Sequence[float],
    ratios: Sequence[float],
    peaks_mb: tuple[int, int | None],
) -> Timing:
    """Summarises the timings of a subject.

    `rates` are training steps per second, by round; `living` is the mean number of living cells
    of a canvas. What is about the reference is empty, or None, if that was left out.
    """
    scene = subject.scene
    cells = scene.batch * living
    return Timing(
        study=subject.study,
        engine=subject.engine,
        **dataclasses.asdict(scene),
        replicas=subject.replicas,
        pool=scene.pool_size(),
        living_cells=cells,
        living_share=cells / scene.pixels(),
        firing_cells=cells * spec.FIRE_RATE,
        **timing.summary(rates),
        ms=1e3 / statistics.median(rates),
        reference_ms=1e3 / statistics.median(reference_rates) if reference_rates else None,
        ratio=statistics.median(ratios) if ratios else None,
        peak_mb=peaks_mb[0],
        reference_peak_mb=peaks_mb[1],
    )


def _prepare(subject: Subject | Scene, data: Data) -> Run:
    """Builds a subject, or the dense reference of a scene, in a process of its own."""
    if isinstance(subject, Scene):
        images, labels = studies.canvases(timing.training_digits(data), subject)
        return timing.reference(images[: subject.batch], labels[: subject.batch])

    from selforg_mnist.training import engines, strategies
    from selforg_mnist.training.computing import Computing

    scene, replicas = subject.scene, subject.replicas
    if subject.engine == "living":
        startup.one_thread_per_lane(max(engines.choose_lanes(scene.batch), replicas))
    # Before the digits are loaded: that computes, and TensorFlow must know its devices by then.
    distribution = None
    if replicas > 1:
        distribution = strategies.choose("mirrored", cpu_replicas=replicas)
    images, labels = studies.canvases(timing.training_digits(data), scene)
    experiment = experiments.l2_noise().replace(
        batch_size=scene.batch, pool_size=scene.pool_size()
    )
    return timing.training(experiment, images, labels, Computing(subject.engine), distribution)
