"""AutoScalingGroup: the instances of a cluster.

Tags are compared by value. Which tags new instances receive is compared separately: `read` and `adjust` add
`PropagateAtLaunch`, a list of tag keys, to the bodies. New instances never receive our marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core import marks
from ecsync.core.kind import Collection, Gate, Kind, Owned, Proceed, ShapeOf, Tagging, Wait, Wanted, World
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    Facts,
    FieldChange,
    Key,
    Observed,
    Present,
    Replace,
    Tags,
    Update,
)
from ecsync.core.outcome import HEALTHY, Health
from ecsync.core.ports import Reader
from ecsync.core.trees import Body, Json, locate, pattern, thaw
from ecsync.kinds._common import batches, belongs, operations, pick, read_tags, without_nones
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.autoscaling import _constraints
from ecsync.kinds.autoscaling._group_calls import create_calls, delete_calls, tag_of_group, update_calls
from ecsync.kinds.autoscaling._group_rules import REVIEWED, RULES, TEMPLATES, propagated_keys

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_MANAGED = "AmazonECSManaged"  # the tag that a capacity provider with managed scaling puts on its group


def _natural(body: Body) -> str | None:
    name = body.get("AutoScalingGroupName")
    return name if isinstance(name, str) else None


def _known(body: Body) -> Mapping[str, str]:
    name = _natural(body)
    return {} if name is None else {"name": name}


def _put_tags(present: Present, tags: Tags) -> tuple[Call, ...]:
    """Return the call that sets tags; a tag propagates as declared, or as it does now if it is not declared."""
    name, live = str(present.outputs["name"]), present.body.get("PropagateAtLaunch") or ()
    declared: Mapping[str, bool] = present.facts.get("declaredPropagation") or {}
    put = [tag_of_group(name, key, value, declared.get(key, key in live)) for key, value in tags.items()]
    return (Call(service="autoscaling", operation="CreateOrUpdateTags", params={"Tags": put}),)


def _remove_tags(present: Present, keys: Sequence[str]) -> tuple[Call, ...]:
    name = present.outputs["name"]
    removed = [{"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key} for key in keys]
    return (Call(service="autoscaling", operation="DeleteTags", params={"Tags": removed}),)


TAGGING = Tagging(
    member="Tags",
    style="Key/Value",
    put=_put_tags,
    remove=_remove_tags,
    operations=frozenset({"autoscaling.CreateOrUpdateTags", "autoscaling.DeleteTags"}),
)

# 2 SHAPE ---------------------------------------------------------------------------------------------------------

SHAPE = ShapeOf(
    operation="autoscaling.CreateAutoScalingGroup",
    extra={"EnabledMetrics": "autoscaling.DescribeAutoScalingGroups:AutoScalingGroups[].EnabledMetrics"},
    describe="autoscaling.DescribeAutoScalingGroups:AutoScalingGroups[]",
    optional=("AutoScalingGroupName",),
)

# 3 RULES ---------------------------------------------------------------------------------------------------------

# RULES and REVIEWED are in `_group_rules.py`.

# 4 READ ----------------------------------------------------------------------------------------------------------

_MAX_NAMES = 50  # autoscaling.DescribeAutoScalingGroups: up to 50 names

# Members that are compared even if a document does not declare them. Other members are compared only if declared: a
# member that AWS adds later is no drift.
_COMPARED = (
    "AutoScalingGroupName",
    "AvailabilityZoneDistribution",
    "AvailabilityZoneIds",
    "AvailabilityZoneImpairmentPolicy",
    "AvailabilityZones",
    "CapacityRebalance",
    "CapacityReservationSpecification",
    "DefaultCooldown",
    "DefaultInstanceWarmup",
    "DeletionProtection",
    "DesiredCapacity",
    "DesiredCapacityType",
    "EnabledMetrics",
    "HealthCheckGracePeriod",
    "HealthCheckType",
    "InstanceLifecyclePolicy",
    "InstanceMaintenancePolicy",
    "LaunchConfigurationName",
    "LaunchTemplate",
    "LoadBalancerNames",
    "MaxInstanceLifetime",
    "MaxSize",
    "MinSize",
    "MixedInstancesPolicy",
    "NewInstancesProtectedFromScaleIn",
    "PlacementGroup",
    "ServiceLinkedRoleARN",
    "TargetGroupARNs",
    "TerminationPolicies",
    "TrafficSources",
    "VPCZoneIdentifier",
)


_GROUPS = Collection(
    operation="autoscaling.DescribeAutoScalingGroups",
    ids="AutoScalingGroupNames",
    size=_MAX_NAMES,
    items="AutoScalingGroups",
    key="AutoScalingGroupName",
)


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    for batch in batches(wanted, _MAX_NAMES):
        names = [want.body["AutoScalingGroupName"] for want in batch]
        groups = reader.pages(
            "autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups", AutoScalingGroupNames=names
        )
        found = {group["AutoScalingGroupName"]: group for group in groups}
        for want in batch:
            group = found.get(want.body["AutoScalingGroupName"])
            yield want.key, present_of(group, want.body, world) if group else Absent()


def present_of(group: Body, desired: Body, world: World) -> Present:
    """Return a described group as a resource."""
    live_tags = group.get("Tags") or []
    tags, mark, foreign = read_tags(live_tags)
    body = {
        **pick(group, *dict.fromkeys((*_COMPARED, *desired))),
        "Tags": tags,
        "PropagateAtLaunch": sorted(
            tag["Key"] for tag in live_tags if tag.get("PropagateAtLaunch") and tag["Key"] in tags
        ),
    }
    facts = {
        **_facts(group, world),
        "declaredPropagation": _declared_propagation(desired),
        "templates": _template_ids(world),
    }
    outputs = {"name": group["AutoScalingGroupName"], "arn": group["AutoScalingGroupARN"]}
    return Present(body=without_nones(body), outputs=outputs, marks=mark, facts=facts, foreign=foreign)


def _declared_propagation(desired: Body) -> dict[str, bool]:
    """Return for each declared tag whether new instances receive it."""
    propagated = propagated_keys(desired)
    return {key: key in propagated for key in marks.tag_map(desired.get("Tags"))}


def _live_templates(world: World) -> Iterator[Present]:
    return (found for key, found in world.items() if key.kind == "LaunchTemplate" and isinstance(found, Present))


def _template_ids(world: World) -> dict[str, str]:
    """Return the ids of the application's live launch templates, by name."""
    return {str(one.outputs.get("name")): str(one.outputs.get("id")) for one in _live_templates(world)}


