"""JSON Schema (draft-07) of manifests, for editors: AWS's model plus ecsync's additions, with references anywhere.

With the schema, an editor marks typos and wrong types. `ecsync validate` checks more. The schema is designed for
yaml-language-server, which most editors use (`tests/editor`). It has few alternatives, so that one mistake gives one
message. Values that are valid but rare (null, digits as text) are admitted by a condition: an editor would also offer a
type or value that is listed.
"""

from __future__ import annotations

from collections.abc import Sequence

from ecsync import kinds
from ecsync.awsmodel import shapes
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.schema import Shape
from ecsync.core.wording import suggestion
from ecsync.language.annotations import ANNOTATIONS, CHOICES, KEEP_REVISIONS, OF_APPLICATION, SUSPEND, Annotation
from ecsync.language.check import TOKENS
from ecsync.language.documents import API_VERSION, DOCUMENT, NAME, NAME_RULE
from ecsync.language.settings import SHAPE as APPLICATION
from ecsync.offline.json_schema_values import SHARED, Export, Schema, choice, ref

_DRAFT = "http://json-schema.org/draft-07/schema#"


def for_kind(name: str) -> Schema:
    """Return the schema of the documents of one kind. Raises ValueError with the nearest name if it is unknown."""
    if name not in kinds.BY_NAME:
        raise ValueError(f"unknown kind {name!r}{suggestion(name, kinds.BY_NAME)}")
    return _whole([kinds.BY_NAME[name]], application=False)


def for_all() -> Schema:
    """Return the schema of every document: with a kind, with `resources:`, or a plain AWS document."""
    return _whole(kinds.ALL, application=True)


def _whole(some: Sequence[Kind], *, application: bool) -> Schema:
    definitions = SHARED | {
        "annotations": _annotations([*ANNOTATIONS]),
        "annotations.plain": _annotations([name for name, one in ANNOTATIONS.items() if not one.on]),
        "annotations.Application": _of_application(),
    }
    by_kind = [_resource(kind, definitions) for kind in some]
    names = [kind.name for kind in some]
    if application:
        by_kind.append(_application(definitions))
    return {
        "$schema": _DRAFT,
        "title": "ecsync manifest" if application else f"ecsync {names[0]}",
        "type": ["object", "null"],
        "properties": {
            "apiVersion": {"enum": [API_VERSION], "description": _about("apiVersion")},
            "kind": {
                "enum": [*names, *(["Application"] if application else [])],
                "description": _about("kind"),
            },
            # These two depend on the kind, see below.
            "metadata": {"type": "object", "doNotSuggest": True},
            "spec": {"type": ["object", "null"], "doNotSuggest": True},
            "resources": _resources(names),
        },
        "allOf": [_envelope(names), *by_kind],
        "definitions": definitions,
    }


def _about(*path: str) -> str:
    """Return the text of a member of the envelope."""
    shape: Shape = DOCUMENT
    for name in path:
        shape = shape.members[name]
    return shape.documentation


def _resource(kind: Kind, definitions: Schema) -> Schema:
    """Add the definitions of the kind, and return the schema of its documents."""
    export = Export(kind.name, definitions, kind)
    if kind.shape is None:
        assert kind.own_shape is not None
        body = export.body(kind.own_shape, kind.own_shape.documentation)
    else:
        describe = kind.shape.describe
        printed = shapes.load(ShapeOf(operation="", describe=describe)) if describe else None
        description = f"The input of {kind.shape.operation}, plus the fields that other calls set."
        body = export.body(shapes.load(kind.shape), description, printed)
        body["properties"] |= {name: ref("token") for name in kind.shape.omit if name.lower() in TOKENS}
    definitions[kind.name] = body
    annotations = "annotations" if kind.keeps_revisions else "annotations.plain"
    return _of_kind(kind.name, _metadata("name", "annotations", "labels", annotations=annotations))


