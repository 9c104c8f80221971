"""Container instances: list, describe, drain, deregister; and their attributes."""

from __future__ import annotations

from ecsim.account.errors import AwsError, client_exception, invalid_parameter
from ecsim.account.paging import by_token
from ecsim.account.tags import tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.ecs.capacity import instance_lifecycle, placement
from ecsim.ecs.capacity.instance_types import RESERVED_PORTS
from ecsim.ecs.store import ContainerInstance, EcsRegion, running_and_pending


def list_container_instances(call: Call) -> Body:
    """List the ARNs of a cluster's instances by status and by an expression of the cluster query language."""
    ecs, params = call.store(EcsRegion), call.params
    cluster = ecs.cluster(params.get("cluster"))
    status, expression = params.get("status"), params.get("filter")
    arns = [
        instance.arn
        for instance in ecs.instances_of(cluster["clusterName"])
        if status in (None, instance.status) and (expression is None or placement.satisfies(instance, expression))
    ]
    return by_token("containerInstanceArns", arns, params, 100)


def describe_container_instances(call: Call) -> Body:
    """Describe up to 100 instances of one cluster by ID or ARN."""
    tags = "TAGS" in call.params.get("include", [])
    ecs = call.store(EcsRegion)
    found, failures = _found(call, call.params["containerInstances"], 100)
    return {"containerInstances": [_show(ecs, one, tags=tags) for one in found], "failures": failures}


def update_container_instances_state(call: Call) -> Body:
    """Set up to 10 instances to DRAINING or ACTIVE."""
    ecs, status = call.store(EcsRegion), call.params["status"]
    if status not in ("ACTIVE", "DRAINING"):
        raise invalid_parameter("Container instance status should be one of [ACTIVE,DRAINING]")
    found, failures = _found(call, call.params["containerInstances"], 10)
    for instance in found:
        instance_lifecycle.set_status(call.world, ecs, instance, status)
    return {
        "containerInstances": [_show(ecs, one, tags=False) for one in found],
        "failures": failures,
    }


def deregister_container_instance(call: Call) -> Body:
    """Remove an instance from its cluster; with tasks on it only with `force`. The tasks keep running."""
    ecs = call.store(EcsRegion)
    found, _ = _found(call, [call.params["containerInstance"]], 1)
    if not found:
        raise invalid_parameter("Referenced container instance was not found.")
    if ecs.tasks_on(found[0]) and not call.params.get("force"):
        raise invalid_parameter("Found running tasks on the instance.")
    instance_lifecycle.deregister(call.world, ecs, found[0])
    return {"containerInstance": _show(ecs, found[0], tags=False)}


def put_attributes(call: Call) -> Body:
    """Set custom attributes of instances."""
    for attribute, instance in _attributes(call):
        instance.attributes[attribute["name"]] = attribute.get("value")
    return {"attributes": call.params["attributes"]}


def delete_attributes(call: Call) -> Body:
    """Remove custom attributes of instances."""
    for attribute, instance in _attributes(call):
        instance.attributes.pop(attribute["name"], None)
    return {"attributes": call.params["attributes"]}


def _attributes(call: Call) -> list[tuple[Body, ContainerInstance]]:
    pairs = []
    for attribute in call.params["attributes"]:
        if attribute["name"].startswith("ecs."):
            raise client_exception("Attribute names cannot begin with ecs.")
        found, _ = _found(call, [attribute.get("targetId", "")], 1)
        if not found:
            raise AwsError("TargetNotFoundException", "The specified target was not found.")
        pairs.append((attribute, found[0]))
    return pairs


def _found(call: Call, references: list[str], most: int) -> tuple[list[ContainerInstance], list[Body]]:
    ecs = call.store(EcsRegion)
    cluster = ecs.cluster(call.params.get("cluster"))["clusterName"]
    if not references:
        raise invalid_parameter("Container instances cannot be empty.")
    if len(references) > most:
        raise invalid_parameter(f"Container instances cannot have more than {most} elements.")
    found: list[ContainerInstance] = []
    failures: list[Body] = []
    for reference in references:
        given = reference.startswith("arn:")
        arn = reference if given else ecs.arn("container-instance", f"{cluster}/{reference}")
        instance = ecs.instances.get(arn)
        if instance is None or instance.cluster != cluster:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(instance)
    return found, failures


def _show(ecs: EcsRegion, instance: ContainerInstance, *, tags: bool) -> Body:
    tasks = ecs.tasks_on(instance)
    running, pending = running_and_pending(tasks)
    cpu, memory = placement.remaining(ecs, instance)
    taken = sorted(placement.taken_ports(ecs, instance), key=int)
    shown: Body = {
        "containerInstanceArn": instance.arn,
        "ec2InstanceId": instance.host.id,
        "version": instance.version,
        "versionInfo": {"agentVersion": "1.100.0", "agentHash": "0a1b2c3d", "dockerVersion": "DockerVersion: 25.0.13"},
        "registeredResources": _resources(instance.cpu, instance.memory, list(RESERVED_PORTS)),
        "remainingResources": _resources(cpu, memory, taken),
        "status": instance.status,
        "agentConnected": True,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "attributes": [
            {"name": name, **({} if value is None else {"value": value})}
            for name, value in sorted(instance.attributes.items())
        ],
        "registeredAt": instance.registered_at,
        "attachments": [],
        "tags": tags_to_list(ecs.tags.get(instance.arn, {})) if tags else [],
    }
    if instance.provider is not None:
        shown["capacityProviderName"] = instance.provider
    return shown


def _resources(cpu: int, memory: int, ports: list[str]) -> list[Body]:
    numbers = (("CPU", cpu), ("MEMORY", memory))
    return [
        *({"name": n, "type": "INTEGER", "doubleValue": 0.0, "longValue": 0, "integerValue": v} for n, v in numbers),
        *(
            {"name": n, "type": "STRINGSET", "doubleValue": 0.0, "longValue": 0, "integerValue": 0, "stringSetValue": v}
            for n, v in (("PORTS", ports), ("PORTS_UDP", []))
        ),
    ]


OPERATIONS: dict[str, Handler] = {
    "DeleteAttributes": delete_attributes,
    "DeregisterContainerInstance": deregister_container_instance,
    "DescribeContainerInstances": describe_container_instances,
    "ListContainerInstances": list_container_instances,
    "PutAttributes": put_attributes,
    "UpdateContainerInstancesState": update_container_instances_state,
}
