"""Parts: the compiled documents of each section, packed between two loads."""

from __future__ import annotations

import io
import pickle
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, cast, overload

from ecsync.core.model import Desired, Key
from ecsync.core.ports import PackedResources
from ecsync.language.files import Nodes, ParsedFile
from ecsync.language.nodes import ByHash, Pool, hashes
from ecsync.language.outline import Section
from ecsync.language.references import Asked
from ecsync.language.resources import Compiled

LEVEL = 1  # of the compression: the fastest


class Part:
    """The resources of a section, without the documents with a name that is taken.

    Between two loads its documents are packed: a tenth of their size. What a load asks for stays on its shelf.
    """

    __slots__ = (
        "_by_key",
        "_open",
        "_packed",
        "_shelf",
        "applications",
        "asked",
        "declared",
        "keys",
        "notes",
        "problems",
        "repeated",
        "section",
        "size",
        "waits",
    )

    def __init__(
        self, section: Section, repeated: frozenset[int], compiled: Sequence[Compiled], pool: Pool, shelf: Shelf
    ) -> None:
        asked = pool.keys(frozenset[Asked]().union(*(one.asked for one in compiled)))
        self.section = section
        self.repeated = repeated
        self.size = len(compiled)
        self.declared = pool.keys(one.key for one in compiled if one.desired is not None)  # with a valid body
        self.keys = tuple(dict.fromkeys((*self.declared, *asked)))
        self.problems = tuple(problem for one in compiled for problem in one.problems)
        self.notes = tuple(note for one in compiled for note in one.notes)
        self.waits = any(one.desired is not None and one.desired.options.after for one in compiled)
        self.asked = hashes(asked)
        self.applications = frozenset(key.application for key in asked)  # that its documents ask for
        self._packed = b""
        self._open: tuple[Compiled, ...] | None = tuple(compiled)
        self._by_key: dict[Key, Desired] = {}  # while it is open, from the first question on
        self._shelf = shelf
        shelf.put(self)

    @property
    def application(self) -> str:
        """The name of the application."""
        return self.section.settings.name

    @property
    def compiled(self) -> tuple[Compiled, ...]:
        """The documents, for the load."""
        if self._open is None:
            self._open = self.read()
            self._shelf.put(self)
        return self._open

    @property
    def resources(self) -> Iterator[Desired]:
        """The valid ones of them, for the load."""
        return (one.desired for one in self.compiled if one.desired is not None)

    def get(self, key: Key) -> Desired | None:
        """Return the valid document of a key, for the load; None if there is none."""
        if not self._by_key:
            self._by_key = {desired.key: desired for desired in self.resources}
        return self._by_key.get(key)

    def at(self, place: int) -> Desired:
        """Return the valid document of a key in `declared`, for the load."""
        found = self.get(self.declared[place])
        assert found is not None
        return found

    def read(self) -> tuple[Compiled, ...]:
        """Return the documents, for any thread: new objects."""
        there = self._open
        return there if there is not None else unpacked(self._packed, self.keys, self.section.files)

    def close(self) -> None:
        """Pack the documents."""
        if self._open is not None:
            self._packed = self._packed or packed(self._open, self.keys)
            self._open, self._by_key = None, {}


class Shelf:
    """The parts that are not packed: those that a load asked for last."""

    def __init__(self, room: int = 10_000) -> None:
        self._room = room  # documents
        self._size = 0
        self._parts: dict[Part, None] = {}

    def put(self, part: Part) -> None:
        """Add a part, and pack the oldest ones if there is no room for all."""
        self._parts[part] = None
        self._size += part.size
        while self._size > self._room and len(self._parts) > 1:
            self._close(next(iter(self._parts)))

    def clear(self) -> None:
        """Pack all."""
        while self._parts:
            self._close(next(iter(self._parts)))

    def _close(self, part: Part) -> None:
        del self._parts[part]
        self._size -= part.size
        part.close()


