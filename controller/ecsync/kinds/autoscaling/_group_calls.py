"""The calls of an Auto Scaling group: create it and its metrics, update only what differs, delete it step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecsync.core import marks
from ecsync.core.model import Call, Present, Tags, Update
from ecsync.core.normalise import normalise
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import changed, without, without_nones
from ecsync.kinds._partial_updates import member_to_send
from ecsync.kinds.autoscaling._group_rules import RULES, propagated_keys

# Members that their own calls attach and detach; each call has a parameter with the name of the member.
_ATTACHED = {
    "TargetGroupARNs": ("AttachLoadBalancerTargetGroups", "DetachLoadBalancerTargetGroups"),
    "LoadBalancerNames": ("AttachLoadBalancers", "DetachLoadBalancers"),
    "TrafficSources": ("AttachTrafficSources", "DetachTrafficSources"),
}
_OWN_CALLS = ("EnabledMetrics", "PropagateAtLaunch", "Tags", *_ATTACHED)


def tag_of_group(group: str, key: str, value: Json, propagate: bool) -> dict[str, Json]:
    """Return a tag as CreateOrUpdateTags accepts it."""
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": key,
        "Value": value,
        "PropagateAtLaunch": propagate,
    }


def create_calls(body: Body, mark_tags: Tags) -> tuple[Call, ...]:
    """Create the group with its tags and our marks, then enable its metrics."""
    propagated = propagated_keys(body)
    tags = {**marks.tag_map(body.get("Tags")), **mark_tags}
    params = without(body, "EnabledMetrics", "Tags")
    if tags:
        params["Tags"] = [
            {"Key": key, "Value": value, "PropagateAtLaunch": key in propagated} for key, value in tags.items()
        ]
    name = body["AutoScalingGroupName"]
    return (_call("CreateAutoScalingGroup", params), *_metrics(name, _metric_names(body), []))


def update_calls(change: Update) -> tuple[Call, ...]:
    """Return the calls for what differs: one for all settings, one for each attachment and for the metrics."""
    return tuple(_update(change))


def delete_calls(observed: Present) -> tuple[Call, ...]:
    """Return the next safe call: scale to zero first; delete by force if instances are protected from scale-in.

    A group with managed termination protection never scales in its instances. By now no task runs on them: the
    services were deleted before.
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
    name, members = change.observed.outputs["name"], changed(change)
    settings = without_nones(
        {member: member_to_send(change, member, RULES) for member in members if member not in _OWN_CALLS}
    )
    if settings:
        yield _call("UpdateAutoScalingGroup", {"AutoScalingGroupName": name, **settings})
    for member in _ATTACHED:
        if member in members:
            yield from _attachments(member, change)
    if "EnabledMetrics" in members:
        yield from _metrics(name, _metric_names(change.desired.body), _metric_names(change.observed.body))
    if "PropagateAtLaunch" in members:
        yield from _propagation(str(name), change)


def _attachments(member: str, change: Update) -> Iterator[Call]:
    attach, detach = _ATTACHED[member]
    name = change.observed.outputs["name"]
    want, have = (normalise(body, RULES).get(member) or [] for body in (change.desired.body, change.observed.body))
    added, removed = _difference(want, have)
    if added:
        yield _call(attach, {"AutoScalingGroupName": name, member: added})
    if removed:
        yield _call(detach, {"AutoScalingGroupName": name, member: removed})


def _metrics(name: Json, want: Sequence[str], have: Sequence[str]) -> Iterator[Call]:
    added, removed = _difference(want, have)
    if added:
        params = {"AutoScalingGroupName": name, "Metrics": added, "Granularity": "1Minute"}
        yield _call("EnableMetricsCollection", params)
    if removed:
        yield _call("DisableMetricsCollection", {"AutoScalingGroupName": name, "Metrics": removed})


def _difference(want: Sequence[Json], have: Sequence[Json]) -> tuple[list[Json], list[Json]]:
    """Return the items to add and the items to remove."""
    return [item for item in want if item not in have], [item for item in have if item not in want]


def _metric_names(body: Body) -> list[str]:
    return [metric["Metric"] for metric in body.get("EnabledMetrics") or ()]


def _propagation(name: str, change: Update) -> Iterator[Call]:
    """Put the declared tags that differ in PropagateAtLaunch alone; TAGGING puts those with another value."""
    want, have = propagated_keys(change.desired.body), set(change.observed.body.get("PropagateAtLaunch") or ())
    declared, live = (marks.tag_map(body.get("Tags")) for body in (change.desired.body, change.observed.body))
    differing = [key for key in declared if (key in want) != (key in have) and live.get(key) == declared[key]]
    if differing:
        tags = [tag_of_group(name, key, declared[key], key in want) for key in differing]
        yield _call("CreateOrUpdateTags", {"Tags": tags})


def _call(operation: str, params: Body) -> Call:
    return Call(service="autoscaling", operation=operation, params=params)
