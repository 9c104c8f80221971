"""A task's states: PROVISIONING → PENDING → ACTIVATING → RUNNING → DEACTIVATING → STOPPING → DEPROVISIONING → STOPPED.

Each step sets the timer of the next step. A timer holds the task's `step` and has no effect if the task has another
step by then. `Task.watch` is called at each step.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import partial

from ecsim.account.world import Body, World
from ecsim.ecs import image_outcomes, service_events, task_start_checks
from ecsim.ecs.capacity import placement as ecs_placement
from ecsim.ecs.store import ContainerInstance, EcsRegion, Service, Target, Task
from ecsim.elbv2 import targets
from ecsim.moto import seams


def launch(
    world: World,
    ecs: EcsRegion,
    cluster: Body,
    definition: Body,
    network: Body,
    *,
    group: str,
    started_by: str,
    options: Body,
    instance: ContainerInstance | None = None,
    placement: Body | None = None,
) -> Task:
    """Start one task and return it in PROVISIONING.

    `options` are launch type or capacity provider, platform version and enableExecuteCommand.
    A task of the EC2 launch type runs on `instance`. Without an instance it waits for one that fits `placement`.
    """
    identifier = world.hex(32)
    task = Task(
        arn=ecs.arn("task", f"{cluster['clusterName']}/{identifier}"),
        cluster_arn=cluster["clusterArn"],
        definition=definition,
        created_at=world.now,
        group=group,
        started_by=started_by,
        launch=options,
        placement=placement or {},
    )
    for container in definition["containerDefinitions"]:
        task.containers.append(
            {
                "containerArn": ecs.arn("container", f"{cluster['clusterName']}/{identifier}/{world.uuid()}"),
                "taskArn": task.arn,
                "name": container["name"],
                "image": container["image"],
                "lastStatus": "PENDING",
                "networkInterfaces": [],
                "healthStatus": "UNKNOWN",
                "cpu": str(container["cpu"]),
                **({"memory": str(container["memory"])} if container.get("memory") else {}),
            }
        )
    configuration = network.get("awsvpcConfiguration")
    if configuration:
        _attach(world, ecs, task, configuration)
    ecs.tasks[task.arn] = task
    if instance is not None:
        place(world, ecs, task, instance)
    elif task.waiting:
        ecs.capacity_changed(cluster["clusterName"])
    else:
        _later(world, task, world.settings.timings.provisioning, partial(_pend, world, ecs, task))
    return task


def place(world: World, ecs: EcsRegion, task: Task, instance: ContainerInstance) -> None:
    """Assign a task to a container instance, with its host ports there."""
    taken = ecs_placement.taken_ports(ecs, instance)
    task.instance, task.zone = instance, instance.host.zone
    bound = ecs_placement.bindings(task.definition, instance, taken)
    for shown, rows in zip(task.containers, bound, strict=True):
        shown["networkBindings"] = rows
    # Only a task with its own network interface takes time.
    wait = world.settings.timings.provisioning if task.attachment else 0.0
    _later(world, task, wait, partial(_pend, world, ecs, task))


def _attach(world: World, ecs: EcsRegion, task: Task, configuration: Body) -> None:
    subnets = configuration["subnets"]
    task.subnet = subnets[len(ecs.tasks) % len(subnets)]
    task.security_groups = list(configuration.get("securityGroups", []))
    subnet = seams.subnet(ecs.account, ecs.region, task.subnet or "")
    task.zone = str(subnet.availability_zone) if subnet else None
    network = ipaddress.ip_network(subnet.cidr_block if subnet else "10.0.0.0/16")
    used = ecs.addresses.get(task.subnet or "", 0)
    ecs.addresses[task.subnet or ""] = used + 1
    task.address = str(network.network_address + 10 + used % (network.num_addresses - 20))
    task.attachment = {
        "id": world.uuid(),
        "type": "ElasticNetworkInterface",
        "status": "PRECREATED",
        "details": [
            {"name": "subnetId", "value": task.subnet},
            {"name": "networkInterfaceId", "value": f"eni-{world.hex(17)}"},
            {"name": "macAddress", "value": "0a:" + ":".join(world.hex(2) for _ in range(5))},
            {"name": "privateDnsName", "value": f"ip-{task.address.replace('.', '-')}.{ecs.region}.compute.internal"},
            {"name": "privateIPv4Address", "value": task.address},
        ],
    }


def _later(world: World, task: Task, seconds: float, action: Callable[[], None]) -> None:
    step = task.step

    def run() -> None:
        if task.step == step:
            action()

    world.after(seconds, run)


def _move(task: Task, status: str) -> None:
    task.last_status = status
    task.step += 1
    task.version += 1
    task.watch()


def _pend(world: World, ecs: EcsRegion, task: Task) -> None:
    _move(task, "PENDING")
    task.times["connectivityAt"] = task.times["pullStartedAt"] = world.now
    if task.attachment:
        task.attachment["status"] = "ATTACHED"
        for container in task.containers:
            container["networkInterfaces"] = [
                {"attachmentId": task.attachment["id"], "privateIpv4Address": task.address}
            ]
    _later(world, task, world.settings.timings.pending, partial(_pulled, world, ecs, task))


def _pulled(world: World, ecs: EcsRegion, task: Task) -> None:
    reason = task_start_checks.refusal(world, ecs, task.definition)
    outcome, container = image_outcomes.task_outcome(world, task.definition)
    if reason is None and outcome == "pull" and container is not None:
        reason = (
            f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref"
            f" {container['image']}: {container['image']}: not found"
        )
    if reason is not None:
        if task.service is not None and reason.startswith("ECS was unable to assume"):
            service_events.launch_failed(world, task.service, reason)
        fail(world, ecs, task, "TaskFailedToStart", reason)
        return
    task.times["pullStoppedAt"] = world.now
    _move(task, "ACTIVATING")
    for shown in task.containers:
        shown["runtimeId"] = f"{task.id}-{world.digits(10)}"
        shown["imageDigest"] = f"sha256:{world.hex(64)}"
    _later(world, task, world.settings.timings.activating, partial(_run, world, ecs, task))


def _run(world: World, ecs: EcsRegion, task: Task) -> None:
    task.times["startedAt"] = world.now
    for shown, declared in zip(task.containers, task.definition["containerDefinitions"], strict=True):
        shown["lastStatus"] = "RUNNING"
        if declared.get("healthCheck"):
            shown["healthStatus"] = task.health = "HEALTHY"
    _move(task, "RUNNING")
    outcome, container = image_outcomes.task_outcome(world, task.definition)
    if outcome == "exit" and container is not None:
        _later(world, task, world.settings.timings.crash, partial(_exit, world, ecs, task, str(container["name"])))
        return
    if task.service is not None and task.desired_status == "RUNNING":
        _register(world, ecs, task, task.service, failing=outcome == "unhealthy")
    _later(world, task, world.settings.timings.stabilise, task.watch)


def _exit(world: World, ecs: EcsRegion, task: Task, container: str) -> None:
    for shown in task.containers:
        shown["exitCode"] = 1 if shown["name"] == container else 0
    fail(world, ecs, task, "EssentialContainerExited", "Essential container in task exited")


def _register(world: World, ecs: EcsRegion, task: Task, service: Service, *, failing: bool) -> None:
    deployment = task.deployment
    balancers = deployment.revision.get("loadBalancers", []) if deployment else []
    for balancer in balancers:
        group = balancer.get("targetGroupArn")
        endpoint = _endpoint(task, balancer)
        if group is None or endpoint is None:
            continue
        target = Target(deployment.group(group) if deployment else group, *endpoint)
        if not targets.add(
            world, ecs.region, target.group, target.id, target.port, failing=failing,
            on_change=partial(_health_changed, world, ecs, task, service),
        ):  # fmt: skip
            continue
        task.targets.append(target)
        service_events.registered(world, service, target.group, 1)


def _endpoint(task: Task, balancer: Body) -> tuple[str, int] | None:
    """Return ID and port of a target: the task's own address, or a host port of its instance."""
    if task.address is not None:
        return task.address, int(balancer["containerPort"])
    if task.instance is None:
        return None
    for shown in task.containers:
        for binding in shown.get("networkBindings", []):
            if shown["name"] == balancer["containerName"] and binding["containerPort"] == balancer["containerPort"]:
                return task.instance.host.id, int(binding["hostPort"])
    return None


