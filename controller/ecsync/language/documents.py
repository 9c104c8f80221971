"""Documents: the resources and Applications of one file, in every form of a manifest (docs/manifests.md, Documents)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ecsync.core.model import Origin, Problem
from ecsync.core.schema import ANY, STRING, Shape, choice, documented, listing, mapping, structure
from ecsync.core.trees import shared
from ecsync.core.wording import nearest, printable, quoted
from ecsync.language.check import check
from ecsync.language.nodes import Node
from ecsync.language.plain_aws import described
from ecsync.language.plain_aws.aws_types import mistyped

API_VERSION = "ecsync/v1"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
NAME_RULE = "letters, digits, _ . and -, starting with a letter or digit, at most 63 characters"

_AWS_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")  # of a family and of a service; a document has a shorter one
_NO_FAMILY = 'missing required field "family" in a task definition; add it, or use an envelope with metadata.name'
_METADATA = structure(
    {
        "name": documented(STRING, "The name in the application; also the AWS name, unless spec has one."),
        "annotations": documented(
            mapping(ANY), "The options of the document. Annotations of other tools are ignored.", "none"
        ),
        "labels": documented(mapping(STRING), "Free-form labels of the document; ecsync ignores them.", "none"),
        "formerly": documented(
            listing(STRING), "The earlier names of the application; on an Application only.", "none"
        ),
    },
    "name",
)
# Everything around a body. A document has either `kind` and `metadata`, or `resources`.
DOCUMENT = documented(
    structure(
        {
            "apiVersion": documented(choice(API_VERSION), "The version of the manifest language."),
            "kind": documented(STRING, "A kind of AWS resource, or Application."),
            "metadata": documented(_METADATA, "The name and the options of the document."),
            "spec": documented(ANY, "The body: `ecsync explain KIND` has its fields.", "an empty body"),
            "resources": documented(
                mapping(ANY), "Resources without an envelope. The key is that of a reference: Kind/name."
            ),
        },
        "kind",
        "metadata",
    ),
    "What is around the body of a document. With `resources`, it has no kind, name and spec.",
)
_WHOLE, _IN_METADATA = DOCUMENT.members, _METADATA.members


def _around(*metadata: str) -> Shape:
    members = {name: _WHOLE[name] for name in ("apiVersion", "kind", "spec")}
    below = structure({name: _IN_METADATA[name] for name in metadata}, "name")
    return structure({**members, "metadata": below}, "kind", "metadata")


_ENVELOPE = _around("name", "annotations", "labels")
_APPLICATION = _around("name", "annotations", "labels", "formerly")
_RESOURCES = structure(
    {
        "apiVersion": _WHOLE["apiVersion"],
        "metadata": structure({name: _IN_METADATA[name] for name in ("annotations", "labels")}),
        "resources": _WHOLE["resources"],
    }
)


def bad_name(name: object) -> str:
    """Return the message about a text that is not a valid name."""
    return f"{quoted(name)} is not a valid name; use {NAME_RULE}"


class Again(Protocol):
    """The nodes of the documents of a file, made again."""

    def spec(self, number: int) -> Node:
        """Return the body of a document."""


class Held:
    """The nodes of a spec. Those of a document as it is written can be let go: its file is then parsed again."""

    __slots__ = ("_again", "_node", "_number", "digest")

    def __init__(self, node: Node) -> None:
        self._node: Node | None = node
        self._again: Again | None = None
        self._number = 0
        self.digest = b""  # of its text, see `ParsedFile`; empty: not known

    @property
    def node(self) -> Node:
        """The nodes."""
        if self._node is not None:
            return self._node
        assert self._again is not None
        return self._again.spec(self._number)

    def written_as(self, digest: bytes, again: Again, number: int) -> None:
        """Note the text that it is made from, and how to make it again."""
        self.digest, self._again, self._number = digest, again, number

    def let_go(self) -> None:
        """Let the nodes go, if they can be made again."""
        if self._again is not None:
            self._node = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Held):
            return NotImplemented
        if self.digest and self.digest == other.digest:
            return True
        return self._node is not None and other._node is not None and self._node == other._node

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One resource, composite or Application as written in the file. References are not resolved yet."""

    kind: str
    name: str
    held: Held
    origin: Origin
    annotations: Mapping[str, Node] = field(default_factory=dict)
    formerly: tuple[str, ...] = ()  # of an Application
    written: Node | None = None  # of a plain AWS document in JSON: the body in the file, for the strict check

    @property
    def spec(self) -> Node:
        """The body."""
        return self.held.node

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


