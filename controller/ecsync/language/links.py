"""The links between documents of all applications, kept between two loads.

Each part has its own facts: the references in it, the names that it knows, the AWS resources that it claims, and the
problems that the checks of its kinds found. A load replaces the facts of the parts that changed, and of the parts that
asked for something that changed.
"""

from __future__ import annotations

import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ecsync.core.constraints.find import across, constraint_table
from ecsync.core.constraints.rows import Level
from ecsync.core.kind import Kind
from ecsync.core.model import Desired, Key, Origin, Problem, Ref
from ecsync.core.resolve import resolve
from ecsync.core.rules import Late
from ecsync.core.trees import Body, Json, Path, transform
from ecsync.language.crosscheck import (
    Claim,
    as_text,
    duplicate_claim,
    leads_into_a_cycle,
    reference_cycles,
    references,
)
from ecsync.language.nodes import ByHash, hashes
from ecsync.language.parts import LEVEL, Part
from ecsync.language.resources import Compiled
from ecsync.language.watched import WatchedDocuments

_OPEN = 100  # parts with names that a load holds opened
_TARGETS = 10_000  # documents with the resources that they refer to: as many


@dataclass(slots=True, eq=False)
class _Facts:
    """The links of a part."""

    known: bytes  # outputs that follow from a document alone, mostly names: packed
    targets: array[int]  # of each document that is declared: how many it refers to, and their places in `keys`
    keys: Sequence[Key]  # of the part, and those that `ecsync/after` names
    claims: Sequence[int] = ()  # hashes
    looked_up: Sequence[int] = ()  # hashes of the references with the values that decide `claims`
    problems: tuple[Problem, ...] = ()  # of the checks of its kinds
    notes: tuple[Problem, ...] = ()
    asked: Sequence[int] = ()  # hashes of what was asked: the answers decide `problems` and `notes`


class _Settled(Mapping[str, Json]):
    """A body with every reference as its known value, or as text. A member is resolved when it is asked for."""

    __slots__ = ("_body", "_value_of")

    def __init__(self, body: Body, value_of: Callable[[Ref], str | None]) -> None:
        self._body = body
        self._value_of = value_of

    def __getitem__(self, name: str) -> Json:
        return transform(resolve({name: self._body[name]}, self._value_of)[name], as_text)

    def __iter__(self) -> Iterator[str]:
        return iter(self._body)

    def __len__(self) -> int:
        return len(self._body)


