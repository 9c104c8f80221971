"""The events between two outcomes: each change of state is reported once.

Pure functions. Each takes what was reported before, and returns what is reported after it and the new events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from ecsync.core.model import Adopt, Create, Delete, FieldChange, Forget, Key, Problem, Replace, Target, Update
from ecsync.core.outcome import Done, Event, Failed, HealthStatus, Outcome, Plan, Progressing, Step, StepId, Withheld
from ecsync.core.trees import Json, Path, dotted, pointer
from ecsync.report import deletions, drift
from ecsync.report.changes import short_changes
from ecsync.report.deletions import Deletions
from ecsync.report.drift import Drifted, Present, Transition

Severity: TypeAlias = Literal["info", "warning", "error"]

_VERBS: Mapping[type, str] = {  # a delete is reported when the resource is gone (`_deleted`)
    Create: "created",
    Update: "updated",
    Replace: "replaced",
    Adopt: "adopted",
    Forget: "released",
}
_WORKING = (Create, Update, Replace, Delete)  # the changes that make a sync; marks and adoptions do not
_MANY = 5  # names in a message; the others are not listed
_LONGEST = 2000  # characters of a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What was reported of one application. The next outcome is compared with it; if lost, it is reported again."""

    drift: Drifted = field(default_factory=dict)
    present: Present = field(default_factory=dict)
    health: Mapping[Key, HealthStatus] = field(default_factory=dict)
    awaiting: frozenset[tuple[Key, str]] = frozenset()  # what waits for a person
    deletions: Deletions = field(default_factory=dict)
    accepted: Mapping[StepId, Step] = field(default_factory=dict)  # the steps with a change that AWS works on
    stopped: frozenset[Key] = frozenset()
    not_converging: frozenset[Key] = frozenset()
    approval: str = ""  # the digest of what needs an approval
    sync: Literal["idle", "working"] = "idle"
    revision: str = ""  # of the sync that was started
    failures: frozenset[tuple[StepId, str]] = frozenset()
    problems: frozenset[Problem] = frozenset()
    failing: str = ""  # why no plan was made


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What every event of one pass carries. `where` returns `file:line` of a field, or nothing."""

    time: datetime
    application: str
    target: Target | None = None
    revision: str = ""
    reconcile_id: str = ""
    where: Callable[[Key, Path], str] = lambda _key, _path: ""
    observes: bool = False  # nothing would be done, also if a person approved it


def pass_started(reported: Reported, plan: Plan, context: Context) -> tuple[Reported, tuple[Event, ...]]:
    """Report that a plan will be applied, unless it continues a sync that was reported and has not ended."""
    runnable = [str(step.id) for step in plan.steps if step.calls and isinstance(step.change, _WORKING)]
    if not runnable or (reported.sync == "working" and reported.revision == plan.revision):
        return reported, ()
    changes = "1 change" if len(runnable) == 1 else f"{len(runnable)} changes"
    event = _event("sync.started", context, f"applying {changes}: {_some(runnable)}", detail={"steps": runnable})
    return replace(reported, sync="working", revision=plan.revision), (event,)


def pass_ended(reported: Reported, outcome: Outcome, context: Context) -> tuple[Reported, tuple[Event, ...]]:
    """Report what a pass has changed or found changed."""
    outcome = replace(outcome, statuses=tuple(outcome.statuses))  # packed ones are made again by each look at them
    events: list[Event] = []
    if reported.failing:
        events.append(_event("pass.resumed", context, "plans are made again"))
    if _tried(outcome):
        reported, started = pass_started(reported, outcome.plan, context)
        events += started
    under_way, deleted = deletions.follow(reported.deletions, outcome)
    drifted, transitions = drift.follow(reported.drift, reported.present, outcome)
    failures = _failures(outcome)
    over = _over(outcome, failures)
    events += [_drift(transition, context) for transition in transitions]
    accepted, completed = _accepted(reported.accepted, outcome)
    events += _changes(outcome, completed, context)
    events += _deleted(deleted, outcome, context)
    events += _stopped(reported, outcome, context)
    events += _not_converging(reported, outcome, context)
    events += _approval(reported, outcome, context)
    events += _health(reported, outcome, context)
    events += _sync(reported, outcome, failures, over, context)
    return (
        replace(
            reported,
            drift=drifted,
            present=drift.alive(reported.present, outcome),
            health={status.key: status.health.status for status in outcome.statuses},
            awaiting=frozenset((one.key, one.health.awaits) for one in outcome.statuses if one.health.awaits),
            stopped=frozenset(outcome.plan.stopped),
            not_converging=frozenset(one.step.id.key for one in _written_in_vain(outcome)),
            approval=outcome.plan.approval,
            sync="idle" if over else reported.sync,
            failures=_fingerprint(failures) or (frozenset() if over else reported.failures),
            deletions=under_way,
            accepted=accepted,
            failing="",
        ),
        tuple(events),
    )


def pass_failed(reported: Reported, error: str, context: Context) -> tuple[Reported, tuple[Event, ...]]:
    """Report that no plan was made (lost credentials, a guard that refused), once for each reason.

    What was reported of the resources does not change.
    """
    reason = _first_parts(error)
    if reason == reported.failing:
        return reported, ()
    event = _event("pass.failed", context, f"no plan was made: {error}", severity="error")
    return replace(reported, failing=reason), (event,)


def manifests_read(
    reported: Reported, problems: tuple[Problem, ...], context: Context
) -> tuple[Reported, tuple[Event, ...]]:
    """Report that the manifests of an application became invalid, have other problems, or are valid again."""
    now = frozenset(problems)
    if now == reported.problems:
        return reported, ()
    reported = replace(reported, problems=now)
    if not problems:
        return reported, (_event("app.valid", context, "the manifests are valid again"),)
    text = str(problems[0]) + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")
    detail = {"problems": [str(problem) for problem in problems[:20]]}
    return reported, (_event("app.invalid", context, text, severity="error", detail=detail),)


# ---------------------------------------------------------------- parts of `pass_ended`


def _drift(transition: Transition, context: Context) -> Event:
    return _event(
        f"drift.{transition.state}",
        context,
        _drift_text(transition),
        key=transition.key,
        severity="info" if transition.state == "resolved" else "warning",
        detail={"action": transition.action},
        **_fields(transition.key, transition.fields, context),
    )


def _drift_text(transition: Transition) -> str:
    if transition.state == "resolved":
        return f"{transition.key} no longer drifts"
    if transition.action == "missing":
        return f"{transition.key} was deleted outside ecsync"
    paths = _some([dotted(change.path) for change in transition.fields])
    if transition.state == "changed":
        return f"the drift of {transition.key} changed: {paths}"
    return f"{transition.key} was changed outside ecsync: {paths}"


def lease_changed(before: bool, now: bool, state: str, detail: Mapping[str, Json], time: datetime) -> Event:
    """Report who writes: this process (`now`: it holds the lease), or another one. `state` is the lease's, as text."""
    context = Context(time=time, application="")
    if now:
        return _event("lease.taken", context, "this process writes from now on: it holds the lease")
    if before:
        text = f"nothing more is written: the lease is {state}"
        return _event("lease.lost", context, text, severity="warning", detail=detail)
    return _event("lease.waiting", context, f"nothing is written: the lease is {state}", detail=detail)


