"""Command: compiles the training step for TPUs, on a machine that has none.

    python -m experiments.compile_for_tpu
    python -m experiments.compile_for_tpu --topology=v5e:2x2 --replicas=1 --json
    python -m experiments.compile_for_tpu --precision=float32,bfloat16

Lowers the training step that TPUs run to StableHLO (`compiling/lowering.py`) and gives it to the
compiler in libtpu: for a single core, and for several cores of a slice that share batch and pool
and sum their gradients. Ends with an error if the compiler rejects an operation. Needs
`pip install -e '.[tpu]'`. There is one program for each precision, slice and number of cores; with
the article's step each takes minutes to compile.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags, logging

from selforg_mnist import experiment as experiments
from selforg_mnist import startup
from selforg_mnist.errors import UserError
from selforg_mnist.experiment import Experiment
from selforg_mnist.training.computing import Computing

_TOPOLOGY = flags.DEFINE_list(
    "topology", ["v5e:2x2", "v4:2x2x1", "v6e:2x2"], "Slices, by libtpu's names."
)
_REPLICAS = flags.DEFINE_list("replicas", ["1", "4"], "Numbers of cores that share the batch.")
_PRECISION = flags.DEFINE_list(
    "precision", ["float32"], "Precisions of matrix products: float32, bfloat16."
)
_EXPERIMENT = flags.DEFINE_string(
    "experiment", "l2_noise", f"What to train: {', '.join(experiments.EXPERIMENTS)}."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "Samples, over all cores.")
_POOL_SIZE = flags.DEFINE_integer("pool_size", None, "Samples in the pool, over all cores.")
_ROLLOUT_STEPS = flags.DEFINE_integer("rollout_steps", None, "CA steps per training step.")
_JSON = flags.DEFINE_bool("json", False, "Print JSON.")

_TRAINING_DIGITS = 60_000  # MNIST's


class _Step(NamedTuple):
    """A training step to compile."""

    precision: str
    replicas: int
    text: str

    def __str__(self) -> str:
        cores = "1 core" if self.replicas == 1 else f"{self.replicas} cores"
        return f"{cores}, {self.precision}"


def _experiment() -> Experiment:
    given = {flag.name: flag.value for flag in (_BATCH_SIZE, _POOL_SIZE, _ROLLOUT_STEPS)}
    options = {name: value for name, value in given.items() if value is not None}
    return experiments.get(_EXPERIMENT.value).replace(**options)


def _replicas() -> list[int]:
    given = ",".join(_REPLICAS.value)
    try:
        replicas = [int(number) for number in _REPLICAS.value]
    except ValueError as error:
        raise UserError(f"replicas={given}: expected numbers") from error
    if min(replicas, default=1) < 1:
        raise UserError(f"replicas={given}: expected numbers of cores, 1 or more")
    return replicas


def _lower(experiment: Experiment) -> list[_Step]:
    """The step in each precision, for each number of cores."""
    # Before TensorFlow is loaded, so that a mistake shows at once.
    replicas = _replicas()
    computings = [Computing("dense", precision=precision) for precision in _PRECISION.value]

    import numpy as np

    from experiments.compiling import lowering
    from selforg_mnist import spec
    from selforg_mnist.training.pool import source_of
    from selforg_mnist.training.trainer import Trainer

    # Blank training digits, as many as in MNIST: a compiler needs only their number.
    images = np.zeros([_TRAINING_DIGITS, spec.IMAGE_SIZE, spec.IMAGE_SIZE], np.uint8)
    source = source_of(images, np.zeros(_TRAINING_DIGITS))
    trainers = [Trainer(experiment, source, how, n) for how in computings for n in replicas]
    return [_Step(t.computing.precision, t.replicas, lowering.stablehlo(t)) for t in trainers]


def _compile(path: Path, topology: str, step: _Step) -> dict[str, Any]:
    """The compiler's estimates for the step in a file; raises `UserError` if it is rejected."""
    start = time.monotonic()
    command = [sys.executable, "-m", "experiments.compiling.jax_compiler", str(path), topology]
    done = subprocess.run([*command, str(step.replicas)], capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"{topology}, {step}: {_reason(done)}")
    cost = json.loads(done.stdout.splitlines()[-1])
    return {
        "topology": topology,
        "replicas": step.replicas,
        "precision": step.precision,
        **cost,
        "compiled_in": time.monotonic() - start,
    }


def _reason(done: subprocess.CompletedProcess) -> str:
    """The line that says what is wrong, among the many that libtpu prints."""
    lines = done.stderr.strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ") or "Check failed" in line]
    reason = (errors or lines or ["no message"])[-1].removeprefix("error: ")
    return f"{reason} (the compiler ended with status {done.returncode})"


def _line(program: str, row: dict[str, Any]) -> str:
    megabytes = {name: row[f"{name}_bytes"] / 1e6 for name in ("argument", "temporary", "code")}
    memory = ", ".join(f"{name} {size:.1f}" for name, size in megabytes.items())
    estimate = "none"
    if row["seconds"] is not None:
        estimate = f"{row['seconds'] * 1e3:.2f} ms"
    if row["unestimated"]:
        estimate += f", without {row['unestimated']} operations that have no estimate"
    return (
        f"{program}: each {row['flops'] / 1e9:.2f} GFLOP, "
        f"{row['bytes_accessed'] / 1e6:.0f} MB moved; MB of memory: {memory}; "
        f"time estimate {estimate}; compiled in {row['compiled_in']:.0f} s"
    )


def _compile_all() -> int:
    experiment = _experiment()
    steps = _lower(experiment)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.mlir"
        for topology, step in itertools.product(_TOPOLOGY.value, steps):
            path.write_text(step.text, encoding="utf-8")
            logging.info("Compiling for %s, %s.", topology, step)
            rows.append(_compile(path, topology, step))
            if not _JSON.value:
                print(_line(f"{topology}, {step}", rows[-1]), flush=True)
    if _JSON.value:
        print(json.dumps({"experiment": experiment.to_dict(), "programs": rows}, indent=2))
    return 0


if __name__ == "__main__":
    startup.run(_compile_all)
