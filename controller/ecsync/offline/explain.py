"""The description of a field of a kind: type, default, effect of a change, owner, and AWS's own documentation."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
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
    Released,
    Resets,
    Reverts,
    Rolls,
    Rule,
    Sensitive,
    Unordered,
    WriteOnly,
)
from ecsync.core.schema import Fixed, Shape
from ecsync.core.trees import ANY, EACH, canonical, matches, pattern
from ecsync.core.wording import suggestion
from ecsync.language.coerce import pair_members

WIDTH = 80
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
_REPLACES = (_EFFECTS["replace"], "replaces the resource: ecsync creates a second one and moves the traffic to it")


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
    shape = shapes.load(kind.shape) if kind.shape else kind.own_shape
    place = Place(kind=kind, segments=(), shape=shape)
    for part in pattern(path):
        if part != EACH:
            place = below(place, part)
    return place


def below(place: Place, part: str) -> Place:
    """Return a field of a block, of each element of a list, or of a map. Raises ValueError if there is none."""
    shape, segments = place.shape, list(place.segments)
    while shape is not None and shape.type == "list":
        segments.append(EACH)
        shape = shape.element
    if shape is not None and shape.type == "any":  # free-form: a policy document
        return Place(kind=place.kind, segments=(*segments, part), shape=shape)
    if shape is not None and shape.type == "map":
        return Place(kind=place.kind, segments=(*segments, part), shape=shape.element)
    members = shape.members if shape is not None and shape.type == "structure" else {}
    if shape is None or part not in members:
        raise ValueError(f"{place.name} has no field {part!r}{suggestion(part, members)}")
    return Place(kind=place.kind, segments=(*segments, part), shape=members[part], required=part in shape.required)


def lines(place: Place) -> Iterator[str]:
    """Yield the description of a place, line by line."""
    yield place.name
    yield from (f"  {label:<10} {text}" for label, text in facts(place))
    documentation = plain_text(place.shape.documentation) if place.shape else ""
    if documentation:
        yield ""
        yield from wrapped(documentation)
    if not place.segments:
        yield ""
        yield "  outputs"
        yield from titled((f"{one} (primary)" if primary else one, text) for one, primary, text in outputs(place.kind))
        yield ""
        yield "  example, below `resources:` of a manifest"
        yield from (f"    {line}" for line in place.kind.example.strip().splitlines())
    members = _members(place.shape)
    if members:
        yield ""
        yield "  fields"
        rows = members.items()
        yield from titled((name, f"{type_of(shape)}{'  required' if needed else ''}") for name, (shape, needed) in rows)


def wrapped(text: str) -> Iterator[str]:
    """Yield the lines of a text, indented."""
    yield from textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def titled(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a line for each name and its text, the texts below each other."""
    every = list(rows)
    width = max((len(name) for name, _ in every), default=0)
    yield from (f"    {name:<{width}}  {text}".rstrip() for name, text in every)


def outputs(kind: Kind) -> Iterator[tuple[str, bool, str]]:
    """Yield each output of a kind, the primary one first: its name, whether it is the primary one, what it is for."""
    for one in sorted(kind.outputs, key=lambda output: output != kind.primary):
        form = "a list: " if one in kind.list_outputs else ""
        asked = f"; read by a call of its own, {kind.asked[one].operation}, if used" if one in kind.asked else ""
        yield one, one == kind.primary, f"{form}{kind.outputs[one]}{asked}"


