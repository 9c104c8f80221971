"""Container instances come and go: they join their cluster, drain, and are lost; waiting tasks find their place.

Whoever changes how much room there is calls `EcsRegion.capacity_changed`; `look` decides from what is there.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import partial

from ecsim.account.world import World
from ecsim.autoscaling.store import Group, Instance
from ecsim.ecs import scheduler, tasks
from ecsim.ecs.capacity import instance_types, managed_scaling, placement
from ecsim.ecs.store import ContainerInstance, EcsRegion, Task
from ecsim.moto import iam

# How an instance says which cluster it belongs to: to the agent's configuration file, or to Bottlerocket.
JOINS = (
    re.compile(r"ECS_CLUSTER=[\"']?([A-Za-z0-9_-]+)"),
    re.compile(r"\[settings\.ecs\][^\[]*?cluster\s*=\s*\"([^\"]+)\""),
)
RETRY = 60.0  # an agent that could not register tries again
CAPABILITIES = ("docker-remote-api.1.21", "logging-driver.awslogs", "logging-driver.awsfirelens", "task-iam-role")


def cluster_of(user_data: str) -> str | None:
    """The cluster that user data joins."""
    try:
        text = base64.b64decode(user_data, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    return next((match.group(1) for pattern in JOINS if (match := pattern.search(text))), None)


def join(world: World, ecs: EcsRegion, group: Group, instance: Instance) -> None:
    """The agent of a booted instance registers with its cluster, now or when it can."""
    name = cluster_of(instance.user_data)
    if name is None or instance not in group.instances or instance.leaving:
        return
    cluster = ecs.clusters.get(name)
    if cluster is None or cluster["status"] != "ACTIVE" or iam.instance_role(world, instance.profile) is None:
        world.after(RETRY, partial(join, world, ecs, group, instance))
        return
    cpu, memory = instance_types.resources(instance.type)
    arn = ecs.arn("container-instance", f"{name}/{world.hex(32)}")
    provider = managed_scaling.provider_of(ecs, group.arn)
    ecs.instances[arn] = ContainerInstance(
        arn=arn,
        host=instance,
        group=group.arn,
        cluster=name,
        provider=provider if provider in cluster["capacityProviders"] else None,
        cpu=cpu,
        memory=memory,
        registered_at=world.now,
        attributes=_attributes(instance),
    )
    ecs.tags[arn] = {}
    changed(world, ecs, name)


def _attributes(instance: Instance) -> dict[str, str | None]:
    return {
        "ecs.ami-id": instance.image,
        "ecs.availability-zone": instance.zone,
        "ecs.cpu-architecture": instance_types.architecture(instance.type),
        "ecs.instance-type": instance.type,
        "ecs.os-type": "linux",
        "ecs.subnet-id": instance.subnet,
        **{f"com.amazonaws.ecs.capability.{name}": None for name in CAPABILITIES},
    }


def _registered(ecs: EcsRegion, instance: Instance) -> ContainerInstance | None:
    return next((one for one in ecs.instances.values() if one.host is instance), None)


def leave(world: World, ecs: EcsRegion, instance: Instance) -> None:
    """An instance is gone, and with it what ran on it."""
    found = _registered(ecs, instance)
    if found is not None:
        deregister(world, ecs, found)
        for task in ecs.tasks_on(found):
            tasks.lose(world, ecs, task)


def deregister(world: World, ecs: EcsRegion, found: ContainerInstance) -> None:
    """A container instance is none any more."""
    found.status = "INACTIVE"
    ecs.instances.pop(found.arn, None)
    ecs.tags.pop(found.arn, None)
    changed(world, ecs, found.cluster)


def drains(ecs: EcsRegion, group: Group, instance: Instance) -> bool:
    """Whether ECS moves an instance's tasks elsewhere before it is terminated."""
    found = _registered(ecs, instance)
    provider = ecs.providers.get(managed_scaling.provider_of(ecs, group.arn) or "")
    if found is None or provider is None or found.provider != provider["name"]:
        return False
    return provider["autoScalingGroupProvider"]["managedDraining"] == "ENABLED" and bool(_movable(ecs, found))


def _movable(ecs: EcsRegion, found: ContainerInstance) -> list[Task]:
    return [
        task
        for task in ecs.tasks_on(found)
        if task.service is None or task.service.body["schedulingStrategy"] != "DAEMON"
    ]


def drain(world: World, ecs: EcsRegion, instance: Instance) -> None:
    """Move the tasks of an instance elsewhere."""
    found = _registered(ecs, instance)
    if found is not None:
        set_status(world, ecs, found, "DRAINING")


def set_status(world: World, ecs: EcsRegion, found: ContainerInstance, status: str) -> None:
    """Begin to drain a container instance, or take it into use again."""
    found.status = status
    found.version += 1
    changed(world, ecs, found.cluster)


def watch(world: World, ecs: EcsRegion) -> None:
    """From now on, whatever changes the capacity of a cluster is looked at."""
    ecs.capacity_changed = partial(changed, world, ecs)


def changed(world: World, ecs: EcsRegion, cluster: str) -> None:
    """Look soon at what can be placed, moved or scaled in a cluster."""
    if cluster not in ecs.awake:
        ecs.awake.add(cluster)
        world.after(world.settings.timings.scheduler, partial(look, world, ecs, cluster))


def look(world: World, ecs: EcsRegion, cluster: str) -> None:
    """One look at the capacity of a cluster."""
    ecs.awake.discard(cluster)
    instances = ecs.instances_of(cluster)
    for instance in instances:
        if instance.host.leaving and not _movable(ecs, instance):
            instance.host.drained()
    for task in list(ecs.tasks.values()):
        if not task.waiting or task.cluster_arn != ecs.arn("cluster", cluster):
            continue
        mates = [t for t in ecs.tasks.values() if t.group == task.group and t.desired == "RUNNING" and t is not task]
        provider = task.launch.get("capacityProviderName")
        found = placement.choose(ecs, cluster, task.definition, task.placement, provider, mates)
        if isinstance(found, ContainerInstance):
            tasks.place(world, ecs, task, found)
    for service in list(ecs.services.values()):
        if service.cluster == cluster and service.status == "ACTIVE" and scheduler.cares(service):
            scheduler.wake(world, ecs, service)
    managed_scaling.wake(world, ecs, cluster)
