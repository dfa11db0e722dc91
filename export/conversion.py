"""Converts a TensorFlow graph to a TensorFlow.js graph, with the `tensorflowjs` converter.

The converter reads Keras 2 models only, so graphs are converted from a SavedModel. What the graphs
compute is in `graphs.py`. The form with the weights inside model.json is in `single_file.py`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from selforg_mnist import output_files
from selforg_mnist.errors import UserError, one_line

MODEL_FILE = "model.json"
_REMEDY = "install the exporter's packages with `pip install -e '.[export]'`"
_TOO_NEW = (3, 13)  # TensorFlow 2.19, which tensorflowjs needs, has no wheels from there on


class Names(NamedTuple):
    """The nodes of a graph's inputs and outputs in TensorFlow.js, by our names."""

    inputs: dict[str, str]
    outputs: dict[str, str]


def check_installed() -> None:
    """Raises `UserError` if the converter isn't installed, without loading it."""
    if importlib.util.find_spec("tensorflowjs") is None:
        if sys.version_info >= _TOO_NEW:
            raise UserError(
                f"Python {platform.python_version()}: tensorflowjs needs TensorFlow 2.19, which "
                "has no build for Python 3.13 and later; export with Python 3.10, 3.11 or 3.12"
            )
        raise UserError(f"tensorflowjs: not installed; {_REMEDY}")


def convert(graph: Any, folder: Path) -> Names:
    """Converts a `tf.Module` with a `step` of fixed signature; writes model.json and weights.

    Raises:
      UserError: the converter is missing or doesn't work, or something can't be written.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory(prefix="selforg_mnist.") as saved_model, _silence():
        converters = _converters()
        try:
            tf.saved_model.save(graph, saved_model, signatures=graph.step)
            converters.convert_tf_saved_model(saved_model, str(folder))
        except tf.errors.OpError as error:
            raise UserError(
                f"{saved_model} or {folder}: can't be written ({one_line(error.message)}); make "
                "room, give another folder, or name another one for temporary files in TMPDIR"
            ) from error
    model = folder / MODEL_FILE
    content = json.loads(model.read_text(encoding="utf-8"))
    names = _sign(content["signature"], sorted(graph.step.get_concrete_function().output_shapes))
    write_json(model, content)
    return names


def write_json(path: Path, content: Any) -> None:
    """Writes a graph. The same graph gives the same bytes, whatever the order of its parts."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    output_files.write_text(path, text + "\n")


def _sign(signature: dict[str, Any], outputs: Sequence[str]) -> Names:
    """Gives the inputs and outputs of a graph our names, in the converter's signature.

    The converter matches them by shape, and names those of equal shape after their nodes. Our
    names of the outputs come in alphabetical order, which is the order of their nodes.
    """
    tensors = {part: list(signature[part].values()) for part in ("inputs", "outputs")}
    given = {_node(tensor): tensor for tensor in tensors["inputs"]}  # these have our names
    made = dict(zip(outputs, sorted(tensors["outputs"], key=_node), strict=True))
    signature |= {"inputs": given, "outputs": made}
    nodes = {name: _node(tensor) for name, tensor in made.items()}
    return Names({name: name for name in sorted(given)}, nodes)


def _node(tensor: dict[str, Any]) -> str:
    """The node of a tensor: "x:0" is the first and only output of "x"."""
    return tensor["name"].partition(":")[0]


def _converters() -> Any:
    # Without this, one of its dependencies imports IPython to print a welcome message.
    os.environ.setdefault("TFDF_DISABLE_WELCOME_MESSAGE", "1")
    try:
        from tensorflowjs import converters
    except Exception as error:  # packages that don't fit together raise errors of any type
        raise UserError(f"tensorflowjs: can't be loaded ({one_line(error)}); {_REMEDY}") from error
    return converters


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Hides the converter's notices; some come from C++, where no setting silences them.

    Errors are not lost, because they are raised as exceptions.
    """
    streams = (sys.stdout, sys.stderr)
    kept = [os.dup(number) for number in (1, 2)]
    try:
        with open(os.devnull, "w") as nowhere:
            for number, stream in enumerate(streams, start=1):
                stream.flush()
                os.dup2(nowhere.fileno(), number)
        yield
    finally:
        for number, (stream, copy) in enumerate(zip(streams, kept, strict=True), start=1):
            stream.flush()
            os.dup2(copy, number)
            os.close(copy)
