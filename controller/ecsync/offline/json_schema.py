"""JSON Schema (draft-07) of manifests, for editors: AWS's model with our additions, references allowed anywhere.

An editor is told of typos and wrong types while a manifest is written; `ecsync validate` knows more. The schema is
written for what yaml-language-server makes of it (`tests/editor`), which is behind most editors. Alternatives are few,
so that one mistake is one message. What is taken but seldom written by hand (null, digits as text) is let through by a
condition, because a type or a value that is listed is also offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ecsync import kinds
from ecsync.awsmodel import shapes
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.schema import BOOLEAN, STRING, documented, mapping, structure
from ecsync.core.wording import suggestion
from ecsync.language.annotations import AFTER, CHOICES, KEEP_REVISIONS
from ecsync.language.check import TOKENS
from ecsync.language.documents import API_VERSION, NAME, NAME_RULE
from ecsync.language.settings import SHAPE as APPLICATION
from ecsync.offline.json_schema_values import SHARED, Export, Schema, choice, ref

_DRAFT = "http://json-schema.org/draft-07/schema#"
_TAGS = structure({"tags": documented(mapping(STRING), "Tags, all of which a subnet has.")}, "tags")
# Our own document has no shape in AWS's model.
_NETWORK = structure(
    {
        "id": documented(STRING, "The VPC's id."),
        "tags": documented(mapping(STRING), "Tags, all of which the VPC has."),
        "default": documented(BOOLEAN, "true: the default VPC of the Region."),
        "subnets": documented(
            structure(
                {
                    "public": documented(_TAGS, "What publicSubnetIds are; without it, the route tables tell."),
                    "private": documented(_TAGS, "What privateSubnetIds are; without it, the route tables tell."),
                }
            ),
            "The groups of subnets that are meant, by their tags.",
        ),
    }
)
_TREATMENT: Mapping[str, str] = {
    "ecsync/adopt": "Whether what already runs may be taken over: never, or if-untagged.",
    "ecsync/replace": "Whether a change that needs a new resource is held back, or allowed.",
    "ecsync/deletion": "What pruning does once it is declared no more: delete it, or retain it.",
    "ecsync/state": "absent: it is to be deleted.",
    "ecsync/undeclared": "What becomes of fields that are not written: AWS's default, or ignore them.",
    "ecsync/manage": "read: it is looked up, and never written.",
    "ecsync/refresh": "follow: a value that is only looked up and has changed is followed, though it restarts tasks.",
    "ecsync/suspend": "true: it is reported, and not written for now.",
    AFTER: "Kind/name, with commas between them: what comes before this one.",
    KEEP_REVISIONS: "How many revisions of the family are kept; older ones of ours are deregistered.",
}


def for_kind(name: str) -> Schema:
    """Return the schema of documents of one kind. Raises ValueError with the nearest name where there is none."""
    if name not in kinds.BY_NAME:
        raise ValueError(f"unknown kind {name!r}{suggestion(name, kinds.BY_NAME)}")
    return _whole([kinds.BY_NAME[name]], application=False)


def for_all() -> Schema:
    """Return the schema of every document: by its kind, `resources:`, or as AWS prints it."""
    return _whole(kinds.ALL, application=True)


def _whole(some: Sequence[Kind], *, application: bool) -> Schema:
    definitions = SHARED | {
        "annotations": _annotations([*_TREATMENT]),
        "annotations.plain": _annotations([name for name in _TREATMENT if name != KEEP_REVISIONS]),
        "annotations.Application": _annotations([]),
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
            "apiVersion": {"enum": [API_VERSION], "description": "The version of this language."},
            "kind": {
                "enum": [*names, *(["Application"] if application else [])],
                "description": "A kind of AWS resource, or Application.",
            },
            # These two are told by kind, below.
            "metadata": {"type": "object", "doNotSuggest": True},
            "spec": {"type": ["object", "null"], "doNotSuggest": True},
            "resources": _resources(names),
        },
        "allOf": [_envelope(names), *by_kind],
        "definitions": definitions,
    }


def _resource(kind: Kind, definitions: Schema) -> Schema:
    """Add the kind's definitions, and return what its documents have."""
    export = Export(kind.name, definitions, kind)
    if kind.shape is None:
        body = export.body(_NETWORK, "A VPC and its subnets: looked up, never written.")
    else:
        describe = kind.shape.describe
        printed = shapes.load(ShapeOf(operation="", describe=describe)) if describe else None
        words = f"AWS's {kind.shape.operation}, with what a second call sets."
        body = export.body(shapes.load(kind.shape), words, printed)
        body["properties"] |= {name: ref("token") for name in kind.shape.omit if name.lower() in TOKENS}
    definitions[kind.name] = body
    annotations = "annotations" if kind.keeps_revisions else "annotations.plain"
    return _of_kind(kind.name, _metadata("name", "annotations", "labels", annotations=annotations))


def _application(definitions: Schema) -> Schema:
    words = "What the application is, apart from its resources."
    definitions["Application"] = Export("Application", definitions).body(APPLICATION, words)
    members = ("name", "annotations", "labels", "formerly")
    return _of_kind("Application", _metadata(*members, annotations="annotations.Application"))


def _envelope(names: Sequence[str]) -> Schema:
    """Return what documents have beside what is their kind's own; what AWS prints may stand alone."""
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
    """Return what the documents of one kind have; `metadata.name` is theirs to need."""
    # A pattern, because a completion takes the beginning of a `const` for the whole: Listener for ListenerRule.
    kind = {"type": "string", "pattern": f"^{name}$"}
    return {
        "if": {"properties": {"kind": kind}, "required": ["kind"]},
        "then": {"properties": {"metadata": metadata | {"required": ["name"]}, "spec": ref(name)}},
    }


def _metadata(*members: str, annotations: str = "annotations") -> Schema:
    known: Schema = {
        "name": _name("Identity in the application; also AWS's name unless spec gives one."),
        "annotations": ref(annotations),
        "labels": {
            "type": ["object", "null"],
            "additionalProperties": ref("text"),
            "description": "Words of yours about the document; nothing reads them.",
        },
        "formerly": {
            "type": ["array", "null"],
            "items": _name("A name that it had before."),
            "description": "The names that the application had before.",
        },
    }
    return {
        "title": "metadata",
        "type": "object",
        "description": "What the document is called, and how it is treated.",
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
    """Return the annotations of which those with our prefix are these."""
    return {
        "type": ["object", "null"],
        "description": "How the document is treated; those of other tools are left alone.",
        "properties": {name: {"description": _TREATMENT[name]} | _treatment(name) for name in known},
        "patternProperties": {"^(?!ecsync/)": True},
        "additionalProperties": False,
    }


def _treatment(name: str) -> Schema:
    if name in CHOICES:
        return {"anyOf": choice(CHOICES[name])}
    if name == KEEP_REVISIONS:
        return {"anyOf": [ref("integer")], "minimum": 1}
    return {"anyOf": [ref("text")]}


def _resources(names: Sequence[str]) -> Schema:
    return {
        "type": ["object", "null"],
        "description": "Resources without the envelope, keyed as references are: Kind/name.",
        "patternProperties": {f"^{name}/{NAME.pattern}$": ref(name) for name in names},
        "additionalProperties": False,
        "defaultSnippets": [{"label": f"{name}/", "body": {f"{name}/${{1:name}}": {}}} for name in names],
    }
