"""The models that the page offers: a folder for each, and index.json, which lists them.

It may also have impostors: a second rule that cells can follow, which can't be chosen as a model.

`exporting.py` writes the folder of a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from export import exporting
from selforg_mnist import output_files
from selforg_mnist.errors import UserError

SAMPLES = "samples.json"
IMPOSTORS = "impostor"  # their folder


def names(models: Sequence[str]) -> list[str]:
    """The folder of each model, which is also its name in the page's address.

    Raises:
      UserError: there are none, a name can't be part of an address or is that of the impostors, or
        two names are equal.
    """
    if not models:
        raise UserError("models=: expected at least one, such as --models=l2_noise,l2")
    found: list[str] = []
    for model in models:
        name = Path(model).stem
        if not re.fullmatch(r"\w[\w.-]*", name, re.ASCII):
            raise UserError(
                f"models={model}: expected a name of letters, digits, '_', '-' and '.'; rename "
                "the file"
            )
        if name == IMPOSTORS:
            raise UserError(
                f"models={model}: the page uses this name for its impostors; rename the file"
            )
        if name in found:
            raise UserError(f"models={','.join(models)}: {name} is there twice; leave one out")
        found.append(name)
    return found


def export_all(models: Sequence[str], folder: Path, impostors: Path | None = None) -> None:
    """Exports models for the page, each into its own folder, and lists them in index.json.

    An export takes about three seconds, so it isn't worth checking whether a model has changed.

    Raises:
      UserError: as in `names`, or a model can't be loaded, exported or written.
    """
    folders = names(models)
    for model, name in zip(models, folders, strict=True):
        exporting.export(model, folder / name)
    content: dict[str, object] = {"models": folders, "samples": SAMPLES}
    if impostors:
        exporting.export(str(impostors), folder / IMPOSTORS)
        content["impostors"] = IMPOSTORS
    output_files.write_json(folder / "index.json", content, indent=None)
