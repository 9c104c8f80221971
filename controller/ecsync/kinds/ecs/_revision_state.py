"""What AWS may change of a revision of a task definition: whether it is ACTIVE, and its tags.

The content of a revision never changes: `Reader.cached` keeps it. Its state and its tags have a call of their own for
each revision, except when it is described anyway.
"""

from __future__ import annotations

from collections.abc import Callable

from ecsync.core.kind import Collection
from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body
from ecsync.kinds._common import missing, pick

_DESCRIBE = "ecs.DescribeTaskDefinition"


def active(read: Callable[..., Body], arn: str) -> Body | None:
    """Return the response of `read` for a revision; None if it is deregistered or does not exist."""
    try:
        found = read("ecs", "DescribeTaskDefinition", taskDefinition=arn, include=["TAGS"])
    except AwsError as error:
        if missing(error):
            return None
        raise
    return found if found["taskDefinition"].get("status", "ACTIVE") == "ACTIVE" else None


def state_now(reader: Reader, arn: str) -> Body | None:
    """Return the state and the tags of a revision; None if it is deregistered or does not exist."""
    found = active(reader.call, arn)
    return _state(found) if found is not None else None


def _state(described: Body) -> Body:
    definition = pick(described["taskDefinition"], "taskDefinitionArn", "status")
    return {"taskDefinition": definition, "tags": described.get("tags") or []}


def _state_in(described: Body) -> tuple[str, Body, Body]:
    arn = described["taskDefinition"]["taskDefinitionArn"]
    return _DESCRIBE, {"taskDefinition": arn, "include": ["TAGS"]}, _state(described)


COLLECTIONS = (Collection(operation=_DESCRIBE, cadence="slow", part=_state, contains=_state_in),)
