"""ScalableTarget: the range in which Application Auto Scaling may set the desired count of a service.

A scheduled action writes its minimum and maximum into the live target. These values are no drift, unless the manifest
has changed since it was last applied (docs/rules.md R18). AWS deletes a one-time action after it has run; the values of
the last declared one that has run are no drift either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ecsync.core import marks
from ecsync.core.kind import Collection, Decided, Gate, Kind, Owned, Proceed, ShapeOf, Wanted, World
from ecsync.core.marks import with_marks
from ecsync.core.model import (
    Absent,
    Call,
    Create,
    Delete,
    Desired,
    FieldChange,
    Key,
    Observed,
    Present,
    Replace,
    Update,
)
from ecsync.core.outcome import Health
from ecsync.core.ports import Reader
from ecsync.core.rules import Default, Drop, Rules
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
    tags_by_arn,
    without_nones,
)
from ecsync.kinds._outputs import OUTPUTS
from ecsync.kinds._partial_updates import member_to_send
from ecsync.kinds.application_autoscaling import _constraints
from ecsync.kinds.application_autoscaling._shared import (
    IDENTITY,
    SERVICE,
    Target,
    adjusted,
    check_target,
    declared_once,
    identity_rows,
    natural,
    needs_service,
    printed,
    resource_id,
    target_of,
    with_identity,
)

# 1 IDENTITY ------------------------------------------------------------------------------------------------------

_IDS_PER_CALL = 50
_BOUNDS = ("MinCapacity", "MaxCapacity")


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
    if _inverted(body):
        yield ("MinCapacity",), f"MinCapacity {body['MinCapacity']} must not be above MaxCapacity {body['MaxCapacity']}"


def _inverted(body: Body) -> bool:
    """Return whether MinCapacity is above MaxCapacity."""
    low, high = (body.get(member) for member in _BOUNDS)
    return isinstance(low, int) and isinstance(high, int) and low > high


# 3 RULES ---------------------------------------------------------------------------------------------------------

_SUSPENDED = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_NOT_SUSPENDED = dict.fromkeys(_SUSPENDED, False)

RULES: Rules = (
    *tag_rows("Tags"),
    *identity_rows(),
    Drop(path="RoleARN", source="AWS replaces it by the service-linked role of the service"),
    Default(
        path="SuspendedState",
        value=_NOT_SUSPENDED,
        source="RegisterScalableTarget: false is the default",
    ),
    *(
        Default(path=f"SuspendedState.{member}", value=False, source="RegisterScalableTarget: false is the default")
        for member in _SUSPENDED
    ),
)


# 4 READ ----------------------------------------------------------------------------------------------------------


_COLLECTIONS = (
    Collection(
        operation="application-autoscaling.DescribeScalableTargets",
        ids="ResourceIds",
        size=_IDS_PER_CALL,
        items="ScalableTargets",
        key="ResourceId",
    ),
    tags_by_arn("application-autoscaling.ListTagsForResource", "ResourceARN", "Tags", "map"),
)


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
    asked = set(targets)
    for namespace in sorted({target[0] for target in targets}):
        ids = sorted({target[1] for target in targets if target[0] == namespace})
        for batch in batches(ids, _IDS_PER_CALL):
            listed = reader.pages(
                SERVICE, "DescribeScalableTargets", "ScalableTargets", ServiceNamespace=namespace, ResourceIds=batch
            )
            found |= {target: live for live in listed if (target := target_of(live)) in asked and target}
    return found


def _actions(reader: Reader, targets: Sequence[Target]) -> dict[Target, list[Body]]:
    """Return the names and bounds of the scheduled actions of each target: one listing of their namespace."""
    found: dict[Target, list[Body]] = {target: [] for target in targets}
    for namespace in sorted({target[0] for target in targets}):
        for action in reader.pages(SERVICE, "DescribeScheduledActions", "ScheduledActions", ServiceNamespace=namespace):
            if (target := target_of(action)) in found and target:
                bounds = pick(action.get("ScalableTargetAction") or {}, *_BOUNDS)
                found[target].append({"name": action["ScheduledActionName"], **bounds})
    return found


def _present(reader: Reader, live: Body, actions: Sequence[Body], managed: bool = True) -> Present:
    arn = live.get("ScalableTargetARN")
    answer: Mapping[str, Json] = reader.call(SERVICE, "ListTagsForResource", ResourceARN=arn) if arn else {}
    tags, our_marks, foreign = read_tags(answer.get("Tags"))
    body = {**pick(live, *IDENTITY, *_BOUNDS, "SuspendedState"), "Tags": tags}
    facts = {"arn": arn, "scheduledActions": tuple(actions), "managed": managed}
    outputs = without_nones({"resourceId": live["ResourceId"], "arn": arn})
    return Present(body=without_nones(body), outputs=outputs, marks=our_marks, facts=facts, foreign=foreign)


def owned(reader: Reader, scope: str) -> Iterator[Owned]:
    """Yield the ECS targets that carry a mark of the scope."""
    for live in reader.pages(SERVICE, "DescribeScalableTargets", "ScalableTargets", ServiceNamespace="ecs"):
        present = _present(reader, live, [])
        if present.marks and belongs(present, scope):
            yield Owned(marks=present.marks, natural=str(natural(present.body)), present=present)


# 5 CALLS ---------------------------------------------------------------------------------------------------------


def _calls(change: Create | Update | Replace | Delete) -> tuple[Call, ...]:
    match change:
        case Create(desired=desired, marks=our_marks):
            params = with_marks(TAGGING, with_identity(desired.body), our_marks)
            captures = {"arn": ("ScalableTargetARN",)}
            return (Call(service=SERVICE, operation="RegisterScalableTarget", params=params, captures=captures),)
        case Update():
            return (_update(change),)
        case Replace(observed=observed) | Delete(observed=observed):
            params = pick(observed.body, *IDENTITY)
            return (Call(service=SERVICE, operation="DeregisterScalableTarget", params=params),)


def _update(change: Update) -> Call:
    """Return the update of the members that differ: the call keeps what it leaves out.

    AWS rejects inverted bounds. If a scheduled action has moved the other bound, both declared ones are sent.
    """
    members = {member: value for member, value in changed(change).items() if member not in IDENTITY}
    if "SuspendedState" in members:
        members["SuspendedState"] = _NOT_SUSPENDED | member_to_send(change, "SuspendedState", RULES)
    if _inverted({**change.observed.body, **members}):
        members |= pick(change.desired.body, *_BOUNDS)
    params = {**pick(change.observed.body, *IDENTITY), **without_nones(members)}
    return Call(service=SERVICE, operation="RegisterScalableTarget", params=params)


# ONLY SOME KINDS -------------------------------------------------------------------------------------------------


def _adjust(body: Body, present: Present) -> Body:
    """Return the body with its identity in three members, and with the bounds that a live scheduled action has set.

    A bound that the manifest has changed since it was last applied keeps its declared value.
    """
    found = adjusted(body, present)
    applied = present.marks.applied if present.marks else None
    for member in _BOUNDS:
        live = present.body.get(member)
        unchanged = applied is None or marks.applied_equals(applied, member, body.get(member))
        if member in found and unchanged and live in _bounds_of_actions(present.facts, member):
            found[member] = live
    return found


def _decided(body: Body, present: Present) -> Iterator[Decided]:
    """Yield the bounds that a live scheduled action has set in place of the declared ones."""
    adjusted_body = _adjust(body, present)
    for member in _BOUNDS:
        if adjusted_body.get(member) != body.get(member):
            yield Decided(path=(member,), owner="a scheduled action, which has set it")


def _bounds_of_actions(facts: Body, member: str) -> list[Json]:
    actions = facts.get("scheduledActions") or ()
    return [action[member] for action in actions if action.get(member) is not None]


def _gate(desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    """Return the body with the bounds that a declared one-time action has set: AWS has deleted it after it ran."""
    drifted = {str(one.path[0]): one.before for one in fields if one.reason == "drift"}
    bounds = _bounds_of_past_actions(target_of(present.body), world)
    current = {member: value for member, value in bounds.items() if member in drifted and drifted[member] == value}
    return Proceed(body={**desired.body, **current})


def _bounds_of_past_actions(target: Target | None, world: World) -> dict[str, Json]:
    """Return the bounds that the declared one-time actions of a target have set; the last one that ran counts."""
    actions = [one for key, one in world.items() if key.kind == "ScheduledAction" and isinstance(one, Present)]
    past = [one for one in actions if one.facts.get("ranAt") and target_of(one.body) == target]
    found: dict[str, Json] = {}
    for action in sorted(past, key=lambda one: one.facts["ranAt"]):
        found |= pick(action.body.get("ScalableTargetAction") or {}, *_BOUNDS)
    return found


def _health(_: Desired, present: Present) -> Health:
    suspended = present.body.get("SuspendedState") or {}
    if any(suspended.get(member) for member in _SUSPENDED):
        activities = ", ".join(member.removesuffix("Suspended") for member in _SUSPENDED if suspended.get(member))
        return Health(status="Suspended", why=f"scaling is suspended: {activities}")
    set_by_actions = [
        f"{member} {present.body[member]} is set by scheduled action {action['name']}"
        for member in _BOUNDS
        for action in present.facts.get("scheduledActions") or ()
        if action.get(member) is not None and action[member] == present.body.get(member)
    ]
    return Health(status="Healthy", why="; ".join(set_by_actions))


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
    outputs=OUTPUTS["ScalableTarget"],
    known=lambda body: {"resourceId": found} if (found := resource_id(body)) else {},
    invalidates={"replace": ("resourceId", "arn")},
    tagging=TAGGING,
    shape=ShapeOf(
        operation="application-autoscaling.RegisterScalableTarget",
        extra={"Service": "string"},
        describe="application-autoscaling.DescribeScalableTargets:ScalableTargets[]",
        required=_BOUNDS,
        optional=IDENTITY,
    ),
    reviewed=REVIEWED,
    check=_check,
    constraints=_constraints.SCALABLE_TARGET,
    rules=RULES,
    read=_read,
    owned=owned,
    tagged_as="application-autoscaling:scalable-target",
    collections=_COLLECTIONS,
    from_describe=printed,
    reads=operations(SERVICE, "DescribeScalableTargets", "DescribeScheduledActions", "ListTagsForResource"),
    calls=_calls,
    needs=needs_service,
    cross_check=declared_once(),
    adjust=_adjust,
    decided=_decided,
    gate=_gate,
    health=_health,
    serial_domain=lambda body: f"scaling/{resource_id(body)}",
    writes=operations("application-autoscaling", "RegisterScalableTarget"),
    deletes=operations("application-autoscaling", "DeregisterScalableTarget"),
    rights=(
        "ecs:DescribeServices",  # AWS checks them for the client that registers a service
        "ecs:UpdateService",
        "iam:CreateServiceLinkedRole",
    ),
)
