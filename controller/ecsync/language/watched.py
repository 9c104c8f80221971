"""The documents of one application while its files change: checks are repeated only where a change reaches them.

A check of a kind asks `Documents` for a key, or for the documents with a value. `WatchedDocuments` records what each
part asks, and returns which answers a change can have altered.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ecsync.core.model import Desired, Documents, Key, Values
from ecsync.language.resources import Part

_Index = tuple[str, Values]  # a kind, and a function that returns the values of its documents
_EVERYTHING = "every document"


@dataclass(frozen=True, slots=True)
class _Share:
    """What a part adds to an index, and what its values depend on."""

    entries: Mapping[Hashable, tuple[Desired, ...]]
    asked: frozenset[Hashable]


class WatchedDocuments(Documents):
    """The documents of the parts of one application, in order. `recorded` returns what a check has asked."""

    def __init__(self) -> None:
        super().__init__(())
        self._positions: dict[Part, int] = {}
        self._documents: dict[Key, Desired] = {}
        self._found: dict[_Index, dict[Hashable, tuple[Part, ...]]] = {}  # the parts that have a value
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
        return self._documents.get(key)

    def find(self, kind: str, values: Values, value: Hashable) -> Sequence[Desired]:
        """Return the documents of a kind that have the value among their `values`, in order."""
        index = (kind, values)
        if index not in self._found:
            self._found[index], self._shares[index] = {}, {}
            for part in self._positions:
                self._add(index, part)
        self._asked.add((index, value))
        parts, shares = self._found[index].get(value, ()), self._shares[index]
        if len(parts) == 1:
            return shares[parts[0]].entries[value]
        ordered = sorted(parts, key=self._positions.__getitem__)
        return [desired for part in ordered for desired in shares[part].entries[value]]

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
            for desired in part.resources:
                del self._documents[desired.key]
                touched.add(desired.key)
            touched |= {(index, value) for index in self._found for value in self._remove(index, part)}
        self._positions = {part: position for position, part in enumerate(parts)}
        for part in added:
            for desired in part.resources:
                self._documents[desired.key] = desired
                touched.add(desired.key)
        for part in added:
            touched |= {(index, value) for index in list(self._found) for value in self._add(index, part)}
        self._settle(touched)
        return gone, added, touched

    def _settle(self, touched: set[Hashable]) -> None:
        """Update the shares that depend on what was touched, until no other share depends on what that touches."""
        fresh: set[Hashable] = touched
        while fresh:
            stale = [
                (index, part)
                for index, shares in self._shares.items()
                for part, share in shares.items()
                if share.asked and not share.asked.isdisjoint(fresh)
            ]
            fresh = set()
            for index, part in stale:
                before = self._shares[index][part].entries
                values = {*self._remove(index, part), *self._add(index, part)}
                if self._shares[index][part].entries != before:
                    fresh |= {(index, value) for value in values}
            fresh -= touched
            touched |= fresh

    def _add(self, index: _Index, part: Part) -> Iterable[Hashable]:
        """Add a part to an index, and return its values."""
        kind, values = index
        having: dict[Hashable, list[Desired]] = {}
        with self.recorded() as asked:
            for desired in part.resources:
                for value in dict.fromkeys(values(desired, self)) if desired.key.kind == kind else ():
                    having.setdefault(value, []).append(desired)
        entries = {value: tuple(documents) for value, documents in having.items()}
        if not entries and not asked:
            return ()
        found = self._found[index]
        for value in entries:
            found[value] = (*found.get(value, ()), part)
        self._shares[index][part] = _Share(entries, frozenset(asked))
        return entries

    def _remove(self, index: _Index, part: Part) -> Iterable[Hashable]:
        """Remove a part from an index, and return the values that it had."""
        share = self._shares[index].pop(part, None)
        entries = share.entries if share is not None else {}
        found = self._found[index]
        for value in entries:
            left = tuple(one for one in found[value] if one is not part)
            if left:
                found[value] = left
            else:
                del found[value]
        return entries
