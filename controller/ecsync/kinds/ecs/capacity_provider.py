"""CapacityProvider: the source of the instances for tasks: an Auto Scaling group, or instances that ECS manages.

The association with a cluster is a field of the cluster. `cluster` belongs to a provider of managed instances alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ecsync.core.kind import Kind, Owned, ShapeOf, Unsettled, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
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
from ecsync.core.trees import Body, Json, Path, merge, thaw
from ecsync.kinds._common import (
    arn_tagging,
    batches,
    belongs,
    changed,
    name_characters,
    operations,
    pick,
    read_tags,
    tag_rows,
    without,
    without_nones,
)
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds._partial_updates import member_to_send
from ecsync.kinds.ecs._shared import NAME_OR_ARN, short_name
from ecsync.kinds.ecs.constraints import capacity

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

TAGGING = arn_tagging("ecs", "key/value")
_NAMES_PER_CALL = 100
_GROUP, _MANAGED = "autoScalingGroupProvider", "managedInstancesProvider"
_NAME_PREFIX = ":autoScalingGroupName/"  # in the ARN of an Auto Scaling group


def _natural(body: Body) -> str | None:
    name, cluster = body.get("name"), body.get("cluster")
    if not isinstance(name, str) or not isinstance(cluster, (str, type(None))):
        return None
    return f"{short_name(cluster)}/{name}" if cluster else name


# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    if str(body.get("name", "")).lower().startswith(("aws", "ecs", "fargate")):
        yield ("name",), "a capacity provider's name must not begin with aws, ecs or fargate: AWS reserves these names"
    if bool(body.get(_GROUP)) == bool(body.get(_MANAGED)):
        yield (), f"CapacityProvider requires exactly one of {_GROUP} and {_MANAGED}"


# 3 RULES ---------------------------------------------------------------------------------------------------------

_FILLED = "ecs.ManagedScaling: the default"
_SCALING_OFF = "ECS turns managed scaling off where it is not specified"
_NO_DEFAULTS = "ecs.CreateCapacityProvider: the defaults of managed instances are not documented"
_CASES = ("der-cp-defaults", "cap-ECS-CapacityProvider.CpADC102F4")
_TEMPLATE = f"{_MANAGED}.instanceLaunchTemplate"
_AT_CREATE = ("capacityOptionType", "fipsEnabled", "nitroEnclavesEnabled")


def _scaling(member: str, value: Json) -> Default:
    return Default(path=f"{_GROUP}.managedScaling.{member}", value=value, source=_FILLED, cases=_CASES)


RULES: Rules = (
    *tag_rows(),
    name_characters("name", "ecs.CreateCapacityProvider: letters, numbers, underscores and hyphens"),
    Rewrite(path="cluster", to=short_name, source=NAME_OR_ARN),
    Default(path=f"{_GROUP}.managedScaling", value={"status": "DISABLED"}, source=_SCALING_OFF),
    _scaling("status", "DISABLED"),
    _scaling("targetCapacity", 100),
    _scaling("minimumScalingStepSize", 1),
    _scaling("maximumScalingStepSize", 10000),
    _scaling("instanceWarmupPeriod", 300),
    Default(
        path=f"{_GROUP}.managedTerminationProtection",
        value="DISABLED",
        source="ecs.AutoScalingGroupProvider: the default is off",
        cases=_CASES,
    ),
    Default(
        path=f"{_GROUP}.managedDraining",
        value="ENABLED",
        source="ecs.DescribeCapacityProviders returns ENABLED where it is not specified",
        cases=_CASES,
    ),
    Unordered(path=f"{_TEMPLATE}.networkConfiguration.subnets", source="subnets are a set"),
    Unordered(path=f"{_TEMPLATE}.networkConfiguration.securityGroups", source="security groups are a set"),
    # ECS fills in members on each level: of the provider, of its template, and of the blocks of the template.
    *(Computed(path=f"{_MANAGED}{below}", source=_NO_DEFAULTS) for below in (".*", ".*.*", ".*.*.*")),
    Computed(path="cluster", source="ecs.DescribeCapacityProviders returns it for managed instances alone"),
    Immutable(path="name", source="ecs.UpdateCapacityProvider cannot rename a provider"),
    Immutable(path="cluster", source="ecs.UpdateCapacityProvider: cluster locates the provider and cannot be changed"),
    Immutable(path=f"{_GROUP}.autoScalingGroupArn", source="ecs.AutoScalingGroupProviderUpdate has no such member"),
    *(
        Immutable(path=f"{_TEMPLATE}.{member}", source="ecs.InstanceLaunchTemplateUpdate has no such member")
        for member in _AT_CREATE
    ),
    Refers(path=f"{_GROUP}.autoScalingGroupArn", kind="AutoScalingGroup", output="arn"),
    Refers(
        path="managedInstancesProvider.instanceLaunchTemplate.networkConfiguration.securityGroups[]",
        kind="SecurityGroup",
    ),
    Refers(path="cluster", kind="Cluster"),
)


# 4 READ ----------------------------------------------------------------------------------------------------------


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    groups = _groups(world)
    clusters: dict[str, list[Wanted]] = {}
    for want in wanted:
        clusters.setdefault(want.body.get("cluster") or "", []).append(want)
    for cluster, wants in clusters.items():
        scope = {"cluster": cluster} if cluster else {}
        for batch in batches(wants, _NAMES_PER_CALL):
            found: dict[str, Observed] = {}
            for answer in _described(reader, [want.body["name"] for want in batch], scope):
                found |= {str(short_name(one.get("arn"))): _failed(one) for one in answer.get("failures", ())}
                found |= {one["name"]: observed_of(one, groups) for one in answer.get("capacityProviders", ())}
            yield from ((want.key, found[want.body["name"]]) for want in batch if want.body["name"] in found)


def _described(reader: Reader, names: Sequence[str], scope: Body) -> Iterator[Body]:
    """Yield every page of a describe call: ECS takes a hundred names and returns ten providers a page."""
    token: str | None = None
    while True:
        more = {"nextToken": token} if token else {}
        answer = reader.call(
            "ecs", "DescribeCapacityProviders", capacityProviders=names, include=["TAGS"], **scope, **more
        )
        yield answer
        previous, token = token, answer.get("nextToken")
        if not token or token == previous:
            return


def _groups(world: World) -> dict[str, str]:
    """Return the ARNs of the observed Auto Scaling groups by name."""
    found = (one for key, one in world.items() if key.kind == "AutoScalingGroup" and isinstance(one, Present))
    return {str(one.outputs.get("name")): str(one.outputs.get("arn")) for one in found}


def observed_of(provider: Body, groups: Mapping[str, str] = MappingProxyType({})) -> Observed:
    """Return a provider from DescribeCapacityProviders as a resource; Absent if it is INACTIVE."""
    if provider.get("status") == "INACTIVE":
        return Absent()
    tags, our_marks, foreign = read_tags(provider.get("tags"))
    body = {**pick(provider, "name", "cluster", _GROUP, _MANAGED), "tags": tags}
    outputs = {"name": provider["name"], "arn": provider["capacityProviderArn"]}
    facts = {
        "status": provider.get("status", ""),
        "updateStatus": provider.get("updateStatus", ""),
        "updateStatusReason": provider.get("updateStatusReason", ""),
        "groupArnByName": dict(groups),
    }
    return Present(body=without_nones(body), outputs=outputs, marks=our_marks, facts=facts, foreign=foreign)


def _failed(failure: Body) -> Observed:
    reason = str(failure.get("reason"))
    if reason == "MISSING":
        return Absent()
    return Unreadable(f"{reason} {failure.get('detail') or ''}".rstrip())


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    for provider in reader.pages("ecs", "DescribeCapacityProviders", "capacityProviders", include=["TAGS"]):
        present = observed_of(provider)
        if isinstance(present, Present) and present.marks and belongs(present, scope):
            yield Owned(marks=present.marks, natural=str(_natural(present.body)), present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=our_marks):
            params = with_marks(TAGGING, without(desired.body), our_marks)
            captures = {"name": ("capacityProvider", "name"), "arn": ("capacityProvider", "capacityProviderArn")}
            return (Call(service="ecs", operation="CreateCapacityProvider", params=params, captures=captures),)
        case Update():
            return _update(change)
        case Replace(observed=observed) | Delete(observed=observed):
            params = {"capacityProvider": observed.outputs["name"], **pick(observed.body, "cluster")}
            return (Call(service="ecs", operation="DeleteCapacityProvider", params=params),)


def _update(change: Update) -> tuple[Call, ...]:
    """Return the update of the block that differs; in the block of a group, only the parts that differ, each whole."""
    members = changed(change)
    sent: dict[str, Json] = {}
    if _GROUP in members:
        whole = normalise({_GROUP: member_to_send(change, _GROUP, RULES)}, RULES)[_GROUP]
        paths = [one.path for one in change.fields if one.path[0] == _GROUP]
        parts = {path[1] for path in paths if len(path) > 1} or whole.keys() - {"autoScalingGroupArn"}
        sent[_GROUP] = {part: whole[part] for part in sorted(parts, key=str) if part in whole}
    if members.get(_MANAGED):
        sent[_MANAGED] = _managed_instances(change)
    params = {"name": change.desired.body["name"], **pick(change.desired.body, "cluster"), **sent}
    return (Call(service="ecs", operation="UpdateCapacityProvider", params=params),) if sent else ()


def _managed_instances(change: Update) -> dict[str, Json]:
    """Return the block of managed instances with ECS's own values, without the members that only a create takes."""
    block = thaw(merge(change.observed.body.get(_MANAGED) or {}, change.desired.body[_MANAGED]))
    template = block.get("instanceLaunchTemplate") or {}
    for member in _AT_CREATE:
        template.pop(member, None)
    return dict(block)


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _adjust(body: Body, present: Present) -> Body:
    """Replace the name of the group by its ARN.

    ECS takes both. The ARN is that of the observed group: a group that was recreated has the same name and another ARN.
    """
    group, live_group = body.get(_GROUP) or {}, present.body.get(_GROUP) or {}
    name, live_arn = group.get("autoScalingGroupArn"), live_group.get("autoScalingGroupArn")
    if not (isinstance(name, str) and isinstance(live_arn, str) and live_arn.endswith(f"{_NAME_PREFIX}{name}")):
        return body
    arn = (present.facts.get("groupArnByName") or {}).get(name, live_arn)
    return {**body, _GROUP: {**group, "autoScalingGroupArn": arn}}


