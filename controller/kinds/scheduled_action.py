"""ScheduledAction: another band for a scalable target at a time.

Put drops the start and end times that it is not told, so every update says the action whole. AWS forgets a one-time
action once it has run: one whose time is past is done, not missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from controller.core.json import Body, Json, Path
from controller.core.kind import Kind, Owned, ShapeOf, Wanted, World
from controller.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    Health,
    Key,
    Marks,
    Observed,
    Present,
    Replace,
    Update,
)
from controller.core.ports import Reader
from controller.core.rules import Default, Immutable, Resets, Rewrite, Rules
from controller.kinds import scalable_target
from controller.kinds._common import changed, pick
from controller.kinds._scaling import (
    IDENTITY,
    SERVICE,
    Children,
    Target,
    adjusted,
    check_target,
    child_marks,
    natural,
    needs_target,
    printed,
    put,
    resource_id,
    rows,
    spelled_out,
)

# 1 IDENTITY ------------------------------------------------------------------------------------------------------


def _natural(body: Body) -> str | None:
    return natural(body, "ScheduledActionName")


# 2 SHAPE ---------------------------------------------------------------------------------------------------------

_ONCE = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)")
_SCHEDULE = re.compile(r"(at|cron|rate)\(.+\)")


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    yield from check_target(body)
    schedule = body.get("Schedule")
    if isinstance(schedule, str) and not _SCHEDULE.fullmatch(schedule):
        yield ("Schedule",), "Schedule is at(…), cron(…) or rate(…)"


# 3 RULES ---------------------------------------------------------------------------------------------------------


def _instant(value: Json) -> Json:
    """Return a time as UTC to the second, however it was written; what is no time stays."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return value
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


_TIMES = ("StartTime", "EndTime")

RULES: Rules = (
    *rows(),
    *(
        Rewrite(path=member, to=_instant, source="normalization.md §6 ScheduledAction: as instants")
        for member in _TIMES
    ),
    Default(path="Timezone", value="UTC", source="normalization.md §6 ScheduledAction"),
    *(Resets(path=member, source="core-rules.md 18") for member in (*_TIMES, "Timezone", "Schedule")),
    Resets(path="ScalableTargetAction", source="core-rules.md 18"),
    Immutable(path="ScheduledActionName", source="PutScheduledAction: the name says which"),
)

# 4 READ ----------------------------------------------------------------------------------------------------------


def _present(action: Body, want: Wanted, target: Target, world: World) -> Present:
    ours, foreign = child_marks(want, target, world)
    members = ("ScheduledActionName", "Schedule", "Timezone", *_TIMES, "ScalableTargetAction")
    body = pick(action, *IDENTITY, *members)
    outputs = {"arn": action["ScheduledActionARN"]}
    return Present(body=body, outputs=outputs, marks=ours, foreign=foreign)


ACTIONS = Children(
    kind="ScheduledAction",
    operation="DescribeScheduledActions",
    result="ScheduledActions",
    member="ScheduledActionName",
    show=_present,
)


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    for want, present in ACTIONS.read(reader, wanted, world):
        gone: Observed = _done(want) if _is_past(want.body, datetime.now(UTC)) else Absent()
        yield want.key, present or gone


def _owned(reader: Reader, installation: str) -> Iterator[Owned]:
    return ACTIONS.owned(reader, scalable_target.owned(reader, installation))


def _done(want: Wanted) -> Present:
    """Return a one-time action that has run as it was declared: AWS would refuse to take it again."""
    return Present(body=spelled_out(want.body), outputs={}, marks=Marks(owner=want.owner, id=""), facts={"past": True})


def _is_past(body: Body, now: datetime) -> bool:
    once = _ONCE.fullmatch(str(body.get("Schedule", "")))
    if once is None:
        return False
    try:
        zone = ZoneInfo(str(body.get("Timezone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return datetime.fromisoformat(once[1]).replace(tzinfo=zone) < now


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired):
            return (_put(spelled_out(desired.body)),)
        case Update(desired=desired, observed=observed):
            return (_put(put(desired.body, observed.body, changed(change))),)
        case Replace(observed=observed) | Delete(observed=observed):
            if observed.facts.get("past"):
                return ()
            params = pick(observed.body, *IDENTITY, "ScheduledActionName")
            return (Call(service=SERVICE, operation="DeleteScheduledAction", params=params),)


def _put(body: Body) -> Call:
    return Call(service=SERVICE, operation="PutScheduledAction", params=body)


def _health(_: Desired, present: Present) -> Health:
    return Health(status="Healthy", why="it has run; AWS forgets one-time actions" if present.facts.get("past") else "")


KIND = Kind(
    name="ScheduledAction",
    natural=_natural,
    name_member="ScheduledActionName",
    name_limit=256,
    primary="arn",
    outputs=("arn",),
    invalidates={"replace": ("arn",)},
    shape=ShapeOf(
        operation="application-autoscaling.PutScheduledAction",
        extra={"Service": "string"},
        describe="application-autoscaling.DescribeScheduledActions:ScheduledActions[]",
        required=("Schedule", "ScalableTargetAction"),
        optional=(*IDENTITY, "ScheduledActionName"),
    ),
    check=_check,
    rules=RULES,
    read=_read,
    owned=_owned,
    printed=printed,
    reads=scalable_target.KIND.reads | {f"{SERVICE}.DescribeScheduledActions"},
    calls=_calls,
    needs=needs_target,
    adjust=adjusted,
    health=_health,
    domain=lambda body: f"scaling/{resource_id(body)}",
    actions={
        "read": (*scalable_target.KIND.actions["read"], "application-autoscaling:DescribeScheduledActions"),
        "write": ("application-autoscaling:PutScheduledAction",),
        "delete": ("application-autoscaling:DeleteScheduledAction",),
    },
)
