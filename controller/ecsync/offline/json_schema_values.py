"""JSON Schemas of values: the shape of a body as definitions. Each structure is defined once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecsync import kinds
from ecsync.core.constraints.rows import Constraint, OneOf, Pattern, Range
from ecsync.core.kind import Kind
from ecsync.core.rules import CommaList
from ecsync.core.schema import Fixed, Shape
from ecsync.core.trees import matches, pattern
from ecsync.language.coerce import pair_members
from ecsync.offline.explain import plain_text

Schema = dict[str, Any]

_LONGEST = 400  # characters of a description
_NUMBERS: Mapping[str, str] = {"integer": "integer", "long": "integer", "float": "number", "double": "number"}
# Values that are not in a shape: names of kinds.
_KIND_NAMES: Mapping[tuple[str, ...], Sequence[str]] = {
    ("Application", "manage", "[]"): (*kinds.BY_NAME, "all"),
    ("Application", "ignore", "[]", "kind"): tuple(kinds.BY_NAME),
}


def ref(name: str) -> Schema:
    """Return a reference to a definition."""
    return {"$ref": f"#/definitions/{name}"}


def choice(values: Sequence[str]) -> list[Schema]:
    """Return the `anyOf` of a field that accepts one of these values, or a reference."""
    if set(values) == {"true", "false"}:
        return [{"enum": [True, False]}, ref("switch")]
    return [{"enum": [*values]}, ref("reference")]


def _digits(of: str, pattern: str, what: str) -> Schema:
    text = {
        "type": "string",
        "pattern": rf"{pattern}|\$\{{",
        "errorMessage": f"Must be {what}, or a reference such as ${{var:NAME}}.",
    }
    return {"if": {"not": {"type": [of, "null"]}}, "then": text}


SHARED: Schema = {
    "reference": {
        "description": "A reference such as ${Kind/name.output}, ${var:NAME}, ${image:NAME}, ${env:NAME}.",
        "if": {"not": {"type": "null"}},
        "then": {"type": "string", "pattern": r"\$\{|^$"},  # templates write "" for a value that is not set
    },
    "text": {"if": {"type": ["array", "object"]}, "then": {"type": "string"}},
    "texts": {"if": {"type": "object"}, "then": {"type": "string"}},
    "integer": _digits("integer", "^[-+]?[0-9]+$", "a whole number"),
    "number": _digits("number", "^[-+]?[0-9.]+$", "a number"),
    "switch": {"if": {"not": {"enum": ["true", "false"]}}, "then": ref("reference")},
    # An editor shows these as warnings, and does not offer the fields.
    "printed": {"deprecationMessage": "Ignored: AWS sets it."},
    "token": {"deprecationMessage": "Ignored: ecsync generates its own."},
}


class Export:
    """Adds the shapes of one kind to the definitions, each structure once.

    `printed` is the shape that the describe call returns in the same place, if it is another one. AWS sets the members
    that only `printed` has.
    """

    def __init__(self, name: str, definitions: Schema, kind: Kind | None = None) -> None:
        self._prefix = name
        self._definitions = definitions
        self._tags = kind.tagging.member if kind and kind.tagging else ""
        self._constraints: dict[tuple[str, ...], list[Constraint]] = {}
        for row in kind.constraints if kind else ():
            if isinstance(row, Constraint) and row.level == "error" and row.when is None and not callable(row.test):
                self._constraints.setdefault(row.segments, []).append(row)
        self._notes = {pattern(path): text for path, text in kind.notes.items()} if kind else {}
        self._commas = [row.segments for row in kind.rules if isinstance(row, CommaList)] if kind else []

    def body(self, shape: Shape, description: str, printed: Shape | None = None) -> Schema:
        """Return the schema of a whole body."""
        made = self._structure(shape, (), printed)
        made.pop("required", None)  # a lookup (`manage: read`) requires only its name, which may be in metadata
        return {"title": self._prefix, "description": description} | made

    def _of(self, shape: Shape, path: tuple[str, ...], printed: Shape | None) -> Schema:
        """Return the schema of a shape at a path."""
        if printed is not None and printed.name == shape.name:
            printed = None
        return _description(shape, self._notes.get(path, "")) | self._constrained(
            self._value(shape, path, printed), path
        )

    def _constrained(self, made: Schema, path: tuple[str, ...]) -> Schema:
        """Add what the rows of the kind accept at a path, as far as a schema can express it for every body."""
        for row in self._constraints.get(path, ()):
            if isinstance(row.test, Range) and not row.test.also:
                made["minimum"] = max(row.test.least, made.get("minimum", row.test.least))
                made["maximum"] = min(row.test.most, made.get("maximum", row.test.most))
            elif isinstance(row.test, Pattern):
                made["pattern"] = rf"^(?:{row.test.allowed})$|^$|\$|\{{\{{|<"
                made["errorMessage"] = f"Must be {row.test.text}, or a reference."
            elif isinstance(row.test, OneOf):
                made |= {"anyOf": choice([str(one) for one in row.test.values])} if _is_text(row.test) else {}
        return made

    def _value(self, shape: Shape, path: tuple[str, ...], printed: Shape | None) -> Schema:
        if (names := _KIND_NAMES.get((self._prefix, *path))) is not None:
            return {"enum": [*names]}
        if shape.type == "any":
            return {"anyOf": [True]}
        if shape.type == "structure":
            return {"type": ["object", "null"], "allOf": [self._named(shape, path, printed)]}
        if shape.type == "list":
            return self._list(shape, path, printed)
        if shape.type == "map":
            return self._map(shape, path)
        if shape.type in _NUMBERS:
            return _number(shape)
        return {"anyOf": self._scalar(shape, path)}

    def _named(self, shape: Shape, path: tuple[str, ...], printed: Shape | None) -> Schema:
        if not shape.name:
            return self._structure(shape, path, printed)
        name = f"{self._prefix}.{shape.name}" + (f".{printed.name}" if printed is not None else "")
        if name not in self._definitions:
            self._definitions[name] = {}  # a shape may contain itself
            self._definitions[name] = {"title": shape.name} | self._structure(shape, path, printed)
        return ref(name)

    def _structure(self, shape: Shape, path: tuple[str, ...], printed: Shape | None) -> Schema:
        described = printed.members if printed is not None and printed.type == "structure" else {}
        members = {name: self._of(below, (*path, name), described.get(name)) for name, below in shape.members.items()}
        made: Schema = {
            "type": ["object", "null"],
            "properties": members | {name: ref("printed") for name in described if name not in members},
            "additionalProperties": False,
        }
        return made | ({"required": sorted(shape.required)} if shape.required else {})

    def _list(self, shape: Shape, path: tuple[str, ...], printed: Shape | None) -> Schema:
        assert shape.element is not None
        inner = printed.element if printed is not None else None
        pair = pair_members(shape.element, tags=path == (self._tags,))
        made: Schema = {
            "type": ["array", *(["object"] if pair else []), "string", "null"],
            "items": self._of(shape.element, (*path, "[]"), inner),
            "pattern": r"\$\{",
            "errorMessage": "Must be a list, or a reference to one.",
        }
        if pair:
            made["errorMessage"] = "Must be a map, a list, or a reference to one."
            made["additionalProperties"] = self._of(shape.element.members[pair[1]], (*path, "[]", pair[1]), None)
        return made

    def _map(self, shape: Shape, path: tuple[str, ...]) -> Schema:
        assert shape.element is not None
        made: Schema = {"additionalProperties": self._of(shape.element, (*path, "*"), None)}
        if path == (self._tags,):
            return {"type": ["object", "array", "null"], "items": {"type": "object"}} | made
        return {"type": ["object", "null"]} | made

    def _scalar(self, shape: Shape, path: tuple[str, ...]) -> list[Schema]:
        if shape.enum:
            return choice(shape.enum)
        if shape.type == "boolean":
            return choice(("true", "false"))
        is_comma_list = any(len(comma) == len(path) and matches(path, comma) for comma in self._commas)
        return [ref("texts" if is_comma_list else "text")]


def _is_text(test: OneOf) -> bool:
    return all(isinstance(one, str) for one in test.values)


def _number(shape: Shape) -> Schema:
    made: Schema = {"anyOf": [ref(_NUMBERS[shape.type])]}
    least, most = shape.bounds
    if least is not None:
        made["minimum"] = least
    if most is not None:
        made["maximum"] = most
    return made


def _description(shape: Shape, note: str) -> Schema:
    """Return the note of the language, the documentation, and the default of a shape of our own."""
    default = shape.default if isinstance(shape, Fixed) else ""
    parts = (
        note and f"{note[0].upper()}{note[1:]}.",
        plain_text(shape.documentation),
        default and f"Default: {default}.",
    )
    text = " ".join(part for part in parts if part)
    if not text:
        return {}
    return {"description": text if len(text) <= _LONGEST else text[: _LONGEST - 1].rstrip() + "…"}
