"""Short constructors of outcomes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ecsync.core.model import Call, Change, Create, Delete, Desired, FieldChange, Key, Present, Reason, Target, Update
from ecsync.core.outcome import (
    Health,
    HealthStatus,
    Outcome,
    Phase,
    Plan,
    ResourceStatus,
    Result,
    Step,
    StepId,
    SyncStatus,
    Withheld,
)
from ecsync.report.events import Context

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGET = Target(account="123456789012", region="eu-central-1")
API = Key(application="shop", kind="Service", name="api")
WEB = Key(application="shop", kind="TargetGroup", name="web")
CONTEXT = Context(time=NOW, application="shop", target=TARGET, revision="1", reconcile_id="r1")
LIVE = Present(body={}, outputs={})


def field(path: str, before: Any, after: Any, reason: Reason = "drift") -> FieldChange:
    """Return a change of one field."""
    return FieldChange(path=(path,), before=before, after=after, reason=reason)


def status(
    key: Key,
    *fields: FieldChange,
    health: HealthStatus = "Healthy",
    sync: SyncStatus | None = None,
    why: str = "",
    physical: str = "",
) -> ResourceStatus:
    """Return the status of a resource: in sync if it has no changed field."""
    return ResourceStatus(
        key=key,
        sync=sync or ("OutOfSync" if fields else "Synced"),
        health=Health(status=health, why=why),
        fields=fields,
        physical=physical,
    )


def create(key: Key) -> Create:
    """Return a change that creates the resource."""
    return Create(desired=Desired(key=key, body={}), marks={})


def update(key: Key, *fields: FieldChange) -> Update:
    """Return a change of fields."""
    return Update(desired=Desired(key=key, body={}), observed=LIVE, fields=fields)


def step(key: Key, change: Change, phase: Phase = "main") -> Step:
    """Return a step with one call."""
    call = Call(service="ecs", operation="UpdateService", params={})
    return Step(id=StepId(key=key, phase=phase), change=change, calls=(call,))


def outcome(
    *statuses: ResourceStatus,
    steps: tuple[Step, ...] = (),
    results: tuple[Result, ...] = (),
    held: tuple[Step, ...] = (),
    revision: str = "1",
    **plan: Any,
) -> Outcome:
    """Return an outcome of `shop`; the results belong to the steps, in order."""
    return Outcome(
        plan=Plan(
            application="shop",
            target=TARGET,
            revision=revision,
            steps=steps,
            withheld=tuple(Withheld(step=each, reason="prune is off") for each in held),
            **plan,
        ),
        results={each.id: result for each, result in zip(steps, results, strict=False)},
        statuses=statuses,
    )


def delete(key: Key, called: str = "") -> Delete:
    """Return a change that deletes the resource, or an old resource of its key with that ARN."""
    return Delete(key=key, observed=Present(body={}, outputs={"arn": called}) if called else LIVE)
