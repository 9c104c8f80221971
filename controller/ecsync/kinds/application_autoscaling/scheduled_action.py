"""ScheduledAction: other bounds for a scalable target at a given time.

A Put deletes the start and end times that it leaves out, so an update sends the action whole. AWS deletes a one-time
action after it has run: an action in the past is done, not missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ecsync.core.kind import Kind, Owned, ShapeOf, Wanted, World
from ecsync.core.model import Absent, Call, Create, Delete, Desired, Key, Marks, Observed, Present, Replace, Update
from ecsync.core.outcome import Health
from ecsync.core.ports import Reader
from ecsync.core.rules import Default, Immutable, Resets, Rewrite, Rules
from ecsync.core.trees import Body, Path
from ecsync.kinds._common import installation_in, instant, moment, operations, pick
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds.application_autoscaling import _constraints, scalable_target
from ecsync.kinds.application_autoscaling._children import Children, Parents, child_marks
from ecsync.kinds.application_autoscaling._shared import (
    IDENTITY,
    SERVICE,
    Target,
    adjusted,
    check_target,
    declared_once,
    identity_rows,
    natural,
    needs_target,
    printed,
    put_body,
    resource_id,
    with_identity,
)

# 1 IDENTITY ------------------------------------------------------------------------------------------------------


def _natural(body: Body) -> str | None:
    return natural(body, "ScheduledActionName")


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

_TIMES = ("StartTime", "EndTime")
_ONCE = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_SCHEDULE = re.compile(r"(at|cron|rate)\(.+\)")


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    yield from check_target(body)
    schedule = body.get("Schedule")
    if isinstance(schedule, str) and not _SCHEDULE.fullmatch(schedule):
        yield ("Schedule",), "Schedule must be at(…), cron(…) or rate(…)"
    for member in _TIMES:
        if isinstance(body.get(member), str) and moment(body[member]) is None:
            yield (member,), f"{member} must be a time like 2027-01-01T09:00:00Z; a time without a zone is UTC"


# 3 RULES ---------------------------------------------------------------------------------------------------------


_PUT_WHOLE = "PutScheduledAction deletes the times that it leaves out, so the action is sent whole"

RULES: Rules = (
    *identity_rows(),
    *(Rewrite(path=member, to=instant, source="AWS returns the instant, not the declared text") for member in _TIMES),
    Default(path="Timezone", value="UTC", source="PutScheduledAction: UTC is used by default"),
    *(Resets(path=member, source=_PUT_WHOLE) for member in (*_TIMES, "Timezone", "Schedule")),
    Resets(path="ScalableTargetAction", source=_PUT_WHOLE),
    Immutable(path="ScheduledActionName", source="PutScheduledAction: the name identifies the action"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------


def _present(action: Body, want: Wanted, target: Target, parents: Parents) -> Present:
    """Return an action from DescribeScheduledActions as a resource."""
    our_marks, foreign = child_marks(want, target, parents)
    members = ("ScheduledActionName", "Schedule", "Timezone", *_TIMES, "ScalableTargetAction")
    body = pick(action, *IDENTITY, *members)
    outputs = {"arn": action["ScheduledActionARN"]}
    return Present(body=body, outputs=outputs, marks=our_marks, foreign=foreign)


ACTIONS = Children(
    kind="ScheduledAction",
    operation="DescribeScheduledActions",
    result="ScheduledActions",
    member="ScheduledActionName",
    names="ScheduledActionNames",
    show=_present,
)


_ACTIONS = ACTIONS.collection("fast")


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    for want, observed in ACTIONS.read(reader, wanted, world):
        done = isinstance(observed, Absent) and _is_past(want.body, datetime.now(UTC))
        yield want.key, _done(want) if done else observed


def _owned(reader: Reader, scope: str) -> Iterator[Owned]:
    return ACTIONS.owned(reader, scalable_target.owned(reader, installation_in(scope)), scope)


def _done(want: Wanted) -> Present:
    """Return a one-time action that has run, as it is declared: AWS rejects a time in the past."""
    ran = _run_time(want.body)
    facts = {"ranAt": ran.astimezone(UTC).isoformat() if ran else ""}
    return Present(body=with_identity(want.body), outputs={}, marks=Marks(owner=want.owner, id=""), facts=facts)


def _is_past(body: Body, now: datetime) -> bool:
    run_time = _run_time(body)
    return run_time is not None and run_time < now


def _run_time(body: Body) -> datetime | None:
    """Return the time of a one-time action; None for a recurring action or an unknown time zone."""
    once = _ONCE.fullmatch(str(body.get("Schedule", "")))
    if once is None:
        return None
    try:
        zone = ZoneInfo(str(body.get("Timezone") or "UTC"))
        return datetime.fromisoformat(once[1]).replace(tzinfo=zone)
    except (ZoneInfoNotFoundError, ValueError):
        return None


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired):
            return (_put(with_identity(desired.body)),)
        case Update():
            return (_put(put_body(change, RULES)),)
        case Replace(observed=observed) | Delete(observed=observed):
            if observed.facts.get("ranAt"):
                return ()
            params = pick(observed.body, *IDENTITY, "ScheduledActionName")
            return (Call(service=SERVICE, operation="DeleteScheduledAction", params=params),)


def _put(body: Body) -> Call:
    """Return the Put. A time without a zone is sent in UTC: boto3 takes it for the local time of the machine."""
    declared = {member: body[member] for member in _TIMES if isinstance(body.get(member), str)}
    times = {member: time if _has_zone(time) else instant(time) for member, time in declared.items()}
    return Call(service=SERVICE, operation="PutScheduledAction", params={**body, **times})


def _has_zone(time: str) -> bool:
    try:
        return datetime.fromisoformat(time).tzinfo is not None
    except ValueError:
        return False


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _health(_: Desired, present: Present) -> Health:
    return Health(
        status="Healthy",
        why="it has run; AWS deletes a one-time action after its run" if present.facts.get("ranAt") else "",
    )


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "PutScheduledActionRequest": (
        "EndTime ResourceId ScalableDimension ScalableTargetAction Schedule ScheduledActionName Service "
        "ServiceNamespace StartTime Timezone"
    ),
    "ScalableTargetAction": "MaxCapacity MinCapacity",
}

KIND = Kind(
    name="ScheduledAction",
    example="""
