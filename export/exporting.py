"""Exports a model for the web: both graphs, compared with the model, and the manifest.

Loads TensorFlow only after it has checked that everything else is there. The command is `tfjs.py`.
The modules that this one calls say what is written and how it is compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import logging

from export import conversion, graph_runner, output_folder

if TYPE_CHECKING:
    from selforg_mnist.readers.rule_arrays import LoadedModel

LAYOUTS = ("tfjs", "single_file")


def check_ready(output_dir: Path, check: bool = True) -> None:
    """Checks, before long work begins, that an export can be written and compared with its model.

    Raises:
      UserError: the folder holds something else, or a program or package is missing.
    """
    output_folder.check(output_dir)
    conversion.check_installed()
    if check:
        graph_runner.check_installed()


def export(weights: str, output_dir: Path, layout: str = "tfjs") -> None:
    """Exports weights, named as for `selforg_mnist.weights.load`; the rest is as in `write`."""
    check_ready(output_dir)
    from selforg_mnist import weights as all_weights

    write(all_weights.load(weights), output_dir, layout)


def write(loaded: LoadedModel, output_dir: Path, layout: str = "tfjs", check: bool = True) -> None:
    """Exports a model for the web.

    Raises:
      UserError: something is missing or can't be written, or the graphs differ from the model.
    """
    from export import equality, graphs, manifest, single_file

    logging.info("Weights: %s.", loaded.source)
    with output_folder.replacing(output_dir) as folder:

        def graph(step: Any, place: Path) -> equality.Graph:
            names = conversion.convert(step, place)
            if layout == "single_file":
                single_file.inline_weights(place)
            return equality.Graph(place / conversion.MODEL_FILE, names)

        dense = graph(graphs.DenseGraph(loaded.model), folder)
        living = graph(graphs.LivingGraph(loaded.model), folder / output_folder.LIVING)
        checked = equality.check(loaded.model, dense, living) if check else None
        manifest.write(folder, loaded, dense, living, checked)
    if checked:
        logging.info(
            "TensorFlow.js %s agrees with TensorFlow %s: they differ by %.1e, %g is allowed.",
            checked.tensorflowjs,
            checked.tensorflow,
            checked.max_difference,
            checked.limit,
        )
    else:
        logging.warning("Nothing was compared: the graphs may differ from the model.")