@dataclass(slots=True)
class Reading:
    """The documents found so far, with problems and notes."""

    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def problem(self, origin: Origin, message: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(origin, message))


def read(node: Node) -> Reading:
    """Return what one YAML document declares. An empty document declares nothing."""
    reading = Reading()
    value = node.value
    if value is None:
        return reading
    if isinstance(value, list) and value and all(_is_bare(one) for one in value):
        for one in value:  # of `--query`
            _bare(one, reading)
    elif not isinstance(value, dict):
        reading.problem(node.origin, "a document must be a map of fields: apiVersion, kind, metadata, spec")
    elif "kind" in value:
        _envelope(node, reading)
    elif "resources" in value:
        _resources(node, reading)
    elif not _bare(node, reading):
        reading.problem(node.origin, f"not an ecsync document: {_instead(value)}")
    return reading


_KUBERNETES = ("ConfigMap", "CronJob", "DaemonSet", "Deployment", "Ingress", "Job", "Pod", "Service", "StatefulSet")
_OUT = "move the file out of the source, or hide it with a dot before its name"


def _instead(fields: Mapping[str, Node]) -> str:
    """Return what a file is that declares nothing, and what to do."""
    if isinstance(_value(fields, "services"), dict):
        return (
            "it is a file of Docker Compose. Write a TaskDefinition with a container for each service, and a Service "
            f"(`ecsync explain TaskDefinition` has an example); {_OUT}"
        )
    if "taskDefinition" in fields and ("desiredCount" in fields or "cluster" in fields):
        return (
            'it is the input of CreateService, without "serviceName"; add it, or put the fields below '
            "`resources: {Service/NAME: …}`"
        )
    if other := described.other_output(fields):
        return f"it has {other}"
    close = next((near for key in fields if (near := nearest(key, ("kind", "resources"), cutoff=0.7))), None)
    return 'it has neither "kind" nor "resources"; ' + (f"did you mean {quoted(close)}?" if close else _OUT)


def _envelope(node: Node, reading: Reading) -> None:
    kind = node.value["kind"]
    version = node.get("apiVersion")
    if version is not None and isinstance(version.value, str) and not version.value.startswith("ecsync/"):
        tool = "Kubernetes" if _value(node.value, "kind") in _KUBERNETES else "another tool"
        hint = f"write {API_VERSION} and the fields of ECS, or move the file out of the source"
        reading.problem(version.origin, f"apiVersion {quoted(version.value)} belongs to {tool}; {hint}")
        return
    checked = _checked(node, _APPLICATION if kind.value == "Application" else _ENVELOPE, "the document", reading)
    metadata = checked.get("metadata")
    name = metadata.get("name") if metadata is not None else None
    if name is None or not isinstance(kind.value, str) or metadata is None:
        return
    _add(
        reading,
        kind=kind.value,
        name=name,
        spec=checked.get("spec") or Node({}, kind.origin),
        origin=kind.origin,
        annotations=_annotations(metadata),
        formerly=_formerly(metadata, reading),
    )


def _resources(node: Node, reading: Reading) -> None:
    checked = _checked(node, _RESOURCES, "the document", reading)
    metadata = checked.get("metadata")
    annotations = _annotations(metadata) if metadata is not None else {}
    resources = checked.get("resources")
    if resources is None or not isinstance(resources.value, dict):
        return
    for key, spec in resources.value.items():
        kind, slash, name = key.partition("/")
        if not slash or not kind.isalnum() or kind == "Application":
            reading.problem(spec.origin, f"the key {quoted(key)} must be Kind/name, such as Service/api")
            continue
        _add(reading, kind=kind, name=Node(name, spec.origin), spec=spec, origin=spec.origin, annotations=annotations)


