"""Command: compiles the training step for TPUs, on a machine that has none.

    python -m experiments.compile_for_tpu
    python -m experiments.compile_for_tpu --topology=v5e:2x2 --replicas=1 --json

Lowers the very step that TPUs run to StableHLO (`lowering.py`) and gives it to the compiler in
libtpu, for a single core and for several cores of a slice that share batch and pool and sum
their gradients. Ends with an error where the compiler rejects an operation. Needs
`pip install -e '.[tpu]'`. The step of the article takes minutes for each program.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import flags, logging

from selforg_mnist import experiments, startup
from selforg_mnist.errors import UserError
from selforg_mnist.experiments import Experiment

_TOPOLOGY = flags.DEFINE_list(
    "topology", ["v5e:2x2", "v4:2x2x1", "v6e:2x2"], "Slices, as libtpu calls them."
)
_REPLICAS = flags.DEFINE_list("replicas", ["1", "4"], "Numbers of cores that share the batch.")
_EXPERIMENT = flags.DEFINE_string(
    "experiment", "l2_noise", f"What to train: {', '.join(experiments.EXPERIMENTS)}."
)
_BATCH_SIZE = flags.DEFINE_integer("batch_size", None, "Samples, over all cores.")
_POOL_SIZE = flags.DEFINE_integer("pool_size", None, "Samples in the pool, over all cores.")
_ROLLOUT_STEPS = flags.DEFINE_integer("rollout_steps", None, "CA steps a training step.")
_JSON = flags.DEFINE_bool("json", False, "Print JSON.")

_TRAINING_DIGITS = 60_000  # MNIST's: only their number matters here


def _experiment() -> Experiment:
    given = {flag.name: flag.value for flag in (_BATCH_SIZE, _POOL_SIZE, _ROLLOUT_STEPS)}
    options = {name: value for name, value in given.items() if value is not None}
    return experiments.get(_EXPERIMENT.value).replace(**options)


def _replicas() -> list[int]:
    try:
        return [int(number) for number in _REPLICAS.value]
    except ValueError as error:
        raise UserError(f"replicas={','.join(_REPLICAS.value)}: expected numbers") from error


def _lower(experiment: Experiment, replicas: list[int]) -> dict[int, str]:
    """The text of the step for each number of replicas."""
    import tensorflow as tf

    from experiments import lowering
    from selforg_mnist import spec
    from selforg_mnist.pool import Source
    from selforg_mnist.trainer import Trainer

    images = tf.zeros([_TRAINING_DIGITS, spec.IMAGE_SIZE, spec.IMAGE_SIZE], tf.uint8)
    source = Source(images, tf.zeros([_TRAINING_DIGITS], tf.int32))
    trainer = Trainer(experiment, source, engine="dense")
    return {number: lowering.stablehlo(trainer, number) for number in replicas}


def _compile(path: Path, topology: str, replicas: int) -> dict[str, Any]:
    """What the compiler says of a program.

    Raises:
      UserError: it doesn't compile, in one line.
    """
    start = time.monotonic()
    command = [sys.executable, "-m", "experiments.jax_compiler", str(path), topology]
    done = subprocess.run([*command, str(replicas)], capture_output=True, text=True)
    if done.returncode != 0:
        raise UserError(f"{topology}, {_cores(replicas)}: {_reason(done)}")
    cost = json.loads(done.stdout.splitlines()[-1])
    seconds = time.monotonic() - start
    return {"topology": topology, "replicas": replicas, **cost, "compiled_in": seconds}


def _reason(done: subprocess.CompletedProcess) -> str:
    """The line among libtpu's many that says what is wrong."""
    lines = done.stderr.strip().splitlines()
    telling = [line for line in lines if line.startswith("error: ") or "Check failed" in line]
    reason = (telling or lines or ["no message"])[-1].removeprefix("error: ")
    return f"{reason} (the compiler ended with status {done.returncode})"


def _programs(experiment: Experiment, replicas: list[int]) -> Iterator[dict[str, Any]]:
    texts = _lower(experiment, replicas)
    with tempfile.TemporaryDirectory() as folder:
        for topology in _TOPOLOGY.value:
            for number, text in texts.items():
                path = Path(folder) / f"step_{number}.mlir"
                path.write_text(text, encoding="utf-8")
                logging.info("Compiling for %s, %s.", topology, _cores(number))
                yield _compile(path, topology, number)


def _cores(replicas: int) -> str:
    return "1 core" if replicas == 1 else f"{replicas} cores"


def _line(row: dict[str, Any]) -> str:
    megabytes = {name: row[f"{name}_bytes"] / 1e6 for name in ("argument", "temporary", "code")}
    memory = ", ".join(f"{name} {size:.1f}" for name, size in megabytes.items())
    estimate = "none"
    if row["seconds"] is not None:
        estimate = f"{row['seconds'] * 1e3:.2f} ms"
    if row["unestimated"]:
        estimate += f" and {row['unestimated']} operations that it has none for"
    return (
        f"{row['topology']}, {_cores(row['replicas'])}: each {row['flops'] / 1e9:.2f} GFLOP, "
        f"{row['bytes_accessed'] / 1e6:.0f} MB moved; MB of memory: {memory}; "
        f"time estimate {estimate}; compiled in {row['compiled_in']:.0f} s"
    )


def _compile_all() -> int:
    experiment, replicas = _experiment(), _replicas()
    rows = []
    for row in _programs(experiment, replicas):
        rows.append(row)
        if not _JSON.value:
            print(_line(row), flush=True)
    if _JSON.value:
        print(json.dumps({"experiment": experiment.to_dict(), "programs": rows}, indent=2))
    return 0


if __name__ == "__main__":
    startup.run(_compile_all)
