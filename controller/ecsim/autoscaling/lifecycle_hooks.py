"""Lifecycle hooks of an Auto Scaling group: those of its creation, described. They do not delay its instances."""

from __future__ import annotations

from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling.store import AutoScalingRegion

DEFAULTS: Body = {"HeartbeatTimeout": 3600, "DefaultResult": "ABANDON"}
GLOBAL = 172800  # seconds, or a hundred times the heartbeat timeout, whichever is smaller


def declared(name: str, given: list[Body]) -> list[Body]:
    """Return the hooks of a new group with AWS's defaults."""
    hooks = [{**DEFAULTS, **one, "AutoScalingGroupName": name} for one in given]
    return [{**one, "GlobalTimeout": min(GLOBAL, 100 * one["HeartbeatTimeout"])} for one in hooks]


def describe_lifecycle_hooks(call: Call) -> Body:
    """Describe all hooks of a group, or some by name."""
    group = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"])
    names = call.params.get("LifecycleHookNames")
    return {"LifecycleHooks": [one for one in group.hooks if not names or one["LifecycleHookName"] in names]}


OPERATIONS: dict[str, Handler] = {"DescribeLifecycleHooks": describe_lifecycle_hooks}
