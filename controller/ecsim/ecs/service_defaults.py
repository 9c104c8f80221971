"""ECS's defaults for a new service, and the merge of an update."""

from __future__ import annotations

from typing import Any

from ecsim.account.world import Body
from ecsim.ecs.capacity.providers import strategy
from ecsim.ecs.rollouts import runs_on_fargate
from ecsim.ecs.store import EcsRegion

SERVICE_LINKED_ROLE = "role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
BREAKER: Body = {
    "enable": False,
    "rollback": False,
    "resetOnHealthyTask": True,
    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
}
# DescribeServices returns these only in `deployments[]`.
ON_DEPLOYMENTS = ("serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations")
# DescribeServiceRevisions alone returns these.
ON_REVISIONS = ("monitoring", "gatewayConnectors")
LISTS = ("loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy")
PLAIN = ("desiredCount", "healthCheckGracePeriodSeconds", "enableECSManagedTags", "enableExecuteCommand")


def declared(ecs: EcsRegion, params: Body, cluster: Body) -> Body:
    """Return the body of a new service: the request with ECS's defaults."""
    scheduling = params.get("schedulingStrategy") or "REPLICA"
    controller = params.get("deploymentController") or {"type": "ECS"}
    body: Body = {
        "schedulingStrategy": scheduling,
        "deploymentController": controller,
        "desiredCount": params.get("desiredCount", 0),
        "deploymentConfiguration": deployment_configuration(
            params.get("deploymentConfiguration"), scheduling, controller
        ),
        "healthCheckGracePeriodSeconds": params.get("healthCheckGracePeriodSeconds", 0),
        "enableECSManagedTags": params.get("enableECSManagedTags", False),
        "enableExecuteCommand": params.get("enableExecuteCommand", False),
        "propagateTags": params.get("propagateTags") or "NONE",
        "roleArn": _role(ecs, params.get("role")),
        **{member: params.get(member, []) for member in LISTS},
        **{member: params[member] for member in (*ON_DEPLOYMENTS, *ON_REVISIONS) if params.get(member)},
    }
    body["placementStrategy"] = placement_strategy(body["placementStrategy"])
    if params.get("taskDefinition"):
        body["taskDefinition"] = ecs.usable_task_definition(params["taskDefinition"])["taskDefinitionArn"]
    if params.get("capacityProviderStrategy"):
        body["capacityProviderStrategy"] = strategy(params["capacityProviderStrategy"])
    elif params.get("launchType"):
        body["launchType"] = params["launchType"]
    elif cluster["defaultCapacityProviderStrategy"]:
        body["capacityProviderStrategy"] = strategy(cluster["defaultCapacityProviderStrategy"])
    else:
        body["launchType"] = "EC2"
    if params.get("networkConfiguration"):
        body["networkConfiguration"] = network_configuration(params["networkConfiguration"])
    if runs_on_fargate(body):
        body["platformVersion"] = params.get("platformVersion") or "LATEST"
        body["platformFamily"] = "Linux"
    body["availabilityZoneRebalancing"] = params.get("availabilityZoneRebalancing") or _rebalancing(body)
    return body


def deployment_configuration(given: Body | None, scheduling: str, controller: Body) -> Body:
    """Return a deployment configuration with ECS's defaults."""
    given = given or {}
    if controller["type"] != "ECS":
        return {"maximumPercent": 200, "minimumHealthyPercent": 100, **given}
    daemon = scheduling == "DAEMON"
    return {
        "maximumPercent": 100 if daemon else 200,
        "minimumHealthyPercent": 0 if daemon else 100,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        **given,
        "deploymentCircuitBreaker": {**BREAKER, **given.get("deploymentCircuitBreaker", {})},
    }


def network_configuration(given: Body) -> Body:
    """Return a network configuration as ECS returns it."""
    return {
        "awsvpcConfiguration": {
            "assignPublicIp": "DISABLED",
            "securityGroups": [],
            **given["awsvpcConfiguration"],
        }
    }


def placement_strategy(given: list[Body]) -> list[Body]:
    """Return placement strategies as ECS returns them: CPU and MEMORY in capitals, `host` as `instanceId`."""
    spelled = {"cpu": "CPU", "memory": "MEMORY", "host": "instanceId"}
    return [
        {**item, **({"field": spelled.get(item["field"].lower(), item["field"])} if item.get("field") else {})}
        for item in given
    ]


def updated(ecs: EcsRegion, body: Body, params: Body, original_launch_type: str | None, *, resets: bool) -> Body:
    """Return a service's body after an update. Omitted members are kept; `resets`: except those that AWS may reset."""
    changed = dict(body)
    for member in (
        *PLAIN,
        *LISTS,
        *ON_DEPLOYMENTS,
        *ON_REVISIONS,
        "propagateTags",
        "availabilityZoneRebalancing",
        "deploymentController",
    ):
        if member in params:
            changed[member] = params[member]
    if resets:  # ecs.UpdateService: an update without the grace period sets it to 0
        changed["healthCheckGracePeriodSeconds"] = params.get("healthCheckGracePeriodSeconds", 0)
    changed["placementStrategy"] = placement_strategy(changed["placementStrategy"])
    for member in (*ON_DEPLOYMENTS, *ON_REVISIONS):
        if changed.get(member) in ([], {"enabled": False}):
            del changed[member]
    if params.get("taskDefinition"):
        changed["taskDefinition"] = ecs.usable_task_definition(params["taskDefinition"])["taskDefinitionArn"]
    if "deploymentConfiguration" in params:
        changed["deploymentConfiguration"] = _merged(body["deploymentConfiguration"], params["deploymentConfiguration"])
    if params.get("networkConfiguration"):
        changed["networkConfiguration"] = network_configuration(params["networkConfiguration"])
    if "capacityProviderStrategy" in params:
        changed.pop("launchType", None)
        changed.pop("capacityProviderStrategy", None)
        if params["capacityProviderStrategy"]:
            changed["capacityProviderStrategy"] = strategy(params["capacityProviderStrategy"])
        else:
            changed["launchType"] = original_launch_type or "EC2"
    if runs_on_fargate(changed):
        kept = None if resets else changed.get("platformVersion")
        changed["platformVersion"] = params.get("platformVersion") or kept or "LATEST"
        changed["platformFamily"] = "Linux"
    else:
        changed.pop("platformVersion", None)
        changed.pop("platformFamily", None)
    return changed


def _merged(current: Body, given: Body) -> Body:
    merged: dict[str, Any] = {**current, **given}
    if "deploymentCircuitBreaker" in given:
        merged["deploymentCircuitBreaker"] = {**BREAKER, **given["deploymentCircuitBreaker"]}
    return merged


def _role(ecs: EcsRegion, role: str | None) -> str:
    if role and role.startswith("arn:"):
        return role
    return f"arn:aws:iam::{ecs.account}:{f'role/{role}' if role else SERVICE_LINKED_ROLE}"


def _rebalancing(body: Body) -> str:
    classic = any(balancer.get("loadBalancerName") for balancer in body["loadBalancers"])
    spread = body["deploymentConfiguration"]["maximumPercent"] > 100
    able = body["schedulingStrategy"] == "REPLICA" and body["deploymentController"]["type"] == "ECS"
    return "ENABLED" if able and spread and not classic else "DISABLED"
