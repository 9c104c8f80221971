"""The calls of an Auto Scaling group: one to create and one for its metrics, the least for an update, the way out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecsync.core import marks
from ecsync.core.model import Call, Present, Tags, Update
from ecsync.core.normalise import normalise
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import changed, without
from ecsync.kinds._partial_updates import member_to_send
from ecsync.kinds.autoscaling._group_rules import RULES, passed_on

# Members that are set by calls of their own, and those calls' parameter.
_ATTACHED = {
    "TargetGroupARNs": ("AttachLoadBalancerTargetGroups", "DetachLoadBalancerTargetGroups"),
    "LoadBalancerNames": ("AttachLoadBalancers", "DetachLoadBalancers"),
    "TrafficSources": ("AttachTrafficSources", "DetachTrafficSources"),
}
_APART = ("EnabledMetrics", "PropagateAtLaunch", "Tags", *_ATTACHED)


def tagged(group: str, key: str, value: Json, passed_on: bool) -> dict[str, Json]:
    """Return a tag as calls take it that say which group it is for."""
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": value,
        "PropagateAtLaunch": passed_on,
    }


def create_calls(body: Body, ours: Tags) -> tuple[Call, ...]:
    """Create the group with its tags and our marks, then ask for its metrics."""
    flagged = passed_on(body)
    tags = {**marks.tag_map(body.get("Tags")), **ours}
    params = without(body, "EnabledMetrics", "Tags")
    if tags:
        params["Tags"] = [
            {"Key": key, "Value": value, "PropagateAtLaunch": key in flagged} for key, value in tags.items()
        ]
    name = body["AutoScalingGroupName"]
    return (_call("CreateAutoScalingGroup", params), *_metrics(name, _names(body), []))


def update_calls(change: Update) -> tuple[Call, ...]:
    """Send only what differs: settings in one call, attachments and metrics in calls of their own."""
    return tuple(_update(change))


def delete_calls(observed: Present) -> tuple[Call, ...]:
    """Return the next safe call: to zero first where instances may go by themselves, else delete by force.

    Instances that are protected from scaling in never go by themselves: that is what managed termination protection
    does, and the tasks on them have been drained with their services by now.
    """
    name, facts, body = observed.outputs["name"], observed.facts, observed.body
    if facts.get("deleting"):
        return ()
    if facts.get("protected"):
        return (_call("DeleteAutoScalingGroup", {"AutoScalingGroupName": name, "ForceDelete": True}),)
    sizes = {"MinSize": 0, "MaxSize": 0, "DesiredCapacity": 0}
    if facts.get("instances") and any(body.get(member) for member in sizes):
        return (_call("UpdateAutoScalingGroup", {"AutoScalingGroupName": name, **sizes}),)
    return (_call("DeleteAutoScalingGroup", {"AutoScalingGroupName": name}),)


def _update(change: Update) -> Iterator[Call]:
    name = change.observed.outputs["name"]
    members = changed(change)
    settings = {member: member_to_send(change, member, RULES) for member in members if member not in _APART}
    settings = {member: value for member, value in settings.items() if value is not None}
    if settings:
        yield _call("UpdateAutoScalingGroup", {"AutoScalingGroupName": name, **settings})
    for member in _ATTACHED:
        if member in members:
            yield from _attachments(member, change)
    if "EnabledMetrics" in members:
        yield from _metrics(name, _names(change.desired.body), _names(change.observed.body))
    if "PropagateAtLaunch" in members:
        yield from _flags(str(name), change)


def _attachments(member: str, change: Update) -> Iterator[Call]:
    attach, detach = _ATTACHED[member]
    name = change.observed.outputs["name"]
    want, have = (normalise(body, RULES).get(member) or [] for body in (change.desired.body, change.observed.body))
    added, removed = [one for one in want if one not in have], [one for one in have if one not in want]
    if added:
        yield _call(attach, {"AutoScalingGroupName": name, member: added})
    if removed:
        yield _call(detach, {"AutoScalingGroupName": name, member: removed})


def _metrics(name: Json, want: Sequence[str], have: Sequence[str]) -> Iterator[Call]:
    added, removed = [one for one in want if one not in have], [one for one in have if one not in want]
    if added:
        params = {"AutoScalingGroupName": name, "Metrics": added, "Granularity": "1Minute"}
        yield _call("EnableMetricsCollection", params)
    if removed:
        yield _call("DisableMetricsCollection", {"AutoScalingGroupName": name, "Metrics": removed})


def _names(body: Body) -> list[str]:
    return [metric["Metric"] for metric in body.get("EnabledMetrics") or ()]


def _flags(name: str, change: Update) -> Iterator[Call]:
    """Put the declared tags again of which the flag alone differs; one with another value is put for that."""
    want, have = passed_on(change.desired.body), set(change.observed.body.get("PropagateAtLaunch") or ())
    declared, live = (marks.tag_map(body.get("Tags")) for body in (change.desired.body, change.observed.body))
    differing = [key for key in declared if (key in want) != (key in have) and live.get(key) == declared[key]]
    if differing:
        tags = [tagged(name, key, declared[key], key in want) for key in differing]
        yield _call("CreateOrUpdateTags", {"Tags": tags})


def _call(operation: str, params: Body) -> Call:
    return Call(service="autoscaling", operation=operation, params=params)
