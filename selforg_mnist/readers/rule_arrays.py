"""Checks six arrays from a file of unknown origin, before they become a model.

The readers of all formats share this module: the limits on a file's size, the shapes that make up
a rule, the check that weights are finite, and the line that says what is wrong. Nothing that is
read is ever executed, and no memory is allocated for a size that a file only claims. The formats
are in `keras_file.py`, `graph_model.py` and `notebook_checkpoint.py`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selforg_mnist import spec
from selforg_mnist.errors import WeightsError, one_line
from selforg_mnist.model import CAModel, CAWeights

# Far above the article's 20 and 80, but small enough that no model fills the memory.
MAX_CHANNELS = 256
MAX_HIDDEN_CHANNELS = 1024
_MIN_CHANNELS = spec.GRAY_CHANNELS + spec.NUM_CLASSES
_LONGEST_NUMBER = 40  # characters; Python needs minutes for millions of them


@contextlib.contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Turns an error in the block into a `WeightsError`: one line about the file it reads.

    `expected` says in words what the file should be.
    """
    try:
        yield
    except OSError as error:
        reason = one_line(error.strerror or error)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = one_line(error)
    else:
        return
    raise WeightsError(f"{one_line(path)}: can't be read ({reason}); expected {expected}")


def read_bytes(path: Path, limit: int) -> bytes:
    """Reads a whole file, if it is an ordinary file and not too large.

    Pipes and devices are refused, because they may never end.

    Raises:
      OSError: the system can't read it.
      ValueError: it isn't an ordinary file, or it is too large.
    """
    if path.exists() and not path.is_file():
        raise ValueError("not an ordinary file")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return data


def parse_json(data: bytes) -> Any:
    """Parses JSON. Repeated keys, NaN, infinity and very long numbers are refused.

    Raises:
      ValueError: it isn't such JSON.
      RecursionError: it is nested too deeply.
    """
    return json.loads(
        data.decode("utf-8"),
        object_pairs_hook=_members,
        parse_int=lambda text: int(_short(text)),
        parse_float=lambda text: float(_short(text)),
        parse_constant=_refuse_constant,
    )


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a JSON object in which a key comes twice")
    return members


def _short(number: str) -> str:
    if len(number) > _LONGEST_NUMBER:
        raise ValueError(f"a number of {len(number)} characters")
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} isn't a number")


def shapes(channels: int, hidden_channels: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of the six arrays, in the order of `CAWeights`; `ValueError` if far too large."""
    for name, value, least, most in (
        ("channels", channels, _MIN_CHANNELS, MAX_CHANNELS),
        ("hidden channels", hidden_channels, 1, MAX_HIDDEN_CHANNELS),
    ):
        if not (type(value) is int and least <= value <= most):
            raise ValueError(f"{value!r} {name}, expected {least} to {most}")
    state = channels - spec.GRAY_CHANNELS
    return (
        (spec.KERNEL_SIZE, spec.KERNEL_SIZE, channels, hidden_channels),
        (hidden_channels,),
        (1, 1, hidden_channels, hidden_channels),
        (hidden_channels,),
        (1, 1, hidden_channels, state),
        (state,),
    )


def to_model(
    arrays: Sequence[np.ndarray], residual_noise: float, fire_rate: float = spec.FIRE_RATE
) -> CAModel:
    """The model with the rule that was read.

    Args:
      arrays: six float32 arrays, in the order of `CAWeights`.
      residual_noise: standard deviation of the noise on the residual update.
      fire_rate: probability that a cell fires in a CA step.

    Raises:
      ValueError: the arrays don't make up a rule, or aren't finite.
    """
    if arrays[0].ndim != 4:
        found = list(arrays[0].shape)
        raise ValueError(f"perceive_kernel is {found}, expected [3, 3, channels, hidden]")
    expected = shapes(*arrays[0].shape[2:])
    for name, array, shape in zip(CAWeights._fields, arrays, expected, strict=True):
        if array.shape != shape:
            raise ValueError(f"{name} is {list(array.shape)}, expected {list(shape)}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
    channels, hidden_channels = arrays[0].shape[2:]
    model = CAModel(channels, hidden_channels, fire_rate, residual_noise)
    model.set_weights(list(arrays))
    return model


class LoadedModel(NamedTuple):
    """A model, and where it comes from."""

    model: CAModel  # ready to use
    name: str  # short, for tables, figures and file names
    source: str  # in words
    given: str  # the name or path that the user gave
    experiment: str | None  # "ce", "l2", ... that it was trained in; None if unknown
