"""The status of each resource after a pass: sync and health; derived, never stored."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind
from ecsync.core.model import (
    Absent,
    Adopt,
    Application,
    Create,
    Delete,
    Desired,
    FieldChange,
    Forget,
    Key,
    Mark,
    Observed,
    Present,
    Replace,
    Unreadable,
    Update,
)
from ecsync.core.origins import where
from ecsync.core.outcome import (
    HEALTHY,
    Done,
    Failed,
    Health,
    Outcome,
    Plan,
    Progress,
    Progressing,
    ResourceStatus,
    Result,
    Skipped,
    Step,
    StepId,
    SyncStatus,
    Withheld,
)
from ecsync.core.trees import pointer
from ecsync.core.wording import duration


def statuses(inputs: Inputs, plan: Plan, results: Mapping[StepId, Result]) -> tuple[ResourceStatus, ...]:
    """Return one status per declared resource, in the order of the application, then one per orphan."""
    steps: dict[Key, list[Step]] = {}
    for step in plan.steps:
        steps.setdefault(step.id.key, []).append(step)
    held: dict[Key, list[Withheld]] = {}
    for one in plan.withheld:
        held.setdefault(one.step.id.key, []).append(one)
    declared = [
        _status(inputs, plan, results, desired, steps.get(desired.key, []), held.get(desired.key, []))
        for desired in inputs.application.resources
    ]
    return (*declared, *_orphans(inputs, plan, results))


def stays(inputs: Inputs) -> dict[Key, str]:
    """Return, by resource, why its superseded parts are not deleted yet, where no step is planned for it."""
    observed = {desired.key: inputs.world.get(desired.key) for desired in inputs.application.resources}
    return {key: why for key, one in observed.items() if (why := _stays(one))}


def owned(
    application: Application, kinds: Mapping[str, Kind], outcome: Outcome, *, regional: bool = False
) -> dict[Key, str]:
    """Return our resources by an outcome, each with its primary output. What could not be read may be there.

    `regional`: only those that are in one Region.
    """
    unclaimed = {step.id.key for step in outcome.plan.steps if isinstance(step.change, Adopt)}
    found: dict[Key, str] = {}
    for one in outcome.statuses:
        desired = application.documents.get(one.key)
        kind = kinds[one.key.kind]
        ours = desired is not None and desired.options.manage and kind.calls is not None
        if ours and (kind.regional or not regional) and one.key not in unclaimed and one.health.status != "Missing":
            found[one.key] = one.physical
    return found


def _stays(observed: Observed | None) -> str:
    kept = observed.facts.get("cleanupBlocked") if isinstance(observed, Present) else None
    return f"superseded resources are not deleted yet: {kept}" if kept else ""


def _status(
    inputs: Inputs,
    plan: Plan,
    results: Mapping[StepId, Result],
    desired: Desired,
    steps: list[Step],
    held: list[Withheld],
) -> ResourceStatus:
    """Return the status of one resource; `steps` and `held` are those of the plan that have its key."""
    key = desired.key
    observed = inputs.world.get(key, Unreadable("not read"))
    if not steps and not held:
        return _without_step(inputs, plan, desired, observed)
    sync, message = _sync(plan, key, steps, held)
    cleanups = [_cleanup(step, "") for step in steps if _is_cleanup(step)]
    cleanups += [_cleanup(one.step, one.reason) for one in held if _is_cleanup(one.step)]
    found = _results(steps, results)
    fields = tuple(one for step in (*steps, *(one.step for one in held)) for one in step.fields)
    return ResourceStatus(
        key=key,
        sync=sync,
        health=_awaited(steps, observed) or _health(inputs, desired, observed, found),
        fields=fields,
        message=message or _waits(found) or "; ".join(cleanups) or _stays(observed),
        physical=_physical(inputs, key, observed),
        origin=str(desired.origin) if desired.origin.file else "",
        origins=_origins(inputs, desired, fields),
    )


def _waits(results: list[Result]) -> str:
    """Return what a step waits for that was not sent; empty if none waits."""
    reasons = (one.reason if isinstance(one, Skipped) else one.why for one in results if not isinstance(one, _ENDED))
    return next(reasons, "")


_ENDED = (Done, Failed)


def _without_step(inputs: Inputs, plan: Plan, desired: Desired, observed: Observed) -> ResourceStatus:
    """Return the status of a resource with nothing to do: most of them, in most passes."""
    sync, message = _sync(plan, desired.key, [], [])
    return ResourceStatus(
        key=desired.key,
        sync=sync,
        health=_health(inputs, desired, observed, []),
        message=message or _stays(observed),
        physical=_physical(inputs, desired.key, observed),
        origin=str(desired.origin) if desired.origin.file else "",
    )


def _is_cleanup(step: Step) -> bool:
    """Return whether a step is not about the live resource: it deletes what the resource superseded, or an orphan."""
    return step.id.phase == "prune" or (step.id.phase == "late" and isinstance(step.change, Delete))


def _cleanup(step: Step, withheld: str) -> str:
    """Return the message about a cleanup; `withheld` is the reason why it is not done."""
    assert isinstance(step.change, Delete | Forget)
    name = step.change.observed.called
    if step.id.phase == "prune":
        return f"{name}, declared by this document before: {withheld or step.waiting or _TO_DELETE}"
    if withheld:
        return f"{name} is superseded and not deleted: {withheld}"
    return f"{name} is superseded and will be deleted" + (f" later: {step.waiting}" if step.waiting else "")


_TO_DELETE = "no longer declared, will be deleted"


def _results(steps: list[Step], results: Mapping[StepId, Result]) -> list[Result]:
    """Return the results that count for the health of a resource: those of its own steps, and every failure."""
    found = [(step, results[step.id]) for step in steps if step.id in results]
    return [result for step, result in found if not _is_cleanup(step) or isinstance(result, Failed)]


def _sync(plan: Plan, key: Key, steps: list[Step], held: list[Withheld]) -> tuple[SyncStatus, str]:
    """Return the sync status and its message; the first line that fits."""
    if key in plan.unreadable:
        return "Unknown", plan.unreadable[key]
    if key in plan.stopped:
        return "OutOfSync", plan.stopped[key]
    if not steps and not held:
        return "Synced", ""
    own = [step for step in steps if not _is_cleanup(step)]
    withheld = next((one.reason for one in held if not _is_cleanup(one.step)), "")
    adoption = next((step for step in own if isinstance(step.change, Adopt)), None)
    orphaned = any(step.id.phase == "prune" for step in (*steps, *(one.step for one in held)))
    changing = orphaned or any(not isinstance(step.change, Mark | Adopt) for step in own)
    if withheld:
        return "OutOfSync", withheld
    if adoption:
        return "OutOfSync" if changing or adoption.fields else "Synced", "unclaimed; run `ecsync adopt` to take it over"
    return "OutOfSync" if changing else "Synced", next((step.waiting for step in own if step.waiting), "")


def _awaited(steps: list[Step], observed: Observed) -> Health | None:
    """Return the health of a resource that we have just created and that AWS does not show yet; else None."""
    waiting = next((step.waiting for step in steps if isinstance(step.change, Create) and step.waiting), "")
    return Health(status="Progressing", why=waiting) if waiting and isinstance(observed, Absent) else None


def _health(inputs: Inputs, desired: Desired, observed: Observed, results: list[Result]) -> Health:
    if desired.options.suspend:
        return Health(status="Suspended", why="ecsync/suspend")
    failed = next((one for one in results if isinstance(one, Failed)), None)
    if failed:
        return Health(status="Degraded", why=_failure(failed))
    match observed:
        case Unreadable(error=error):
            return Health(status="Unknown", why=error)
        case Absent():
            missing = desired.options.state == "present"
            return Health(status="Missing" if missing else "Healthy", why="not found in AWS" if missing else "")
        case Present():
            kind = inputs.kind(desired.key)
            if observed.read_at is None and kind.has_health and any(isinstance(one, Done) for one in results):
                return Health(status="Progressing", why="written in this pass, and not read since")
            health = kind.judge(desired, observed)
            under_way = (one for one in results if isinstance(one, Progressing) and not one.budget)
            progress = next(under_way, None)
            if progress and health.status == "Healthy":
                return Health(status="Progressing", why=progress.why)
            return health


def _failure(failed: Failed) -> str:
    """Return the error of a failed step, after the time of its next try if it has one (docs/rules.md R24)."""
    if failed.after is None:
        return failed.error
    return f"will be retried in {duration(failed.after)}: {failed.error}"


def _physical(inputs: Inputs, key: Key, observed: Observed) -> str:
    if not isinstance(observed, Present):
        return ""
    value = observed.outputs.get("arn", observed.outputs.get(inputs.kind(key).primary, ""))
    return value if isinstance(value, str) else ", ".join(value)


def _origins(inputs: Inputs, desired: Desired, fields: Iterable[FieldChange]) -> dict[str, str]:
    rules = inputs.kind(desired.key).rules
    places = {pointer(one.path): where(desired, one.path, rules) for one in fields}
    return {path: str(place) for path, place in places.items() if place.file}


def _orphans(inputs: Inputs, plan: Plan, results: Mapping[StepId, Result]) -> Iterator[ResourceStatus]:
    planned = [(step, step.waiting or _over_budget(results.get(step.id)) or _TO_DELETE) for step in plan.steps]
    for step, message in [*planned, *((one.step, one.reason) for one in plan.withheld)]:
        if step.id.phase != "prune" or inputs.desired(step.id.key) is not None:
            continue
        assert isinstance(step.change, Delete | Forget)
        yield ResourceStatus(
            key=step.id.key,
            sync="OutOfSync",
            health=HEALTHY,
            message=message,
            physical=step.change.observed.called,
        )


def _over_budget(result: Result | None) -> str:
    return result.why if isinstance(result, Progressing) and result.budget else ""


def first_steps(plan: Plan) -> frozenset[Key]:
    """Return the resources that a step of the plan creates, updates or replaces."""
    changes = (Create, Update, Replace)
    return frozenset(one.id.key for one in plan.steps if one.id.phase == "main" and isinstance(one.change, changes))


def is_second(step: Step, begun: Collection[Key]) -> bool:
    """Return whether a step completes a change that is counted already; `begun` is from `first_steps`."""
    return step.id.phase == "late" and isinstance(step.change, Update) and step.id.key in begun


def summary(plan: Plan) -> dict[str, int]:
    """Return the counts of what a plan would do, by the names of its last line."""
    counts = {"create": 0, "update": 0, "replace": 0, "delete": 0, "adopt": 0, "mark": 0, "forget": 0}
    begun = first_steps(plan)
    for step in plan.steps:
        if not is_second(step, begun):
            counts[type(step.change).__name__.lower()] += 1
    counts["held"] = len(plan.withheld)
    counts["calls"] = sum(len(step.calls) for step in plan.steps if not isinstance(step.change, Adopt))
    return counts


# ---------------------------------------------------------------- deadlines of health


@dataclass(frozen=True, slots=True)
class Watch:
    """The most progress that was seen of what is under way, and when it was first seen (monotonic seconds)."""

    of: str
    done: float
    since: float


Watches = Mapping[Key, Watch]


def judged(
    statuses: Iterable[ResourceStatus], watches: Watches, now: float, wall: datetime
) -> tuple[tuple[ResourceStatus, ...], Watches]:
    """Return the statuses after the deadlines, and what is watched from now on. A restart begins each time again.

    What makes no progress for too long is Degraded, with its reason (docs/rules.md R24).
    """
    kept: dict[Key, Watch] = {}
    found = []
    for status in statuses:
        health = status.health
        if health.status == "Progressing":
            progress = health.progress or Progress()
            watch = kept[status.key] = _watched(progress, watches.get(status.key), now)
            health = _after_deadline(health, progress, now - watch.since, wall)
        found.append(status if health is status.health else replace(status, health=health))
    return tuple(found), kept


def _watched(progress: Progress, before: Watch | None, now: float) -> Watch:
    if before is None or before.of != progress.of or progress.done > before.done:
        return Watch(progress.of, progress.done, now)
    return before


def _after_deadline(health: Health, progress: Progress, seen: float, wall: datetime) -> Health:
    """Return the health of what was seen without progress for so many seconds, or for longer by AWS's own record."""
    stalled = max(seen, (wall - progress.since).total_seconds()) if progress.since else seen
    if stalled <= progress.within:
        return health
    return Health(status="Degraded", why=f"no progress for {duration(stalled)}: {health.why}")
