"""Removals: AWS takes a while to remove what it was asked to, so that it is gone is seen by a later pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from ecsync.core.model import DELETING, Delete, Done, Outcome, Progressing, Result, StepId
from ecsync.report.drift import unreadable


class Thing(NamedTuple):
    """What is removed: by which step, and what AWS calls it, as one step may remove several, one after the other."""

    step: StepId
    name: str


Leaving: TypeAlias = Mapping[Thing, tuple[str, ...]]  # what is being removed -> the calls that were made last


def follow(before: Leaving, outcome: Outcome) -> tuple[Leaving, Leaving]:
    """Return the removals that are under way now, and those of `before` that are over: their things are gone.

    What cannot be read now says nothing. What is wanted again by now, and there, was not removed.
    """
    planned = dict(_deletes(outcome))
    unknown = unreadable(outcome)
    asked = {one: calls for one, calls in planned.items() if _taken(outcome.results.get(one.step))}
    missing = {one: calls for one, calls in planned.items() if isinstance(outcome.results.get(one.step), Done)}
    under_way = {**before, **asked}
    there = {status.physical for status in outcome.statuses if status.physical}
    unlisted = {one for one in under_way if one.step.phase == "prune" and outcome.plan.incomplete}
    still = {one for one in under_way if one in planned or one in unlisted or one.step.key in unknown} - missing.keys()
    over = {one for one in under_way if one not in still and one.name not in there}
    return {one: under_way[one] for one in still}, {one: under_way[one] for one in sorted(over)} | missing


def left_over(one: Thing, outcome: Outcome) -> bool:
    """Tell whether the thing was not the resource of its key: something it left over, or what the key meant before."""
    declared = any(status.key == one.step.key for status in outcome.statuses)
    return one.step.phase == "late" or (one.step.phase == "prune" and declared)


def _taken(result: Result | None) -> bool:
    """Tell by what became of the step: as a plan has it, it may still wait for what was done in the same pass."""
    return isinstance(result, Progressing) and result.why == DELETING


def _deletes(outcome: Outcome) -> Iterator[tuple[Thing, tuple[str, ...]]]:
    for step in (*outcome.plan.steps, *(held.step for held in outcome.plan.withheld)):
        if isinstance(step.change, Delete):
            yield Thing(step.id, step.change.observed.called), tuple(call.name for call in step.calls)
