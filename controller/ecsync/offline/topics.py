"""What `ecsync explain` knows: kinds and their fields, and what is not a kind: Applications, annotations, settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ecsync import kinds
from ecsync.core.kind import Kind
from ecsync.core.schema import Fixed, Shape
from ecsync.core.wording import suggestion
from ecsync.language.annotations import ANNOTATIONS, OF_APPLICATION, Annotation
from ecsync.language.documents import DOCUMENT
from ecsync.language.references import FORMS
from ecsync.language.settings import SHAPE as APPLICATION
from ecsync.offline import explain

_SHAPES: Mapping[str, Shape] = {"Application": APPLICATION, "document": DOCUMENT}
_ANNOTATIONS, _REFERENCES, _CONFIG, _PREFIX, _VARIABLE = "annotations", "references", "config", "ecsync/", "ECSYNC_"
TOPICS: Mapping[str, str] = {
    "Application": "the settings of an application, and `Application.sync.interval` and the like",
    "document": "what is around a body: apiVersion, kind, metadata, resources",
    _REFERENCES: "the forms of a reference: `${Kind/name.output}`, `${var:NAME}` and the like",
    _ANNOTATIONS: "the options of a document, and `ecsync/adopt` and the like",
    _CONFIG: "the operator's settings, and `config.http.port` and the like",
}


def lines(text: str) -> Iterator[str]:
    """Yield the description of a kind, a field, an annotation or a setting; of everything if the text is empty.

    Raises ValueError with the nearest name if it is unknown.
    """
    name, _, path = text.partition(".")
    if not text:
        yield from _everything()
    elif text.startswith(_PREFIX) or name == _ANNOTATIONS:
        yield from _annotation(text.removeprefix(f"{_ANNOTATIONS}.") if path else text)
    elif name == _CONFIG or text.startswith(_VARIABLE):
        yield from _setting(text if text.startswith(_VARIABLE) else path)
    elif text == _REFERENCES:
        yield _REFERENCES
        yield from explain.titled(FORMS.items())
    elif name in _SHAPES:
        yield from _field(text, _SHAPES[name], path)
    elif name in kinds.BY_NAME:
        yield from _of_kind(text, kinds.BY_NAME[name], path)
    else:
        known = (*kinds.BY_NAME, *TOPICS)
        raise ValueError(f"unknown kind {name!r}{suggestion(name, known)} (`ecsync explain` lists what is known)")


def _everything() -> Iterator[str]:
    yield "kinds"
    yield from explain.wrapped(", ".join(kinds.BY_NAME))
    yield ""
    yield "beside the kinds"
    yield from explain.titled(TOPICS.items())


def _of_kind(text: str, kind: Kind, path: str) -> Iterator[str]:
    """Yield the description of a kind, of a field, or of an output where no field has its name."""
    try:
        place = explain.find(text)
    except ValueError:
        output = next((about for one, _, about in explain.outputs(kind) if one == path), "")
        if not output:
            raise
        yield from _described(text, [("output", f"${{{kind.name}/name.{path}}}")], f"{output[0].upper()}{output[1:]}.")
    else:
        yield from explain.lines(place)


# ---------------------------------------------------------------- Applications, and what is around a body


def _field(text: str, shape: Shape, path: str) -> Iterator[str]:
    place = text.partition(".")[0]
    required = False
    for part in filter(None, path.replace("[]", "").split(".")):
        while shape.type == "list" and shape.element is not None:
            shape = shape.element
        if shape.type == "map" and shape.element is not None:
            shape, required = shape.element, False
        elif part in shape.members:
            shape, required = shape.members[part], part in shape.required
        else:
            raise ValueError(f"{place} has no field {part!r}{suggestion(part, shape.members)}")
        place = f"{place}.{part}"
    default = shape.default if isinstance(shape, Fixed) else ""
    facts = [("type", explain.type_of(shape) + (", required" if required else ""))] if path else []
    facts += [("values", ", ".join(shape.enum))] if shape.enum else []
    facts += [("default", default)] if default else []
    yield from _described(place, facts, shape.documentation or "The settings of an application.")
    while shape.type in ("list", "map") and shape.element is not None:
        shape = shape.element
    yield from _fields(_short(name, inner, shape) for name, inner in shape.members.items())


def _short(name: str, inner: Shape, shape: Shape) -> tuple[str, str]:
    return name, f"{explain.type_of(inner)}{'  required' if name in shape.required else ''}"


# ---------------------------------------------------------------- annotations


def _annotation(name: str) -> Iterator[str]:
    if name == _ANNOTATIONS:
        about = DOCUMENT.members["metadata"].members["annotations"].documentation
        yield from _described(_ANNOTATIONS, [], f"{about} A misspelt one is an error.")
        yield from _fields((each, ", ".join(one.values) or "text") for each, one in ANNOTATIONS.items())
        return
    full = name if name.startswith(_PREFIX) else f"{_PREFIX}{name}"
    if full not in ANNOTATIONS:
        raise ValueError(f"unknown annotation {full!r}{suggestion(full, ANNOTATIONS)}")
    yield from _of_annotation(full, ANNOTATIONS[full])
    if full in OF_APPLICATION:
        yield ""
        yield from _of_annotation(full, OF_APPLICATION[full])


def _of_annotation(name: str, one: Annotation) -> Iterator[str]:
    facts = [("values", ", ".join(one.values) or "text"), ("default", one.default), ("on", one.on or "every kind")]
    yield from _described(name, [fact for fact in facts if fact[1]], one.text)


# ---------------------------------------------------------------- settings


def _setting(path: str) -> Iterator[str]:
    from ecsync.offline import operator_settings as operator

    every = {_plain(one.name): one for one in operator.settings()}
    groups = {_plain(name): text for name, text in operator.groups().items()}
    names = {one.variable: name for name, one in every.items() if one.variable}
    name = names.get(path, _plain(path))
    if name not in every and name not in groups:
        raise ValueError(f"unknown setting {path!r}{suggestion(path, [*every, *filter(None, groups), *names])}")
    title = f"{_CONFIG}.{every[name].name if name in every else path}" if name else _CONFIG
    facts: list[tuple[str, str]] = []
    text = groups.get(name, "")
    if name in every:
        one = every[name]
        where = one.variable if one.in_file else f"{one.variable} (never in the file)"
        facts = [("type", one.type), ("default", one.default), ("variable", where)]
        text = f"{one.text[0].upper()}{one.text[1:]}."
    yield from _described(title, [fact for fact in facts if fact[1]], operator.plain(text))
    inside = {_last(each, name) for each in (*every, *groups) if each and each.rpartition(".")[0] == name}
    yield from _fields(
        (each, every[full].type if (full := f"{name}.{each}" if name else each) in every else "a group")
        for each in sorted(inside)
    )


def _plain(name: str) -> str:
    return name.replace(".NAME", "").replace("[]", "")


def _last(name: str, group: str) -> str:
    return name.removeprefix(f"{group}.") if group else name


# ---------------------------------------------------------------- layout


def _described(title: str, facts: Iterable[tuple[str, str]], text: str) -> Iterator[str]:
    yield title
    yield from (f"  {label:<10} {fact}" for label, fact in facts)
    yield ""
    yield from explain.wrapped(text)


def _fields(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    every = list(rows)
    if every:
        yield ""
        yield "  fields"
        yield from explain.titled(every)
