"""AutoScalingGroup: the instances of a cluster.

Tags are compared by value; which of them are passed on to instances is compared apart, as `PropagateAtLaunch`, a list
of keys that `read` and `adjust` put into the bodies. Our marks are never passed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core import marks
from ecsync.core.kind import Gate, Kind, Owned, Proceed, ShapeOf, Tagging, Wait, Wanted, World
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    Facts,
    FieldChange,
    Health,
    Key,
    Observed,
    Present,
    Replace,
    Tags,
    Update,
)
from ecsync.core.ports import Reader
from ecsync.core.trees import Body, Json, locate, pattern, thaw
from ecsync.kinds._common import batches, belongs, operations, pick, read_tags, without_nones
from ecsync.kinds.autoscaling._group_calls import create_calls, delete_calls, tagged, update_calls
from ecsync.kinds.autoscaling._group_rules import REVIEWED, RULES, TEMPLATES, passed_on

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_NAMES_OF_A_CALL = 50
_MANAGED = "AmazonECSManaged"  # the tag that a capacity provider with managed scaling puts on its group


def _put_tags(present: Present, tags: Tags) -> tuple[Call, ...]:
    name, flagged = str(present.outputs["name"]), present.body.get("PropagateAtLaunch") or ()
    declared: Mapping[str, bool] = present.facts.get("passedOn") or {}
    put = [tagged(name, key, value, declared.get(key, key in flagged)) for key, value in tags.items()]
    return (Call(service="autoscaling", operation="CreateOrUpdateTags", params={"Tags": put}),)


def _remove_tags(present: Present, keys: Sequence[str]) -> tuple[Call, ...]:
    name = present.outputs["name"]
    gone = [{"ResourceId": name, "ResourceType": "auto-scaling-group", "Key": key} for key in keys]
    return (Call(service="autoscaling", operation="DeleteTags", params={"Tags": gone}),)


TAGGING = Tagging(
    member="Tags",
    style="Key/Value",
    put=_put_tags,
    remove=_remove_tags,
    operations=frozenset({"autoscaling.CreateOrUpdateTags", "autoscaling.DeleteTags"}),
)

# 3 RULES: `_autoscaling_rules.py` --------------------------------------------------------------------------------


def _adjust(body: Body, present: Present) -> Body:
    """Say which tags are passed on to instances, and which templates are meant by their names.

    The flags of tags that the manifest does not declare stay as they are. A template that was made again under its
    name is another one, which the group does not know by it.
    """
    declared = marks.tag_map(body.get("Tags"))
    flagged = passed_on(body)
    others = {key for key in present.body.get("PropagateAtLaunch") or () if key not in declared}
    adjusted: dict[str, Json] = thaw({**body, "PropagateAtLaunch": sorted(flagged | others)})
    known = present.facts.get("templates") or {}
    for container, key, _ in (place for path in TEMPLATES for place in locate(adjusted, pattern(path))):
        template = container.get(key)
        if isinstance(template, dict) and template.get("LaunchTemplateName") in known:
            template.setdefault("LaunchTemplateId", known[template["LaunchTemplateName"]])
    return adjusted


# 4 READ ----------------------------------------------------------------------------------------------------------

# What is compared though nobody declares it. A member that AWS adds some day is compared where it is declared.
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


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    for batch in batches(wanted, _NAMES_OF_A_CALL):
        names = [want.body["AutoScalingGroupName"] for want in batch]
        groups = reader.pages(
            "autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups", AutoScalingGroupNames=names
        )
        found = {group["AutoScalingGroupName"]: group for group in groups}
        for want in batch:
            group = found.get(want.body["AutoScalingGroupName"])
            yield want.key, present_of(group, want.body, world) if group else Absent()


def present_of(group: Body, desired: Body, world: World) -> Present:
    """Return a group that DescribeAutoScalingGroups printed as a resource."""
    live_tags = group.get("Tags") or []
    tags, ours, foreign = read_tags(live_tags)
    body = {
        **pick(group, *dict.fromkeys((*_COMPARED, *desired))),
        "Tags": tags,
        "PropagateAtLaunch": sorted(
            tag["Key"] for tag in live_tags if tag.get("PropagateAtLaunch") and tag["Key"] in tags
        ),
    }
    facts = {**_facts(group, world), "passedOn": _passed_on(desired), "templates": _templates(world)}
    outputs = {"name": group["AutoScalingGroupName"], "arn": group["AutoScalingGroupARN"]}
    return Present(body=without_nones(body), outputs=outputs, marks=ours, facts=facts, foreign=foreign)


def _passed_on(desired: Body) -> dict[str, bool]:
    """Return for each declared tag whether instances get it."""
    flagged = passed_on(desired)
    return {key: key in flagged for key in marks.tag_map(desired.get("Tags"))}


def _templates(world: World) -> dict[str, str]:
    """Return the ids of the launch templates that are known, by their names."""
    found = (one for key, one in world.items() if key.kind == "LaunchTemplate" and isinstance(one, Present))
    return {str(one.outputs.get("name")): str(one.outputs.get("id")) for one in found}


def _facts(group: Body, world: World) -> dict[str, Json]:
    instances = group.get("Instances") or []
    serving = [
        one for one in instances if one.get("LifecycleState") == "InService" and one.get("HealthStatus") == "Healthy"
    ]
    return {
        "managedScaling": any(tag.get("Key") == _MANAGED for tag in group.get("Tags") or ()),
        "deleting": group.get("Status", ""),  # a status is only there while the group is being deleted
        "instances": len(instances),
        "serving": len(serving),
        "protected": any(one.get("ProtectedFromScaleIn") for one in instances),
        "stale": _stale(group, instances, world),
        "strayed": _strayed(group, world),
    }


def _template(group: Body) -> Body:
    """Return what the group launches from."""
    mixed = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    found: Body = group.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
    return found


def _stale(group: Body, instances: Sequence[Body], world: World) -> int:
    """Count the instances that run another version of the group's template than a new one would."""
    template = _template(group)
    version = _version(template, world)
    return sum(
        1
        for one in instances
        if version
        and (one.get("LaunchTemplate") or {}).get("LaunchTemplateId") == template.get("LaunchTemplateId")
        and str(one["LaunchTemplate"].get("Version")) != version
    )


