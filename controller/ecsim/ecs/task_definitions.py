"""Task definitions: register, describe, list, deregister, delete."""

from __future__ import annotations

from ecsim.account.errors import client_exception, invalid_parameter
from ecsim.account.order import shuffled
from ecsim.account.paging import by_token
from ecsim.account.tags import tags_to_dict, tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.ecs import tags as ecs_tags
from ecsim.ecs.store import EcsRegion
from ecsim.ecs.task_definition_checks import check, compatibilities, required_attributes, units

UNCHANGED = (
    "taskRoleArn", "executionRoleArn", "pidMode", "ipcMode", "proxyConfiguration", "inferenceAccelerators",
    "ephemeralStorage", "runtimePlatform", "enableFaultInjection", "trustedExecutionConfiguration",
)  # fmt: skip
UNKNOWN = "The specified task definition does not exist. Specify a valid account, family, revision and try again."
STILL_ACTIVE = "The specified task definition is still in ACTIVE status. Please deregister the target and try again."
HEALTH_CHECK: Body = {"interval": 30, "timeout": 5, "retries": 3}


def register_task_definition(call: Call) -> Body:
    """Register the next revision of a family, with AWS's defaults."""
    ecs, params = call.store(EcsRegion), call.params
    ecs_tags.check(params.get("tags"))
    check(params)
    family = params["family"]
    revisions = ecs.families.setdefault(family, {})
    revision = max(revisions, default=0) + 1
    mode = params.get("networkMode") or "bridge"
    body: Body = {
        "taskDefinitionArn": ecs.arn("task-definition", f"{family}:{revision}"),
        "family": family,
        "revision": revision,
        "status": "ACTIVE",
        "networkMode": mode,
        "containerDefinitions": [_container(c, mode) for c in params["containerDefinitions"]],
        "volumes": [_volume(volume) for volume in params.get("volumes", [])],
        "placementConstraints": params.get("placementConstraints", []),
        "compatibilities": compatibilities(params),
        "requiresAttributes": required_attributes(params),
        "registeredAt": call.world.now,
        "registeredBy": f"arn:aws:iam::{ecs.account}:root",
    }
    if params.get("requiresCompatibilities"):
        body["requiresCompatibilities"] = sorted(params["requiresCompatibilities"])
    for member in ("cpu", "memory"):
        if params.get(member):
            body[member] = str(units(params[member]))
    for member in UNCHANGED:
        if params.get(member) not in (None, ""):
            body[member] = params[member]
    revisions[revision] = body
    tags = ecs.tags[body["taskDefinitionArn"]] = tags_to_dict(params.get("tags"))
    return {"taskDefinition": body, "tags": tags_to_list(tags)}


def _container(declared: Body, mode: str) -> Body:
    body: Body = {
        "cpu": 0,
        "essential": True,
        "mountPoints": [],
        "systemControls": [],
        **declared,
        "portMappings": shuffled(_port(port, mode) for port in declared.get("portMappings", [])),
        "environment": shuffled(declared.get("environment", [])),
        "volumesFrom": shuffled(declared.get("volumesFrom", [])),
    }
    if declared.get("links"):
        body["links"] = sorted(declared["links"])
    if declared.get("healthCheck"):
        body["healthCheck"] = {**HEALTH_CHECK, **declared["healthCheck"]}
    return body


def _port(declared: Body, mode: str) -> Body:
    port = {"protocol": "tcp", **declared}
    if "containerPort" in port and not port.get("hostPort"):
        port["hostPort"] = 0 if mode in ("bridge", "default") else port["containerPort"]
    return port


def _volume(declared: Body) -> Body:
    volume = dict(declared)
    if "efsVolumeConfiguration" in volume:
        volume["efsVolumeConfiguration"] = {"rootDirectory": "/", **volume["efsVolumeConfiguration"]}
    elif set(volume) <= {"name"}:
        volume["host"] = {}
    if "dockerVolumeConfiguration" in volume:
        volume["dockerVolumeConfiguration"] = {
            "scope": "task",
            "driver": "local",
            **volume["dockerVolumeConfiguration"],
        }
    return volume


