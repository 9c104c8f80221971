"""Evaluates the constraints of a kind: one walk through a body visits only the places that rows look at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

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
    Test,
)
from ecsync.core.model import Desired, Documents, Text
from ecsync.core.rules import When
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


_Tested: TypeAlias = tuple[Constraint, Test, When | None]


@dataclass(slots=True)
class _Branch:
    """The rows of one place, and the places below it."""

    rows: list[_Tested] = field(default_factory=list)
    absent: list[_Tested] = field(default_factory=list)
    below: dict[str, _Branch] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConstraintTable:
    """The constraints of a kind, ready to be evaluated on many bodies."""

    root: _Branch
    across: tuple[Across, ...]


_TABLES: dict[int, tuple[Constraints, ConstraintTable]] = {}  # by identity; the rows are kept, so it stays theirs
_MOST_TABLES = 500  # kinds are few; tests make rows of their own


def constraint_table(constraints: Constraints) -> ConstraintTable:
    """Return the table of constraints, made once for the same rows."""
    found = _TABLES.get(id(constraints))
    if found is None:
        if len(_TABLES) >= _MOST_TABLES:
            _TABLES.clear()
        found = _TABLES[id(constraints)] = constraints, _table(constraints)
    return found[1]


def _table(constraints: Constraints) -> ConstraintTable:
    root = _Branch()
    for row in constraints:
        if isinstance(row, Constraint):
            branch = root
            for segment in row.segments:
                branch = branch.below.setdefault(segment, _Branch())
            test = row.test if callable(row.test) else partial(_declarative, row)
            branch.rows.append((row, test, row.when))
            if row.absent:
                branch.absent.append((row, test, row.when))
    return ConstraintTable(root, tuple(row for row in constraints if isinstance(row, Across)))


def breaches(table: ConstraintTable, body: Body, *, name: str) -> Iterator[Breach]:
    """Yield the constraints within a document that its body does not meet. Messages call the body `name`."""
    found: list[Breach] = []
    _walk(table.root, body, body, _Body(body, name, found), ())
    yield from found


def across(table: ConstraintTable, desired: Desired, documents: Documents) -> Iterator[Breach]:
    """Yield the constraints across documents that a document does not meet."""
    for row in table.across:
        for path, text in row.test(desired, documents):
            yield Breach(path, _message(row, desired.body, path, text, desired.key.kind), row.level, row)


@dataclass(frozen=True, slots=True)
class _Body:
    """A whole body, and what is found in it."""

    tree: Body
    name: str
    found: list[Breach]


def _walk(branch: _Branch, value: Json, block: Body, whole: _Body, path: Path) -> None:
    if branch.rows:
        _test(branch.rows, value, block, whole, path)
    if not branch.below:
        return
    if isinstance(value, dict):
        for head, below in branch.below.items():
            if head in (EACH, ANY):
                _each(below, value.items(), value, whole, path)
                continue
            member = value.get(head)
            if member is None:
                if below.absent:
                    _test(below.absent, None, value, whole, (*path, head))
            elif type(member) is not Text:
                _walk(below, member, value, whole, (*path, head))
    elif isinstance(value, (list, tuple)) and EACH in branch.below:
        _each(branch.below[EACH], enumerate(value), {}, whole, path)


def _each(below: _Branch, elements: Iterable[tuple[str | int, Json]], block: Body, whole: _Body, path: Path) -> None:
    for key, element in elements:
        if element is not None and type(element) is not Text:
            _walk(below, element, block, whole, (*path, key))


def _test(rows: Sequence[_Tested], value: Json, block: Body, whole: _Body, path: Path) -> None:
    if is_placeholder(value):
        return
    spot = Spot(value, block, whole.tree, path)
    for row, test, when in rows:
        if when is not None and not when(whole.tree):
            continue
        found = test(spot)
        if not found:
            continue
        below, text = found if isinstance(found, tuple) else ((), found)
        if text:
            place = (*path, *below)
            whole.found.append(Breach(place, _message(row, whole.tree, place, text, whole.name), row.level, row))


def is_placeholder(value: Json) -> bool:
    """Return whether a text is filled in by another tool before it is sent: `{{ .Name }}`, `$TAG`, `<ARN>`."""
    if type(value) is not str or not ("$" in value or "{{" in value or "<" in value or "%" in value or "__" in value):
        return False  # most values; a search takes longer
    return _PLACEHOLDER.search(value) is not None


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
    value, test = spot.value, row.test
    if value is None or value == "":  # AWS reads an empty text as no value
        return ""
    if isinstance(test, Pattern):
        fits = not isinstance(value, str) or row.whole.fullmatch(value) is not None
        return "" if fits else f"{_shown(spot)} is not what AWS accepts; use {test.text}"
    if isinstance(test, Range):
        if not isinstance(value, _NUMBER) or test.least <= value <= test.most or value in test.also:
            return ""
        more = f", or {listed([f'{one:.15g}' for one in test.also])}" if test.also else ""
        return f"{value:.15g} is out of range; use {test.least:.15g} to {test.most:.15g}{more}"
    if isinstance(test, Length):
        if not isinstance(value, (str, list, tuple, Mapping)) or test.least <= len(value) <= test.most:
            return ""
        if has_reference(value):
            return ""
        unit = "characters" if isinstance(value, str) else "elements"
        return f"it has {len(value)} {unit}; use {test.least} to {test.most}"
    if isinstance(test, OneOf) and not isinstance(value, (Mapping, list, tuple)) and value not in test.values:
        return f"{_shown(spot)} is not a value that AWS accepts; {instead(value, test.values)}"
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
