"""Node: a value together with its place in a file. A manifest consists of nodes until it becomes a plain body.

What a load keeps of the nodes is small: `Origins` has the places, and a `Pool` keeps one of each equal part of bodies.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ecsync.core import trees
from ecsync.core.model import Key, Origin, Ref, Text
from ecsync.core.trees import Json, Path

HASH = 0xFFFFFFFF  # the bits of a hash that are kept
_FEW = 20  # of so many entries of a table, one may change before it is made anew
_Owner = TypeVar("_Owner", bound=Hashable)


class Node(NamedTuple):
    """A scalar, a `Text`, a list of nodes or a map of nodes. Nodes are never changed, so aliases can share them.

    The origin of a member is the place of its key. The origin of an element is its own place.
    """

    value: Any
    origin: Origin

    def get(self, key: str) -> Node | None:
        """Return the member; None if the value is not a map or does not have it."""
        member = self.value.get(key) if isinstance(self.value, dict) else None
        return member if isinstance(member, Node) else None


class WrittenFloat(float):
    """A number that keeps its written form: `1.10` must not become `1.1` where AWS requires text."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, value: float, text: str) -> WrittenFloat:
        """Return the number with its written form."""
        number = super().__new__(cls, value)
        number.text = text
        return number

    def __getnewargs__(self) -> tuple[float, str]:  # type: ignore[override]  # float has one argument
        """Return the arguments of `__new__`, for pickle."""
        return float(self), self.text


def to_nodes(value: Json, origin: Origin) -> Node:
    """Return the value as nodes that all have this origin; nodes that are already inside it keep their own."""
    if isinstance(value, Node):
        return value
    if isinstance(value, Mapping):
        return Node({str(key): to_nodes(below, origin) for key, below in value.items()}, origin)
    if isinstance(value, (list, tuple)):
        return Node([to_nodes(below, origin) for below in value], origin)
    return Node(value, origin)


def plain(node: Node) -> Json:
    """Return the value without origins, as a new tree."""
    value = node.value
    if isinstance(value, dict):
        return {key: plain(below) for key, below in value.items()}
    if isinstance(value, list):
        return [plain(below) for below in value]
    return float(value) if isinstance(value, WrittenFloat) else value


class Origins(Mapping[Path, Origin]):
    """The origin of each path of a body: looked up in its nodes, or, after `pack`, in a list of lines and columns."""

    __slots__ = ("_first", "_places", "_root")

    def __init__(self, root: Node) -> None:
        self._root: Node | Json = root  # after `pack`, the body
        self._first: Origin | None = None  # after `pack`: of the whole body
        self._places: bytes | array[int] = b""  # lines below the first one, and column, of each value in the body

    def pack(self, body: Json) -> None:
        """Let the nodes go. `body` has their structure and is never changed. Nodes of several files stay."""
        if self._first is not None:
            return
        first: Origin = self._root.origin
        places: array[int] = array("i")
        if _places(self._root, first, places):
            self._places = bytes(places.tolist()) if min(places) >= 0 and max(places) < 256 else places
            self._root, self._first = body, first

    def moved(self, lines: int) -> Origins | None:
        """Return the same places so many lines further down; None where they are not packed."""
        if self._first is None:
            return None
        found = object.__new__(Origins)
        found._root, found._places = self._root, self._places
        found._first = self._first._replace(line=self._first.line + lines)
        return found

    def __getitem__(self, path: Path) -> Origin:
        if self._first is not None:
            position = 2 * _position(self._root, path)
            return Origin(self._first.file, self._first.line + self._places[position], self._places[position + 1])
        node: Node = self._root
        for part in path:
            try:
                below = node.value[part]
            except (LookupError, TypeError) as missing:
                raise KeyError(path) from missing
            if not isinstance(below, Node):
                raise KeyError(path)
            node = below
        return node.origin

    def __iter__(self) -> Iterator[Path]:
        if self._first is not None:
            return _paths(self._root, ())
        return (path for path, _ in _walk(self._root, ()))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _walk(node: Node, at: Path) -> Iterator[tuple[Path, Node]]:
    yield at, node
    below: Iterable[tuple[str | int, Node]] = ()
    if isinstance(node.value, dict):
        below = node.value.items()
    elif isinstance(node.value, list):
        below = enumerate(node.value)
    for part, child in below:
        yield from _walk(child, (*at, part))


def _places(node: Node, first: Origin, places: array[int]) -> bool:
    """Add lines below the first one and column of each node, from the root on. Return False for one of another file."""
    value, origin = node
    if origin.file != first.file:
        return False
    places.append(origin.line - first.line)
    places.append(origin.column)
    if isinstance(value, dict):
        return all(_places(below, first, places) for below in value.values())
    if isinstance(value, list):
        return all(_places(below, first, places) for below in value)
    return True


