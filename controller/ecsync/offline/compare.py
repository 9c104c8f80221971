"""The exact diff as a function: what AWS would see between a body as written and a body as it prints it.

The same normalise, rules and `differences` as drift, plan and status; no AWS client is imported. What two documents
cannot hold comes as `context`.
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
from ecsync.language.fitting import Misfit, fitted
from ecsync.language.nodes import Node, grow, plain

CONTEXT = ("scalableTarget", "scheduledActions", "ecsBlueGreenTargetGroups", "namespaceArnByName")
_KINDS = {kind.name: reviewed.with_unreviewed(kind) for kind in kinds.ALL}
_MOST_TOLD = 5  # problems of one message


def compare(
    kind: str, desired: Mapping[str, Any], live: Mapping[str, Any], *, context: Mapping[str, Any] | None = None
) -> tuple[FieldChange, ...]:
    """Return how `live` differs from `desired`, field by field; nothing where AWS would see no difference.

    `desired` is AWS's create input with what a second call sets, `live` what describe prints (or the same input);
    maps stand for AWS's lists of pairs. `context` takes the facts that two documents cannot hold: `scalableTarget`
    (MinCapacity, MaxCapacity), `scheduledActions` (a list of such), `ecsBlueGreenTargetGroups` (two ARNs) and
    `namespaceArnByName`. In a change, `before` is live and `after` is written, both in canonical form.

    Raises ValueError where the kind is unknown, or a body is not what AWS's model says.
    """
    of = kind_of(kind)
    for side, document in (("desired", desired), ("live", live)):
        if not isinstance(document, Mapping):
            raise ValueError(f"{side} must be a mapping, not {type(document).__name__}")
    written = written_as(of, grow(desired, Origin("")))
    if written.problems:
        told = [finding.message for finding in written.problems]
        more = f" (and {len(told) - _MOST_TOLD} more)" if len(told) > _MOST_TOLD else ""
        raise ValueError("; ".join(told[:_MOST_TOLD]) + more)
    return difference(of, written.body, live, context).fields


def kind_of(name: str) -> Kind:
    """Return the kind of a name. Raises ValueError where there is none, or nothing of it to compare."""
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError(f"unknown kind {name!r}{suggestion(name, _KINDS)}")
    if kind.shape is None:
        raise ValueError(f"{name} is a lookup: nothing of it is compared")
    return kind


def written_as(kind: Kind, node: Node, *, unread: bool = False) -> Checked:
    """Return a written body in AWS's types, with what is wrong with it; what it lacks is not wrong here.

    What describe prints may be written too: it then stands under the names of the create input. Text need not be one
    of the values that this botocore knows. With `unread`, text with `${` in it may be anything. Raises ValueError at
    what is no such document.
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
    """Return a printed document with what AWS prints elsewhere, or under another name, where CreateX takes it."""
    shape, printed = _shapes(kind)
    tags = kind.tagging.member if kind.tagging else ""
    if not any(name in printed.members and name not in shape.members for name in node.value):
        return node
    document = plain(node)
    members = dict(node.value)
    for name, value in _present(kind, document, document, "desired").body.items():
        if document.get(name) != value and name in shape.members and name != tags:
            members[name] = grow(value, members[name].origin if name in members else node.origin)
    return Node(members, node.origin)


def difference(kind: Kind, written: Body, live: Body, context: Mapping[str, Any] | None = None) -> Difference:
    """Compare a body that `written_as` gave with what describe prints. Raises ValueError at what is no such thing."""
    facts = dict(context or {})
    for name in facts:
        if name not in CONTEXT:
            raise ValueError(f"unknown context {name!r}{suggestion(name, CONTEXT)}")
    document = plain(_resource(kind, grow(live, Origin("live"))))
    present = _present(kind, document, written, "live")
    return between(kind, written, replace(present, facts={**present.facts, **facts}))


def _shapes(kind: Kind) -> tuple[Shape, Shape]:
    assert kind.shape is not None, kind.name
    printed = shapes.load(ShapeOf(operation="", describe=kind.shape.describe))
    return shapes.load(kind.shape), printed


def _present(kind: Kind, live: Body, written: Body, side: str) -> Present:
    """Return a printed document as a resource in the shape of the create input."""
    shape, printed = _shapes(kind)
    tags = kind.tagging.member if kind.tagging else ""
    try:
        whole = fitted(live, shape, printed, rules=kind.rules, tags=tags)
        told = {name: value for name, value in whole.items() if value is not None}
        present = kind.from_describe(told, written) if kind.from_describe else _as_it_stands(told, tags)
        body = fitted(present.body, shape, rules=kind.rules, tags=tags, strict=False)
    except Misfit as misfit:
        raise ValueError(f"{side}: {kind.name}.{misfit}") from None
    by_aws = printed.members.keys() - shape.members.keys()
    return replace(present, body={name: value for name, value in body.items() if name not in by_aws})


def _as_it_stands(live: Body, tags: str) -> Present:
    return Present(body={**live, tags: user_tags(tag_map(live.get(tags)))} if tags else live, outputs={})


def _resource(kind: Kind, node: Node) -> Node:
    """Return the one resource in what the AWS CLI prints; any other document is the resource itself.

    `{"taskDefinition": …, "tags": …}` and `{"services": […]}` are what it prints.
    """
    assert kind.shape is not None, kind.name
    member = kind.shape.describe.partition(":")[2].removesuffix("[]")
    inner = node.get(member)
    if inner is None or not isinstance(inner.value, (dict, list)):
        return node
    found = inner.value if isinstance(inner.value, list) else [inner]
    if len(found) != 1 or not isinstance(found[0].value, dict):
        raise ValueError(f"{member} must hold one {kind.name}, and it holds {len(found)} documents")
    beside = {name: node.value[name] for name in ("tags", "Tags") if name in node.value}
    return Node({**found[0].value, **beside}, found[0].origin)
