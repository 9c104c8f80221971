"""Drift as episodes: opened once, told again when it becomes another drift, closed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from ecsync.core.model import Adopt, Create, Delete, Done, FieldChange, Key, Outcome, Replace, Step
from ecsync.core.trees import canonical

Drifted: TypeAlias = Mapping[Key, tuple[FieldChange, ...]]
Present: TypeAlias = Mapping[Key, str]  # what was last seen alive -> the revision that was wanted then

# Stands for a resource that was there, is declared, and was removed by somebody else.
GONE = FieldChange(path=(), before=None, after="declared", effect="in-place", reason="drift")


class Turn(NamedTuple):
    """What became of the drift of one resource. `fields` are those of now; of a drift that closed, its last."""

    key: Key
    state: Literal["detected", "changed", "resolved"]
    action: Literal["modified", "missing"]
    fields: tuple[FieldChange, ...]


def follow(before: Drifted, present: Present, outcome: Outcome) -> tuple[Drifted, tuple[Turn, ...]]:
    """Return the drift there is now, and the turns since `before`; `present` is as `alive` returned it.

    What cannot be read now says nothing: its drift stays as it was. What is declared no more drifts no more. A
    resource that is gone was removed by somebody else only where the manifests are those it was last seen under:
    with others it may be another one (another name, another cluster) that is wanted now.
    """
    unknown = unreadable(outcome)
    now = {key: fields for key, fields in before.items() if key in unknown}
    now |= {key: fields for key, fields in _found(outcome).items() if key not in unknown}
    for key in _missing(outcome) - unknown:
        if present.get(key) == outcome.plan.revision or GONE in before.get(key, ()):
            now[key] = (GONE,)
    turns: list[Turn] = []
    for key in sorted(before.keys() | now.keys()):
        was, fields = before.get(key, ()), now.get(key, ())
        if not was:
            turns.append(Turn(key, "detected", _action(fields), fields))
        elif not fields:
            turns.append(Turn(key, "resolved", _action(was), was))
        elif _fingerprint(was) != _fingerprint(fields):
            turns.append(Turn(key, "changed", _action(fields), fields))
    return now, tuple(turns)


def alive(present: Present, outcome: Outcome) -> Present:
    """Return the resources last seen alive, without those that we ourselves are removing.

    What goes in another phase is not the resource: something it left over, or that its key meant before.
    """
    kept = {key: revision for key, revision in present.items() if key in unreadable(outcome)}
    seen = {status.key for status in outcome.statuses if status.health.status not in ("Missing", "Unknown")}
    gone = {
        step.id.key
        for step in _steps(outcome)
        if (isinstance(step.change, Delete | Replace) and step.id.phase == "main" and step.id in outcome.results)
        or (isinstance(step.change, Create) and not isinstance(outcome.results.get(step.id), Done))
    }
    return kept | dict.fromkeys(seen - gone, outcome.plan.revision)


def unreadable(outcome: Outcome) -> frozenset[Key]:
    """Return the resources of which nothing can be said now."""
    unknown = {status.key for status in outcome.statuses if status.sync == "Unknown"}
    return frozenset(unknown | outcome.plan.unreadable.keys())


def _found(outcome: Outcome) -> dict[Key, tuple[FieldChange, ...]]:
    """By resource, the fields that drifted: as the statuses have them, and the steps, which a repair leaves behind."""
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
    """A create that failed leaves its resource Degraded, and one that went through Healthy: the steps tell as well."""
    creates = {step.id.key for step in _steps(outcome) if isinstance(step.change, Create)}
    return creates | {status.key for status in outcome.statuses if status.health.status == "Missing"}


def _steps(outcome: Outcome) -> tuple[Step, ...]:
    return (*outcome.plan.steps, *(withheld.step for withheld in outcome.plan.withheld))


def _action(fields: tuple[FieldChange, ...]) -> Literal["modified", "missing"]:
    return "missing" if GONE in fields else "modified"


def _fingerprint(fields: tuple[FieldChange, ...]) -> frozenset[str]:
    return frozenset(canonical([field.path, field.before, field.after]) for field in fields)