ScheduledAction/evening:
  ScheduledActionName: evening
  Service: ${Service/web}
  Schedule: cron(0 20 * * ? *)
  Timezone: Europe/Berlin
  ScalableTargetAction: {MinCapacity: 2, MaxCapacity: 4}
""",
    natural=_natural,
    name_member="ScheduledActionName",
    name_limit=256,
    primary="arn",
    outputs=OUTPUTS["ScheduledAction"],
    invalidates={"replace": ("arn",)},
    shape=ShapeOf(
        operation="application-autoscaling.PutScheduledAction",
        extra={"Service": "string"},
        describe="application-autoscaling.DescribeScheduledActions:ScheduledActions[]",
        required=("Schedule", "ScalableTargetAction"),
        optional=(*IDENTITY, "ScheduledActionName"),
    ),
    reviewed=REVIEWED,
    check=_check,
    constraints=_constraints.SCHEDULED_ACTION,
    rules=RULES,
    read=_read,
    owned=_owned,
    reads_after=("ScalableTarget",),
    collections=(_ACTIONS,),
    from_describe=printed,
    reads=scalable_target.KIND.reads | {f"{SERVICE}.DescribeScheduledActions"},
    calls=_calls,
    needs=needs_target,
    cross_check=declared_once("ScheduledActionName"),
    adjust=adjusted,
    health=_health,
    serial_domain=lambda body: f"scaling/{resource_id(body)}",
    writes=operations("application-autoscaling", "PutScheduledAction"),
    deletes=operations("application-autoscaling", "DeleteScheduledAction"),
)
