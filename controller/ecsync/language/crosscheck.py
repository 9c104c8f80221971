"""What only shows when documents are seen together: order that has no beginning, and two claims to one resource."""

from __future__ import annotations

import graphlib
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
Edges = dict[Key, dict[Key, Origin]]  # who refers to whom, and where that is written


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
    """Yield a problem for every `ecsync/after` that names no document."""
    for resource in application.resources:
        for key in resource.options.after:
            if key not in declared:
                hint = suggestion(str(key), [str(known) for known in declared - {resource.key}])
                yield Problem(places[resource.key], f"ecsync/after: {key} is not declared{hint}", application.name)


def reference_cycles(
    applications: Sequence[Application], kinds: Mapping[str, Kind], places: Mapping[Key, Origin]
) -> Iterator[Problem]:
    """Yield a problem for every cycle of references, for each application that is in it.

    What a `Late` row covers is sent in a second step, which nothing waits for: such a reference closes no cycle.
    `places` says where each document's `ecsync/after` is written.
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
        words = " → ".join(f"{key.application}/{key}" if several else str(key) for key in cycle)
        for application in sorted({key.application for key in cycle}):
            step = next(i for i, key in enumerate(cycle) if key.application == application)
            origin = edges[cycle[step]][cycle[step + 1]]
            yield Problem(origin, f"reference cycle: {words}; remove one of these references", application)


def application_cycles(afters: Mapping[str, Mapping[str, Origin]]) -> Iterator[Problem]:
    """Yield a problem for every cycle of `after` between applications."""
    for cycle in cycles({name: set(others) for name, others in afters.items()}):
        words = " → ".join(cycle)
        for name, after in pairwise(cycle):
            yield Problem(afters[name][after], f"applications wait for each other: {words}; remove one after", name)


def cycles(graph: Mapping[_Node, set[_Node]]) -> Iterator[list[_Node]]:
    """Yield cycles until none is left: each begins with its least member, and ends with it again."""
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
    """Yield what is wrong with a document beside the others of its application."""
    for application in applications:
        for resource in application.resources:
            ask = kinds[resource.key.kind].cross_check
            for path, message in ask(resource, application.resources) if ask else ():
                origin = resource.origins.get(path, resource.origin)
                yield Problem(origin, message, application.name)


def known_outputs(applications: Iterable[Application], kinds: Mapping[str, Kind]) -> Mapping[Ref, str]:
    """Return every output that a document alone tells: names, mostly."""
    known: dict[Ref, str] = {}
    for resource in (resource for application in applications for resource in application.resources):
        for output, value in kinds[resource.key.kind].known(resource.body).items():
            known[Ref(resource.key, output)] = value
    return known


def _spelled(leaf: Json) -> Json:
    """Spell out what is not known yet: two documents that write the same reference mean the same resource."""
    if not isinstance(leaf, Text):
        return leaf
    return "".join(part if isinstance(part, str) else f"{part.key.full}.{part.output}" for part in leaf.parts)


def duplicate_claims(applications: Sequence[Application], kinds: Mapping[str, Kind]) -> Iterator[Problem]:
    """Yield a problem on each of several documents that claim one physical resource in one target."""
    known = known_outputs(applications, kinds)
    claims: dict[tuple[str, str, str, str], list[Desired]] = {}
    for application in applications:
        for resource in application.resources:
            kind = kinds[resource.key.kind]
            if not resource.options.manage:
                continue  # a lookup reads what another document may own
            claimed = kind.claim or kind.natural
            settled = transform(resolve(resource.body, known.get), _spelled)
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
            message = f"{kind_name} {quoted(printable(natural))} is also claimed by {others}; only one document may"
            yield Problem(resource.origin, message, resource.key.application)
