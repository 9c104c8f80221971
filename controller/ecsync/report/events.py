"""From one outcome to the next, the events between them: each change of state is told once.

Pure functions. What an outcome is compared with is what has been told, as a value that goes in and comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from ecsync.core.model import (
    Adopt,
    Create,
    Delete,
    Done,
    Event,
    Failed,
    FieldChange,
    Forget,
    HealthStatus,
    Key,
    Outcome,
    Plan,
    Problem,
    Progressing,
    Replace,
    Snapshot,
    StepId,
    Target,
    Update,
)
from ecsync.core.ports import SourceError
from ecsync.core.trees import Json, Path, pointer
from ecsync.report import deletions
from ecsync.report.deletions import Leaving
from ecsync.report.drift import Drifted, Present, Turn, alive, follow
from ecsync.report.values import short_change

Severity: TypeAlias = Literal["info", "warning", "error"]

_VERBS: Mapping[type, str] = {  # a delete is told when its thing is gone (`removals`)
    Create: "created",
    Update: "updated",
    Replace: "replaced",
    Adopt: "adopted",
    Forget: "released",
}
_WORKING = (Create, Update, Replace, Delete)  # what makes a sync; marks and adoptions do not
_MANY = 5  # names in a message; the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What has been told of one application: what the next outcome is compared with. Losing it tells it again."""

    drift: Drifted = field(default_factory=dict)
    present: Present = field(default_factory=dict)
    health: Mapping[Key, HealthStatus] = field(default_factory=dict)
    leaving: Leaving = field(default_factory=dict)
    stopped: frozenset[Key] = frozenset()
    sync: Literal["idle", "working"] = "idle"
    revision: str = ""  # of the sync that was started
    failures: frozenset[tuple[StepId, str]] = frozenset()
    problems: frozenset[Problem] = frozenset()
    failing: str = ""  # why passes come to no plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every event of one pass carries. `where` tells where a field is written, as `file:line` or nothing."""

    time: datetime
    application: str
    target: Target | None = None
    revision: str = ""
    reconcile_id: str = ""
    where: Callable[[Key, Path], str] = lambda _key, _path: ""


def started(told: Told, plan: Plan, context: Context) -> tuple[Told, tuple[Event, ...]]:
    """Tell that a plan is about to be executed, unless it goes on with a sync that was told of and has not ended."""
    runnable = [str(step.id) for step in plan.steps if step.calls and isinstance(step.change, _WORKING)]
    if not runnable or (told.sync == "working" and told.revision == plan.revision):
        return told, ()
    event = _event("sync.started", context, f"{len(runnable)} to change: {_some(runnable)}", detail={"steps": runnable})
    return replace(told, sync="working", revision=plan.revision), (event,)


def ended(told: Told, outcome: Outcome, context: Context) -> tuple[Told, tuple[Event, ...]]:
    """Tell what a pass has changed or found changed."""
    events: list[Event] = []
    if told.failing:
        events.append(_event("pass.resumed", context, "passes come to a plan again"))
    if _tried(outcome):
        told, begun = started(told, outcome.plan, context)
        events += begun
    leaving, gone = deletions.follow(told.leaving, outcome)
    drift, turns = follow(told.drift, told.present, outcome)
    failures = _failures(outcome)
    over = _over(outcome, failures)
    events += [_drift(turn, context) for turn in turns]
    events += _changes(outcome, context)
    events += _removed(gone, outcome, context)
    events += _stopped(told, outcome, context)
    events += _health(told, outcome, context)
    events += _sync(told, outcome, failures, over, context)
    return (
        replace(
            told,
            drift=drift,
            present=alive(told.present, outcome),
            health={status.key: status.health.status for status in outcome.statuses},
            stopped=frozenset(outcome.plan.stopped),
            sync="idle" if over else told.sync,
            failures=_fingerprint(failures) or (frozenset() if over else told.failures),
            leaving=leaving,
            failing="",
        ),
        tuple(events),
    )


