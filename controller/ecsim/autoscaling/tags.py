"""Tags of Auto Scaling groups, their metrics and their processes."""

from __future__ import annotations

from ecsim.account.errors import validation_error
from ecsim.account.paging import by_token
from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling.store import Group

LIMIT = 50
METRICS = (
    "GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances",
    "GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances", "GroupInServiceCapacity",
    "GroupPendingCapacity", "GroupStandbyCapacity", "GroupTerminatingCapacity", "GroupTotalCapacity",
    "WarmPoolDesiredCapacity", "WarmPoolWarmedCapacity", "WarmPoolPendingCapacity", "WarmPoolTerminatingCapacity",
    "WarmPoolTotalCapacity", "GroupAndWarmPoolDesiredCapacity", "GroupAndWarmPoolTotalCapacity",
)  # fmt: skip


def put(group: Group, tags: list[Body]) -> None:
    """Add tags, or change their values and whether new instances get them."""
    if any(tag["Key"].lower().startswith("aws:") for tag in tags):
        raise validation_error("Tag keys cannot start with the reserved prefix aws:")
    changed = {
        **group.tags,
        **{tag["Key"]: (tag.get("Value", ""), bool(tag.get("PropagateAtLaunch"))) for tag in tags},
    }
    if len(changed) > LIMIT:
        raise validation_error(f"The number of tags exceeds the limit of {LIMIT}.")
    group.tags = changed


def show(group: Group) -> list[Body]:
    """A group's tags in order of their keys."""
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": passed_on,
        }
        for key, (value, passed_on) in sorted(group.tags.items())
    ]


def create_or_update_tags(call: Call) -> Body:
    """Tag one or more groups."""
    for tag in call.params["Tags"]:
        put(call.groups.group(tag.get("ResourceId", "")), [tag])
    return {}


def delete_tags(call: Call) -> Body:
    """Take tags away by key; one that is not there is no error."""
    for tag in call.params["Tags"]:
        call.groups.group(tag.get("ResourceId", "")).tags.pop(tag["Key"], None)
    return {}


def describe_tags(call: Call) -> Body:
    """Tags of all groups, by group, key, value or propagation."""
    wanted = {one["Name"]: one["Values"] for one in call.params.get("Filters", [])}
    names = {
        "auto-scaling-group": "ResourceId",
        "key": "Key",
        "value": "Value",
        "propagate-at-launch": "PropagateAtLaunch",
    }
    tags = [
        tag
        for group in call.groups.groups.values()
        for tag in show(group)
        if all(str(tag[names[name]]).lower() in [v.lower() for v in values] for name, values in wanted.items())
    ]
    return by_token("Tags", tags, call.params, 50, style="AutoScaling")


def enable_metrics_collection(call: Call) -> Body:
    """Collect some metrics of a group, or all of them."""
    group, wanted = call.groups.group(call.params["AutoScalingGroupName"]), call.params.get("Metrics") or METRICS
    unknown = [metric for metric in wanted if metric not in METRICS]
    if unknown:
        raise validation_error(f"Metric '{unknown[0]}' is not valid. Valid metrics are: {', '.join(METRICS)}.")
    if call.params["Granularity"] != "1Minute":
        raise validation_error("Granularity must be 1Minute.")
    group.metrics.update(wanted)
    return {}


def disable_metrics_collection(call: Call) -> Body:
    """Stop collecting some metrics of a group, or all of them."""
    group = call.groups.group(call.params["AutoScalingGroupName"])
    group.metrics.difference_update(call.params.get("Metrics") or METRICS)
    return {}


def suspend_processes(call: Call) -> Body:
    """Suspend some processes of a group."""
    group = call.groups.group(call.params["AutoScalingGroupName"])
    group.suspended.update(call.params.get("ScalingProcesses") or ("Launch", "Terminate"))
    return {}


def resume_processes(call: Call) -> Body:
    """Resume some processes of a group, or all of them."""
    group = call.groups.group(call.params["AutoScalingGroupName"])
    group.suspended.difference_update(call.params.get("ScalingProcesses") or set(group.suspended))
    group.wake()
    return {}


OPERATIONS: dict[str, Handler] = {
    "CreateOrUpdateTags": create_or_update_tags,
    "DeleteTags": delete_tags,
    "DescribeTags": describe_tags,
    "DisableMetricsCollection": disable_metrics_collection,
    "EnableMetricsCollection": enable_metrics_collection,
    "ResumeProcesses": resume_processes,
    "SuspendProcesses": suspend_processes,
}
