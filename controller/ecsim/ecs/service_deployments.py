"""Service deployments and service revisions: list, describe, stop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecsim.account.errors import AwsError, client_exception, invalid_parameter
from ecsim.account.paging import by_token
from ecsim.account.world import Body, Call, Handler
from ecsim.ecs import pauses, rollouts, scheduler
from ecsim.ecs.store import EcsRegion, Service

BRIEF = (
    "serviceDeploymentArn", "serviceArn", "clusterArn", "startedAt", "createdAt", "finishedAt",
    "status", "statusReason",
)  # fmt: skip


def list_service_deployments(call: Call) -> Body:
    """List the deployments of one service by status and time, newest first."""
    ecs, params = call.store(EcsRegion), call.params
    service = ecs.service(ecs.cluster(params.get("cluster") or _cluster_of(params["service"])), params["service"])
    statuses, created = params.get("status"), params.get("createdAt", {})
    found = [
        _brief(record)
        for record in service.history
        if (not statuses or record["status"] in statuses)
        and record["createdAt"] > _seconds(created.get("after"), float("-inf"))
        and record["createdAt"] < _seconds(created.get("before"), float("inf"))
    ]
    return by_token("serviceDeployments", found, params, 20)


def _cluster_of(reference: str) -> str | None:
    parts = reference.split("/")
    return parts[1] if reference.startswith("arn:") and len(parts) == 3 else None


def _seconds(value: Any, otherwise: float) -> float:
    return otherwise if value is None else float(value)


def _brief(record: Body) -> Body:
    brief = {member: record[member] for member in BRIEF if member in record}
    return {**brief, "targetServiceRevisionArn": record["targetServiceRevision"]["arn"]}


def describe_service_deployments(call: Call) -> Body:
    """Describe up to 20 service deployments by ARN."""
    arns = call.params["serviceDeploymentArns"]
    if not 0 < len(arns) <= 20:
        raise invalid_parameter("serviceDeploymentArns must have between 1 and 20 elements.")
    known = {record["serviceDeploymentArn"]: (service, record) for service, record in _records(call.store(EcsRegion))}
    return {
        "serviceDeployments": [_show(*known[arn]) for arn in arns if arn in known],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in known],
    }


def _records(ecs: EcsRegion) -> Iterator[tuple[Service, Body]]:
    for service in ecs.services.values():
        for record in service.history:
            yield service, record


def _show(service: Service, record: Body) -> Body:
    """Return a record; an unfinished one gets the present task counts."""
    if record["status"] not in rollouts.UNFINISHED:
        return record
    by_revision = {d.revision["serviceRevisionArn"]: d for d in service.deployments}
    shown = dict(record)
    target = by_revision.get(record["targetServiceRevision"]["arn"])
    if target is not None:
        shown["targetServiceRevision"] = rollouts.summary(service, target)
        rollouts.note_breaker(service, shown, target, "MONITORING")
        if "deploymentCircuitBreaker" in record:
            shown["deploymentCircuitBreaker"] = record["deploymentCircuitBreaker"]
    shown["sourceServiceRevisions"] = [
        rollouts.summary(service, by_revision[source["arn"]]) if source["arn"] in by_revision else source
        for source in record["sourceServiceRevisions"]
    ]
    return shown


def describe_service_revisions(call: Call) -> Body:
    """Describe up to 20 service revisions by ARN."""
    arns = call.params["serviceRevisionArns"]
    if not 0 < len(arns) <= 20:
        raise invalid_parameter("serviceRevisionArns must have between 1 and 20 elements.")
    services = call.store(EcsRegion).services.values()
    known = {arn: body for service in services for arn, body in service.revisions.items()}
    return {
        "serviceRevisions": [known[arn] for arn in arns if arn in known],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in known],
    }


def stop_service_deployment(call: Call) -> Body:
    """Stop an unfinished deployment: roll back to the last completed one, or with ABORT change nothing else."""
    ecs, arn = call.store(EcsRegion), call.params["serviceDeploymentArn"]
    known = {record["serviceDeploymentArn"]: (service, record) for service, record in _records(ecs)}
    if arn not in known:
        raise AwsError("ServiceDeploymentNotFoundException", "The service deploy ARN that you specified doesn't exist.")
    service, record = known[arn]
    if record["status"] not in rollouts.UNFINISHED:
        raise AwsError("ConflictException", "The service deployment is already completed and cannot be stopped.")
    if record["status"] == "ROLLBACK_IN_PROGRESS":
        return {"serviceDeploymentArn": arn}
    if call.params.get("stopType") == "ABORT":
        rollouts.abort(call.world, service)
    elif service.last_completed is None:
        raise client_exception("The service has no completed deployment to roll back to.")
    else:
        reason = "Service deployment rolled back because of a user request."
        rollouts.roll_back(call.world, service, service.last_completed, reason, automatic=False)
    scheduler.wake(call.world, ecs, service)
    return {"serviceDeploymentArn": arn}


def continue_service_deployment(call: Call) -> Body:
    """Continue a deployment that waits at a hook, or roll it back."""
    ecs, params = call.store(EcsRegion), call.params
    arn = params["serviceDeploymentArn"]
    known = {record["serviceDeploymentArn"]: (service, record) for service, record in _records(ecs)}
    if arn not in known:
        raise AwsError("ServiceDeploymentNotFoundException", "The service deploy ARN that you specified doesn't exist.")
    service, record = known[arn]
    for detail in record.get("lifecycleHookDetails", []):
        if detail["hookId"] == params["hookId"] and detail["status"] == pauses.WAITS:
            detail["status"] = "FAILED" if params.get("action") == "ROLLBACK" else "SUCCEEDED"
            scheduler.wake(call.world, ecs, service)
            return {"serviceDeploymentArn": arn}
    raise invalid_parameter("The lifecycle hook is not awaiting an action.")


OPERATIONS: dict[str, Handler] = {
    "ContinueServiceDeployment": continue_service_deployment,
    "DescribeServiceDeployments": describe_service_deployments,
    "DescribeServiceRevisions": describe_service_revisions,
    "ListServiceDeployments": list_service_deployments,
    "StopServiceDeployment": stop_service_deployment,
}
