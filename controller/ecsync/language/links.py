"""The links between documents of all applications, kept between two loads.

Each part has its own facts: the references in it, the names that it knows, the AWS resources that it claims, and the
problems that the checks of its kinds found. A load replaces the facts of the parts that changed, and of the parts that
asked for something that changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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
from ecsync.language.parts import Part, hashes
from ecsync.language.resources import Compiled
from ecsync.language.watched import WatchedDocuments


@dataclass(slots=True, eq=False)
class _Facts:
    """The links of a part."""

    known: Mapping[Ref, str]  # outputs that follow from a document alone: mostly names
    claims: Sequence[tuple[Claim, Key]] = ()
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
        self._edges: dict[Key, tuple[Key, ...]] = {}  # the resources that each refers to
        self._known: dict[Ref, str] = {}
        self._claims: dict[Claim, tuple[Key, ...]] = {}
        self._clashes: set[Claim] = set()
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
        self._documents = {name: self._documents.setdefault(name, WatchedDocuments()) for name in parts}
        if gone or added:
            self._replace_facts(gone, added)
            for name, answers in touched.items():
                self._check(self._parts.get(name, ()), answers, set(added))
        if gone or added or reordered:
            self._find_cycles(added)

    def problems(self) -> Iterator[Problem]:
        """Yield the problems between documents."""
        for facts in self._facts.values():
            yield from facts.problems
        yield from self._cycles
        if self._clashes:
            claimed = {key for claim in self._clashes for key in self._claims[claim]}
            found: dict[Key, Desired] = {}  # in their order
            for part in (part for own in self._parts.values() for part in own if not claimed.isdisjoint(part.declared)):
                found |= {desired.key: desired for desired in part.resources if desired.key in claimed}
            positions = {key: position for position, key in enumerate(found)}
            for claim in self._clashes:
                of = sorted(self._claims[claim], key=positions.__getitem__)
                yield from duplicate_claim(claim, [found[key] for key in of])

    def notes(self) -> Iterator[Problem]:
        """Yield the notes between documents."""
        for facts in self._facts.values():
            yield from facts.notes

    # ---------------------------------------------------------------- references, names and claims

    def _replace_facts(self, gone: Sequence[Part], added: Sequence[Part]) -> None:
        before: dict[Ref, str] = {}
        after: dict[Ref, str] = {}
        for part in gone:
            facts = self._facts.pop(part)
            self._withdraw(facts)
            for key in part.declared:
                del self._edges[key]
            for ref, value in facts.known.items():
                before[ref] = value
                del self._known[ref]
        for part in added:
            facts = self._facts[part] = _Facts(self._known_of(part))
            self._edges.update((desired.key, self._targets_of(desired)) for desired in part.resources)
            self._known.update(facts.known)
            after.update(facts.known)
        fresh = list(added)
        other = {ref for ref, _ in before.items() ^ after.items()}
        if other:
            new, hashed = set(fresh), set(hashes(other))
            others = ((part, facts) for part, facts in self._facts.items() if part not in new)
            fresh += [part for part, facts in others if not hashed.isdisjoint(facts.looked_up)]
        for part in fresh:
            self._withdraw(self._facts[part])
            self._claim(part)

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

    def _claim(self, part: Part) -> None:
        """Set the claims of a part, with the names that are known now."""
        settings = part.section.settings
        claims: list[tuple[Claim, Key]] = []
        looked_up: set[Ref] = set()

        def value_of(ref: Ref) -> str | None:
            looked_up.add(ref)
            return self._known.get(ref)

        for desired in part.resources:
            if not desired.options.manage:
                continue  # a lookup may read a resource that another document owns
            kind = self._kinds[desired.key.kind]
            claimed = kind.claim or kind.natural
            natural = claimed(desired.body) or claimed(_Settled(desired.body, value_of))
            if natural is not None:
                region = settings.region if kind.regional else ""
                claims.append(((settings.account, region, kind.name, natural), desired.key))
        for claim, key in claims:
            self._claims[claim] = (*self._claims.get(claim, ()), key)
            if len(self._claims[claim]) > 1:
                self._clashes.add(claim)
        facts = self._facts[part]
        facts.claims, facts.looked_up = tuple(claims), hashes(looked_up)

    def _withdraw(self, facts: _Facts) -> None:
        """Remove the claims of a part."""
        for claim, key in facts.claims:
            left = tuple(other for other in self._claims[claim] if other != key)
            if left:
                self._claims[claim] = left
            else:
                del self._claims[claim]
            if len(left) < 2:
                self._clashes.discard(claim)
        facts.claims = ()

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
        if self._cycles or leads_into_a_cycle((key for part in added for key in part.declared), self._edges):
            every = (one for own in self._parts.values() for part in own for one in part.compiled)
            ordered = {one.key: self._edges_of(one) for one in every if one.desired is not None}
            self._cycles = tuple(reference_cycles(ordered))


def _origin(desired: Desired, path: Path) -> Origin:
    """Return the place of a path, or of the nearest one above it that is written."""
    while path and path not in desired.origins:
        path = path[:-1]
    return desired.origins.get(path, desired.origin)
