"""TaskDefinition: a family of revisions. A revision never changes, so every change of content registers a new one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from ecsync.core import marks
from ecsync.core.diff import differences
from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Key, Observed, Present, Replace, Tags, Update
from ecsync.core.ports import AwsError, Reader
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import arn_tagging, missing, operations, pick, read_tags, without, without_nones
from ecsync.kinds.ecs._old_revisions import leftovers, surplus
from ecsync.kinds.ecs._shared import ours, resolved, role_name, short
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


def family_of(arn: Json) -> str:
    """Return the family in an ARN or `family:revision`."""
    return str(short(arn)).split(":", 1)[0]


# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterable[tuple[Path, str]]:
    for index, container in enumerate(body.get("containerDefinitions") or ()):
        for place, mapping in enumerate(container.get("portMappings") or ()):
            host, port = mapping.get("hostPort"), mapping.get("containerPort")
            if body.get("networkMode") == "awsvpc" and host and port and host != port:
                path: Path = ("containerDefinitions", index, "portMappings", place, "hostPort")
                yield path, f"hostPort {host} must be containerPort {port} (or left out) with networkMode awsvpc"


# 4 READ ----------------------------------------------------------------------------------------------------------

# A member that AWS adds to RegisterTaskDefinition after this list was written is read where it is declared.
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
_NEWEST = 10


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    running = _running(world)
    for want in wanted:
        found = _live(reader, want, running.get(str(want.body["family"]), ()))
        yield want.key, _with_surplus(reader, want, found)


def _live(reader: Reader, want: Wanted, running: Sequence[str]) -> Present | Absent:
    """Return the revision that has the wanted content, else the newest one of ours, else the newest (rule 17)."""
    seen: list[Body] = []
    for revision in _active(reader, str(want.body["family"]), running):
        if _is(revision, want.body):
            return _tagged(reader, _newest_like(reader, revision, want.body, running), want.body)
        seen.append(revision)
    if not seen:
        return Absent()
    seen.sort(key=lambda one: int(one["taskDefinition"]["revision"]), reverse=True)
    return _tagged(reader, next((one for one in seen if _owner(one) == want.owner), seen[0]), want.body)


def _newest_like(reader: Reader, found: Body, body: Body, running: Iterable[str]) -> Body:
    """Return the newest of several running revisions of this content: the order of the documents is not to decide."""
    mine = int(found["taskDefinition"]["revision"])
    newer = {number: arn for arn in running if (number := _number_of(arn)) > mine}
    described = (_described(reader, newer[number]) for number in sorted(newer, reverse=True))
    return next((one for one in described if one is not None and _is(one, body)), found)


def _number_of(arn: str) -> int:
    number = arn.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def _active(reader: Reader, family: str, running: Sequence[str]) -> Iterator[Body]:
    """Yield what services run first: in the steady state nothing else is asked for."""
    seen = set()
    for arn in chain(dict.fromkeys(running), _newest(reader, family)):
        described = None if arn in seen else _described(reader, arn)
        seen.add(arn)
        if described is not None:
            yield described


def _tagged(reader: Reader, revision: Body, declared: Body) -> Present:
    """The content of a revision never changes and comes from the cache; its tags do, and are read now."""
    content = revision["taskDefinition"]
    tags = reader.call("ecs", "ListTagsForResource", resourceArn=content["taskDefinitionArn"]).get("tags")
    return present_of(content, tags, declared)


def _with_surplus(reader: Reader, want: Wanted, found: Present | Absent) -> Present | Absent:
    """Add which older revisions of ours may go, where the document says how many are to stay."""
    if not (want.keep and want.managed and isinstance(found, Present)):
        return found
    if found.marks is None or found.marks.owner != want.owner:
        return found
    family = str(want.body["family"])
    candidates = _older(reader, want, family, str(found.outputs["arn"]))
    return replace(found, facts={**found.facts, **surplus(reader, family, candidates, want.owner)})


def _older(reader: Reader, want: Wanted, family: str, live: str) -> Iterator[str]:
    """Yield the revisions of ours beyond those that stay, oldest first."""
    for arn in reversed(list(islice(_listed(reader, family, 100), want.keep, None))):
        described = _described(reader, arn) if arn != live else None
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


def _newest(reader: Reader, family: str) -> Iterator[str]:
    yield from islice(_listed(reader, family, _NEWEST), _NEWEST)


def _listed(reader: Reader, family: str, page: int) -> Iterator[str]:
    """Yield the ACTIVE revisions, newest first. AWS filters by the family; a simulator may by its beginning."""
    listed = reader.pages(
        "ecs",
        "ListTaskDefinitions",
        "taskDefinitionArns",
        familyPrefix=family,
        status="ACTIVE",
        sort="DESC",
        maxResults=page,
    )
    return (arn for arn in listed if family_of(arn) == family)


def _described(reader: Reader, arn: str) -> Body | None:
    """Return an ACTIVE revision as described, with tags; None where it is deregistered or gone."""
    try:
        response = reader.cached("ecs", "DescribeTaskDefinition", taskDefinition=arn, include=["TAGS"])
    except AwsError as error:
        if missing(error):
            return None
        raise
    return response if response["taskDefinition"].get("status", "ACTIVE") == "ACTIVE" else None


def _is(described: Body, body: Body) -> bool:
    """Tell whether a revision has this content. One that is not known yet is no revision's."""
    if not resolved(body):
        return False
    live = present_of(described["taskDefinition"], (), body).body
    return not differences(without(body, "tags"), without(live, "tags"), RULES).fields


