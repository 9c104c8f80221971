"""TaskDefinition: a family of revisions. A revision is immutable: every change of content registers a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ecsync.core import marks
from ecsync.core.kind import Kind, ShapeOf
from ecsync.core.marks import with_marks
from ecsync.core.model import Call, Create, Delete, Present, Replace, Tags, Update
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import arn_tagging, operations, without
from ecsync.kinds._outputs import OUTPUTS, family_arn
from ecsync.kinds.ecs._old_revisions import leftovers
from ecsync.kinds.ecs._revision_read import owned, printed, read
from ecsync.kinds.ecs._revision_state import COLLECTIONS
from ecsync.kinds.ecs._revisions import LISTING
from ecsync.kinds.ecs._task_definition_rules import REVIEWED, RULES
from ecsync.kinds.ecs.constraints import containers, ports_and_logs, regions, service_documents, task, volumes

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_ON_LIVE = arn_tagging("ecs", "key/value")


def _put(present: Present, tags: Tags) -> tuple[Call, ...]:
    """Return the calls that put tags on the live revision, and our marks on the revision that has them."""
    marked = present.facts.get("marked")
    if marked is None:
        return _ON_LIVE.put(present, tags)
    ours = {key: text for key, text in tags.items() if key.startswith(marks.PREFIX)}
    others = {key: text for key, text in tags.items() if key not in ours}
    on_marked = replace(present, outputs={**present.outputs, "arn": marked})
    puts = ((present, others), (on_marked, ours))
    return tuple(call for revision, put in puts if put for call in _ON_LIVE.put(revision, put))


TAGGING = replace(_ON_LIVE, put=_put)


def _natural(body: Body) -> str | None:
    family = body.get("family")
    return family if isinstance(family, str) else None


def _known(body: Body) -> Mapping[str, str]:
    family = _natural(body)
    return {"family": family} if family else {}


# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterable[tuple[Path, str]]:
    if body.get("networkMode") != "awsvpc":
        return
    for index, container in enumerate(body.get("containerDefinitions") or ()):
        for position, mapping in enumerate(container.get("portMappings") or ()):
            host, port = mapping.get("hostPort"), mapping.get("containerPort")
            if host and port and host != port:
                path: Path = ("containerDefinitions", index, "portMappings", position, "hostPort")
                yield path, f"hostPort {host} must be containerPort {port} (or left out) with networkMode awsvpc"


# 3 RULES ---------------------------------------------------------------------------------------------------------

# The table and REVIEWED are in `_task_definition_rules.py`.

# 4 READ ----------------------------------------------------------------------------------------------------------

# The reads are in `_revision_read.py`.

# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=our_marks) | Replace(desired=desired, marks=our_marks):
            return (_register(desired.body, our_marks),)
        case Update(fields=fields):
            return (_revise(change),) if fields else ()  # the core compiles a change of tags alone
        case Delete(observed=observed):
            params = {"taskDefinition": observed.outputs["arn"]}
            return (Call(service="ecs", operation="DeregisterTaskDefinition", params=params),)


def _revise(change: Update) -> Call:
    """Return the registration of a new revision. It carries the marks of the live one, which it replaces."""
    left_alone = _left_alone(change)
    body = {**left_alone, **change.desired.body}
    body["containerDefinitions"] = _containers(body["containerDefinitions"], left_alone.get("containerDefinitions"))
    live = change.observed.marks
    identity = {marks.OWNER: live.owner, marks.ID: live.id} if live else {}
    return _register(body, identity | dict(change.marks))


def _register(body: Body, our_marks: Tags) -> Call:
    params = with_marks(TAGGING, without(body), our_marks)
    if not params.get("tags"):
        params.pop("tags", None)  # RegisterTaskDefinition rejects an empty list
    captures: Mapping[str, Path] = {
        "arn": ("taskDefinition", "taskDefinitionArn"),
        "family": ("taskDefinition", "family"),
        "revision": ("taskDefinition", "revision"),
    }
    return Call(service="ecs", operation="RegisterTaskDefinition", params=params, captures=captures)


def _left_alone(change: Update) -> Body:
    """Return the live members that a new revision keeps because undeclared members are left alone; empty otherwise."""
    applied = change.observed.marks.applied if change.observed.marks else None
    undeclared, adopted = change.desired.options.undeclared, bool(applied and applied.adopted)
    if undeclared == "default" or (undeclared == "adopted" and not adopted):
        return {}
    return {name: value for name, value in change.observed.body.items() if value and name != TAGGING.member}


def _containers(declared: Json, live: Json) -> Json:
    """Return the declared containers, each merged over the live container of the same name."""
    by_name = {one["name"]: one for one in live or ()}
    return [{**by_name.get(one["name"], {}), **one} for one in declared]


KIND = Kind(
    name="TaskDefinition",
    example="""
TaskDefinition/web:
  family: shop-web
  requiresCompatibilities: [FARGATE]
  networkMode: awsvpc
  cpu: 256
  memory: 512
  executionRoleArn: ${Role/execution.arn}
  containerDefinitions:
    - name: web
      image: public.ecr.aws/nginx/nginx:1.27
      portMappings: [{containerPort: 80}]
      logConfiguration:
        logDriver: awslogs
        options: {awslogs-group: "${LogGroup/web}", awslogs-region: eu-west-1, awslogs-stream-prefix: web}
""",
    natural=_natural,
    name_member="family",
    primary="arn",
    outputs=OUTPUTS["TaskDefinition"],
    derived={"familyArn": family_arn},
    known=_known,
    invalidates={"update": ("arn", "revision"), "revise": ("arn", "revision"), "replace": ("arn", "revision")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="ecs.RegisterTaskDefinition",
        describe="ecs.DescribeTaskDefinition:taskDefinition",
        optional=("family",),
    ),
    reviewed=REVIEWED,
    check=_check,
    constraints=(
        *task.ROWS,
        *containers.ROWS,
        *ports_and_logs.ROWS,
        *volumes.ROWS,
        *service_documents.OF_TASK_DEFINITION,
        *regions.OF_TASKS,
    ),
    rules=RULES,
    read=read,
    owned=owned,
    tagged_as="ecs:task-definition",
    reads_after=("Service",),
    apart=True,
    collections=(*COLLECTIONS, LISTING),
    from_describe=printed,
    reads=operations(
        "ecs",
        "ListTaskDefinitions",
        "DescribeTaskDefinition",
        "ListTagsForResource",
        "ListClusters",
        "DescribeClusters",
        "ListServices",
        "DescribeServices",
    )
    | operations("resourcegroupstaggingapi", "GetResources"),
    calls=_calls,
    any_change="revise",
    superseded=leftovers,
    retain_default=True,
    keeps_revisions=True,
    writes=operations("ecs", "RegisterTaskDefinition"),
    deletes=operations("ecs", "DeregisterTaskDefinition"),
    rights=("iam:PassRole",),
)
