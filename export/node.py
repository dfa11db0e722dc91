"""Node and npm for the page: checks that they are there, installs packages, builds the page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from absl import logging

from selforg_mnist.errors import UserError

_SHOWN_LINES = 15


def find_npm(folder: Path) -> str:
    """Finds npm, with a Node that is new enough for a package.

    The package's package.json, in the folder, says in `engines` what it needs.

    Raises:
      UserError: Node or npm is missing, or Node is too old.
    """
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["engines"]["node"]
    remedy = f"expected Node {wanted} with npm; install it from your system or nodejs.org"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        missing = "npm" if node else "node"
        raise UserError(f"{missing}: not on the PATH; {remedy}")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = told.stdout.strip()
    if _numbers(version) < _numbers(wanted):
        raise UserError(f"node: is {version or 'broken'}; {remedy}")
    return npm


def install(npm: str, folder: Path) -> None:
    """Installs what the package in a folder needs with `npm ci`, unless it is installed already.

    Raises:
      UserError: it failed; the last lines of its output are then on standard error.
    """
    if _is_install_due(folder):
        logging.info("Installing the packages of %s.", folder)
        _run([npm, "ci"], folder, "check that npm's registry can be reached")


def build(npm: str, folder: Path) -> None:
    """Builds the package in a folder with `npm run build`; errors as in `install`."""
    _run([npm, "run", "build"], folder, "fix the error that its last lines, above, report")


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers in "v20.20.2" or ">=20.19"; an empty tuple, the smallest, for other text."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _is_install_due(folder: Path) -> bool:
    # npm writes this file when it has installed everything.
    installed = folder / "node_modules" / ".package-lock.json"
    locked = folder / "package-lock.json"
    return not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime


def _run(command: list[str], folder: Path, remedy: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        print(*done.stdout.splitlines()[-_SHOWN_LINES:], sep="\n", file=sys.stderr)
        name = " ".join(["npm", *command[1:]])
        raise UserError(f"{name} in {folder}: ended with status {done.returncode}; {remedy}")
