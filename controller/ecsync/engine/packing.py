"""Packed data: what is kept of AWS's answers between two reads, as bytes, and digests of it."""

from __future__ import annotations

import marshal
import pickle
import threading
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, TypeVar, cast, overload

from ecsync.core.inputs import digest
from ecsync.core.kind import Owned
from ecsync.core.model import Key

V = TypeVar("V")

NEVER = b""  # the content of a failure, and of what is not plain data
_CHUNK = 50  # items of a listing that are packed together
_LEVEL, _WINDOW, _MEMORY = 1, -13, 5  # of the compression: fast, and its own memory is small


class Packer:
    """Packs the answers to one operation as bytes. They are alike: the first one is the dictionary for the others."""

    def __init__(self, operation: str = "") -> None:
        self.operation = operation
        self._example = b""

    def pack(self, value: Any) -> Any:
        """Return plain data as bytes, a tenth of its size as dicts, and any other value itself."""
        try:
            plain = marshal.dumps(value)
        except ValueError:
            return value
        self._example = self._example or plain
        return _packed(plain, self._example)

    def unpacked(self, kept: Any) -> Any:
        """Return what was packed: each time a new tree."""
        return unpacked(kept, self._example)


def _packed(plain: bytes, example: bytes) -> bytes:
    packing = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zdict=example)
    return packing.compress(plain) + packing.flush()


def unpacked(kept: Any, example: bytes = b"") -> Any:
    """Return the data of what is packed, and any other value itself."""
    if type(kept) is not bytes:
        return kept
    plain = zlib.decompressobj(_WINDOW, zdict=example).decompress(kept)
    return marshal.loads(plain)  # noqa: S302  # made here, in this process


def chunks(items: list[Any]) -> tuple[Any, ...]:
    """Return the items in packed lists; one list, as it is, if they are not plain data."""
    parts = (items[start : start + _CHUNK] for start in range(0, len(items), _CHUNK))
    try:
        return tuple(_packed(marshal.dumps(part), b"") for part in parts)
    except ValueError:
        return (items,)


def content_of(value: Any) -> bytes:
    """Return 16 bytes that are equal for equal plain data, in its types and order too; `NEVER` for other data."""
    return digest(value) or NEVER


def joined(contents: Iterable[bytes]) -> bytes:
    """Return one content for several; `NEVER` if one of them is."""
    parts = tuple(contents)
    return NEVER if NEVER in parts else content_of(parts)


@dataclass(frozen=True, slots=True)
class Listed:
    """A live resource with our mark, in a listing of what is ours. It is packed, because few of them are orphans."""

    owner: str
    id: str
    natural: str
    packed: bytes

    @classmethod
    def of(cls, owned: Owned) -> Listed:
        """Return a live resource, packed."""
        return cls(owned.marks.owner, owned.marks.id, owned.natural, _pickled(owned))

    @property
    def owned(self) -> Owned:
        """The live resource."""
        return cast(Owned, _unpickled(self.packed))


