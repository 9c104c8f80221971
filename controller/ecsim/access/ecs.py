"""What IAM checks for requests to Amazon ECS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecsim.access.resources import arn, linked_role, on, passed, requested
from ecsim.account.policy import Check
from ecsim.account.world import Call
from ecsim.autoscaling.store import AutoScalingRegion
from ecsim.ecs.store import EcsRegion

UNLIMITED = {
    "DeregisterTaskDefinition", "DescribeTaskDefinition", "ListAccountSettings", "ListClusters", "ListServices",
    "ListTaskDefinitions",
}  # fmt: skip
_ECS, _TASKS = "ecs.amazonaws.com", "ecs-tasks.amazonaws.com"


def checks(call: Call, operation: str) -> Iterator[Check]:
    """Yield the checks of a request."""
    params, action = call.params, f"ecs:{operation}"
    tags = requested(params.get("tags"))
    if operation in UNLIMITED:
        yield Check(action)
        return
    resources = list(_resources(call, operation))
    yield from on(call, action, resources, tags)
    if operation.startswith(("Create", "Register")) and tags:
        for resource in resources:
            yield Check("ecs:TagResource", resource, {**tags, "ecs:CreateAction": (operation,)})
    if operation == "CreateCluster" and not call.store(EcsRegion).clusters:
        yield linked_role(call, _ECS)
    if operation == "RegisterTaskDefinition":
        yield from passed(call, params.get("taskRoleArn"), _TASKS)
        yield from passed(call, params.get("executionRoleArn"), _TASKS)
    if operation in ("CreateService", "UpdateService"):
        for reference in _roles(params):
            yield from passed(call, reference, _ECS)
    if operation == "CreateCapacityProvider":
        yield from _capacity(call)


def _resources(call: Call, operation: str) -> Iterator[str]:
    params = call.params
    if "resourceArn" in params:
        yield params["resourceArn"]
    elif operation == "DescribeServices":
        yield from (_service(call, one) for one in params["services"])
    elif operation == "DescribeClusters":
        yield from (_named(call, "cluster", one) for one in params.get("clusters") or ["default"])
    elif operation == "DescribeCapacityProviders":
        named = params.get("capacityProviders") or ()
        yield from (_named(call, "capacity-provider", one) for one in named)
        yield from () if named else ("*",)
    elif operation == "RegisterTaskDefinition":
        revision = len(call.store(EcsRegion).families.get(params["family"], ())) + 1
        yield arn(call, "ecs", f"task-definition/{params['family']}:{revision}")
    elif operation in ("CreateCapacityProvider", "UpdateCapacityProvider", "DeleteCapacityProvider"):
        yield _named(call, "capacity-provider", params.get("name") or params["capacityProvider"])
    elif operation in ("DescribeServiceRevisions", "DescribeServiceDeployments"):
        for of in params.get("serviceRevisionArns") or params.get("serviceDeploymentArns") or ():
            yield of
            kind = of.split(":")[5].split("/")[0]
            yield of.replace(f":{kind}/", ":service/").rsplit("/", 1)[0]
    elif operation.endswith(("Service", "ServiceDeployments")):
        yield _service(call, params.get("serviceName") or params["service"])
    else:
        yield _named(call, "cluster", params.get("clusterName") or params.get("cluster") or "default")


def _named(call: Call, kind: str, reference: str) -> str:
    return reference if reference.startswith("arn:") else arn(call, "ecs", f"{kind}/{reference}")


def _service(call: Call, reference: str) -> str:
    if reference.startswith("arn:"):
        return reference
    cluster = call.store(EcsRegion).cluster_name(call.params.get("cluster"))
    return arn(call, "ecs", f"service/{cluster}/{reference}")


def _roles(tree: Any) -> Iterator[Any]:
    """Yield the members `role` and `roleArn` at any depth."""
    if isinstance(tree, dict):
        yield from (value for key, value in tree.items() if key in ("role", "roleArn"))
    for value in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _roles(value)


def _capacity(call: Call) -> Iterator[Check]:
    group = (call.params.get("autoScalingGroupProvider") or {}).get("autoScalingGroupArn")
    found = call.store(AutoScalingRegion).find(group) if group else None
    if found is not None:
        yield Check("autoscaling:CreateOrUpdateTags", found.arn)
    managed = call.params.get("managedInstancesProvider") or {}
    yield from passed(call, managed.get("infrastructureRoleArn"), _ECS)
