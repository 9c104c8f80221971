"""Deployments of a service: what AWS remembers of the newest, whether to start another, and how it is doing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ecsync.core import marks
from ecsync.core.diff import differences
from ecsync.core.kind import Gate, GiveUp, Hold, Proceed, Wait, World
from ecsync.core.model import Desired, Facts, FieldChange, Health, Present, Reason
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Rolls
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import missing, pick
from ecsync.kinds.ecs._service_read import cluster_of
from ecsync.kinds.ecs._service_rules import RULES, controller_of
from ecsync.kinds.ecs._shared import is_resolved

# What a service revision has of a service: what a deployment can have targeted.
_ROLLED = tuple(dict.fromkeys(str(rule.segments[0]) for rule in RULES if isinstance(rule, Rolls)))
_IN_FLIGHT = ("PENDING", "IN_PROGRESS")
_LONG = timedelta(minutes=5)

# What UpdateService takes where another controller deploys (normalization.md §2.1).
_SCALING = ("desiredCount", "placementConstraints", "placementStrategy", "healthCheckGracePeriodSeconds")
_TAGGING = ("enableECSManagedTags", "propagateTags", "tags")
_TAKEN = {
    "CODE_DEPLOY": frozenset((*_SCALING, *_TAGGING, "deploymentConfiguration")),
    "EXTERNAL": frozenset((*_SCALING, *_TAGGING)),
}
_DEPLOYED_BY = {"CODE_DEPLOY": "a CodeDeploy deployment", "EXTERNAL": "a new task set"}


def _rolling(fields: Sequence[FieldChange]) -> list[FieldChange]:
    return [one for one in fields if one.effect in ("rolls-tasks", "needs-force")]


# Facts that are read only when it matters (rule 15) ----------------------------------------------------------------


def inquire(reader: Reader, _: Desired, present: Present, fields: Sequence[FieldChange]) -> Facts:
    """Ask for the newest deployment and what it targeted, and for whose revision is running."""
    if not _rolling(fields) or present.facts.get("status") == "DRAINING":
        return {}
    facts: dict[str, Json] = {}
    if any(one.path[0] == "taskDefinition" for one in fields):
        facts["runningRevisionOwner"] = _owner_of_revision(reader, present.body.get("taskDefinition"))
    if controller_of(present.body) == "ECS":
        facts["newestDeployment"] = _newest_deployment(reader, present)
    return facts


def _newest_deployment(reader: Reader, present: Present) -> Json:
    # AWS does not document the order of the list; 100 is one page.
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
    """Return the owner mark on a task definition; empty where it has none or is gone."""
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
    """A service that runs a revision of ours waits for the newer one; any other revision was put there."""
    owner = present.facts.get("runningRevisionOwner")
    if path[0] != "taskDefinition" or owner is None:
        return None
    parsed, service = marks.key_of(owner), marks.key_of(present.marks.owner) if present.marks else None
    if parsed is None or (service is not None and parsed[0] != service[0]):
        return "drift"
    return "pending"


# May it be changed now? --------------------------------------------------------------------------------------------


def gate(desired: Desired, body: Body, present: Present, fields: Sequence[FieldChange], _: World) -> Gate:
    """Decide by what the newest deployment targeted and what became of it (rule 15). `body` is the adjusted one."""
    if present.facts.get("status") == "DRAINING":
        return Wait(why="the service is draining; its name is free when it is gone")
    controller = controller_of(present.body)
    taken = _TAKEN.get(controller)
    refused = sorted({str(one.path[0]) for one in fields if taken is not None and one.path[0] not in taken})
    if refused and not any(one.effect == "replace" for one in fields):
        return Hold(because=f"{', '.join(refused)}: only {_DEPLOYED_BY[controller]} changes this ({controller})")
    newest = present.facts.get("newestDeployment")
    rolling = _rolling(fields)
    if not rolling or not newest or not _targeted(body, newest.get("target") or {}, rolling, present.facts):
        return Proceed(body=desired.body)
    why = newest.get("statusReason") or newest["status"].replace("_", " ").lower()
    if newest["status"] in _IN_FLIGHT:
        return Wait(why=f"a deployment of this is under way: {why}")
    if newest["status"] == "SUCCESSFUL":
        return Proceed(body=desired.body)  # somebody changed it since
    return GiveUp(why=f"ECS did not finish the deployment of this: {why}")


def _targeted(body: Body, target: Body, rolling: Sequence[FieldChange], facts: Facts) -> bool:
    """Tell whether a deployment targeted what is wanted now.

    Compared are the members that differ and those that the revision names; a revision says nothing of the others.
    """
    members = {str(one.path[0]) for one in rolling} | (set(target) & set(_ROLLED))
    want = {member: body[member] for member in (*members, "launchType") if body.get(member) is not None}
    if not target or not is_resolved(want):
        return False
    identity = pick(body, "cluster", "deploymentController", "schedulingStrategy")
    return not differences(identity | want, identity | dict(target), RULES, facts=facts).fields


# How is it? --------------------------------------------------------------------------------------------------------


def health(_: Desired, present: Present) -> Health:
    """Say how a service is doing, in ECS's own words where it has some."""
    facts = present.facts
    deployments = facts.get("deployments") or ()
    primary: Body = next((one for one in deployments if one.get("status") == "PRIMARY"), {})
    running, wanted = facts.get("runningCount", 0), facts.get("desiredCount", 0)
    counts = f"{running} of {wanted} tasks running"
    if facts.get("status") == "DRAINING":
        return Health(status="Progressing", why=f"draining, {running} tasks left")
    failed = _failed(deployments, facts.get("newestDeployment"))
    if failed:
        return Health(status="Degraded", why=failed)
    if primary.get("rolloutState") == "IN_PROGRESS":
        reasons = primary.get("rolloutStateReason", "")
        if "circuit breaker" in reasons and "rolling back" in reasons:
            return Health(status="Degraded", why=reasons)
        tasks = f", {primary['failedTasks']} failed" if primary.get("failedTasks") else ""
        return Health(status="Progressing", why=f"{counts}{tasks}: {reasons or 'deployment in progress'}")
    if facts.get("steady"):
        return Health(status="Healthy", why="" if wanted else "scaled to 0")
    if running < wanted:
        return _short_of_tasks(present, counts)
    return Health(status="Progressing", why=counts)


def _failed(deployments: Sequence[Body], newest: Json) -> str:
    for one in deployments:
        if one.get("rolloutState") == "FAILED":
            return str(one.get("rolloutStateReason") or "the deployment failed")
    if newest and newest["status"] not in (*_IN_FLIGHT, "SUCCESSFUL"):
        return str(newest.get("statusReason") or f"the newest deployment is {newest['status']}")
    return ""


def _short_of_tasks(present: Present, counts: str) -> Health:
    """Too few tasks and no deployment: well for a while (a task is replaced), then not."""
    event: Body = next(iter(present.facts.get("events") or ()), {})
    said = f"{counts}: {event['message']}" if event.get("message") else counts
    since = max((one for one in (event.get("createdAt"), *_ends(present)) if isinstance(one, datetime)), default=None)
    unable = "unable to" in event.get("message", "")
    long = bool(since and present.read_at and present.read_at - since > _LONG)
    return Health(status="Degraded" if unable or long else "Progressing", why=said)


def _ends(present: Present) -> list[Json]:
    return [one.get("updatedAt") for one in present.facts.get("deployments") or ()]
