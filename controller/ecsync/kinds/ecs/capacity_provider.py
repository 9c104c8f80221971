"""CapacityProvider: where a cluster's tasks get their instances from: an Auto Scaling group, or instances of ECS's own.

Its membership in a cluster is the cluster's field, not ours; `cluster` is only for managed instances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ecsync.core.kind import Gate, Kind, Owned, Proceed, ShapeOf, Wait, Wanted, World
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    FieldChange,
    Health,
    Key,
    Observed,
    Present,
    Replace,
    Unreadable,
    Update,
)
from ecsync.core.normalise import normalise
from ecsync.core.ports import Reader
from ecsync.core.rules import Computed, Default, Immutable, Refers, Rewrite, Rules, Unordered
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, Path, merge, thaw
from ecsync.kinds._common import (
    arn_tagging,
    batches,
    belongs,
    changed,
    operations,
    pick,
    read_tags,
    tag_rows,
    without,
    without_nones,
)
from ecsync.kinds._partial_updates import said
from ecsync.kinds.ecs._shared import short

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = arn_tagging("ecs", "key/value")
_NAMES_OF_A_CALL = 100
_GROUP, _MANAGED = "autoScalingGroupProvider", "managedInstancesProvider"
_BY_NAME = ":autoScalingGroupName/"


def _natural(body: Body) -> str | None:
    name, cluster = body.get("name"), body.get("cluster")
    if not isinstance(name, str) or not isinstance(cluster, (str, type(None))):
        return None
    return f"{short(cluster)}/{name}" if cluster else name


# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    if str(body.get("name", "")).lower().startswith(("aws", "ecs", "fargate")):
        yield ("name",), "a capacity provider's name cannot begin with aws, ecs or fargate; those of AWS are never made"
    if bool(body.get(_GROUP)) == bool(body.get(_MANAGED)):
        yield (), f"a capacity provider has either {_GROUP} or {_MANAGED}"


# 3 RULES ---------------------------------------------------------------------------------------------------------

_FILLED = "normalization.md §3 CP managedScaling"
_CASES = ("der-cp-defaults", "cap-ECS-CapacityProvider.CpADC102F4")
_TEMPLATE = f"{_MANAGED}.instanceLaunchTemplate"
_AT_CREATE = ("capacityOptionType", "fipsEnabled", "nitroEnclavesEnabled")


def _scaling(member: str, value: Json) -> Default:
    return Default(path=f"{_GROUP}.managedScaling.{member}", value=value, source=_FILLED, cases=_CASES)


RULES: Rules = (
    *tag_rows(),
    Rewrite(path="cluster", to=short, source="normalization.md §0.10"),
    Default(path=f"{_GROUP}.managedScaling", value={"status": "DISABLED"}, source=_FILLED),
    _scaling("status", "DISABLED"),
    _scaling("targetCapacity", 100),
    _scaling("minimumScalingStepSize", 1),
    _scaling("maximumScalingStepSize", 10000),
    _scaling("instanceWarmupPeriod", 300),
    Default(
        path=f"{_GROUP}.managedTerminationProtection",
        value="DISABLED",
        source="normalization.md §3 CP managedTerminationProtection",
        cases=_CASES,
    ),
    Default(
        path=f"{_GROUP}.managedDraining",
        value="ENABLED",
        source="normalization.md §3 CP managedDraining",
        cases=_CASES,
    ),
    Unordered(path=f"{_TEMPLATE}.networkConfiguration.subnets", source="ecs.CreateCapacityProvider"),
    Unordered(path=f"{_TEMPLATE}.networkConfiguration.securityGroups", source="ecs.CreateCapacityProvider"),
    Computed(
        path=f"{_MANAGED}.*", source="ecs.CreateCapacityProvider: defaults of managed instances are not documented"
    ),
    Computed(
        path=f"{_TEMPLATE}.*", source="ecs.CreateCapacityProvider: defaults of managed instances are not documented"
    ),
    Computed(path="cluster", source="DescribeCapacityProviders prints it for managed instances alone"),
    Immutable(path="name", source="ecs has no rename"),
    Immutable(path="cluster", source="ecs.UpdateCapacityProvider: cluster only says where to look"),
    Immutable(path=f"{_GROUP}.autoScalingGroupArn", source="normalization.md §3 CP: immutable"),
    *(
        Immutable(path=f"{_TEMPLATE}.{member}", source="ecs.UpdateCapacityProvider has no such member")
        for member in _AT_CREATE
    ),
    Refers(path=f"{_GROUP}.autoScalingGroupArn", kind="AutoScalingGroup", output="arn", source="manifests.md"),
    Refers(
        path="managedInstancesProvider.instanceLaunchTemplate.networkConfiguration.securityGroups[]",
        kind="SecurityGroup",
    ),
    Refers(path="cluster", kind="Cluster", source="manifests.md, References"),
)


def _adjust(body: Body, present: Present) -> Body:
    """Take the ARN of the group for its name, which AWS takes too; another ARN of that name is another group."""
    group, live = body.get(_GROUP), present.body.get(_GROUP)
    name, arn = (group or {}).get("autoScalingGroupArn"), (live or {}).get("autoScalingGroupArn")
    by_name = isinstance(name, str) and isinstance(arn, str) and arn.endswith(f"{_BY_NAME}{name}")
    meant = (present.facts.get("groups") or {}).get(name, arn)  # one that was made again has its name alone
    return {**body, _GROUP: {**(group or {}), "autoScalingGroupArn": meant}} if by_name else body


# 4 READ ----------------------------------------------------------------------------------------------------------


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    groups = _groups(world)
    clusters: dict[str, list[Wanted]] = {}
    for want in wanted:
        clusters.setdefault(want.body.get("cluster") or "", []).append(want)
    for cluster, wants in clusters.items():
        scope = {"cluster": cluster} if cluster else {}
        for batch in batches(wants, _NAMES_OF_A_CALL):
            found: dict[str, Observed] = {}
            for answer in _described(reader, [want.body["name"] for want in batch], scope):
                found |= {str(short(one.get("arn"))): _failed(one) for one in answer.get("failures", ())}
                found |= {one["name"]: observed_of(one, groups) for one in answer.get("capacityProviders", ())}
            yield from ((want.key, found[want.body["name"]]) for want in batch if want.body["name"] in found)


def _described(reader: Reader, names: Sequence[str], scope: Body) -> Iterator[Body]:
    """Yield page after page of the providers of these names: ECS takes a hundred and answers ten at a time."""
    token: str | None = None
    while True:
        more = {"nextToken": token} if token else {}
        answer = reader.call(
            "ecs", "DescribeCapacityProviders", capacityProviders=names, include=["TAGS"], **scope, **more
        )
        yield answer
        before, token = token, answer.get("nextToken")
        if not token or token == before:
            return


def _groups(world: World) -> dict[str, str]:
    """Return the ARNs of the Auto Scaling groups that are known, by their names."""
    found = (one for key, one in world.items() if key.kind == "AutoScalingGroup" and isinstance(one, Present))
    return {str(one.outputs.get("name")): str(one.outputs.get("arn")) for one in found}


def observed_of(provider: Body, groups: Mapping[str, str] = MappingProxyType({})) -> Observed:
    """Return a provider that DescribeCapacityProviders printed as a resource."""
    if provider.get("status") == "INACTIVE":
        return Absent()
    tags, ours, foreign = read_tags(provider.get("tags"))
    body = {**pick(provider, "name", "cluster", _GROUP, _MANAGED), "tags": tags}
    outputs = {"name": provider["name"], "arn": provider["capacityProviderArn"]}
    facts = {
        "update": provider.get("updateStatus", ""),
        "why": provider.get("updateStatusReason", ""),
        "groups": dict(groups),
    }
    return Present(body=without_nones(body), outputs=outputs, marks=ours, facts=facts, foreign=foreign)


def _failed(failure: Body) -> Observed:
    reason = str(failure.get("reason"))
    if reason == "MISSING":
        return Absent()
    return Unreadable(" ".join(word for word in (reason, str(failure.get("detail") or "")) if word))


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    for provider in reader.pages("ecs", "DescribeCapacityProviders", "capacityProviders", include=["TAGS"]):
        present = observed_of(provider)
        if isinstance(present, Present) and present.marks and belongs(present, installation):
            yield Owned(marks=present.marks, natural=str(_natural(present.body)), present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            params = with_marks(TAGGING, without(desired.body), ours)
            captures = {"name": ("capacityProvider", "name"), "arn": ("capacityProvider", "capacityProviderArn")}
            return (Call(service="ecs", operation="CreateCapacityProvider", params=params, captures=captures),)
        case Update():
            return _update(change)
        case Replace(observed=observed) | Delete(observed=observed):
            params = {"capacityProvider": observed.outputs["name"], **pick(observed.body, "cluster")}
            return (Call(service="ecs", operation="DeleteCapacityProvider", params=params),)


def _update(change: Update) -> tuple[Call, ...]:
    """Send the block that differs; of a group's, only the parts that differ, each of them whole."""
    members = changed(change)
    sent: dict[str, Json] = {}
    if _GROUP in members:
        whole = normalise({_GROUP: said(change, _GROUP, RULES)}, RULES)[_GROUP]
        paths = [one.path for one in change.fields if one.path[0] == _GROUP]
        parts = {path[1] for path in paths if len(path) > 1} or whole.keys() - {"autoScalingGroupArn"}
        sent[_GROUP] = {part: whole[part] for part in sorted(parts, key=str) if part in whole}
    if members.get(_MANAGED):
        sent[_MANAGED] = _kept(change)
    params = {"name": change.desired.body["name"], **pick(change.desired.body, "cluster"), **sent}
    return (Call(service="ecs", operation="UpdateCapacityProvider", params=params),) if sent else ()


