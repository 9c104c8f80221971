"""Capacity providers of managed instances: ECS runs their instances, so tasks of theirs wait for none."""

from __future__ import annotations

from ecsim.account.errors import invalid_parameter
from ecsim.account.world import Body, Call
from ecsim.ecs.store import EcsRegion
from ecsim.moto import seams

MEMBER = "managedInstancesProvider"
# What ECS fills in. Which values real ECS prints is not documented.
_TEMPLATE: Body = {
    "monitoring": "BASIC",
    "capacityOptionType": "ON_DEMAND",
    "storageConfiguration": {"storageSizeGiB": 80},
}


def created(call: Call, declared: Body) -> Body:
    """Return the block of a new provider as ECS returns it, with the name of its cluster."""
    ecs = call.store(EcsRegion)
    if not call.params.get("cluster"):
        raise invalid_parameter("A cluster must be specified for a capacity provider of managed instances.")
    cluster = ecs.cluster(call.params["cluster"])
    template = {**_TEMPLATE, **declared["instanceLaunchTemplate"]}
    network = dict(template["networkConfiguration"])
    network.setdefault("securityGroups", _default_groups(call, network["subnets"]))
    template["networkConfiguration"] = network
    block = {"propagateTags": "NONE", "infrastructureOptimization": {"scaleInAfter": 300}, **declared}
    return {"cluster": cluster["clusterName"], MEMBER: {**block, "instanceLaunchTemplate": template}}


def updated(current: Body, changes: Body) -> Body:
    """Return the block of a provider after an update; what it does not name is kept."""
    template = {**current["instanceLaunchTemplate"], **changes.get("instanceLaunchTemplate", {})}
    return {**current, **changes, "instanceLaunchTemplate": template}


def _default_groups(call: Call, subnets: list[str]) -> list[str]:
    subnet = seams.subnet(call.account, call.region, subnets[0])
    if subnet is None:
        raise invalid_parameter(f"The subnet ID '{subnets[0]}' does not exist.")
    group = seams.default_security_group(call.account, call.region, subnet.vpc_id)
    return [group] if group else []
