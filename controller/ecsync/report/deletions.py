"""Deletions: AWS accepts a delete long before the resource is gone, so a later pass reports the end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from ecsync.core.model import Delete, Key
from ecsync.core.outcome import DELETING, Done, Outcome, Progressing, StepId
from ecsync.report.drift import unreadable


class Deletion(NamedTuple):
    """One live resource that a step deletes. A step may delete several, one after the other."""

    step: StepId
    name: str  # the ARN or name in AWS


Deletions: TypeAlias = Mapping[Deletion, tuple[str, ...]]  # the names of the last calls


def follow(before: Deletions, outcome: Outcome) -> tuple[Deletions, Deletions]:
    """Return the deletions that are under way after the pass, and those that ended in it: the resource is gone.

    A resource that cannot be read stays under way. A resource that is declared again and is live was not deleted.
    """
    planned = dict(_planned(outcome))
    confirmed = {one: calls for one, calls in planned.items() if isinstance(outcome.results.get(one.step), Done)}
    accepted = {one: calls for one, calls in planned.items() if _accepted(one, outcome)}
    live = {status.physical for status in outcome.statuses if status.physical}
    under_way: dict[Deletion, tuple[str, ...]] = {}
    ended = dict(confirmed)
    for one, calls in {**before, **accepted}.items():
        if one in confirmed:
            continue
        if one in planned or _unobserved(one, outcome):
            under_way[one] = calls
        elif one.name not in live:
            ended[one] = calls
    return under_way, dict(sorted(ended.items()))


def is_leftover(deletion: Deletion, declared: Collection[Key]) -> bool:
    """Return whether the deleted resource is not the one that its key declares now, but an older one."""
    again = deletion.step.phase == "prune" and deletion.step.key in declared
    return deletion.step.phase == "late" or again


def _planned(outcome: Outcome) -> Iterator[tuple[Deletion, tuple[str, ...]]]:
    """Yield the deletions in the plan, held ones included, each with its calls."""
    for step in (*outcome.plan.steps, *(held.step for held in outcome.plan.withheld)):
        if isinstance(step.change, Delete):
            yield Deletion(step.id, step.change.observed.called), tuple(call.name for call in step.calls)


def _accepted(deletion: Deletion, outcome: Outcome) -> bool:
    """Return whether AWS accepted the delete. The plan alone does not show it: the step may still have waited."""
    result = outcome.results.get(deletion.step)
    return isinstance(result, Progressing) and result.why == DELETING


def _unobserved(deletion: Deletion, outcome: Outcome) -> bool:
    """Return whether this pass could not see if the resource is still there."""
    unlisted = deletion.step.phase == "prune" and bool(outcome.plan.incomplete)
    return unlisted or deletion.step.key in unreadable(outcome)
