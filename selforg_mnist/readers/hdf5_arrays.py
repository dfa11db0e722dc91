"""Float32 arrays out of an HDF5 file as h5py writes it by default, every length checked.

HDF5's own library follows links to other files, and a file that was made for it can keep it busy
for ever in a loop that no signal handler of Python's interrupts. So this reads what Keras' weights
need of the format, and nothing more: superblock 0, groups by symbol table, arrays in one piece.
See "HDF5 File Format Specification", version 3, of which the comments name the sections.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ROOT = 64  # where the superblock holds the root group's address
_LITTLE_ENDIAN_FLOAT32 = bytes.fromhex("11201f00 04000000 0000 2000 17 08 00 17 7f000000")
_DATASPACE, _DATATYPE, _LAYOUT = 1, 3, 8
_CONTINUATION, _SYMBOL_TABLE = 16, 17
_SOFT_LINK = 2
_MOST_PARTS = 64  # of anything; our files have no more than ten
_LONGEST_NAME = 256


class Array(NamedTuple):
    """An array, not yet made one."""

    shape: tuple[int, ...]
    content: bytes  # float32, little-endian


def read(data: bytes, path: str) -> Array:
    """Finds an array.

    Args:
      data: content of the file.
      path: names of groups and of the array in the last of them, separated by `/`.

    Raises:
      ValueError: there is none of that name, it isn't float32 in one piece, or the file is
        damaged or of a newer form.
    """
    # II.A: signature, versions, sizes of addresses and of lengths, base address.
    signature, version, sizes, base = _fields(data, 0, "<8sB4x2s9xQ")
    if signature != _SIGNATURE or version != 0 or sizes != b"\x08\x08" or base != 0:
        raise ValueError("not an HDF5 file of the form that h5py writes by default")
    (address,) = _fields(data, _ROOT, "<Q")
    for name in path.split("/"):
        members = _members(data, address)
        if name.encode() not in members:
            raise ValueError(f"no {name}")
        address = members[name.encode()]
    return _array(data, address)


def _fields(data: bytes, at: int, form: str) -> tuple[Any, ...]:
    """Unpacks a structure, in the notation of `struct`."""
    return struct.unpack(form, _slice(data, at, struct.calcsize(form)))


def _slice(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise ValueError("cut off, or a place beyond the end of the file")
    return data[at : at + size]


def _messages(data: bytes, address: int) -> dict[int, bytes]:
    """What an object's header says (IV.A.1.a), by kind; the first of each kind counts."""
    version, size = _fields(data, address, "<B7xI")
    if version != 1:
        raise ValueError("an object's header is damaged, or of a newer form")
    messages: list[tuple[int, bytes]] = []
    blocks = [(address + 16, size)]
    for at, size in blocks:
        end = at + size
        while at + 8 <= end:
            kind, length = _fields(data, at, "<HH4x")
            content = _slice(data, at + 8, length)
            at += 8 + length
            if kind == _CONTINUATION:
                blocks.append(_fields(content, 0, "<QQ"))
            messages.append((kind, content))
            _check_number(len(messages))
    return dict(reversed(messages))


def _check_number(parts: int) -> None:
    """Refuses what leads in a circle, or takes as long."""
    if parts > _MOST_PARTS:
        raise ValueError("parts without end")


def _members(data: bytes, address: int) -> dict[bytes, int]:
    """The members of a group and their addresses; links to other places are left out."""
    table = _messages(data, address).get(_SYMBOL_TABLE)
    if table is None:
        raise ValueError("no group, or one of a newer form")
    tree, heap = _fields(table, 0, "<QQ")
    (names,) = _fields(data, heap, "<24xQ")  # III.D
    members = {}
    blocks = [tree]
    for block in blocks:
        signature, count = _fields(data, block, "<4s2xH")
        _check_number(count + len(blocks))
        if signature == b"TREE":  # III.A.1: a key before each child
            blocks += [_fields(data, block + 32 + 16 * i, "<Q")[0] for i in range(count)]
        elif signature == b"SNOD":  # III.B, III.C
            for i in range(count):
                name, member, kind = _fields(data, block + 8 + 40 * i, "<QQI")
                if kind != _SOFT_LINK:
                    members[_name(data, names + name)] = member
        else:
            raise ValueError("a group is damaged")
    return members


def _name(data: bytes, at: int) -> bytes:
    return data[at : at + _LONGEST_NAME].partition(b"\0")[0]


def _array(data: bytes, address: int) -> Array:
    messages = _messages(data, address)
    if not {_DATASPACE, _DATATYPE, _LAYOUT} <= messages.keys():
        raise ValueError("no array")
    if not messages[_DATATYPE].startswith(_LITTLE_ENDIAN_FLOAT32):  # IV.A.2.d
        raise ValueError("not float32")
    version, rank = _fields(messages[_DATASPACE], 0, "<BB")  # IV.A.2.b
    if version != 1:
        raise ValueError("a shape of a newer form")
    shape = _fields(messages[_DATASPACE], 8, f"<{rank}Q")
    form, at, size = _fields(messages[_LAYOUT], 0, "<2sQQ")  # IV.A.2.i: version 3, contiguous
    if form != b"\x03\x01":
        raise ValueError("not stored in one piece in this file")
    return Array(shape, _slice(data, at, size))
