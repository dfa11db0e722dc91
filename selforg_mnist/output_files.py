"""Writes the files of commands: a file is complete or not there at all.

Each file is written under another name in its folder and then renamed, so an earlier file
survives a full disk, a kill or a power cut.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selforg_mnist.errors import UserError


def make_folder(path: Path) -> None:
    """Makes a folder, and the folders above it, where they are missing.

    Raises:
      UserError: it can't be made.
    """
    with errors_in_one_line(path):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives another path to write to; at the end of the block, that file replaces `path`.

    If the block fails, `path` stays as it was. The other path is in the same folder and has the
    same suffix, because many writers choose their format by it. Missing folders are made.

    Raises:
      UserError: the file can't be written.
    """
    partial = path.with_name(f"partial.{path.name}")
    with errors_in_one_line(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            with partial.open("rb+") as file:
                os.fsync(file.fileno())  # else a power cut could leave an empty file at `path`
            partial.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file in UTF-8, complete or not at all; errors as in `beside`."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any, indent: int | None = 2) -> None:
    """Writes plain values as JSON, complete or not at all; errors as in `beside`."""
    write_text(path, json.dumps(content, indent=indent) + "\n")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file, complete or not at all; errors as in `beside`."""
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def errors_in_one_line(path: Path) -> Iterator[None]:
    """Turns an `OSError` in the block into one line for the user about the file or folder."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: can't be written ({error.strerror or error}); make room, mend the folder "
            "or give another"
        ) from error