class Links:
    """The links between the documents of all applications. Call `update`, then `problems`."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._late = {name: [row for row in kind.rules if isinstance(row, Late)] for name, kind in kinds.items()}
        self._tables = {name: constraint_table(kind.constraints) for name, kind in kinds.items()}
        self._parts: dict[str, tuple[Part, ...]] = {}
        self._documents: dict[str, WatchedDocuments] = {}
        self._facts: dict[Part, _Facts] = {}
        self._known: dict[Part, Mapping[Ref, str]] = {}  # what a load has asked for
        self._clashes: set[int] = set()  # hashes of the claims of several documents; seldom of two claims
        self._cycles: tuple[Problem, ...] = ()

    def update(self, parts: Mapping[str, tuple[Part, ...]]) -> None:
        """Take over the parts of each application, and check what a change can have altered."""
        gone: list[Part] = []
        added: list[Part] = []
        touched: dict[str, set[int]] = {}
        for name in [*parts, *(name for name in self._parts if name not in parts)]:
            own = parts.get(name, ())
            if own != self._parts.get(name, ()):
                documents = self._documents.setdefault(name, WatchedDocuments())
                documents.region = next((part.section.settings.region for part in own), "")
                gone_here, added_here, touched_here = documents.replace(own)
                gone += gone_here
                added += added_here
                touched[name] = set(hashes(touched_here))
        reordered = list(parts) != list(self._parts)
        self._parts = dict(parts)
        self._documents = {name: self._documents.get(name) or WatchedDocuments() for name in parts}
        if gone or added:
            self._replace_facts(gone, added)
            for name, answers in touched.items():
                self._check(self._parts.get(name, ()), answers, set(added))
                if name in self._documents:
                    self._documents[name].close()
        if gone or added or reordered:
            self._find_cycles(added)
        self._known.clear()

    def parts_by_key(self, name: str) -> ByHash[Part]:
        """Return the parts of an application by their keys."""
        return self._documents[name].by_key

    def problems(self) -> Iterator[Problem]:
        """Yield the problems between documents."""
        for facts in self._facts.values():
            yield from facts.problems
        yield from self._cycles
        if self._clashes:
            yield from self._duplicates()

    def notes(self) -> Iterator[Problem]:
        """Yield the notes between documents."""
        for facts in self._facts.values():
            yield from facts.notes

    # ---------------------------------------------------------------- references, names and claims

    def _replace_facts(self, gone: Sequence[Part], added: Sequence[Part]) -> None:
        before: dict[Ref, str] = {}
        after: dict[Ref, str] = {}
        stale: set[int] = set()  # claims
        for part in gone:
            facts = self._facts.pop(part)
            before.update(_opened(facts))
            stale.update(facts.claims)
        for part in added:
            known = self._known_of(part)
            self._facts[part] = self._new_facts(part, known)
            after.update(known)
        fresh = list(added)
        other = {ref for ref, _ in before.items() ^ after.items()}
        if other:
            new, hashed = set(fresh), set(hashes(other))
            others = ((part, facts) for part, facts in self._facts.items() if part not in new)
            fresh += [part for part, facts in others if not hashed.isdisjoint(facts.looked_up)]
        for part in fresh:
            facts = self._facts[part]
            stale.update(facts.claims)
            looked_up: set[Ref] = set()
            facts.claims = array("q", [hash(claim) for claim, _ in self._claims(part, looked_up)])
            facts.looked_up = hashes(looked_up)
            stale.update(facts.claims)
        meant = (facts.claims for facts in self._facts.values() if not stale.isdisjoint(facts.claims))
        every = sorted(claim for claims in meant for claim in claims if claim in stale)
        self._clashes -= stale
        self._clashes.update(one for one, other in pairwise(every) if one == other)

    def _new_facts(self, part: Part, known: Mapping[Ref, str]) -> _Facts:
        places = {key: place for place, key in enumerate(part.keys)}
        targets: list[int] = []
        for desired in part.resources:
            own = self._targets_of(desired)
            targets += (len(own), *(places.setdefault(key, len(places)) for key in own))
        keys = part.keys if len(places) == len(part.keys) else tuple(places)
        packed = json.dumps([(places[ref.key], ref.output, value) for ref, value in known.items()])
        return _Facts(zlib.compress(packed.encode(), LEVEL), array("I", targets), keys)

    def _targets_of(self, desired: Desired) -> tuple[Key, ...]:
        """Return the resources that a document refers to."""
        late = self._late[desired.key.kind]
        refs = (ref for _, ref in self._ordering(desired)) if late else desired.refs
        return tuple(dict.fromkeys((*(ref.key for ref in refs), *desired.options.after)))

    def _edges_of(self, one: Compiled) -> dict[Key, Origin]:
        """Return the same with the place of each reference."""
        assert one.desired is not None
        desired = one.desired
        targets: dict[Key, Origin] = {}
        for path, ref in self._ordering(desired):
            targets.setdefault(ref.key, desired.origins.get(path, desired.origin))
        for key in desired.options.after:
            targets.setdefault(key, one.after_place)
        return targets

    def _ordering(self, desired: Desired) -> Iterator[tuple[Path, Ref]]:
        """Yield the references that decide an order: not those in a field that is sent in a second step."""
        late = self._late[desired.key.kind]
        for path, ref in references(desired.body):
            if not any(row.covers(path) for row in late):
                yield path, ref

    def _known_of(self, part: Part) -> Mapping[Ref, str]:
        known: dict[Ref, str] = {}
        for desired in part.resources:
            outputs: Mapping[str, Json] = self._kinds[desired.key.kind].known(desired.body)
            for output, value in outputs.items():
                if isinstance(value, str):  # a name that contains a reference is not known yet
                    known[Ref(desired.key, output)] = value
        return known

    def _value(self, ref: Ref) -> str | None:
        """Return the value of an output, if it follows from the document alone."""
        documents = self._documents.get(ref.key.application)
        for part in documents.by_key.of(ref.key) if documents is not None else ():
            known = self._known.get(part)
            if known is None:
                if len(self._known) == _OPEN:
                    self._known.clear()
                known = self._known[part] = _opened(self._facts[part])
            if ref in known:
                return known[ref]
        return None

    def _claims(self, part: Part, looked_up: set[Ref]) -> Iterator[tuple[Claim, Desired]]:
        """Yield the claims of a part, with the names that are known now, and add the references that decide them."""
        settings = part.section.settings

        def value_of(ref: Ref) -> str | None:
            looked_up.add(ref)
            return self._value(ref)

        for desired in part.resources:
            if not desired.options.manage:
                continue  # a lookup may read a resource that another document owns
            kind = self._kinds[desired.key.kind]
            claimed = kind.claim or kind.natural
            natural = claimed(desired.body) or claimed(_Settled(desired.body, value_of))
            if natural is not None:
                region = settings.region if kind.regional else ""
                yield (settings.account, region, kind.name, natural), desired

    def _duplicates(self) -> Iterator[Problem]:
        """Yield the problems of the claims of several documents."""
        found: dict[Claim, list[Desired]] = {}
        for part in (part for own in self._parts.values() for part in own):
            if not self._clashes.isdisjoint(self._facts[part].claims):
                for claim, desired in self._claims(part, set()):
                    found.setdefault(claim, []).append(desired)
        self._known.clear()
        for claim, resources in found.items():
            if len(resources) > 1:
                yield from duplicate_claim(claim, resources)

    # ---------------------------------------------------------------- checks of kinds, and cycles

    def _check(self, parts: Iterable[Part], touched: set[int], added: set[Part]) -> None:
        """Repeat the checks of the kinds in each part that is new, or that asked for something that was touched."""
        for part in parts:
            facts = self._facts[part]
            if part not in added and touched.isdisjoint(facts.asked):
                continue
            documents = self._documents[part.application]
            with documents.recorded() as asked:
                facts.problems = tuple(self._checked(part, documents))
                refused = tuple(self._constrained(part, documents))
            facts.problems += tuple(problem for level, problem in refused if level == "error")
            facts.notes = tuple(problem for level, problem in refused if level == "note")
            facts.asked = hashes(asked)

    def _checked(self, part: Part, documents: WatchedDocuments) -> Iterator[Problem]:
        for desired in part.resources:
            cross_check = self._kinds[desired.key.kind].cross_check
            for path, message in cross_check(desired, documents) if cross_check is not None else ():
                yield Problem(desired.origins.get(path, desired.origin), message, part.application)

    def _constrained(self, part: Part, documents: WatchedDocuments) -> Iterator[tuple[Level, Problem]]:
        """Yield what AWS refuses of several documents together, and what is surely not meant."""
        for desired in part.resources:
            for one in across(self._tables[desired.key.kind], desired, documents):
                yield one.level, Problem(_origin(desired, one.path), one.message, part.application)

    def _find_cycles(self, added: Iterable[Part]) -> None:
        """Find the cycles of references. Without a cycle before, a new one goes through a document that is new."""
        opened: dict[Key, Sequence[Key]] = {}

        def targets_of(key: Key) -> Sequence[Key]:
            if key not in opened:
                documents = self._documents.get(key.application)
                for part in documents.by_key.of(key) if documents is not None else ():
                    if len(opened) > _TARGETS:
                        opened.clear()
                    opened.update(_targets(part, self._facts[part]))
            return opened.get(key, ())

        if self._cycles or leads_into_a_cycle((key for part in added for key in part.declared), targets_of):
            every = (one for own in self._parts.values() for part in own for one in part.compiled)
            ordered = {one.key: self._edges_of(one) for one in every if one.desired is not None}
            self._cycles = tuple(reference_cycles(ordered))


def _origin(desired: Desired, path: Path) -> Origin:
    """Return the place of a path, or of the nearest one above it that is written."""
    while path and path not in desired.origins:
        path = path[:-1]
    return desired.origins.get(path, desired.origin)


def _opened(facts: _Facts) -> Mapping[Ref, str]:
    """Return the names that a part knows."""
    known = json.loads(zlib.decompress(facts.known))
    return {Ref(facts.keys[place], output): value for place, output, value in known}


def _targets(part: Part, facts: _Facts) -> Mapping[Key, Sequence[Key]]:
    """Return the resources that each document of a part refers to."""
    numbers = iter(facts.targets)
    return {key: [facts.keys[next(numbers)] for _ in range(next(numbers))] for key in part.declared}