def _accepted(before: Mapping[StepId, Step], outcome: Outcome) -> tuple[Mapping[StepId, Step], tuple[Step, ...]]:
    """Return the steps with a change that AWS works on, and those with a change that it has completed since."""
    results, planned = outcome.results, {step.id: step for step in outcome.plan.steps}
    now = {step for step, result in results.items() if isinstance(result, Progressing) and result.accepted}
    waiting = {step for step in before if isinstance(results.get(step), Progressing)}
    unknown = drift.unreadable(outcome)
    kept = {step: planned[step] if step in planned else before[step] for step in now | waiting}
    kept |= {step: one for step, one in before.items() if step.key in unknown}
    synced = {status.key for status in outcome.statuses if status.sync == "Synced"}
    completed = tuple(one for step, one in before.items() if step not in kept and step.key in synced)
    return kept, completed


def _changes(outcome: Outcome, completed: tuple[Step, ...], context: Context) -> Iterator[Event]:
    """Yield an event for each step that is done. A step is an action, not a state: it is reported each time."""
    done = (step for step in outcome.plan.steps if isinstance(outcome.results.get(step.id), Done))
    for step in (*completed, *done):
        verb = _VERBS.get(type(step.change))
        if verb is not None:
            yield _event(
                f"resource.{verb}",
                context,
                f"{step.id} {verb}",
                key=step.id.key,
                detail={"calls": [call.name for call in step.calls]},
                **_fields(step.id.key, step.fields, context),
            )


def _deleted(deleted: Deletions, outcome: Outcome, context: Context) -> Iterator[Event]:
    """Yield an event for each deletion that ended: of the resource of a key, or of an older one of that key."""
    declared = {status.key for status in outcome.statuses}
    for deletion, calls in deleted.items():
        detail: dict[str, Json] = {"calls": list(calls)} if calls else {}
        detail |= {"physical": deletion.name} if deletion.name else {}
        key = deletion.step.key
        if deletions.is_leftover(deletion, declared):
            text = f"{deletion.name} deleted: an old resource of {key}"
            yield _event("leftover.deleted", context, text, key=key, detail=detail)
        else:
            yield _event("resource.deleted", context, f"{key} deleted", key=key, detail=detail)


def _stopped(reported: Reported, outcome: Outcome, context: Context) -> Iterator[Event]:
    for key, why in outcome.plan.stopped.items():
        if key not in reported.stopped:
            text = f"{key} was rolled back and will not be retried until its manifest changes, or `ecsync retry`: {why}"
            yield _event("deployment.rolledback", context, text, key=key, severity="error")


