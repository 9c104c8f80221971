"""The paths of the index, and the ones that a plan tells: what of either is not in the other."""

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
    """Say which paths of the index and of a plan are not in the other, though AWS would see them; or nothing."""
    told = {path for text in changed for path in _places(text, (old, new), kind)}
    extra = [path for path in ours if not _near(path, told)]
    missed = [path for path in told if not _near(path, ours) and not _same(path, old, new, kind)]
    return f"not in the index {extra}, not in the plan {missed}" if extra or missed else ""


def names(changed: Iterable[str], member: str) -> bool:
    """Tell whether the index says that a member of the definition itself changed."""
    return any(text.lstrip("+-~/") == member for text in changed)


def inner(document: Body) -> Body:
    """Return the definition itself out of what describe prints."""
    found = document.get("taskDefinition")
    return found if isinstance(found, dict) else document


def _places(text: str, sides: Iterable[Body], kind: Kind) -> Iterator[Path]:
    """Return a path of the index (`~/containerDefinitions[0]/image`) as canonical ones: on each side its own."""
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
            break  # its key is made of what is left after other rows
        place.append(name)
        body = elements[index]
        if row.value:
            break
    return tuple(place)


def _exact(place: Sequence[str | int], segments: Sequence[str]) -> bool:
    return len(place) == len(segments) and matches(tuple(place), segments)


def _near(path: Path, others: Iterable[Path]) -> bool:
    """Tell whether one of the others is the path, above it or below it."""
    return any(path[: len(other)] == other[: len(path)] for other in others)


def _same(path: Path, old: Body, new: Body, kind: Kind) -> bool:
    """Tell whether what was edited there is the same to AWS, or nothing that a manifest says."""
    assert kind.shape is not None
    first, second = (at(normalise(inner(side), kind.rules), path) for side in (old, new))
    others = any(isinstance(row, Computed) and row.covers(path) for row in kind.rules)
    undeclared = others and (first is None or second is None)  # whoever decides it then may have decided the same
    alike = first == second or any(
        row.loosely(first) == second or first == row.loosely(second)  # a name, and an ARN of that name
        for row in kind.rules
        if isinstance(row, Pinned) and row.covers(path)
    )
    return alike or undeclared or path[0] not in load(kind.shape).members