def facts(place: Place) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of each short line about a place."""
    if not place.segments:
        yield from _of_kind(place.kind)
        yield from _constraints(place)
        return
    assert place.shape is not None
    rows = [row for row in place.kind.rules if row.segments == place.segments]
    yield "type", type_of(place.shape) + (", required" if place.required else "")
    if place.shape.enum:
        yield "values", ", ".join(place.shape.enum)
    yield from (("default", text) for text in _defaults(place, rows))
    yield "absent", absent(place)
    yield from _constraints(place)
    yield "change", change(place)
    yield from (("owner", text) for text in _owners(place))
    yield from (("note", text) for path, text in place.kind.notes.items() if _is_at(place, pattern(path)))
    yield from (("note", text) for text in _as_map(place))
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
    if kind.name_member:
        yield "name", f"{kind.name_member}; default: metadata.name"
    if kind.adopt_default == "if-untagged":
        yield "adoption", "an existing one without an owner is adopted, unless `ecsync/adopt: never` is set"
    if kind.retain_default:
        yield "pruning", "our tags come off and the resource stays, unless `ecsync/deletion: delete` is set"
    if kind.tagging is None and kind.shape is not None:
        yield "tags", "AWS has none on this kind; it belongs to what it refers to"


def change(place: Place) -> str:
    """Return the effect of a change of the field."""
    kind, segments = place.kind, place.segments
    if kind.calls is None:
        return "what refers to its outputs gets those of the new lookup"
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
        return _REPLACES[1]
    return _EFFECTS["replace"]


def absent(place: Place) -> str:
    """Return what it means that a field is not declared, unless undeclared fields are ignored (`ecsync/undeclared`)."""
    kind, segments = place.kind, place.segments
    rows = [row for row in kind.rules if row.segments == segments]
    filled_in = kind.shape is not None and len(segments) == 1 and segments[0] in kind.shape.optional
    if segments == (kind.name_member,) or filled_in:
        return "filled in"
    if place.required:
        return "a mistake: the field is required"
    if kind.calls is None:
        return "the default" if isinstance(place.shape, Fixed) and place.shape.default else "not part of the lookup"
    if any(isinstance(row, Drop) and row.when is None for row in rows):
        return "not compared"
    if kind.tagging and segments == (kind.tagging.member,):
        return "no tag is ours: those that other clients set stay"
    if any(isinstance(row, WriteOnly) for row in kind.rules if row.covers(segments)):
        return "left alone"
    if any(isinstance(row, Computed) for row in rows):
        reverts = any(isinstance(row, Reverts | Released) for row in rows)
        left = "left alone" + ("; what ecsync applied goes back to AWS's own value" if reverts else "")
        return f"the default, or {left}" if any(isinstance(row, Default) for row in rows) else left
    if any(isinstance(row, Default) for row in rows):
        return "the default"
    replaces = change(place) in _REPLACES
    return "not set: removing a live value replaces the resource" if replaces else "not set: a live value is removed"


def _is_at(place: Place, segments: Sequence[str]) -> bool:
    return len(segments) == len(place.segments) and matches(place.segments, segments)


def _as_map(place: Place) -> Iterator[str]:
    """Yield the form of a list of pairs that the language takes beside AWS's."""
    shape, kind = place.shape, place.kind
    if shape is None or shape.type != "list" or shape.element is None:
        return
    pair = pair_members(shape.element, tags=kind.tagging is not None and place.segments == (kind.tagging.member,))
    if pair is not None:
        yield f"can be declared as a map of {pair[0]} to {pair[1]}: {{{pair[0].upper()}: {pair[1]}}}"


def _defaults(place: Place, rows: Sequence[Rule]) -> Iterator[str]:
    if place.segments == (place.kind.name_member,):
        yield "metadata.name"
    if isinstance(place.shape, Fixed) and place.shape.default:
        yield place.shape.default
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
    return {name: (inner, name in shape.required) for name, inner in sorted(shape.members.items())}


def type_of(shape: Shape) -> str:
    """Return the name of a type: `list of ContainerDefinition`, `integer`, `map of string`."""
    if shape.type in ("list", "map") and shape.element is not None:
        return f"{shape.type} of {type_of(shape.element)}"
    if shape.type == "structure":
        return shape.name or "block"
    return {"any": "anything", "long": "integer", "double": "number", "float": "number"}.get(shape.type, shape.type)


_PARAGRAPH = re.compile(r"</(?:p|li|dd|dt|note|important)>\s*", re.IGNORECASE)
_TAG = re.compile(r"<[^>]+>")


def plain_text(documentation: str) -> str:
    """Return AWS's documentation without its HTML, on one line."""
    spaced = _PARAGRAPH.sub(" ", documentation)
    return " ".join(html.unescape(_TAG.sub("", spaced)).split())
