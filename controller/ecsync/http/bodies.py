"""The JSON of the API: stable, versioned by `apiVersion`. Sensitive values of fields are already redacted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ecsync.core.diff import place, readable
from ecsync.core.model import FieldChange, Key, Origin, Problem
from ecsync.core.outcome import ApplicationState, Changed, Event, LeftBehind, Outcome, Pass, ResourceStatus, Unmanaged
from ecsync.core.trees import Json, dotted, plain, pointer
from ecsync.http.view import SourceView

VERSION = "ecsync/v1"


def envelope(kind: str, **members: Json) -> dict[str, Json]:
    """Return a document of the API."""
    return {"apiVersion": VERSION, "kind": kind, **members}


def summary(app: ApplicationState) -> dict[str, Json]:
    """Return an application as an item of a list."""
    outcome = app.outcome
    return {
        "name": app.name,
        "target": {"account": app.target.account, "region": app.target.region, "name": app.target.name},
        "sync": outcome.sync if outcome else "Unknown",
        "health": outcome.health if outcome else "Unknown",
        "since": _time(app.since),  # sync and health are as they are, as this process saw it
        "mode": app.sync.mode,
        "suspended": app.suspended,
        "approval": outcome.plan.approval if outcome else "",  # the digest that it waits for
        "prune": app.sync.prune,
        "interval": app.sync.interval,
        "revision": app.revision,
        "statusRevision": outcome.plan.revision if outcome else None,  # of sync, health and resources
        "problems": len(app.problems),
        "lastPass": _pass(app.last_pass),
        "lastSuccess": _time(app.last_success),
        "nextPass": _time(app.next_pass),
    }


def application(app: ApplicationState, source: SourceView) -> dict[str, Json]:
    """Return an application with its resources and problems."""
    outcome = app.outcome
    left: dict[Key, list[Unmanaged]] = {}
    for one in outcome.plan.unmanaged if outcome else ():
        if one.declared is not None:
            left.setdefault(one.key, []).append(one)
    return summary(app) | {
        "problems": [_problem(problem) for problem in app.problems],
        "resources": [_resource(app, one, left.get(one.key, ())) for one in outcome.statuses] if outcome else [],
        "held": _held(outcome),
        "unreadable": {key.full: error for key, error in outcome.plan.unreadable.items()} if outcome else {},
        "stopped": {key.full: why for key, why in outcome.plan.stopped.items()} if outcome else {},
        "incomplete": outcome.plan.incomplete if outcome else "",
        "leftBehind": [_left_behind(one) for one in app.left_behind],
        "source": source_state(source),
    }


def source_state(source: SourceView) -> dict[str, Json]:
    """Return the state of the source."""
    return {
        "name": source.name,
        "url": source.url,
        "revision": source.revision,
        "about": dict(source.about),
        "fetchedAt": _time(source.fetched_at),
        "ageSeconds": None if source.age is None else round(source.age, 1),
        "ready": not source.reason,
        "reason": source.reason,
        "error": source.error,
    }


def event(one: Event) -> dict[str, Json]:
    """Return an event."""
    return {
        "type": one.type,
        "time": _time(one.time),
        "severity": one.severity,
        "application": one.application,
        "resource": one.key.full if one.key else None,
        "message": one.message,
        "revision": one.revision,
        "reconcileId": one.reconcile_id,
        "target": str(one.target) if one.target else None,
        "fields": [_field(change, one.origins) for change in one.fields],
        "detail": plain(one.detail),
    }


def _resource(app: ApplicationState, status: ResourceStatus, left: Sequence[Unmanaged]) -> dict[str, Json]:
    return {
        "key": status.key.full,
        "kind": status.key.kind,
        "name": status.key.name,
        "sync": status.sync,
        "health": status.health.status,
        "why": status.health.why,
        "message": status.message,
        "since": _time(app.resources_since.get(status.key)),
        "lastChange": _changed(app.changes.get(status.key)),
        "physical": status.physical,
        "origin": status.origin or None,
        "fields": [_field(part, status.origins) for part in readable(status.fields)],
        "left": [_left(one) for one in left],  # what another controller decides in place of the manifest
    }


def _left(one: Unmanaged) -> dict[str, Json]:
    return {
        "path": pointer(one.path),
        "shown": dotted(one.path),
        "value": plain(one.value),
        "owner": one.owner,
        "declared": plain(one.declared),
    }


def _changed(last: Changed | None) -> dict[str, Json] | None:
    return {"time": _time(last.time), "action": last.action, "revision": last.revision} if last else None


def _left_behind(left: LeftBehind) -> dict[str, Json]:
    return {
        "target": {"account": left.target.account, "region": left.target.region, "name": left.target.name},
        "seen": _time(left.seen),
        "resources": [{"key": key.full, "physical": physical} for key, physical in left.resources.items()],
    }


def _field(change: FieldChange, origins: Mapping[str, str]) -> dict[str, Json]:
    return {
        "path": pointer(change.path),
        "shown": dotted(change.path),
        "before": plain(change.before),
        "after": plain(change.after),
        "effect": change.effect,
        "reason": change.reason,
        "note": change.note,
        "origin": place(origins, change.path) or None,
    }


def _held(outcome: Outcome | None) -> list[dict[str, Any]]:
    withheld = outcome.held if outcome else ()
    return [{"key": held.step.id.key.full, "reason": str(held.reason), "obstacle": held.obstacle} for held in withheld]


def _problem(problem: Problem) -> dict[str, Json]:
    origin: Origin = problem.origin
    return {"file": origin.file, "line": origin.line, "column": origin.column, "message": problem.message}


def _pass(last: Pass | None) -> dict[str, Json] | None:
    if last is None:
        return None
    return {
        "reconcileId": last.reconcile_id,
        "started": _time(last.started),
        "ended": _time(last.ended),
        "result": last.result,
        "error": last.error,
        "onlyLooked": last.only_looked,
    }


def _time(when: datetime | None) -> str | None:
    return None if when is None else when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
