"""Capacity providers: the two of Fargate, which always exist, and those of Auto Scaling groups at rest."""

from __future__ import annotations

from controller.simulator.ecs_store import EcsRegion
from controller.simulator.errors import AwsError, client_exception, invalid_parameter
from controller.simulator.paging import by_token, tags_to_dict, tags_to_list
from controller.simulator.world import Body, Call, Handler

FARGATE = ("FARGATE", "FARGATE_SPOT")
MANAGED_SCALING: Body = {
    "status": "DISABLED",
    "targetCapacity": 100,
    "minimumScalingStepSize": 1,
    "maximumScalingStepSize": 10000,
    "instanceWarmupPeriod": 300,
}


def strategy(items: list[Body] | None) -> list[Body]:
    """A capacity provider strategy as ECS echoes it: with weight and base."""
    return [{"weight": 0, "base": 0, **item} for item in items or []]


def check_association(ecs: EcsRegion, providers: list[str], default_strategy: list[Body]) -> None:
    """Refuse providers that do not exist, and a default strategy that uses others."""
    for name in providers:
        if name not in FARGATE and name not in ecs.providers:
            raise invalid_parameter(
                "The specified capacity provider does not exist. Specify a valid name and try again."
            )
    if any(item["capacityProvider"] not in providers for item in default_strategy):
        raise invalid_parameter(
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated"
            " with the cluster. Associate the capacity provider with the cluster and try again."
        )


def create_capacity_provider(call: Call) -> Body:
    """Create a provider over an Auto Scaling group."""
    ecs, params = call.ecs, call.params
    name = params["name"]
    if name.lower().startswith(("aws", "ecs", "fargate")):
        raise client_exception("The capacity provider name cannot be prefixed with aws, ecs, or fargate.")
    if name in ecs.providers:
        raise client_exception(
            "The specified capacity provider already exists. To change the configuration of an existing capacity"
            " provider, update the capacity provider."
        )
    provider = {
        "capacityProviderArn": ecs.arn("capacity-provider", name),
        "name": name,
        "status": "ACTIVE",
        "autoScalingGroupProvider": _group_provider(params.get("autoScalingGroupProvider", {})),
    }
    ecs.providers[name] = provider
    ecs.tags[provider["capacityProviderArn"]] = tags_to_dict(params.get("tags"))
    return {"capacityProvider": {**provider, "tags": params.get("tags", [])}}


def update_capacity_provider(call: Call) -> Body:
    """Change the managed scaling, draining or termination protection of a provider."""
    provider = _provider(call.ecs, call.params["name"])
    current, changes = provider["autoScalingGroupProvider"], call.params.get("autoScalingGroupProvider", {})
    scaling = {**current["managedScaling"], **changes.get("managedScaling", {})}
    provider["autoScalingGroupProvider"] = {**current, **changes, "managedScaling": scaling}
    return {"capacityProvider": {**provider, "updateStatus": "UPDATE_COMPLETE"}}


def delete_capacity_provider(call: Call) -> Body:
    """Delete a provider that no cluster is associated with."""
    ecs = call.ecs
    provider = _provider(ecs, call.params["capacityProvider"])
    if any(provider["name"] in c["capacityProviders"] for c in ecs.clusters.values() if c["status"] == "ACTIVE"):
        raise AwsError(
            "ResourceInUseException",
            "The capacity provider cannot be deleted because it is associated with cluster(s). Remove the"
            " association and try again.",
        )
    del ecs.providers[provider["name"]]
    ecs.tags.pop(provider["capacityProviderArn"], None)
    return {"capacityProvider": {**provider, "status": "INACTIVE", "updateStatus": "DELETE_COMPLETE"}}


def describe_capacity_providers(call: Call) -> Body:
    """Describe the named providers, or all of them."""
    ecs, params = call.ecs, call.params
    known: dict[str, Body] = {
        name: {"capacityProviderArn": ecs.arn("capacity-provider", name), "name": name, "status": "ACTIVE"}
        for name in FARGATE
    }
    known.update(ecs.providers)
    names = [name.rsplit("/", 1)[-1] for name in params.get("capacityProviders") or known]
    missing = [{"arn": ecs.arn("capacity-provider", name), "reason": "MISSING"} for name in names if name not in known]
    found = [known[name] for name in names if name in known]
    if "TAGS" in params.get("include", []):
        found = [{**p, "tags": tags_to_list(ecs.tags.get(p["capacityProviderArn"], {}))} for p in found]
    return {**by_token("capacityProviders", found, params, 10), "failures": missing}


def _provider(ecs: EcsRegion, reference: str) -> Body:
    found = ecs.providers.get(reference.rsplit("/", 1)[-1])
    if found is None:
        raise invalid_parameter("The specified capacity provider does not exist. Specify a valid name and try again.")
    return found


def _group_provider(declared: Body) -> Body:
    return {
        "managedTerminationProtection": "DISABLED",
        "managedDraining": "ENABLED",
        **declared,
        "managedScaling": {**MANAGED_SCALING, **declared.get("managedScaling", {})},
    }


OPERATIONS: dict[str, Handler] = {
    "CreateCapacityProvider": create_capacity_provider,
    "DeleteCapacityProvider": delete_capacity_provider,
    "DescribeCapacityProviders": describe_capacity_providers,
    "UpdateCapacityProvider": update_capacity_provider,
}
