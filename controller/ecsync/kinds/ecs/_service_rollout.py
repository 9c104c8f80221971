"""Deployments of a service: what the newest one targeted, whether to start another, and the health of the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ecsync.core import marks
from ecsync.core.diff import differences
from ecsync.core.kind import Gate, GiveUp, Hold, Proceed, Wait, World
from ecsync.core.model import Desired, Facts, FieldChange, Present, Reason
from ecsync.core.outcome import Health, HealthStatus
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Rolls
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import missing, pick
from ecsync.kinds.ecs._service_read import cluster_of
from ecsync.kinds.ecs._service_rules import RULES, controller_of
from ecsync.kinds.ecs._shared import is_resolved

# The members of a service revision: what a deployment targets.
_ROLLED = tuple(dict.fromkeys(str(rule.segments[0]) for rule in RULES if isinstance(rule, Rolls)))
_IN_FLIGHT = ("PENDING", "IN_PROGRESS")
_REPLACEMENT_TIME = timedelta(minutes=5)  # in which ECS replaces a stopped task

# The members that UpdateService accepts where another controller deploys (ecs.UpdateService).
_SCALING = ("desiredCount", "placementConstraints", "placementStrategy", "healthCheckGracePeriodSeconds")
_TAGGING = ("enableECSManagedTags", "propagateTags", "tags")
_ACCEPTED = {
    "CODE_DEPLOY": frozenset((*_SCALING, *_TAGGING, "deploymentConfiguration")),
    "EXTERNAL": frozenset((*_SCALING, *_TAGGING)),
}
_DEPLOYED_BY = {"CODE_DEPLOY": "a CodeDeploy deployment", "EXTERNAL": "a new task set"}


def _rolling(fields: Sequence[FieldChange]) -> list[FieldChange]:
    return [one for one in fields if one.effect in ("rolls-tasks", "needs-force")]


# Facts that are read only for a change that rolls tasks ---------------------------------------------------------------


def inquire(reader: Reader, _: Desired, present: Present, fields: Sequence[FieldChange]) -> Facts:
    """Return the newest deployment with its target, and the owner of the running revision (docs/rules.md R15).

    Empty unless a change starts a deployment.
    """
    if not _rolling(fields) or present.facts.get("status") == "DRAINING":
        return {}
    facts: dict[str, Json] = {}
    if any(one.path[0] == "taskDefinition" for one in fields):
        facts["runningRevisionOwner"] = _owner_of_revision(reader, present.body.get("taskDefinition"))
    if controller_of(present.body) == "ECS":
        facts["newestDeployment"] = _newest_deployment(reader, present)
    return facts


def _newest_deployment(reader: Reader, present: Present) -> Json:
    """Return the status and target of the newest deployment; None without one.

    AWS does not document the order of ListServiceDeployments; a page holds 100.
    """
    cluster, service = cluster_of(present.body), present.outputs["name"]
    response = reader.call("ecs", "ListServiceDeployments", cluster=cluster, service=service, maxResults=100)
    newest = max(response.get("serviceDeployments", ()), key=lambda one: one["createdAt"], default=None)
    if newest is None:
        return None
    target: Body = {}
    if newest.get("targetServiceRevisionArn"):
        arns = [newest["targetServiceRevisionArn"]]
        revisions = reader.call("ecs", "DescribeServiceRevisions", serviceRevisionArns=arns).get("serviceRevisions")
        target = next(iter(revisions or ()), {})
    return {
        **pick(newest, "status", "statusReason", "createdAt", "serviceDeploymentArn"),
        "target": pick(target, *_ROLLED, "launchType"),
    }


def _owner_of_revision(reader: Reader, arn: Json) -> str:
    """Return the owner mark on a task definition; empty if it has none or does not exist."""
    if not isinstance(arn, str):
        return ""
    try:
        response = reader.call("ecs", "DescribeTaskDefinition", taskDefinition=arn, include=["TAGS"])
    except AwsError as error:
        if missing(error):
            return ""
        raise
    return marks.tag_map(response.get("tags")).get(marks.OWNER, "")


def reason(path: Path, present: Present) -> Reason | None:
    """Return the reason of a difference in `taskDefinition`: pending if our own revision runs, else drift."""
    owner = present.facts.get("runningRevisionOwner")
    if path[0] != "taskDefinition" or owner is None:
        return None
    parsed, service = marks.key_of(owner), marks.key_of(present.marks.owner) if present.marks else None
    if parsed is None or (service is not None and parsed[0] != service[0]):
        return "drift"
    return "pending"


# Gate ----------------------------------------------------------------------------------------------------------------


def gate(desired: Desired, body: Body, present: Present, fields: Sequence[FieldChange], _: World) -> Gate:
    """Decide from the target and the result of the newest deployment (docs/rules.md R15).

    `body` is the adjusted body: what the newest deployment is compared with.
    """
    if present.facts.get("status") == "DRAINING":
        return Wait(why="the service is draining; its name is in use until ECS has deleted it")
    controller = controller_of(present.body)
    rejected = _rejected(controller, fields)
    if rejected and not any(one.effect == "replace" for one in fields):
        reason = f"UpdateService cannot change {', '.join(rejected)} with deployment controller {controller}"
        return Hold(reason=f"{reason}; start {_DEPLOYED_BY[controller]} instead")
    newest = present.facts.get("newestDeployment")
    rolling = _rolling(fields)
    if not rolling or not newest or not _targeted(body, newest.get("target") or {}, rolling, present.facts):
        return Proceed(body=desired.body)
    why = newest.get("statusReason") or newest["status"].replace("_", " ").lower()
    if newest["status"] in _IN_FLIGHT:
        return Wait(why=f"ECS is deploying this change: {why}")
    if newest["status"] == "SUCCESSFUL":
        return Proceed(body=desired.body)  # another client changed the service after that deployment
    return GiveUp(why=f"ECS did not complete the deployment of this change: {why}")


def _rejected(controller: str, fields: Sequence[FieldChange]) -> list[str]:
    """Return the members that UpdateService does not accept from this deployment controller."""
    accepted = _ACCEPTED.get(controller)
    return [] if accepted is None else sorted({str(one.path[0]) for one in fields} - accepted)


def _targeted(body: Body, target: Body, rolling: Sequence[FieldChange], facts: Facts) -> bool:
    """Return whether a deployment targeted the desired body.

    Only the members that differ and those in the service revision are compared: a revision does not hold the others.
    """
    members = {str(one.path[0]) for one in rolling} | (set(target) & set(_ROLLED))
    wanted = {member: body[member] for member in (*members, "launchType") if body.get(member) is not None}
    if not target or not is_resolved(wanted):
        return False
    identity = pick(body, "cluster", "deploymentController", "schedulingStrategy")
    return not differences(identity | wanted, identity | dict(target), RULES, facts=facts).fields


# Health --------------------------------------------------------------------------------------------------------------


def health(_: Desired, present: Present) -> Health:
    """Return the health of a service, with ECS's own reason if ECS returns one."""
    facts = present.facts
    deployments = facts.get("deployments") or ()
    primary: Body = next((one for one in deployments if one.get("status") == "PRIMARY"), {})
    running, wanted = facts.get("runningCount", 0), facts.get("desiredCount", 0)
    counts = f"{running} of {wanted} tasks running"
    failure = _failure(deployments, facts.get("newestDeployment"))
    if facts.get("status") == "DRAINING":
        return Health(status="Progressing", why=f"draining: {running} tasks left")
    if failure:
        return Health(status="Degraded", why=failure)
    if primary.get("rolloutState") == "IN_PROGRESS":
        return _rolling_out(primary, counts)
    if facts.get("steady"):
        return Health(status="Healthy", why="" if wanted else "scaled to 0")
    if running < wanted:
        return _short_of_tasks(present, counts)
    return Health(status="Progressing", why=counts)


