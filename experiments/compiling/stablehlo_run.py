"""Runs an exported training step under JAX, compares it with TensorFlow's, and times it.

Needs NumPy and JAX but not TensorFlow, so that it runs where only JAX supports the accelerator.
A folder holds what `stablehlo_export.py` wrote; both modules use the file names below.
"""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.compiling import jax_compiler
from selforg_mnist.errors import UserError, one_line

TEXT, ARGUMENTS, EXPECTED, ABOUT = "step.mlir", "arguments.npz", "expected.npz", "about.json"
PRODUCTS = ("highest", "default")
# The largest `deviation` of steps that count as right, by precision. XLA leaves out some of the
# roundings that TensorFlow makes between bfloat16 products. After ten of the article's training
# steps on a CPU, bfloat16 deviated by 0.013 when they started from an untrained state. It deviated
# by 0.36 from a trained state, whose gradients are small differences of large numbers. Float32
# deviated by 1e-6 from an untrained state. Other random numbers deviate by 1.3 and more.
TOLERANCES = {"float32": 1e-2, "bfloat16": 0.5}


class _Ceiling(NamedTuple):
    """The highest rates of a device."""

    bytes_per_second: float
    float32: float  # operations per second
    tensor_float32: float  # in tensor cores, float32 rounded to 19 bits: XLA's default
    bfloat16: float  # in tensor cores

    def flops(self, precision: str, products: str) -> float:
        """Operations per second, for a step's precision and its setting of `products`."""
        if precision == "bfloat16":
            return self.bfloat16
        return self.float32 if products == "highest" else self.tensor_float32


# From NVIDIA's data sheets of the H200, the H100 and the A100 (the SXM boards). The sheets of the
# first two give the tensor cores' figures with sparsity, which doubles them. Here they are halved.
_HOPPER = {"float32": 67e12, "tensor_float32": 494.5e12, "bfloat16": 989.5e12}
_CEILINGS = {
    "NVIDIA H200": _Ceiling(4.8e12, **_HOPPER),
    "NVIDIA H100 80GB HBM3": _Ceiling(3.35e12, **_HOPPER),
    "NVIDIA A100-SXM4-40GB": _Ceiling(
        1.555e12, float32=19.5e12, tensor_float32=156e12, bfloat16=312e12
    ),
}


class _Export(NamedTuple):
    text: str
    arguments: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    about: dict[str, Any]


def run(folder: Path, products: str, seconds: float) -> dict[str, Any]:
    """Takes the exported training steps on JAX's first device, then times more of them.

    `products` is the precision of float32 products: "highest" keeps float32, "default" is the
    device's choice. The timing takes about `seconds`.

    Returns:
      report: device, rate, the worst deviation and where it is, and shares of the ceilings.

    Raises:
      UserError: the folder holds no export, or JAX can't run it.
    """
    export = _read(folder)
    text = export.text.replace("precision DEFAULT", f"precision {products.upper()}")
    program = jax_compiler.load(text)
    held = sum(name.startswith("state.") for name in export.arguments)

    def steps(arguments: list[Any], count: int) -> tuple[list[Any], list[Any]]:
        results: list[Any] = []
        for _ in range(count):
            results = program.run(arguments)
            arguments = results[:held] + arguments[held:]
        results[0].block_until_ready()
        return arguments, results

    arguments, results = steps(list(export.arguments.values()), export.about["steps"])
    found = dict(zip(export.expected, map(np.asarray, results), strict=True))
    deviations = {
        name: deviation(value, export.expected[name], export.arguments.get(name))
        for name, value in found.items()
        # The other metrics count cells, and rounding may change the label of a cell.
        if name.startswith("state.") or name == "metrics.loss"
    }
    worst = max(deviations, key=lambda name: deviations[name])
    rate = _rate(lambda count: steps(arguments, count), seconds)
    return {
        "device": program.device,
        "products": products,
        **export.about,
        "deviation": deviations[worst],
        "deviation_of": worst,
        "steps_per_second": rate,
        "flops_per_step": program.cost.flops,
        "bytes_per_step": program.cost.bytes_accessed,
        **_shares(program, export.about["precision"], products, rate),
    }


def deviation(found: np.ndarray, expected: np.ndarray, start: np.ndarray | None) -> float:
    """The difference of a tensor from the expected one, as a share of its change since the start.

    Both are norms over the whole tensor, because a single weight may differ by any amount: Adam
    moves a weight by the same distance however small its gradient is, even if the gradient is
    only a rounding error. Whole numbers must be equal: any difference counts as infinite. For a
    tensor without a start, the share is of the expected tensor's own norm.
    """
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(found, expected) else float("inf")
    if not np.isfinite(found).all():
        return float("inf")
    change = np.linalg.norm(np.ravel(expected if start is None else expected - start))
    difference = np.linalg.norm(np.ravel(found - expected))
    return float(difference / change) if change else float(difference)


def _rate(steps: Any, seconds: float) -> float:
    """Steps per second, over as many steps in a row as take about `seconds`."""
    steps(2)
    start = time.perf_counter()
    steps(3)
    count = max(3, int(seconds * 3 / (time.perf_counter() - start)))
    start = time.perf_counter()
    steps(count)
    return count / (time.perf_counter() - start)


def _shares(
    program: jax_compiler.Program, precision: str, products: str, rate: float
) -> dict[str, float]:
    if program.device not in _CEILINGS:
        return {}
    ceiling = _CEILINGS[program.device]
    flops = ceiling.flops(precision, products)
    return {
        "share_of_memory_ceiling": rate * program.cost.bytes_accessed / ceiling.bytes_per_second,
        "share_of_arithmetic_ceiling": rate * program.cost.flops / flops,
    }


def _read(folder: Path) -> _Export:
    try:
        return _Export(
            (folder / TEXT).read_text(encoding="utf-8"),
            _arrays(folder / ARGUMENTS),
            _arrays(folder / EXPECTED),
            # Older exports don't have these options.
            {"engine": "dense", "precision": "float32"}
            | json.loads((folder / ABOUT).read_text(encoding="utf-8")),
        )
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f"run={folder}: not a complete export ({one_line(error)}); expected a "
            "folder that --export has written"
        ) from error


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