def _version(template: Body, world: World) -> str:
    """Return the number of the version that the group resolves to (rule 19); empty where it is not known."""
    version = str(template.get("Version") or "$Default")
    if version.isdigit():
        return version
    alias = "latest" if version == "$Latest" else "default"
    return str(_known(template, world).get(alias) or "")


def _known(template: Body, world: World) -> Facts:
    """Return what is known of a template that a document declares."""
    templates = (one for key, one in world.items() if key.kind == "LaunchTemplate" and isinstance(one, Present))
    return next((one.facts for one in templates if one.outputs.get("id") == template.get("LaunchTemplateId")), {})


def _strayed(group: Body, world: World) -> str:
    """Return the version that a group at $Latest launches though its template declares another; empty for none.

    Somebody made it and left the default alone: the template itself is as declared.
    """
    template = _template(group)
    facts = _known(template, world)
    newest, declared = facts.get("latest"), facts.get("equal")
    return str(newest) if template.get("Version") == "$Latest" and declared and newest != declared else ""


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    filters = [{"Name": "tag-key", "Values": [marks.OWNER]}]
    groups = reader.pages("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups", Filters=filters)
    for group in groups:
        present = present_of(group, {}, {})
        if present.marks and belongs(present, installation):
            yield Owned(marks=present.marks, natural=group["AutoScalingGroupName"], present=present)


# 5 CALLS: `_autoscaling_calls.py` --------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            return create_calls(desired.body, ours)
        case Update():
            return update_calls(change)
        case Replace(observed=observed) | Delete(observed=observed):
            return delete_calls(observed)


def _gate(desired: Desired, present: Present, _: Sequence[FieldChange], __: World) -> Gate:
    if present.facts.get("deleting"):
        return Wait(why="a group of this name is still being deleted")
    return Proceed(body=desired.body)


def _health(_: Desired, present: Present) -> Health:
    facts = present.facts
    total, serving, wanted = (
        facts.get("instances", 0),
        facts.get("serving", 0),
        present.body.get("DesiredCapacity") or 0,
    )
    if facts.get("deleting"):
        return Health(status="Progressing", why="the group is being deleted")
    if facts.get("strayed"):
        why = f"new instances get version {facts['strayed']} of the launch template, which is not the declared one"
        return Health(status="Degraded", why=why)
    if facts.get("stale"):
        return Health(status="Degraded", why=f"{facts['stale']} of {total} instances run an older launch template")
    if serving < wanted:
        return Health(status="Progressing", why=f"{serving} of {wanted} instances are in service")
    return Health(status="Healthy")


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
    natural=lambda body: body["AutoScalingGroupName"] if isinstance(body.get("AutoScalingGroupName"), str) else None,
    name_member="AutoScalingGroupName",
    primary="name",
    outputs=("name", "arn"),
    known=lambda body: (
        {"name": body["AutoScalingGroupName"]} if isinstance(body.get("AutoScalingGroupName"), str) else {}
    ),
    invalidates={"replace": ("name", "arn")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="autoscaling.CreateAutoScalingGroup",
        extra={"EnabledMetrics": "autoscaling.DescribeAutoScalingGroups:AutoScalingGroups[].EnabledMetrics"},
        describe="autoscaling.DescribeAutoScalingGroups:AutoScalingGroups[]",
        optional=("AutoScalingGroupName",),
    ),
    reviewed=REVIEWED,
    rules=RULES,
    read=_read,
    owned=_owned,
    from_describe=lambda live, declared: present_of(
        {"AutoScalingGroupName": "", "AutoScalingGroupARN": "", **live}, declared, {}
    ),
    reads=operations("autoscaling", "DescribeAutoScalingGroups"),
    calls=_calls,
    adjust=_adjust,
    gate=_gate,
    health=_health,
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
        "ec2:RunInstances",  # asked of whoever names a launch template
        "ec2:CreateTags",
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
    ),
)
