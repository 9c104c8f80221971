"""The rollout of deployments: begin, complete, fail, roll back; each with its record in the service's history."""

from __future__ import annotations

import math

from ecsim.account.world import Body, World
from ecsim.ecs import blue_green, service_events
from ecsim.ecs.capacity.providers import FARGATE
from ecsim.ecs.store import Deployment, EcsRegion, Service, running_and_pending

# The members of a service that belong to a revision. A change of one of them starts a new deployment, and a
# rollback restores their old values.
REVISION_MEMBERS = (
    "taskDefinition", "launchType", "capacityProviderStrategy", "platformVersion", "platformFamily",
    "networkConfiguration", "loadBalancers", "serviceRegistries", "serviceConnectConfiguration",
    "volumeConfigurations", "vpcLatticeConfigurations", "monitoring", "gatewayConnectors",
)  # fmt: skip
UNFINISHED = ("PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS")
CURRENT_PLATFORM = "1.4.0"


def runs_on_fargate(body: Body) -> bool:
    """Return whether a service or revision runs on Fargate."""
    strategy = body.get("capacityProviderStrategy")
    if strategy:
        return all(item["capacityProvider"] in FARGATE for item in strategy)
    return body.get("launchType") == "FARGATE"


def begin(world: World, ecs: EcsRegion, service: Service) -> Deployment:
    """Start a deployment of the service's present body. The old PRIMARY deployment is drained."""
    for record in service.history:
        if record["status"] in UNFINISHED:
            record.update(
                status="STOPPED",
                statusReason="Service deployment was superseded by a newer service deployment.",
                stoppedAt=world.now,
                finishedAt=world.now,
                updatedAt=world.now,
            )
    for deployment in service.deployments:
        deployment.rolling_back = None
    sources = [summary(service, d) for d in service.deployments]
    revision = _revision(world, ecs, service)
    identifier = f"ecs-svc/{world.digits(19)}"
    deployment = Deployment(identifier, revision, world.now, world.now, desired=service.desired)
    deployment.rollout_reason = f"ECS deployment {identifier} in progress."
    deployment.history = {
        "serviceDeploymentArn": ecs.arn("service-deployment", f"{service.cluster}/{service.name}/{world.hex(20)}"),
        "serviceArn": service.arn,
        "clusterArn": ecs.arn("cluster", service.cluster),
        "createdAt": world.now,
        "startedAt": world.now,
        "updatedAt": world.now,
        "sourceServiceRevisions": sources,
        "targetServiceRevision": {"arn": revision["serviceRevisionArn"]},
        "status": "IN_PROGRESS",
        "deploymentConfiguration": service.body["deploymentConfiguration"],
    }
    blue_green.begin(world, ecs, service, deployment)
    service.history.insert(0, deployment.history)
    service.deployments.insert(0, deployment)
    _demote(world, service)
    service.steady = False
    return deployment


def summary(service: Service, deployment: Deployment) -> Body:
    """Return the task counts of a revision, as DescribeServices and DescribeServiceDeployments return them."""
    running, pending = running_and_pending(service.tasks_of(deployment))
    return {
        "arn": deployment.revision["serviceRevisionArn"],
        "requestedTaskCount": deployment.desired,
        "runningTaskCount": running,
        "pendingTaskCount": pending,
    }


def _demote(world: World, service: Service) -> None:
    for deployment in service.deployments[1:]:
        if deployment.status == "PRIMARY":
            deployment.status = "ACTIVE"
            deployment.updated_at = world.now


def _revision(world: World, ecs: EcsRegion, service: Service) -> Body:
    arn = ecs.arn("service-revision", f"{service.cluster}/{service.name}/{world.digits(19)}")
    definition = ecs.find_task_definition(service.body["taskDefinition"]) or {"containerDefinitions": []}
    revision: Body = {
        "serviceRevisionArn": arn,
        "serviceArn": service.arn,
        "clusterArn": ecs.arn("cluster", service.cluster),
        "containerImages": [
            {"containerName": c["name"], "image": c["image"]} for c in definition["containerDefinitions"]
        ],
        "guardDutyEnabled": False,
        "createdAt": world.now,
        **{member: service.body[member] for member in REVISION_MEMBERS if service.body.get(member)},
    }
    if runs_on_fargate(revision) and revision.get("platformVersion", "LATEST") == "LATEST":
        revision["platformVersion"] = CURRENT_PLATFORM
    service.revisions[arn] = revision
    return revision


