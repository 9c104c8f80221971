"""Apply a plan step by step: read again, plan again, call. It never waits: what is not ready comes in a later pass."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import islice

from ecsync.core import plan
from ecsync.core.graph import in_groups, references
from ecsync.core.inputs import Inputs, why_unknown
from ecsync.core.model import Absent, Adopt, Create, Delete, Forget, Key, Observed, Present, Ref, Replace
from ecsync.core.outcome import DELETING, Done, Failed, Plan, Progressing, Result, Skipped, Step, StepId
from ecsync.core.ports import UNLIMITED, AwsError, Budget, Clock, Cloud, Deferred, WritesStopped
from ecsync.core.resolve import resolve
from ecsync.engine import orphans
from ecsync.engine.inventory import Inventory
from ecsync.engine.observe import as_created, captures, neighbours, observe
from ecsync.engine.retries import adds, content_digest, is_unknown, makes, needs, purpose, unmet
from ecsync.engine.step_state import StepState
from ecsync.engine.views import MOMENT, View, around, confirmed, fresh

_READ_AHEAD = 49  # resources of the same kind that are read with one that is created
_LOOK_AGAIN = 5.0  # seconds until the next pass, if this process may not write now
Announce = Callable[[Step, Result], None]
Ready = Callable[[str, str], None]  # raises Deferred where a call of (service, operation) would


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionContext:
    """What the executor needs beside the plan.

    `may_go_on` is called before every mutating call: False if the claim is lost or the process is to stop.
    `serial` returns the lock of a domain in which AWS takes one mutation at a time (docs/rules.md R31).
    """

    cloud: Cloud
    inventory: Inventory
    clock: Clock
    step_state: StepState
    may_go_on: Callable[[], bool]
    serial: Callable[[str], AbstractContextManager[object]]
    budget: int = 10  # resources that this pass may delete or replace
    hourly: Budget = UNLIMITED
    ready: Ready = lambda *_: None
    announce: Announce = lambda *_: None
    adopting: bool = False  # `ecsync adopt`: adoption steps, and nothing else
    confirmed: Collection[Key] = ()  # resources that were read for the plan a moment ago, with what they depend on


@dataclass(slots=True)
class _Run:
    inputs: Inputs
    context: ExecutionContext
    world: dict[Key, Observed]
    steps: Sequence[Step] = ()
    before: int = 0  # the place of the last write before this pass
    looked: int = 0  # the place after everything that the plan was made from
    read: dict[Key, float] = field(default_factory=dict)  # when the resource of a step was last read
    removes: bool = False  # whether a step removes something
    depended: frozenset[Key] = frozenset()  # resources that a step about another one depends on
    written: dict[Key, int] = field(default_factory=dict)  # the place of the last write in the order of the inventory
    results: dict[StepId, Result] = field(default_factory=dict)
    blocking: dict[StepId, str] = field(default_factory=dict)  # steps that the steps after them wait for, and why
    removed: int = 0  # resources deleted or replaced in this pass
    changed: set[Key] = field(default_factory=set)  # resources that AWS may have changed
    halted: str = ""  # why no further step is tried in this pass
    throttled: dict[str, str] = field(default_factory=dict)  # kinds of which no further step is tried, and why


def execute(
    inputs: Inputs, plan_: Plan, context: ExecutionContext
) -> tuple[Mapping[StepId, Result], Mapping[Key, Observed]]:
    """Apply the steps, each as soon as those that it waits for are done. A failure stops the steps that depend on it.

    Returns the result of each step, and the world as last observed.
    """
    run = _Run(inputs=inputs, context=context, world=dict(inputs.world), steps=in_groups(plan_.steps))
    run.before, run.looked = context.step_state.written, context.inventory.mark()
    run.read = {key: context.clock.monotonic() for key in context.confirmed if not inputs.is_without_parent(key)}
    run.removes = any(isinstance(step.change, Delete | Forget) for step in plan_.steps)
    run.depended = frozenset(key for step in plan_.steps for key in needs(step) if key != step.id.key)
    for step in run.steps:
        if context.adopting != isinstance(step.change, Adopt):
            result: Result = Skipped(reason=_other_mode(context))  # blocks no step: the resource exists
        else:
            result = _in_turn(run, step)
            if isinstance(result, Failed | Skipped) and not inputs.only_removes(step):
                run.blocking.setdefault(step.id, "was not done")
        run.results[step.id] = result
        context.announce(step, result)
    return run.results, run.world


def _other_mode(context: ExecutionContext) -> str:
    return "`ecsync adopt` only adopts" if context.adopting else "unclaimed; run `ecsync adopt` to take it over"


def _in_turn(run: _Run, step: Step) -> Result:
    """Apply a step unless its retry is not due, the pass was halted, or a step before it blocks it."""
    state, now = run.context.step_state, run.context.clock.monotonic()
    condition = run.inputs.kind(step.id.key).condition(run.world.get(step.id.key))
    if condition is not None and condition.state == "failed" and state.retries.is_accepted(step.id):
        return state.given_up(step.id, condition.why, now, content=_content(run, step), sent=False)
    held = state.held(step, _content(run, step), needs(step), now)
    if held is not None:
        return _noted(run, step, held)
    blocker = next((other for other in sorted(step.after) if other in run.blocking), None)
    waits = f"waits for {blocker}, which {run.blocking[blocker]}" if blocker else ""
    prevented = run.halted or waits or run.throttled.get(step.id.key.kind, "")
    if prevented:
        return state.retries.not_sent(step.id, prevented)
    missing = unmet(step, run.inputs, run.world)
    if missing is not None and missing.under_way:
        return _noted(run, step, Progressing(why=missing.why, after=5.0))
    if missing is not None:
        return state.retries.not_sent(step.id, missing.why)
    if over := run.context.hourly.take(step):  # before anything is read for it
        return _noted(run, step, over)
    try:
        return _apply(run, step)
    except Deferred as deferred:
        return _deferred(run, step, deferred)
    except WritesStopped as stopped:
        run.halted = str(stopped)
        return _noted(run, step, Progressing(why=run.halted, after=_LOOK_AGAIN))
    except AwsError as error:
        return _failed(run, step, error)
    finally:
        run.context.hourly.give_back(step, changed=step.id.key in run.changed)


def _failed(run: _Run, step: Step, error: AwsError) -> Result:
    """Note the error of a step, and how far it reaches.

    Lost credentials end the pass. A resource that is throttled for the first time ends the steps of its kind, because
    more calls would cause more throttling. If it is throttled again, it waits alone: the others are not held up by it.
    """
    state = run.context.step_state
    if error.kind == "credentials":
        run.halted = f"stopped after {error}"
        state.retries.forget_denied()
    elif error.kind == "throttled" and step.id not in state.retries.rows:
        run.throttled[step.id.key.kind] = f"stopped after {error}"
    if error.kind == "transient" and step.id.key in run.written:
        run.changed.add(step.id.key)  # AWS may have done it
    now = run.context.clock.monotonic()
    return _noted(run, step, state.result_of(step.id, error, needs(step), now, _content(run, step)))


def _deferred(run: _Run, step: Step, deferred: Deferred) -> Result:
    """Note that a step waits for our rate limit, and how far it reaches. Its result is that of no error.

    A change that must wait ends the steps of its kind, and the others go on. A read that must wait ends the pass.
    """
    waiting = [one.id for one in run.steps if one.id not in run.results and makes(one, deferred.operation)]
    if step.id in waiting:
        run.throttled[step.id.key.kind], after = str(deferred), deferred.after_for(len(waiting))
    else:
        run.halted, after = str(deferred), deferred.after
    failed = run.context.step_state.retries.not_sent(step.id, str(deferred))
    if isinstance(failed, Failed):  # before: its error stays
        return replace(failed, after=after)
    return _noted(run, step, Progressing(why=str(deferred), after=after, deferred=True))


def _noted(run: _Run, step: Step, result: Result) -> Result:
    """Return the result after an error; the steps that depend on a waiting one wait too."""
    if isinstance(result, Progressing):
        run.blocking[step.id] = "is not ready"
    return result


def _content(run: _Run, step: Step) -> str:
    return content_digest(step, run.inputs.desired(step.id.key))


def _apply(run: _Run, step: Step) -> Result:
    """Plan the step again from a fresh read, then make its calls, unless the plan or the mode prevents them."""
    for call in step.calls[:1]:
        run.context.ready(call.service, call.operation)  # before anything is read for it
    again = _planned_again(run, step)
    if not isinstance(again, Step):
        return again
    return _result_without_calls(run, again) or _make_calls(run, again)


# ---------------------------------------------------------------- decide again


def _planned_again(run: _Run, step: Step) -> Step | Result:
    """Read the resource and plan it again: no write is based on an older read (docs/rules.md R25)."""
    inputs = replace(run.inputs, world=run.world)
    inventory, key = run.context.inventory, step.id.key
    if step.id.phase == "prune":
        run.context.step_state.orphan_listing = None  # the step changes what was listed
        return orphans.planned_again(inventory.reader(fresh(inventory.mark())), inputs, step) or Done()
    lately = _read_lately(run, key)
    if not lately and not isinstance(step.change, Create):
        _read_beside(run, key)
    if not adds(step):
        _read(run, fresh(inventory.mark()), (key,))
    elif not lately or key in run.written:
        # What is not there is read twice: once before the step.
        _read(run, confirmed(run.written.get(key, run.looked)), _creates_like(run, step))
    decided = plan.replan(replace(inputs, world=run.world), step)
    again = next((one for one in decided.steps if one.id == step.id), None)
    if again is None:
        return _result_without_step(decided, step.id.key)
    if isinstance(again.change, Create) and not isinstance(step.change, Create):
        return Skipped(reason="AWS does not show it any more: the next pass looks again before it is created")
    return run.context.step_state.awaited(
        replace(again, after=step.after, needs=step.needs), inputs, run.context.clock.monotonic()
    )


def _read(run: _Run, view: View, keys: Sequence[Key]) -> None:
    """Read resources into the world of the pass."""
    context, inputs = run.context, replace(run.inputs, world=run.world)
    run.world = observe(context.inventory.reader(view), inputs, context.clock.now(), only=keys)
    now = context.clock.monotonic()
    run.read |= {key: now for key in keys if not inputs.is_without_parent(key)}


def _read_lately(run: _Run, key: Key) -> bool:
    """Return whether a resource was read within a moment, to confirm the plan or for its step."""
    return run.context.clock.monotonic() - run.read.get(key, float("-inf")) < MOMENT


def _read_beside(run: _Run, key: Key) -> None:
    """Read what the decision about a resource depends on. What was written in this pass stays as its write left it."""
    beside = [one for one in neighbours(run.inputs, (key,)) if one not in run.written]
    _read(run, around(run.inputs.application.sync.interval, written=run.before), beside)


def _creates_like(run: _Run, step: Step) -> list[Key]:
    """Return the resource of a step, and those of the steps after it that create the same kind: one read for all."""
    if run.inputs.kind(step.id.key).apart:
        return [step.id.key]
    following = (one.id.key for one in run.steps if adds(one) and one.id not in run.results)
    alike = (key for key in following if key.kind == step.id.key.kind and key != step.id.key)
    return [step.id.key, *islice(alike, _READ_AHEAD)]


def _result_without_step(decided: Plan, key: Key) -> Result:
    """Return the result of a step that the second plan does not contain any more."""
    if key in decided.unreadable:
        return Failed(error=decided.unreadable[key])
    if key in decided.stopped:
        return Failed(error=decided.stopped[key], retry="never")
    because = next((one.reason for one in decided.withheld if one.step.id.key == key), None)
    return Skipped(reason=because) if because else Done()


def _result_without_calls(run: _Run, step: Step) -> Result | None:
    """Return the result of a step if its calls cannot be made now, else None."""
    adopting = run.context.adopting
    if adopting != isinstance(step.change, Adopt):
        # `adopt`: it was marked since the plan, with its parent. Otherwise: it has lost its marks since the plan.
        return Done() if adopting else Skipped(reason=_other_mode(run.context))
    unknown = next((ref for call in step.calls for _, ref in references(call.params) if is_unknown(step, ref)), None)
    if unknown is not None:
        return Skipped(reason=why_unknown(replace(run.inputs, world=run.world), unknown))
    if step.waiting and not step.calls:
        if (step.fields or isinstance(step.change, Create | Delete)) and not run.inputs.only_removes(step):
            run.blocking[step.id] = f"is waiting: {step.waiting}"
        return Progressing(why=step.waiting, after=step.again)
    return None


# ---------------------------------------------------------------- call


def _make_calls(run: _Run, step: Step) -> Result:
    """Make the calls of a step inside the lock of its domain, and note the result."""
    removes = isinstance(step.change, Delete | Replace)
    if removes and run.removed >= run.context.budget:
        why = f"waits for the next pass: this one has removed {run.removed} resources, as many as the budget allows"
        return _noted(run, step, Progressing(why=why, after=2.0))
    if over := run.context.hourly.take(step):  # again: it may have had no calls before
        return _noted(run, step, over)
    run.removed += removes
    with run.context.serial(_serial_domain(run, step)):
        captured = _call(run, step)
    if captured is None:
        run.halted = "the pass was stopped"
        return Skipped(reason=run.halted)
    now = run.context.clock.monotonic()
    run.context.step_state.record_success(step, _content(run, step), now)
    return _after_removal(run, step) if isinstance(step.change, Delete | Forget) else _after_write(run, step, captured)


def _serial_domain(run: _Run, step: Step) -> str:
    kind, change = run.inputs.kind(step.id.key), step.change
    body = change.observed.body if isinstance(change, Delete | Forget) else change.desired.body
    return kind.serial_domain(body) if kind.serial_domain else ""


def _call(run: _Run, step: Step) -> dict[str, str] | None:
    """Make the calls of a step in order, and return what they captured; None if the pass was stopped between them."""
    captured: dict[str, str] = {}

    def value(ref: Ref) -> str | tuple[str, ...] | None:
        own = captured.get(ref.output) if ref.key == step.id.key else None
        return own if own is not None else replace(run.inputs, world=run.world).value_of(ref)

    for call in step.calls:
        if not run.context.may_go_on():
            return None
        sent = True
        try:
            with purpose(run.inputs, step, call).applies():
                response = run.context.cloud.write(call.service, call.operation, **resolve(call.params, value, ()))
        except (Deferred, WritesStopped):
            sent = False
            raise
        finally:
            if sent:  # also after an error: AWS may have done it
                _note_write(run, step)
        run.changed.add(step.id.key)
        captured |= captures(call, response)
        if isinstance(step.change, Replace) and captured and not _is_ours(run, step.id.key, captured):
            return {}  # the rest is for a later pass, which reads what AWS has then
    return captured


def _is_ours(run: _Run, key: Key, captured: Mapping[str, str]) -> bool:
    """Return whether what a replacement created is read back as the resource, which goes by its marks.

    AWS answers a create with an existing resource of that name, also with another owner's.
    """
    _read(run, fresh(run.written[key]), (key,))
    read = run.world[key]
    return isinstance(read, Present) and captured.items() <= read.outputs.items()


def _note_write(run: _Run, step: Step) -> None:
    """Note that what was read of a resource before is not true any more."""
    state, key = run.context.step_state, step.id.key
    if isinstance(step.change, Create | Replace):
        state.unconfirmed.add(key)  # from the first call on: a later one may fail
    run.written[key] = state.written = run.context.inventory.mark()
    state.unread.add(key)
    state.known_marks.sent(step, run.context.clock.monotonic())


# ---------------------------------------------------------------- afterwards


def _after_removal(run: _Run, step: Step) -> Result:
    if isinstance(step.change, Forget):
        return Done()
    run.blocking[step.id] = "is being deleted"
    return Progressing(why=DELETING, after=5.0)


def _after_write(run: _Run, step: Step, captured: Mapping[str, str]) -> Result:
    """Let the steps after this one see the resource: as the response has it, or read again."""
    key, change = step.id.key, step.change
    kind = run.inputs.kind(key)
    created = as_created(kind, change, captured) if isinstance(change, Create) else None
    shown = created or run.world[key]
    if not step.waiting and kind.unsettled is None and isinstance(shown, Present) and _shows_enough(run, step, shown):
        run.world[key] = replace(shown, read_at=None)  # the next pass reads it
        return Done()
    _read(run, fresh(run.written[key]), (key,))
    run.context.step_state.unread.discard(key)
    observed = run.world[key]
    if isinstance(observed, Present):
        run.world[key] = replace(observed, outputs={**observed.outputs, **captured})
    elif isinstance(observed, Absent) and created is not None:
        run.world[key] = created  # AWS does not list yet what it has just created
    waits = Progressing(why=step.waiting, after=step.again) if step.waiting else Done()
    return _of_condition(run, step) or waits


def _of_condition(run: _Run, step: Step) -> Result | None:
    """Return the result of a step with a change that AWS is at work on, or gave up; None if it is at rest."""
    condition = run.inputs.kind(step.id.key).condition(run.world.get(step.id.key))
    if condition is None or (condition.members and not any(condition.concerns(one.path) for one in step.fields)):
        return None
    state, now, content = run.context.step_state, run.context.clock.monotonic(), _content(run, step)
    if condition.state == "failed":
        return state.given_up(step.id, condition.why, now, content=content, sent=True)
    run.blocking[step.id] = f"is not ready: {condition.why}"
    return state.retries.accepted(step.id, condition.why, now, content=content)


def _shows_enough(run: _Run, step: Step, shown: Present) -> bool:
    """Return whether the steps after this one need no other values of its resource than those that are known.

    What is removed in this pass may depend on any resource, so then each one is read after its write.
    """
    if run.removes:
        return False
    known = isinstance(step.change, Create) and all(
        one in shown.outputs for one in run.inputs.read_outputs(step.id.key)
    )
    return known or step.id.key not in run.depended
