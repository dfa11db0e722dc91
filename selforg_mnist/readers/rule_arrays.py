"""Six arrays out of somebody's file, checked before they become a model.

What the readers of all formats share: how much of a file is read, which shapes make up a rule,
the refusal of weights that aren't finite, and the line that tells a user what is wrong. What is
read is never executed, and nothing is allocated by a size that a file only claims. The formats
are in `keras_file.py`, `graph_model.py` and `notebook_checkpoint.py`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selforg_mnist import spec
from selforg_mnist.errors import WeightsError, one_line
from selforg_mnist.model import CAModel, CAWeights

# Far beyond the article's 20 and 80, and small enough that no model fills the memory.
MAX_CHANNELS = 256
MAX_HIDDEN_CHANNELS = 1024
_MIN_CHANNELS = spec.GRAY_CHANNELS + spec.NUM_CLASSES
_LONGEST_NUMBER = 40  # characters; Python takes minutes over millions


@contextlib.contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Tells what goes wrong in the block in one line about the file.

    Args:
      path: of the file that the block reads.
      expected: what it should be, in words.

    Raises:
      WeightsError: the file can't be read, or isn't what was expected.
    """
    try:
        yield
    except OSError as error:
        reason = one_line(error.strerror or error)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = one_line(error) or type(error).__name__
    else:
        return
    raise WeightsError(f"{one_line(path)}: can't be read ({reason}); expected {expected}")


def read_bytes(path: Path, limit: int) -> bytes:
    """Reads a whole file, unless it is too large or no file.

    Args:
      path: of an ordinary file; a pipe could keep us waiting, a device never end.
      limit: most bytes that it may have.

    Raises:
      OSError: the system refuses.
      ValueError: it is no ordinary file, or larger than that.
    """
    if path.exists() and not path.is_file():
        raise ValueError("not an ordinary file")
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return data


def parse_json(data: bytes) -> Any:
    """Parses JSON in which no key comes twice and no number is NaN, infinite or endless.

    Raises:
      ValueError: it is something else.
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
    """The shapes of the six arrays, in the order of `CAWeights`.

    Raises:
      ValueError: there is no such rule, or it is absurdly large.
    """
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


def check_shapes(found: Sequence[tuple[int, ...]]) -> None:
    """Refuses six shapes that don't make up one rule.

    Raises:
      ValueError: as said.
    """
    if len(found[0]) != 4:
        raise ValueError(f"perceive_kernel is {list(found[0])}, expected [3, 3, channels, hidden]")
    expected = shapes(*found[0][2:])
    for name, shape, right in zip(CAWeights._fields, found, expected, strict=True):
        if tuple(shape) != right:
            raise ValueError(f"{name} is {list(shape)}, expected {list(right)}")


def to_array(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """A tensor from its bytes, float32, little-endian.

    Raises:
      ValueError: they are too many or too few for the shape.
    """
    expected = math.prod(shape) * 4
    if len(data) != expected:
        raise ValueError(f"{len(data)} bytes of a tensor {list(shape)}, expected {expected}")
    return np.frombuffer(data, "<f4").reshape(shape)


def to_model(
    arrays: Sequence[np.ndarray], residual_noise: float, fire_rate: float = spec.FIRE_RATE
) -> CAModel:
    """The model of a rule that was read.

    Args:
      arrays: six float32 arrays, in the order of `CAWeights`.
      residual_noise: standard deviation of the noise on the residual update.
      fire_rate: probability that a cell fires in a CA step.

    Raises:
      ValueError: the arrays don't make up one rule, or aren't finite.
    """
    check_shapes([array.shape for array in arrays])
    for name, array in zip(CAWeights._fields, arrays, strict=True):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} has values that are not finite")
    channels, hidden_channels = arrays[0].shape[2:]
    model = CAModel(channels, hidden_channels, fire_rate, residual_noise)
    model.set_weights(list(arrays))
    return model


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A model, and where it comes from.

    Attributes:
      model: ready to be rolled out.
      name: short, for tables, figures and file names.
      source: in plain words.
      given: what the user gave to name it.
      experiment: "ce", "l2", "l2_noise" or another that it was trained in; None if unknown.
    """

    model: CAModel
    name: str
    source: str
    given: str
    experiment: str | None
