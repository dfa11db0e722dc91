"""The article's form of a graph: one model.json that holds the weights in its nodes.

After `tf.loadGraphModel` the article's page fills the graph's constants from these nodes.
`demo/tools/run_graph.mjs` does the same, and `selforg_mnist.readers.graph_model` reads them. The
format is that of the article's file: a scalar is a list of one number, all else is in base64.
"""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path

import numpy as np

from export import conversion

# By TensorFlow.js' names of types: NumPy's name, and the field of a tensor that holds a scalar.
_TYPES = {"float32": ("<f4", "floatVal"), "int32": ("<i4", "intVal")}


def inline_weights(folder: Path) -> None:
    """Moves the weights of a graph from their files into its model.json; removes the files.

    Raises:
      UserError: model.json can't be written.
      OSError: a file can't be read or removed.
    """
    model = folder / conversion.MODEL_FILE
    content = json.loads(model.read_text(encoding="utf-8"))
    nodes = {node["name"]: node for node in content["modelTopology"]["node"]}
    for group in content["weightsManifest"]:
        paths = [folder / name for name in group["paths"]]
        data, at = b"".join(path.read_bytes() for path in paths), 0
        for weight in group["weights"]:
            kind, scalar = _TYPES[weight["dtype"]]
            count = math.prod(weight["shape"])
            values = np.frombuffer(data, kind, count, at)
            at += values.nbytes
            tensor = nodes[weight["name"]]["attr"]["value"]["tensor"]
            if weight["shape"]:
                encoded = base64.b64encode(values.tobytes()).decode("ascii")
                tensor["tensorContent"] = encoded
            else:
                tensor[scalar] = values.tolist()
        for path in paths:
            path.unlink()
    article = {"format": content["format"], "modelTopology": content["modelTopology"]}
    conversion.write_json(model, article | {"weightsManifest": []})
