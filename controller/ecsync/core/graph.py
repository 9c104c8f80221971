"""The order of steps, from references, `needs` and `ecsync/after`. A cycle is an error with its members."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import islice

from ecsync.core.kind import Kind
from ecsync.core.model import Delete, Desired, Documents, Forget, Key, Ref, Text
from ecsync.core.outcome import Step, StepId
from ecsync.core.rules import Late, Refers, Rules
from ecsync.core.trees import Json, Path, leaves, locate

GROUP = 10  # steps of a kind before those that wait for them

Edges = Mapping[StepId, frozenset[StepId]]


class Cycle(Exception):
    """Steps that wait for each other: each of `members` waits for the next; the last one is the first again."""

    def __init__(self, members: Sequence[StepId]) -> None:
        super().__init__(" → ".join(str(member) for member in members))
        self.members = tuple(members)


def references(body: Json) -> Iterator[tuple[Path, Ref]]:
    """Yield (path, reference) for every reference in a body."""
    for path, leaf in leaves(body):
        if isinstance(leaf, Text):
            for ref in leaf.refs:
                yield path, ref


def late(rules: Rules, path: Path) -> bool:
    """Return whether the path is sent in the late step."""
    return any(isinstance(rule, Late) and rule.covers(path) for rule in rules)


def course(documents: Documents, kinds: Mapping[str, Kind]) -> tuple[Edges, tuple[StepId, ...]]:
    """Return what each step waits for, and the steps in order; free steps by the order of the kinds, then by name.

    Raises Cycle.
    """
    rank = {name: index for index, name in enumerate(kinds)}
    keys = sorted((desired.key for desired in documents), key=lambda key: (rank[key.kind], key))
    waits = edges(documents, kinds)
    return waits, order(waits, [StepId(key=key) for key in keys])


def arranged(documents: Documents, kinds: Mapping[str, Kind], steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps in order, each with those that it waits for, and with the resources that it needs.

    Raises Cycle.
    """
    if not steps:
        return ()
    waits, ordered = course(documents, kinds)
    nearest = behind(ordered, waits, {step.id for step in steps})
    position = {step: index for index, step in enumerate(ordered)}
    return tuple(
        replace(
            step,
            after=step.after | nearest.get(step.id, frozenset()),
            needs=frozenset(other.key for other in waits.get(step.id, ()) if other.key != step.id.key),
        )
        for step in sorted(steps, key=lambda step: position.get(step.id, len(position)))
    )


def edges(documents: Documents, kinds: Mapping[str, Kind]) -> Edges:
    """Return what each step waits for. Every resource has a main step, some have a late step."""
    declared = {desired.key for desired in documents}
    with_late = {d.key for d in documents if any(isinstance(rule, Late) for rule in kinds[d.key.kind].rules)}
    named = _names(documents, kinds)
    found: dict[StepId, set[StepId]] = {}
    for desired in documents:
        kind = kinds[desired.key.kind]
        main, after = StepId(key=desired.key), StepId(key=desired.key, phase="late")
        found.setdefault(main, set())
        if desired.key in with_late:
            found.setdefault(after, set()).add(main)
        for path, key in _targets(desired, named, kinds):
            if key in declared and key != desired.key:
                found[after if late(kind.rules, path) else main].add(StepId(key=key))
        needed = [*(kind.needs(desired, documents) if kind.needs else ()), *desired.options.after]
        for key in needed:
            if key in declared and key != desired.key:
                found[main].add(StepId(key=key))
                if key in with_late:
                    found[main].add(StepId(key=key, phase="late"))
    return _backwards(found, {d.key for d in documents if d.options.state == "absent"})


def _backwards(waits: Mapping[StepId, set[StepId]], doomed: Set[Key]) -> Edges:
    """Reverse the edges between two resources that are both declared absent: the one that refers is deleted first."""
    found: dict[StepId, set[StepId]] = {step: set() for step in waits}
    for step, others in waits.items():
        for other in others:
            if not {step.key, other.key} <= doomed or step.key == other.key:
                found[step].add(other)
            elif step.phase == "main":
                found.setdefault(other, set()).add(step)
    return {step: frozenset(behind) for step, behind in found.items()}


def _names(documents: Documents, kinds: Mapping[str, Kind]) -> Mapping[str, Mapping[str, Key]]:
    """Return, per kind, the names of its declared resources that follow from their bodies alone."""
    named: dict[str, dict[str, Key]] = {}
    for desired in documents:
        for value in kinds[desired.key.kind].known(desired.body).values():
            named.setdefault(desired.key.kind, {})[value] = desired.key
    return named


def _targets(
    desired: Desired, named: Mapping[str, Mapping[str, Key]], kinds: Mapping[str, Kind]
) -> Iterator[tuple[Path, Key]]:
    """Yield (path, key) for each resource that a body refers to: by reference, or by the name as a literal."""
    for path, ref in references(desired.body):
        yield path, ref.key
    for rule in kinds[desired.key.kind].rules:
        if not isinstance(rule, Refers) or rule.kind not in named:
            continue
        for container, key, path in locate(desired.body, rule.segments):
            value = container.get(key) if isinstance(container, Mapping) else container[key]
            if isinstance(value, str) and value in named[rule.kind]:
                yield path, named[rule.kind][value]


def order(waits: Edges, first: Iterable[StepId] = ()) -> tuple[StepId, ...]:
    """Return the steps in order: each after the steps that it waits for, then by `first`, then alphabetically.

    Raises Cycle.
    """
    # Sorted, so that of several cycles the same one is raised each time.
    sorter = TopologicalSorter({step: sorted(others) for step, others in waits.items()})
    rank = {step: index for index, step in enumerate(first)}
    try:
        sorter.prepare()
    except CycleError as error:
        members: list[StepId] = list(reversed(error.args[1]))
        raise Cycle(members) from None
    result: list[StepId] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=lambda step: (rank.get(step, len(rank)), step))
        result += ready
        sorter.done(*ready)
    return tuple(result)


def behind(ordered: Iterable[StepId], waits: Edges, among: Set[StepId]) -> Mapping[StepId, frozenset[StepId]]:
    """Return, for each step, the nearest steps of `among` that it waits for, through steps that are not among them.

    `ordered` has each step after those that it waits for, so that one visit of each is enough.
    """
    found: dict[StepId, frozenset[StepId]] = {}
    for step in ordered:
        parts = [frozenset((other,)) if other in among else found[other] for other in waits.get(step, ())]
        found[step] = parts[0] if len(parts) == 1 else frozenset().union(*parts)
    return found


def in_groups(ordered: Sequence[Step]) -> tuple[Step, ...]:
    """Return steps so that a few of a kind come with those that wait for them: services soon after task definitions.

    So the calls of several kinds take turns, and no rate limit is idle while another one is used up. What removes
    something keeps its place behind all that were before it.
    """
    ids = {step.id for step in ordered}
    waits = [set(step.after & ids) for step in ordered]
    users: dict[StepId, list[int]] = {}
    for index, others in enumerate(waits):
        for other in others:
            users.setdefault(other, []).append(index)
    left = dict.fromkeys(range(len(ordered)))
    result: list[Step] = []
    while left:
        group = list(islice(left, GROUP))
        while group:
            for index in group:
                del left[index]
            result += (ordered[index] for index in group)
            freed = [(user, ordered[index].id) for index in group for user in users.get(ordered[index].id, ())]
            for user, done in freed:
                waits[user].discard(done)
            free = dict.fromkeys(user for user, _ in freed if user in left and not waits[user])
            group = sorted(user for user in free if not isinstance(ordered[user].change, Delete | Forget))
    return tuple(result)