def failed(told: Told, error: str, context: Context) -> tuple[Told, tuple[Event, ...]]:
    """Tell that passes come to no plan (lost credentials, a guard that refused), once until it is for another reason.

    What is known of the resources stays as it was.
    """
    why = _first_words(error)
    if why == told.failing:
        return told, ()
    return replace(told, failing=why), (_event("pass.failed", context, error, severity="error"),)


def problems(told: Told, found: tuple[Problem, ...], context: Context) -> tuple[Told, tuple[Event, ...]]:
    """Tell that an application's manifests became invalid, invalid in another way, or valid again."""
    now = frozenset(found)
    if now == told.problems:
        return told, ()
    told = replace(told, problems=now)
    if not found:
        return told, (_event("app.valid", context, "the manifests are valid again"),)
    text = str(found[0]) + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")
    detail = {"problems": [str(problem) for problem in found[:20]]}
    return told, (_event("app.invalid", context, text, severity="error", detail=detail),)


class SourceState(Protocol):
    """What `source` needs to know of a source (`sources.last_good.SourceState`)."""

    @property
    def snapshot(self) -> Snapshot | None:
        """The last good one."""

    @property
    def error(self) -> SourceError | None:
        """What went wrong since."""


def source(before: SourceState | None, after: SourceState, time: datetime) -> tuple[Event, ...]:
    """Tell that a source has a new revision, cannot be read any more, or can be read again."""
    was_reason = before.error.reason if before and before.error else ""
    was = before.snapshot.revision if before and before.snapshot else ""
    now = after.snapshot.revision if after.snapshot else ""
    if after.error is not None:
        if after.error.reason == was_reason:
            return ()
        context = Context(time=time, application="", revision=now)
        detail = {"reason": after.error.reason}
        return (_event("source.failed", context, str(after.error), severity="error", detail=detail),)
    if after.snapshot is None or (now == was and not was_reason):
        return ()
    text = f"revision {now} of {after.snapshot.source}" if now != was else f"{after.snapshot.source} can be read again"
    return (_event("source.updated", Context(time=time, application="", revision=now), text, detail={"before": was}),)


# ---------------------------------------------------------------- parts of `ended`


def _drift(turn: Turn, context: Context) -> Event:
    what = _some([pointer(change.path) for change in turn.fields if change.path])
    text = {
        "detected": f"{turn.key} was changed by somebody else: {what}"
        if what
        else f"{turn.key} was removed by somebody else",
        "changed": f"{turn.key} differs otherwise than before: {what}"
        if what
        else f"{turn.key} was removed by somebody else",
        "resolved": f"{turn.key} is as declared again",
    }
    return _event(
        f"drift.{turn.state}",
        context,
        text[turn.state],
        key=turn.key,
        severity="info" if turn.state == "resolved" else "warning",
        detail={"action": turn.action},
        **_fields(turn.key, turn.fields, context),
    )


def _changes(outcome: Outcome, context: Context) -> Iterator[Event]:
    """A step that is done is an action, not a state: it is told each time."""
    for step in outcome.plan.steps:
        verb = _VERBS.get(type(step.change))
        if verb is not None and isinstance(outcome.results.get(step.id), Done):
            yield _event(
                f"resource.{verb}",
                context,
                f"{step.id} {verb}",
                key=step.id.key,
                detail={"calls": [call.name for call in step.calls]},
                **_fields(step.id.key, step.fields, context),
            )


def _removed(gone: Leaving, outcome: Outcome, context: Context) -> Iterator[Event]:
    """Tell what AWS has removed: the resource of a key, or something else while the resource stays."""
    for one, calls in gone.items():
        detail: dict[str, Json] = {"calls": list(calls)} if calls else {}
        detail |= {"physical": one.name} if one.name else {}
        key = one.step.key
        if deletions.left_over(one, outcome):
            text = f"{one.name}, which {key} left over, is deleted"
            yield _event("leftover.deleted", context, text, key=key, detail=detail)
        else:
            yield _event("resource.deleted", context, f"{key} deleted", key=key, detail=detail)


