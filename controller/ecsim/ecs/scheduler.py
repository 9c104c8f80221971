"""The service scheduler: it starts and stops tasks until the running tasks match the declaration.

`wake` schedules `reconcile`, which is level-triggered: it decides from the present state, never from events.
"""

from __future__ import annotations

import math
from functools import partial

from ecsim.account.world import Body, World
from ecsim.ecs import blue_green, pauses, rollouts, service_events, task_lifecycle
from ecsim.ecs.capacity import managed_instances, managed_scaling
from ecsim.ecs.capacity import placement as ecs_placement
from ecsim.ecs.capacity.providers import FARGATE
from ecsim.ecs.store import PENDING_STATES, ContainerInstance, Deployment, EcsRegion, Service, Task

LEFT = ("STOPPING", "DEPROVISIONING", "STOPPED")  # states in which a task no longer counts for its service
THROTTLED_AFTER = 10  # failures in a row
LONGEST_THROTTLE = 900.0


def wake(world: World, ecs: EcsRegion, service: Service, seconds: float | None = None) -> None:
    """Schedule a reconcile of a service, unless one is scheduled; with `seconds`, always one more."""
    service.wake = partial(wake, world, ecs, service)
    if seconds is None:
        if service.awake:
            return
        service.awake = True
        seconds = world.settings.timings.scheduler
    world.after(seconds, partial(reconcile, world, ecs, service))


def reconcile(world: World, ecs: EcsRegion, service: Service) -> None:
    """Start and stop the tasks that a service lacks or has too many, and update its deployments."""
    service.awake = False
    if service.status == "INACTIVE":
        return
    if service.body["schedulingStrategy"] == "DAEMON":
        _count_daemons(ecs, service)
    if service.status == "ACTIVE":
        if not service.deployments:  # the EXTERNAL controller has task sets instead
            return
        _check_failures(world, ecs, service)
        if pauses.expire(world, service) and service.last_completed is not None:
            rollouts.roll_back(world, service, service.last_completed, pauses.REJECTED, automatic=False)
    while service.deployments and _step(world, ecs, service):
        service.steady = False
    _drop_drained(service)
    if service.status == "DRAINING":
        _end_draining(world, ecs, service)
    else:
        _check_steady(world, ecs, service)


def uses_instances(service: Service) -> bool:
    """Return whether a service depends on the container instances of its cluster."""
    return service.body["schedulingStrategy"] == "DAEMON" or not rollouts.runs_on_fargate(service.body)


def _count_daemons(ecs: EcsRegion, service: Service) -> None:
    """Set the desired count of a daemon service to the number of instances that it can run on."""
    definition = ecs.find_task_definition(service.body["taskDefinition"]) or {}
    constraints = [*definition.get("placementConstraints", []), *service.body["placementConstraints"]]
    wanted = [
        instance
        for instance in ecs.instances_of(service.cluster)
        if instance.status == "ACTIVE" and ecs_placement.unmet_constraint(instance, constraints, []) is None
    ]
    service.body["desiredCount"] = len(wanted) if service.status == "ACTIVE" else 0


def _alive(service: Service, deployment: Deployment) -> list[Task]:
    return [task for task in service.tasks_of(deployment) if task.desired_status == "RUNNING"]


def _on_draining_instances(tasks: list[Task]) -> list[Task]:
    return [task for task in tasks if task.instance is not None and task.instance.status == "DRAINING"]


def _check_failures(world: World, ecs: EcsRegion, service: Service) -> None:
    """Trip the circuit breaker or throttle starts, if the PRIMARY deployment has too many failed tasks."""
    primary = service.primary
    breaker = service.body["deploymentConfiguration"].get("deploymentCircuitBreaker", {})
    for task in _alive(service, primary):
        if task.arn not in primary.healthy_seen and task_lifecycle.is_healthy(world, ecs, task):
            primary.healthy_seen.add(task.arn)
            if breaker.get("resetOnHealthyTask", True):
                primary.failures_in_a_row = 0
    if primary.rollout_state == "IN_PROGRESS" and breaker.get("enable"):
        if primary.failures_in_a_row >= rollouts.threshold(service):
            rollouts.trip(world, service)
        return
    failures = primary.failures_in_a_row
    if failures >= THROTTLED_AFTER and failures > primary.throttled_at:
        primary.throttled_at = failures
        delay = min(60.0 * 2 ** (failures - THROTTLED_AFTER), LONGEST_THROTTLE)
        primary.start_not_before = world.now + delay
        service_events.inconsistent(world, service)
        wake(world, ecs, service, delay)


