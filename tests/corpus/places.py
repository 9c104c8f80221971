"""Comparison of the paths in the index with the paths in a plan."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ecsync.awsmodel.shapes import load
from ecsync.core.kind import Kind
from ecsync.core.normalise import keyed, normalise
from ecsync.core.rules import Computed, Keyed, Pinned, Rules
from ecsync.core.trees import Path, at, matches
from tests.corpus.account import Body

_SEGMENT = re.compile(r"([^\[]+)(?:\[(\d+)(?:->\d+)?\])?")


def unlike(kind: Kind, old: Body, new: Body, changed: Iterable[str], ours: Collection[Path]) -> str:
    """Return the paths that only the index or only the plan has, if they are a change for AWS; empty if none."""
    listed = {path for text in changed for path in _places(text, (old, new), kind)}
    extra = [path for path in ours if not _near(path, listed)]
    missed = [path for path in listed if not _near(path, ours) and not _same(path, old, new, kind)]
    return f"not in the index {extra}, not in the plan {missed}" if extra or missed else ""


def names(changed: Iterable[str], member: str) -> bool:
    """Return whether a member at the top level of the definition is in the changed paths of the index."""
    return any(text.lstrip("+-~/") == member for text in changed)


def inner(document: Body) -> Body:
    """Return the definition inside a describe output; any other document unchanged."""
    found = document.get("taskDefinition")
    return found if isinstance(found, dict) else document


def _places(text: str, sides: Iterable[Body], kind: Kind) -> Iterator[Path]:
    """Yield the canonical paths of a path of the index (`~/containerDefinitions[0]/image`), one for each side."""
    for side in sides:
        yield _canonical(text, inner(side), kind.rules)


def _canonical(text: str, body: Any, rules: Rules) -> Path:
    canonical = normalise(body, rules)
    place: list[str | int] = []
    for part in text.lstrip("+-~/").split("/"):
        found = _SEGMENT.fullmatch(part)
        assert found is not None, text
        place.append(found[1])
        body = body.get(found[1]) if isinstance(body, Mapping) else None
        if found[2] is None or "->" in part:
            continue
        elements = body if isinstance(body, list) else []
        index = int(found[2])
        row = next((one for one in rules if isinstance(one, Keyed) and _exact(place, one.segments)), None)
        if row is None or index >= len(elements):
            break  # a set or a sequence differs as a whole
        name = next(iter(keyed([elements[index]], row.key)), "")
        if name not in at(canonical, tuple(place), {}):
            break  # another row changed the members of its key
        place.append(name)
        body = elements[index]
        if row.value:
            break
    return tuple(place)


def _exact(place: Sequence[str | int], segments: Sequence[str]) -> bool:
    return len(place) == len(segments) and matches(tuple(place), segments)


def _near(path: Path, others: Iterable[Path]) -> bool:
    """Return whether one of the others is equal to the path, above it or below it."""
    return any(path[: len(other)] == other[: len(path)] for other in others)


def _same(path: Path, old: Body, new: Body, kind: Kind) -> bool:
    """Return whether an edit at the path is no change for AWS, or is not in the shape of the kind."""
    assert kind.shape is not None
    first, second = (at(normalise(inner(side), kind.rules), path) for side in (old, new))
    others = any(isinstance(row, Computed) and row.covers(path) for row in kind.rules)
    undeclared = others and (first is None or second is None)  # AWS may have computed the same value
    alike = first == second or any(
        row.loosely(first) == second or first == row.loosely(second)  # a name, and an ARN of that name
        for row in kind.rules
        if isinstance(row, Pinned) and row.covers(path)
    )
    return alike or undeclared or path[0] not in load(kind.shape).members
