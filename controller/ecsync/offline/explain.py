"""The description of a field: type, default, effect of a change, owner, and AWS's own documentation."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecsync import kinds
from ecsync.awsmodel import shapes
from ecsync.core.constraints.rows import Across
from ecsync.core.diff import effect_of
from ecsync.core.kind import Kind
from ecsync.core.model import Effect
from ecsync.core.rules import (
    Clears,
    CommaList,
    Computed,
    Default,
    Delegated,
    Drop,
    Immutable,
    Keyed,
    Late,
    Refers,
    Resets,
    Reverts,
    Rolls,
    Rule,
    Sensitive,
    Unordered,
    WriteOnly,
)
from ecsync.core.schema import Shape
from ecsync.core.trees import ANY, EACH, canonical, pattern
from ecsync.core.wording import suggestion

WIDTH = 100
_EFFECTS: dict[Effect, str] = {
    "in-place": "in place",
    "new-tasks": (
        "in place, for tasks that start from now on; running ones have it after "
        "`aws ecs update-service --force-new-deployment`"
    ),
    "rolls-tasks": "starts a deployment: every task is replaced",
    "needs-force": "forces a deployment, because AWS applies it to new tasks only",
    "revise": "registers a new revision",
    "replace": "replaces the resource; held unless `ecsync/replace: allow` is set",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A field of a kind; the whole kind if `segments` is empty."""

    kind: Kind
    segments: tuple[str, ...]
    shape: Shape | None
    required: bool = False

    @property
    def name(self) -> str:
        """The place in the form of the command line: `Service.desiredCount`."""
        return ".".join((self.kind.name, *(part for part in self.segments if part != EACH)))


def find(text: str) -> Place:
    """Return the place of `Kind` or `Kind.field.field`. Raises ValueError with the nearest name if it is unknown."""
    name, _, path = text.partition(".")
    kind = kinds.BY_NAME.get(name)
    if kind is None:
        raise ValueError(f"unknown kind {name!r}{suggestion(name, kinds.BY_NAME)}")
    shape = shapes.load(kind.shape) if kind.shape else None
    place = Place(kind=kind, segments=(), shape=shape)
    for part in pattern(path):
        if part != EACH:
            place = _below(place, part)
    return place


def _below(place: Place, part: str) -> Place:
    shape, segments = place.shape, list(place.segments)
    while shape is not None and shape.type == "list":
        segments.append(EACH)
        shape = shape.element
    if shape is not None and shape.type == "map":
        return Place(kind=place.kind, segments=(*segments, part), shape=shape.element)
    members = shape.members if shape is not None and shape.type == "structure" else {}
    if shape is None or part not in members:
        raise ValueError(f"{place.name} has no field {part!r}{suggestion(part, members)}")
    return Place(kind=place.kind, segments=(*segments, part), shape=members[part], required=part in shape.required)


def lines(place: Place) -> Iterator[str]:
    """Yield the description of a place, line by line."""
    yield place.name
    yield from (f"  {label:<10} {text}" for label, text in _facts(place))
    documentation = plain_text(place.shape.documentation) if place.shape else ""
    if documentation:
        yield ""
        yield from textwrap.wrap(documentation, WIDTH, initial_indent="  ", subsequent_indent="  ")
    if not place.segments:
        yield ""
        yield "  example, below `resources:` of a manifest"
        yield from (f"    {line}" for line in place.kind.example.strip().splitlines())
    below = _members(place.shape)
    if below:
        yield ""
        yield "  fields"
        width = max(map(len, below))
        for name, (shape, required) in below.items():
            yield f"    {name:<{width}}  {type_of(shape)}{'  required' if required else ''}"


def _facts(place: Place) -> Iterator[tuple[str, str]]:
    if not place.segments:
        yield from _of_kind(place.kind)
        yield from _constraints(place)
        return
    assert place.shape is not None
    rows = [row for row in place.kind.rules if row.segments == place.segments]
    yield "type", type_of(place.shape) + (", required" if place.required else "")
    if place.shape.enum:
        yield "values", ", ".join(place.shape.enum)
    yield from (("default", text) for text in _defaults(rows))
    yield from _constraints(place)
    yield "change", change(place)
    yield from (("owner", text) for text in _owners(place))
    yield from (("note", text) for row in rows for text in _notes(row))
    if any(isinstance(row, Sensitive) and _hides(row, place.segments) for row in place.kind.rules):
        yield "note", "sensitive: masked in plans, events and logs"