def complete(world: World, service: Service) -> None:
    """Complete the PRIMARY deployment."""
    primary = service.primary
    primary.rollout_state = "COMPLETED"
    primary.rollout_reason = f"ECS deployment {primary.id} completed."
    primary.updated_at = world.now
    record = primary.rolling_back
    if record is not None:
        primary.rolling_back = None
        record.update(status="ROLLBACK_SUCCESSFUL", finishedAt=world.now, updatedAt=world.now)
    else:
        record = primary.history
        record.update(status="SUCCESSFUL", finishedAt=world.now, updatedAt=world.now)
        record["targetServiceRevision"] = summary(service, primary)
        note_breaker(service, record, primary, "MONITORING_COMPLETE")
    service.last_completed = primary
    service_events.completed(world, service, primary)


def threshold(service: Service) -> int:
    """Return the number of failed tasks that trips the circuit breaker."""
    breaker = service.body["deploymentConfiguration"].get("deploymentCircuitBreaker", {})
    limit = breaker.get("thresholdConfiguration", {"type": "BOUNDED_PERCENT", "value": 50})
    if limit["type"] == "COUNT":
        return int(limit["value"])
    share = math.ceil(service.desired * int(limit["value"]) / 100)
    return share if limit["type"] == "UNBOUNDED_PERCENT" else max(3, min(200, share))


def note_breaker(service: Service, record: Body, deployment: Deployment, status: str) -> None:
    """Write the state of the circuit breaker into the record of a service deployment."""
    breaker = service.body["deploymentConfiguration"].get("deploymentCircuitBreaker", {})
    record["deploymentCircuitBreaker"] = {
        "status": status if breaker.get("enable") else "DISABLED",
        "failureCount": deployment.failed_tasks,
        "threshold": threshold(service),
    }


def trip(world: World, service: Service) -> None:
    """Fail the PRIMARY deployment by the circuit breaker, and roll back if that is configured and possible."""
    failed = service.primary
    failed.rollout_state = "FAILED"
    failed.rollout_reason = "ECS deployment circuit breaker: tasks failed to start."
    failed.updated_at = world.now
    service_events.failed(world, service, failed)
    if failed.rolling_back is not None:
        failed.rolling_back.update(status="ROLLBACK_FAILED", finishedAt=world.now, updatedAt=world.now)
        failed.rolling_back = None
        return
    record = failed.history
    note_breaker(service, record, failed, "TRIGGERED")
    breaker = service.body["deploymentConfiguration"]["deploymentCircuitBreaker"]
    target = service.last_completed
    if breaker.get("rollback") and target is not None and target is not failed:
        reason = "Service deployment rolled back because the circuit breaker threshold was exceeded."
        roll_back(world, service, target, reason, automatic=True)
        return
    reason = "Service deployment failed because the circuit breaker threshold was exceeded."
    record.update(status="STOPPED", statusReason=reason, stoppedAt=world.now, finishedAt=world.now, updatedAt=world.now)


def roll_back(world: World, service: Service, target: Deployment, reason: str, *, automatic: bool) -> None:
    """Make an earlier deployment PRIMARY again, and restore its members of the service."""
    failed = service.primary
    record = failed.history
    record.update(status="ROLLBACK_IN_PROGRESS", statusReason=reason, updatedAt=world.now)
    record["targetServiceRevision"] = {**summary(service, failed), "requestedTaskCount": 0}
    record["rollback"] = {
        "reason": reason,
        "startedAt": world.now,
        "serviceRevisionArn": target.revision["serviceRevisionArn"],
    }
    if target in service.deployments:
        service.deployments.remove(target)
    service.deployments.insert(0, target)
    target.status, target.rollout_state, target.updated_at = "PRIMARY", "IN_PROGRESS", world.now
    target.failures_in_a_row = target.throttled_at = 0
    target.rolling_back = record
    target.shifted_at = None
    target.rollout_reason = (
        f"ECS deployment circuit breaker: rolling back to deploymentId {target.id}."
        if automatic
        else f"ECS deployment {target.id} in progress."
    )
    _demote(world, service)
    failed.desired = 0
    platform = service.body.get("platformVersion")
    for member in REVISION_MEMBERS:
        service.body.pop(member, None)
        if member in target.revision:
            service.body[member] = target.revision[member]
    service.body.setdefault("loadBalancers", [])
    service.body.setdefault("serviceRegistries", [])
    if platform == "LATEST":
        service.body["platformVersion"] = "LATEST"
    service.steady = False
    service_events.rolling_back(world, service, target)


def abort(world: World, service: Service) -> None:
    """Stop the PRIMARY deployment without a rollback."""
    primary = service.primary
    primary.rollout_state = "FAILED"
    primary.rollout_reason = f"ECS deployment {primary.id} stopped."
    primary.updated_at = world.now
    primary.history.update(
        status="STOPPED",
        statusReason="Service deployment was stopped by a user request.",
        stoppedAt=world.now,
        finishedAt=world.now,
        updatedAt=world.now,
    )
