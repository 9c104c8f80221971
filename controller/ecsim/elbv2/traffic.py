"""The traffic probe: for how many simulated seconds the weight of a rule stood on no healthy target.

The state of targets and rules changes at timers and calls only. So each change ends one stretch of time and begins the
next; nothing is sampled.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ecsim.account.world import Body, World
from ecsim.elbv2.store import ElbRegion, listener_of


@dataclass
class RuleTraffic:
    """The outage of one rule. A rule without a forward has none.

    `unserved` are the seconds in which no target group with weight had a healthy target. `partly` are the seconds in
    which at least one target group with weight had none: those requests failed.
    """

    rule: str
    listener: str
    unserved: float = 0.0
    partly: float = 0.0
    since: float = 0.0  # when the present stretch began
    empty: tuple[str, ...] = ()  # target groups with weight and without a healthy target
    weighted: int = 0  # target groups with weight
    forwards: bool = False


@dataclass
class Traffic:
    """The probe of one Region of one account; a deleted rule keeps its seconds."""

    region: str
    account: str
    rules: dict[str, RuleTraffic] = field(default_factory=dict)
    served: dict[str, bool] = field(default_factory=dict)  # target group → whether it has a healthy target


def targets_changed(world: World, elb: ElbRegion, group: str) -> None:
    """Take note of a change of a target's state."""
    traffic = world.store(Traffic, elb.region)
    now_served = any(target.state == "healthy" for target in elb.targets.get(group, {}).values())
    if traffic.served.get(group, False) == now_served:
        return
    traffic.served[group] = now_served
    for arn, rule in elb.rules.items():
        if group in _weights(rule):
            _note(world, traffic, arn, rule)


def rules_changed(world: World, elb: ElbRegion) -> None:
    """Take note of changed or deleted rules."""
    traffic = world.store(Traffic, elb.region)
    for arn, rule in elb.rules.items():
        _note(world, traffic, arn, rule)
    for arn in traffic.rules.keys() - elb.rules.keys():
        _note(world, traffic, arn, {"Actions": []})


def outages(world: World, region: str) -> list[dict[str, Any]]:
    """Return the seconds of each rule up to now."""
    traffic = world.store(Traffic, region)
    for one in traffic.rules.values():
        _close(world, one)
    members = ("rule", "listener", "unserved", "partly", "empty")
    return [{member: asdict(one)[member] for member in members} for one in traffic.rules.values()]


def _weights(rule: Body) -> dict[str, int]:
    """Return the target groups of the rule's forward, with their weights."""
    groups = [group for action in rule["Actions"] for group in action.get("ForwardConfig", {}).get("TargetGroups", [])]
    return {group["TargetGroupArn"]: group.get("Weight", 1) for group in groups}


def _note(world: World, traffic: Traffic, arn: str, rule: Body) -> None:
    """End the present stretch of a rule and begin one with its present state."""
    one = traffic.rules.setdefault(arn, RuleTraffic(arn, listener_of(arn), since=world.now))
    _close(world, one)
    shares = _weights(rule)
    weighted = [group for group, weight in shares.items() if weight]
    one.forwards, one.weighted = bool(shares), len(weighted)
    one.empty = tuple(group for group in weighted if not traffic.served.get(group, False))


def _close(world: World, one: RuleTraffic) -> None:
    seconds, one.since = world.now - one.since, world.now
    if one.forwards and len(one.empty) == one.weighted:  # also with no weight at all
        one.unserved += seconds
    if one.empty:
        one.partly += seconds
