"""Runs exported graphs with TensorFlow.js in Node, on arrays from Python.

The program in Node is `demo/tools/run_graph.mjs`; it uses the packages that the page is built
with. The results are compared in `equality.py`.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selforg_mnist.errors import UserError, one_line

_DEMO = Path(__file__).parent / "demo"
_PROGRAM = _DEMO / "tools" / "run_graph.mjs"
_PACKAGE = "@tensorflow/tfjs-converter"
_TIMEOUT = 600  # seconds; it takes a few
_UNCHECKED = "or give --nocheck to export without comparing"
_TYPES = {"float32": "<f4", "int32": "<i4"}


class Result(NamedTuple):
    """An output of an earlier call, used as an input of a later one."""

    call: int
    output: str


class Call(NamedTuple):
    """One execution of a graph."""

    model: Path  # its model.json
    inputs: Mapping[str, np.ndarray | Result]  # float32 or int32, by the names of nodes
    outputs: Sequence[str]  # names of nodes


class Ran(NamedTuple):
    """The outputs of some calls."""

    results: list[dict[str, np.ndarray]]  # of each call, by name
    version: str  # of TensorFlow.js


def check_installed() -> str:
    """Finds Node, and checks that TensorFlow.js is installed for it.

    Returns:
      node: path of the program.

    Raises:
      UserError: one of them is missing.
    """
    node = shutil.which("node")
    if node is None:
        raise UserError(
            "node: not on the PATH, but needed to compare the export with the model; install "
            f"Node 20 or later (nodejs.org), {_UNCHECKED}"
        )
    if not (_DEMO / "node_modules" / _PACKAGE).is_dir():
        raise UserError(
            f"{_DEMO}: has no {_PACKAGE}, which is needed to compare the export with the model; "
            f"run `npm ci` there, {_UNCHECKED}"
        )
    return node


def run(calls: Sequence[Call], backend: str = "wasm") -> Ran:
    """Executes graphs, one call after the other, in one process.

    Backend "wasm" is five times as fast as "cpu", which is plain JavaScript.

    Raises:
      UserError: Node or TensorFlow.js is missing, or fails.
    """
    node = check_installed()
    with tempfile.TemporaryDirectory(prefix="selforg_mnist.") as name:
        folder = Path(name)
        _write(folder, calls, backend)
        _execute([node, str(_PROGRAM), name])
        return _read(folder)


def _write(folder: Path, calls: Sequence[Call], backend: str) -> None:
    """Writes request.json and inputs.bin: see `run_graph.mjs`."""
    listed = []
    with (folder / "inputs.bin").open("wb") as file:
        for call in calls:
            inputs: dict[str, Any] = {}
            for name, value in call.inputs.items():
                if isinstance(value, Result):
                    inputs[name] = value._asdict()
                    continue
                kind = value.dtype.name
                inputs[name] = {"dtype": kind, "shape": value.shape, "at": file.tell()}
                file.write(value.astype(_TYPES[kind]).tobytes())
            listed.append(
                {
                    "model": str(call.model.resolve()),
                    "inputs": inputs,
                    "outputs": list(call.outputs),
                }
            )
    request = json.dumps({"backend": backend, "calls": listed})
    (folder / "request.json").write_text(request, encoding="utf-8")


def _execute(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"node: no result after {_TIMEOUT} s; {_UNCHECKED}") from error
    if done.returncode:
        raise UserError(
            f"node: TensorFlow.js failed ({_reason(done.stderr)}); expected Node 20 or later and "
            f"what `npm ci` installs in {_DEMO}; install them again, {_UNCHECKED}"
        )


def _reason(report: str) -> str:
    """The line of Node's report that names the error."""
    lines = [line for line in report.splitlines() if re.match(r"\w*Error\b.*: ", line)]
    return one_line(lines[0] if lines else report) or "no message"


def _read(folder: Path) -> Ran:
    answer = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    data = (folder / "results.bin").read_bytes()

    def array(place: Mapping[str, Any]) -> np.ndarray:
        kind, shape = _TYPES[place["dtype"]], place["shape"]
        return np.frombuffer(data, kind, math.prod(shape), place["at"]).reshape(shape)

    results = [{name: array(p) for name, p in call.items()} for call in answer["results"]]
    return Ran(results, answer["version"])
