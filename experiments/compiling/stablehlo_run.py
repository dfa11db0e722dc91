"""Runs an exported training step under JAX, checks it against TensorFlow's, and times it.

Needs NumPy and JAX, not TensorFlow, so that it runs where only JAX has the accelerator. A folder
holds what `stablehlo_export.py` wrote; both agree on the names below.
"""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.compiling import jax_compiler
from selforg_mnist.errors import UserError

TEXT, ARGUMENTS, EXPECTED, ABOUT = "step.mlir", "arguments.npz", "expected.npz", "about.json"
PRODUCTS = ("highest", "default")
# How far off right steps may be, by precision: see `deviation`. XLA leaves out some of the
# roundings that TensorFlow makes between bfloat16 products. On a CPU ten steps of the article's
# came to 0.013 so from an untrained state and to 0.36 from a trained one, whose gradients are
# small differences of large ones; float32 to 1e-6 from an untrained one. Steps with other random
# numbers come to 1.3 and more.
TOLERANCES = {"float32": 1e-2, "bfloat16": 0.5}


class _Ceiling(NamedTuple):
    """What a device can do at most."""

    bytes_per_second: float
    float32: float  # operations a second
    tensor_float32: float  # in tensor cores, of float32 rounded to 19 bits: XLA's default
    bfloat16: float  # in tensor cores

    def flops(self, precision: str, products: str) -> float:
        """Operations a second of a step of that precision, its products being run so."""
        if precision == "bfloat16":
            return self.bfloat16
        return self.float32 if products == "highest" else self.tensor_float32


# NVIDIA's data sheets of the H200, the H100 and the A100, the SXM boards. Those of the first two
# give the tensor cores' figures with sparsity, which doubles them; here they are without.
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

    Args:
      folder: of an export.
      products: of float32. "highest" keeps them so; "default" is what the device does if not
        asked. Those of bfloat16 are bfloat16 with both.
      seconds: to time for, about.

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
        # The other metrics count cells, of which rounding may turn one.
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
    """How far off a tensor is, as a share of how far it has come since the start.

    Both as norms over the tensor: Adam moves a weight as far however small its gradient is, so a
    single one whose gradient is nothing but rounding may go anywhere. Whole numbers must be the
    same: any difference is infinite. What has no start is measured by its own size.
    """
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(found, expected) else float("inf")
    if not np.isfinite(found).all():
        return float("inf")
    way = np.linalg.norm(np.ravel(expected if start is None else expected - start))
    off = np.linalg.norm(np.ravel(found - expected))
    return float(off / way) if way else float(off)


def _rate(steps: Any, seconds: float) -> float:
    """Steps a second, of as many in a row as take about so long."""
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
            # Exports made before there were such options don't name them.
            {"engine": "dense", "precision": "float32"}
            | json.loads((folder / ABOUT).read_text(encoding="utf-8")),
        )
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f"run={folder}: no whole export ({' '.join(str(error).split())}); expected a folder "
            "that --export has written"
        ) from error


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
