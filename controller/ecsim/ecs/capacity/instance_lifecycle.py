"""The life of a container instance: it joins its cluster, drains and leaves; waiting tasks are placed on it.

Code that changes the free capacity of a cluster calls `EcsRegion.capacity_changed`. `reconcile` is level-triggered: it
decides from the present state.
"""

from __future__ import annotations

import base64
import binascii
import re
from functools import partial

from ecsim.account.world import World
from ecsim.autoscaling.store import Group, Instance
from ecsim.ecs import scheduler, task_lifecycle
from ecsim.ecs.capacity import instance_types, managed_scaling, placement
from ecsim.ecs.store import ContainerInstance, EcsRegion, Task
from ecsim.moto import iam

# How user data names the cluster: in the agent's configuration file, or in Bottlerocket's settings.
JOINS = (
    re.compile(r"ECS_CLUSTER=[\"']?([A-Za-z0-9_-]+)"),
    re.compile(r"\[settings\.ecs\][^\[]*?cluster\s*=\s*\"([^\"]+)\""),
)
RETRY = 60.0  # seconds after which an agent retries a failed registration
CAPABILITIES = ("docker-remote-api.1.21", "logging-driver.awslogs", "logging-driver.awsfirelens", "task-iam-role")


class ContainerAgents:
    """The ECS agents on the instances of Auto Scaling groups: an `autoscaling.listeners.InstanceListener`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def booted(self, region: str, group: Group, instance: Instance) -> None:
        """The agent of an instance starts, and registers with its cluster."""
        wait = self._world.settings.timings.agent
        self._world.after(wait, partial(_join, self._world, self._world.store(EcsRegion, region), group, instance))

    def drain(self, region: str, group: Group, instance: Instance) -> bool:
        """Start to drain an instance if managed draining applies to it; False if not."""
        ecs = self._world.store(EcsRegion, region)
        found = _registered(ecs, instance)
        if found is None or not _drains(ecs, group, found):
            return False
        set_status(self._world, ecs, found, "DRAINING")
        return True

    def ended(self, region: str, instance: Instance) -> None:
        """Deregister a terminated instance and lose its tasks."""
        ecs = self._world.store(EcsRegion, region)
        found = _registered(ecs, instance)
        if found is not None:
            deregister(self._world, ecs, found)
            for task in ecs.tasks_on(found):
                task_lifecycle.lose(self._world, ecs, task)


def _cluster_of(user_data: str) -> str | None:
    """Return the name of the cluster that user data joins; None if it joins none."""
    try:
        text = base64.b64decode(user_data, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None
    return next((match.group(1) for pattern in JOINS if (match := pattern.search(text))), None)


def _join(world: World, ecs: EcsRegion, group: Group, instance: Instance) -> None:
    """Register an instance with its cluster, or retry later."""
    name = _cluster_of(instance.user_data)
    if name is None or instance not in group.instances or instance.leaving:
        return
    cluster = ecs.clusters.get(name)
    if cluster is None or cluster["status"] != "ACTIVE" or iam.instance_role(world, instance.profile) is None:
        world.after(RETRY, partial(_join, world, ecs, group, instance))
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
    wake(world, ecs, name)


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


def _drains(ecs: EcsRegion, group: Group, found: ContainerInstance) -> bool:
    """Return whether ECS moves the tasks of an instance elsewhere before its termination."""
    provider = ecs.providers.get(managed_scaling.provider_of(ecs, group.arn) or "")
    if provider is None or found.provider != provider["name"]:
        return False
    managed = provider["autoScalingGroupProvider"]["managedDraining"] == "ENABLED"
    return managed and bool(managed_scaling.without_daemons(ecs.tasks_on(found)))


def deregister(world: World, ecs: EcsRegion, found: ContainerInstance) -> None:
    """Remove a container instance from its cluster."""
    found.status = "INACTIVE"
    ecs.instances.pop(found.arn, None)
    ecs.tags.pop(found.arn, None)
    wake(world, ecs, found.cluster)


def set_status(world: World, ecs: EcsRegion, found: ContainerInstance, status: str) -> None:
    """Set a container instance to DRAINING, or back to ACTIVE."""
    found.status = status
    found.version += 1
    wake(world, ecs, found.cluster)


def connect(world: World, ecs: EcsRegion) -> None:
    """Let `ecs.capacity_changed` schedule a reconcile."""
    ecs.capacity_changed = partial(wake, world, ecs)


def wake(world: World, ecs: EcsRegion, cluster: str) -> None:
    """Schedule a reconcile of the capacity of a cluster, unless one is scheduled."""
    if cluster not in ecs.awake:
        ecs.awake.add(cluster)
        world.after(world.settings.timings.scheduler, partial(reconcile, world, ecs, cluster))


def reconcile(world: World, ecs: EcsRegion, cluster: str) -> None:
    """Place the waiting tasks of a cluster, release its drained instances and wake its services and providers."""
    ecs.awake.discard(cluster)
    for instance in ecs.instances_of(cluster):
        if instance.host.leaving and not managed_scaling.without_daemons(ecs.tasks_on(instance)):
            instance.host.drained()
    for task in list(ecs.tasks.values()):
        if task.waiting and task.cluster_arn == ecs.arn("cluster", cluster):
            _place(world, ecs, cluster, task)
    for service in list(ecs.services.values()):
        if service.cluster == cluster and service.status == "ACTIVE" and scheduler.uses_instances(service):
            scheduler.wake(world, ecs, service)
    managed_scaling.wake(world, ecs, cluster)


def _place(world: World, ecs: EcsRegion, cluster: str, task: Task) -> None:
    mates = [t for t in ecs.tasks.values() if t.group == task.group and t.desired_status == "RUNNING" and t is not task]
    provider = task.launch.get("capacityProviderName")
    found = placement.choose(ecs, cluster, task.definition, task.placement, provider, mates)
    if isinstance(found, ContainerInstance):
        task_lifecycle.place(world, ecs, task, found)