class Tagged:
    """Tags by ARN, packed, in groups, with the digest of each. Who asks for one gets a new map.

    An ARN takes 32 bytes beside its packed tags: a hash, its place, where it ends, and the digest.
    """

    def __init__(self, tags: Iterable[tuple[str, str, Mapping[str, str]]]) -> None:
        """Take (group, ARN, tags); each ARN once."""
        groups: dict[str, list[tuple[int, bytes, bytes]]] = {}
        self._example = b""  # the first one: the dictionary for the others
        for group, arn, of in tags:
            plain = marshal.dumps((arn, dict(of)))
            self._example = self._example or plain
            groups.setdefault(group, []).append((hash(arn), content_of(of), _packed(plain, self._example)))
        ends = [0, *accumulate(map(len, groups.values()))]
        self._of = {group: range(*bounds) for group, bounds in zip(groups, pairwise(ends), strict=True)}
        rows = [row for own in groups.values() for row in own]
        order = sorted(range(len(rows)), key=lambda place: rows[place][0])
        self._hashes = array("q", [rows[place][0] for place in order])
        self._places = array("I", order)
        self._contents = b"".join(row[1] for row in rows)
        self._ends = array("I", [0, *accumulate(len(row[2]) for row in rows)])
        self._packed = b"".join(row[2] for row in rows)

    def _found(self, arn: str) -> Iterator[int]:
        """Yield the places of the ARNs with the hash of this one."""
        wanted, hashes = hash(arn), self._hashes
        number = bisect_left(hashes, wanted)
        while number < len(hashes) and hashes[number] == wanted:
            yield self._places[number]
            number += 1

    def _row(self, place: int) -> tuple[str, dict[str, str]]:
        row: tuple[str, dict[str, str]] = unpacked(
            self._packed[self._ends[place] : self._ends[place + 1]], self._example
        )
        return row

    def get(self, arn: str) -> Mapping[str, str] | None:
        """Return the tags of an ARN; None if it is not there."""
        return next((tags for there, tags in map(self._row, self._found(arn)) if there == arn), None)

    def content(self, arn: str) -> bytes:
        """Return what is equal until the tags of an ARN differ; `NEVER` if it is not there."""
        hashes, wanted = self._hashes, hash(arn)
        number = bisect_left(hashes, wanted)
        if number == len(hashes) or hashes[number] != wanted:
            return NEVER
        place: int | None = self._places[number]
        if number + 1 < len(hashes) and hashes[number + 1] == wanted:  # several ARNs with one hash of 64 bits
            place = next((one for one in self._found(arn) if self._row(one)[0] == arn), None)
        return self._contents[place * 16 : place * 16 + 16] if place is not None else NEVER

    def group(self, name: str) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield (ARN, tags) of a group."""
        return map(self._row, self._of.get(name, ()))


class Folded(MutableMapping[Key, V]):
    """A mapping that is packed until it is asked for something: it then stays as it is."""

    def __init__(self, values: Mapping[Key, V]) -> None:
        self._packed = _pickled(dict(values))
        self._size = len(values)
        self._there: dict[Key, V] | None = None
        self._lock = threading.Lock()  # the threads of a pass ask at the same time: one of them unpacks

    @classmethod
    def of(cls, values: Mapping[Key, V]) -> Folded[V]:
        """Return a mapping packed; itself if nothing was asked of it since it was packed."""
        return values if isinstance(values, Folded) and values._there is None else cls(values)

    @property
    def _values(self) -> dict[Key, V]:
        if self._there is None:
            with self._lock:
                if self._there is None:
                    self._there = _unpickled(self._packed)
        return cast("dict[Key, V]", self._there)

    def __getitem__(self, key: Key) -> V:
        return self._values[key]

    def __setitem__(self, key: Key, value: V) -> None:
        self._values[key] = value

    def __delitem__(self, key: Key) -> None:
        del self._values[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self._values)

    def __len__(self) -> int:
        return self._size if self._there is None else len(self._there)


class FoldedItems(Sequence[V]):
    """Items that are packed: each iteration makes new ones."""

    def __init__(self, items: Sequence[V]) -> None:
        self._packed = _pickled(tuple(items))
        self._size = len(items)

    @property
    def _items(self) -> tuple[V, ...]:
        return cast("tuple[V, ...]", _unpickled(self._packed))

    def __iter__(self) -> Iterator[V]:
        return iter(self._items)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> V: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[V, ...]: ...
    def __getitem__(self, index: int | slice) -> V | tuple[V, ...]:
        return self._items[index]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, (FoldedItems, tuple)) and tuple(self) == tuple(other))

    __hash__ = None  # type: ignore[assignment]


def _pickled(value: object) -> bytes:
    return zlib.compress(pickle.dumps(value), _LEVEL)


def _unpickled(packed: bytes) -> Any:
    return pickle.loads(zlib.decompress(packed))  # noqa: S301  # made by `_pickled`, in this process


def by_application(listed: Iterable[Listed]) -> dict[str, list[Listed]]:
    """Return the live resources by `v1/<installation>/<application>` of their owner mark."""
    found: dict[str, list[Listed]] = {}
    for one in listed:
        found.setdefault(one.owner.rsplit("/", 2)[0], []).append(one)
    return found
