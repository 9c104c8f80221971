"""The count of a service: who decides it, and within which bounds (docs/rules.md R13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ecsync.core.kind import Decided
from ecsync.core.model import Desired, Documents, Key, Present, Text
from ecsync.core.trees import Body, Path
from ecsync.kinds.ecs._service_deployment_rules import is_daemon


def band(desired: Desired, documents: Documents) -> tuple[int, int] | None:
    """Return (MinCapacity, MaxCapacity) of the ScalableTarget document for the service; None without one."""
    for other in documents.find("ScalableTarget", _scaled, desired.key):
        low, high = other.body.get("MinCapacity"), other.body.get("MaxCapacity")
        if isinstance(low, int) and isinstance(high, int):
            return low, high
    return None


def _scaled(target: Desired, _: Documents) -> Iterator[Key]:
    """Yield the service that a scalable target refers to."""
    service = target.body.get("Service")
    if isinstance(service, Text) and service.sole is not None:
        yield service.sole.key


def cross_check(desired: Desired, documents: Documents) -> Iterator[tuple[Path, str]]:
    count, bounds = desired.body.get("desiredCount"), band(desired, documents)
    if isinstance(count, int) and bounds and not bounds[0] <= count <= bounds[1]:
        problem = f"desiredCount {count} is outside the range of its ScalableTarget, {bounds[0]} to {bounds[1]}"
        yield ("desiredCount",), f"{problem}: leave it out, or declare a number in that range"


def complete_create(desired: Desired, documents: Documents) -> Body:
    """Return the body of a create with a count: the declared one, else MinCapacity (docs/rules.md R13)."""
    bounds = band(desired, documents)
    if bounds is None or is_daemon(desired.body) or desired.body.get("desiredCount") is not None:
        return desired.body
    return {**desired.body, "desiredCount": bounds[0]}


class _Range(NamedTuple):
    """The bounds of the autoscaler; a missing one is the count itself."""

    low: int
    high: int

    def outside(self, count: int) -> str:
        """Return the member of the bound that a count is beyond; empty if it is beyond none."""
        return "MinCapacity" if count < self.low else "MaxCapacity" if count > self.high else ""


_SCALING_ACTIVITIES = ("DynamicScalingIn", "DynamicScalingOut", "ScheduledScaling")


def _range(present: Present) -> _Range | None:
    """Return the bounds of the autoscaler that decides the count; None where the manifest decides.

    The manifest decides while scaling is suspended.
    """
    target, live = present.facts.get("scalableTarget"), present.body.get("desiredCount")
    if not target or live is None or is_daemon(present.body):
        return None
    suspended = target.get("SuspendedState") or {}
    if all(suspended.get(f"{activity}Suspended") for activity in _SCALING_ACTIVITIES):
        return None
    return _Range(target.get("MinCapacity", live), target.get("MaxCapacity", live))


def decided_count(present: Present) -> int | None:
    """Return the count that the autoscaler decides: the live one, or the bound nearest to it; None: the manifest's."""
    bounds = _range(present)
    return min(max(present.body["desiredCount"], bounds.low), bounds.high) if bounds else None


def decided(body: Body, present: Present) -> Iterator[Decided]:
    """Yield the count where the autoscaler decides it."""
    bounds, declared = _range(present), body.get("desiredCount")
    if bounds is None:
        return
    owner = f"the autoscaler ({bounds.low} to {bounds.high})"
    note = f"clamped to {bounds.outside(present.body['desiredCount'])} of {owner}"
    if isinstance(declared, int) and declared != decided_count(present):
        note += f"; declared: {declared}"
    if isinstance(declared, int) and bounds.outside(declared):
        owner += f", and the declared count is beyond its {bounds.outside(declared)}"
    yield Decided(path=("desiredCount",), owner=owner, note=note)
