"""The size of a pack before it is unpacked: what is announced, and what deltas make of it.

A pack of some kilobytes can hold gigabytes. So each object is unpacked within a limit and dropped, before dulwich
unpacks them all. The format: git's documentation, gitformat-pack.
"""

from __future__ import annotations

import zlib

MAX_PACK = 64 * 2**20  # bytes of a pack
MAX_OBJECT = 32 * 2**20  # bytes of one object
MAX_UNPACKED = 256 * 2**20  # bytes of all objects
MAX_OBJECTS = 500_000

_HEADER, _TRAILER = 12, 20  # bytes
_OFS_DELTA, _REF_DELTA = 6, 7
_PIECE = 65_536


class TooLarge(Exception):
    """A pack is larger than a source of manifests may be."""


class NotAPack(Exception):
    """The bytes are not a whole pack."""


def check(pack: bytes) -> None:
    """Raise TooLarge or NotAPack unless the objects of a pack are within the limits."""
    if len(pack) < _HEADER + _TRAILER or pack[:4] != b"PACK":
        raise NotAPack("it has no header")
    count = int.from_bytes(pack[8:12], "big")
    if count > MAX_OBJECTS:
        raise TooLarge(f"it has {count} objects; the limit is {MAX_OBJECTS}")
    at, total = _HEADER, 0
    end = len(pack) - _TRAILER
    for _ in range(count):
        kind, size, at = _entry(pack, at)
        _within(size)
        if kind == _OFS_DELTA:
            at = _skip_varint(pack, at)
        elif kind == _REF_DELTA:
            at += 20
        content, at = _unpacked(pack, at, end, size)
        if kind in (_OFS_DELTA, _REF_DELTA):
            _, position = _size(content, 0)
            size = max(size, _size(content, position)[0])
            _within(size)
        total += size
        if total > MAX_UNPACKED:
            raise TooLarge(f"it has more than {MAX_UNPACKED} bytes when it is unpacked")
    if at != end:
        raise NotAPack("it has more bytes than objects")


def _within(size: int) -> None:
    if size > MAX_OBJECT:
        raise TooLarge(f"it announces an object of {size} bytes; the limit is {MAX_OBJECT}")


def _entry(pack: bytes, at: int) -> tuple[int, int, int]:
    """Return the type and the size of the object at a place, and the place after them."""
    first = _byte(pack, at)
    kind, size, shift = (first >> 4) & 7, first & 15, 4
    at += 1
    while first & 0x80:
        first = _byte(pack, at)
        size |= (first & 0x7F) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise TooLarge("it announces an object without an end")
    return kind, size, at


def _size(delta: bytes, at: int) -> tuple[int, int]:
    """Return a size in the header of a delta, and the place after it."""
    size = shift = 0
    while True:
        byte = _byte(delta, at)
        size |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if not byte & 0x80:
            return size, at
        if shift > 63:
            raise TooLarge("it announces an object without an end")


def _skip_varint(pack: bytes, at: int) -> int:
    while _byte(pack, at) & 0x80:
        at += 1
    return at + 1


def _byte(data: bytes, at: int) -> int:
    if at >= len(data):
        raise NotAPack("it ends within an object")
    return data[at]


def _unpacked(pack: bytes, at: int, end: int, size: int) -> tuple[bytes, int]:
    """Return the content at a place, of exactly this size, and the place after it."""
    unpacking, found = zlib.decompressobj(), bytearray()
    try:
        while not unpacking.eof:
            if at >= end:
                raise NotAPack("it ends within an object")
            piece = pack[at : min(at + _PIECE, end)]
            found += unpacking.decompress(piece, size - len(found) + 1)
            if len(found) > size or unpacking.unconsumed_tail:
                raise TooLarge("an object is larger than it announces")
            at += len(piece) - len(unpacking.unused_data)
    except zlib.error as error:
        raise NotAPack(f"an object cannot be unpacked ({error})") from error
    if len(found) != size:
        raise NotAPack("an object is smaller than it announces")
    return bytes(found), at
