"""Clusters: create, describe, list, update, delete."""

from __future__ import annotations

from ecsim.account.errors import AwsError, invalid_parameter
from ecsim.account.paging import by_token
from ecsim.account.tags import tags_to_dict, tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.ecs.capacity import associations, instance_lifecycle
from ecsim.ecs.capacity import providers as ecs_providers
from ecsim.ecs.store import EcsRegion, ServiceLinkedRole, running_and_pending

INSIGHTS = "containerInsights"
# Members that DescribeClusters returns only with this value in `include`.
INCLUDED = {"SETTINGS": "settings", "CONFIGURATIONS": "configuration"}


def create_cluster(call: Call) -> Body:
    """Create a cluster. An ACTIVE cluster of that name is returned unchanged."""
    ecs, params = call.store(EcsRegion), call.params
    name = params.get("clusterName") or "default"
    existing = ecs.clusters.get(name)
    if existing is not None and existing["status"] == "ACTIVE":
        return {"cluster": show(ecs, existing, list(INCLUDED))}
    providers, strategy = params.get("capacityProviders", []), params.get("defaultCapacityProviderStrategy", [])
    ecs_providers.check_association(ecs, providers, strategy)
    cluster: Body = {
        "clusterArn": ecs.arn("cluster", name),
        "clusterName": name,
        "status": "ACTIVE",
        "settings": params.get("settings") or [{"name": INSIGHTS, "value": ecs.account_settings[INSIGHTS]}],
        "capacityProviders": [],
        "defaultCapacityProviderStrategy": [],
    }
    instance_lifecycle.connect(call.world, ecs)
    associations.associate(call.world, ecs, cluster, providers, strategy)
    for member in ("configuration", "serviceConnectDefaults"):
        if params.get(member):
            cluster[member] = params[member]
    ecs.clusters[name] = cluster
    ecs.tags[cluster["clusterArn"]] = tags_to_dict(params.get("tags"))
    role = call.world.state(ServiceLinkedRole)
    if role.created_at is None:
        role.created_at = call.world.now
    return {"cluster": {**show(ecs, cluster, list(INCLUDED)), "tags": tags_to_list(ecs.tags[cluster["clusterArn"]])}}


def describe_clusters(call: Call) -> Body:
    """Describe up to 100 clusters, INACTIVE ones included."""
    ecs, include = call.store(EcsRegion), call.params.get("include", [])
    references = call.params.get("clusters") or ["default"]
    if len(references) > 100:
        raise invalid_parameter("Clusters cannot have more than 100 elements.")
    clusters, failures = [], []
    for reference in references:
        name = ecs.cluster_name(reference)
        found = ecs.clusters.get(name)
        if found is None:
            arn = reference if reference.startswith("arn:") else ecs.arn("cluster", name)
            failures.append({"arn": arn, "reason": "MISSING"})
            continue
        shown = show(ecs, found, include)
        if "TAGS" in include:
            shown["tags"] = tags_to_list(ecs.tags.get(found["clusterArn"], {}))
        if "STATISTICS" in include:
            shown["statistics"] = []
        if "ATTACHMENTS" in include:
            shown["attachments"] = associations.attachments(ecs, found)
            shown["attachmentsStatus"] = found.get("attachmentsStatus", "UPDATE_COMPLETE")
        clusters.append(shown)
    return {"clusters": clusters, "failures": failures}


def put_cluster_capacity_providers(call: Call) -> Body:
    """Replace the associated capacity providers and the default strategy."""
    ecs = call.store(EcsRegion)
    cluster = ecs.cluster(call.params.get("cluster"))
    associations.put(call, cluster)
    shown = show(ecs, cluster, list(INCLUDED))
    return {"cluster": {**shown, "attachmentsStatus": cluster.get("attachmentsStatus", "UPDATE_COMPLETE")}}


def list_clusters(call: Call) -> Body:
    """List the ARNs of the ACTIVE clusters, 100 on a page."""
    active = [c["clusterArn"] for c in call.store(EcsRegion).clusters.values() if c["status"] == "ACTIVE"]
    return by_token("clusterArns", active, call.params, 100)


def update_cluster(call: Call) -> Body:
    """Change settings, configuration or Service Connect defaults. Omitted members are kept."""
    ecs = call.store(EcsRegion)
    cluster = ecs.cluster(call.params.get("cluster"))
    for member in ("settings", "configuration", "serviceConnectDefaults"):
        if member in call.params:
            cluster[member] = call.params[member]
    return {"cluster": show(ecs, cluster, list(INCLUDED))}


def put_account_setting(call: Call) -> Body:
    """Set the value that new clusters have. Only `containerInsights`; the account is the only principal here."""
    name, value = call.params["name"], call.params["value"]
    if name != INSIGHTS:
        raise invalid_parameter(f"The simulated ECS has no account setting {name}.")
    settings = call.store(EcsRegion).account_settings
    settings[name] = value
    return {"setting": _account_setting(call, name, value)}


def list_account_settings(call: Call) -> Body:
    """List the effective account settings."""
    wanted = call.params.get("name")
    settings = call.store(EcsRegion).account_settings.items()
    return {"settings": [_account_setting(call, name, value) for name, value in settings if wanted in (None, name)]}


def _account_setting(call: Call, name: str, value: str) -> Body:
    principal = f"arn:aws:iam::{call.store(EcsRegion).account}:root"
    return {"name": name, "value": value, "principalArn": principal, "type": "user"}


def delete_cluster(call: Call) -> Body:
    """Set an empty cluster to INACTIVE."""
    ecs = call.store(EcsRegion)
    cluster = ecs.cluster(call.params.get("cluster"))
    name = cluster["clusterName"]
    if any(s.cluster == name and s.status != "INACTIVE" for s in ecs.services.values()):
        raise AwsError("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if ecs.instances_of(name):
        raise AwsError(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )
    if any(t.cluster_arn == cluster["clusterArn"] and t.last_status != "STOPPED" for t in ecs.tasks.values()):
        raise AwsError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    associations.check_idle(cluster)
    cluster["status"] = "INACTIVE"
    ecs.tags.pop(cluster["clusterArn"], None)
    return {"cluster": show(ecs, cluster, list(INCLUDED))}


def show(ecs: EcsRegion, cluster: Body, include: list[str]) -> Body:
    """Return a cluster as AWS returns it, with settings and configuration only if `include` has them."""
    hidden = {member for name, member in INCLUDED.items() if name not in include} | set(associations.INTERNAL)
    tasks = [t for t in ecs.tasks.values() if t.cluster_arn == cluster["clusterArn"]]
    running, pending = running_and_pending(tasks)
    services = [s for s in ecs.services.values() if s.cluster == cluster["clusterName"]]
    return {
        **{member: value for member, value in cluster.items() if member not in hidden},
        "registeredContainerInstancesCount": len(ecs.instances_of(cluster["clusterName"])),
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": sum(s.status == "ACTIVE" for s in services),
    }


OPERATIONS: dict[str, Handler] = {
    "CreateCluster": create_cluster,
    "DeleteCluster": delete_cluster,
    "DescribeClusters": describe_clusters,
    "ListAccountSettings": list_account_settings,
    "ListClusters": list_clusters,
    "PutAccountSetting": put_account_setting,
    "PutAccountSettingDefault": put_account_setting,
    "PutClusterCapacityProviders": put_cluster_capacity_providers,
    "UpdateCluster": update_cluster,
    "UpdateClusterSettings": update_cluster,
}
