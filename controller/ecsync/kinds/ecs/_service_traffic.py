"""Which target groups a service registers with now: it never leaves one that has the traffic (docs/rules.md R9)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from ecsync.core.kind import Gate, Hold, Proceed, Wait, World
from ecsync.core.model import Desired, FieldChange, Key, Present
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import pick
from ecsync.kinds.elbv2._actions import forwarders, presents, traffic_to, unread
from ecsync.kinds.elbv2._traffic_shift import rolling, superseded_by

_MOST_GROUPS = 5  # ECS developer guide: target groups of one service
_PLACE = ("containerName", "containerPort")
_ALLOW = "set `ecsync/replace: allow` on this service or on its new target group to accept a gap of seconds"


def moves_targets(fields: Sequence[FieldChange]) -> bool:
    """Return whether a change is about the target groups of a service."""
    return any(one.path[0] == "loadBalancers" for one in fields)


def serves(present: Present, world: World) -> Iterator[Key]:
    """Yield the live listeners and rules that send traffic to a service."""
    for one in _registrations(present.body.get("loadBalancers") or ()):
        yield from traffic_to(world, one["targetGroupArn"])


def staged(desired: Desired, present: Present, world: World) -> Gate:
    """Return the body to write now. Its load balancers are the desired ones, and those that still have traffic.

    Hold where the service can neither stay in a target group that has traffic nor leave it.
    """
    want = list(desired.body.get("loadBalancers") or ())
    named = {one.get("targetGroupArn") for one in want} | {_alternate(one) for one in want}
    live = list(_registrations(present.body.get("loadBalancers") or ()))
    leaving = [one for one in live if one["targetGroupArn"] not in named]
    registered = {one["targetGroupArn"] for one in live}
    moves = [one for one in want if one.get("targetGroupArn") not in registered]
    unready = _not_attached(moves, world)
    unknown = unread(world, "Listener", "ListenerRule") if leaving else ""
    unready = unready or (f"{unknown} could not be read and may send traffic to this service" if unknown else "")
    if unready:
        return _as_now(desired.body, live, present, unready)
    busy = {one["targetGroupArn"]: why for one in leaving if (why := _traffic(one["targetGroupArn"], world))}
    if not busy:
        return _in_place(desired.body, want, live, world)
    kept = [one for one in leaving if one["targetGroupArn"] in busy]
    return _kept(desired, present, want, kept, busy, world)


def _kept(
    desired: Desired, present: Present, want: Sequence[Body], kept: Sequence[Body], busy: dict[str, str], world: World
) -> Gate:
    """Return the body with the registrations that must stay, if the new tasks can be in those groups too."""
    why = next(iter(busy.values()))
    if not rolling(desired.body):
        return Hold(reason=f"{why}; this service does not use rolling deployments: change its target groups manually")
    places = [pick(one, *_PLACE) for one in want]
    elsewhere = [one for one in kept if pick(one, *_PLACE) not in places]
    if not elsewhere:
        if len({one.get("targetGroupArn") for one in (*want, *kept)}) > _MOST_GROUPS:
            return Hold(reason=f"{why}, and old and new target groups together are more than {_MOST_GROUPS}")
        return Proceed(body={**desired.body, "loadBalancers": [*want, *kept]}, waiting=why)
    live = {one["targetGroupArn"] for one in _registrations(present.body.get("loadBalancers") or ())}
    for one in elsewhere:
        new = {other.get("targetGroupArn") for other in want if _replaces(other, one, world)}
        if live & new or all(other.get("targetGroupArn") in live for other in want):
            return Wait(why=why)  # the service needs no new group: the traffic moves first
        if not (new and _may_interrupt(new, world)) and desired.options.replace != "allow":
            return Hold(reason=f"{why}, and the new tasks listen on another port; {_ALLOW}")
    return Proceed(body=desired.body)


def _in_place(body: Body, want: Sequence[Body], live: Sequence[Body], world: World) -> Gate:
    """Return the body, unless the new tasks listen on another port and the same target group cannot check them."""
    for one in want:
        before = [pick(other, *_PLACE) for other in live if other["targetGroupArn"] == one.get("targetGroupArn")]
        if before and pick(one, *_PLACE) not in before:
            for key, group in presents(world, "TargetGroup"):
                other = sorted(set(group.facts.get("differs") or ()) - {"Port"})
                if group.outputs.get("arn") == one["targetGroupArn"] and other:
                    reason = f"{key} must be replaced with this change, because its {', '.join(other)} changes too"
                    return Hold(reason=f"{reason}; set `ecsync/replace: allow` on it, or change the port first")
    return Proceed(body=body)


def _as_now(body: Body, live: Sequence[Body], present: Present, why: str) -> Gate:
    """Return the desired body with the live load balancers: the rest of a change does not wait for the traffic.

    It does where the new tasks listen on other ports: ECS refuses the live load balancers with them.
    """
    places = [pick(one, *_PLACE) for one in body.get("loadBalancers") or ()]
    if any(pick(one, *_PLACE) not in places for one in live):
        return Wait(why=why)
    return Proceed(body={**body, "loadBalancers": present.body.get("loadBalancers") or []}, waiting=why)


def _registrations(balancers: Iterable[Body]) -> Iterator[Body]:
    """Yield a plain registration for each target group in which tasks may be, the one of a pair without traffic too."""
    for one in balancers:
        for group in (one.get("targetGroupArn"), _alternate(one)):
            if group:
                yield {"targetGroupArn": group, **pick(one, *_PLACE)}


def _alternate(balancer: Body) -> Json:
    return (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")


def _replaces(new: Body, old: Body, world: World) -> bool:
    return old["targetGroupArn"] in superseded_by(new.get("targetGroupArn"), world)


def _may_interrupt(groups: Collection[Json], world: World) -> bool:
    """Return whether the document of one of these target groups has `ecsync/replace: allow`."""
    found = (group for _, group in presents(world, "TargetGroup") if group.outputs.get("arn") in groups)
    return any(group.facts.get("mayInterrupt") for group in found)


def _traffic(group: str, world: World) -> str:
    """Return what sends traffic to a target group; empty if nothing does."""
    router = next(iter(traffic_to(world, group)), None)
    if router is not None:
        return f"{router} sends traffic to {_name(group)}"
    outside = not forwarders(world, group) and _in_use(group, world)
    return f"a listener outside this application forwards to {_name(group)}" if outside else ""


def _in_use(group: str, world: World) -> bool:
    """Return whether a load balancer uses a target group, as far as its document or its successor's was read."""
    for _, one in presents(world, "TargetGroup"):
        if one.outputs.get("arn") == group:
            return bool(one.facts.get("loadBalancers"))
        for old in one.facts.get("superseded", ()):
            if old["arn"] == group:
                return bool(old["in_use"])
    return False


def _not_attached(moves: Sequence[Body], world: World) -> str:
    """Return why ECS would refuse a new target group; empty if it would not."""
    known = {str(one.outputs.get("arn")) for _, one in presents(world, "TargetGroup")}
    for one in moves:
        group = one.get("targetGroupArn")
        if isinstance(group, str) and group in known and not forwarders(world, group) and not _in_use(group, world):
            return f"no listener forwards to {_name(group)} yet"
    return ""


def _name(arn: str) -> str:
    return arn.split("/")[1] if arn.count("/") == 2 else arn
