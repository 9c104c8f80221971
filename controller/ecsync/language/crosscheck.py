"""Checks across documents: reference cycles, unknown `ecsync/after`, and two documents for one AWS resource."""

from __future__ import annotations

import graphlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import pairwise
from typing import TypeVar

from ecsync.core.kind import Kind
from ecsync.core.model import Application, Desired, Key, Origin, Problem, Ref, Text
from ecsync.core.resolve import resolve
from ecsync.core.rules import Late
from ecsync.core.trees import Body, Json, Path, transform
from ecsync.core.wording import printable, quoted, suggestion

_MOST_CYCLES = 20
_MOST_NAMED = 3
_Node = TypeVar("_Node", bound=Key | str)
Edges = dict[
    Key, dict[Key, Origin]
]  # resource -> the resources that it refers to, each with the origin of the reference


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


def unknown_after_keys(application: Application, declared: Set[Key], places: Mapping[Key, Origin]) -> Iterator[Problem]:
    """Yield a problem for every `ecsync/after` that names a resource without a document."""
    names = sorted(map(str, declared))
    for resource in application.resources:
        for key in resource.options.after:
            if key not in declared:
                own = bisect_left(names, str(resource.key))
                hint = suggestion(str(key), [*names[:own], *names[own + 1 :]])
                yield Problem(places[resource.key], f"ecsync/after: {key} is not declared{hint}", application.name)


def reference_cycles(
    applications: Sequence[Application], kinds: Mapping[str, Kind], places: Mapping[Key, Origin]
) -> Iterator[Problem]:
    """Yield a problem for every cycle of references, in each application that is part of it.

    A field with a `Late` row is sent in a second step, and no other step waits for that one. So a reference in such a
    field is not part of a cycle. `places` holds the origin of each document's `ecsync/after`.
    """
    edges: Edges = {}
    for resource in (resource for application in applications for resource in application.resources):
        late = [row for row in kinds[resource.key.kind].rules if isinstance(row, Late)]
        targets = edges.setdefault(resource.key, {})
        for path, ref in references(resource.body):
            if not any(row.covers(path) for row in late):
                targets.setdefault(ref.key, resource.origins.get(path, resource.origin))
        for key in resource.options.after:
            targets.setdefault(key, places[resource.key])
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


def kind_cross_checks(applications: Sequence[Application], kinds: Mapping[str, Kind]) -> Iterator[Problem]:
    """Yield the problems that each kind's own `cross_check` finds between the documents of one application."""
    for application in applications:
        for resource in application.resources:
            cross_check = kinds[resource.key.kind].cross_check
            found = cross_check(resource, application.documents) if cross_check is not None else ()
            for path, message in found:
                origin = resource.origins.get(path, resource.origin)
                yield Problem(origin, message, application.name)


def outputs_of_documents(applications: Iterable[Application], kinds: Mapping[str, Kind]) -> Mapping[Ref, str]:
    """Return every output that follows from a document alone: mostly names."""
    known: dict[Ref, str] = {}
    for resource in (resource for application in applications for resource in application.resources):
        for output, value in kinds[resource.key.kind].known(resource.body).items():
            known[Ref(resource.key, output)] = value
    return known


def _as_text(leaf: Json) -> Json:
    """Return a reference without a value as text: two documents with the same reference mean the same resource."""
    if not isinstance(leaf, Text):
        return leaf
    return "".join(part if isinstance(part, str) else f"{part.key.full}.{part.output}" for part in leaf.parts)


def duplicate_claims(applications: Sequence[Application], kinds: Mapping[str, Kind]) -> Iterator[Problem]:
    """Yield a problem on each of several documents that declare the same AWS resource in one account and Region."""
    known = outputs_of_documents(applications, kinds)
    claims: dict[tuple[str, str, str, str], list[Desired]] = {}
    for application in applications:
        for resource in application.resources:
            kind = kinds[resource.key.kind]
            if not resource.options.manage:
                continue  # a lookup may read a resource that another document owns
            claimed = kind.claim or kind.natural
            settled = transform(resolve(resource.body, known.get), _as_text)
            natural = claimed(resource.body) or claimed(settled)
            if natural is not None:
                claim = (application.account, application.region, kind.name, natural)
                claims.setdefault(claim, []).append(resource)
    for (_, _, kind_name, natural), resources in claims.items():
        for resource in resources if len(resources) > 1 else ():
            others = ", ".join(
                f"{other.key} of application {quoted(other.key.application)} ({other.origin})"
                for other in resources[: _MOST_NAMED + 1]
                if other is not resource
            )
            name = quoted(printable(natural))
            message = f"{kind_name} {name} is also declared by {others}; only one document may declare it"
            yield Problem(resource.origin, message, resource.key.application)