def _facts(group: Body, world: World) -> dict[str, Json]:
    """Return what gates, deletes and health need beyond the body."""
    instances = group.get("Instances") or []
    in_service = [
        one for one in instances if one.get("LifecycleState") == "InService" and one.get("HealthStatus") == "Healthy"
    ]
    return {
        "managedScaling": any(tag.get("Key") == _MANAGED for tag in group.get("Tags") or ()),
        "deleting": group.get(
            "Status", ""
        ),  # autoscaling.AutoScalingGroup: Status is set only while the group is being deleted
        "instances": len(instances),
        "inService": len(in_service),
        "protected": any(one.get("ProtectedFromScaleIn") for one in instances),
        "stale": _stale(group, instances, world),
        "undeclaredVersion": _undeclared_version(group, world),
    }


def _template(group: Body) -> Body:
    """Return the specification of the launch template that the group uses."""
    mixed = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    found: Body = group.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
    return found


def _stale(group: Body, instances: Sequence[Body], world: World) -> int:
    """Count the instances that run another version of the group's template than a new instance would."""
    template = _template(group)
    version = _version(template, world)
    if not version:
        return 0
    running = [one.get("LaunchTemplate") or {} for one in instances]
    same_template = [one for one in running if one.get("LaunchTemplateId") == template.get("LaunchTemplateId")]
    return sum(1 for one in same_template if str(one.get("Version")) != version)


def _version(template: Body, world: World) -> str:
    """Return the number of the version that new instances use (docs/rules.md R19); empty if it was not read."""
    version = str(template.get("Version") or "$Default")
    if version.isdigit():
        return version
    alias = "latest" if version == "$Latest" else "default"
    return str(_template_facts(template, world).get(alias) or "")


def _template_facts(template: Body, world: World) -> Facts:
    """Return the facts of the live LaunchTemplate that the specification names; empty if no document declares it."""
    found = (one for one in _live_templates(world) if one.outputs.get("id") == template.get("LaunchTemplateId"))
    return next((one.facts for one in found), {})


def _undeclared_version(group: Body, world: World) -> str:
    """Return the version that a group at $Latest uses if it is not the declared one; empty otherwise.

    This is the case when a person added a version and did not move the default: then the template has no drift.
    """
    template = _template(group)
    facts = _template_facts(template, world)
    latest, declared = facts.get("latest"), facts.get("equal")
    return str(latest) if template.get("Version") == "$Latest" and declared and latest != declared else ""