def _stopped(told: Told, outcome: Outcome, context: Context) -> Iterator[Event]:
    for key, why in outcome.plan.stopped.items():
        if key not in told.stopped:
            text = f"{key} was rolled back and is not tried again until its manifest changes: {why}"
            yield _event("deployment.rolledback", context, text, key=key, severity="error")


def _health(told: Told, outcome: Outcome, context: Context) -> Iterator[Event]:
    """A resource seen for the first time is told of only when it is degraded: the rest is no news."""
    for status in outcome.statuses:
        was, now = told.health.get(status.key), status.health.status
        if was == now or (was is None and now != "Degraded"):
            continue
        text = f"{status.key} is {now}" + (f": {status.health.why}" if status.health.why else "")
        severity: Severity = "warning" if now in ("Degraded", "Missing", "Unknown") else "info"
        detail = {"before": was, "after": now}
        yield _event("health.changed", context, text, key=status.key, severity=severity, detail=detail)


def _sync(
    told: Told, outcome: Outcome, failures: Mapping[StepId, Failed], over: bool, context: Context
) -> Iterator[Event]:
    if failures and _fingerprint(failures) != told.failures:
        step, failed = next(iter(failures.items()))
        text = f"{step}: {failed.error}" + (f" (and {len(failures) - 1} more)" if len(failures) > 1 else "")
        detail: dict[str, Json] = {"failed": [str(each) for each in failures], "retry": failed.retry}
        yield _event("sync.failed", context, text, severity="error", detail=detail)
    elif over and (told.sync == "working" or told.failures):
        held = len(outcome.plan.withheld)
        text = f"done with revision {outcome.plan.revision}" + (f"; {held} held" if held else "")
        yield _event("sync.succeeded", context, text, detail={"held": held})


# ---------------------------------------------------------------- what an outcome says


def _tried(outcome: Outcome) -> bool:
    working = {step.id for step in outcome.plan.steps if isinstance(step.change, _WORKING)}
    return any(
        step in working and isinstance(result, (Done, Progressing, Failed)) for step, result in outcome.results.items()
    )


def _failures(outcome: Outcome) -> dict[StepId, Failed]:
    given_up = {StepId(key=key): Failed(error=why, retry="never") for key, why in outcome.plan.stopped.items()}
    return given_up | {step: result for step, result in outcome.results.items() if isinstance(result, Failed)}


def _fingerprint(failures: Mapping[StepId, Failed]) -> frozenset[tuple[StepId, str]]:
    """Which steps failed and how, without the rest of AWS's words: those hold ids that differ each time."""
    return frozenset((step, _first_words(failed.error)) for step, failed in failures.items())


def _first_words(error: str) -> str:
    return ":".join(error.split(":")[:2])


def _over(outcome: Outcome, failures: Mapping[StepId, Failed]) -> bool:
    """True when nothing is left to do or to wait for; what is held does not count."""
    waiting = any(isinstance(result, Progressing) for result in outcome.results.values())
    if failures or waiting or outcome.health == "Progressing":
        return False
    left = any(isinstance(step.change, _WORKING) for step in outcome.plan.steps)
    return outcome.sync == "Synced" or (outcome.sync == "OutOfSync" and not left)


def _fields(key: Key, changes: tuple[FieldChange, ...], context: Context) -> dict[str, Any]:
    places = {pointer(change.path): context.where(key, change.path) for change in changes}
    return {
        "fields": tuple(short_change(change) for change in changes),
        "origins": {path: place for path, place in places.items() if place},
    }


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MANY]) + (" …" if len(names) > _MANY else "")


def _event(
    type_: str,
    context: Context,
    message: str,
    *,
    key: Key | None = None,
    severity: Severity = "info",
    detail: Mapping[str, Json] | None = None,
    **rest: Any,
) -> Event:
    return Event(
        type=type_,
        time=context.time,
        application=context.application,
        message=message[:2000],
        severity=severity,
        key=key,
        target=context.target,
        revision=context.revision,
        reconcile_id=context.reconcile_id,
        detail=detail or {},
        **rest,
    )
