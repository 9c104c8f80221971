"""JSON Schema (draft-07) of manifests, for editors: AWS's model with our additions, references allowed anywhere.

An editor is told of typos and wrong types while a manifest is written; `ecsync validate` knows more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from controller import kinds
from controller.aws import shapes
from controller.core.fixed_shape import BOOLEAN, STRING, mapping, structure
from controller.core.json import matches
from controller.core.kind import Kind
from controller.core.pairs import pair_members
from controller.core.rules import CommaList
from controller.core.schema import Shape
from controller.core.wording import suggestion
from controller.explain import plain_text
from controller.language.annotations import AFTER, CHOICES, KEEP_REVISIONS
from controller.language.documents import API_VERSION
from controller.language.settings import SHAPE as APPLICATION

Schema = dict[str, Any]

_DRAFT = "http://json-schema.org/draft-07/schema#"
_REFERENCE: Schema = {"$ref": "#/definitions/reference"}
_NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"}
_LONGEST = 400  # characters of a description
_TAGS = structure({"tags": mapping(STRING)}, "tags")
# Our own document has no shape in AWS's model.
_NETWORK = structure(
    {
        "id": STRING,
        "tags": mapping(STRING),
        "default": BOOLEAN,
        "subnets": structure({"public": _TAGS, "private": _TAGS}),
    }
)


def for_kind(name: str) -> Schema:
    """Return the schema of documents of one kind. Raises ValueError with the nearest name where there is none."""
    if name not in kinds.BY_NAME:
        raise ValueError(f"unknown kind {name!r}{suggestion(name, kinds.BY_NAME)}")
    return _whole([kinds.BY_NAME[name]], application=False)


def for_all() -> Schema:
    """Return the schema of every document: by its kind, or `resources:`."""
    return _whole(kinds.ALL, application=True)


def _whole(some: Sequence[Kind], *, application: bool) -> Schema:
    definitions: Schema = {
        "reference": {
            "type": "string",
            "pattern": r"\$\{",
            "description": "A reference such as ${Kind/name.output}, ${var:NAME}, ${image:NAME}, ${env:NAME}.",
        },
        "annotations": _annotations(),
    }
    by_kind: list[Schema] = []
    for kind in some:
        definitions[kind.name] = _Export(kind, definitions).body()
        by_kind.append({"if": _is(kind.name), "then": _spec(kind.name)})
    names = [kind.name for kind in some]
    if application:
        names.append("Application")
        definitions["Application"] = _Export(None, definitions).of(APPLICATION, ())
        by_kind.append(
            {"if": _is("Application"), "then": {"properties": {"spec": {"$ref": "#/definitions/Application"}}}}
        )
    return {
        "$schema": _DRAFT,
        "title": "ecsync manifest" if application else f"ecsync {names[0]}",
        "type": "object",
        "properties": {
            "apiVersion": {"enum": [API_VERSION]},
            "kind": {"enum": names},
            "metadata": _metadata(),
            "spec": {"description": "AWS's create input, in AWS's own field names."},
            "resources": {
                "type": "object",
                "description": "Resources without the envelope, keyed as references are: Kind/name.",
                "patternProperties": {f"^{kind.name}/": {"$ref": f"#/definitions/{kind.name}"} for kind in some},
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
        "anyOf": [{"required": ["kind", "metadata"]}, {"required": ["resources"]}],
        "allOf": by_kind,
        "definitions": definitions,
    }


def _is(kind: str) -> Schema:
    return {"properties": {"kind": {"const": kind}}, "required": ["kind"]}


def _spec(name: str) -> Schema:
    return {"properties": {"spec": {"$ref": f"#/definitions/{name}"}}}


def _metadata() -> Schema:
    labels = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "type": "object",
        "properties": {
            "name": {**_NAME, "description": "Identity in the application; also AWS's name unless spec gives one."},
            "annotations": {"$ref": "#/definitions/annotations"},
            "labels": labels,
            "formerly": {"type": "array", "items": _NAME, "description": "Of an Application: its names before."},
        },
        "additionalProperties": False,
    }


def _annotations() -> Schema:
    ours: Schema = {name: {"enum": [*words, *_unquoted(words)]} for name, words in CHOICES.items()}
    ours[AFTER] = {"type": "string", "description": "Kind/name, … : what comes before this one."}
    ours[KEEP_REVISIONS] = {"type": ["integer", "string"], "minimum": 1, "pattern": "^0*[1-9][0-9]*$"}
    return {
        "type": ["object", "null"],
        "properties": ours,
        "patternProperties": {"^(?!ecsync/)": {}},
        "additionalProperties": False,
    }


def _unquoted(words: Sequence[str]) -> list[bool]:
    """Return what `true` and `false` are in YAML without quotes."""
    return [word == "true" for word in words if word in ("true", "false")]


class _Export:
    """Writes the shapes of one kind as definitions, each structure once."""

    def __init__(self, kind: Kind | None, definitions: Schema) -> None:
        self._prefix = kind.name if kind else "Application"
        self._kind = kind
        self._definitions = definitions
        self._tags = kind.tagging.member if kind and kind.tagging else ""
        rules = kind.rules if kind else ()
        self._commas = [row.segments for row in rules if isinstance(row, CommaList)]

    def body(self) -> Schema:
        """Return the schema of the kind's body."""
        assert self._kind is not None
        shape = shapes.load(self._kind.shape) if self._kind.shape else _NETWORK
        return self._structure(shape, ())

    def of(self, shape: Shape, path: tuple[str, ...]) -> Schema:
        """Return the schema of a shape at a path."""
        described = _description(shape)
        if shape.type == "any":
            return described
        if shape.type == "structure":
            return described | {"anyOf": [self._named(shape, path)]} if described else self._named(shape, path)
        if shape.type == "list":
            return described | self._list(shape, path)
        if shape.type == "map":
            assert shape.element is not None
            below = self.of(shape.element, (*path, "*"))
            return described | {"type": ["object", "null"], "additionalProperties": below}
        return described | self._scalar(shape, path)

    def _named(self, shape: Shape, path: tuple[str, ...]) -> Schema:
        if not shape.name:
            return self._structure(shape, path)
        name = f"{self._prefix}.{shape.name}"
        if name not in self._definitions:
            self._definitions[name] = {}  # a shape may contain itself
            self._definitions[name] = self._structure(shape, path)
        return {"$ref": f"#/definitions/{name}"}

    def _structure(self, shape: Shape, path: tuple[str, ...]) -> Schema:
        made: Schema = {
            "type": ["object", "null"],
            "properties": {name: self.of(below, (*path, name)) for name, below in shape.members.items()},
            "additionalProperties": False,
        }
        if shape.required and path:  # of a whole body, `manage: read` needs its name alone
            made["required"] = sorted(shape.required)
        return made

    def _list(self, shape: Shape, path: tuple[str, ...]) -> Schema:
        assert shape.element is not None
        ways: list[Schema] = [{"type": "array", "items": self.of(shape.element, (*path, "[]"))}, _REFERENCE]
        pair = pair_members(shape.element, tags=path == (self._tags,))
        if pair:
            ways.insert(1, {"type": "object", "additionalProperties": self.of(shape.element.members[pair[1]], path)})
        return {"anyOf": [*ways, {"type": "null"}]}

    def _scalar(self, shape: Shape, path: tuple[str, ...]) -> Schema:
        if shape.enum:
            return {"anyOf": [{"enum": [*shape.enum, None]}, _REFERENCE]}
        least, most = shape.bounds
        if shape.type in ("integer", "long", "float", "double"):
            number: Schema = {"type": ["integer" if shape.type in ("integer", "long") else "number", "null"]}
            if least is not None:
                number["minimum"] = least
            if most is not None:
                number["maximum"] = most
            digits = {"type": "string", "pattern": r"^[-+]?[0-9.]+$"}
            return {"anyOf": [number, digits, _REFERENCE]}
        if shape.type == "boolean":
            return {"anyOf": [{"enum": [True, False, "true", "false", None]}, _REFERENCE]}
        words: Schema = {"type": ["string", "number", "boolean", "null"]}
        if any(len(comma) == len(path) and matches(path, comma) for comma in self._commas):
            return {"anyOf": [words, {"type": "array", "items": {"type": "string"}}]}
        return words


def _description(shape: Shape) -> Schema:
    words = plain_text(shape.documentation)
    if not words:
        return {}
    return {"description": words if len(words) <= _LONGEST else words[: _LONGEST - 1].rstrip() + "…"}
