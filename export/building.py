"""Builds the page: exports its models, picks its digits, and runs Vite on export/demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from absl import logging

from export import conversion, node, page_models, samples
from selforg_mnist.data.digits import Digits
from selforg_mnist.errors import UserError

MODELS = ("robust", "consensus", "l2_noise", "l2", "ce")
SPLIT = "test"  # of the digits that the page shows

_DEMO = Path(__file__).parent / "demo"
_IMPOSTORS = Path(__file__).parents[1] / "experiments" / "impostors" / "impostor_l2_noise.keras"


def find_tools() -> str:
    """Checks that the page's sources and tools are there, before long work begins.

    Returns:
      npm: path of the program, for `build`.

    Raises:
      UserError: something is missing or too old.
    """
    if not (_DEMO / "package.json").is_file():
        raise UserError(
            f"{_DEMO}: the page's sources are missing; expected a checkout of the project; run "
            "this in one"
        )
    conversion.check_installed()
    return node.find_npm(_DEMO)


def build(npm: str, models: Sequence[str], digits: Digits) -> Path:
    """Builds the page; its models and digits are written to export/demo/public/models.

    Returns:
      site: the folder to serve.

    Raises:
      UserError: a model or the page can't be made.
    """
    folder = _DEMO / "public" / "models"
    node.install(npm, _DEMO)  # first: comparing the exports with their models needs it too
    samples.write(folder / page_models.SAMPLES, digits, SPLIT)
    impostors = _IMPOSTORS if _IMPOSTORS.is_file() else None
    if impostors is None:
        logging.warning("No impostors on the page: %s is missing.", _IMPOSTORS)
    page_models.export_all(models, folder, impostors)
    node.build(npm, _DEMO)
    return _DEMO / "dist"
