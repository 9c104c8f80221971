"""ScalableTarget: the band in which Application Auto Scaling may move the desired count of a service.

A scheduled action writes its minimum and maximum into the live target: those values are no drift, unless the manifest
has changed since it was last applied (rule 18). AWS forgets a one-time action once it has run: what the last one that
is declared has set stays, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core import marks
from ecsync.core.kind import Gate, Kind, Owned, Proceed, ShapeOf, Wanted, World
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    FieldChange,
    Health,
    Key,
    Observed,
    Present,
    Replace,
    Update,
)
from ecsync.core.ports import Reader
from ecsync.core.rules import Default, Drop, Rules
from ecsync.core.tagging import with_marks
from ecsync.core.trees import Body, Json, Path
from ecsync.kinds._common import (
    arn_tagging,
    batches,
    belongs,
    changed,
    operations,
    pick,
    read_tags,
    tag_rows,
    without_nones,
)
from ecsync.kinds._partial_updates import said
from ecsync.kinds.application_autoscaling._shared import (
    IDENTITY,
    SERVICE,
    Target,
    adjusted,
    check_target,
    exactly,
    natural,
    needs_service,
    once_only,
    printed,
    resource_id,
    rows,
    spelled_out,
    target_of,
)

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_IDS_OF_A_CALL = 50
_BAND = ("MinCapacity", "MaxCapacity")


TAGGING = arn_tagging(
    SERVICE,
    "map",
    member="Tags",
    params=("ResourceARN", "Tags", "TagKeys"),
    of=lambda present: present.facts["arn"],
)

# 2 SHAPE ---------------------------------------------------------------------------------------------------------


def _check(body: Body) -> Iterator[tuple[Path, str]]:
    yield from check_target(body)
    if _upside_down(body):
        yield ("MinCapacity",), f"MinCapacity {body['MinCapacity']} is above MaxCapacity {body['MaxCapacity']}"


# 3 RULES ---------------------------------------------------------------------------------------------------------

_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")

RULES: Rules = (
    *tag_rows("Tags"),
    *rows(),
    Drop(path="RoleARN", source="normalization.md §6 RoleARN: always rewritten to the service-linked role"),
    Default(
        path="SuspendedState",
        value=dict.fromkeys(_SUSPENDED, False),
        source="normalization.md §6 SuspendedState",
    ),
    *(
        Default(path=f"SuspendedState.{member}", value=False, source="normalization.md §6 SuspendedState")
        for member in _SUSPENDED
    ),
)


def _adjust(body: Body, present: Present) -> Body:
    """Spell out the identity, and allow what a scheduled action has set since we last applied the band."""
    found = adjusted(body, present)
    applied = present.marks.applied if present.marks else None
    for member in _BAND:
        live = present.body.get(member)
        settled = applied is None or marks.applied_equals(applied, member, body.get(member))
        if member in found and settled and live in _by_actions(present.facts, member):
            found[member] = live
    return found


def _by_actions(facts: Body, member: str) -> list[Json]:
    actions = facts.get("scheduledActions") or ()
    return [action[member] for action in actions if action.get(member) is not None]


# 4 READ ----------------------------------------------------------------------------------------------------------


def _read(reader: Reader, wanted: Sequence[Wanted], _: World) -> Iterator[tuple[Key, Observed]]:
    targets = {want.key: target for want in wanted if (target := target_of(want.body))}
    found = _described(reader, list(targets.values()))
    actions = _actions(reader, [target for target in targets.values() if target in found])
    for want in wanted:
        target = targets[want.key]
        live = found.get(target)
        yield want.key, _present(reader, live, actions.get(target, []), want.managed) if live else Absent()


def _described(reader: Reader, targets: Sequence[Target]) -> dict[Target, Body]:
    found: dict[Target, Body] = {}
    for namespace in sorted({target[0] for target in targets}):
        ids = sorted({target[1] for target in targets if target[0] == namespace})
        for batch in batches(ids, _IDS_OF_A_CALL):
            listed = reader.pages(
                SERVICE, "DescribeScalableTargets", "ScalableTargets", ServiceNamespace=namespace, ResourceIds=batch
            )
            for live in listed:
                found |= {target: live for target in targets if list(exactly([live], target))}
    return found


def _actions(reader: Reader, targets: Sequence[Target]) -> dict[Target, list[Body]]:
    """Return what the scheduled actions of each target set; one target is asked for alone, many by their namespace."""
    found: dict[Target, list[Body]] = {}
    for namespace in sorted({target[0] for target in targets}):
        here = [target for target in targets if target[0] == namespace]
        scope = {"ResourceId": here[0][1], "ScalableDimension": here[0][2]} if len(here) == 1 else {}
        listed = list(
            reader.pages(SERVICE, "DescribeScheduledActions", "ScheduledActions", ServiceNamespace=namespace, **scope)
        )
        for target in here:
            found[target] = [
                {"name": action["ScheduledActionName"], **pick(action.get("ScalableTargetAction") or {}, *_BAND)}
                for action in exactly(listed, target)
            ]
    return found


def _present(reader: Reader, live: Body, actions: Sequence[Body], managed: bool = True) -> Present:
    arn = live.get("ScalableTargetARN")
    answer: Mapping[str, Json] = reader.call(SERVICE, "ListTagsForResource", ResourceARN=arn) if arn else {}
    tags, ours, foreign = read_tags(answer.get("Tags"))
    body = {**pick(live, *IDENTITY, *_BAND, "SuspendedState"), "Tags": tags}
    facts = {"arn": arn, "scheduledActions": tuple(actions), "managed": managed}
    outputs = {"resourceId": live["ResourceId"]}
    return Present(body=without_nones(body), outputs=outputs, marks=ours, facts=facts, foreign=foreign)


def owned(reader: Reader, installation: str) -> Iterator[Owned]:
    """Yield the targets that carry a mark of the installation."""
    for live in reader.pages(SERVICE, "DescribeScalableTargets", "ScalableTargets", ServiceNamespace="ecs"):
        present = _present(reader, live, [])
        if present.marks and belongs(present, installation):
            yield Owned(marks=present.marks, natural=str(natural(present.body)), present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=ours):
            params = with_marks(TAGGING, spelled_out(desired.body), ours)
            return (Call(service=SERVICE, operation="RegisterScalableTarget", params=params),)
        case Update(desired=desired, observed=observed):
            # What is left out stays; a new band moves the capacity at once.
            members = {member: value for member, value in changed(change).items() if member not in IDENTITY}
            if "SuspendedState" in members:
                members["SuspendedState"] = dict.fromkeys(_SUSPENDED, False) | said(change, "SuspendedState", RULES)
            if _upside_down({**observed.body, **members}):
                members |= pick(desired.body, *_BAND)  # the bound that stays was set for a while by a scheduled action
            params = {**pick(observed.body, *IDENTITY), **without_nones(members)}
            return (Call(service=SERVICE, operation="RegisterScalableTarget", params=params),)
        case Replace(observed=observed) | Delete(observed=observed):
            params = pick(observed.body, *IDENTITY)
            return (Call(service=SERVICE, operation="DeregisterScalableTarget", params=params),)


def _upside_down(body: Body) -> bool:
    low, high = (body.get(member) for member in _BAND)
    return isinstance(low, int) and isinstance(high, int) and low > high


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    """Leave alone what a one-time action has set: it is declared, has run, and AWS has forgotten it."""
    drifted = {str(one.path[0]): one.before for one in fields if one.reason == "drift"}
    set_last = _set_last(target_of(present.body), world)
    kept = {member: value for member, value in set_last.items() if member in drifted and drifted[member] == value}
    return Proceed(body={**desired.body, **kept})


def _set_last(target: Target | None, world: World) -> dict[str, Json]:
    """Return the bounds as the declared one-time actions that have run set them, the last one of each."""
    actions = [one for key, one in world.items() if key.kind == "ScheduledAction" and isinstance(one, Present)]
    ran = [one for one in actions if one.facts.get("ran") and target_of(one.body) == target]
    found: dict[str, Json] = {}
    for action in sorted(ran, key=lambda one: one.facts["ran"]):
        found |= pick(action.body.get("ScalableTargetAction") or {}, *_BAND)
    return found


def _health(_: Desired, present: Present) -> Health:
    suspended = present.body.get("SuspendedState") or {}
    if any(suspended.get(member) for member in _SUSPENDED):
        stopped = ", ".join(member.removesuffix("Suspended") for member in _SUSPENDED if suspended.get(member))
        return Health(status="Suspended", why=f"suspended: {stopped}")
    names = [
        f"{member} {present.body[member]} by scheduled action {action['name']}"
        for member in _BAND
        for action in present.facts.get("scheduledActions") or ()
        if action.get(member) is not None and action[member] == present.body.get(member)
    ]
    return Health(status="Healthy", why="; ".join(names))


# The members of AWS's shapes that the rules take into account; `make review` prints those that a newer botocore has.
REVIEWED = {
    "RegisterScalableTargetRequest": (
        "MaxCapacity MinCapacity ResourceId RoleARN ScalableDimension Service ServiceNamespace SuspendedState Tags"
    ),
    "SuspendedState": "DynamicScalingInSuspended DynamicScalingOutSuspended ScheduledScalingSuspended",
}

KIND = Kind(
    name="ScalableTarget",
    example="""
