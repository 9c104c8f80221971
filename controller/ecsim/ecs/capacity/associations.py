"""The capacity providers that a cluster is associated with. With settling on, each change keeps it busy."""

from __future__ import annotations

from ecsim.account.errors import AwsError
from ecsim.account.world import Body, Call, World
from ecsim.ecs.capacity import providers as ecs_providers
from ecsim.ecs.store import EcsRegion

# Members of a cluster that no response shows.
INTERNAL = ("attachmentsStatus", "attaching")


def usable(cluster: Body) -> set[str]:
    """Return the providers that a strategy may use now."""
    return set(cluster["capacityProviders"]) - set(cluster.get("attaching", []))


def check_idle(cluster: Body) -> None:
    """Refuse to change or delete a cluster during a change of its providers."""
    if cluster.get("attachmentsStatus") == "UPDATE_IN_PROGRESS":
        raise AwsError(
            "UpdateInProgressException",
            "The specified cluster is in a busy state. Cluster attachments must be in UPDATE_COMPLETED or"
            " UPDATE_FAILED state before they can be updated. Wait and try again.",
        )


def put(call: Call, cluster: Body) -> None:
    """Replace the providers and the default strategy of a cluster, if no removed provider is in use."""
    ecs, params = call.store(EcsRegion), call.params
    providers, strategy = params["capacityProviders"], params["defaultCapacityProviderStrategy"]
    check_idle(cluster)
    ecs_providers.check_association(ecs, providers, strategy)
    if _in_use(ecs, cluster) & (set(cluster["capacityProviders"]) - set(providers)):
        message = "The specified capacity provider is in use and cannot be removed."
        raise AwsError("ResourceInUseException", message)
    associate(call.world, ecs, cluster, providers, strategy)


def _in_use(ecs: EcsRegion, cluster: Body) -> set[str]:
    """Return the providers that services or tasks of a cluster use."""
    services = [s for s in ecs.services.values() if s.cluster == cluster["clusterName"] and s.status == "ACTIVE"]
    used = {item["capacityProvider"] for s in services for item in s.body.get("capacityProviderStrategy", [])}
    tasks = [t for t in ecs.tasks.values() if t.cluster_arn == cluster["clusterArn"] and t.last_status != "STOPPED"]
    return used | {t.launch["capacityProviderName"] for t in tasks if t.launch.get("capacityProviderName")}


def associate(world: World, ecs: EcsRegion, cluster: Body, providers: list[str], strategy: list[Body]) -> None:
    """Associate a cluster with providers. Those over Auto Scaling groups take `association_seconds`."""
    slow = [name for name in set(providers) ^ set(cluster["capacityProviders"]) if name not in ecs_providers.FARGATE]
    cluster["attaching"] = [name for name in slow if name in providers]
    cluster["capacityProviders"] = sorted(providers)
    cluster["defaultCapacityProviderStrategy"] = ecs_providers.strategy(strategy)

    def done() -> None:
        cluster.update(attachmentsStatus="UPDATE_COMPLETE", attaching=[])
        _adopt_instances(ecs, cluster)
        ecs.capacity_changed(cluster["clusterName"])

    if slow and world.settings.settling:
        cluster["attachmentsStatus"] = "UPDATE_IN_PROGRESS"
        world.after(world.settings.association_seconds, done)
    else:
        done()


def _adopt_instances(ecs: EcsRegion, cluster: Body) -> None:
    """Assign instances that registered before the association to the provider of their group."""
    for name in cluster["capacityProviders"]:
        arn = ecs.providers.get(name, {}).get("autoScalingGroupProvider", {}).get("autoScalingGroupArn")
        for instance in ecs.instances_of(cluster["clusterName"]):
            if instance.provider is None and instance.group == arn:
                instance.provider = name


def attachments(ecs: EcsRegion, cluster: Body) -> list[Body]:
    """Return the attachments that ECS creates for the providers: scaling policies and managed draining."""
    found = []
    for name in cluster["capacityProviders"]:
        settings = ecs.providers.get(name, {}).get("autoScalingGroupProvider", {})
        kinds = {
            "as_policy": settings.get("managedScaling", {}).get("status"),
            "managed_draining": settings.get("managedDraining"),
        }
        found += [
            {
                "id": f"{name}-{kind}",
                "type": kind,
                "status": "PRECREATED" if name in cluster.get("attaching", []) else "CREATED",
                "details": [{"name": "capacityProviderName", "value": name}],
            }
            for kind, status in kinds.items()
            if status == "ENABLED"
        ]
    return found
