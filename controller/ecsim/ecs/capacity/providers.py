"""Capacity providers over Auto Scaling groups and of managed instances: create, describe, update, delete.

Those of Fargate always exist.
"""

from __future__ import annotations

from ecsim.account.errors import AwsError, client_exception, invalid_parameter
from ecsim.account.paging import by_token
from ecsim.account.tags import tags_to_dict, tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.autoscaling.store import AutoScalingRegion, Group
from ecsim.ecs.capacity import managed_instances, provider_changes
from ecsim.ecs.store import EcsRegion

FARGATE = ("FARGATE", "FARGATE_SPOT")
UNKNOWN = "The specified capacity provider does not exist. Specify a valid name and try again."
NOT_ASSOCIATED = (
    "The specified capacity provider strategy cannot contain a capacity provider that is not associated with the"
    " cluster. Associate the capacity provider with the cluster and try again."
)
MANAGED_SCALING: Body = {
    "status": "DISABLED",
    "targetCapacity": 100,
    "minimumScalingStepSize": 1,
    "maximumScalingStepSize": 10000,
    "instanceWarmupPeriod": 300,
}


def strategy(items: list[Body] | None) -> list[Body]:
    """Return a capacity provider strategy as ECS returns it: with weight and base."""
    return [{"weight": 0, "base": 0, **item} for item in items or []]


def check_association(ecs: EcsRegion, providers: list[str], default_strategy: list[Body]) -> None:
    """Refuse providers that do not exist or are not ACTIVE, and a default strategy with other providers."""
    for name in providers:
        if name in FARGATE:
            continue
        if name not in ecs.providers:
            raise invalid_parameter(UNKNOWN)
        if not provider_changes.is_usable(ecs.providers[name]):
            raise invalid_parameter(
                f"The specified capacity provider '{name}' is not in an ACTIVE state. Specify a valid capacity"
                " provider and try again."
            )
    if any(item["capacityProvider"] not in providers for item in default_strategy):
        raise invalid_parameter(NOT_ASSOCIATED)


def create_capacity_provider(call: Call) -> Body:
    """Create a provider. With managed scaling its Auto Scaling group gets the tag of ECS."""
    ecs, params = call.store(EcsRegion), call.params
    name = params["name"]
    if name.lower().startswith(("aws", "ecs", "fargate")):
        raise client_exception("The capacity provider name cannot be prefixed with aws, ecs, or fargate.")
    if name in ecs.providers and ecs.providers[name]["status"] == "ACTIVE":
        raise client_exception(
            "The specified capacity provider already exists. To change the configuration of an existing capacity"
            " provider, update the capacity provider."
        )
    provider: Body = {"capacityProviderArn": ecs.arn("capacity-provider", name), "name": name, "status": "ACTIVE"}
    if params.get(managed_instances.MEMBER):
        provider |= managed_instances.created(call, params[managed_instances.MEMBER])
        provider["type"] = "MANAGED_INSTANCES"
        provider_changes.begin(call.world, provider, "CREATE", lambda: None)
    else:
        provider |= _over_group(call)
        provider["type"] = "EC2_AUTOSCALING"
    ecs.providers[name] = provider
    ecs.tags[provider["capacityProviderArn"]] = tags_to_dict(params.get("tags"))
    return {"capacityProvider": {**provider, "tags": params.get("tags", [])}}


def _over_group(call: Call) -> Body:
    """Return the settings of a new provider over an Auto Scaling group. A group has one provider."""
    ecs, declared = call.store(EcsRegion), call.params.get("autoScalingGroupProvider")
    if not declared:
        raise invalid_parameter("An Auto Scaling group provider must be specified.")
    group = _group(call, declared["autoScalingGroupArn"])
    if any(_is_over(provider, group.arn) for provider in ecs.providers.values()):
        raise client_exception(
            "The specified Auto Scaling group ARN is already being used by another capacity provider. Specify a"
            " unique Auto Scaling group ARN and try again."
        )
    settings = _settings(declared)
    settings["autoScalingGroupArn"] = group.arn
    _check_protection(group, settings)
    _tag_group(group, settings)
    return {"autoScalingGroupProvider": settings}


def _is_over(provider: Body, group_arn: str) -> bool:
    in_use: bool = provider["status"] == "ACTIVE"
    return in_use and provider.get("autoScalingGroupProvider", {}).get("autoScalingGroupArn") == group_arn


def _group(call: Call, reference: str) -> Group:
    found = call.store(AutoScalingRegion).find(reference)
    if found is None or found.deleting:
        raise client_exception(
            "The specified Auto Scaling group ARN does not exist. Specify a valid Auto Scaling group ARN and try again."
        )
    return found


