"""Registered targets and their health. ID and port together identify a target."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ecsim.account.world import Body, Call, Handler, World
from ecsim.elbv2 import traffic
from ecsim.elbv2.store import ElbRegion, TargetState

REASONS = {
    "initial": ("Elb.RegistrationInProgress", "Target registration is in progress"),
    "unhealthy": ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
    "unused": ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
}
NOT_REGISTERED = ("Target.NotRegistered", "Target is not registered to the target group")


def add(
    world: World,
    region: str,
    group: str,
    target_id: str,
    port: int,
    *,
    failing: bool = False,
    zone: str | None = None,
    on_change: Callable[[], None] = lambda: None,
) -> bool:
    """Register a target. Returns False if the target group does not exist."""
    elb = world.store(ElbRegion, region)
    if group not in elb.target_groups:
        return False
    target = TargetState(target_id, port, zone=zone, failing=failing, on_change=on_change)
    elb.targets.setdefault(group, {})[target_id, port] = target
    if elb.balancers_of(group):
        _check(world, elb, group, target)
    else:
        target.state = "unused"
    return True


def remove(world: World, region: str, group: str, target_id: str, port: int) -> float:
    """Deregister a target. Returns its drain time in seconds."""
    elb = world.store(ElbRegion, region)
    target = elb.targets.get(group, {}).get((target_id, port))
    if target is None or target.state == "draining":
        return 0.0
    delay = float(elb.attributes[group].get("deregistration_delay.timeout_seconds", "0")) * world.settings.timings.drain
    if target.state == "unused":
        delay = 0.0
    target.state = "draining"
    target.step += 1
    target.on_change = lambda: None
    traffic.targets_changed(world, elb, group)

    def removed() -> None:
        if elb.targets.get(group, {}).get((target_id, port)) is target:
            del elb.targets[group][target_id, port]

    world.after(delay, removed)
    return delay


def state(world: World, region: str, group: str, target_id: str, port: int) -> str | None:
    """Return the state of a target, or None if it is not registered."""
    target = world.store(ElbRegion, region).targets.get(group, {}).get((target_id, port))
    return target.state if target else None


def usage_changed(world: World, elb: ElbRegion) -> None:
    """Start the health checks of targets that are now in use, and stop those that are not, after a rule change."""
    traffic.rules_changed(world, elb)
    used = {group for group, _ in elb.forwards()}
    for group, targets in elb.targets.items():
        for target in targets.values():
            if group in used and target.state == "unused":
                _check(world, elb, group, target)
            elif group not in used and target.state not in ("unused", "draining"):
                _set(world, elb, group, target, "unused")


def _check(world: World, elb: ElbRegion, group: str, target: TargetState) -> None:
    _set(world, elb, group, target, "initial")
    body = elb.target_groups[group]
    count = body["UnhealthyThresholdCount" if target.failing else "HealthyThresholdCount"]
    result = "unhealthy" if target.failing else "healthy"
    world.after(
        count * body["HealthCheckIntervalSeconds"] * world.settings.timings.health,
        partial(_checked, world, elb, group, target, target.step, result),
    )


def _checked(world: World, elb: ElbRegion, group: str, target: TargetState, step: int, result: str) -> None:
    if target.step == step:
        _set(world, elb, group, target, result)


def _set(world: World, elb: ElbRegion, group: str, target: TargetState, value: str) -> None:
    target.state = value
    target.step += 1
    traffic.targets_changed(world, elb, group)
    target.on_change()


def register_targets(call: Call) -> Body:
    """Register targets by ID and port. The default port is that of the target group."""
    elb = call.store(ElbRegion)
    group = elb.get("target_groups", call.params["TargetGroupArn"])
    arn = group["TargetGroupArn"]
    for target in call.params["Targets"]:
        port = target.get("Port", group.get("Port", 0))
        if (target["Id"], port) not in elb.targets.get(arn, {}):
            add(call.world, call.region, arn, target["Id"], port, zone=target.get("AvailabilityZone"))
    return {}


def deregister_targets(call: Call) -> Body:
    """Deregister targets. A target that is not registered is not an error."""
    elb = call.store(ElbRegion)
    arn = elb.get("target_groups", call.params["TargetGroupArn"])["TargetGroupArn"]
    for target in call.params["Targets"]:
        registered = [port for identifier, port in elb.targets.get(arn, {}) if identifier == target["Id"]]
        ports = [target["Port"]] if "Port" in target else registered
        for port in ports:
            remove(call.world, call.region, arn, target["Id"], port)
    return {}


def describe_target_health(call: Call) -> Body:
    """Describe the health of all targets of a group, or of some."""
    elb = call.store(ElbRegion)
    group = elb.get("target_groups", call.params["TargetGroupArn"])
    registered = elb.targets.get(group["TargetGroupArn"], {})
    requested = call.params.get("Targets")
    if not requested:
        return {"TargetHealthDescriptions": [_show(group, target) for target in registered.values()]}
    shown = []
    for wanted in requested:
        found = [t for (i, p), t in registered.items() if i == wanted["Id"] and wanted.get("Port", p) == p]
        shown += [_show(group, target) for target in found]
        if not found:
            reason, text = NOT_REGISTERED
            health = {"State": "unused", "Reason": reason, "Description": text}
            shown.append({"Target": wanted, "TargetHealth": health})
    return {"TargetHealthDescriptions": shown}


def _show(group: Body, target: TargetState) -> Body:
    health = {"State": target.state}
    if target.state in REASONS:
        health["Reason"], health["Description"] = REASONS[target.state]
    shown: Body = {"Id": target.id, "Port": target.port}
    if target.zone:
        shown["AvailabilityZone"] = target.zone
    port = group.get("HealthCheckPort")
    return {
        "Target": shown,
        "HealthCheckPort": str(target.port) if port == "traffic-port" else port,
        "TargetHealth": health,
    }


OPERATIONS: dict[str, Handler] = {
    "DeregisterTargets": deregister_targets,
    "DescribeTargetHealth": describe_target_health,
    "RegisterTargets": register_targets,
}
