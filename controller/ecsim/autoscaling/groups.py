"""Auto Scaling groups: create, describe, update, delete."""

from __future__ import annotations

from functools import partial

from ecsim.account.errors import AwsError, validation_error
from ecsim.account.paging import by_token, filtered
from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling import group_settings, instances, lifecycle_hooks, scaler, tags, traffic_sources
from ecsim.autoscaling.store import AutoScalingRegion, Group


def create_auto_scaling_group(call: Call) -> Body:
    """Create a group. Its instances are launched a moment later."""
    world, params, region = call.world, call.params, call.store(AutoScalingRegion)
    name = params["AutoScalingGroupName"]
    existing = region.groups.get(name)
    if existing is not None:
        message = f"AutoScalingGroup by this name already exists - A group with the name {name} already exists"
        if existing.deleting:
            message += (
                " and is pending delete.  Please wait until Autoscaling completes the deletion process before"
                " creating another group with the same name."
            )
        raise AwsError("AlreadyExists", message)
    body = group_settings.declared(call)
    arn = f"arn:aws:autoscaling:{call.region}:{region.account}:autoScalingGroup:{world.uuid()}"
    group = Group(arn=f"{arn}:autoScalingGroupName/{name}", name=name, body=body, created_at=world.iso)
    tags.put(group, params.get("Tags", []))
    group.hooks = lifecycle_hooks.declared(name, params.get("LifecycleHookSpecificationList", []))
    group.wake = partial(scaler.wake, world, region, group)
    region.groups[name] = group
    group.wake()
    return {}


def update_auto_scaling_group(call: Call) -> Body:
    """Change a group. Omitted members are kept, and running instances do not change."""
    group = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"])
    group.body = group_settings.updated(call, group.body)
    group.wake()
    return {}


def set_desired_capacity(call: Call) -> Body:
    """Change the desired capacity within MinSize and MaxSize."""
    group = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"])
    wanted = call.params["DesiredCapacity"]
    least, most = group.body["MinSize"], group.body["MaxSize"]
    if wanted > most:
        raise validation_error(
            f"New SetDesiredCapacity value {wanted} is above max value {most} for the AutoScalingGroup."
        )
    if wanted < least:
        raise validation_error(
            f"New SetDesiredCapacity value {wanted} is below min value {least} for the AutoScalingGroup."
        )
    group.body["DesiredCapacity"] = wanted
    group.wake()
    return {}


def delete_auto_scaling_group(call: Call) -> Body:
    """Delete an empty group, or with ForceDelete any group. It stays in deletion for some time."""
    region, force = call.store(AutoScalingRegion), bool(call.params.get("ForceDelete"))
    group = region.groups.get(call.params["AutoScalingGroupName"])
    if group is None:
        name = call.params["AutoScalingGroupName"]
        raise validation_error(f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    if group.deleting:
        return {}
    group_settings.check_delete(group.body, force=force)
    if not force and any(i.leaving or i.state == "Pending" for i in group.instances):
        raise AwsError(
            "ScalingActivityInProgress",
            "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that group.",
        )
    if not force and group.instances:
        raise AwsError(
            "ResourceInUse",
            "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s)"
            " still in the group.",
        )
    group.deleting = True
    for instance in group.instances:
        instance.protected = False
    group.awake = False
    group.wake()
    return {}


def describe_auto_scaling_groups(call: Call) -> Body:
    """Describe all groups, or those that match a name or a tag. An unknown name is omitted."""
    names = call.params.get("AutoScalingGroupNames")
    groups = [group for group in call.store(AutoScalingRegion).groups.values() if not names or group.name in names]
    shown = filtered([_show(group) for group in groups], call.params.get("Filters"), {})
    return by_token("AutoScalingGroups", shown, call.params, 50, service="autoscaling")


def _show(group: Group) -> Body:
    shown: Body = {
        **group.body,
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "CreatedTime": group.created_at,
        "Instances": [instances.show(instance) for instance in group.instances],
        "EnabledMetrics": [{"Metric": metric, "Granularity": "1Minute"} for metric in sorted(group.metrics)],
        "SuspendedProcesses": [{"ProcessName": name} for name in sorted(group.suspended)],
        "Tags": tags.show(group),
        "TrafficSources": traffic_sources.show(group.body),
    }
    if group.deleting:
        shown["Status"] = "Delete in progress"
    return shown


def describe_scaling_activities(call: Call) -> Body:
    """Describe launches and terminations, newest first."""
    name = call.params.get("AutoScalingGroupName")
    groups = [group for group in call.store(AutoScalingRegion).groups.values() if name in (None, group.name)]
    activities = [activity for group in groups for activity in group.activities]
    return by_token("Activities", activities, call.params, 100, service="autoscaling")


OPERATIONS: dict[str, Handler] = {
    "CreateAutoScalingGroup": create_auto_scaling_group,
    "DeleteAutoScalingGroup": delete_auto_scaling_group,
    "DescribeAutoScalingGroups": describe_auto_scaling_groups,
    "DescribeScalingActivities": describe_scaling_activities,
    "SetDesiredCapacity": set_desired_capacity,
    "UpdateAutoScalingGroup": update_auto_scaling_group,
}
