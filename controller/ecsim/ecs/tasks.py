"""Tasks: run, list, describe, stop. `task_lifecycle.py` moves them through their states."""

from __future__ import annotations

from ecsim.account.errors import invalid_parameter
from ecsim.account.paging import by_token
from ecsim.account.tags import tags_to_dict, tags_to_list
from ecsim.account.world import Body, Call, Handler
from ecsim.ecs import scheduler, service_checks, service_defaults, task_lifecycle
from ecsim.ecs import tags as ecs_tags
from ecsim.ecs.capacity import managed_scaling
from ecsim.ecs.capacity import placement as ecs_placement
from ecsim.ecs.capacity.placement import Refused
from ecsim.ecs.store import ContainerInstance, EcsRegion, Task


def run_task(call: Call) -> Body:
    """Run tasks without a service. A task that no instance fits is a failure in the response."""
    ecs, params, world = call.store(EcsRegion), call.params, call.world
    cluster = ecs.cluster(params.get("cluster"))
    ecs_tags.check(params.get("tags"))
    service_checks.check_request({**params, "desiredCount": 0})
    definition = ecs.usable_task_definition(params["taskDefinition"])
    body = service_defaults.declared(ecs, {**params, "role": None}, cluster)
    service_checks.check_service(call, body, cluster)
    tasks: list[Task] = []
    failures: list[Body] = []
    for _ in range(params.get("count", 1)):
        options = scheduler.launch_options(ecs, body, [task.launch for task in tasks])
        instance = _instance(ecs, cluster, definition, body, options, tasks)
        if isinstance(instance, Refused):
            failures.append({"arn": instance.arn or "", "reason": instance.code})
            continue
        task = task_lifecycle.launch(
            world, ecs, cluster, definition, body.get("networkConfiguration", {}),
            group=params.get("group") or f"family:{definition['family']}", started_by=params.get("startedBy", ""),
            options=options, instance=instance, placement=body,
        )  # fmt: skip
        task.overrides = params.get("overrides", {})
        ecs.tags[task.arn] = tags_to_dict(params.get("tags"))
        tasks.append(task)
    return {"tasks": [_show(ecs, task, tags=True) for task in tasks], "failures": failures}


def _instance(
    ecs: EcsRegion, cluster: Body, definition: Body, body: Body, options: Body, tasks: list[Task]
) -> ContainerInstance | Refused | None:
    """Return the instance for a task; None if it runs on Fargate or waits for managed scaling."""
    if options["launchType"] == "FARGATE":
        return None
    provider = options.get("capacityProviderName")
    name = cluster["clusterName"]
    found = ecs_placement.choose(ecs, name, definition, body, provider, tasks)
    if isinstance(found, ContainerInstance):
        return found
    if managed_scaling.is_managed(ecs, provider):
        return None
    if not ecs.instances_of(name):
        raise invalid_parameter("No Container Instances were found in your cluster.")
    return found


def list_tasks(call: Call) -> Body:
    """List the ARNs of tasks by service, family, status and more. The default of `desiredStatus` is RUNNING."""
    ecs, params = call.store(EcsRegion), call.params
    cluster = ecs.cluster(params.get("cluster"))
    name = params.get("serviceName")
    group = f"service:{ecs.service(cluster, name).name}" if name else None
    wanted = {
        "group": group,
        "family": params.get("family"),
        "desired": params.get("desiredStatus", "RUNNING"),
        "launchType": params.get("launchType"),
        "startedBy": params.get("startedBy"),
        "instance": (params.get("containerInstance") or "").rsplit("/", 1)[-1] or None,
    }
    arns = []
    for task in ecs.tasks.values():
        has = {
            "group": task.group,
            "family": task.definition["family"],
            "desired": task.desired_status,
            "launchType": task.launch.get("launchType"),
            "startedBy": task.started_by,
            "instance": task.instance.id if task.instance else "",
        }
        if task.cluster_arn == cluster["clusterArn"] and all(v in (None, has[k]) for k, v in wanted.items()):
            arns.append(task.arn)
    return by_token("taskArns", arns, params, 100)


def describe_tasks(call: Call) -> Body:
    """Describe up to 100 tasks of one cluster by ID or ARN."""
    ecs = call.store(EcsRegion)
    cluster = ecs.cluster(call.params.get("cluster"))
    references = call.params.get("tasks", [])
    if not references:
        raise invalid_parameter("Tasks cannot be empty.")
    if len(references) > 100:
        raise invalid_parameter("Tasks cannot have more than 100 elements.")
    tags = "TAGS" in call.params.get("include", [])
    tasks, failures = [], []
    for reference in references:
        arn = _arn(ecs, cluster, reference)
        found = ecs.tasks.get(arn)
        if found is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            tasks.append(_show(ecs, found, tags=tags))
    return {"tasks": tasks, "failures": failures}


def stop_task(call: Call) -> Body:
    """Stop one task. Its service starts another."""
    ecs = call.store(EcsRegion)
    cluster = ecs.cluster(call.params.get("cluster"))
    task = ecs.tasks.get(_arn(ecs, cluster, call.params["task"]))
    if task is None:
        raise invalid_parameter("The referenced task was not found.")
    reason = call.params.get("reason") or "Task stopped by user"
    task_lifecycle.stop(call.world, ecs, task, "UserInitiated", reason)
    return {"task": _show(ecs, task, tags=False)}


def _arn(ecs: EcsRegion, cluster: Body, reference: str) -> str:
    return reference if reference.startswith("arn:") else ecs.arn("task", f"{cluster['clusterName']}/{reference}")


def _show(ecs: EcsRegion, task: Task, *, tags: bool) -> Body:
    definition = task.definition
    shown: Body = {
        "taskArn": task.arn,
        "clusterArn": task.cluster_arn,
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "group": task.group,
        "startedBy": task.started_by,
        "lastStatus": task.last_status,
        "desiredStatus": task.desired_status,
        "healthStatus": task.health,
        "connectivity": "CONNECTED" if "connectivityAt" in task.times else "DISCONNECTED",
        "createdAt": task.created_at,
        "containers": task.containers,
        "attachments": [task.attachment] if task.attachment else [],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **task.overrides},
        "version": task.version,
        "availabilityZone": task.zone,
        "tags": tags_to_list(ecs.tags.get(task.arn, {})) if tags else [],
        "enableExecuteCommand": False,
        **task.launch,
        **task.times,
    }
    for member in ("cpu", "memory"):
        if member in definition:
            shown[member] = definition[member]
    if task.stop_code:
        shown.update(stopCode=task.stop_code, stoppedReason=task.stopped_reason)
    if task.launch["launchType"] == "FARGATE":
        shown["platformFamily"] = "Linux"
        shown["ephemeralStorage"] = definition.get("ephemeralStorage", {"sizeInGiB": 20})
    elif task.instance is not None:
        shown["containerInstanceArn"] = task.instance.arn
    return shown


OPERATIONS: dict[str, Handler] = {
    "DescribeTasks": describe_tasks,
    "ListTasks": list_tasks,
    "RunTask": run_task,
    "StopTask": stop_task,
}
