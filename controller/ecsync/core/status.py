"""What each resource is after a pass: in sync or not, well or not; derived, never stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ecsync.core.inputs import Inputs
from ecsync.core.model import (
    Absent,
    Adopt,
    Create,
    Delete,
    Desired,
    Failed,
    FieldChange,
    Forget,
    Health,
    Key,
    Mark,
    Observed,
    Plan,
    Present,
    Progressing,
    ResourceStatus,
    Result,
    Step,
    StepId,
    SyncStatus,
    Unreadable,
    Withheld,
)
from ecsync.core.origins import where
from ecsync.core.trees import pointer


def statuses(inputs: Inputs, plan: Plan, results: Mapping[StepId, Result]) -> tuple[ResourceStatus, ...]:
    """Return one status per declared resource, in the order of the application; orphans follow."""
    declared = [_status(inputs, plan, results, desired) for desired in inputs.application.resources]
    return (*declared, *_orphans(inputs, plan))


def stays(inputs: Inputs) -> dict[Key, str]:
    """Return, by resource, why what it left over may not go yet and no step is planned for it."""
    worlds = ((desired.key, inputs.world.get(desired.key)) for desired in inputs.application.resources)
    return {key: why for key, observed in worlds if (why := _stays(observed))}


def _stays(observed: Observed | None) -> str:
    kept = observed.facts.get("cleanupBlocked") if isinstance(observed, Present) else None
    return f"what is left over stays: {kept}" if kept else ""


def _status(inputs: Inputs, plan: Plan, results: Mapping[StepId, Result], desired: Desired) -> ResourceStatus:
    key = desired.key
    observed = inputs.world.get(key, Unreadable("it was not read"))
    steps = [step for step in plan.steps if step.id.key == key]
    held = [one for one in plan.withheld if one.step.id.key == key]
    sync, message = _sync(plan, key, steps, held)
    left = [(step, "") for step in steps if _of_another(step)]
    left += [(one.step, one.because) for one in held if _of_another(one.step)]
    fields = tuple(one for step in (*steps, *(one.step for one in held)) for one in step.fields)
    return ResourceStatus(
        key=key,
        sync=sync,
        health=_health(inputs, desired, observed, _results(steps, results)),
        fields=fields,
        message=message or "; ".join(_left_over(*one) for one in left) or _stays(observed),
        physical=_physical(inputs, key, observed),
        origin=str(desired.origin) if desired.origin.file else "",
        origins=_origins(inputs, desired, fields),
    )


def _of_another(step: Step) -> bool:
    """Tell whether a step is about something else than the living resource: what it left over, what it was before."""
    return step.id.phase == "prune" or (step.id.phase == "late" and isinstance(step.change, Delete))


def _left_over(step: Step, because: str) -> str:
    assert isinstance(step.change, Delete | Forget)
    what = step.change.observed.called
    if step.id.phase == "prune":
        return f"{what}, which it was before: {because or step.waiting or 'not declared any more: it goes'}"
    if because:
        return f"{what} is left over and stays: {because}"
    return f"{what} is left over and goes" + (f" when it may: {step.waiting}" if step.waiting else "")


def _results(steps: list[Step], results: Mapping[StepId, Result]) -> list[Result]:
    """Return what the health of a resource may be told from: what became of its own steps, and every failure."""
    known = [(step, results[step.id]) for step in steps if step.id in results]
    return [result for step, result in known if not _of_another(step) or isinstance(result, Failed)]


def _sync(plan: Plan, key: Key, steps: list[Step], held: list[Withheld]) -> tuple[SyncStatus, str]:
    if key in plan.unreadable:
        return "Unknown", plan.unreadable[key]
    if key in plan.stopped:
        return "OutOfSync", plan.stopped[key]
    because = next((one.because for one in held if not _of_another(one.step)), "")
    if because:
        return "OutOfSync", because
    own = [step for step in steps if not _of_another(step)]
    waiting = next((step.waiting for step in own if step.waiting), "")
    changing = any(not isinstance(step.change, Mark | Adopt) for step in own)
    changing = changing or any(one.id.phase == "prune" for one in (*steps, *(one.step for one in held)))
    unclaimed = next((step for step in own if isinstance(step.change, Adopt)), None)
    if unclaimed is not None:
        waiting = "unclaimed; run `ecsync adopt` to take it over"
    return ("OutOfSync" if changing or (unclaimed and unclaimed.fields) else "Synced"), waiting


def _health(inputs: Inputs, desired: Desired, observed: Observed, results: list[Result]) -> Health:
    if desired.options.suspend:
        return Health(status="Suspended", why="ecsync/suspend")
    failed = next((one for one in results if isinstance(one, Failed)), None)
    if failed:
        return Health(status="Degraded", why=failed.error)
    match observed:
        case Unreadable(error=error):
            return Health(status="Unknown", why=error)
        case Absent():
            missing = desired.options.state == "present"
            return Health(status="Missing" if missing else "Healthy", why="AWS does not have it" if missing else "")
        case Present():
            health = inputs.kind(desired.key).health(inputs.resolved(desired), observed)
            going = next((one for one in results if isinstance(one, Progressing)), None)
            if going and health.status == "Healthy":
                return Health(status="Progressing", why=going.why)
            return health


def _physical(inputs: Inputs, key: Key, observed: Observed) -> str:
    if not isinstance(observed, Present):
        return ""
    value = observed.outputs.get("arn", observed.outputs.get(inputs.kind(key).primary, ""))
    return value if isinstance(value, str) else ", ".join(value)


def _origins(inputs: Inputs, desired: Desired, fields: Iterable[FieldChange]) -> dict[str, str]:
    rules = inputs.kind(desired.key).rules
    places = {pointer(one.path): where(desired, one.path, rules) for one in fields}
    return {path: str(place) for path, place in places.items() if place.file}


def _orphans(inputs: Inputs, plan: Plan) -> Iterator[ResourceStatus]:
    going = [(step, step.waiting or "not declared any more: it goes") for step in plan.steps]
    for step, message in [*going, *((one.step, one.because) for one in plan.withheld)]:
        if step.id.phase != "prune" or inputs.desired(step.id.key) is not None:
            continue
        assert isinstance(step.change, Delete | Forget)
        yield ResourceStatus(
            key=step.id.key,
            sync="OutOfSync",
            health=Health(status="Healthy"),
            message=message,
            physical=step.change.observed.called,
        )


def summary(plan: Plan) -> dict[str, int]:
    """Count what a plan would do, in the words of its last line."""
    counts = {"create": 0, "update": 0, "replace": 0, "delete": 0, "adopt": 0, "mark": 0, "forget": 0}
    for step in plan.steps:
        late_part = step.id.phase == "late" and any(
            other.id.key == step.id.key and isinstance(other.change, Create) for other in plan.steps
        )
        if not late_part:
            counts[type(step.change).__name__.lower()] += 1
    counts["held"] = len(plan.withheld)
    counts["calls"] = sum(len(step.calls) for step in plan.steps if not isinstance(step.change, Adopt))
    return counts
