"""Managed scaling: a capacity provider sets the desired capacity of its Auto Scaling group to what its tasks need.

M is the number of instances that the tasks need, N the number of instances. The provider keeps M / N at its target
capacity.
"""

from __future__ import annotations

import math
from functools import partial

from ecsim.account.world import Body, World
from ecsim.autoscaling.store import AutoScalingRegion, Group
from ecsim.ec2 import launch_templates
from ecsim.ecs.capacity import instance_types, placement
from ecsim.ecs.store import EcsRegion, Task


def provider_of(ecs: EcsRegion, group_arn: str) -> str | None:
    """Return the name of the provider over an Auto Scaling group; None if it has none."""
    for name, provider in ecs.providers.items():
        over = provider.get("autoScalingGroupProvider", {}).get("autoScalingGroupArn")
        if provider["status"] == "ACTIVE" and over == group_arn:
            return name
    return None


def is_managed(ecs: EcsRegion, provider: str | None) -> bool:
    """Return whether a provider has managed scaling, so that its tasks can wait for instances."""
    settings = ecs.providers.get(provider or "", {}).get("autoScalingGroupProvider", {})
    return bool(settings.get("managedScaling", {}).get("status") == "ENABLED")


def wake(world: World, ecs: EcsRegion, cluster: str, seconds: float | None = None) -> None:
    """Schedule a reconcile of the managed providers of a cluster, unless one is scheduled."""
    for name in ecs.clusters[cluster]["capacityProviders"]:
        flag = f"provider {name}"
        if is_managed(ecs, name) and flag not in ecs.awake:
            ecs.awake.add(flag)
            wait = world.settings.timings.managed_scaling if seconds is None else seconds
            world.after(wait, partial(_reconcile, world, ecs, cluster, name))


def _reconcile(world: World, ecs: EcsRegion, cluster: str, name: str) -> None:
    ecs.awake.discard(f"provider {name}")
    provider = ecs.providers.get(name)
    if not is_managed(ecs, name) or provider is None or name not in ecs.clusters[cluster]["capacityProviders"]:
        return
    settings = provider["autoScalingGroupProvider"]
    group = world.store(AutoScalingRegion, ecs.region).find(settings["autoScalingGroupArn"])
    if group is None or group.deleting:
        return
    scaling = settings["managedScaling"]
    wanted = math.ceil(_needed(ecs, cluster, name, group, world) * 100 / scaling["targetCapacity"])
    if wanted > group.desired:
        step = max(scaling["minimumScalingStepSize"], min(wanted - group.desired, scaling["maximumScalingStepSize"]))
        _resize(group, min(group.desired + step, group.body["MaxSize"]))
    if wanted >= group.desired:
        ecs.spare_since.pop(name, None)
        return
    since = ecs.spare_since.setdefault(name, world.now)
    left = since + world.settings.timings.managed_scale_in - world.now
    if left > 0:
        wake(world, ecs, cluster, left)
        return
    ecs.spare_since.pop(name)
    if settings["managedTerminationProtection"] == "ENABLED":
        _release(ecs, cluster, group)
    _resize(group, max(wanted, group.body["MinSize"]))


def _resize(group: Group, desired: int) -> None:
    if desired != group.desired:
        group.body["DesiredCapacity"] = desired
        group.wake()


def _release(ecs: EcsRegion, cluster: str, group: Group) -> None:
    """Protect the instances that run tasks from scale-in, and only those."""
    busy = {id(one.host) for one in ecs.instances_of(cluster) if without_daemons(ecs.tasks_on(one))}
    for instance in group.staying:
        instance.protected = id(instance) in busy


def without_daemons(tasks: list[Task]) -> list[Task]:
    """Return the tasks that keep an instance in use: all except those of daemon services."""
    return [task for task in tasks if task.service is None or task.service.body["schedulingStrategy"] != "DAEMON"]


def _needed(ecs: EcsRegion, cluster: str, provider: str, group: Group, world: World) -> int:
    """Return the number of instances that run tasks, plus those that the waiting tasks would fill."""
    own = [instance for instance in ecs.instances_of(cluster) if instance.provider == provider]
    busy = sum(bool(without_daemons(ecs.tasks_on(instance))) for instance in own if instance.status == "ACTIVE")
    waiting = [
        task.definition
        for task in ecs.tasks.values()
        if task.waiting
        and task.launch.get("capacityProviderName") == provider
        and task.cluster_arn == ecs.arn("cluster", cluster)
    ]
    return busy + _bins(waiting, _type(world, ecs, group))


def _type(world: World, ecs: EcsRegion, group: Group) -> str:
    if group.instances:
        return group.instances[-1].type
    wanted = group.body.get("LaunchTemplate", {})
    template = launch_templates.find(world, ecs.region, wanted)
    version = launch_templates.resolve(template, wanted.get("Version")) if template else None
    return str(version["LaunchTemplateData"].get("InstanceType", "m5.large")) if version else "m5.large"


def _bins(definitions: list[Body], instance_type: str) -> int:
    """Return the number of empty instances that tasks fill, first fit. A task too large for the type is ignored."""
    cpu, memory = instance_types.resources(instance_type)
    bins: list[tuple[int, int, frozenset[str]]] = []
    for definition in definitions:
        wanted = placement.needs(definition)
        for index, (free_cpu, free_memory, ports) in enumerate(bins):
            if wanted.cpu <= free_cpu and wanted.memory <= free_memory and not wanted.ports & ports:
                bins[index] = (free_cpu - wanted.cpu, free_memory - wanted.memory, ports | wanted.ports)
                break
        else:
            if wanted.cpu <= cpu and wanted.memory <= memory:
                bins.append((cpu - wanted.cpu, memory - wanted.memory, wanted.ports))
    return len(bins)