def describe_task_definition(call: Call) -> Body:
    """Describe a revision in any state, or the latest ACTIVE one of a family."""
    ecs = call.store(EcsRegion)
    found = ecs.find_task_definition(call.params["taskDefinition"])
    if found is None:
        raise client_exception("Unable to describe task definition.")
    if "TAGS" not in call.params.get("include", []):
        return {"taskDefinition": found}
    return {
        "taskDefinition": found,
        "tags": tags_to_list(ecs.tags.get(found["taskDefinitionArn"], {})),
    }


def list_task_definitions(call: Call) -> Body:
    """List the ARNs of revisions by status, in order of family and revision."""
    params = call.params
    prefix, status = params.get("familyPrefix"), params.get("status", "ACTIVE")
    arns = [
        body["taskDefinitionArn"]
        for family, revisions in sorted(call.store(EcsRegion).families.items())
        for _, body in sorted(revisions.items())
        if prefix in (None, family) and body["status"] == status
    ]
    if params.get("sort") == "DESC":
        arns.reverse()
    return by_token("taskDefinitionArns", arns, params, 100)


def list_task_definition_families(call: Call) -> Body:
    """List the families that start with a prefix."""
    params = call.params
    prefix, status = params.get("familyPrefix", ""), params.get("status", "ACTIVE")
    found = []
    for family, revisions in sorted(call.store(EcsRegion).families.items()):
        active = any(body["status"] == "ACTIVE" for body in revisions.values())
        if family.startswith(prefix) and (status == "ALL" or active == (status == "ACTIVE")):
            found.append(family)
    return by_token("families", found, params, 100)


def deregister_task_definition(call: Call) -> Body:
    """Set a revision to INACTIVE. Its running tasks continue, and new tasks cannot use it."""
    reference = call.params["taskDefinition"]
    if ":" not in reference.rsplit("/", 1)[-1]:
        raise client_exception("Revision is missing.")
    found = call.store(EcsRegion).find_task_definition(reference)
    if found is None:
        raise client_exception("The specified task definition does not exist.")
    if found["status"] != "ACTIVE":
        raise client_exception("The specified task definition is inactive.")
    found.update({"status": "INACTIVE", "deregisteredAt": call.world.now})
    return {"taskDefinition": found}


def delete_task_definitions(call: Call) -> Body:
    """Delete up to 10 INACTIVE revisions. A revision in use stays in DELETE_IN_PROGRESS."""
    ecs, references = call.store(EcsRegion), call.params["taskDefinitions"]
    if not 0 < len(references) <= 10:
        raise invalid_parameter("Size of TaskDefinition references list must be between 1 and 10")
    deleted, failures = [], []
    for reference in references:
        found = ecs.find_task_definition(reference) if ":" in reference else None
        if found is None or found["status"] == "ACTIVE":
            failures.append({"arn": reference, "reason": UNKNOWN if found is None else STILL_ACTIVE})
            continue
        found.update({"status": "DELETE_IN_PROGRESS", "deleteRequestedAt": call.world.now})
        deleted.append(found)
        in_use = any(t.definition is found and t.last_status != "STOPPED" for t in ecs.tasks.values())
        if not in_use:
            # A revision number is never reused: the highest one stays as a tombstone.
            newest = found["revision"] == max(ecs.families[found["family"]])
            if not newest:
                del ecs.families[found["family"]][found["revision"]]
            ecs.tags.pop(found["taskDefinitionArn"], None)
    return {"taskDefinitions": deleted, "failures": failures}


OPERATIONS: dict[str, Handler] = {
    "DeleteTaskDefinitions": delete_task_definitions,
    "DeregisterTaskDefinition": deregister_task_definition,
    "DescribeTaskDefinition": describe_task_definition,
    "ListTaskDefinitionFamilies": list_task_definition_families,
    "ListTaskDefinitions": list_task_definitions,
    "RegisterTaskDefinition": register_task_definition,
}