def _add(
    reading: Reading,
    *,
    kind: str,
    name: Node,
    spec: Node,
    origin: Origin,
    annotations: Mapping[str, Node],
    formerly: tuple[str, ...] = (),
    plain_json: bool = False,
    bare: bool = False,
) -> None:
    if not isinstance(name.value, str) or not NAME.fullmatch(name.value):
        hint = "; or use an envelope with metadata.name" if bare else ""
        reading.problem(name.origin, f"{bad_name(name.value)}{hint}")
        return
    if spec.value is None:
        spec = Node({}, spec.origin)
    if not isinstance(spec.value, dict):
        reading.problem(spec.origin, f"{printable(kind)}/{name.value} must be a map of fields")
        return
    created = described.as_created(kind, spec)
    reading.notes += described.notes(kind, spec)
    reading.documents.append(
        Document(
            kind=shared(kind),
            name=shared(name.value),
            held=Held(created),
            origin=origin,
            annotations=annotations,
            formerly=formerly,
            written=_in_place(spec, created) if plain_json else None,
        )
    )


def _in_place(spec: Node, created: Node) -> Node:
    """Return the members of a plain AWS document as they are created, without those that are printed elsewhere."""
    return Node({name: created.value[name] for name in spec.value if name in created.value}, spec.origin)


def _checked(node: Node, shape: Shape, name: str, reading: Reading) -> Node:
    checked = check(node, shape, name=name, who="ecsync")
    reading.problems += [Problem(finding.origin, finding.message) for finding in checked.problems]
    return checked.node


def _annotations(metadata: Node) -> Mapping[str, Node]:
    annotations = metadata.get("annotations")
    return annotations.value if annotations is not None and isinstance(annotations.value, dict) else {}


def _formerly(metadata: Node, reading: Reading) -> tuple[str, ...]:
    formerly = metadata.get("formerly")
    names = formerly.value if formerly is not None and isinstance(formerly.value, list) else []
    for name in names:
        if not isinstance(name.value, str) or not NAME.fullmatch(name.value):
            reading.problem(name.origin, bad_name(name.value))
    return tuple(str(name.value) for name in names)


# ---------------------------------------------------------------- plain AWS documents


def _bare(node: Node, reading: Reading) -> bool:
    """Read a plain AWS document, as the AWS CLI accepts or prints it. Return False if the node is not one."""
    fields: dict[str, Node] = node.value
    if "family" in fields and "containerDefinitions" in fields:
        _bare_document("TaskDefinition", "family", node, reading)
    elif "serviceName" in fields:
        _bare_document("Service", "serviceName", node, reading)
    elif isinstance(_value(fields, "taskDefinition"), dict):
        inner = fields["taskDefinition"]
        tags = {"tags": fields["tags"]} if "tags" in fields else {}
        return _bare(Node(inner.value | tags, inner.origin), reading)
    elif isinstance(_value(fields, "services"), list):
        for service in fields["services"].value:
            if not isinstance(service.value, dict) or not _bare(service, reading):
                reading.problem(service.origin, 'missing required field "serviceName" in a service')
    elif "containerDefinitions" in fields:
        reading.problem(node.origin, _NO_FAMILY)
    else:
        return _described(node, reading)
    return True


def _is_bare(node: Node) -> bool:
    return isinstance(node.value, dict) and _bare(node, Reading())


def _described(node: Node, reading: Reading) -> bool:
    """Read an output of `describe`, or one element of it. Return False if the node is neither."""
    found = list(described.elements(node))
    for one in found:
        if one.left_out:
            reading.notes.append(Problem(one.spec.origin, f"left out: {one.left_out}"))
            continue
        _add(
            reading,
            kind=one.kind,
            name=one.name,
            spec=one.spec,
            origin=one.spec.origin,
            annotations={},
            plain_json=one.spec.origin.file.endswith(".json"),
            bare=True,
        )
    return bool(found) or described.is_empty(node)


def _value(fields: Mapping[str, Node], key: str) -> object:
    return fields[key].value if key in fields else None


def _bare_document(kind: str, member: str, spec: Node, reading: Reading) -> None:
    """Add a plain AWS document. In JSON its name must have AWS's type; the strict check of the body comes later."""
    name: Node = spec.value[member]
    in_json = spec.origin.file.endswith(".json")
    if in_json:
        shape = structure({member: STRING}, member)
        wrong = mistyped(Node({member: name}, spec.origin), shape, name=kind)
        reading.problems += [Problem(finding.origin, finding.message) for finding in wrong]
        if wrong:
            return
    valid = isinstance(name.value, str) and _AWS_NAME.fullmatch(name.value)
    _add(
        reading,
        kind=kind,
        name=Node(described.document_name(name.value), name.origin) if valid else name,
        spec=spec,
        origin=name.origin,
        annotations={},
        plain_json=in_json,
        bare=True,
    )