ScalableTarget/web:
  Service: ${Service/web}
  MinCapacity: 2
  MaxCapacity: 10
""",
    natural=natural,
    primary="resourceId",
    outputs=("resourceId",),
    known=lambda body: {"resourceId": found} if (found := resource_id(body)) else {},
    invalidates={"replace": ("resourceId",)},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="application-autoscaling.RegisterScalableTarget",
        extra={"Service": "string"},
        describe="application-autoscaling.DescribeScalableTargets:ScalableTargets[]",
        required=_BAND,
        optional=IDENTITY,
    ),
    reviewed=REVIEWED,
    check=_check,
    rules=RULES,
    read=_read,
    owned=owned,
    from_describe=printed,
    reads=frozenset(
        {
            f"{SERVICE}.DescribeScalableTargets",
            f"{SERVICE}.DescribeScheduledActions",
            f"{SERVICE}.ListTagsForResource",
        }
    ),
    calls=_calls,
    needs=needs_service,
    cross_check=once_only(),
    adjust=_adjust,
    gate=_gate,
    health=_health,
    serial_domain=lambda body: f"scaling/{resource_id(body)}",
    writes=operations("application-autoscaling", "RegisterScalableTarget"),
    deletes=operations("application-autoscaling", "DeregisterScalableTarget"),
    rights=(
        "ecs:DescribeServices",  # asked of whoever registers a service
        "ecs:UpdateService",
        "iam:CreateServiceLinkedRole",
    ),
)
