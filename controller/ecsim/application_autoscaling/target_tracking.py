"""Target tracking: the load of services, and how the desired counts follow it.

A load is an amount of work: the percent that was set, times the tasks that ran at that time. With more tasks the
average falls, with fewer it rises.
"""

from __future__ import annotations

import math
from functools import partial

from ecsim.account.world import Body, World
from ecsim.application_autoscaling import scalable_targets
from ecsim.application_autoscaling.store import AppAutoScalingRegion, ScalableTarget
from ecsim.ecs.store import EcsRegion, Service, running_and_pending

METRICS = {"ECSServiceAverageCPUUtilization": "cpu", "ECSServiceAverageMemoryUtilization": "memory"}
MINUTES_ABOVE = 3
MINUTES_BELOW = 15
LOW = 0.9  # threshold of the low alarm as a share of the target value
COOLDOWN = 300


def set_load(world: World, region: str, cluster: str, service: str, percents: dict[str, float]) -> Body:
    """Set the average utilisation of a service's present tasks, in percent by metric."""
    ecs, scaling = world.store(EcsRegion, region), world.store(AppAutoScalingRegion, region)
    found = ecs.service(ecs.cluster(cluster), service)
    resource = f"service/{found.cluster}/{found.name}"
    started = resource not in scaling.loads
    work = {metric: percent * max(_running(found), 1) for metric, percent in percents.items()}
    scaling.loads[resource] = {**scaling.loads.get(resource, {}), **work}
    if started:
        _later(world, scaling, resource)
    return {"resource": resource, **percents}


def _running(service: Service) -> int:
    return running_and_pending(service.tasks)[0]


def _later(world: World, region: AppAutoScalingRegion, resource: str) -> None:
    world.after(world.settings.timings.scaling_period, partial(_evaluate, world, region, resource))


def _evaluate(world: World, region: AppAutoScalingRegion, resource: str) -> None:
    """Evaluate one minute: count it above or below the target of each policy, and scale if an alarm is reached."""
    service = scalable_targets.service_of(world.store(EcsRegion, region.region), resource)
    target = region.targets.get(resource)
    if service is None:
        region.loads.pop(resource, None)
        return
    _later(world, region, resource)
    running = _running(service)
    if target is None or not running:
        return
    wanted: list[tuple[str, int, bool]] = []
    for name, policy in target.policies.items():
        settings = policy.get("TargetTrackingScalingPolicyConfiguration", {})
        metric = METRICS.get(settings.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", ""))
        work = region.loads[resource].get(metric or "")
        if work is None:
            continue
        goal, average = float(settings["TargetValue"]), work / running
        above, below = target.breaches.get(name, (0, 0))
        above, below = (above + 1 if average > goal else 0), (below + 1 if average < LOW * goal else 0)
        target.breaches[name] = (above, below)
        count = math.ceil(round(running * average / goal, 6))
        if above >= MINUTES_ABOVE:
            wanted.append((name, count, True))
        else:
            spare = below >= MINUTES_BELOW and not settings.get("DisableScaleIn")
            wanted.append((name, count if spare else service.desired, False))
    if wanted:
        _decide(world, region, target, service, wanted)


def _decide(
    world: World,
    region: AppAutoScalingRegion,
    target: ScalableTarget,
    service: Service,
    wanted: list[tuple[str, int, bool]],
) -> None:
    """Scale to the largest count that a policy wants. No scale-in during a cooldown or a deployment."""
    name, count, _ = max(wanted, key=lambda item: item[1])
    desired = max(target.minimum, min(count, target.maximum))
    if desired > service.desired:
        waits, end = _cooling(world, target, name, "ScaleOutCooldown", target.scaled_out_at), "High"
        suspended = target.suspended["DynamicScalingOutSuspended"]
    else:
        waits, end = _cooling(world, target, name, "ScaleInCooldown", target.scaled_in_at), "Low"
        suspended = target.suspended["DynamicScalingInSuspended"] or len(service.deployments) > 1
    if desired == service.desired or waits or suspended:
        return
    alarm = next(one["AlarmName"] for one in target.policies[name]["Alarms"] if f"Alarm{end}" in one["AlarmName"])
    scalable_targets.scale(
        world, region, target, desired, f"monitor alarm {alarm} in state ALARM triggered policy {name}"
    )
    target.breaches.clear()


def _cooling(world: World, target: ScalableTarget, policy: str, member: str, since: float) -> bool:
    settings = target.policies[policy]["TargetTrackingScalingPolicyConfiguration"]
    return world.now - since < float(settings.get(member, COOLDOWN))