def _step(world: World, ecs: EcsRegion, service: Service) -> bool:
    """Start and stop tasks within the deployment limits. Returns True if another step may do more."""
    desired = service.desired if service.status == "ACTIVE" else 0
    limits = service.body["deploymentConfiguration"]
    most = math.floor(desired * limits["maximumPercent"] / 100)
    least = math.ceil(desired * limits["minimumHealthyPercent"] / 100)
    primary, *older = service.deployments
    pairs = blue_green.moves_traffic(service) and service.status == "ACTIVE"
    if pairs:
        most = 2 * desired
    primary.desired = desired
    alive = _alive(service, primary)
    outgoing = [task for deployment in older for task in _alive(service, deployment)] + _on_draining_instances(alive)
    current = [task for task in alive if task not in outgoing]
    stuck = primary.rollout_state == "FAILED" and service.status == "ACTIVE"

    worst_first = sorted(current, key=lambda task: (task_lifecycle.is_healthy(world, ecs, task), -task.created_at))
    victims = worst_first[: max(len(current) - desired, 0)]
    started = 0
    if not stuck:
        started = _start(world, ecs, service, min(desired - len(current), most - len(current) - len(outgoing)))
        healthy = [task for task in outgoing if task_lifecycle.is_healthy(world, ecs, task)]
        spare = len(healthy) + sum(task_lifecycle.is_healthy(world, ecs, task) for task in current) - least
        unhealthy = [task for task in outgoing if task not in healthy]
        if not pairs:
            victims += unhealthy + healthy[: max(spare, 0)]
        elif blue_green.taken_over(world, ecs, service):
            victims += outgoing
    else:
        victims += outgoing[: max(len(current) + len(outgoing) - most, 0)]
    _stop(world, ecs, service, victims)
    for deployment in older:
        deployment.desired = len(_alive(service, deployment))
    return bool(victims) and started < desired - len(current)


def _stop(world: World, ecs: EcsRegion, service: Service, victims: list[Task]) -> None:
    pending = [task for task in victims if task.last_status in PENDING_STATES]
    if pending:
        service_events.stopped_pending(world, service, len(pending))
    reason = f"Scaling activity initiated by (deployment {service.primary.id})"
    for task in victims:
        task_lifecycle.stop(world, ecs, task, "ServiceSchedulerInitiated", reason)


def _start(world: World, ecs: EcsRegion, service: Service, count: int) -> int:
    primary = service.primary
    definition = ecs.find_task_definition(primary.task_definition)
    if count <= 0 or world.now < primary.start_not_before or definition is None:
        return 0
    tasks: list[Task] = []
    refused = None
    while len(tasks) < count and refused is None:
        task = _launch(world, ecs, service, definition)
        if isinstance(task, Task):
            tasks.append(task)
        else:
            refused = task
    if tasks:
        service_events.started(world, service, tasks)
    if refused is not None:
        service_events.unplaced(world, service, refused.text)
    return len(tasks)


def _launch(world: World, ecs: EcsRegion, service: Service, definition: Body) -> Task | ecs_placement.Refused:
    primary = service.primary
    mates = _alive(service, primary)
    options = launch_options(ecs, primary.revision, [task.launch for task in mates])
    options["enableExecuteCommand"] = service.body["enableExecuteCommand"]
    spec = {member: service.body[member] for member in ("placementStrategy", "placementConstraints")}
    if service.body["schedulingStrategy"] == "DAEMON":
        spec["placementConstraints"] = [{"type": "distinctInstance"}, *spec["placementConstraints"]]
    instance = None
    if options["launchType"] == "EC2":
        provider = options.get("capacityProviderName")
        found = ecs_placement.choose(ecs, service.cluster, definition, spec, provider, mates)
        if isinstance(found, ContainerInstance):
            instance = found
        elif not managed_scaling.is_managed(ecs, provider):
            return found
    task = task_lifecycle.launch(
        world, ecs, ecs.clusters[service.cluster], definition, primary.revision.get("networkConfiguration", {}),
        group=f"service:{service.name}", started_by=primary.id, options=options, instance=instance, placement=spec,
    )  # fmt: skip
    task.service, task.deployment = service, primary
    task.watch = partial(wake, world, ecs, service)
    ecs.tags[task.arn] = _task_tags(ecs, service, definition)
    service.tasks.append(task)
    return task


