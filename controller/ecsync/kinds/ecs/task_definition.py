"""TaskDefinition: a family of revisions. A revision is immutable: every change of content registers a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from ecsync.core import marks
from ecsync.core.diff import differences
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Tags, Unreadable, Update
from ecsync.core.ports import Reader
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import (
    arn_tagging,
    belongs,
    operations,
    pick,
    read_tags,
    tagged_arns,
    without,
    without_nones,
)
from ecsync.kinds.ecs._old_revisions import leftovers, surplus
from ecsync.kinds.ecs._revision_state import COLLECTIONS, state_now
from ecsync.kinds.ecs._revisions import LISTING, describe, family_of, listed, newest, newest_of, number_in
from ecsync.kinds.ecs._shared import is_resolved, role_name
from ecsync.kinds.ecs._task_definition_rules import REVIEWED, ROLES, RULES

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = arn_tagging("ecs", "key/value")
_OUTPUTS = ("arn", "family", "revision")


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

# A newer member of RegisterTaskDefinition that is not in this list is read if it is declared.
_MEMBERS = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "inferenceAccelerators",
    "ephemeralStorage",
    "runtimePlatform",
    "enableFaultInjection",
    "trustedExecutionConfiguration",
)


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    running: Mapping[str, Sequence[str]] = _running(world)
    # What an unreadable service runs is not known: then the revision of the last pass saves the listing.
    unread = any(key.kind == "Service" and isinstance(one, Unreadable) for key, one in world.items())
    unlisted: list[tuple[Wanted, Sequence[str], list[Body]]] = []
    for want in wanted:  # in the steady state one describe call is enough
        known = [want.revision] if unread and want.revision else ()
        runs, others = running.get(str(want.body["family"]), known), list[Body]()
        found = _with_content(reader, want, runs, dict.fromkeys(runs), others)
        if found is None:
            unlisted.append((want, runs, others))
        else:
            yield want.key, _with_surplus(reader, want, found)
    newest_in = newest_of(reader, {str(want.body["family"]) for want, _, _ in unlisted})
    for want, runs, others in unlisted:
        rest = [arn for arn in newest_in(str(want.body["family"])) if arn not in runs]
        present = _with_content(reader, want, runs, rest, others) or _without_content(reader, want, others)
        yield want.key, _with_surplus(reader, want, present)


def _with_content(
    reader: Reader, want: Wanted, running: Iterable[str], arns: Iterable[str], others: list[Body]
) -> Present | None:
    """Return the first ACTIVE revision with the desired content, and note those without it (docs/rules.md R17)."""
    for arn in arns:
        revision = describe(reader, arn)
        if revision is None:
            continue
        if _arn(revision) != want.revision and not _has_content(revision, want.body):
            others.append(revision)
            continue
        latest = _newest_running(reader, revision, want.body, running)
        found = _active(reader, latest, want.body) or _active(reader, revision, want.body)
        if found is not None:
            return replace(found, revision=str(found.outputs["arn"]))
    return None


def _without_content(reader: Reader, want: Wanted, others: list[Body]) -> Present | Absent:
    """Return our newest ACTIVE revision, else the newest one (docs/rules.md R17)."""
    others.sort(key=lambda one: (_owner(one) == want.owner, _number(one)), reverse=True)
    active = (_active(reader, one, want.body) for one in others)
    return next((one for one in active if one is not None), Absent())


def _newest_running(reader: Reader, found: Body, body: Body, running: Iterable[str]) -> Body:
    """Return the newest running revision with this content, so that the order of the services does not matter."""
    newer = {number: arn for arn in running if (number := number_in(arn)) > _number(found)}
    described = (describe(reader, newer[number]) for number in sorted(newer, reverse=True))
    return next((one for one in described if one is not None and _has_content(one, body)), found)


def _arn(described: Body) -> str:
    return str(described["taskDefinition"]["taskDefinitionArn"])


def _number(described: Body) -> int:
    return int(described["taskDefinition"]["revision"])


def _active(reader: Reader, revision: Body, declared: Body) -> Present | None:
    """Return a revision with its current tags; None if it is not ACTIVE any more. Its content may be of the cache."""
    now = state_now(reader, _arn(revision))
    return present_of(revision["taskDefinition"], now["tags"], declared) if now is not None else None


def _with_surplus(reader: Reader, want: Wanted, found: Present | Absent) -> Present | Absent:
    """Add the facts about our older revisions to delete, if the document declares how many stay."""
    if not (want.keep and want.managed and isinstance(found, Present)):
        return found
    if found.marks is None or found.marks.owner != want.owner:
        return found
    family = str(want.body["family"])
    candidates = _older(reader, want, family, str(found.outputs["arn"]))
    return replace(found, facts={**found.facts, **surplus(reader, family, candidates, want.owner)})


def _older(reader: Reader, want: Wanted, family: str, live: str) -> Iterator[str]:
    """Yield our revisions beyond the `keep` newest of the family, oldest first; never the live one."""
    for arn in reversed(list(islice(listed(reader, family), want.keep, None))):
        described = describe(reader, arn) if arn != live else None
        if described is not None and _owner(described) == want.owner:
            yield arn


def _running(world: World) -> Mapping[str, list[str]]:
    """Return the revisions that the observed services run, by family."""
    found: dict[str, list[str]] = {}
    for key, observed in world.items():
        if key.kind == "Service" and isinstance(observed, Present):
            arn = observed.body.get("taskDefinition")
            if isinstance(arn, str) and arn.startswith("arn:"):
                found.setdefault(family_of(arn), []).append(arn)
    return found


def _has_content(described: Body, body: Body) -> bool:
    """Return whether a revision has the content of a body; False for a body with unresolved references."""
    if not is_resolved(body):
        return False
    live = present_of(described["taskDefinition"], (), body).body
    return not differences(without(body, "tags"), without(live, "tags"), RULES).fields


def _owner(described: Body) -> str:
    return marks.tag_map(described.get("tags")).get(marks.OWNER, "")


def present_of(revision: Body, tags: Json, declared: Body) -> Present:
    """Return a revision in the shape of RegisterTaskDefinition."""
    manifest_tags, our_marks, foreign = read_tags(tags)
    picked = pick(revision, *_MEMBERS, *(one for one in declared if one != "tags"))
    if not picked.get("networkMode") and declared.get("networkMode") == "default":
        picked["networkMode"] = "default"  # AWS may leave `default` out; it returns bridge for bridge
    for member in ROLES:
        if _same_role(picked.get(member), declared.get(member)):
            picked[member] = declared[member]
    body = without_nones({**picked, "tags": manifest_tags})
    outputs = {
        "arn": revision["taskDefinitionArn"],
        "family": revision["family"],
        "revision": str(revision["revision"]),
    }
    facts = {"status": revision.get("status", "ACTIVE")}
    return Present(body=body, outputs=outputs, marks=our_marks, facts=facts, foreign=foreign)


def _same_role(live: Json, declared: Json) -> bool:
    """Return whether one of two roles is a name that matches the other: a name does not contain an account."""
    if not isinstance(live, str) or not isinstance(declared, str):
        return False
    by_name = not (live.startswith("arn:") and declared.startswith("arn:"))
    return by_name and bool(role_name(live) == role_name(declared))


def _printed(live: Body, declared: Body) -> Present:
    """Return a document as DescribeTaskDefinition returns it; one that is not registered has no ARN and number."""
    unregistered = {"taskDefinitionArn": "", "family": "", "revision": 0}
    return present_of({**unregistered, **live}, live.get("tags"), declared)


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    """Yield our newest ACTIVE revision of each family."""
    families = {family_of(arn) for arn in tagged_arns(reader, "ecs:task-definition", scope)}
    for family in sorted(families):
        for arn in newest(reader, family):
            described = describe(reader, arn)
            present = _active(reader, described, {}) if described is not None else None
            if present is not None and present.marks and belongs(present, scope):
                yield Owned(marks=present.marks, natural=family, present=present)
                break


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
    outputs=_OUTPUTS,
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
    rules=RULES,
    read=_read,
    owned=_owned,
    tagged_as="ecs:task-definition",
    reads_after=("Service",),
    apart=True,
    collections=(*COLLECTIONS, LISTING),
    from_describe=_printed,
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
