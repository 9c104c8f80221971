"""What a step depends on, and why it cannot be sent yet (docs/rules.md R24)."""

from __future__ import annotations

from dataclasses import dataclass

from ecsync.core.graph import references
from ecsync.core.inputs import Inputs
from ecsync.core.kind import World
from ecsync.core.model import Absent, Create, Key, Replace, Update
from ecsync.core.outcome import Step


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need that is not met. `under_way`: AWS is at work on it."""

    why: str
    under_way: bool = False


def needs(step: Step) -> frozenset[Key]:
    """Return the resources that a step depends on."""
    found = {other.key for other in step.after} | step.needs
    if isinstance(step.change, Create | Update):
        found |= {ref.key for call in step.calls for _, ref in references(call.params)}
    return frozenset(found)


def unmet(step: Step, inputs: Inputs, world: World) -> Unmet | None:
    """Return the first declared resource that a step needs and that is not there, or not usable yet."""
    if not isinstance(step.change, Create | Update | Replace):
        return None
    for key in sorted(step.needs):
        desired, observed = inputs.desired(key), world.get(key)
        if desired is None or desired.options.state == "absent":
            continue
        if isinstance(observed, Absent):
            return Unmet(f"waits for {key}, which is not there")
        condition = inputs.kind(key).condition(observed)
        if condition is not None and not condition.usable:
            return Unmet(f"waits for {key}: {condition.why}", condition.state == "in progress")
    return None


def adds(step: Step) -> bool:
    """Return whether a step changes nothing that exists: it creates a resource, or a revision of it."""
    revises = isinstance(step.change, Update) and any(one.effect == "revise" for one in step.fields)
    return isinstance(step.change, Create) or revises


def makes(step: Step, operation: str) -> bool:
    """Return whether a step has a call of an operation (`ecs.UpdateService`)."""
    return any(call.name == operation for call in step.calls)