def _check_protection(group: Group, settings: Body) -> None:
    if settings["managedTerminationProtection"] != "ENABLED":
        return
    required = None
    if settings["managedScaling"]["status"] != "ENABLED":
        required = "managed scaling must be enabled."
    elif not group.body["NewInstancesProtectedFromScaleIn"]:
        required = "the Auto Scaling group must have instance protection from scale in enabled."
    if required:
        raise client_exception(
            "The managed termination protection setting for the capacity provider is invalid. To enable managed"
            f" termination protection for a capacity provider, {required}"
        )


def _tag_group(group: Group, settings: Body) -> None:
    if settings["managedScaling"]["status"] == "ENABLED":
        group.tags["AmazonECSManaged"] = ("", True)


def update_capacity_provider(call: Call) -> Body:
    """Change a provider. ECS answers, and makes the change later."""
    ecs = call.store(EcsRegion)
    provider = _provider(ecs, call.params["name"])
    provider_changes.check_idle(provider)
    if managed_instances.MEMBER in provider:
        changes = call.params.get(managed_instances.MEMBER, {})
        changed = {managed_instances.MEMBER: managed_instances.updated(provider[managed_instances.MEMBER], changes)}
    else:
        changed = {"autoScalingGroupProvider": _regrouped(call, provider["autoScalingGroupProvider"])}

    def apply() -> None:
        provider.update(changed)
        for cluster in _clusters(ecs, provider["name"]):
            ecs.capacity_changed(cluster["clusterName"])

    provider_changes.begin(call.world, provider, "UPDATE", apply)
    return {"capacityProvider": dict(provider)}


def _regrouped(call: Call, current: Body) -> Body:
    """Return the settings of a provider over an Auto Scaling group after an update."""
    changes = call.params.get("autoScalingGroupProvider", {})
    scaling = {**current["managedScaling"], **changes.get("managedScaling", {})}
    settings = {**current, **changes, "managedScaling": scaling}
    group = _group(call, settings["autoScalingGroupArn"])
    _check_protection(group, settings)
    _tag_group(group, settings)
    return settings


def _clusters(ecs: EcsRegion, provider: str) -> list[Body]:
    """Return the ACTIVE clusters that a provider is associated with."""
    return [c for c in ecs.clusters.values() if c["status"] == "ACTIVE" and provider in c["capacityProviders"]]


def delete_capacity_provider(call: Call) -> Body:
    """Delete a provider without associated clusters. It is INACTIVE for some time."""
    ecs, world = call.store(EcsRegion), call.world
    provider = _provider(ecs, call.params["capacityProvider"])
    provider_changes.check_idle(provider)
    if _clusters(ecs, provider["name"]):
        raise AwsError(
            "ResourceInUseException",
            "The capacity provider cannot be deleted because it is associated with cluster(s). Remove the"
            " association and try again.",
        )
    provider["updateStatus"] = "DELETE_IN_PROGRESS"

    def deleted() -> None:
        provider.update(status="INACTIVE", updateStatus="DELETE_COMPLETE")
        ecs.tags.pop(provider["capacityProviderArn"], None)
        world.after(world.settings.timings.inactive_kept, forget)

    def forget() -> None:
        if ecs.providers.get(provider["name"]) is provider:
            del ecs.providers[provider["name"]]

    shown = dict(provider)
    if world.settings.settling:
        world.after(world.settings.association_seconds, deleted)
    else:
        deleted()
    return {"capacityProvider": shown}


def describe_capacity_providers(call: Call) -> Body:
    """Describe some providers, or all that are ACTIVE."""
    ecs, params = call.store(EcsRegion), call.params
    known: dict[str, Body] = {
        name: {
            "capacityProviderArn": ecs.arn("capacity-provider", name),
            "name": name,
            "status": "ACTIVE",
            "type": name,
        }
        for name in FARGATE
    }
    known.update(ecs.providers)
    active = [name for name, provider in known.items() if provider["status"] == "ACTIVE"]
    names = [name.rsplit("/", 1)[-1] for name in params.get("capacityProviders") or active]
    missing = [{"arn": ecs.arn("capacity-provider", name), "reason": "MISSING"} for name in names if name not in known]
    found = [known[name] for name in names if name in known]
    if "TAGS" in params.get("include", []):
        found = [{**p, "tags": tags_to_list(ecs.tags.get(p["capacityProviderArn"], {}))} for p in found]
    return {**by_token("capacityProviders", found, params, 10), "failures": missing}


def _provider(ecs: EcsRegion, reference: str) -> Body:
    found = ecs.providers.get(reference.rsplit("/", 1)[-1])
    if found is None or found["status"] != "ACTIVE":
        raise invalid_parameter(UNKNOWN)
    return found


def _settings(declared: Body) -> Body:
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