def launch_options(ecs: EcsRegion, spec: Body, existing: list[Body]) -> Body:
    """Return launch type or capacity provider for one more task: the provider furthest behind base and weight."""
    strategy = spec.get("capacityProviderStrategy")
    if not strategy:
        return _with_platform(spec, {"launchType": spec.get("launchType", "EC2")})
    used = {item["capacityProvider"]: 0 for item in strategy}
    for other in existing:
        name = other.get("capacityProviderName")
        if name in used:
            used[name] += 1
    behind = [item for item in strategy if used[item["capacityProvider"]] < item.get("base", 0)]
    weighted = [item for item in strategy if item.get("weight", 0) > 0] or strategy
    best = min(
        behind or weighted,
        key=lambda i: (used[i["capacityProvider"]] - i.get("base", 0) + 1) / max(i.get("weight", 0), 1),
    )
    name = best["capacityProvider"]
    return _with_platform(spec, {"capacityProviderName": name, "launchType": _launch_type(ecs, name)})


def _launch_type(ecs: EcsRegion, provider: str) -> str:
    """Return where the tasks of a provider run. Those on managed instances wait for no instance."""
    if provider in FARGATE:
        return "FARGATE"
    managed = managed_instances.MEMBER in ecs.providers.get(provider, {})
    return "MANAGED_INSTANCES" if managed else "EC2"


def _with_platform(spec: Body, options: Body) -> Body:
    if options["launchType"] != "FARGATE":
        return options
    return {"platformVersion": spec.get("platformVersion", rollouts.CURRENT_PLATFORM), **options}


def _task_tags(ecs: EcsRegion, service: Service, definition: Body) -> dict[str, str]:
    tags: dict[str, str] = {}
    if service.body["enableECSManagedTags"]:
        tags = {"aws:ecs:clusterName": service.cluster, "aws:ecs:serviceName": service.name}
    source = {"SERVICE": service.arn, "TASK_DEFINITION": definition["taskDefinitionArn"]}
    return {**tags, **ecs.tags.get(source.get(service.body["propagateTags"], ""), {})}


def _drop_drained(service: Service) -> None:
    def drained(deployment: Deployment) -> bool:
        return all(task.last_status in LEFT for task in service.tasks if task.deployment is deployment)

    service.deployments[1:] = [d for d in service.deployments[1:] if not drained(d)]


def _check_steady(world: World, ecs: EcsRegion, service: Service) -> None:
    """Complete the deployment and record a steady state, if no task is missing, unhealthy or too many."""
    primary = service.primary
    current = _alive(service, primary)
    serving = sum(task_lifecycle.is_healthy(world, ecs, task) for task in current)
    if len(service.deployments) > 1 or len(current) != service.desired or serving != service.desired:
        service.steady = False
        return
    if primary.rollout_state == "IN_PROGRESS":
        early = primary.updated_at + world.settings.timings.stabilise - world.now
        if early > 0:
            wake(world, ecs, service, early)
            return
        rollouts.complete(world, service)
    if primary.rollout_state == "COMPLETED" and not service.steady:
        service.steady = True
        service_events.steady(world, service)


def _end_draining(world: World, ecs: EcsRegion, service: Service) -> None:
    """Set a DRAINING service to INACTIVE after its last task has stopped."""
    if any(task.last_status != "STOPPED" for task in service.tasks):
        return
    service.status = "INACTIVE"
    service.deployments = []

    def forget() -> None:
        key = (service.cluster, service.name)
        if ecs.services.get(key) is service:
            del ecs.services[key]

    world.after(world.settings.timings.inactive_kept, forget)
