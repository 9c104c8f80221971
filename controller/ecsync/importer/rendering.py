"""From a minimal body to what the file holds: references for names and ARNs, maps for lists of pairs, a fixed order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ecsync.core.kind import Kind
from ecsync.core.model import Key
from ecsync.core.rules import Keyed, Rules, Unordered
from ecsync.core.schema import Shape
from ecsync.core.trees import Json, canonical
from ecsync.importer.bodies import meaning
from ecsync.importer.model import LiveResource
from ecsync.importer.references import DEFAULT_OF, DEFAULT_RULE, places
from ecsync.importer.references import names as names_of
from ecsync.importer.text import Reference, fits_on_one_line
from ecsync.language.coerce import pair_members
from ecsync.language.references import holds_reference

_NUMBER = re.compile(r"0|[1-9][0-9]{0,14}")

# ---------------------------------------------------------------- references

ByName = Mapping[str, Mapping[str, LiveResource]]  # kind -> name, id or ARN -> the resource


def by_name(resources: Iterable[LiveResource]) -> ByName:
    """Return every resource by each name, id and ARN that a body may hold of it."""
    result: dict[str, dict[str, LiveResource]] = {}
    for resource in resources:
        for name in names_of(resource.present):
            result.setdefault(resource.key.kind, {}).setdefault(name, resource)
        if DEFAULT_RULE in resource.present.outputs:  # a listener stands for its default rule, which is no document
            result.setdefault(DEFAULT_OF, {})[str(resource.present.outputs[DEFAULT_RULE])] = resource
    return result


def referenced_keys(kind: Kind, body: Mapping[str, Json], known: ByName) -> frozenset[Key]:
    """Return the keys of the resources that a body refers to by name or ARN."""
    found = (known.get(row.kind, {}).get(value) for row, _, _, value in places(kind, body))
    return frozenset(resource.key for resource in found if resource is not None)


def insert_references(
    kind: Kind,
    resource: LiveResource,
    body: dict[str, Json],
    known: ByName,
    document_names: Mapping[Key, str],
    kinds: Mapping[str, Kind],
) -> None:
    """Replace the name or ARN of another document by a reference, wherever the body then means the same."""
    original = meaning(kind, body, resource.present)
    references: list[tuple[Json, str | int, Reference]] = []
    for row, container, key, value in places(kind, body):
        other = known.get(row.kind, {}).get(value)
        if other is None or other.key == resource.key:
            continue
        # `${Kind/name}` takes the output that the row names, else the primary one; other outputs are written out.
        primary, outputs = kinds[other.key.kind].primary, other.present.outputs
        default = row.output or primary
        same_value = (name for name in outputs if outputs[name] == value and name != primary)
        for output in dict.fromkeys([default, *same_value]):
            container[key] = outputs.get(output, value)
            if output in outputs and meaning(kind, body, resource.present) == original:
                suffix = "" if output == default else f".{output}"
                reference = Reference(f"${{{other.key.kind}/{document_names[other.key]}{suffix}}}")
                references.append((container, key, reference))
                break
            container[key] = value
    for container, key, reference in references:  # after the loop: `meaning` reads the literal values
        container[key] = reference


# ---------------------------------------------------------------- values


@dataclass(frozen=True, slots=True)
class BodyRenderer:
    """Renders the values of one kind's body as they are written."""

    rules: Rules
    tags_member: str

    def render(self, value: Json, shape: Shape | None, at: tuple[str, ...] = ()) -> Json:
        """Return a value as it is written."""
        if isinstance(value, dict):
            return self._map(value, shape, at)
        if isinstance(value, list):
            return self._list(value, shape, at)
        return _scalar(value)

    def _map(self, value: dict[str, Json], shape: Shape | None, at: tuple[str, ...]) -> Json:
        members = shape.members if shape is not None and shape.type == "structure" else {}
        element = shape.element if shape is not None and shape.type == "map" else None
        if not members:
            return {name: self.render(value[name], element, (*at, name)) for name in sorted(value)}
        ordered = [name for name in members if name in value]
        rendered = {name: _number_if_plain(self.render(value[name], members[name], (*at, name))) for name in ordered}
        return dict(sorted(rendered.items(), key=lambda one: not fits_on_one_line(one[1])))  # short members first

    def _list(self, value: list[Json], shape: Shape | None, at: tuple[str, ...]) -> Json:
        element = shape.element if shape is not None and shape.type == "list" else None
        pair = pair_members(element, tags=at == (self.tags_member,)) if element is not None else None
        if pair is not None and self._is_keyed(at, pair):
            as_map = _as_map(value, pair)
            if as_map is not None:
                render = _attribute_value if at == ("Attributes",) else _scalar
                return {name: render(as_map[name]) for name in sorted(as_map)}
            value = sorted(value, key=lambda one: str(one.get(pair[0])))
        rendered = [self.render(one, element, (*at, "[]")) for one in value]
        return sorted(rendered, key=canonical) if self._is_set(at) else rendered

    def _is_set(self, at: tuple[str, ...]) -> bool:
        """Return whether AWS returns a list in any order: a set, or the target groups of an action."""
        rows = [rule for rule in self.rules if isinstance(rule, (Unordered, Keyed)) and rule.segments == at]
        return any(isinstance(rule, Unordered) or rule.key == ("TargetGroupArn",) for rule in rows)

    def _is_keyed(self, at: tuple[str, ...], pair: tuple[str, str]) -> bool:
        rows = (rule for rule in self.rules if isinstance(rule, Keyed) and rule.segments == at)
        return any(row.key == pair[:1] and row.value == pair[1] for row in rows)


def _as_map(elements: Sequence[Json], pair: tuple[str, str]) -> dict[str, Json] | None:
    """Return a list of pairs as a map; None where a map would lose something, or where a name cannot be a key."""
    result: dict[str, Json] = {}
    for element in elements:
        name, value = element.get(pair[0]), element.get(pair[1])
        if not isinstance(name, str) or value is None or name in result or holds_reference(name):
            return None
        if set(element) != set(pair):
            return None
        result[name] = value
    return result


def _number_if_plain(value: Json) -> Json:
    """Return text that is a plain number as a number: under a member that AWS types as text, both are the same."""
    return int(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


def _attribute_value(value: Json) -> Json:
    return {"true": True, "false": False}.get(value, _number_if_plain(_scalar(value)))


def _scalar(value: Json) -> Json:
    if isinstance(value, Reference):
        return value
    if isinstance(value, str):
        return value.replace("${", "$${") if holds_reference(value) else value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
