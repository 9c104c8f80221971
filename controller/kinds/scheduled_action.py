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
from controller.core.kind import Kind, ShapeOf, Wanted, World
from controller.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    Health,
    Key,
    Observed,
    Present,
    Replace,
    Update,
)
from controller.core.ports import Reader
from controller.core.rules import Default, Immutable, Resets, Rewrite, Rules
from controller.kinds._common import changed, pick
from controller.kinds._scaling import (
    IDENTITY,
    SERVICE,
    Target,
    adjusted,
    check_target,
    child_marks,
    children,
    natural,
    needs_target,
    put,
    resource_id,
    rows,
    spelled_out,
    target_of,
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


def _read(reader: Reader, wanted: Sequence[Wanted], world: World) -> Iterator[tuple[Key, Observed]]:
    by_target: dict[Target, list[Wanted]] = {}
    for want in wanted:
        if target := target_of(want.body):
            by_target.setdefault(target, []).append(want)
    for target, wants in by_target.items():
        actions = children(reader, "DescribeScheduledActions", "ScheduledActions", target)
        found = {action["ScheduledActionName"]: action for action in actions}
        for want in wants:
            action = found.get(want.body["ScheduledActionName"])
            if action:
                yield want.key, _present(action, want, target, world)
            else:
                yield want.key, _done(want) if _is_past(want.body, datetime.now(UTC)) else Absent()


def _present(action: Body, want: Wanted, target: Target, world: World) -> Present:
    ours, foreign = child_marks(want, target, world)
    members = ("ScheduledActionName", "Schedule", "Timezone", *_TIMES, "ScalableTargetAction")
    body = pick(action, *IDENTITY, *members)
    outputs = {"arn": action["ScheduledActionARN"]}
    return Present(body=body, outputs=outputs, marks=ours, foreign=foreign)


def _done(want: Wanted) -> Present:
    """Return a one-time action that has run as it was declared: AWS would refuse to take it again."""
    return Present(body=spelled_out(want.body), outputs={}, facts={"past": True})


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
    reads=frozenset({f"{SERVICE}.DescribeScheduledActions"}),
    calls=_calls,
    needs=needs_target,
    adjust=adjusted,
    health=_health,
    domain=lambda body: f"scaling/{resource_id(body)}",
    actions={
        "read": ("application-autoscaling:DescribeScheduledActions",),
        "write": ("application-autoscaling:PutScheduledAction",),
        "delete": ("application-autoscaling:DeleteScheduledAction",),
    },
)