def _below(value: Json) -> Iterable[tuple[str | int, Json]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _position(body: Json, path: Path) -> int:
    """Return the number of values before the one at the path, in the order of `_places`. Raises KeyError."""
    position = 0
    for part in path:
        position += 1
        for name, value in _below(body):
            if name == part:
                body = value
                break
            position += _size(value)
        else:
            raise KeyError(path)
    return position


def _size(value: Json) -> int:
    return 1 + sum(_size(below) for _, below in _below(value))


def _paths(value: Json, at: Path) -> Iterator[Path]:
    yield at
    for part, below in _below(value):
        yield from _paths(below, (*at, part))


def hashes(values: Iterable[Hashable]) -> array[int]:
    """Return hashes of the values: 4 bytes each. Two values with one hash cost a check too many, no more."""
    return array("I", [hash(value) & HASH for value in values])  # a list: an array of an iterator has room to grow


class ByHash(Generic[_Owner]):
    """Who has a name: a sorted table of hashes, 8 bytes for a name. A change makes a new table."""

    __slots__ = ("_names_of", "_next", "_owners", "_table")

    def __init__(self, names_of: Callable[[_Owner], tuple[Hashable, ...]]) -> None:
        self._names_of = names_of
        self._owners: dict[int, _Owner] = {}  # by number
        self._table = array("Q")  # in each entry: the hash of a name, and the number of its owner
        self._next = 0

    def changed(self, gone: Collection[_Owner], added: Iterable[_Owner]) -> ByHash[_Owner]:
        """Return the table without some of the owners, and with others. One with the same names costs little."""
        left = {number: owner for number, owner in self._owners.items() if owner in gone}
        free = {self._names_of(owner): number for number, owner in left.items()}
        made = ByHash(self._names_of)
        made._owners = {number: owner for number, owner in self._owners.items() if number not in left}
        made._next, made._table = self._next, self._table
        new: list[int] = []
        for owner in added:
            names = self._names_of(owner)
            number = free.pop(names, made._next)
            if number == made._next:
                made._next += 1
                new += self._entries(number, owner)
            made._owners[number] = owner
            left.pop(number, None)
        if new or left:
            made._table = _changed(self._table, [one for owner in left.items() for one in self._entries(*owner)], new)
        return made

    def _entries(self, number: int, owner: _Owner) -> list[int]:
        return [(hash(name) & HASH) << 32 | number for name in self._names_of(owner)]

    @property
    def owners(self) -> Collection[_Owner]:
        """All owners."""
        return self._owners.values()

    def of(self, name: Hashable) -> Sequence[_Owner]:
        """Return who has a name, each as often as it has it; seldom one more: of another name with the same hash."""
        table, wanted = self._table, (hash(name) & HASH) << 32
        first = last = bisect_left(table, wanted)
        while last < len(table) and table[last] <= wanted | HASH:
            last += 1
        return [self._owners[one & HASH] for one in table[first:last]] if first < last else ()


def _changed(table: array[int], gone: Sequence[int], added: Sequence[int]) -> array[int]:
    """Return a sorted table without some entries, and with others. A few of them cost less than a look at each one."""
    if _FEW * (len(gone) + len(added)) > len(table):
        without = set(gone)
        return array("Q", sorted([*(one for one in table if one not in without), *added]))
    made = array("Q", table)
    for one in gone:
        del made[bisect_left(made, one)]
    for one in added:
        made.insert(bisect_left(made, one), one)
    return made


class Pool:
    """The values of one load, each once. What it returns must never be changed."""

    def __init__(self) -> None:
        self._keys: dict[Key, Key] = {}
        self._texts: dict[Text, Text] = {}
        self._plain = trees.Pool()
        self._names = trees.Pool()  # of keys

    def key(self, key: Key) -> Key:
        """Return the key."""
        known = self._keys.get(key)
        if known is None:
            known = self._keys[key] = Key(*map(self._names.string, key))
        return known

    def end_part(self) -> None:
        """Let all go but the keys: what another part repeats is packed apart."""
        self._texts, self._plain = {}, trees.Pool()

    def keys(self, keys: Iterable[Key]) -> tuple[Key, ...]:
        """Return these keys."""
        return tuple(map(self.key, keys))

    def tree(self, value: Json) -> Json:
        """Return an equal tree of plain dicts and lists. Numbers of different types are not equal here."""
        return self._plain.tree(value, self._text)

    def _text(self, text: Json) -> Json:
        if type(text) is not Text:
            return text
        known = self._texts.get(text)
        if known is None:
            known = self._texts[text] = Text(tuple(map(self._part, text.parts)))
        return known

    def _part(self, part: str | Ref) -> str | Ref:
        string = self._plain.string
        return Ref(self.key(part.key), string(part.output)) if isinstance(part, Ref) else string(part)
