"""Checks that exported graphs compute what the model computes: TensorFlow.js against TensorFlow.

Both take the same steps from the same states, with the same fire masks and the same noise. The
graphs run in Node (`graph_runner.py`), the model takes its step in `CAModel.call`. Each step of
TensorFlow.js starts from TensorFlow's state, so that rounding errors don't add up over the steps.

The difference of a step is the largest one over all cells and channels, divided by the largest
|state| or by 1, whichever is more. States under cross-entropy reach 30 and more, where float32
can't be exact to 1e-5.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from export import graph_runner, living_rows
from export.conversion import Names
from export.graph_runner import Call, Result
from selforg_mnist.data import digits
from selforg_mnist.errors import UserError
from selforg_mnist.model import CAModel

LIMIT = 1e-5

# Canvases (batch, height, width) of drawn digits, and of random gray values, where cells live up
# to the border. Late in a rollout the states of digits are as large as they get.
_EARLY = range(3)
_LATE = range(120, 123)
_DIGITS = {(2, 28, 28): (*_EARLY, *_LATE), (1, 40, 56): _EARLY}  # with the steps to compare
_RANDOM = ((3, 5, 7), (1, 1, 1))
_NOISE = 0.02  # for models without noise too, because the graphs take it as an input


class Graph(NamedTuple):
    """A graph that was written."""

    model: Path  # its model.json
    names: Names


class Checked(NamedTuple):
    """The outcome of a comparison."""

    max_difference: float  # the largest of all steps, as the module defines it, to two digits
    limit: float  # the largest difference that is allowed
    tensorflow: str  # version
    tensorflowjs: str  # version


class Step(NamedTuple):
    """A step of a batch of canvases, as TensorFlow takes it."""

    number: int  # CA steps before it
    x: np.ndarray  # [B, H, W, C] float32, before
    fires: np.ndarray  # [B, H, W] bool
    noise: np.ndarray  # [B, H, W, C - 1] float32
    after: np.ndarray  # [B, H, W, C] float32


def check(model: CAModel, dense: Graph, living: Graph) -> Checked:
    """Compares two graphs, of all cells and of living cells, with the model they were made from.

    Raises:
      UserError: they differ by more than the limit, Node or TensorFlow.js is missing or fails, or
        the model has no finite step to compare.
    """
    steps = list(steps_of(model))
    if not steps:
        raise UserError(
            "the model's first CA steps are not finite, so nothing can be compared; expected "
            "trained weights; train again, or give --nocheck"
        )
    calls: list[Call] = []
    for step in steps:
        calls.append(dense_call(dense, step))
        calls += living_calls(living, step, at=len(calls))
    results, version = graph_runner.run(calls)
    worst = 0.0
    for i, step in enumerate(steps):
        found_dense, _, found_living = results[3 * i : 3 * i + 3]
        (x,), state = found_dense.values(), found_living[living.names.outputs["state"]]
        alive = living_rows.find(step.x[..., 0]).alive
        for graph, found, expected in (
            ("dense", x, step.after),
            ("living", state, step.after[alive][:, 1:]),
        ):
            difference = _difference(found, expected)
            if not difference <= LIMIT:
                raise UserError(_refusal(graph, step, difference))
            worst = max(worst, difference)
    return Checked(float(f"{worst:.1e}"), LIMIT, tf.__version__, version)


def dense_call(graph: Graph, step: Step) -> Call:
    """The step for the dense graph; its fire rate is a map of 0 and 1, the fire mask."""
    inputs = {
        "x": step.x,
        "fire_rate": step.fires[..., None].astype(np.float32),
        "manual_noise": step.noise,
    }
    return _call(graph, inputs, "x")


def living_calls(graph: Graph, step: Step, at: int) -> tuple[Call, Call]:
    """The step for the living-cell graph: one call for the gray part, then one that takes it.

    `at` is the number of calls before these.
    """
    cells = living_rows.find(step.x[..., 0])
    gray_part = _call(graph, {"gray": cells.gray}, "gray_part")
    inputs = {
        "state": step.x[cells.alive][:, 1:],
        "neighbours": cells.neighbours,
        "gray_part": Result(at, graph.names.outputs["gray_part"]),
        **living_rows.fire(cells, step.fires, step.noise)._asdict(),
    }
    return gray_part, _call(graph, inputs, "state")


def _call(graph: Graph, inputs: Mapping[str, np.ndarray | Result], output: str) -> Call:
    named = {graph.names.inputs[name]: value for name, value in inputs.items()}
    return Call(graph.model, named, [graph.names.outputs[output]])


def steps_of(model: CAModel) -> Iterator[Step]:
    """The steps to compare, for each batch of canvases, as long as its states are finite."""
    rng = np.random.default_rng(0)

    @tf.function(autograph=False, reduce_retracing=True)
    def step(x: tf.Tensor, fires: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        with tf.device("CPU:0"):  # GPUs may round the factors of products
            return model(x, fires=fires, noise=noise)

    for shape, wanted in _DIGITS.items():
        yield from _rollout(model, step, _canvas(shape), rng, wanted)
    for shape in _RANDOM:
        gray = rng.uniform(0.0, 1.0, shape).astype(np.float32)
        gray.flat[0] = 1.0  # at least one cell lives
        yield from _rollout(model, step, gray, rng, _EARLY)


def _canvas(shape: tuple[int, int, int]) -> np.ndarray:
    """Drawn digits, one on each canvas, in its lower right corner."""
    drawn = digits.load_digits("drawn", "test", num_drawn=shape[0]).gray()
    canvas = np.zeros(shape, np.float32)
    canvas[:, -drawn.shape[1] :, -drawn.shape[2] :] = drawn
    return canvas


def _rollout(
    model: CAModel,
    step: Callable[..., tf.Tensor],
    gray: np.ndarray,
    rng: np.random.Generator,
    wanted: Sequence[int],
) -> Iterator[Step]:
    x = model.initialize(gray).numpy()
    for number in range(max(wanted) + 1):
        fires = rng.random(gray.shape) < model.fire_rate
        noise = rng.normal(0.0, _NOISE, (*gray.shape, model.state_channels)).astype(np.float32)
        after = step(x, fires, noise).numpy()
        if not np.isfinite(after).all():
            return
        if number in wanted:
            yield Step(number, x, fires, noise, after)
        x = after


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The difference as the module defines it; NaN if `found` contains NaN."""
    if found.shape != expected.shape:
        return math.inf
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found.astype(np.float64) - expected).max()) / scale


def _refusal(graph: str, step: Step, difference: float) -> str:
    batch, height, width, _ = step.x.shape
    return (
        f"the {graph} graph in TensorFlow.js differs from TensorFlow by {difference:.2g} (step "
        f"{step.number + 1}, {batch} canvas(es) of {height}x{width}), expected at most {LIMIT}; "
        "nothing was written; install the packages of `pip install -e '.[export]'` and `npm ci` "
        "again"
    )
