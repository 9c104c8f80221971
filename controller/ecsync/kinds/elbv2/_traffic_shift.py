"""Moves traffic from a superseded target group to the one that replaces it, stage by stage (docs/rules.md R9).

Each stage is derived from what is live, so a crash at any point is harmless:

    live forward      services                        next
    old               -                               old 100, new 0: attaches the new group to the load balancer
    old 100, new 0    some not steady on the new one  no change: the Service moves its tasks
    old 100, new 0    all steady on the new one       old 0, new 100
    old 0, new 100    -                               new alone: then the old group can be deleted
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ecsync.core.kind import Gate, Hold, Proceed, Wait, World
from ecsync.core.model import Desired, FieldChange, Key, Present, Text
from ecsync.core.trees import Body, Json
from ecsync.kinds.elbv2._actions import (
    blue_green_pair,
    blue_green_pairs,
    forward,
    presents,
    registered_groups,
    services_behind,
    target_groups,
    unread,
    weights,
    with_live_weights,
)

_Services: TypeAlias = Sequence[tuple[Key, Present]]

_NOT_A_SINGLE_FORWARD = (
    "traffic is not moved to the new target group: only a single forward action can be moved automatically; "
    "change the actions manually"
)


def staged(member: str, desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    """Return the next safe body of a listener or rule with actions in `member` that differ."""
    live, body = present.body.get(member), with_live_weights(member, desired.body, present)
    if all(field.path[0] != member for field in fields):
        return Proceed(body=body)
    shifting = _shifting(live, world)
    if shifting:
        return Wait(why=f"{shifting} is shifting traffic between its two target groups")
    want = target_groups(body.get(member))
    old = {group for target in want for group in _superseded_by(target, world)} & set(target_groups(live))
    if not old:
        return Proceed(body=body)
    unknown = unread(world, "Service")
    if unknown:
        return Wait(why=f"{unknown} could not be read and may use the target group that is being replaced")
    services = services_behind(world, {*old, *want})
    if not services:
        return Proceed(body=body)
    return _shift(member, body, live, old, services)


def _shift(member: str, body: Body, live: Json, old: set[Json], services: _Services) -> Gate:
    """Return the next stage for target groups with services behind them; Hold where ecsync cannot move the traffic."""
    unmovable = [key for key, service in services if not _rolling(service)]
    if unmovable:
        return Hold(
            reason=f"the target group is not replaced: {unmovable[0]} does not use the rolling deployments of ECS; "
            "change its target group manually"
        )
    shares, goal = weights(live), weights(body.get(member))
    if shares is None or goal is None or len(goal) != 1 or set(shares) - old - set(goal):
        return Hold(reason=_NOT_A_SINGLE_FORWARD)
    return _next_stage(member, body, live, shares, next(iter(goal)), services)


def _next_stage(
    member: str, body: Body, live: Json, shares: Mapping[Json, int], new: Json, services: _Services
) -> Gate:
    """Return the next stage of the table above; `shares` are the live weights, `new` is the declared group."""
    if new not in shares:
        before = dict.fromkeys(shares, 100) if len(shares) == 1 else shares
        stage = forward({**before, new: 0}, like=body[member])
        return Proceed(body={**body, member: stage}, waiting="the new target group is attached without traffic")
    if shares[new] and not any(weight for arn, weight in shares.items() if arn != new):
        return Proceed(body=body)
    late = [
        key for key, service in services if new not in registered_groups(service) or not service.facts.get("steady")
    ]
    if late:
        return Proceed(body={**body, member: live}, waiting=f"{late[0]} is moving to the new target group")
    stage = forward({**dict.fromkeys(shares, 0), new: 100}, like=body[member])
    return Proceed(body={**body, member: stage}, waiting="all traffic goes to the new target group")


def _superseded_by(target: Json, world: World) -> set[str]:
    """Return the groups that a declared target group replaces; `target` may be a reference to one not created yet."""
    sole = target.sole if isinstance(target, Text) else None
    found: set[str] = set()
    for key, group in presents(world, "TargetGroup"):
        arn = str(group.outputs["arn"])
        if (sole is not None and sole.key == key) or arn == target:
            # AWS may not list a group that was just created: then the group that was read is still the old one.
            read = str(group.facts.get("arn", arn))
            found |= {one["arn"] for one in group.facts.get("superseded", ())} | ({arn, read} - {target})
    return found


def _shifting(live: Json, world: World) -> str:
    """Return the service that ECS is moving within the blue/green pair of the live actions; empty if none."""
    pair = blue_green_pair(live, blue_green_pairs(world))
    users = services_behind(world, pair)
    return next((str(key) for key, service in users if not service.facts.get("steady")), "")


def _rolling(service: Present) -> bool:
    controller = service.body.get("deploymentController") or {}
    configuration = service.body.get("deploymentConfiguration") or {}
    used = (controller.get("type", "ECS"), configuration.get("strategy", "ROLLING"))
    return used == ("ECS", "ROLLING")
