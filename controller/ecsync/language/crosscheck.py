"""Checks across documents: reference cycles, unknown `ecsync/after`, and two documents for one AWS resource."""

from __future__ import annotations

import graphlib
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import pairwise
from typing import TypeVar

from ecsync.core.model import Desired, Key, Origin, Problem, Ref, Text
from ecsync.core.trees import Body, Json, Path
from ecsync.core.wording import printable, quoted, suggestion
from ecsync.language.parts import Part
from ecsync.language.settings import Settings

_MOST_CYCLES = 20
_MOST_NAMED = 3
_Node = TypeVar("_Node", bound=Key | str)
# Resource -> the resources that it refers to, each with the origin of the reference.
Edges = dict[Key, dict[Key, Origin]]


def references(body: Body) -> list[tuple[Path, Ref]]:
    """Return every reference in the body with its path."""
    found: list[tuple[Path, Ref]] = []
    _gather(body, (), found)
    return found


def _gather(value: Json, path: Path, found: list[tuple[Path, Ref]]) -> None:
    if isinstance(value, dict):
        for key, below in value.items():
            if not isinstance(below, (str, int)):
                _gather(below, (*path, key), found)
    elif isinstance(value, list):
        for index, below in enumerate(value):
            if not isinstance(below, (str, int)):
                _gather(below, (*path, index), found)
    elif isinstance(value, Text):
        found += [(path, ref) for ref in value.refs]


def unknown_after_keys(parts: Iterable[Part], declared: Set[tuple[str, str]]) -> Iterator[Problem]:
    """Yield a problem for every `ecsync/after` in an application that names a resource without a document."""
    names: list[str] = []
    waiting = ((own.application, one) for own in parts if own.waits for one in own.compiled)
    for application, one in waiting:
        for key in one.desired.options.after if one.desired is not None else ():
            if (key.kind, key.name) not in declared:
                names = names or sorted(f"{kind}/{name}" for kind, name in declared)
                at = bisect_left(names, str(one.key))
                hint = suggestion(str(key), [*names[:at], *names[at + 1 :]])
                yield Problem(one.after_place, f"ecsync/after: {key} is not declared{hint}", application)


def unknown_applications(settings: Settings, names: Collection[str]) -> Iterator[Problem]:
    """Yield a problem for every `after` of an Application that names no application."""
    for name, origin in afters(settings).items():
        if name not in names:
            hint = suggestion(name, [other for other in names if other != settings.name])
            yield Problem(origin, f"unknown application {quoted(name)} in after{hint}", settings.name)


def unknown_variables(given: Collection[str], every: Sequence[Settings]) -> Iterator[Problem]:
    """Yield a problem for every variable of the command line that no Application declares."""
    declared = {name for settings in every for name in settings.variables}
    for name in given:
        if name not in declared:
            hint = suggestion(name, declared)
            yield Problem(Origin("--var"), f"no Application declares {quoted(name)} in vars{hint}")


def afters(settings: Settings) -> Mapping[str, Origin]:
    """Return the applications that this one waits for, each with the origin of its entry in `after`."""
    return {str(node.value): node.origin for node in settings.after}


def leads_into_a_cycle(starts: Iterable[Key], targets_of: Callable[[Key], Iterable[Key]]) -> bool:
    """Return whether a cycle can be reached from one of the resources. `targets_of` returns what one refers to."""
    done: set[Key] = set()
    for start in starts:
        if start in done:
            continue
        path = [(start, iter(targets_of(start)))]
        inside = {start}
        while path:
            key, below = path[-1]
            for target in below:
                if target in inside:
                    return True
                if target not in done:
                    path.append((target, iter(targets_of(target))))
                    inside.add(target)
                    break
            else:
                path.pop()
                inside.discard(key)
                done.add(key)
    return False


def reference_cycles(edges: Edges) -> Iterator[Problem]:
    """Yield a problem for every cycle of references, in each application that is part of it.

    A field with a `Late` row is sent in a second step, and no other step waits for that one. So a reference in such a
    field is not part of a cycle, and not among the edges.
    """
    for cycle in cycles({key: set(targets) for key, targets in edges.items()}):
        several = len({key.application for key in cycle}) > 1
        chain = " → ".join(f"{key.application}/{key}" if several else str(key) for key in cycle)
        for application in sorted({key.application for key in cycle}):
            step = next(i for i, key in enumerate(cycle) if key.application == application)
            origin = edges[cycle[step]][cycle[step + 1]]
            yield Problem(origin, f"reference cycle: {chain}; remove one of these references", application)


def application_cycles(afters: Mapping[str, Mapping[str, Origin]]) -> Iterator[Problem]:
    """Yield a problem for every cycle of `after` between applications."""
    for cycle in cycles({name: set(others) for name, others in afters.items()}):
        message = f"applications wait for each other: {' → '.join(cycle)}; remove one of these `after` entries"
        for name, after in pairwise(cycle):
            yield Problem(afters[name][after], message, name)


def cycles(graph: Mapping[_Node, set[_Node]]) -> Iterator[list[_Node]]:
    """Yield the cycles of the graph, at most `_MOST_CYCLES`. Each starts and ends with its smallest member."""
    left = {node: set(targets) for node, targets in graph.items()}
    for _ in range(_MOST_CYCLES):
        try:
            graphlib.TopologicalSorter(left).prepare()
        except graphlib.CycleError as error:
            ring: list[_Node] = list(reversed(error.args[1]))[:-1]
            start = ring.index(min(ring, key=str))
            cycle = [*ring[start:], *ring[:start], ring[start]]
            yield cycle
            left[cycle[0]].discard(cycle[1])
        else:
            return


# ---------------------------------------------------------------- claims


Claim = tuple[str, str, str, str]  # account, Region, kind, natural name


def as_text(leaf: Json) -> Json:
    """Return a reference without a value as text: two documents with the same reference mean the same resource."""
    if not isinstance(leaf, Text):
        return leaf
    return "".join(part if isinstance(part, str) else f"{part.key.full}.{part.output}" for part in leaf.parts)


def duplicate_claim(claim: Claim, resources: Sequence[Desired]) -> Iterator[Problem]:
    """Yield a problem on each of several documents that declare the same AWS resource in one account and Region."""
    _, _, kind_name, natural = claim
    for resource in resources:
        others = ", ".join(
            f"{other.key} of application {quoted(other.key.application)} ({other.origin})"
            for other in resources[: _MOST_NAMED + 1]
            if other is not resource
        )
        name = quoted(printable(natural))
        message = f"{kind_name} {name} is also declared by {others}; only one document may declare it"
        yield Problem(resource.origin, message, resource.key.application)
