"""Deployments of a service: what ECS recorded of the desired content, and whether to deploy it (docs/rules.md R15)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from ecsync.core import marks
from ecsync.core.diff import differences
from ecsync.core.kind import Gate, GiveUp, Hold, Proceed, Wait
from ecsync.core.model import Desired, Facts, FieldChange, Present, Reason
from ecsync.core.ports import AwsError, Reader
from ecsync.core.rules import Rolls
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import missing, moment, pick
from ecsync.kinds.ecs._revisions import number_in
from ecsync.kinds.ecs._service_read import cluster_of
from ecsync.kinds.ecs._service_rules import RULES, controller_of
from ecsync.kinds.ecs._shared import is_resolved

# The members of a service revision: what a deployment targets.
_ROLLED = tuple(dict.fromkeys(str(rule.segments[0]) for rule in RULES if isinstance(rule, Rolls)))
IN_FLIGHT = ("PENDING", "IN_PROGRESS")
_RECORDED = 20  # deployments that are looked through, newest first: DescribeServiceRevisions takes so many
_AT_ONCE = timedelta(seconds=1)  # between the end of a superseded deployment and the beginning of the next

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


def inquire(reader: Reader, body: Body, present: Present, fields: Sequence[FieldChange]) -> Facts:
    """Return ECS's record of the desired content, and the owner of the running revision.

    Empty unless a change starts a deployment. `body` is the adjusted body. `attempt` is the newest deployment that
    targeted the desired content, with those after it; None without one. `newestDeployment` is the newest of all.
    `deployedByOther`: CodeDeploy, or an external controller, deployed a revision that is not ours.
    """
    rolling = _rolling(fields)
    if not rolling or present.facts.get("status") == "DRAINING":
        return {}
    facts: dict[str, Json] = {}
    if any(one.path[0] == "taskDefinition" for one in fields):
        running, wanted = present.body.get("taskDefinition"), body.get("taskDefinition")
        owner = facts["runningRevisionOwner"] = _owner_of_revision(reader, running, wanted)
        if controller_of(present.body) in _DEPLOYED_BY:
            facts["deployedByOther"] = not _is_ours(owner, present)
    if controller_of(present.body) == "ECS":
        record = _recorded(reader, present)
        facts["newestDeployment"] = record[0] if record else None
        facts["attempt"] = _attempt(reader, body, present, record, rolling)
    return facts


def _recorded(reader: Reader, present: Present) -> list[Body]:
    """Return the newest deployments of a service with their targets, newest first.

    AWS does not document the order of ListServiceDeployments; a page holds 100.
    """
    cluster, service = cluster_of(present.body), present.outputs["name"]
    response = reader.call("ecs", "ListServiceDeployments", cluster=cluster, service=service, maxResults=100)
    listed = sorted(response.get("serviceDeployments", ()), key=_created, reverse=True)[:_RECORDED]
    targets = _revisions(reader, (one.get("targetServiceRevisionArn") for one in listed))
    members = ("status", "statusReason", "createdAt", "finishedAt", "serviceDeploymentArn")
    return [{**pick(one, *members), "target": targets.get(one.get("targetServiceRevisionArn"), {})} for one in listed]


def _created(one: Body) -> float:
    created = moment(one["createdAt"])
    return created.timestamp() if created else 0.0


def _revisions(reader: Reader, arns: Iterable[Json]) -> dict[Json, Body]:
    """Return what service revisions deploy, by ARN."""
    asked = list(dict.fromkeys(arn for arn in arns if arn))
    if not asked:
        return {}
    response = reader.call("ecs", "DescribeServiceRevisions", serviceRevisionArns=asked)
    found = response.get("serviceRevisions", ())
    return {one["serviceRevisionArn"]: pick(one, *_ROLLED, "launchType") for one in found}


def _attempt(
    reader: Reader, body: Body, present: Present, record: Sequence[Body], rolling: Sequence[FieldChange]
) -> Json:
    """Return the newest deployment that targeted the desired content; None without one.

    `superseded`: another deployment ended it. `declaredSince`: a later one deployed other content of ours than what ECS
    went back to, so the document had other content in between.
    """
    for index, one in enumerate(record):
        if not targeted(body, one["target"], rolling, present.facts):
            continue
        later = record[:index]
        failed = one["status"] not in (*IN_FLIGHT, "SUCCESSFUL")
        superseded = bool(later) and (one["status"] in IN_FLIGHT or _was_superseded(one, later[-1]))
        since = failed and not superseded and bool(later) and _declared_since(reader, one, later)
        return {**one, "superseded": superseded, "declaredSince": since}
    return None


def _was_superseded(one: Body, next_one: Body) -> bool:
    """Return whether the next deployment stopped this one: it is no verdict on its content."""
    if one["status"] != "STOPPED":
        return False
    ended, began = moment(one.get("finishedAt")), moment(next_one.get("createdAt"))
    at_once = ended is not None and began is not None and began <= ended + _AT_ONCE
    return at_once or "superseded" in str(one.get("statusReason", ""))


def _declared_since(reader: Reader, failed: Body, later: Sequence[Body]) -> bool:
    """Return whether one of the later deployments has a task definition of ours, and is not what ECS went back to."""
    restored = _restored(reader, failed)
    others = [one["target"] for one in later if one["target"] and one["target"] != restored]
    definitions = dict.fromkeys(target.get("taskDefinition") for target in others)
    ours = [target.get("taskDefinition") for target in (failed["target"], restored)]
    return any(marks.key_of(_owner_of_revision(reader, arn, *ours)) for arn in definitions)


def _restored(reader: Reader, failed: Body) -> Body:
    """Return what ECS went back to after a deployment; empty if it did not."""
    arn = failed["serviceDeploymentArn"]
    described = reader.call("ecs", "DescribeServiceDeployments", serviceDeploymentArns=[arn])
    record: Body = next(iter(described.get("serviceDeployments", ())), {})
    revision = (record.get("rollback") or {}).get("serviceRevisionArn")
    return _revisions(reader, [revision]).get(revision, {})


def _owner_of_revision(reader: Reader, arn: Json, *ours: Json) -> str:
    """Return the owner mark on a task definition; empty if it has none, or a copy of the mark of one of ours.

    A copy is registered later, and records that the same document was applied. The content is another one.
    """
    tags = _tags_of_revision(reader, arn)
    for one in ours:
        later = one != arn and number_in(str(arn)) > number_in(str(one)) > 0
        if later and marks.APPLIED in tags and tags[marks.APPLIED] == _tags_of_revision(reader, one).get(marks.APPLIED):
            return ""
    return tags.get(marks.OWNER, "")


def _tags_of_revision(reader: Reader, arn: Json) -> Mapping[str, str]:
    """Return the tags of a task definition; none if it does not exist."""
    if not isinstance(arn, str):
        return {}
    try:
        response = reader.call("ecs", "DescribeTaskDefinition", taskDefinition=arn, include=["TAGS"])
    except AwsError as error:
        if missing(error):
            return {}
        raise
    return marks.tag_map(response.get("tags"))


def reason(path: Path, present: Present) -> Reason | None:
    """Return the reason of a difference in `taskDefinition`: pending if our own revision runs, else drift."""
    owner = present.facts.get("runningRevisionOwner")
    if path[0] != "taskDefinition" or owner is None:
        return None
    return "pending" if _is_ours(owner, present) else "drift"


def _is_ours(owner: str, present: Present) -> bool:
    """Return whether the owner mark of a revision is of the installation of the service."""
    parsed, service = marks.key_of(owner), marks.key_of(present.marks.owner) if present.marks else None
    return parsed is not None and (service is None or parsed[0] == service[0])


# Gate ----------------------------------------------------------------------------------------------------------------


def gate(desired: Desired, body: Body, present: Present, fields: Sequence[FieldChange]) -> Gate:
    """Decide from what ECS recorded of the desired content (docs/rules.md R15). `body` is the adjusted body."""
    if present.facts.get("status") == "DRAINING":
        return Wait(why="the service is draining; its name is in use until ECS has deleted it")
    replaced = any(one.effect == "replace" for one in fields)
    controller = controller_of(present.body)
    rejected = _rejected(controller, fields)
    if rejected and not replaced:
        reason = f"UpdateService cannot change {', '.join(rejected)} with deployment controller {controller}"
        return Hold(
            reason=f"{reason}; start {_DEPLOYED_BY[controller]} instead",
            rest=tuple(one for one in fields if str(one.path[0]) not in rejected),
        )
    rolling = _rolling(fields)
    attempt = present.facts.get("attempt")
    if not rolling or not attempt or not targeted(body, attempt["target"], rolling, present.facts):
        return Proceed(body=desired.body)
    if attempt["superseded"] or attempt["declaredSince"] or attempt["status"] == "SUCCESSFUL":
        return Proceed(body=desired.body)  # after a success, another client changed the service
    why = attempt.get("statusReason") or attempt["status"].replace("_", " ").lower()
    if attempt["status"] in IN_FLIGHT:
        pause = present.facts.get("pause")
        if pause and pause["deployment"] == attempt.get("serviceDeploymentArn"):
            why = paused(present.facts)
        return Wait(why=f"ECS is deploying this change: {why}")
    rest = () if replaced else tuple(one for one in fields if one not in rolling)
    return GiveUp(why=f"{_verdict(attempt['status'])}: {why}", rest=rest)


def paused(facts: Mapping[str, Json]) -> str:
    """Return at which hook the deployment in progress waits, and what to do; empty if it waits at none."""
    pause = facts.get("pause")
    if not pause:
        return ""
    then = "continues" if pause.get("timeoutAction") == "CONTINUE" else "rolls back"
    until = f" until {pause['expiresAt']}, then ECS {then}" if pause.get("expiresAt") else ""
    return (
        f"paused at {pause.get('stage')} by hook {pause.get('hookId')}{until}; to go on, run `aws ecs "
        f"continue-service-deployment --service-deployment-arn {pause['deployment']} --hook-id {pause.get('hookId')}`, "
        "with `--action ROLLBACK` to go back"
    )


def _verdict(status: str) -> str:
    """Return what ECS did with a deployment that it did not complete."""
    if status.startswith("ROLLBACK"):
        return "ECS rolled back the deployment of this change"
    return "the deployment of this change was stopped"


def _rejected(controller: str, fields: Sequence[FieldChange]) -> list[str]:
    """Return the members that UpdateService does not accept from this deployment controller."""
    accepted = _ACCEPTED.get(controller)
    return [] if accepted is None else sorted({str(one.path[0]) for one in fields} - accepted)


def targeted(body: Body, target: Body, rolling: Sequence[FieldChange], facts: Mapping[str, Json]) -> bool:
    """Return whether a deployment targeted the desired body.

    Only the members that differ and those in the service revision are compared: a revision does not hold the others.
    """
    members = {str(one.path[0]) for one in rolling} | (set(target) & set(_ROLLED))
    wanted = {member: body[member] for member in (*members, "launchType") if body.get(member) is not None}
    if not target or not is_resolved(wanted):
        return False
    identity = pick(body, "cluster", "deploymentController", "schedulingStrategy")
    return not differences(identity | wanted, identity | dict(target), RULES, facts=facts).fields