def _printed(live: Body, declared: Body) -> Present:
    """Return the group that DescribeAutoScalingGroups prints."""
    return present_of({"AutoScalingGroupName": "", "AutoScalingGroupARN": "", **live}, declared, {})


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    filters = [{"Name": "tag-key", "Values": [marks.OWNER]}]
    groups = reader.pages("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups", Filters=filters)
    for group in groups:
        present = present_of(group, {}, {})
        if present.marks and belongs(present, scope):
            yield Owned(marks=present.marks, natural=group["AutoScalingGroupName"], present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------

# The calls of each change are in `_group_calls.py`.


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=mark_tags):
            return create_calls(desired.body, mark_tags)
        case Update():
            return update_calls(change)
        case Replace(observed=observed) | Delete(observed=observed):
            return delete_calls(observed)


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _adjust(body: Body, present: Present) -> Body:
    """Add to the desired body which tags propagate, and the ids of launch templates that it declares by name.

    Undeclared tags keep their propagation. The id is compared because a template that was deleted and created again
    under the same name has a new id, and the group still uses the old one.
    """
    declared = marks.tag_map(body.get("Tags"))
    undeclared = {key for key in present.body.get("PropagateAtLaunch") or () if key not in declared}
    adjusted: dict[str, Json] = thaw({**body, "PropagateAtLaunch": sorted(propagated_keys(body) | undeclared)})
    ids = present.facts.get("templates") or {}
    for container, key, _ in (place for path in TEMPLATES for place in locate(adjusted, pattern(path))):
        template = container.get(key)
        if isinstance(template, dict) and template.get("LaunchTemplateName") in ids:
            template.setdefault("LaunchTemplateId", ids[template["LaunchTemplateName"]])
    return adjusted


def _gate(desired: Desired, present: Present, _: Sequence[FieldChange], __: World) -> Gate:
    if present.facts.get("deleting"):
        return Wait(why="a group with this name is still being deleted")
    return Proceed(body=desired.body)


def _health(_: Desired, present: Present) -> Health:
    facts = present.facts
    total, in_service = facts.get("instances", 0), facts.get("inService", 0)
    desired = present.body.get("DesiredCapacity") or 0
    if facts.get("deleting"):
        return Health(status="Progressing", why="the group is being deleted")
    if facts.get("undeclaredVersion"):
        why = f"new instances use version {facts['undeclaredVersion']} of the launch template: it is not declared"
        return Health(status="Degraded", why=why)
    if facts.get("stale"):
        return Health(status="Degraded", why=f"{facts['stale']} of {total} instances run an older launch template")
    if in_service < desired:
        return Health(status="Progressing", why=f"{in_service} of {desired} instances are in service")
    return HEALTHY


KIND = Kind(
    name="AutoScalingGroup",
    example="""
AutoScalingGroup/main:
  AutoScalingGroupName: shop
  MinSize: 1
  MaxSize: 3
  VPCZoneIdentifier: ${Network/main.publicSubnetIds}
  LaunchTemplate: {LaunchTemplateId: "${LaunchTemplate/main}", Version: $Default}
""",
    natural=_natural,
    name_member="AutoScalingGroupName",
    primary="name",
    outputs=OUTPUTS["AutoScalingGroup"],
    known=_known,
    invalidates={"replace": ("name", "arn")},
    tagging=TAGGING,
    shape=SHAPE,
    reviewed=REVIEWED,
    constraints=_constraints.ROWS,
    rules=RULES,
    read=_read,
    owned=_owned,
    collections=(_GROUPS,),
    from_describe=_printed,
    reads=operations("autoscaling", "DescribeAutoScalingGroups"),
    calls=_calls,
    writes=operations(
        "autoscaling",
        "CreateAutoScalingGroup",
        "UpdateAutoScalingGroup",
        "EnableMetricsCollection",
        "DisableMetricsCollection",
        "AttachLoadBalancerTargetGroups",
        "DetachLoadBalancerTargetGroups",
        "AttachLoadBalancers",
        "DetachLoadBalancers",
        "AttachTrafficSources",
        "DetachTrafficSources",
    ),
    deletes=operations("autoscaling", "DeleteAutoScalingGroup", "UpdateAutoScalingGroup"),
    rights=(
        "ec2:RunInstances",  # AWS checks it on the caller when a group uses a launch template
        "ec2:CreateTags",
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    ),
    adjust=_adjust,
    gate=_gate,
    health=_health,
    from_reference=lambda arn: {"AutoScalingGroupName": arn.rsplit("autoScalingGroupName/", 1)[-1]},
)
