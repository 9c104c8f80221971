"""The documents of one application while its files change: checks are repeated only where a change reaches them.

A check of a kind asks `Documents` for a key, or for the documents with a value. `WatchedDocuments` records what each
part asks, and returns which answers a change can have altered.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter

from ecsync.core.model import Desired, Documents, Key, Values
from ecsync.language.nodes import HASH, ByHash, hashes
from ecsync.language.parts import Part

_Index = tuple[str, Values]  # a kind, and a function that returns the values of its documents
_EVERYTHING = "every document"
_VALUES = 10_000  # of so many documents, a load keeps the values


@dataclass(frozen=True, slots=True, eq=False)
class _Share:
    """What a part adds to an index, and what its values depend on."""

    part: Part
    values: array[int]  # sorted: in each entry the hash of a value, and the place of a document that has it
    asked: array[int]  # hashes

    @property
    def hashes(self) -> tuple[int, ...]:
        """The hashes of its values."""
        return tuple(dict.fromkeys(one >> 32 for one in self.values))

    def places(self, hashed: int) -> Iterator[int]:
        """Yield the places of the documents with such a value."""
        at = bisect_left(self.values, hashed << 32)
        while at < len(self.values) and self.values[at] >> 32 == hashed:
            yield self.values[at] & HASH
            at += 1


@dataclass(slots=True, eq=False)
class _Shares:
    """The shares of an index."""

    by_part: dict[Part, _Share] = field(default_factory=dict)
    by_hash: ByHash[_Share] = field(default_factory=lambda: ByHash(attrgetter("hashes")))  # those of the load before
    fresh: dict[int, list[_Share]] = field(default_factory=dict)  # those that this load adds, by hash

    def add(self, share: _Share) -> None:
        """Add the share of a part."""
        self.by_part[share.part] = share
        for hashed in share.hashes:
            self.fresh.setdefault(hashed, []).append(share)

    def of(self, hashed: int) -> list[_Share]:
        """Return those that have such a value."""
        known: dict[_Share, None] = dict.fromkeys((*self.by_hash.of(hashed), *self.fresh.get(hashed, ())))
        return [share for share in known if self.by_part.get(share.part) is share]

    def close(self) -> None:
        """Keep what this load has added as one table."""
        before, now = {*self.by_hash.owners}, {*self.by_part.values()}
        if before != now:
            self.by_hash = self.by_hash.changed(before - now, now - before)
        self.fresh.clear()


class WatchedDocuments(Documents):
    """The documents of the parts of one application, in order. `recorded` returns what a check has asked.

    An index keeps hashes of values, and no values: those of the documents that it finds are compared when it is asked.
    """

    def __init__(self) -> None:
        super().__init__(())
        self.by_key = ByHash[Part](lambda part: part.declared)
        self._positions: dict[Part, int] = {}
        self._shares: dict[_Index, _Shares] = {}
        self._parts: dict[Key, Part] = {}  # what a load has asked for, until `close`
        self._values: dict[tuple[_Share, int], Collection[Hashable]] = {}  # of documents, until `close`
        self._asked: set[Hashable] = set()

    # ---------------------------------------------------------------- what a check asks

    def __iter__(self) -> Iterator[Desired]:
        self._asked.add(_EVERYTHING)
        for part in self._positions:
            yield from part.resources

    def get(self, key: Key) -> Desired | None:
        """Return the document of a key; None if it is not declared."""
        self._asked.add(key)
        part = self._parts.get(key)
        if part is None:
            for part in self.by_key.of(key):
                if part.get(key) is not None:
                    self._parts[key] = part
                    break
            else:
                return None
        return part.get(key)

    def find(self, kind: str, values: Values, value: Hashable) -> Sequence[Desired]:
        """Return the documents of a kind that have the value among their `values`, in order."""
        index = (kind, values)
        if index not in self._shares:
            self._shares[index] = _Shares()
            for part in self._positions:
                self._add(index, part)
        hashed = hash(value) & HASH
        self._asked.add((index, hashed))
        shares = self._shares[index].of(hashed)
        if len(shares) > 1:
            shares.sort(key=lambda share: self._positions[share.part])
        having = [(share, place) for share in shares for place in share.places(hashed)]
        return [share.part.at(place) for share, place in having if value in self._values_of(index, share, place)]

    def close(self) -> None:
        """Let go what only a load needs, at its end."""
        for shares in self._shares.values():
            shares.close()
        self._parts.clear()
        self._values.clear()

    def _values_of(self, index: _Index, share: _Share, place: int) -> Collection[Hashable]:
        """Return the values of a document, which its share has the hashes of."""
        known = self._values.get((share, place))
        if known is None:
            if len(self._values) >= _VALUES:
                self._values.clear()
            with self.recorded():  # the share depends on what they ask, not who asks for them
                known = dict.fromkeys(index[1](share.part.at(place), self))
            self._values[share, place] = known
        return known

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
        self._parts.clear()
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
                for part, share in shares.by_part.items()
                if share.asked and not hashed.isdisjoint(share.asked)
            ]
            fresh = set()
            for index, part in stale:
                before = self._shares[index].by_part[part].values
                values = {*self._remove(index, part), *self._add(index, part)}
                now = self._shares[index].by_part.get(part)
                if now is None or now.values != before:
                    fresh |= {(index, value) for value in values}
            fresh -= touched
            touched |= fresh

    def _add(self, index: _Index, part: Part) -> Iterable[int]:
        """Add a part to an index, and return the hashes of its values."""
        kind, values = index
        having: dict[int, dict[Hashable, None]] = {}
        with self.recorded() as asked:
            for place, key in enumerate(part.declared):
                if key.kind == kind:
                    having[place] = dict.fromkeys(values(part.at(place), self))
        if not asked and not any(having.values()):
            return ()
        hashed = {(hash(value) & HASH) << 32 | place for place, own in having.items() for value in own}
        share = _Share(part, array("Q", sorted(hashed)), hashes(asked))
        self._shares[index].add(share)
        if len(self._values) < _VALUES:
            self._values.update(((share, place), own) for place, own in having.items())
        return share.hashes

    def _remove(self, index: _Index, part: Part) -> Iterable[int]:
        """Remove a part from an index, and return the hashes of the values that it had."""
        share = self._shares[index].by_part.pop(part, None)
        return share.hashes if share is not None else ()
