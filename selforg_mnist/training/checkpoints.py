"""Checkpoints: the whole training state in one file.

A checkpoint is a NumPy archive of all tensors of the state, named by their place in it. The file
is written under another name and then renamed. So after a kill at any moment, the old files are
still there, with or without a complete new one. An archive has checksums: a damaged one is
skipped, and the one before it is used.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from selforg_mnist import output_files
from selforg_mnist.errors import UserError, one_line

_NAME = re.compile(r"step-(\d{8})\.npz")


class CheckpointError(UserError):
    """A checkpoint can't be written, or none can be read."""


class Restored(NamedTuple):
    """What `Checkpoints.restore` found."""

    state: Any  # a nest of tensors, with the structure that was asked for
    path: Path  # the file that it was read from
    damaged: list[str]  # newer files that could not be read, each with the reason


class Checkpoints:
    """The checkpoints of one run; only the newest few are kept."""

    def __init__(self, directory: Path, keep: int = 3):
        self.directory = directory
        self.keep = keep

    def paths(self) -> list[Path]:
        """The complete checkpoints, oldest first."""
        return [path for path in self._found() if path.is_file()]

    def _found(self) -> list[Path]:
        """Everything that has the name of a checkpoint, even if it is a folder."""
        if not self.directory.is_dir():
            return []
        return sorted(p for p in self.directory.iterdir() if _NAME.fullmatch(p.name))

    def newest(self) -> str:
        """Which checkpoint is the newest, in words for a message."""
        kept = self.paths()
        return f"the last checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"

    def save(self, step: int, state: Any) -> Path:
        """Writes a checkpoint after `step` training steps; returns its path.

        `state` is a nest of tensors. Checkpoints that are no longer kept are removed.

        Raises:
          CheckpointError: it can't be written; the earlier ones are unchanged.
        """
        path = self.directory / f"step-{step:08d}.npz"
        # In memory first: NumPy's archive fails a second time when it is deleted on a full disk.
        archive = io.BytesIO()
        np.savez(archive, **named(state))
        try:
            with output_files.errors_in_one_line(path):
                for left in self.directory.glob("partial.*"):  # by a process that was killed
                    left.unlink()
                output_files.write_bytes(path, archive.getvalue())
                self._tidy(path)
        except UserError as error:
            kept = self.paths()
            last = f"the last one is intact: {kept[-1]}" if kept else "there is none before it"
            raise CheckpointError(
                f"checkpoint {error}, then start the same command again; {last}"
            ) from error
        return path

    def _tidy(self, newest: Path) -> None:
        """Removes the oldest checkpoints, and files of later steps.

        Files of later steps are damaged: otherwise the run would have resumed from them. If they
        counted among the newest, the good ones would be removed.
        """
        paths = self.paths()
        later = [path for path in paths if path.name > newest.name]
        upto = paths[: len(paths) - len(later)]
        for path in later + upto[: -self.keep]:
            path.unlink(missing_ok=True)

    def restore(self, like: Any) -> Restored | None:
        """Reads the newest checkpoint that is not damaged; None if there is none at all.

        `like` is a nest of tensors with the expected shapes and types.

        Raises:
          CheckpointError: there are checkpoints, but none of them can be read.
        """
        damaged: list[str] = []
        for path in reversed(self._found()):
            try:
                return Restored(_read(path, like), path, damaged)
            except Exception as error:  # a flipped bit can raise any of eight types
                damaged.append(f"{path}: damaged ({one_line(error)})")
        if damaged:
            raise CheckpointError(
                f"{self.directory}: none of its {len(damaged)} checkpoints can be read "
                f"({'; '.join(damaged)}); delete the run's folder to start again"
            )
        return None


def named(state: Any, name: str = "") -> dict[str, np.ndarray]:
    """The tensors of a nest of tuples by the names of their places, such as `pool.labels`."""
    if not isinstance(state, tuple):
        return {name: np.asarray(state)}
    fields = getattr(state, "_fields", None) or [str(i) for i in range(len(state))]
    parts = (named(s, f"{name}.{f}" if name else f) for f, s in zip(fields, state, strict=True))
    return {key: value for part in parts for key, value in part.items()}


def _read(path: Path, like: Any) -> Any:
    with np.load(path, allow_pickle=False) as archive:
        found = {name: archive[name] for name in archive.files}
    expected = named(like)
    tensors = []
    for name, tensor in expected.items():
        if name not in found:
            raise KeyError(f"{name} is missing")
        value = found[name]
        if value.shape != tensor.shape or value.dtype != tensor.dtype:
            raise ValueError(
                f"{name} is {value.dtype}{list(value.shape)}, "
                f"expected {tensor.dtype}{list(tensor.shape)}"
            )
        tensors.append(tf.constant(value))
    return tf.nest.pack_sequence_as(like, tensors)
