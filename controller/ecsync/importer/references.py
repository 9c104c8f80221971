"""References between live resources: the places of a body that hold one, and the body that a read of it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ecsync.core.kind import Kind
from ecsync.core.model import Present
from ecsync.core.rules import Keyed, Refers
from ecsync.core.trees import Body, Json, locate

# A kind reads attributes only where the body declares some: this member makes it read them.
ATTRIBUTES: Body = {"Attributes": [{"Key": "", "Value": ""}]}


DEFAULT_OF, DEFAULT_RULE = "ListenerRule", "defaultRule"  # the output of a listener that stands for one of this kind


def read_body(kind: Kind, value: str) -> Body | None:
    """Return the body that a read of the kind needs, from a name or ARN; None: never a document, it stays a literal."""
    body = kind.from_reference(value) if kind.from_reference else None
    counts_attributes = any(isinstance(row, Keyed) and row.path == "Attributes" for row in kind.rules)
    return {**body, **ATTRIBUTES} if body and counts_attributes else body


def places(kind: Kind, body: Body) -> Iterator[tuple[Refers, Json, str | int, str]]:
    """Yield every place of a body that holds the name or ARN of another resource: row, container, key, value."""
    for row in kind.rules:
        if isinstance(row, Refers):
            for container, key, _ in list(locate(body, row.segments)):
                value = container.get(key) if isinstance(container, Mapping) else container[key]
                if isinstance(value, str):
                    yield row, container, key, value


def referenced(kinds: Mapping[str, Kind], kind: Kind, body: Body) -> Iterator[tuple[str, Body]]:
    """Yield each resource that a body refers to: its kind, and the body that its read needs."""
    for row, _, _, value in places(kind, body):
        found = read_body(kinds[row.kind], value) if row.kind in kinds else None
        if found is not None:
            yield row.kind, found


def names(present: Present) -> Iterator[str]:
    """Yield every name, id and ARN that another body may refer to this resource by."""
    return (value for value in present.outputs.values() if isinstance(value, str))


def identity(kind: Kind, body: Body) -> str | None:
    """Return what no two documents may share: the kind's claim, else AWS's name."""
    return (kind.claim or kind.natural)(body)