def _health_changed(world: World, ecs: EcsRegion, task: Task, service: Service) -> None:
    if task.desired_status != "RUNNING":
        return
    for target in task.targets:
        if targets.state(world, ecs.region, target.group, target.id, target.port) == "unhealthy":
            grace = task.times["startedAt"] + service.body.get("healthCheckGracePeriodSeconds", 0) - world.now
            if grace > 0:
                _later(world, task, grace, partial(_health_changed, world, ecs, task, service))
                return
            service_events.unhealthy(world, service, task, target.group, target.port)
            reason = f"Task failed ELB health checks in (target-group {target.group})"
            _count_failure(task)
            stop(world, ecs, task, "ServiceSchedulerInitiated", reason)
            return
    task.watch()


def is_healthy(world: World, ecs: EcsRegion, task: Task) -> bool:
    """Return whether a task is healthy: it runs, is not to stop, and all its targets are healthy."""
    if task.last_status != "RUNNING" or task.desired_status != "RUNNING":
        return False
    revision = task.deployment.revision if task.deployment else {}
    expected = [b["targetGroupArn"] for b in revision.get("loadBalancers", []) if b.get("targetGroupArn")]
    if not expected and world.now - task.times["startedAt"] < world.settings.timings.stabilise:
        return False
    states = [targets.state(world, ecs.region, t.group, t.id, t.port) for t in task.targets]
    return len(states) == len(expected) and all(state in ("healthy", "unused") for state in states)


