"""manifest.json: everything that the page needs to know about a model besides its two graphs.

The constants of the CA come from `spec.py` and the model, so that TypeScript doesn't repeat them.
The file doesn't depend on the time, on folders of the machine or on chance: the same weights give
the same file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export import magnitude
from export.equality import Checked, Graph
from export.output_folder import FORMAT, MANIFEST
from selforg_mnist import __version__, output_files, spec, weights
from selforg_mnist.evaluation import article
from selforg_mnist.readers.rule_arrays import LoadedModel

_VERSION = 1
_NOISE_INPUT = "manual_noise"  # the article's name, which only the dense graph has
_FIGURES = ("top_accuracy", "accuracy_at_end", "top_agreement", "agreement_at_end")


def write(
    folder: Path, loaded: LoadedModel, dense: Graph, living: Graph, checked: Checked | None
) -> None:
    """Writes manifest.json into the folder of an export; arguments as in `manifest`."""
    output_files.write_json(folder / MANIFEST, manifest(folder, loaded, dense, living, checked))


def manifest(
    folder: Path, loaded: LoadedModel, dense: Graph, living: Graph, checked: Checked | None
) -> dict[str, Any]:
    """The content of manifest.json."""
    model, record = loaded.model, _record(loaded)
    return {
        "format": FORMAT,
        "version": _VERSION,
        "name": loaded.name,
        "title": article.TITLES.get(loaded.name, loaded.name),
        "channels": model.channels,
        "state_channels": model.state_channels,
        "classes": spec.NUM_CLASSES,
        "hidden_channels": model.hidden_channels,
        "image_size": spec.IMAGE_SIZE,
        "alive_threshold": spec.ALIVE_THRESHOLD,
        "undecided_below": spec.UNDECIDED_BELOW,
        "fire_rate": model.fire_rate,
        "residual_noise": model.residual_noise,
        "largest_state": magnitude.largest_state(model),
        **_sizes(record),
        "palette": spec.PALETTE,
        "undecided_colour": spec.UNDECIDED_COLOUR,
        "background_colour": spec.BACKGROUND_COLOUR,
        "dense": _graph(folder, dense),
        "living": _graph(folder, living),
        "source": {
            "weights": _source(loaded),
            "experiment": loaded.experiment,
            "package": f"selforg_mnist {__version__}",
            "record": record,
        },
        "figures": _figures(record),
        "checked": checked._asdict() if checked else None,
    }


def _graph(folder: Path, graph: Graph) -> dict[str, Any]:
    inputs = {
        "noise" if name == _NOISE_INPUT else name: node
        for name, node in graph.names.inputs.items()
    }
    model = graph.model.relative_to(folder).as_posix()
    return {"model": model, "inputs": inputs, "outputs": graph.names.outputs}


def _source(loaded: LoadedModel) -> str:
    """Where the model comes from, without the folders of a machine: an export is published."""
    parent = Path(loaded.given).expanduser().parent
    return loaded.source.replace(os.path.join(parent, ""), "")


def _record(loaded: LoadedModel) -> dict[str, Any] | None:
    """The record of how shipped weights were made."""
    if loaded.given not in weights.SHIPPED:
        return None
    path = weights.shipped_path(loaded.name).with_suffix(".json")
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _sizes(record: Mapping[str, Any] | None) -> dict[str, Any]:
    """The range of digit sizes that it was trained on, against MNIST's, if the record has one."""
    return {"sizes": record["sizes"]} if record and "sizes" in record else {}


def _figures(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The row of the article's table, in percent: maxima with their CA step."""
    if record is None:
        return None
    measured = record["final_row"]["before_mutation"]
    row = {
        name: measured[name] | {"value": round(measured[name]["value"], 1)} for name in _FIGURES
    }
    return {name: peak if name.startswith("top") else peak["value"] for name, peak in row.items()}