def _not_converging(reported: Reported, outcome: Outcome, context: Context) -> Iterator[Event]:
    for one in _written_in_vain(outcome):
        key = one.step.id.key
        if key not in reported.not_converging:
            yield _event(
                "resource.notconverging",
                context,
                f"{key} is {one.reason}",
                key=key,
                severity="error",
                **_fields(key, one.step.fields, context),
            )


def _written_in_vain(outcome: Outcome) -> list[Withheld]:
    return [one for one in outcome.plan.withheld if one.obstacle == "not_converging"]


def _approval(reported: Reported, outcome: Outcome, context: Context) -> Iterator[Event]:
    digest, named = outcome.plan.approval, [str(one.step.id) for one in outcome.plan.withheld if one.named]
    if digest and digest != reported.approval and not context.observes:
        command = f"`ecsync approve {context.application} --digest {digest}`"
        text = f"{_some(named)}: not done without an approval: {command}"
        detail = {"digest": digest, "steps": named}
        yield _event("approval.needed", context, text, severity="warning", detail=detail)


def _health(reported: Reported, outcome: Outcome, context: Context) -> Iterator[Event]:
    """Yield the changes of health, and what waits for a person. The first health is reported only if it is Degraded."""
    for status in outcome.statuses:
        before, now = reported.health.get(status.key), status.health.status
        awaits = bool(status.health.awaits) and (status.key, status.health.awaits) not in reported.awaiting
        if not awaits and (before == now or (before is None and now != "Degraded")):
            continue
        text = f"{status.key} is {now}" + (f": {status.health.why}" if status.health.why else "")
        severity: Severity = "warning" if now in ("Degraded", "Missing", "Unknown") else "info"
        detail = {"before": before, "after": now}
        yield _event("health.changed", context, text, key=status.key, severity=severity, detail=detail)


def _sync(
    reported: Reported, outcome: Outcome, failures: Mapping[StepId, Failed], over: bool, context: Context
) -> Iterator[Event]:
    if failures and _fingerprint(failures) != reported.failures:
        step, failed = next(iter(failures.items()))
        text = f"{step}: {failed.error}" + (f" (and {len(failures) - 1} more)" if len(failures) > 1 else "")
        detail: dict[str, Json] = {"failed": [str(each) for each in failures], "retry": failed.retry}
        yield _event("sync.failed", context, text, severity="error", detail=detail)
    elif over and (reported.sync == "working" or reported.failures):
        yield _end_of_sync(outcome, context)


def _end_of_sync(outcome: Outcome, context: Context) -> Event:
    """Return the event that nothing more is done: all is applied, or all that is not held."""
    revision, held = outcome.plan.revision, [str(one.step.id) for one in outcome.plan.withheld]
    if not held:
        return _event("sync.succeeded", context, f"revision {revision} is applied")
    text = f"revision {revision} is applied, but for what is held: {_some(held)}"
    return _event("sync.held", context, text, severity="warning", detail={"held": held})


# ---------------------------------------------------------------- what an outcome contains


def _tried(outcome: Outcome) -> bool:
    """Return whether the pass called AWS to change something."""
    working = {step.id for step in outcome.plan.steps if isinstance(step.change, _WORKING)}
    return any(
        step in working and (isinstance(result, Done | Progressing) or (isinstance(result, Failed) and result.sent))
        for step, result in outcome.results.items()
    )


def _failures(outcome: Outcome) -> dict[StepId, Failed]:
    stopped = {StepId(key=key): Failed(error=why, retry="never") for key, why in outcome.plan.stopped.items()}
    return stopped | {step: result for step, result in outcome.results.items() if isinstance(result, Failed)}


def _fingerprint(failures: Mapping[StepId, Failed]) -> frozenset[tuple[StepId, str]]:
    """Return which steps failed and the code of each error. The rest of AWS's text has ids that differ each time."""
    return frozenset((step, _first_parts(failed.error)) for step, failed in failures.items())


def _first_parts(error: str) -> str:
    """Return the operation and the code of `operation: code: message`."""
    return ":".join(error.split(":")[:2])


def _over(outcome: Outcome, failures: Mapping[StepId, Failed]) -> bool:
    """Return whether nothing is left to do or to wait for. A held step does not count; a Degraded resource does."""
    waiting = any(isinstance(result, Progressing) for result in outcome.results.values())
    if failures or waiting or outcome.health in ("Progressing", "Degraded"):
        return False
    left = any(isinstance(step.change, _WORKING) for step in outcome.plan.steps)
    return outcome.sync == "Synced" or (outcome.sync == "OutOfSync" and not left)


def _fields(key: Key, changes: tuple[FieldChange, ...], context: Context) -> dict[str, Any]:
    fields = tuple(short_changes(changes))
    places = {pointer(part.path): context.where(key, part.path) for part in fields}
    return {
        "fields": fields,
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
        message=message[:_LONGEST],
        severity=severity,
        key=key,
        target=context.target,
        revision=context.revision,
        reconcile_id=context.reconcile_id,
        detail=detail or {},
        **rest,
    )
