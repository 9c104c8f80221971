"""The documents of one application while its files change: checks are repeated only where a change reaches them.

A check of a kind asks `Documents` for a key, or for the documents with a value. `WatchedDocuments` records what each
part asks, and returns which answers a change can have altered.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ecsync.core.model import Desired, Documents, Key, Values
from ecsync.language.parts import Part, hashes

_Index = tuple[str, Values]  # a kind, and a function that returns the values of its documents
_EVERYTHING = "every document"


@dataclass(frozen=True, slots=True)
class _Share:
    """What a part adds to an index, and what its values depend on."""

    values: tuple[Hashable, ...]
    entries: int  # hash of the documents of each value
    asked: Sequence[int]  # hashes


class WatchedDocuments(Documents):
    """The documents of the parts of one application, in order. `recorded` returns what a check has asked."""

    def __init__(self) -> None:
        super().__init__(())
        self._positions: dict[Part, int] = {}
        self._part_of: dict[Key, Part] = {}
        self._found: dict[_Index, dict[Hashable, tuple[Key, ...]]] = {}  # the documents that have a value
        self._shares: dict[_Index, dict[Part, _Share]] = {}
        self._asked: set[Hashable] = set()

    # ---------------------------------------------------------------- what a check asks

    def __iter__(self) -> Iterator[Desired]:
        self._asked.add(_EVERYTHING)
        for part in self._positions:
            yield from part.resources

    def get(self, key: Key) -> Desired | None:
        """Return the document of a key; None if it is not declared."""
        self._asked.add(key)
        part = self._part_of.get(key)
        return part.get(key) if part is not None else None

    def find(self, kind: str, values: Values, value: Hashable) -> Sequence[Desired]:
        """Return the documents of a kind that have the value among their `values`, in order."""
        index = (kind, values)
        if index not in self._found:
            self._found[index], self._shares[index] = {}, {}
            for part in self._positions:
                self._add(index, part)
        self._asked.add((index, value))
        keys = self._found[index].get(value, ())
        parts = [(self._part_of[key], key) for key in keys]
        if len(parts) > 1:
            parts.sort(key=lambda one: self._positions[one[0]])  # those of one part are in its order
        found = (part.get(key) for part, key in parts)
        return [desired for desired in found if desired is not None]

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
            for key in part.declared:
                del self._part_of[key]
                touched.add(key)
            touched |= {(index, value) for index in self._found for value in self._remove(index, part)}
        self._positions = {part: position for position, part in enumerate(parts)}
        for part in added:
            for key in part.declared:
                self._part_of[key] = part
                touched.add(key)
        for part in added:
            touched |= {(index, value) for index in list(self._found) for value in self._add(index, part)}
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
                before = self._shares[index][part].entries
                values = {*self._remove(index, part), *self._add(index, part)}
                now = self._shares[index].get(part)
                if now is None or now.entries != before:
                    fresh |= {(index, value) for value in values}
            fresh -= touched
            touched |= fresh

    def _add(self, index: _Index, part: Part) -> Iterable[Hashable]:
        """Add a part to an index, and return its values."""
        kind, values = index
        having: dict[Hashable, list[Key]] = {}
        with self.recorded() as asked:
            for key in part.declared:
                desired = part.get(key) if key.kind == kind else None
                for value in dict.fromkeys(values(desired, self)) if desired is not None else ():
                    having.setdefault(value, []).append(key)
        if not having and not asked:
            return ()
        found = self._found[index]
        for value, keys in having.items():
            found[value] = (*found.get(value, ()), *keys)
        entries = hash(tuple((value, *keys) for value, keys in having.items()))
        self._shares[index][part] = _Share(tuple(having), entries, hashes(asked))
        return having

    def _remove(self, index: _Index, part: Part) -> Iterable[Hashable]:
        """Remove a part from an index, and return the values that it had."""
        share = self._shares[index].pop(part, None)
        values = share.values if share is not None else ()
        found, own = self._found[index], set(part.declared)
        for value in values:
            left = tuple(key for key in found[value] if key not in own)
            if left:
                found[value] = left
            else:
                del found[value]
        return values
