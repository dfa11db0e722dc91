"""Reads arrays from HDF5 files and TensorFlow checkpoints, in a child process.

The libraries for both formats trust their files. A crafted file can keep HDF5 in an endless loop,
which no signal handler of Python interrupts, and it can make TensorFlow end the whole process. So
this file is also a script: a child reads the arrays, under time limits, and returns them in
NumPy's format. The caller knows which arrays make up a model.
"""

from __future__ import annotations

import io
import itertools
import math
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import numpy as np

_FLOATS = ("<f2", "<f4", "<f8")  # Keras saves a model in one of these, as its setting floatx says
_SECONDS = 5  # of the processor, for the reading alone; it takes milliseconds
_WALL_SECONDS = 120  # for everything, should a child wait for ever; loading TensorFlow takes a few
_MOST_BYTES = 2**24  # of all arrays; those of a trained model and Adam's moments have 273,000


def hdf5(data: bytes, paths: Sequence[str]) -> dict[str, np.ndarray]:
    """Reads arrays of an HDF5 file as float32. Compressed, linked and external ones are refused.

    The arrays are given and returned by their paths in the file, as `group/name`.

    Raises:
      OSError: the system can't start a process.
      ValueError: an array is missing or stored in another way, or the file is damaged.
    """
    return _in_child("HDF5", data, paths)


def checkpoint(prefix: str) -> dict[str, np.ndarray]:
    """Reads all float32 variables of a TensorFlow checkpoint, by name.

    `prefix` is the path of its files without `.index`.

    Raises:
      OSError: the system can't start a process.
      ValueError: the files are missing or damaged.
    """
    return _in_child("TensorFlow", b"", [prefix])


def _in_child(library: str, data: bytes, arguments: Sequence[str]) -> dict[str, np.ndarray]:
    command = [sys.executable, __file__, library, *arguments]
    try:
        child = subprocess.run(
            command, input=data, capture_output=True, timeout=_WALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"keeps {library} waiting for more than {_WALL_SECONDS} seconds"
        ) from error
    if child.returncode == -signal.SIGXCPU:
        raise ValueError(f"keeps {library} busy for more than {_SECONDS} seconds")
    if child.returncode == 1:
        raise ValueError(child.stdout.decode(errors="replace"))
    if child.returncode:
        raise ValueError(f"crashes {library}, with status {child.returncode}")
    with np.load(io.BytesIO(child.stdout)) as arrays:
        return dict(arrays)


def _read_hdf5(*paths: str) -> dict[str, np.ndarray]:
    import h5py

    def read(path: str) -> np.ndarray:
        for part in itertools.accumulate(path.split("/"), "{}/{}".format):
            if file.id.links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
                raise ValueError("a link")
        found = file[path]
        if not isinstance(found, h5py.Dataset) or found.dtype not in _FLOATS:
            raise ValueError("not of floating-point numbers")
        if found.id.get_offset() is None:
            raise ValueError("not stored in one piece in this file")
        _check_size(found.shape)
        return found[()].astype("<f4")

    _start_clock()
    arrays = {}
    with h5py.File(io.BytesIO(sys.stdin.buffer.read()), "r") as file:
        for path in paths:
            try:
                arrays[path] = read(path)
            except Exception as error:
                raise ValueError(f"array {path}: {error}") from error
    return arrays


def _read_checkpoint(prefix: str) -> dict[str, np.ndarray]:
    import tensorflow as tf

    _start_clock()
    reader = tf.train.load_checkpoint(prefix)
    shapes = reader.get_variable_to_shape_map()
    kinds = reader.get_variable_to_dtype_map()
    names = [name for name in shapes if kinds[name] == tf.float32]
    _check_size(*(shapes[name] for name in names))
    return {name: reader.get_tensor(name) for name in names}


def _start_clock() -> None:
    """Ends this process after the time limit, even inside a library's endless loop.

    Only its own computing counts, so a busy machine doesn't matter.
    """
    limit = math.ceil(time.process_time()) + _SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))


def _check_size(*shapes: Sequence[int]) -> None:
    """Checks the sizes that the file claims, before memory is allocated for them."""
    size = 4 * sum(map(math.prod, shapes))
    if size > _MOST_BYTES:
        raise ValueError(f"arrays of {size} bytes, expected at most {_MOST_BYTES}")


def _main(library: str, *arguments: str) -> None:
    read = _read_hdf5 if library == "HDF5" else _read_checkpoint
    try:
        np.savez(sys.stdout.buffer, **read(*arguments))
    except Exception as error:  # the libraries raise errors of any type
        print(error)
        sys.exit(1)


if __name__ == "__main__":
    _main(*sys.argv[1:])
