"""Evaluates the constraints of a kind: one walk through a body visits only the places that rows look at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ecsync.core.constraints.rows import (
    Across,
    Constraint,
    Constraints,
    Length,
    Level,
    OneOf,
    Pattern,
    Range,
    Row,
    Spot,
)
from ecsync.core.model import Desired, Documents, Text
from ecsync.core.trees import ANY, EACH, Body, Json, Path, at
from ecsync.core.wording import listed, nearest, printable, quoted

_PLACEHOLDER = re.compile(r"\{\{|\$\{|\$[A-Za-z_(]|<[A-Za-z0-9_ .-]+>|%[A-Z_]+%|__[A-Z_]+__")
_HIDDEN = frozenset(("environment", "secrets", "options", "tags", "Tags", "secretOptions", "command", "entryPoint"))
_NUMBER = (int, float)


@dataclass(frozen=True, slots=True)
class Breach:
    """A constraint that a body does not meet."""

    path: Path
    message: str
    level: Level
    row: Row


@dataclass(slots=True)
class _Branch:
    """The rows of one place, and the places below it."""

    rows: list[Constraint] = field(default_factory=list)
    absent: list[Constraint] = field(default_factory=list)
    below: dict[str, _Branch] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConstraintTable:
    """The constraints of a kind, ready to be evaluated on many bodies."""

    root: _Branch
    across: tuple[Across, ...]


def constraint_table(constraints: Constraints) -> ConstraintTable:
    """Return the table of constraints. It takes longer than one evaluation: make it once for many."""
    root = _Branch()
    for row in constraints:
        if isinstance(row, Constraint):
            branch = root
            for segment in row.segments:
                branch = branch.below.setdefault(segment, _Branch())
            branch.rows.append(row)
            if row.absent:
                branch.absent.append(row)
    return ConstraintTable(root, tuple(row for row in constraints if isinstance(row, Across)))


def breaches(table: ConstraintTable, body: Body, *, name: str) -> Iterator[Breach]:
    """Yield the constraints within a document that its body does not meet. Messages call the body `name`."""
    yield from _walk(table.root, body, body, body, (), name)


def across(table: ConstraintTable, desired: Desired, documents: Documents) -> Iterator[Breach]:
    """Yield the constraints across documents that a document does not meet."""
    for row in table.across:
        for path, text in row.test(desired, documents):
            yield Breach(path, _message(row, desired.body, path, text, desired.key.kind), row.level, row)


def _walk(branch: _Branch, value: Json, block: Body, body: Body, path: Path, name: str) -> Iterator[Breach]:
    for row in branch.rows:
        yield from _tested(row, Spot(value, block, body, path), name)
    inner: Body = value if isinstance(value, Mapping) else {}
    for head, below in branch.below.items():
        if head in (EACH, ANY):
            for key, element in _elements(value):
                if element is not None and not isinstance(element, Text):
                    yield from _walk(below, element, inner, body, (*path, key), name)
        elif isinstance(value, Mapping):
            member = value.get(head)
            if member is None:
                for row in below.absent:
                    yield from _tested(row, Spot(None, value, body, (*path, head)), name)
            elif not isinstance(member, Text):
                yield from _walk(below, member, value, body, (*path, head), name)


def _elements(value: Json) -> Iterator[tuple[str | int, Json]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)


def _tested(row: Constraint, spot: Spot, name: str) -> Iterator[Breach]:
    if is_placeholder(spot.value) or (row.when is not None and not row.when(spot.body)):
        return
    found = _declarative(row, spot) if not callable(row.test) else row.test(spot)
    below, text = found if isinstance(found, tuple) else ((), found)
    if text:
        path = (*spot.path, *below)
        yield Breach(path, _message(row, spot.body, path, text, name), row.level, row)


def is_placeholder(value: Json) -> bool:
    """Return whether a text is filled in by another tool before it is sent: `{{ .Name }}`, `$TAG`, `<ARN>`."""
    return isinstance(value, str) and _PLACEHOLDER.search(value) is not None


def _message(row: Row, body: Body, path: Path, text: str, name: str) -> str:
    answer = f" (AWS: {row.answer})" if row.answer else ""
    return f"{label(name, body, path)}: {text}{answer}"


def label(name: str, body: Body, path: Path) -> str:
    """Return the place for people, with the names of list elements: `TaskDefinition.containerDefinitions[web].cpu`."""
    text = name
    for index, part in enumerate(path):
        if isinstance(part, int):
            element = at(body, path[: index + 1])
            names = (element.get(one) for one in ("name", "Name", "key", "Key")) if isinstance(element, Mapping) else ()
            text += f"[{printable(next((one for one in names if isinstance(one, str)), str(part)))}]"
        else:
            text += f".{printable(part)}"
    return text


# ---------------------------------------------------------------- tests that are data


def _declarative(row: Constraint, spot: Spot) -> str:
    value = spot.value
    if value is None or value == "":  # AWS reads an empty text as no value
        return ""
    match row.test:
        case Pattern(text=text):
            fits = not isinstance(value, str) or row.whole.fullmatch(value) is not None
            return "" if fits else f"{_shown(spot)} is not what AWS accepts; use {text}"
        case Range(least=least, most=most, also=also):
            if not isinstance(value, _NUMBER) or isinstance(value, bool) or least <= value <= most or value in also:
                return ""
            more = f", or {listed([f'{one:.15g}' for one in also])}" if also else ""
            return f"{value:.15g} is out of range; use {least:.15g} to {most:.15g}{more}"
        case Length(least=least, most=most):
            if not isinstance(value, (str, list, tuple, Mapping)) or has_reference(value):
                return ""
            unit = "characters" if isinstance(value, str) else "elements"
            fits = least <= len(value) <= most
            return "" if fits else f"it has {len(value)} {unit}; use {least} to {most}"
        case OneOf(values=values):
            if isinstance(value, (Mapping, list, tuple)) or value in values:
                return ""
            return f"{_shown(spot)} is not a value that AWS accepts; {instead(value, values)}"
    return ""


def instead(value: Json, values: Sequence[Json]) -> str:
    """Return the fix of a value that is not in a list."""
    texts = [str(one) for one in values]
    close = nearest(value, texts) if isinstance(value, str) else None
    if isinstance(value, _NUMBER) and all(isinstance(one, _NUMBER) for one in values):
        close = str(min(values, key=lambda one: abs(one - value)))
    return f"use {close}" if close is not None and len(texts) > 12 else f"use {listed(texts, 24)}"


def _shown(spot: Spot) -> str:
    if any(part in _HIDDEN for part in spot.path):
        return "the value"
    return quoted(spot.value) if isinstance(spot.value, str) else str(spot.value)


def has_reference(value: Json) -> bool:
    """Return whether a list has an element that is a reference: it may stand for several."""
    return isinstance(value, (list, tuple)) and any(isinstance(one, Text) for one in value)
