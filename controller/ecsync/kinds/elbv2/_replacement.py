"""What a replaced target group still holds up: the traffic that it has, and its deletion (docs/rules.md R9)."""

from __future__ import annotations

from collections.abc import Iterable

from ecsync.core.kind import World
from ecsync.core.model import Documents, Present, Replace
from ecsync.core.trees import Body
from ecsync.kinds.elbv2._actions import forwarders, registered_groups, services_behind, traffic_to, unread
from ecsync.kinds.elbv2._traffic_shift import MOVING


def interrupts(change: Replace, world: World, documents: Documents) -> str:
    """Return why requests fail while a group is replaced, and for how long; empty if none does.

    The tasks of a service that moves to another container port cannot be in both groups.
    """
    old = str(change.observed.outputs["arn"])
    for key, service in services_behind(world, (old,)) if traffic_to(world, old) else ():
        declared = documents.get(key)
        balancers = (declared.body.get("loadBalancers") or ()) if declared else ()
        places = {(one.get("containerName"), one.get("containerPort")) for one in balancers}
        for one in service.body["loadBalancers"]:
            moves = (one.get("containerName"), one.get("containerPort")) not in places
            if balancers and moves and one.get("targetGroupArn") == old:
                return (
                    f"{key} moves to another container port, so its tasks cannot be in both groups: requests fail for "
                    f"up to {2 * MOVING:g} s, until the weights follow the tasks"
                )
    return ""


def superseded(present: Present, world: World) -> Iterable[tuple[Present, str]]:
    """Yield each superseded group, and the reason why it cannot be deleted yet (empty if none)."""
    for old in present.facts.get("superseded", ()):
        outputs = {"arn": old["arn"], "name": old["name"]}
        group = Present(body={"Name": old["name"]}, outputs=outputs, marks=present.marks)
        yield group, _still_needed(old, str(present.outputs["arn"]), world)


def _still_needed(old: Body, new: str, world: World) -> str:
    """Return the reason why a superseded group is still needed; empty if none."""
    unknown = unread(world, "Service", "Listener", "ListenerRule")
    if unknown:
        return f"{unknown} could not be read and may use {old['name']}"
    forwarding = forwarders(world, old["arn"])
    if forwarding:
        return f"{forwarding[0]} still forwards to {old['name']}"
    for key, service in services_behind(world, (old["arn"], new)):
        if old["arn"] in registered_groups(service):
            return f"{key} still registers its tasks with {old['name']}"
        if not service.facts.get("steady"):
            return f"{key} is not steady yet"
    return f"a load balancer still uses {old['name']}" if old["in_use"] else ""
