"""The scaling studies measured: each subject beside the dense reference, in turn.

A subject and the reference each have a process of their own, of which one computes at a time. The
living engine has its threads as `selforg_mnist.train` sets them, one a lane; the others and the
reference have TensorFlow's own. What is timed is in `studies.py`.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool

from absl import logging

from experiments.scaling import studies, timing
from experiments.scaling.studies import Scene, Subject
from experiments.scaling.timing import Data, Run, Stopwatch
from selforg_mnist import experiment as experiments
from selforg_mnist import spec, startup
from selforg_mnist.errors import UserError


@dataclasses.dataclass(frozen=True)
class Survey:
    """What there is to train on.

    Attributes:
      dataset: name, as `load_digits` takes it.
      digits: in the training set.
      living: mean number of living cells of a canvas, by scene.
    """

    dataset: str
    digits: int
    living: Mapping[Scene, float]


@dataclasses.dataclass(frozen=True)
class Timing:
    """The numbers of one subject.

    Attributes:
      study: its name.
      engine: "living" or "dense".
      batch: canvases of a training step.
      canvas: side, in cells.
      digits: on each canvas.
      replicas: that share the batch.
      pool: canvases in the pool.
      living_cells: of a batch, in the mean.
      living_share: of all cells, in [0, 1].
      firing_cells: of a batch, in each CA step, in the mean.
      steps_per_second: training steps, median over the rounds.
      slowest: round, in training steps a second.
      fastest: likewise.
      ms: of a training step, by the median rate.
      reference_ms: likewise of the dense reference beside it; None where it was left out.
      ratio: of the rate to the reference's beside it, median over the rounds.
      peak_mb: memory of the process, TensorFlow and digits included.
      reference_peak_mb: likewise of the reference's.
    """

    study: str
    engine: str
    batch: int
    canvas: int
    digits: int
    replicas: int
    pool: int
    living_cells: float
    living_share: float
    firing_cells: float
    steps_per_second: float
    slowest: float
    fastest: float
    ms: float
    reference_ms: float | None
    ratio: float | None
    peak_mb: int
    reference_peak_mb: int | None


def survey(subjects: Sequence[Subject], data: Data) -> Survey:
    """Loads the digits and counts what lives on the canvases, in a process that then ends.

    Raises:
      DigitsError: the digits can't be had.
    """
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
    """Times subjects, and logs what is left.

    Args:
      subjects: of all studies.
      data: to train on.
      living: as `Survey.living`.
      rounds: timings of each subject.
      seconds: least length of a timing.
      reference_bytes: the dense reference is left out where it would take more memory.

    Yields:
      row: of each subject, those of a study and scene after each other.

    Raises:
      UserError: a process was killed, likely for want of memory.
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
                f"{scene}: a process was killed, likely for want of memory; close other programs, "
                f"or leave the reference out with --reference_gb, or study {study} with --studies"
            ) from error


class _Timed:
    """One thing to time, in a process of its own.

    Args:
      worker: the process.
      watch: that times it there.
    """

    def __init__(self, worker: concurrent.futures.Executor, watch: Stopwatch):
        self._worker, self._watch = worker, watch
        self.rates: list[float] = []

    def time(self) -> float:
        """Times it once more; returns steps a second."""
        self.rates.append(self._watch.rate())
        return self.rates[-1]

    def peak_mb(self) -> int:
        """The most memory that its process had so far."""
        return round(self._worker.submit(timing.peak_bytes).result() / 2**20)


def _measure_scene(
    subjects: Sequence[Subject],
    data: Data,
    living: float,
    rounds: int,
    seconds: float,
    with_reference: bool,
) -> Iterator[Timing]:
    """As `measure`, of one scene; `living` is the mean of a canvas."""
    with contextlib.ExitStack() as stack:

        def start(subject: Subject | Scene) -> _Timed:
            worker = stack.enter_context(timing.worker())
            task = functools.partial(timing.time_steps, _prepare, (subject, data))
            return _Timed(worker, Stopwatch(lambda n: worker.submit(task, n).result(), seconds))

        reference = start(subjects[0].scene) if with_reference else None
        timed = {subject: start(subject) for subject in subjects}
        ratios: dict[Subject, list[float]] = {subject: [] for subject in subjects}
        for _ in range(rounds):
            for subject, each in timed.items():
                beside = reference.time() if reference else None
                rate = each.time()
                if beside:
                    ratios[subject].append(rate / beside)
        for subject, each in timed.items():
            yield row(
                subject,
                living,
                each.rates,
                reference.rates if reference else [],
                ratios[subject],
                (each.peak_mb(), reference.peak_mb() if reference else None),
            )


def row(
    subject: Subject,
    living: float,
    rates: Sequence[float],
    reference_rates: Sequence[float],
    ratios: Sequence[float],
    peaks_mb: tuple[int, int | None],
) -> Timing:
    """Sums the timings of a subject up.

    Args:
      subject: that was timed.
      living: mean number of living cells of a canvas.
      rates: training steps a second, by round.
      reference_rates: likewise of the dense reference; empty where it was left out.
      ratios: of the former to the reference's right before it; likewise.
      peaks_mb: memory of the subject's process and of the reference's.
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
    """Builds a subject, or the dense reference of a scene, in a process that does nothing else."""
    if isinstance(subject, Scene):
        images, labels = studies.canvases(timing.training_digits(data), subject)
        return timing.reference(images[: subject.batch], labels[: subject.batch])

    from selforg_mnist.training import engines, strategies
    from selforg_mnist.training.computing import Computing

    scene, replicas = subject.scene, subject.replicas
    if subject.engine == "living":
        startup.one_thread_a_lane(max(engines.choose_lanes(scene.batch), replicas))
    # Before the digits are loaded, which computes: TensorFlow wants to know its devices first.
    distribution = None
    if replicas > 1:
        distribution = strategies.choose("mirrored", cpu_replicas=replicas)
    images, labels = studies.canvases(timing.training_digits(data), scene)
    experiment = experiments.l2_noise().replace(
        batch_size=scene.batch, pool_size=scene.pool_size()
    )
    return timing.training(experiment, images, labels, Computing(subject.engine), distribution)
