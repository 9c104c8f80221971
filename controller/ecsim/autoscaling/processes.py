"""The processes of an Auto Scaling group: suspend and resume."""

from __future__ import annotations

from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling.store import AutoScalingRegion


def suspend_processes(call: Call) -> Body:
    """Suspend some processes of a group; without a list, Launch and Terminate."""
    group = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"])
    group.suspended.update(call.params.get("ScalingProcesses") or ("Launch", "Terminate"))
    return {}


def resume_processes(call: Call) -> Body:
    """Resume some processes of a group, or all."""
    group = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"])
    group.suspended.difference_update(call.params.get("ScalingProcesses") or set(group.suspended))
    group.wake()
    return {}


OPERATIONS: dict[str, Handler] = {
    "ResumeProcesses": resume_processes,
    "SuspendProcesses": suspend_processes,
}
