"""Which older revisions of a family may go: of ours, beyond those that stay, and used by no service (rule 17)."""

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

_AT_ONCE = 5  # told at once; the core removes one a pass


def surplus(reader: Reader, family: str, candidates: Iterator[str], owner: str) -> Facts:
    """Return the facts about revisions that may go: `surplus`, oldest first, or why they are `kept` for now.

    `candidates` are ARNs, oldest first. Services are listed only if there is one, as that is many calls.
    """
    try:
        first = next(candidates, None)
        if first is None:
            return {"surplus": ()}
        used, deploying = _uses(reader, family)
        if deploying:
            return {"surplus": (), "kept": f"{deploying} is being deployed, and may go back to an older revision"}
        free = (
            arn for arn in chain([first], candidates) if short_name(arn) not in used and _marked(reader, arn, owner)
        )
        return {"surplus": tuple({"arn": arn, "revision": _number(arn)} for arn in islice(free, _AT_ONCE))}
    except AwsError as error:
        if error.kind == "credentials":
            raise
        return {"surplus": (), "kept": f"which older revisions may go is not known: {error}"}


def _uses(reader: Reader, family: str) -> tuple[set[Json], str]:
    """Return what the services of every cluster run, and one whose deployment of this family is in flight.

    What ECS would roll back to is not always among the deployments: until one is complete nothing goes.
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
    """Yield `family:revision` of what a service, its deployments and its task sets run."""
    for one in (service, *(service.get("deployments") or ()), *(service.get("taskSets") or ())):
        if one.get("taskDefinition"):
            yield short_name(one["taskDefinition"])


def _marked(reader: Reader, arn: str, owner: str) -> bool:
    """Tell whether it carries our mark now: the tags that were described may come from the cache."""
    tags = reader.call("ecs", "ListTagsForResource", resourceArn=arn).get("tags")
    return marks.tag_map(tags).get(marks.OWNER) == owner


def _number(arn: str) -> str:
    return arn.rsplit(":", 1)[-1]


def leftovers(present: Present, world: World) -> Iterable[tuple[Present, str]]:
    """Yield each revision that may go, and which service of the application turns out to use it."""
    for old in present.facts.get("surplus", ()):
        outputs = {**present.outputs, "arn": old["arn"], "revision": old["revision"]}
        yield Present(body={}, outputs=outputs, marks=present.marks), _still_needed(old["arn"], world)


def _still_needed(arn: str, world: World) -> str:
    unknown = unread(world, "Service")
    if unknown:
        return f"{unknown} could not be read, and may run {short_name(arn)}"
    for key, service in world.items():
        if key.kind != "Service" or not isinstance(service, Present):
            continue
        if short_name(arn) in _runs({**service.body, "deployments": service.facts.get("deployments")}):
            return f"{key} still runs {short_name(arn)}"
    return ""
