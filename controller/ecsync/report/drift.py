"""Drift as episodes: an episode opens once, is reported again when the drift becomes another one, and closes once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from ecsync.core.model import Adopt, Create, Delete, FieldChange, Key, Replace
from ecsync.core.outcome import Done, Outcome, Step
from ecsync.core.trees import canonical

Drifted: TypeAlias = Mapping[Key, tuple[FieldChange, ...]]
Present: TypeAlias = Mapping[Key, str]  # resource that was last seen live -> the revision that was desired then

# Marks a declared resource that was live and that another client deleted.
GONE = FieldChange(path=(), before=None, after="declared", effect="in-place", reason="drift")


class Transition(NamedTuple):
    """A new state of the drift of one resource. `fields` are the current ones; for `resolved`, the last ones."""

    key: Key
    state: Literal["detected", "changed", "resolved"]
    action: Literal["modified", "missing"]
    fields: tuple[FieldChange, ...]


def follow(before: Drifted, present: Present, outcome: Outcome) -> tuple[Drifted, tuple[Transition, ...]]:
    """Return the drift after the pass, and the transitions since `before`; `present` is what `alive` returned.

    The drift of a resource that cannot be read stays. The drift of a resource that is no longer declared ends. A
    missing resource counts as deleted by another client only while the revision is the one it was last seen under:
    another revision may declare another resource (another name, another cluster).
    """
    unknown = unreadable(outcome)
    now = {key: fields for key, fields in before.items() if key in unknown}
    now |= {key: fields for key, fields in _drifted(outcome).items() if key not in unknown}
    for key in _missing(outcome) - unknown:
        if present.get(key) == outcome.plan.revision or GONE in before.get(key, ()):
            now[key] = (GONE,)
    keys = sorted(before.keys() | now.keys())
    found = (_transition(key, before.get(key, ()), now.get(key, ())) for key in keys)
    return now, tuple(transition for transition in found if transition is not None)


def _transition(key: Key, before: tuple[FieldChange, ...], now: tuple[FieldChange, ...]) -> Transition | None:
    if not before:
        return Transition(key, "detected", _action(now), now)
    if not now:
        return Transition(key, "resolved", _action(before), before)
    if _fingerprint(before) != _fingerprint(now):
        return Transition(key, "changed", _action(now), now)
    return None


def alive(present: Present, outcome: Outcome) -> Present:
    """Return the resources last seen live, without those that ecsync itself deletes.

    A delete in another phase than `main` is of an older resource, not of the one that the key declares.
    """
    unknown = unreadable(outcome)
    kept = {key: revision for key, revision in present.items() if key in unknown}
    seen = {status.key for status in outcome.statuses if status.health.status not in ("Missing", "Unknown")}
    gone = {
        step.id.key
        for step in _steps(outcome)
        if (isinstance(step.change, Delete | Replace) and step.id.phase == "main" and step.id in outcome.results)
        or (isinstance(step.change, Create) and not isinstance(outcome.results.get(step.id), Done))
    }
    return kept | dict.fromkeys(seen - gone, outcome.plan.revision)


def unreadable(outcome: Outcome) -> frozenset[Key]:
    """Return the resources with an unknown state."""
    unknown = {status.key for status in outcome.statuses if status.sync == "Unknown"}
    return frozenset(unknown | outcome.plan.unreadable.keys())


def _drifted(outcome: Outcome) -> dict[Key, tuple[FieldChange, ...]]:
    """Return the drifted fields by resource. The steps are read too: after a repair the statuses show no drift."""
    steps = _steps(outcome)
    unclaimed = {step.id.key for step in steps if isinstance(step.change, Adopt)}
    fields = [(status.key, field) for status in outcome.statuses for field in status.fields]
    fields += [(step.id.key, field) for step in steps for field in step.fields]
    found: dict[Key, dict[str, FieldChange]] = {}
    for key, field in fields:
        if field.reason == "drift" and key not in unclaimed:
            found.setdefault(key, {})[canonical(field.path)] = field
    return {key: tuple(by_path[path] for path in sorted(by_path)) for key, by_path in found.items()}


def _missing(outcome: Outcome) -> set[Key]:
    """Return the missing resources. After a create the health is Healthy or Degraded, so the steps are read too.

    A create that waits was sent before, and AWS does not show it yet: the resource is not missing.
    """
    creates = {step.id.key for step in _steps(outcome) if isinstance(step.change, Create) and not step.waiting}
    return creates | {status.key for status in outcome.statuses if status.health.status == "Missing"}


def _steps(outcome: Outcome) -> tuple[Step, ...]:
    return (*outcome.plan.steps, *(withheld.step for withheld in outcome.plan.withheld))


def _action(fields: tuple[FieldChange, ...]) -> Literal["modified", "missing"]:
    return "missing" if GONE in fields else "modified"


def _fingerprint(fields: tuple[FieldChange, ...]) -> frozenset[str]:
    return frozenset(canonical([field.path, field.before, field.after]) for field in fields)
