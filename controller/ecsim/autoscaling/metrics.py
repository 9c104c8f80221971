"""The metrics of an Auto Scaling group: enable and disable their collection."""

from __future__ import annotations

from ecsim.account.errors import validation_error
from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling.store import AutoScalingRegion

METRICS = (
    "GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances",
    "GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances", "GroupInServiceCapacity",
    "GroupPendingCapacity", "GroupStandbyCapacity", "GroupTerminatingCapacity", "GroupTotalCapacity",
    "WarmPoolDesiredCapacity", "WarmPoolWarmedCapacity", "WarmPoolPendingCapacity", "WarmPoolTerminatingCapacity",
    "WarmPoolTotalCapacity", "GroupAndWarmPoolDesiredCapacity", "GroupAndWarmPoolTotalCapacity",
)  # fmt: skip


def enable_metrics_collection(call: Call) -> Body:
    """Enable some metrics of a group, or all."""
    group = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"])
    wanted = call.params.get("Metrics") or METRICS
    unknown = [metric for metric in wanted if metric not in METRICS]
    if unknown:
        raise validation_error(f"Metric '{unknown[0]}' is not valid. Valid metrics are: {', '.join(METRICS)}.")
    if call.params["Granularity"] != "1Minute":
        raise validation_error("Granularity must be 1Minute.")
    group.metrics.update(wanted)
    return {}


def disable_metrics_collection(call: Call) -> Body:
    """Disable some metrics of a group, or all."""
    group = call.store(AutoScalingRegion).group(call.params["AutoScalingGroupName"])
    group.metrics.difference_update(call.params.get("Metrics") or METRICS)
    return {}


OPERATIONS: dict[str, Handler] = {
    "DisableMetricsCollection": disable_metrics_collection,
    "EnableMetricsCollection": enable_metrics_collection,
}
