"""From a trimmed body to what is written: references for names and ARNs, maps for pairs, one order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ecsync.core.kind import Kind
from ecsync.core.model import Key
from ecsync.core.rules import Keyed, Rules, Unordered
from ecsync.core.schema import Shape
from ecsync.core.trees import Json, canonical
from ecsync.importer.bodies import meaning
from ecsync.importer.model import Item
from ecsync.importer.references import outputs, referred
from ecsync.importer.text import Reference, in_line
from ecsync.language.pairs import pair_members
from ecsync.language.references import holds_reference

_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")


Index = Mapping[str, Mapping[str, Item]]  # kind -> what it is called -> the resource


def index(items: Iterable[Item]) -> Index:
    """Return every resource by what others call it."""
    found: dict[str, dict[str, Item]] = {}
    for item in items:
        for value in outputs(item.present):
            found.setdefault(item.key.kind, {}).setdefault(value, item)
    return found


def targets(kind: Kind, body: Mapping[str, Json], called: Index) -> frozenset[Key]:
    """Return the resources that a body refers to by name or ARN."""
    found = (called.get(row.kind, {}).get(value) for row, _, _, value in referred(kind, body))
    return frozenset(item.key for item in found if item is not None)


def refer(
    kind: Kind, item: Item, body: dict[str, Json], called: Index, names: Mapping[Key, str], kinds: Mapping[str, Kind]
) -> None:
    """Put a reference wherever the body has the name or ARN of another document, if it comes to the same."""
    goal = meaning(kind, body, item.present)
    written: list[tuple[Json, str | int, Reference]] = []
    for row, container, key, value in referred(kind, body):
        other = called.get(row.kind, {}).get(value)
        if other is None or other.key == item.key:
            continue
        # A plain reference takes the output that the row names; any other than the primary one can be written out.
        primary, live = kinds[row.kind].primary, other.present.outputs
        plain = row.output or primary
        for output in dict.fromkeys([plain, *(name for name in live if live[name] == value and name != primary)]):
            container[key] = live.get(output, value)
            if output in live and meaning(kind, body, item.present) == goal:
                text = f"${{{row.kind}/{names[other.key]}{'' if output == plain else '.' + output}}}"
                written.append((container, key, Reference(text)))
                break
            container[key] = value
    for container, key, reference in written:
        container[key] = reference


@dataclass(frozen=True, slots=True)
class Spelling:
    """How the body of one kind is spelled."""

    rules: Rules
    tags: str

    def value(self, value: Json, shape: Shape | None, at: tuple[str, ...] = ()) -> Json:
        """Return a value as it is written."""
        if isinstance(value, dict):
            members = shape.members if shape is not None and shape.type == "structure" else {}
            below = shape.element if shape is not None and shape.type == "map" else None
            ordered = [name for name in members if name in value] if members else sorted(value)
            written = {name: self.value(value[name], members.get(name, below), (*at, name)) for name in ordered}
            if not members:
                return written
            return dict(
                sorted(((name, _bare(one)) for name, one in written.items()), key=lambda one: not in_line(one[1]))
            )
        if isinstance(value, list):
            return self._list(value, shape, at)
        return _scalar(value)

    def _list(self, value: list[Json], shape: Shape | None, at: tuple[str, ...]) -> Json:
        element = shape.element if shape is not None and shape.type == "list" else None
        pair = pair_members(element, tags=at == (self.tags,)) if element is not None else None
        if pair is not None and self._is_keyed(at, pair):
            as_map = _as_map(value, pair)
            if as_map is not None:
                spelled = _switch if at == ("Attributes",) else _scalar
                return {name: spelled(as_map[name]) for name in sorted(as_map)}
            value = sorted(value, key=lambda one: str(one.get(pair[0])))
        written = [self.value(one, element, (*at, "[]")) for one in value]
        is_set = any(isinstance(rule, Unordered) and rule.segments == at for rule in self.rules)
        return sorted(written, key=canonical) if is_set else written

    def _is_keyed(self, at: tuple[str, ...], pair: tuple[str, str]) -> bool:
        rows = (rule for rule in self.rules if isinstance(rule, Keyed) and rule.segments == at)
        return any(row.key == pair[:1] and row.value == pair[1] for row in rows)


def _as_map(elements: Sequence[Json], pair: tuple[str, str]) -> dict[str, Json] | None:
    """Return a list of pairs as a map, where nothing is lost by it and every key can be one."""
    found: dict[str, Json] = {}
    for element in elements:
        name, value = element.get(pair[0]), element.get(pair[1])
        if not isinstance(name, str) or value is None or name in found or holds_reference(name):
            return None
        if set(element) != set(pair):
            return None
        found[name] = value
    return found


def _bare(value: Json) -> Json:
    """Return text that is a number as one: under a name that AWS knows nobody takes it for anything else."""
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _switch(value: Json) -> Json:
    return {"true": True, "false": False}.get(value, _bare(_scalar(value)))


def _scalar(value: Json) -> Json:
    if isinstance(value, Reference):
        return value
    if isinstance(value, str):
        return value.replace("${", "$${") if holds_reference(value) else value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
