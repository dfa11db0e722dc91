"""TensorFlow's checkpoint files, read with every length and checksum checked.

A checkpoint `model` is a pair of files: `model.index`, a sorted table that says where each
variable lies, and `model.data-00000-of-00001`, their bytes. TensorFlow's own reader ends the
whole process on an index whose entries don't parse, which no caller can catch, and so this reads
the format itself (tensorflow/core/util/tensor_bundle, tensorflow/core/lib/io/table). Holds no
knowledge of models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import tensor_bundle_pb2

_FOOTER_BYTES = 48
_MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")
_TRAILER_BYTES = 5  # after each block: how it is compressed, checksum
_LONGEST_KEY = 1024  # keys share prefixes, so that a small file could claim huge ones


class Variable(NamedTuple):
    """What the index says of a variable; nothing of it is checked yet."""

    is_float32: bool  # and in one piece
    shape: tuple[int, ...]
    offset: int  # in the data file
    size: int  # bytes
    crc32c: int  # masked


def read_index(data: bytes) -> dict[str, Variable]:
    """The variables of a checkpoint, by key.

    Args:
      data: content of the `.index` file.

    Raises:
      ValueError: it is damaged, or no checkpoint that Keras 2 writes on one machine.
    """
    if len(data) < _FOOTER_BYTES or not data.endswith(_MAGIC):
        raise ValueError("not an index of a checkpoint, or cut off")
    footer = data[-_FOOTER_BYTES:]
    _, at = _handle(footer, 0)  # of the meta block, which says nothing
    index, _ = _handle(footer, at)
    variables: dict[str, Variable] = {}
    header, end = False, 0
    for _, place in _entries(_block(data, *index)):
        (offset, size), _ = _handle(place, 0)
        if offset < end:
            raise ValueError("blocks overlap")  # one large block named often would take ages
        end = offset + size
        for key, value in _entries(_block(data, offset, size)):
            if not key:
                _check_header(value)
                header = True
                continue
            name = key.decode()
            if name in variables:
                raise ValueError(f"the variable {name!r} comes twice")
            variables[name] = _variable(value)
    if not header:
        raise ValueError("no header")
    return variables


def read_bytes(data: bytes, variable: Variable) -> bytes:
    """The bytes of a variable.

    Args:
      data: content of the data file.
      variable: where it lies.

    Raises:
      ValueError: they are damaged, or the file ends before them.
    """
    found = _slice(data, variable.offset, variable.size)
    if _masked_crc32c(found) != variable.crc32c:
        raise ValueError("a checksum is wrong: the data file is damaged")
    return found


def _check_header(value: bytes) -> None:
    header = _parsed(tensor_bundle_pb2.BundleHeaderProto, value)
    if header.num_shards != 1:
        raise ValueError(f"{header.num_shards} data files, expected 1")
    if header.endianness != tensor_bundle_pb2.BundleHeaderProto.LITTLE:
        raise ValueError("big-endian numbers")


def _variable(value: bytes) -> Variable:
    entry = _parsed(tensor_bundle_pb2.BundleEntryProto, value)
    shape = tuple(dim.size for dim in entry.shape.dim)
    whole = entry.dtype == types_pb2.DT_FLOAT and not entry.slices
    return Variable(whole, shape, entry.offset, entry.size, entry.crc32c)


def _parsed(message: Any, value: bytes) -> Any:
    try:
        return message.FromString(value)
    except DecodeError as error:
        raise ValueError("an entry that can't be parsed") from error


def _slice(data: bytes, offset: int, size: int) -> bytes:
    if not 0 <= offset <= offset + size <= len(data):
        raise ValueError("cut off, or a place beyond the end of the file")
    return data[offset : offset + size]


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Offset and size of a block, and where the next handle begins."""
    offset, at = _varint(data, at)
    size, at = _varint(data, at)
    return (offset, size), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where the next begins."""
    value = 0
    for shift in range(0, 64, 7):
        byte = _slice(data, at, 1)[0]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number of more than 64 bits")


def _block(data: bytes, offset: int, size: int) -> bytes:
    block = _slice(data, offset, size + _TRAILER_BYTES)
    content, checksum = block[: size + 1], block[size + 1 :]
    if _masked_crc32c(content) != int.from_bytes(checksum, "little"):
        raise ValueError("a checksum is wrong: the index is damaged")
    if content[-1] != 0:
        raise ValueError("a compressed index")  # TensorFlow writes none
    return content[:-1]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key repeats the start of the one before."""
    restarts = int.from_bytes(_slice(block, len(block) - 4, 4), "little")
    block = _slice(block, 0, len(block) - 4 * (restarts + 1))
    at, key = 0, b""
    while at < len(block):
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        if shared > len(key) or shared + own > _LONGEST_KEY:
            raise ValueError("a key that is no key")
        key = key[:shared] + _slice(block, at, own)
        yield key, _slice(block, at + own, length)
        at += own + length


def _crc32c_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_CRC32C = _crc32c_table()


def _masked_crc32c(data: bytes) -> int:
    """The checksum of a string, disguised as TensorFlow stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
