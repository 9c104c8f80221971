"""docs/reference/kinds: a page for each kind, with a line for each field; the data are those of `ecsync explain`."""

from __future__ import annotations

from collections.abc import Iterator

from docs.generate import sections
from docs.generate.markdown import HEAD, cell, code, table
from ecsync.core.kind import Kind
from ecsync.core.schema import Fixed, Shape
from ecsync.core.trees import EACH
from ecsync.kinds import ALL
from ecsync.offline import explain

_SOURCE = "the kind in controller/ecsync/kinds"
_DEEPEST = 9
_ABSENT = {  # short forms, explained above the table
    "a mistake: the field is required": "required",
    "the default": "default",
    "not set: a live value is removed": "not set",
    "not set: removing a live value replaces the resource": "not set",
    "no tag is ours: those that other clients set stay": "no tag is ours",
}


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each page."""
    yield "index.md", "\n".join(_index()) + "\n"
    for kind in ALL:
        yield f"{kind.name}.md", "\n".join(_page(kind)) + "\n"


def _index() -> Iterator[str]:
    yield HEAD.format(source=_SOURCE)
    yield "# Kinds"
    yield ""
    yield (
        "[Manifests](../../manifests.md) explains documents, references and Applications. Each page below has every "
        "field of one kind. `ecsync explain KIND.field` prints a field together with AWS's documentation of it."
    )
    yield ""
    rows = ((f"[{kind.name}]({kind.name}.md)", _made_of(kind), _outputs(kind)) for kind in ALL)
    yield from table(("kind", "made of", "outputs, the primary one first"), rows)


def _made_of(kind: Kind) -> str:
    return f"the input of `{kind.shape.operation}`" if kind.shape else "a lookup: never changed"


def _outputs(kind: Kind) -> str:
    return ", ".join(f"`{name}`" for name, _, _ in explain.outputs(kind))


def _page(kind: Kind) -> Iterator[str]:
    place = explain.find(kind.name)
    yield HEAD.format(source=_SOURCE)
    yield f"# {kind.name}"
    yield ""
    yield from (f"- {label}: {cell(text)}" for label, text in explain.facts(place))
    yield ""
    yield "An example, below `resources:` of a manifest:"
    yield ""
    yield "```yaml"
    yield "resources:"
    yield from (f"  {line}" for line in kind.example.strip().splitlines())
    yield "```"
    yield from sections.BY_KIND.get(kind.name, "").rstrip().splitlines()
    yield ""
    yield "## Outputs"
    yield ""
    yield f"`${{{kind.name}/name}}` is the first one, or the one that AWS requires in that place."
    yield ""
    reference = f"${{{kind.name}/name.%s}}"
    yield from table(
        ("output", "for"), ((code(reference % name), cell(text)) for name, _, text in explain.outputs(kind))
    )
    yield ""
    yield "## Fields"
    yield ""
    yield (
        "`[]` is each element of a list, `*` each value of a map. The column *absent* has what it means that a field "
        "is not declared: AWS's default is set (default), the field is left alone, it is not set and a live value is "
        "removed (not set), or ecsync fills it in. On an adopted resource, fields that are not declared are left alone "
        "([`ecsync/undeclared`](../annotations.md)). The last column is the effect of a change, and what is particular."
    )
    yield ""
    yield from table(("field", "type", "default", "absent", "a change"), _rows(place, ()))


def _rows(place: explain.Place, above: tuple[str, ...]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield a row for each field below a place, depth first. A shape that contains itself is not repeated."""
    shape = place.shape
    while shape is not None and shape.type == "list":
        shape = shape.element
    if shape is None or shape.type != "structure" or shape.name in above or len(above) > _DEEPEST:
        return
    inside = (*above, shape.name) if shape.name else above
    for name in sorted(shape.members):
        below = explain.below(place, name)
        yield _row(below)
        yield from _rows(_of_map(below), inside)


def _of_map(place: explain.Place) -> explain.Place:
    """Return the value of a map of structures; the place itself of anything else."""
    shape = place.shape
    if shape is None or shape.type != "map" or shape.element is None or shape.element.type != "structure":
        return place
    return explain.Place(kind=place.kind, segments=(*place.segments, "*"), shape=shape.element)


def _row(place: explain.Place) -> tuple[str, str, str, str, str]:
    facts: dict[str, list[str]] = {}
    for label, text in explain.facts(place):
        facts.setdefault(label, []).append(text)
    more = [f"decided by {text}" for text in facts.get("owner", ())] + facts.get("note", [])
    own = [place.shape.documentation] if isinstance(place.shape, Fixed) and place.shape.documentation else []
    change = " ".join([*own, "; ".join([*facts.get("change", ()), *more])])
    default = code("; ".join(facts.get("default", ())))
    (absent,) = facts["absent"]
    short = _ABSENT.get(absent, absent)
    return (
        code(_dotted(place)),
        _type(place.shape, place.required and short == "required"),
        default,
        short,
        cell(change),
    )


def _dotted(place: explain.Place) -> str:
    return ".".join(place.segments).replace(f".{EACH}", "[]")


def _type(shape: Shape | None, required: bool) -> str:
    if shape is None:
        return ""
    name = explain.type_of(shape) + (" (required)" if required else "")
    values = shape.enum if len(shape.enum) <= 12 else (*shape.enum[:12], "…")
    return cell(name) + (f": {', '.join(f'`{one}`' for one in values)}" if values else "")
