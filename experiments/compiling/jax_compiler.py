"""Compiles and runs StableHLO text with JAX's internals.

JAX has no public way to give text to its compilers. All use of JAX's private names is in this
file, so a change in JAX breaks this file only, and its error says so in one line. Needs no
TensorFlow.

    python -m experiments.compiling.jax_compiler FILE.mlir v5e:2x2 4

compiles a file ahead of time for a TPU and prints a line of JSON. Each compilation has its own
process, because libtpu ends the whole process on an internal error.
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from selforg_mnist.errors import UserError, one_line

TRIED = ("0.10", "0.11")  # versions of JAX


class Cost(NamedTuple):
    """A compiler's figures for a program, on each device."""

    argument_bytes: int
    output_bytes: int
    temporary_bytes: int
    code_bytes: int
    flops: float
    bytes_accessed: float
    seconds: float | None  # of one run, estimated; None if the compiler gives no estimate
    unestimated: int  # operations that the estimate leaves out


class Program(NamedTuple):
    """A program on one device."""

    run: Callable[[list[Any]], list[Any]]  # from arrays to JAX arrays; doesn't wait for them
    device: str
    cost: Cost


def compile_for_tpu(text: str, topology: str, replicas: int) -> Cost:
    """Compiles StableHLO for TPUs, on a machine that need not have any.

    Returns:
      cost: on each of these cores.

    Raises:
      UserError: libtpu is missing or doesn't know the topology, it rejects the program, or JAX
        has changed.
    """
    # Otherwise libtpu asks the network what machine this is, and refuses a second process.
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    jax = _jax()
    from jax.experimental import topologies

    try:
        devices = topologies.get_topology_desc(platform="tpu", topology_name=topology).devices
    except Exception as error:  # JAX, libtpu and the system raise errors of many types
        raise UserError(
            f"topology={topology}: {one_line(error)}; expected one that libtpu knows, such as "
            "v5e:2x2, v4:2x2x1 or v6e:2x2, and libtpu itself: pip install 'jax[tpu]'"
        ) from error
    if not 1 <= replicas <= len(devices):
        raise UserError(
            f"replicas={replicas}: expected 1 to {len(devices)}, the cores of {topology}"
        )
    try:
        return _cost(_compile(text, devices[:replicas], "compile"))
    except jax.errors.JaxRuntimeError as error:
        raise UserError(f"rejected: {one_line(error)}") from error


def load(text: str) -> Program:
    """Compiles StableHLO of one replica for JAX's first device here, and loads it there.

    Raises:
      UserError: JAX is missing, or has changed.
    """
    jax = _jax()
    device = jax.devices()[0]
    executable = _compile(text, [device], "compile_and_load")

    def run(arguments: list[Any]) -> list[Any]:
        placed = [jax.device_put(argument, device) for argument in arguments]
        results = executable.execute_sharded(placed)
        return [shards[0] for shards in results.disassemble_into_single_device_arrays()]

    return Program(run, device.device_kind, _cost(executable))


def _jax() -> Any:
    try:
        import jax
    except ImportError as error:
        raise UserError(f"no JAX ({one_line(error)}); pip install jax, or 'jax[tpu]'") from error
    return jax


def _compile(text: str, devices: list[Any], method: str) -> Any:
    """An executable with one replica on each of the devices."""
    jax = _jax()
    try:
        import numpy as np
        from jax._src import compiler
        from jax._src.interpreters import mlir
        from jax._src.lib import xla_client
        from jax._src.lib.mlir import ir

        client = devices[0].client
        options = compiler.get_compile_options(
            num_replicas=len(devices),
            num_partitions=1,
            device_assignment=np.array([[device.id] for device in devices]),
            backend=client,
        )
        with mlir.make_ir_context():
            module = ir.Module.parse(text)
            device_list = xla_client.DeviceList(tuple(devices))
            return getattr(client, method)(module, device_list, options)
    except (ImportError, AttributeError, TypeError) as error:
        raise UserError(
            f"jax {jax.__version__}: its internals are not those of {' and '.join(TRIED)} "
            f"({one_line(error)}); pip install 'jax=={TRIED[0]}.*'"
        ) from error


def _cost(executable: Any) -> Cost:
    memory = executable.get_compiled_memory_stats()
    analysis = executable.cost_analysis()
    if isinstance(analysis, list):  # one for each module
        analysis = analysis[0]
    # libtpu adds up its estimates; each operation without an estimate counts -1.
    seconds = analysis.get("optimal_seconds")
    unestimated = 0 if seconds is None else math.ceil(max(0.0, -seconds))
    return Cost(
        argument_bytes=memory.argument_size_in_bytes,
        output_bytes=memory.output_size_in_bytes,
        temporary_bytes=memory.temp_size_in_bytes,
        code_bytes=memory.generated_code_size_in_bytes,
        flops=analysis.get("flops", 0.0),
        bytes_accessed=analysis.get("bytes accessed", 0.0),
        seconds=None if seconds is None else seconds + unestimated,
        unestimated=unestimated,
    )


if __name__ == "__main__":
    try:
        cost = compile_for_tpu(Path(sys.argv[1]).read_text(), sys.argv[2], int(sys.argv[3]))
    except UserError as error:
        sys.exit(f"error: {error}")
    print(json.dumps(cost._asdict()))
