"""Writes the folder of an export: it gets the complete export, or stays as it was.

All files of an export belong together. So they are written into a new folder beside the wanted
one, and at the end the new folder is renamed. An earlier export survives an error, a kill and a
full disk. Files that don't belong to an export are never touched. `selforg_mnist.output_files`
writes the single files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from selforg_mnist import output_files
from selforg_mnist.errors import UserError

MANIFEST = "manifest.json"
FORMAT = "selforg_mnist"  # the format that our manifests name
LIVING = "living"  # the folder of the second graph

# Files of an export, also half-written ones: `selforg_mnist.output_files` calls them partial.NAME.
_OWN = re.compile(
    rf"(partial\.)?{re.escape(MANIFEST)}"
    rf"|({LIVING}/)?((partial\.)?model\.json|group\d+-shard\d+of\d+\.bin)"
)


def check(path: Path) -> None:
    """Checks that a folder is missing, empty, or holds only an earlier export.

    Raises:
      UserError: it is not a folder, holds other files, can't be read, or is or contains the
        working directory, which would be lost when the folder is replaced.
    """
    with output_files.errors_in_one_line(path):
        if not path.exists():
            return
        if not path.is_dir():
            raise UserError(f"{path}: a file; expected a folder to write to")
        if os.path.ismount(path.resolve()):
            raise UserError(
                f"{path}: a mount point, which can't be replaced; give a folder inside it"
            )
        if Path.cwd().is_relative_to(path.resolve()):
            raise UserError(
                f"{path}: is the working directory or contains it; give a folder inside it, or "
                "run the command from another folder"
            )
        names = _own_names(path)
        if names and not _has_manifest(path):
            raise UserError(
                f"{path}: holds {names[0]}, but no {MANIFEST} of an export; give another folder, "
                "or remove the files"
            )


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a new folder to write to; at the end of the block, it replaces `path`.

    If the block fails, `path` stays as it was. A kill at the end may leave the earlier export, or
    a part of it, under another name. The next call puts it back if `path` is missing, and
    deletes it otherwise.

    Raises:
      UserError: as in `check`, or something can't be written.
    """
    check(path)
    folder = Path(os.path.realpath(path))  # a link to a folder stays a link
    partial = folder.with_name(f"partial.{folder.name}")
    earlier = folder.with_name(f"replaced.{folder.name}")
    with output_files.errors_in_one_line(path):
        _put_back(earlier, folder)
        if partial.exists():  # left by an export that was killed
            _own_names(partial)
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        try:
            yield partial
            _swap(partial, folder, earlier)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _put_back(earlier: Path, folder: Path) -> None:
    """Undoes or completes an exchange of folders that a kill has interrupted."""
    if not earlier.exists():
        return
    if _has_manifest(folder):
        _own_names(earlier)  # which may lack its manifest: the kill came while it was deleted
        shutil.rmtree(earlier)
    else:
        check(earlier)
        earlier.rename(folder)


def _swap(partial: Path, folder: Path, earlier: Path) -> None:
    if not folder.exists():
        partial.rename(folder)
        return
    check(folder)  # again: during an export, something may have been put there
    folder.rename(earlier)
    try:
        partial.rename(folder)
    except BaseException:
        earlier.rename(folder)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _own_names(folder: Path) -> list[str]:
    """The names of the files in a folder, and in its folder for the second graph.

    Raises:
      UserError: a file there is not part of an export.
    """
    names = []
    for path in sorted(folder.iterdir()):
        inner = path.name == LIVING and path.is_dir() and not path.is_symlink()
        names += [f"{LIVING}/{p.name}" for p in sorted(path.iterdir())] if inner else [path.name]
    strangers = [n for n in names if not _OWN.fullmatch(n) or (folder / n).is_dir()]
    if strangers:
        raise UserError(
            f"{folder}: holds {strangers[0]}, which is not part of an export; expected an empty "
            "folder or an earlier export; give another folder, or move the file"
        )
    return names


def _has_manifest(folder: Path) -> bool:
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("format") == FORMAT
