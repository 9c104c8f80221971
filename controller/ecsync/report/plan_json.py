"""A plan as JSON: stable and versioned, for other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ecsync.core import redact, status
from ecsync.core.constraints.plan import Refused
from ecsync.core.diff import readable
from ecsync.core.kind import Kind
from ecsync.core.model import Call, FieldChange, Key, Problem
from ecsync.core.outcome import HealthStatus, Plan, Step, SyncStatus
from ecsync.core.trees import Json, Path, canonical, dotted, plain, pointer

Where = Callable[[Key, Path], str]  # `file:line` of a field, or of its document


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, and what is printed with it."""

    plan: Plan
    kinds: Mapping[str, Kind]
    where: Where = lambda _key, _path: ""
    source: str = ""
    sync: SyncStatus = "Unknown"
    health: HealthStatus = "Unknown"
    notes: Mapping[Key, str] = field(default_factory=dict)  # resources without a step: why an old one of theirs is kept
    refused: tuple[Refused, ...] = ()  # what AWS will refuse, and what is surely not meant
    remarks: tuple[str, ...] = ()  # why not all of it is done, or not at once


def refusal(found: Refused, where: Where) -> str:
    """Return what AWS will refuse, or what is surely not meant, as one line."""
    sign, word = ("✖", "AWS will refuse it") if found.breach.level == "error" else ("≈", "note")
    return f"{sign} {found.key}: {word}: {found.breach.message} {where(found.key, found.breach.path)}".rstrip()


def digest(plans: Sequence[Plan]) -> str:
    """Return the digest of the plans of all applications; that of the plan itself if there is one."""
    each = sorted(plan.digest for plan in plans)
    return each[0] if len(each) == 1 else sha256(canonical(each).encode()).hexdigest()[:12]


def document(
    planned: Sequence[Planned], problems: Sequence[Problem] = (), failed: Mapping[str, str] | None = None
) -> dict[str, Json]:
    """Return the plans of all applications as one document. `failed` has the errors of those without one, by name."""
    applications = [_application(one) for one in planned]
    summary: dict[str, int] = {}
    for one in applications:
        for action, count in one["summary"].items():
            summary[action] = summary.get(action, 0) + count
    return {
        "apiVersion": "ecsync/v1",
        "kind": "Plan",
        "applications": applications,
        "failed": [{"application": name, "error": error} for name, error in (failed or {}).items()],
        "digest": digest([one.plan for one in planned]),
        "problems": [problem(one) for one in problems],
        "summary": summary,
    }


def problem(one: Problem) -> dict[str, Json]:
    """Return a problem as JSON."""
    origin = one.origin
    return {"file": origin.file, "line": origin.line, "column": origin.column, "message": one.message}


def _application(one: Planned) -> dict[str, Json]:
    plan = one.plan
    return {
        "name": plan.application,
        "revision": plan.revision,
        "target": {"account": plan.target.account, "region": plan.target.region},
        "digest": plan.digest,
        "approval": plan.approval,
        "sync": one.sync,
        "health": one.health,
        "steps": [_step(step, one) for step in plan.steps],
        "held": [
            {**_step(held.step, one), "reason": str(held.reason), "obstacle": held.obstacle} for held in plan.withheld
        ],
        "unreadable": [{"key": key.full, "reason": why} for key, why in plan.unreadable.items()],
        "stopped": [{"key": key.full, "reason": why} for key, why in plan.stopped.items()],
        "incomplete": plan.incomplete,
        "remarks": list(one.remarks),
        "unmanaged": [
            {
                "key": left.key.full,
                "path": pointer(left.path),
                "value": plain(left.value),
                "owner": left.owner,
                "declared": plain(left.declared),
            }
            for left in plan.unmanaged
        ],
        "constraints": [
            {
                "key": found.key.full,
                "level": found.breach.level,
                "path": pointer(found.breach.path),
                "message": found.breach.message,
                "origin": one.where(found.key, found.breach.path),
            }
            for found in one.refused
        ],
        "notes": [{"key": key.full, "message": note} for key, note in one.notes.items()],
        "summary": status.summary(plan),
    }


def _step(step: Step, one: Planned) -> dict[str, Json]:
    return {
        "key": step.id.key.full,
        "phase": step.id.phase,
        "action": type(step.change).__name__.lower(),
        "fields": [_field(part, step.id.key, one.where) for part in readable(step.fields)],
        "calls": [_call(call, one.kinds[step.id.key.kind]) for call in step.calls],
        "after": sorted(other.key.full for other in step.after),
        "waiting": step.waiting,
    }


def _field(change: FieldChange, key: Key, where: Where) -> dict[str, Json]:
    return {
        "path": pointer(change.path),
        "shown": dotted(change.path),
        "before": plain(change.before),
        "after": plain(change.after),
        "effect": change.effect,
        "reason": change.reason,
        "note": change.note,
        "origin": where(key, change.path),
    }


def _call(call: Call, kind: Kind) -> dict[str, Json]:
    shown = redact.params(call.params, kind.rules)
    return {"service": call.service, "operation": call.operation, "params": plain(shown)}
