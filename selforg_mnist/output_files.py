"""Files that commands write: whole, or not there at all.

Each file is written beside its place and renamed into it, so what stood there before survives a
full disk and a kill. Checkpoints, which need more care than that, have `training/checkpoints.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from selforg_mnist.errors import UserError


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, if need be.

    Raises:
      UserError: it can't be made.
    """
    with refusals_told(path):
        path.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """Gives a path to write to, which takes the place of `path` when the block ends well.

    It has the same suffix, by which many writers choose their format. Folders that are missing
    are made.

    Args:
      path: of the file to be.

    Yields:
      partial: the path to write to, in the same folder.

    Raises:
      UserError: the system refuses the writing, in one line.
    """
    partial = path.with_name(f"partial.{path.name}")
    with refusals_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise


def write_text(path: Path, text: str) -> None:
    """Writes a text file, UTF-8, in one piece.

    Raises:
      UserError: as `beside`.
    """
    with beside(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file in one piece.

    Raises:
      UserError: as `beside`.
    """
    with beside(path) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def refusals_told(path: Path) -> Iterator[None]:
    """Tells a refusal of the system's, within the block, in one line.

    Args:
      path: of the file or folder that the block writes.

    Raises:
      UserError: there was one.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{path}: can't be written ({error.strerror or error}); make room, mend the folder "
            "or give another"
        ) from error