def _constraints(place: Place) -> Iterator[tuple[str, str]]:
    """Yield what AWS accepts of a place, or of each element of it."""
    for row in place.kind.constraints:
        segments = row.segments
        while segments and segments[-1] in (EACH, ANY) and len(segments) > len(place.segments):
            segments = segments[:-1]
        if segments == place.segments:
            label = "accepted" if row.level == "error" else "meant"
            yield label, row.rule + ("; checked across documents" if isinstance(row, Across) else "")


def _hides(row: Sensitive, segments: tuple[str, ...]) -> bool:
    return row.covers(segments) or (row.segments[:-1] == segments and row.segments[-1] in (EACH, ANY))


def _of_kind(kind: Kind) -> Iterator[tuple[str, str]]:
    if kind.shape is None:
        yield "kind", "a lookup: read from the account, never changed"
    else:
        yield "kind", f"the input of {kind.shape.operation}, plus the fields that other calls set"
    yield "outputs", ", ".join([f"{kind.primary} (primary)", *(one for one in kind.outputs if one != kind.primary)])
    if kind.name_member:
        yield "name", f"{kind.name_member}; default: metadata.name"


def change(place: Place) -> str:
    """Return the effect of a change of the field."""
    kind, segments = place.kind, place.segments
    covering = [row for row in kind.rules if row.covers(segments)]
    if kind.tagging and segments[0] == kind.tagging.member:
        return _EFFECTS["in-place"]
    if any(isinstance(row, Drop) and row.when is None for row in covering):
        return "none: the field is never compared"
    if any(isinstance(row, WriteOnly) for row in covering):
        return "in place; AWS does not return the field, so ecsync does not detect drift in it"
    effect = kind.any_change or effect_of(segments, kind.rules)
    if effect == "replace":
        return _replacement(kind, immutable=any(isinstance(row, Immutable) for row in covering))
    if effect == "in-place" and any(isinstance(row, Rolls) for row in kind.rules):
        return "in place, no deployment"
    return _EFFECTS[effect]


def _replacement(kind: Kind, *, immutable: bool) -> str:
    if not immutable:
        return "in place, or a replacement: it depends on the field below"
    if kind.replaces_itself:
        return "replaces the resource: ecsync creates a second one and moves the traffic to it"
    return _EFFECTS["replace"]


def _defaults(rows: Sequence[Rule]) -> Iterator[str]:
    for row in rows:
        if isinstance(row, Default):
            yield row.description or canonical(row.value)


def _owners(place: Place) -> Iterator[str]:
    for row in place.kind.rules:
        if isinstance(row, Computed) and row.segments == place.segments:
            yield f"AWS, while the field is not declared{f': {row.description}' if row.description else ''}"
        elif isinstance(row, Delegated) and row.covers(place.segments):
            yield f"{row.owner}, while it exists"


def _notes(row: Rule) -> Iterator[str]:
    match row:
        case Refers():
            yield f"refers to ${{{row.kind}/name{f'.{row.output}' if row.output else ''}}}"
        case Keyed():
            yield f"the order has no effect; elements are identified by {', '.join(row.key)}"
        case Unordered():
            yield "a set: the order has no effect"
        case Late():
            yield "sent in a separate call, after the resources that it refers to"
        case CommaList():
            yield "can be declared as a list; ecsync sends one comma-separated text"
        case Resets():
            yield "AWS resets it if an update omits it, so ecsync sends it in every update"
        case Reverts():
            yield "set to AWS's own value when it leaves the document"
        case Clears():
            yield f"removed by sending {canonical(row.value)}"
        case _:
            pass


def _members(shape: Shape | None) -> dict[str, tuple[Shape, bool]]:
    while shape is not None and shape.type == "list":
        shape = shape.element
    if shape is None or shape.type != "structure":
        return {}
    return {name: (below, name in shape.required) for name, below in sorted(shape.members.items())}


def type_of(shape: Shape) -> str:
    """Return the name of a type: `list of ContainerDefinition`, `integer`, `map of string`."""
    if shape.type in ("list", "map") and shape.element is not None:
        return f"{shape.type} of {type_of(shape.element)}"
    if shape.type == "structure":
        return shape.name
    return {"any": "anything", "long": "integer", "double": "number", "float": "number"}.get(shape.type, shape.type)


_PARAGRAPH = re.compile(r"</(?:p|li|dd|dt|note|important)>\s*", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")


def plain_text(documentation: str) -> str:
    """Return AWS's documentation without its HTML, on one line."""
    spaced = _PARAGRAPH.sub(" ", documentation)
    return " ".join(html.unescape(_TAG.sub("", spaced)).split())
