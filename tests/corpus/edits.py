"""Successive edits of one file: exactly the changed paths, and one new revision."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from controller import kinds
from controller.aws.shapes import load
from controller.core.json import Path, at, matches
from controller.core.kind import Kind
from controller.core.normalise import keyed, normalise
from controller.core.rules import Computed, Keyed, Rules

from . import filling
from .account import Account, Body, left, loaded
from .filling import Services
from .results import Entry, Result

_SEGMENT = re.compile(r"([^\[]+)(?:\[(\d+)(?:->\d+)?\])?")


def edited(account: Account, bodies: Sequence[Mapping[str, Any]], after: Entry, name: str, what: str) -> Result:
    """Apply the first of two revisions, and look at what the plan of the second says and does."""
    is_task = what.startswith("task")
    services = Services(account, bodies)
    old, new = (filling.task(one)[0] if is_task else services.fill(one, name)[0] for one in bodies)
    tried = {"file": after["file"], "what": what}
    refused = [problem.message for one in (old, new) for problem in loaded(json.dumps(one)).problems]
    if refused:
        return Result(**tried, word="refused", why="; ".join(refused))
    stands = account.keep(old)
    if stands:
        return Result(**tried, word="not applied", why=stands)
    kind = kinds.BY_NAME["TaskDefinition" if is_task else "Service"]
    if _inner(old).get(kind.name_member) != _inner(new).get(kind.name_member):
        return Result(**tried, word="another resource")
    plan = account.plan(new)
    steps = [*plan.steps, *(held.step for held in plan.withheld)]
    ours = {one.path for step in steps for one in step.fields}
    told = {path for text in after["changed_from_previous"] for path in _places(text, (old, new), kind)}
    extra = [path for path in ours if not _near(path, told)]
    missed = [path for path in told if not _near(path, ours) and not _same(path, old, new, kind)]
    if extra or missed:
        return Result(**tried, word="other paths", why=f"not in the index {extra}, not in the plan {missed}")
    if plan.withheld:
        return Result(**tried, word="exact, replacement held")
    before = account.registered()
    stands = account.keep(new) or "; ".join(left(account.plan(new)))
    if stands:
        return Result(**tried, word="not applied", why=stands)
    registered = account.registered() - before
    if is_task and registered != (1 if ours else 0):
        return Result(**tried, word="other revisions", why=f"{registered} for {sorted(map(str, ours))}")
    return Result(**tried, word="exact" if ours else "exact: nothing to AWS")


def _places(text: str, sides: Iterable[Body], kind: Kind) -> Iterator[Path]:
    """Return a path of the index (`~/containerDefinitions[0]/image`) as canonical ones: on each side its own."""
    for side in sides:
        yield _canonical(text, _inner(side), kind.rules)


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
    first, second = (at(normalise(_inner(side), kind.rules), path) for side in (old, new))
    others = any(isinstance(row, Computed) and row.covers(path) for row in kind.rules)
    undeclared = others and (first is None or second is None)  # whoever decides it then may have decided the same
    return bool(first == second) or undeclared or path[0] not in load(kind.shape).members


def _inner(document: Body) -> Body:
    """Return the definition itself out of what describe prints."""
    found = document.get("taskDefinition")
    return found if isinstance(found, dict) else document
