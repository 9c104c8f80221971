"""Carry out a plan, step by step: read again, decide again, call. It never waits; what is not ready comes next pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from ecsync.core import marks, plan
from ecsync.core.deletes import deletion
from ecsync.core.graph import references
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Owned
from ecsync.core.model import (
    DELETING,
    Absent,
    Adopt,
    Call,
    Create,
    Delete,
    Done,
    Failed,
    Forget,
    Key,
    Observed,
    Plan,
    Present,
    Progressing,
    Ref,
    Result,
    Skipped,
    Step,
    StepId,
    Update,
)
from ecsync.core.ports import AwsError, Clock, Cloud
from ecsync.core.resolve import resolve
from ecsync.core.trees import Json, at
from ecsync.engine.observe import observe
from ecsync.engine.step_state import StepState

Announce = Callable[[Step, Result], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionContext:
    """What carrying out a plan needs of the outside.

    `may_go_on` is asked before every mutating call: false when the claim is lost or the process is to stop.
    `serial` gives the lock of a domain in which one mutation at a time may be under way (rule 30).
    """

    cloud: Cloud
    clock: Clock
    step_state: StepState
    may_go_on: Callable[[], bool]
    serial: Callable[[str], AbstractContextManager[object]]
    announce: Announce = lambda *_: None
    adopting: bool = False  # `ecsync adopt`: adoption steps, and nothing else


@dataclass(slots=True)
class _Run:
    inputs: Inputs
    context: ExecutionContext
    world: dict[Key, Observed]
    results: dict[StepId, Result] = field(default_factory=dict)
    blocking: dict[StepId, str] = field(default_factory=dict)  # steps that others must not follow, and why
    halted: str = ""  # why nothing more is tried in this pass


def execute(
    inputs: Inputs, plan_: Plan, context: ExecutionContext
) -> tuple[Mapping[StepId, Result], Mapping[Key, Observed]]:
    """Carry out the steps in order; a failure stops what depends on it, siblings go on.

    Returns what became of each step, and the world as it is known now.
    """
    run = _Run(inputs=inputs, context=context, world=dict(inputs.world))
    for step in plan_.steps:
        if context.adopting != isinstance(step.change, Adopt):  # it is there, whoever's it is: nothing waits for it
            result: Result = Skipped(reason=_not_now(context))
        else:
            result = _in_turn(run, step)
            if isinstance(result, Failed | Skipped):
                run.blocking.setdefault(step.id, "was not done")
        run.results[step.id] = result
        context.announce(step, result)
    return run.results, run.world


def _not_now(context: ExecutionContext) -> str:
    return "only adoptions are made now" if context.adopting else "unclaimed; run `ecsync adopt` to take it over"


def _in_turn(run: _Run, step: Step) -> Result:
    if run.halted:
        return Skipped(reason=run.halted)
    waits = sorted(other for other in step.after if other in run.blocking)
    if waits:
        return Skipped(reason=f"waits for {waits[0]}, which {run.blocking[waits[0]]}")
    try:
        return _carry_out(run, step)
    except AwsError as error:
        now = run.context.clock.monotonic()
        needs = frozenset(other.key for other in step.after) | _referred(step)
        result = run.context.step_state.verdict(step.id, error, needs, now)
        if error.kind in ("credentials", "throttled"):
            run.halted = f"stopped after {error}"
        if isinstance(result, Progressing):
            run.blocking[step.id] = "is not ready"
        return result


def _referred(step: Step) -> frozenset[Key]:
    change = step.change
    if isinstance(change, Create | Update):
        return frozenset(ref.key for call in step.calls for _, ref in references(call.params))
    return frozenset()


def _carry_out(run: _Run, step: Step) -> Result:
    fresh = _decide_again(run, step)
    if not isinstance(fresh, Step):
        if isinstance(fresh, Progressing):
            run.blocking[step.id] = "is not ready"
        return fresh
    if run.context.adopting != isinstance(fresh.change, Adopt):
        # What became ours with what it belongs to is adopted; what lost its marks since the plan is nobody's now.
        return Done() if run.context.adopting else Skipped(reason=_not_now(run.context))
    unknown = next((ref for call in fresh.calls for _, ref in references(call.params) if _unknown(fresh, ref)), None)
    if unknown is not None:
        return Skipped(reason=f"{unknown} is not known yet")
    if fresh.waiting and not fresh.calls:
        if fresh.fields or isinstance(fresh.change, Delete):
            run.blocking[step.id] = f"is waiting: {fresh.waiting}"
        return Progressing(why=fresh.waiting)
    kind = run.inputs.kind(step.id.key)
    change = fresh.change
    body = change.observed.body if isinstance(change, Delete | Forget) else change.desired.body
    domain = kind.serial_domain(body) if kind.serial_domain else ""
    with run.context.serial(domain):
        captured = _call(run, fresh)
    if captured is None:
        run.halted = "the pass was told to stop"
        return Skipped(reason=run.halted)
    return _afterwards(run, fresh, captured)


def _unknown(step: Step, ref: Ref) -> bool:
    """Tell whether nobody will know the value in time: a step is told only what its own calls capture."""
    return ref.key != step.id.key or not any(ref.output in call.captures for call in step.calls)


def _decide_again(run: _Run, step: Step) -> Step | Result:
    """Read the resource anew and plan it anew: nothing is written on what was true a while ago (rule 25)."""
    inputs = replace(run.inputs, world=run.world)
    if step.id.phase == "prune":
        return _orphan_again(run, inputs, step)
    now = run.context.clock.now()
    run.world = observe(run.context.cloud, inputs, now, only=step.id.key)
    decided = plan.replan(replace(inputs, world=run.world), step)
    for fresh in decided.steps:
        if fresh.id == step.id:
            return replace(fresh, after=step.after)
    key = step.id.key
    if key in decided.unreadable:
        return Failed(error=decided.unreadable[key])
    if key in decided.stopped:
        return Failed(error=decided.stopped[key], retry="never")
    held = next((one.reason for one in decided.withheld if one.step.id.key == key), None)
    return Skipped(reason=held) if held else Done()


def _orphan_again(run: _Run, inputs: Inputs, step: Step) -> Step | Result:
    """List again what we own of the kind: a delete bypasses everything that was read before."""
    run.context.step_state.listed = None  # whatever comes of it, the list is not what it was
    kind = inputs.kind(step.id.key)
    assert isinstance(step.change, Delete | Forget)
    before = step.change.observed
    listed = kind.owned(run.context.cloud, inputs.installation) if kind.owned else iter(())
    for owned in listed:
        if _same(owned, before) and owned.marks.owner == marks.owner(inputs.installation, step.id.key):
            return replace(deletion(inputs, step.id.key, owned.present, waiting=step.waiting), after=step.after)
    return Done()


def _same(owned: Owned, before: Present) -> bool:
    return owned.present.outputs == before.outputs and owned.marks == before.marks


def _call(run: _Run, step: Step) -> dict[str, str] | None:
    """Make the calls of a step in order; None when told to stop before one of them."""
    captured: dict[str, str] = {}

    def value(ref: Ref) -> str | tuple[str, ...] | None:
        known = replace(run.inputs, world=run.world)
        own = captured.get(ref.output) if ref.key == step.id.key else None
        return own if own is not None else known.value_of(ref)

    for call in step.calls:
        if not run.context.may_go_on():
            return None
        if isinstance(step.change, Create):
            run.context.step_state.young.add(step.id.key)  # from the first call on: a later one may fail
        response = run.context.cloud.write(call.service, call.operation, **resolve(call.params, value, ()))
        captured |= _captures(call, response)
    return captured


def _captures(call: Call, response: Json) -> dict[str, str]:
    found = {output: at(response, path) for output, path in call.captures.items()}
    return {output: str(value) for output, value in found.items() if value is not None}


def _afterwards(run: _Run, step: Step, captured: Mapping[str, str]) -> Result:
    """Take note of what was done, so that the steps that follow see it."""
    now = run.context.clock.monotonic()
    repaired = any(one.reason == "drift" for one in step.fields) and not isinstance(step.change, Adopt)
    run.context.step_state.went_well(step.id, now, repaired=repaired)
    if isinstance(step.change, Delete | Forget):
        if isinstance(step.change, Delete):
            run.blocking[step.id] = "is being deleted"
            return Progressing(why=DELETING, after=5.0)
        return Done()
    inputs = replace(run.inputs, world=run.world)
    run.world = observe(run.context.cloud, inputs, run.context.clock.now(), only=step.id.key)
    seen = run.world[step.id.key]
    if isinstance(seen, Present):
        run.world[step.id.key] = replace(seen, outputs={**seen.outputs, **captured})
    elif isinstance(seen, Absent) and isinstance(step.change, Create):
        # AWS does not list yet what it has just made; the response told what others need of it.
        desired = step.change.desired
        known = run.inputs.kind(step.id.key).known(desired.body)
        run.world[step.id.key] = Present(
            body=desired.body, outputs={**known, **captured}, marks=marks.read(step.change.marks)
        )
    return Progressing(why=step.waiting) if step.waiting else Done()
