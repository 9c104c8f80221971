"""The documents of one application while its files change: checks are repeated only where a change reaches them.

A check of a kind asks `Documents` for a key, or for the documents with a value. `WatchedDocuments` records what each
part asks, and returns which answers a change can have altered.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ecsync.core.model import Desired, Documents, Key, Values
from ecsync.language.nodes import HASH, ByHash, hashes
from ecsync.language.parts import Part

_Index = tuple[str, Values]  # a kind, and a function that returns the values of its documents
_EVERYTHING = "every document"


@dataclass(frozen=True, slots=True, eq=False)
class _Share:
    """What a part adds to an index, and what its values depend on."""

    part: Part
    values: array[int]  # hash of a value, place of a document that has it, and so on
    asked: array[int]  # hashes


class WatchedDocuments(Documents):
    """The documents of the parts of one application, in order. `recorded` returns what a check has asked.

    An index has hashes of values only. A load that asks for a value makes a table of the documents by hash, and keeps
    it until `close`.
    """

    def __init__(self) -> None:
        super().__init__(())
        self.by_key = ByHash[Part](lambda part: part.declared)
        self._positions: dict[Part, int] = {}
        self._shares: dict[_Index, dict[Part, _Share]] = {}
        self._tables: dict[_Index, dict[int, list[tuple[_Share, int]]]] = {}  # with shares that are no longer there
        self._known: dict[tuple[_Share, int], Collection[Hashable]] = {}  # values of documents, until `close`
        self._asked: set[Hashable] = set()

    # ---------------------------------------------------------------- what a check asks

    def __iter__(self) -> Iterator[Desired]:
        self._asked.add(_EVERYTHING)
        for part in self._positions:
            yield from part.resources

    def get(self, key: Key) -> Desired | None:
        """Return the document of a key; None if it is not declared."""
        self._asked.add(key)
        return next((found for part in self.by_key.of(key) if (found := part.get(key)) is not None), None)

    def find(self, kind: str, values: Values, value: Hashable) -> Sequence[Desired]:
        """Return the documents of a kind that have the value among their `values`, in order."""
        index = (kind, values)
        if index not in self._shares:
            self._shares[index] = {}
            for part in self._positions:
                self._add(index, part)
        hashed = hash(value) & HASH
        self._asked.add((index, hashed))
        shares = self._shares[index]
        having = [one for one in self._table(index).get(hashed, ()) if shares.get(one[0].part) is one[0]]
        if len(having) > 1:
            having = sorted(set(having), key=lambda one: (self._positions[one[0].part], one[1]))
        return [share.part.at(place) for share, place in having if value in self._values(index, share, place)]

    def close(self) -> None:
        """Let the tables go, at the end of a load."""
        self._tables.clear()
        self._known.clear()

    def _values(self, index: _Index, share: _Share, place: int) -> Collection[Hashable]:
        """Return the values of a document, which its share has the hashes of."""
        known = self._known.get((share, place))
        if known is None:
            with self.recorded():  # the share depends on what they ask, not who asks for them
                known = self._known[share, place] = frozenset(index[1](share.part.at(place), self))
        return known

    def _table(self, index: _Index) -> dict[int, list[tuple[_Share, int]]]:
        table = self._tables.get(index)
        if table is None:
            table = self._tables[index] = {}
            for share in self._shares[index].values():
                _enter(share, table)
        return table

    @contextmanager
    def recorded(self) -> Iterator[set[Hashable]]:
        """Record what is asked in a set of its own."""
        outer, self._asked = self._asked, set()
        try:
            yield self._asked
        finally:
            self._asked = outer

    # ---------------------------------------------------------------- changes

    def replace(self, parts: Sequence[Part]) -> tuple[list[Part], list[Part], Collection[Hashable]]:
        """Take over the parts. Return those that are gone, those that are new, and which answers may differ now."""
        kept = set(parts)
        gone = [part for part in self._positions if part not in kept]
        added = [part for part in parts if part not in self._positions]
        stay = [part for part in parts if part in self._positions]
        if stay != [part for part in self._positions if part in kept]:
            gone, added = list(self._positions), list(parts)  # another order gives other answers
        touched: set[Hashable] = {_EVERYTHING}
        for part in gone:
            touched.update(part.declared)
            touched |= {(index, value) for index in self._shares for value in self._remove(index, part)}
        self._positions = {part: position for position, part in enumerate(parts)}
        self.by_key = self.by_key.changed(set(gone), added)
        for part in added:
            touched.update(part.declared)
        for part in added:
            touched |= {(index, value) for index in list(self._shares) for value in self._add(index, part)}
        self._settle(touched)
        return gone, added, touched

    def _settle(self, touched: set[Hashable]) -> None:
        """Update the shares that depend on what was touched, until no other share depends on what that touches."""
        fresh: set[Hashable] = touched
        while fresh:
            hashed = set(hashes(fresh))
            stale = [
                (index, part)
                for index, shares in self._shares.items()
                for part, share in shares.items()
                if share.asked and not hashed.isdisjoint(share.asked)
            ]
            fresh = set()
            for index, part in stale:
                before = self._shares[index][part].values
                values = {*self._remove(index, part), *self._add(index, part)}
                now = self._shares[index].get(part)
                if now is None or now.values != before:
                    fresh |= {(index, value) for value in values}
            fresh -= touched
            touched |= fresh

    def _add(self, index: _Index, part: Part) -> Iterable[int]:
        """Add a part to an index, and return the hashes of its values."""
        kind, values = index
        having: list[int] = []
        with self.recorded() as asked:
            for place, key in enumerate(part.declared):
                if key.kind == kind:
                    for value in dict.fromkeys(values(part.at(place), self)):
                        having += (hash(value) & HASH, place)
        if not having and not asked:
            return ()
        share = self._shares[index][part] = _Share(part, array("I", having), hashes(asked))
        if index in self._tables:
            _enter(share, self._tables[index])
        return having[::2]

    def _remove(self, index: _Index, part: Part) -> Iterable[int]:
        """Remove a part from an index, and return the hashes of the values that it had."""
        share = self._shares[index].pop(part, None)
        return share.values[::2] if share is not None else ()


def _enter(share: _Share, table: dict[int, list[tuple[_Share, int]]]) -> None:
    numbers = iter(share.values)
    for value, place in zip(numbers, numbers, strict=True):
        table.setdefault(value, []).append((share, place))