class Resources(PackedResources):
    """The valid documents of an application, packed: each one who asks gets new objects."""

    __slots__ = ("_by_key", "_parts", "_size")

    def __init__(self, parts: Sequence[Part], by_key: ByHash[Part]) -> None:
        self._parts = parts
        self._size = sum(len(part.declared) for part in parts)
        self._by_key = by_key

    def __iter__(self) -> Iterator[Desired]:
        return (one.desired for part in self._parts for one in part.read() if one.desired is not None)

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, index: int) -> Desired: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Desired, ...]: ...
    def __getitem__(self, index: int | slice) -> Desired | tuple[Desired, ...]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, (Resources, tuple)) and tuple(self) == tuple(other))

    __hash__ = None  # type: ignore[assignment]

    def keys(self) -> Collection[Key]:
        """Return the keys of the documents."""
        return tuple(key for part in self._parts for key in part.declared)

    def has(self, key: Key) -> bool:
        """Return whether a document has this key."""
        return any(key in part.declared for part in self._by_key.of(key))

    def of(self, keys: Collection[Key]) -> dict[Key, Desired]:
        """Return the documents of these keys that there are. Their parts alone are unpacked."""
        parts = dict.fromkeys(part for key in keys for part in self._by_key.of(key))
        every = (one.desired for part in parts for one in part.read() if one.desired is not None)
        return {desired.key: desired for desired in every if desired.key in keys}


# ---------------------------------------------------------------- packing


class _Pickler(pickle.Pickler):
    """Leaves out what stays in memory: keys, by their place, and how to parse a file again, by its name."""

    def __init__(self, into: io.BytesIO, keys: Sequence[Key]) -> None:
        super().__init__(into, pickle.HIGHEST_PROTOCOL)
        self._places = {key: place for place, key in enumerate(keys)}

    def reducer_override(self, obj: Any) -> Any:
        """Return how an object is made again: a dataclass with slots is made faster than its own way."""
        of = type(obj)
        if of is Key:
            place = self._places.get(obj)
            return NotImplemented if place is None else (_KeyAt, (place,))
        if of is Nodes:
            return _NodesOf, (obj.name,)
        if not hasattr(of, "__dataclass_fields__"):
            return NotImplemented
        return _made, (of, *(getattr(obj, name) for name in of.__slots__))


class _KeyAt(NamedTuple):
    """In packed documents, a key that stays in memory."""

    place: int


class _NodesOf(NamedTuple):
    """In packed documents, how to parse a file again."""

    name: str


def _made(of: type, *values: object) -> object:
    one: object = object.__new__(of)
    for set_, value in zip(_setters(of), values, strict=True):
        set_(one, value)
    return one


@cache
def _setters(of: type) -> tuple[Callable[[object, object], None], ...]:
    """Return what sets each slot of a class, also of one that is frozen."""
    return tuple(getattr(of, name).__set__ for name in of.__slots__)  # type: ignore[attr-defined]


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, keys: Sequence[Key], files: Iterable[ParsedFile]) -> None:
        super().__init__(io.BytesIO(data))
        self._stay = {
            _KeyAt.__name__: keys.__getitem__,
            _NodesOf.__name__: {one.name: one.nodes for one in files}.__getitem__,
        }

    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for: a class, or what returns an object that stayed in memory."""
        return self._stay.get(name) or super().find_class(module, name)


def packed(compiled: Sequence[Compiled], keys: Sequence[Key]) -> bytes:
    """Return documents as bytes, with what passes derive of each one."""
    derived = [(one.desired.refs, one.desired.content) for one in compiled if one.desired is not None]
    assert all(content for _, content in derived)
    into = io.BytesIO()
    _Pickler(into, keys).dump(tuple(compiled))
    return zlib.compress(into.getvalue(), LEVEL)


def unpacked(data: bytes, keys: Sequence[Key], files: Iterable[ParsedFile]) -> tuple[Compiled, ...]:
    """Return the documents that `packed` has packed, in this process."""
    return cast("tuple[Compiled, ...]", _Unpickler(zlib.decompress(data), keys, files).load())