def _application(definitions: Schema) -> Schema:
    description = "The settings of the application."
    definitions["Application"] = Export("Application", definitions).body(APPLICATION, description)
    members = ("name", "annotations", "labels", "formerly")
    return _of_kind("Application", _metadata(*members, annotations="annotations.Application"))


def _envelope(names: Sequence[str]) -> Schema:
    """Return the schema of the envelope. A plain AWS document has none."""
    schema: Schema = {
        "properties": dict.fromkeys(("apiVersion", "kind", "metadata", "spec", "resources"), True),
        "additionalProperties": False,
        "if": {"required": ["resources"]},
        "then": {"properties": {"metadata": _metadata("annotations", "labels")}},
        "else": {"if": {"required": ["kind"]}, "then": {"required": ["metadata"]}, "else": {"required": ["kind"]}},
    }
    for name, fields in (("Service", ["serviceName"]), ("TaskDefinition", ["family", "containerDefinitions"])):
        if name in names:
            bare = {"required": fields, "properties": {"kind": False, "resources": False}}
            schema = {"if": bare, "then": ref(name), "else": schema}
    return schema


def _of_kind(name: str, metadata: Schema) -> Schema:
    """Return the schema of the documents of one kind, which require `metadata.name`."""
    # A pattern, because completion accepts the start of a `const` as a match: Listener for ListenerRule.
    kind = {"type": "string", "pattern": f"^{name}$"}
    return {
        "if": {"properties": {"kind": kind}, "required": ["kind"]},
        "then": {"properties": {"metadata": metadata | {"required": ["name"]}, "spec": ref(name)}},
    }


def _metadata(*members: str, annotations: str = "annotations") -> Schema:
    known: Schema = {
        "name": _name(_about("metadata", "name")),
        "annotations": ref(annotations),
        "labels": {
            "type": ["object", "null"],
            "additionalProperties": ref("text"),
            "description": _about("metadata", "labels"),
        },
        "formerly": {
            "type": ["array", "null"],
            "items": _name("An earlier name."),
            "description": _about("metadata", "formerly"),
        },
    }
    return {
        "title": "metadata",
        "type": "object",
        "description": _about("metadata"),
        "properties": {member: known[member] for member in members},
        "additionalProperties": False,
    }


def _name(description: str) -> Schema:
    return {
        "type": "string",
        "pattern": f"^{NAME.pattern}$",
        "errorMessage": f"Must be {NAME_RULE}.",
        "description": description,
    }


def _annotations(known: Sequence[str]) -> Schema:
    """Return the schema of annotations: the known ones with the prefix `ecsync/`, and any others."""
    return {
        "type": ["object", "null"],
        "description": _about("metadata", "annotations"),
        "properties": {name: {"description": _text(ANNOTATIONS[name])} | _annotation(name) for name in known},
        "patternProperties": {"^(?!ecsync/)": True},
        "additionalProperties": False,
    }


def _of_application() -> Schema:
    text = _text(OF_APPLICATION[SUSPEND])
    return _annotations([]) | {"properties": {SUSPEND: {"description": text, "anyOf": [ref("text")]}}}


def _text(one: Annotation) -> str:
    return f"{one.text} Default: {one.default}." if one.default else one.text


def _annotation(name: str) -> Schema:
    if name in CHOICES:
        return {"anyOf": choice(CHOICES[name])}
    if name == KEEP_REVISIONS:
        return {"anyOf": [ref("integer")], "minimum": 1}
    return {"anyOf": [ref("text")]}


def _resources(names: Sequence[str]) -> Schema:
    return {
        "type": ["object", "null"],
        "description": _about("resources"),
        "patternProperties": {f"^{name}/{NAME.pattern}$": ref(name) for name in names},
        "additionalProperties": False,
        "defaultSnippets": [{"label": f"{name}/", "body": {f"{name}/${{1:name}}": {}}} for name in names],
    }