def _owner(described: Body) -> str:
    return marks.tag_map(described.get("tags")).get(marks.OWNER, "")


def present_of(revision: Body, tags: Json, declared: Body) -> Present:
    """Return a revision in the shape of RegisterTaskDefinition."""
    theirs, marked, foreign = read_tags(tags)
    picked = pick(revision, *_MEMBERS, *(one for one in declared if one != "tags"))
    if not picked.get("networkMode") and declared.get("networkMode") == "default":
        picked["networkMode"] = "default"  # AWS may print none for it; where it is bridge, it says so
    for member in ROLES:
        if _same_role(picked.get(member), declared.get(member)):
            picked[member] = declared[member]
    body = without_nones({**picked, "tags": theirs})
    outputs = {
        "arn": revision["taskDefinitionArn"],
        "family": revision["family"],
        "revision": str(revision["revision"]),
    }
    facts = {"status": revision.get("status", "ACTIVE")}
    return Present(body=body, outputs=outputs, marks=marked, facts=facts, foreign=foreign)


def _same_role(live: Json, declared: Json) -> bool:
    """Tell whether a role is the declared one where one of the two is a name, which says nothing of its account."""
    if not isinstance(live, str) or not isinstance(declared, str):
        return False
    by_name = not (live.startswith("arn:") and declared.startswith("arn:"))
    return by_name and bool(role_name(live) == role_name(declared))


def _printed(live: Body, declared: Body) -> Present:
    """Return what DescribeTaskDefinition prints; a definition that was never registered has no ARN or number."""
    unregistered = {"taskDefinitionArn": "", "family": "", "revision": 0}
    return present_of({**unregistered, **live}, live.get("tags"), declared)


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    """Yield the newest ACTIVE revision of ours in each family."""
    tagged = reader.pages(
        "resourcegroupstaggingapi",
        "GetResources",
        "ResourceTagMappingList",
        ResourceTypeFilters=["ecs:task-definition"],
        TagFilters=[{"Key": marks.OWNER}],
    )
    families = {family_of(mapping["ResourceARN"]) for mapping in tagged}
    for family in sorted(families):
        for arn in _newest(reader, family):
            described = reader.call("ecs", "DescribeTaskDefinition", taskDefinition=arn, include=["TAGS"])
            present = present_of(described["taskDefinition"], described.get("tags"), {})
            if present.marks and ours(present, installation):
                yield Owned(marks=present.marks, natural=family, present=present)
                break


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours_on_it) | Replace(desired=desired, marks=ours_on_it):
            return (_register(desired.body, ours_on_it),)
        case Update(desired=desired, observed=observed, fields=fields):
            # Tags alone are put on the revision that there is; the core does that.
            kept = _left_alone(change)
            body = {**kept, **desired.body}
            body["containerDefinitions"] = _containers(body["containerDefinitions"], kept.get("containerDefinitions"))
            return (_register(body, _identity(observed) | dict(change.marks)),) if fields else ()
        case Delete(observed=observed):
            params = {"taskDefinition": observed.outputs["arn"]}
            return (Call(service="ecs", operation="DeregisterTaskDefinition", params=params),)


def _register(body: Body, ours_on_it: Tags) -> Call:
    params = with_marks(TAGGING, without(body), ours_on_it)
    if not params.get("tags"):
        params.pop("tags", None)  # RegisterTaskDefinition takes no empty list
    captures: Mapping[str, Path] = {
        "arn": ("taskDefinition", "taskDefinitionArn"),
        "family": ("taskDefinition", "family"),
        "revision": ("taskDefinition", "revision"),
    }
    return Call(service="ecs", operation="RegisterTaskDefinition", params=params, captures=captures)


def _left_alone(change: Update) -> Body:
    """Return what stays as it was found where undeclared members are left alone: a revision has all or nothing."""
    applied = change.observed.marks.applied if change.observed.marks else None
    undeclared, adopted = change.desired.options.undeclared, bool(applied and applied.adopted)
    if undeclared == "default" or (undeclared == "adopted" and not adopted):
        return {}
    return {name: value for name, value in change.observed.body.items() if value and name != TAGGING.member}


def _containers(declared: Json, live: Json) -> Json:
    """Return the declared containers, each over the live one of its name."""
    found = {one["name"]: one for one in live or ()}
    return [{**found.get(one["name"], {}), **one} for one in declared]


def _identity(observed: Present) -> dict[str, str]:
    """Our marks on the revision before: a new one without them would belong to nobody."""
    live = observed.marks
    return {marks.OWNER: live.owner, marks.ID: live.id} if live else {}


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
