"""Older revisions of a family to delete: ours, beyond those that stay, used by no service (docs/rules.md R17)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from ecsync.core import marks
from ecsync.core.kind import World
from ecsync.core.model import Facts, Present
from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body, Json
from ecsync.kinds.ecs._service_read import every_service, settled
from ecsync.kinds.ecs._shared import short_name
from ecsync.kinds.elbv2._actions import unread

_MOST_PER_PASS = 5  # the core deletes one in a pass


def surplus(reader: Reader, family: str, candidates: Iterator[str], owner: str) -> Facts:
    """Return the facts `surplus` (revisions to delete, oldest first) and `cleanupBlocked` (why none is deleted now).

    `candidates` are ARNs, oldest first. The services are listed only if the first one exists: that takes many calls.
    """
    try:
        first = next(candidates, None)
        if first is None:
            return {"surplus": ()}
        used, deploying = _uses(reader, family)
        if deploying:
            return _blocked(f"{deploying} is being deployed, and may go back to an older revision")
        free = (
            arn for arn in chain([first], candidates) if short_name(arn) not in used and _marked(reader, arn, owner)
        )
        return {"surplus": tuple({"arn": arn, "revision": _number(arn)} for arn in islice(free, _MOST_PER_PASS))}
    except AwsError as error:
        if error.kind == "credentials":
            raise
        return _blocked(f"the services that may use older revisions cannot be read: {error}")


def _blocked(why: str) -> Facts:
    return {"surplus": (), "cleanupBlocked": why}


def _uses(reader: Reader, family: str) -> tuple[set[Json], str]:
    """Return (the revisions that services of any cluster run, a service with a deployment of this family in flight).

    ECS may roll back to a revision that is not in the list of deployments, so a deployment in flight blocks all.
    """
    used: set[Json] = set()
    deploying = ""
    for service in every_service(reader):
        runs = set(_runs(service))
        used |= runs
        if not settled(service) and any(str(one).split(":", 1)[0] == family for one in runs):
            deploying = f"{short_name(service['clusterArn'])}/{service['serviceName']}"
    return used, deploying


def _runs(service: Body) -> Iterator[Json]:
    """Yield `family:revision` of a service, its deployments and its task sets."""
    for one in (service, *(service.get("deployments") or ()), *(service.get("taskSets") or ())):
        if one.get("taskDefinition"):
            yield short_name(one["taskDefinition"])


def _marked(reader: Reader, arn: str, owner: str) -> bool:
    """Return whether a revision carries our mark now; the described tags may come from the cache."""
    tags = reader.call("ecs", "ListTagsForResource", resourceArn=arn).get("tags")
    return marks.tag_map(tags).get(marks.OWNER) == owner


def _number(arn: str) -> str:
    return arn.rsplit(":", 1)[-1]


def leftovers(present: Present, world: World) -> Iterable[tuple[Present, str]]:
    """Yield each surplus revision with the reason why it must stay; empty if it can be deleted."""
    for old in present.facts.get("surplus", ()):
        outputs = {**present.outputs, "arn": old["arn"], "revision": old["revision"]}
        yield Present(body={}, outputs=outputs, marks=present.marks), _still_needed(old["arn"], world)


def _still_needed(arn: str, world: World) -> str:
    unreadable = unread(world, "Service")
    if unreadable:
        return f"{unreadable} could not be read, and may run {short_name(arn)}"
    for key, service in world.items():
        if key.kind != "Service" or not isinstance(service, Present):
            continue
        if short_name(arn) in _runs({**service.body, "deployments": service.facts.get("deployments")}):
            return f"{key} still runs {short_name(arn)}"
    return ""