_AT_WORK = {"PROVISIONING": "creating", "CREATE_IN_PROGRESS": "creating", "UPDATE_IN_PROGRESS": "changing"}


def _unsettled(present: Present) -> Unsettled | None:
    """Return ECS's own work on a provider. It cannot be associated with a cluster during that."""
    update, status = str(present.facts.get("updateStatus", "")), str(present.facts.get("status", ""))
    if update.endswith("_FAILED"):
        why = f"{update}: {present.facts.get('updateStatusReason') or 'ECS gives no reason'}"
        return Unsettled(state="failed", why=why, usable=update != "CREATE_FAILED")
    if update.endswith("_IN_PROGRESS") or status in ("PROVISIONING", "DEPROVISIONING"):
        why = f"ECS is {_AT_WORK.get(update or status, 'deleting')} the capacity provider ({update or status})"
        return Unsettled(state="in progress", why=why, usable=False)
    return None


def _from_reference(name: str) -> Body | None:
    """AWS's own providers are never a document."""
    return None if name in ("FARGATE", "FARGATE_SPOT") else {"name": name.rsplit("/", 1)[-1]}


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
    outputs=OUTPUTS["CapacityProvider"],
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
    constraints=capacity.CAPACITY_PROVIDER,
    rules=RULES,
    read=_read,
    owned=_owned,
    reads=operations("ecs", "DescribeCapacityProviders"),
    calls=_calls,
    adjust=_adjust,
    unsettled=_unsettled,
    writes=operations("ecs", "CreateCapacityProvider", "UpdateCapacityProvider"),
    deletes=operations("ecs", "DeleteCapacityProvider"),
    rights=(
        "autoscaling:CreateOrUpdateTags",  # ECS puts AmazonECSManaged on the group with our credentials
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    ),
    from_reference=_from_reference,
)