def die(world: World, ecs: EcsRegion, task: Task) -> None:
    """Stop a task at once, as if its host had failed."""
    for shown in task.containers:
        shown["exitCode"] = 137
    fail(world, ecs, task, "EssentialContainerExited", "Essential container in task exited")


def lose(world: World, ecs: EcsRegion, task: Task) -> None:
    """Stop a task of a terminated container instance. This does not count as a failure of the task."""
    if task.last_status in ("DEPROVISIONING", "STOPPED") or task.instance is None:
        return
    if task.desired_status == "RUNNING":
        reason = f"Host EC2 (instance {task.instance.host.id}) terminated."
        _mark_stopping(world, task, "TerminationNotice", reason)
        _deregister(world, ecs, task)
    _deprovision(world, ecs, task)


def fail(world: World, ecs: EcsRegion, task: Task, code: str, reason: str) -> None:
    """End a task that failed."""
    if task.desired_status == "RUNNING":
        _count_failure(task)
    _mark_stopping(world, task, code, reason)
    if code == "TaskFailedToStart":
        for shown in task.containers:
            shown["reason"] = reason
    _deregister(world, ecs, task)
    task.times["executionStoppedAt"] = world.now
    _deprovision(world, ecs, task)


def _count_failure(task: Task) -> None:
    if task.deployment is not None:
        task.deployment.failed_tasks += 1
        task.deployment.failures_in_a_row += 1


def stop(world: World, ecs: EcsRegion, task: Task, code: str, reason: str) -> None:
    """Stop a task gracefully: deregister it, drain it, send SIGTERM, deprovision it."""
    if task.desired_status == "STOPPED":
        return
    serving = bool(task.targets)
    _mark_stopping(world, task, code, reason)
    drained = _deregister(world, ecs, task)
    if task.last_status in ("PROVISIONING", "PENDING"):
        _deprovision(world, ecs, task)
        return
    _move(task, "DEACTIVATING")
    delay = drained if serving and code == "ServiceSchedulerInitiated" else 0.0
    _later(world, task, delay, partial(_terminate, world, ecs, task))


def _mark_stopping(world: World, task: Task, code: str, reason: str) -> None:
    task.desired_status = "STOPPED"
    task.stop_code, task.stopped_reason = code, reason
    task.times["stoppingAt"] = world.now


def _deregister(world: World, ecs: EcsRegion, task: Task) -> float:
    """Deregister a task from its target groups. Returns the longest drain time in seconds."""
    longest = 0.0
    for target in task.targets:
        longest = max(longest, targets.remove(world, ecs.region, target.group, target.id, target.port))
        if task.service is not None:
            service_events.deregistered(world, task.service, target.group, 1)
    if task.targets and task.service is not None:
        service_events.draining(world, task.service, 1)
    task.targets = []
    return longest


def _terminate(world: World, ecs: EcsRegion, task: Task) -> None:
    _move(task, "STOPPING")
    if task.service is not None and task.stop_code == "ServiceSchedulerInitiated" and "startedAt" in task.times:
        service_events.stopped(world, task.service, [task])
    _later(world, task, world.settings.timings.stopping, partial(_deprovision, world, ecs, task))


def _deprovision(world: World, ecs: EcsRegion, task: Task) -> None:
    task.times.setdefault("executionStoppedAt", world.now)
    for shown in task.containers:
        shown["lastStatus"] = "STOPPED"
        if "startedAt" in task.times:
            shown.setdefault("exitCode", 0)
    _move(task, "DEPROVISIONING")
    _later(world, task, world.settings.timings.deprovisioning, partial(_stopped, world, ecs, task))


def _stopped(world: World, ecs: EcsRegion, task: Task) -> None:
    task.times["stoppedAt"] = world.now
    if task.attachment:
        task.attachment["status"] = "DELETED"
    _move(task, "STOPPED")
    if task.instance is not None:
        ecs.capacity_changed(task.instance.cluster)
    world.after(world.settings.timings.stopped_kept, partial(_forget, ecs, task))


def _forget(ecs: EcsRegion, task: Task) -> None:
    ecs.tasks.pop(task.arn, None)
    ecs.tags.pop(task.arn, None)
    if task.service is not None and task in task.service.tasks:
        task.service.tasks.remove(task)
