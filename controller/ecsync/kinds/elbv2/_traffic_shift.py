"""Moves the weights of a listener or rule, stage by stage, so that no weight goes to an empty group (docs/rules.md R9).

Each stage is derived from what is live, so a crash at any point is harmless. `old` is a target group that the desired
actions do not name; `new` is one that the live actions do not name, or give no weight:

    live forward      and                          next
    old               -                            old 100, new 0: the new group is attached, its targets are checked
    old 100, new 0    new is not ready             no change: its service moves its tasks
    old 100, new 0    new is ready                 old 0, new 100
    old 0, new 100    a service still uses old     no change: the service leaves it
    old 0, new 100    no service uses old          new alone: then the old group can be deleted

A new group is ready when its services are steady in both groups. Where a service cannot be in both, it is ready with
as many healthy targets as the old one has left, or as the service's minimum asks for.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ecsync.core.kind import Gate, Hold, Proceed, Wait, World
from ecsync.core.model import Desired, Facts, FieldChange, Key, Present, Text
from ecsync.core.outcome import LOOK_AGAIN
from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import missing
from ecsync.kinds.elbv2._actions import (
    forward,
    presents,
    registered_groups,
    serves,
    services_behind,
    target_groups,
    unread,
    weights,
)
from ecsync.kinds.elbv2._delegated import delegation, with_live_weights

_Services: TypeAlias = Sequence[tuple[Key, Present]]

MOVING = 2.0  # seconds until the next look while the old group may lose its tasks before the weights have moved
_MOST_GROUPS = 5  # elbv2: target groups of one forward action

_NOT_A_SINGLE_FORWARD = (
    "traffic is not moved to the new target group: only a single forward action can be moved automatically; "
    "change the actions manually"
)
_TOO_MANY = (
    f"traffic is not moved: the old and the new target groups together are more than {_MOST_GROUPS}, the most of one "
    "action; change fewer of them at a time"
)
# https://aws.amazon.com/about-aws/whats-new/2025/11/network-load-balancer-weighted-target-groups/
_NETWORK = ("TCP", "TLS", "UDP", "TCP_UDP")
_UNWEIGHTED = (
    "traffic is not moved: AWS does not state that a listener with the protocol {} takes weights, and without them the "
    "targets of the new target group are not checked before they have the traffic; change the actions manually"
)
_UNLIKE = (
    "traffic is not moved: the target groups of one action of a Network Load Balancer have the same Protocol and the "
    "same IpAddressType, and these have not; change the actions manually"
)


def healthy_targets(
    member: str, reader: Reader, desired: Desired, present: Present, fields: Sequence[FieldChange]
) -> Facts:
    """Return the number of healthy targets of each target group in the live and the desired actions, if they differ."""
    if all(field.path[0] != member for field in fields):
        return {}
    groups = dict.fromkeys((*target_groups(present.body.get(member)), *target_groups(desired.body.get(member))))
    return {"healthyTargets": {group: _healthy(reader, group) for group in groups if isinstance(group, str)}}


def _healthy(reader: Reader, group: str) -> int:
    """Return the number of targets that take requests: healthy ones, and those that AWS does not check."""
    try:
        found = reader.call("elbv2", "DescribeTargetHealth", TargetGroupArn=group)["TargetHealthDescriptions"]
    except AwsError as error:
        if not missing(error):
            raise
        return 0
    states = [target["TargetHealth"] for target in found]
    return sum(one["State"] == "healthy" or one.get("Reason") == "Target.HealthCheckDisabled" for one in states)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Move:
    """The way from the live weights to the desired ones. `shares` and `goal` are None if it is not a single forward."""

    world: World
    shares: Mapping[Json, int] | None
    goal: Mapping[Json, int] | None
    leaving: Sequence[Json]  # target groups that the desired actions do not name
    arriving: Sequence[Json]  # target groups that the live actions do not name
    healthy: Mapping[Json, int]

    @property
    def rising(self) -> list[Json]:
        """The target groups that get weight and have none."""
        shares = self.shares or {}
        return [group for group, weight in (self.goal or {}).items() if weight and not shares.get(group)]

    @property
    def serving(self) -> list[Json]:
        """The target groups that have weight and healthy targets."""
        have = dict.fromkeys(self.leaving, 1) if self.shares is None else self.shares
        return [group for group, weight in have.items() if weight and self.healthy.get(group)]


def staged(member: str, desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate:
    """Return the next safe body of a listener or rule with actions in `member` that differ."""
    live, body = present.body.get(member), with_live_weights(member, desired.body, present)
    if all(field.path[0] != member for field in fields):
        return Proceed(body=body)
    shifting = _shifting(live, world)
    if shifting:
        return Wait(why=f"{shifting} is shifting traffic between its two target groups")
    move = _move(live, body.get(member), present, world)
    if move is None:
        return Proceed(body=body)
    unknown = unread(world, "Service")
    if unknown:
        return Wait(why=f"{unknown} could not be read and may use the target group that is being replaced")
    services = services_behind(world, {*move.leaving, *move.arriving, *move.rising})
    if not services and not move.serving:
        return Proceed(body=body)  # there is no traffic to lose
    reason = _unmovable(move, desired.body, services)
    return Hold(reason=reason) if reason else _next_stage(member, body, live, move)


def _move(live: Json, want: Json, present: Present, world: World) -> _Move | None:
    """Return the way between two lists of actions; None if no target group is left out and none gets weight."""
    old, new = dict.fromkeys(target_groups(live)), dict.fromkeys(target_groups(want))
    move = _Move(
        world=world,
        shares=weights(live),
        goal=weights(want),
        leaving=[group for group in old if group not in new],
        arriving=[group for group in new if group not in old],
        healthy=present.facts.get("healthyTargets") or {},
    )
    moves = move.leaving or move.arriving or (move.shares is not None and move.rising)
    return move if old and new and moves else None


def _unmovable(move: _Move, desired: Body, services: _Services) -> str:
    """Return why the traffic cannot be moved without a risk, and what to do; empty if it can."""
    other = next((key for key, service in services if not rolling(service.body)), None)
    if other and (move.leaving or move.arriving):
        return (
            f"the target group is not replaced: {other} does not use the rolling deployments of ECS; "
            "change its target group manually"
        )
    if move.shares is None or move.goal is None:
        return _NOT_A_SINGLE_FORWARD
    if len({*move.shares, *move.goal}) > _MOST_GROUPS:
        return _TOO_MANY
    protocol = desired.get("Protocol") or ("GENEVE" if "LoadBalancerArn" in desired else "HTTP")  # a rule has none
    if protocol in ("HTTP", "HTTPS") or not move.arriving:
        return ""
    if protocol not in _NETWORK:
        return _UNWEIGHTED.format(protocol)
    return _UNLIKE if len(_serving(move.world, {*move.shares, *move.goal})) > 1 else ""


def _serving(world: World, groups: Container[Json]) -> set[tuple[str, ...]]:
    """Return the protocols and types of IP addresses of those of the groups that are known."""
    found: set[tuple[str, ...]] = set()
    for _, group in presents(world, "TargetGroup"):
        if group.outputs["arn"] in groups:
            found.add(serves(group.body))
        found |= {tuple(old["serves"]) for old in group.facts.get("superseded", ()) if old["arn"] in groups}
    return found


def _next_stage(member: str, body: Body, live: Json, move: _Move) -> Proceed:
    """Return the next stage of the table above."""
    shares, goal = move.shares or {}, move.goal or {}
    if move.arriving and (move.leaving or move.rising):
        before = dict.fromkeys(shares, 100) if len(shares) == 1 else shares
        stage = {**before, **dict.fromkeys(move.arriving, 0)}
        return _stage(member, body, stage, "the new target group is attached without traffic")
    late = next(filter(None, (_not_ready(move, group) for group in move.rising)), "")
    if late:
        return Proceed(body={**body, member: live}, waiting=late, after=_pause(move))
    used = [group for group in move.leaving if _is_used(move, group)]
    if not used:
        return Proceed(body=body)
    weighted = dict.fromkeys(goal, 100) if len(goal) == 1 else goal
    stage, why = {**dict.fromkeys(used, 0), **weighted}, "the services leave the old target group"
    return Proceed(body={**body, member: live}, waiting=why) if stage == shares else _stage(member, body, stage, why)


def _stage(member: str, body: Body, shares: Mapping[Json, int], waiting: str) -> Proceed:
    return Proceed(body={**body, member: forward(shares, like=body[member])}, waiting=waiting, after=MOVING)


def _not_ready(move: _Move, group: Json) -> str:
    """Return why a target group cannot get weight yet; empty if it can."""
    services = services_behind(move.world, {group, *(superseded_by(group, move.world) & set(move.leaving))})
    for key, service in services:
        registered = set(registered_groups(service))
        in_both = not registered.isdisjoint(move.leaving)
        if group not in registered or (in_both and not service.facts.get("steady")):
            return f"{key} is moving to the new target group"
    have, enough = move.healthy.get(group, 0), _enough(move, [service for _, service in services])
    return "" if have >= enough else f"{have} of at least {enough} targets in the new target group are healthy"


def _enough(move: _Move, services: Sequence[Present]) -> int:
    """Return how many healthy targets a group needs before it gets weight."""
    lost = sum(move.healthy[group] for group in move.serving if group in move.leaving)
    least = sum(_least(service.body) for service in services) if services else lost
    return max(1, min(lost, least)) if move.serving else min(1, least)


def _least(service: Body) -> int:
    """Return the least number of healthy tasks that a service asks for while it deploys."""
    percent: int = (service.get("deploymentConfiguration") or {}).get("minimumHealthyPercent", 100)
    return math.ceil(int(service.get("desiredCount", 1)) * percent / 100)


def _pause(move: _Move) -> float:
    """Return the seconds until the next look: few if a service moves without staying in the old group."""
    services = services_behind(move.world, move.rising)
    alone = [one for _, one in services if not set(registered_groups(one)) & set(move.leaving)]
    return MOVING if any(not one.facts.get("steady") for one in alone) else LOOK_AGAIN


def _is_used(move: _Move, group: Json) -> bool:
    """Return whether a service registers with a target group, or is not steady without it yet."""
    services = services_behind(move.world, {group, *(move.goal or {})})
    return any(group in registered_groups(one) or not one.facts.get("steady") for _, one in services)


def superseded_by(target: Json, world: World) -> set[str]:
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
    pair = delegation(world).pair(live)
    users = services_behind(world, pair)
    return next((str(key) for key, service in users if not service.facts.get("steady")), "")


def rolling(service: Body) -> bool:
    """Return whether ECS moves the tasks of a service by rolling deployments."""
    controller = service.get("deploymentController") or {}
    configuration = service.get("deploymentConfiguration") or {}
    used = (controller.get("type", "ECS"), configuration.get("strategy", "ROLLING"))
    return used == ("ECS", "ROLLING")
