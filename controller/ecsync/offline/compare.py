"""The diff as a function: the differences between a declared body and a live body, as AWS sees them.

It uses the same normalisation, rules and `differences` as drift, plan and status. It imports no AWS client. Facts that
are in neither of the two documents are passed as `context`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ecsync import kinds
from ecsync.awsmodel import reviewed, shapes
from ecsync.core.diff import Difference
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.marks import tag_map, user_tags
from ecsync.core.model import FieldChange, Origin, Present
from ecsync.core.resource_diff import between
from ecsync.core.schema import Shape
from ecsync.core.trees import Body
from ecsync.core.wording import suggestion
from ecsync.language.check import Checked, check
from ecsync.language.fitting import TypeMismatch, fitted
from ecsync.language.nodes import Node, plain, to_nodes

CONTEXT = ("scalableTarget", "scheduledActions", "ecsBlueGreenTargetGroups", "namespaceArnByName")
_KINDS = {kind.name: reviewed.with_unreviewed(kind) for kind in kinds.ALL}
_MOST_PROBLEMS = 5  # in one message


def compare(
    kind: str, desired: Mapping[str, Any], live: Mapping[str, Any], *, context: Mapping[str, Any] | None = None
) -> tuple[FieldChange, ...]:
    """Return the fields in which `live` differs from `desired`; empty if they are equal for AWS.

    `desired` is AWS's create input, plus the fields that other calls set. `live` is the output of a describe call, or
    a body like `desired`. A map may replace AWS's list of pairs. `context` has the facts that are in neither document:
    `scalableTarget` (MinCapacity, MaxCapacity), `scheduledActions` (a list of such), `ecsBlueGreenTargetGroups` (two
    ARNs) and `namespaceArnByName`. In a change, `before` is live and `after` is desired, both in canonical form.

    Raises ValueError if the kind is unknown, or if a body does not match AWS's model.
    """
    of = kind_of(kind)
    for side, document in (("desired", desired), ("live", live)):
        if not isinstance(document, Mapping):
            raise ValueError(f"{side} must be a mapping, not {type(document).__name__}")
    written = written_as(of, to_nodes(desired, Origin("")))
    if written.problems:
        messages = [finding.message for finding in written.problems]
        more = f" (and {len(messages) - _MOST_PROBLEMS} more)" if len(messages) > _MOST_PROBLEMS else ""
        raise ValueError("; ".join(messages[:_MOST_PROBLEMS]) + more)
    return difference(of, written.body, live, context).fields


def kind_of(name: str) -> Kind:
    """Return the kind with this name. Raises ValueError if it does not exist, or if it has no body to compare."""
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError(f"unknown kind {name!r}{suggestion(name, _KINDS)}")
    if kind.shape is None:
        raise ValueError(f"{name} cannot be compared: it is a lookup, without a body")
    return kind


def written_as(kind: Kind, node: Node, *, unread: bool = False) -> Checked:
    """Return a declared body in AWS's types, with its problems. Missing fields are not a problem here.

    The body may be the output of a describe call: its fields are then renamed to those of the create input. Enum
    values that the installed botocore does not list are accepted. With `unread`, text with `${` in it is accepted for
    any type. Raises ValueError if the document does not contain exactly one resource.
    """
    shape, printed = _shapes(kind)
    tags = kind.tagging.member if kind.tagging else ""
    return check(
        _as_created(kind, _resource(kind, node)),
        shape,
        name=kind.name,
        rules=kind.rules,
        describe=printed,
        tags=tags,
        partial=True,
        unread=unread,
        closed=False,
    )


def _as_created(kind: Kind, node: Node) -> Node:
    """Return a described document in the form of the create input. A document in that form stays unchanged."""
    shape, printed = _shapes(kind)
    tags = kind.tagging.member if kind.tagging else ""
    if not any(name in printed.members and name not in shape.members for name in node.value):
        return node
    document = plain(node)
    members = dict(node.value)
    for name, value in _present(kind, document, document, "desired").body.items():
        if document.get(name) != value and name in shape.members and name != tags:
            members[name] = to_nodes(value, members[name].origin if name in members else node.origin)
    return Node(members, node.origin)


def difference(kind: Kind, written: Body, live: Body, context: Mapping[str, Any] | None = None) -> Difference:
    """Compare a body from `written_as` with the output of a describe call. Raises ValueError if `live` is not one."""
    facts = dict(context or {})
    for name in facts:
        if name not in CONTEXT:
            raise ValueError(f"unknown context {name!r}{suggestion(name, CONTEXT)}")
    document = plain(_resource(kind, to_nodes(live, Origin("live"))))
    present = _present(kind, document, written, "live")
    return between(kind, written, replace(present, facts={**present.facts, **facts}))


def _shapes(kind: Kind) -> tuple[Shape, Shape]:
    assert kind.shape is not None, kind.name
    printed = shapes.load(ShapeOf(operation="", describe=kind.shape.describe))
    return shapes.load(kind.shape), printed


def _present(kind: Kind, live: Body, written: Body, side: str) -> Present:
    """Return a described document as a resource in the shape of the create input."""
    shape, printed = _shapes(kind)
    tags = kind.tagging.member if kind.tagging else ""
    try:
        whole = fitted(live, shape, printed, rules=kind.rules, tags=tags)
        described = {name: value for name, value in whole.items() if value is not None}
        present = kind.from_describe(described, written) if kind.from_describe else _unchanged(described, tags)
        body = fitted(present.body, shape, rules=kind.rules, tags=tags, strict=False)
    except TypeMismatch as mismatch:
        raise ValueError(f"{side}: {kind.name}.{mismatch}") from None
    by_aws = printed.members.keys() - shape.members.keys()
    return replace(present, body={name: value for name, value in body.items() if name not in by_aws})


def _unchanged(live: Body, tags: str) -> Present:
    return Present(body={**live, tags: user_tags(tag_map(live.get(tags)))} if tags else live, outputs={})


def _resource(kind: Kind, node: Node) -> Node:
    """Return the one resource in the output of the AWS CLI; any other document is returned unchanged.

    The CLI prints `{"taskDefinition": …, "tags": …}` or `{"services": […]}`.
    """
    assert kind.shape is not None, kind.name
    member = kind.shape.describe.partition(":")[2].removesuffix("[]")
    inner = node.get(member)
    if inner is None or not isinstance(inner.value, (dict, list)):
        return node
    found = inner.value if isinstance(inner.value, list) else [inner]
    if len(found) != 1 or not isinstance(found[0].value, dict):
        raise ValueError(f"{member} must contain exactly one {kind.name}, not {len(found)} documents")
    beside = {name: node.value[name] for name in ("tags", "Tags") if name in node.value}
    return Node({**found[0].value, **beside}, found[0].origin)
