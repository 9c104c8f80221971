"""What a field is: its type, AWS's default, what changing it does, who decides it, and AWS's own words about it."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecsync import kinds
from ecsync.awsmodel import shapes
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
    "rolls-tasks": "starts a deployment: every task is replaced",
    "needs-force": "takes effect on new tasks only, so a deployment is forced",
    "revise": "registers a new revision",
    "replace": "cannot be changed in place: replaces the resource, held without `ecsync/replace: allow`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A field, or a whole kind where `segments` is empty."""

    kind: Kind
    segments: tuple[str, ...]
    shape: Shape | None
    required: bool = False

    @property
    def name(self) -> str:
        """The place as it is asked for."""
        return ".".join((self.kind.name, *(part for part in self.segments if part != EACH)))


def find(text: str) -> Place:
    """Return the place of `Kind` or `Kind.field.field`. Raises ValueError with the nearest name."""
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
    """Yield everything that is known of a place, as text."""
    yield place.name
    yield from (f"  {label:<10} {text}" for label, text in _facts(place))
    words = plain_text(place.shape.documentation) if place.shape else ""
    if words:
        yield ""
        yield from textwrap.wrap(words, WIDTH, initial_indent="  ", subsequent_indent="  ")
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
        return
    assert place.shape is not None
    rows = [row for row in place.kind.rules if row.segments == place.segments]
    yield "type", type_of(place.shape) + (", required" if place.required else "")
    if place.shape.enum:
        yield "values", ", ".join(place.shape.enum)
    yield from (("default", text) for text in _defaults(rows))
    yield "change", change(place)
    yield from (("owner", text) for text in _owners(place))
    yield from (("note", text) for row in rows for text in _notes(row))
    if any(isinstance(row, Sensitive) and _hides(row, place.segments) for row in place.kind.rules):
        yield "note", "sensitive: masked in plans, events and logs"


def _hides(row: Sensitive, segments: tuple[str, ...]) -> bool:
    return row.covers(segments) or (row.segments[:-1] == segments and row.segments[-1] in (EACH, ANY))


def _of_kind(kind: Kind) -> Iterator[tuple[str, str]]:
    if kind.shape is None:
        yield "kind", "a lookup: found in the account, never written"
    else:
        yield "kind", f"AWS's {kind.shape.operation}, with what a second call sets"
    yield "outputs", ", ".join([f"{kind.primary} (primary)", *(one for one in kind.outputs if one != kind.primary)])
    if kind.name_member:
        yield "name", f"metadata.name, or {kind.name_member}"


def change(place: Place) -> str:
    """Say what changing the field does."""
    kind, segments = place.kind, place.segments
    tags = kind.tagging.member if kind.tagging else ""
    if segments[0] == tags:
        return _EFFECTS["in-place"]
    if any(isinstance(row, Drop) and row.when is None and row.covers(segments) for row in kind.rules):
        return "is never compared, so changing it alone does nothing"
    if any(isinstance(row, WriteOnly) and row.covers(segments) for row in kind.rules):
        return "in place; AWS never tells it, so a change by hand is not seen"
    effect = kind.any_change or effect_of(segments, kind.rules)
    if effect == "replace" and not any(isinstance(row, Immutable) and row.covers(segments) for row in kind.rules):
        return "in place or not, by field"
    if effect == "in-place" and any(isinstance(row, Rolls) for row in kind.rules):
        return "in place, no deployment"
    if effect == "replace" and kind.replaces_itself:
        return "cannot be changed in place: a new one is made beside it, and traffic moves over"
    return _EFFECTS[effect]


def _defaults(rows: Sequence[Rule]) -> Iterator[str]:
    for row in rows:
        if isinstance(row, Default):
            yield row.says or canonical(row.value)


def _owners(place: Place) -> Iterator[str]:
    for row in place.kind.rules:
        if isinstance(row, Computed) and row.segments == place.segments:
            yield f"AWS, while it is not declared{f': {row.says}' if row.says else ''}"
        elif isinstance(row, Delegated) and row.covers(place.segments):
            yield f"{row.owner}, while there is one"


def _notes(row: Rule) -> Iterator[str]:
    match row:
        case Refers():
            yield f"refers to ${{{row.kind}/name{f'.{row.output}' if row.output else ''}}}"
        case Keyed():
            yield f"the order means nothing; elements are told apart by {', '.join(row.key)}"
        case Unordered():
            yield "a set: the order means nothing"
        case Late():
            yield "sent by a call of its own, after what it refers to"
        case CommaList():
            yield "a list may be written; AWS gets one text with commas"
        case Resets():
            yield "AWS resets it when an update leaves it out, so every update says it again"
        case Clears():
            yield f"taken away by sending {canonical(row.value)}"
        case _:
            pass


def _members(shape: Shape | None) -> dict[str, tuple[Shape, bool]]:
    while shape is not None and shape.type == "list":
        shape = shape.element
    if shape is None or shape.type != "structure":
        return {}
    return {name: (below, name in shape.required) for name, below in sorted(shape.members.items())}


def type_of(shape: Shape) -> str:
    """Return a type in words: `list of ContainerDefinition`, `integer`, `map of string`."""
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