def _rolling_out(primary: Body, counts: str) -> Health:
    """Return the health of a service with a deployment in progress: Degraded while ECS rolls it back."""
    reason = primary.get("rolloutStateReason", "")
    if "circuit breaker" in reason and "rolling back" in reason:
        return Health(status="Degraded", why=reason)
    tasks = f", {primary['failedTasks']} failed" if primary.get("failedTasks") else ""
    return Health(status="Progressing", why=f"{counts}{tasks}: {reason or 'deployment in progress'}")


def _failure(deployments: Sequence[Body], newest: Json) -> str:
    """Return the reason why a deployment failed; empty if none did."""
    for one in deployments:
        if one.get("rolloutState") == "FAILED":
            return str(one.get("rolloutStateReason") or "the deployment failed")
    if newest and newest["status"] not in (*_IN_FLIGHT, "SUCCESSFUL"):
        return str(newest.get("statusReason") or f"the newest deployment is {newest['status']}")
    return ""


def _short_of_tasks(present: Present, counts: str) -> Health:
    """Return the health of a service with too few tasks and no deployment in flight.

    Progressing while ECS may still replace a stopped task; Degraded after that time, or if ECS reports "unable to".
    """
    event: Body = next(iter(present.facts.get("events") or ()), {})
    message = event.get("message", "")
    deployment_ends = (one.get("updatedAt") for one in present.facts.get("deployments") or ())
    times = [one for one in (event.get("createdAt"), *deployment_ends) if isinstance(one, datetime)]
    overdue = bool(times and present.read_at and present.read_at - max(times) > _REPLACEMENT_TIME)
    status: HealthStatus = "Degraded" if overdue or "unable to" in message else "Progressing"
    return Health(status=status, why=f"{counts}: {message}" if message else counts)
