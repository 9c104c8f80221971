"""What each resource is after a pass: in sync or not, well or not; derived, never stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.core.model import (
    Absent,
    Adopt,
    Create,
    Desired,
    Failed,
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
)
from controller.core.scene import Scene


def statuses(scene: Scene, plan: Plan, results: Mapping[StepId, Result]) -> tuple[ResourceStatus, ...]:
    """Return one status per declared resource, in the order of the application; orphans follow."""
    declared = [_status(scene, plan, results, desired) for desired in scene.application.resources]
    return (*declared, *_orphans(scene, plan))


def _status(scene: Scene, plan: Plan, results: Mapping[StepId, Result], desired: Desired) -> ResourceStatus:
    key = desired.key
    observed = scene.world.get(key, Unreadable("it was not read"))
    steps = [step for step in plan.steps if step.id.key == key]
    held = [one for one in plan.withheld if one.step.id.key == key]
    sync, message = _sync(plan, key, steps, [(one.step, one.because) for one in held])
    return ResourceStatus(
        key=key,
        sync=sync,
        health=_health(scene, desired, observed, [results[step.id] for step in steps if step.id in results]),
        fields=tuple(one for step in (*steps, *(one.step for one in held)) for one in step.fields),
        message=message,
        physical=_physical(scene, key, observed),
    )


def _sync(plan: Plan, key: Key, steps: list[Step], held: list[tuple[Step, str]]) -> tuple[SyncStatus, str]:
    if key in plan.unreadable:
        return "Unknown", plan.unreadable[key]
    if key in plan.stopped:
        return "OutOfSync", plan.stopped[key]
    if held:
        return "OutOfSync", held[0][1]
    waiting = next((step.waiting for step in steps if step.waiting), "")
    changing = [step for step in steps if not isinstance(step.change, Mark | Adopt)]
    unclaimed = next((step for step in steps if isinstance(step.change, Adopt)), None)
    if unclaimed is not None:
        return ("OutOfSync" if unclaimed.fields else "Synced"), "unclaimed; run `ecsync adopt` to take it over"
    return ("OutOfSync" if changing else "Synced"), waiting


def _health(scene: Scene, desired: Desired, observed: Observed, results: list[Result]) -> Health:
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
            health = scene.kind(desired.key).health(scene.resolved(desired), observed)
            going = next((one for one in results if isinstance(one, Progressing)), None)
            if going and health.status == "Healthy":
                return Health(status="Progressing", why=going.why)
            return health


def _physical(scene: Scene, key: Key, observed: Observed) -> str:
    if not isinstance(observed, Present):
        return ""
    value = observed.outputs.get("arn", observed.outputs.get(scene.kind(key).primary, ""))
    return value if isinstance(value, str) else ", ".join(value)


def _orphans(scene: Scene, plan: Plan) -> Iterator[ResourceStatus]:
    going = [(step, step.waiting or "not declared any more: it goes") for step in plan.steps]
    for step, message in [*going, *((one.step, one.because) for one in plan.withheld)]:
        if step.id.phase == "prune" and scene.desired(step.id.key) is None:
            yield ResourceStatus(key=step.id.key, sync="OutOfSync", health=Health(status="Healthy"), message=message)


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