def _kept(change: Update) -> dict[str, Json]:
    """Return the block of managed instances with what ECS filled in, less what only a create takes."""
    block = thaw(merge(change.observed.body.get(_MANAGED) or {}, change.desired.body[_MANAGED]))
    template = block.get("instanceLaunchTemplate") or {}
    for member in _AT_CREATE:
        template.pop(member, None)
    return dict(block)


def _gate(desired: Desired, present: Present, _: Sequence[FieldChange], __: World) -> Gate:
    status = str(present.facts.get("update", ""))
    if status.endswith("_IN_PROGRESS"):
        return Wait(why=f"ECS is at work on it ({status})")
    return Proceed(body=desired.body)


def _health(_: Desired, present: Present) -> Health:
    status, why = str(present.facts.get("update", "")), str(present.facts.get("why", ""))
    if status.endswith("_FAILED"):
        return Health(status="Degraded", why=why or status)
    return Health(status="Progressing", why=status) if status.endswith("_IN_PROGRESS") else Health(status="Healthy")


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "AcceleratorCountRequest": "max min",
    "AcceleratorTotalMemoryMiBRequest": "max min",
    "AutoRepairConfiguration": "actionsStatus",
    "AutoScalingGroupProvider": "autoScalingGroupArn managedDraining managedScaling managedTerminationProtection",
    "BaselineEbsBandwidthMbpsRequest": "max min",
    "CapacityReservationRequest": "reservationGroupArn reservationPreference",
    "CreateCapacityProviderRequest": "autoScalingGroupProvider cluster managedInstancesProvider name tags",
    "CreateManagedInstancesProviderConfiguration": (
        "autoRepairConfiguration infrastructureOptimization infrastructureRoleArn instanceLaunchTemplate propagateTags"
    ),
    "InfrastructureOptimization": "scaleInAfter",
    "InstanceLaunchTemplate": (
        "capacityOptionType capacityReservations ec2InstanceProfileArn fipsEnabled instanceMetadataTagsPropagation "
        "instanceRequirements localStorageConfiguration monitoring networkConfiguration nitroEnclavesEnabled "
        "storageConfiguration"
    ),
    "InstanceRequirementsRequest": (
        "acceleratorCount acceleratorManufacturers acceleratorNames acceleratorTotalMemoryMiB acceleratorTypes "
        "allowedInstanceTypes bareMetal baselineEbsBandwidthMbps burstablePerformance cpuManufacturers "
        "excludedInstanceTypes instanceGenerations localStorage localStorageTypes "
        "maxSpotPriceAsPercentageOfOptimalOnDemandPrice memoryGiBPerVCpu memoryMiB networkBandwidthGbps "
        "networkInterfaceCount onDemandMaxPricePercentageOverLowestPrice requireHibernateSupport "
        "spotMaxPricePercentageOverLowestPrice totalLocalStorageGB vCpuCount"
    ),
    "ManagedInstancesLocalStorageConfiguration": "useLocalStorage",
    "ManagedInstancesNetworkConfiguration": "securityGroups subnets",
    "ManagedInstancesStorageConfiguration": "storageSizeGiB",
    "ManagedScaling": "instanceWarmupPeriod maximumScalingStepSize minimumScalingStepSize status targetCapacity",
    "MemoryGiBPerVCpuRequest": "max min",
    "MemoryMiBRequest": "max min",
    "NetworkBandwidthGbpsRequest": "max min",
    "NetworkInterfaceCountRequest": "max min",
    "Tag": "key value",
    "TotalLocalStorageGBRequest": "max min",
    "VCpuCountRangeRequest": "max min",
}

KIND = Kind(
    name="CapacityProvider",
    example="""
CapacityProvider/main:
  name: shop
  autoScalingGroupProvider:
    autoScalingGroupArn: ${AutoScalingGroup/main.arn}
    managedScaling: {status: ENABLED, targetCapacity: 100}
""",
    natural=_natural,
    name_member="name",
    primary="name",
    outputs=("name", "arn"),
    known=lambda body: {"name": body["name"]} if isinstance(body.get("name"), str) else {},
    invalidates={"replace": ("name", "arn")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="ecs.CreateCapacityProvider",
        describe="ecs.DescribeCapacityProviders:capacityProviders[]",
        optional=("name",),
    ),
    reviewed=REVIEWED,
    check=_check,
    rules=RULES,
    read=_read,
    owned=_owned,
    reads=operations("ecs", "DescribeCapacityProviders"),
    calls=_calls,
    adjust=_adjust,
    gate=_gate,
    health=_health,
    writes=operations("ecs", "CreateCapacityProvider", "UpdateCapacityProvider"),
    deletes=operations("ecs", "DeleteCapacityProvider"),
    rights=(
        "autoscaling:CreateOrUpdateTags",  # ECS puts AmazonECSManaged on the group with our credentials
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    ),
)
