"""A plan as text: symbol, action and colour show the same; every change has the place where it is declared."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from ecsync.core import redact, status
from ecsync.core.diff import parts, readable
from ecsync.core.model import Adopt, Create, Delete, Effect, FieldChange, Forget, Key, Mark, Replace, Update
from ecsync.core.normalise import normalise
from ecsync.core.outcome import Plan, Step, Unmanaged
from ecsync.core.trees import Json, Path, dotted, plain
from ecsync.report.changes import EFFECTS, change_lines, left_to, shown
from ecsync.report.plan_json import Planned, digest, refusal

COLUMN = 42


class Line(NamedTuple):
    """A line and its style: `good`, `change`, `danger`, `dim`, `title`, `command` (to be copied whole) or nothing."""

    text: str
    style: str = ""


_ACTIONS = {  # symbol, name, style
    Create: ("+", "create", "good"),
    Update: ("~", "update", "change"),
    Replace: ("-/+", "replace", "danger"),
    Delete: ("-", "delete", "danger"),
    Adopt: ("?", "adopt", "change"),
    Mark: ("·", "mark", "dim"),
    Forget: ("·", "forget", "dim"),
}
_STEP_EFFECTS: tuple[Effect, ...] = ("revise", "rolls-tasks", "needs-force")  # the strongest first


def lines(planned: Sequence[Planned], *, calls: bool = False, full: bool = False) -> Iterator[Line]:
    """Yield the plans of all applications.

    `calls` adds the exact API calls. `full` adds the fields of what is created, and the values that are left alone.
    """
    for one in planned:
        yield from _application(one, calls=calls, full=full)
    plans = [one.plan for one in planned]
    # Of one plan its own line has it.
    whole = f" Digest of all plans: {digest(plans)}." if len(plans) > 1 else ""
    yield Line(conclusion(plans) + whole, "title")


def conclusion(plans: Iterable[Plan]) -> str:
    """Return the last line: the number of changes by action."""
    total: dict[str, int] = {}
    for plan in plans:
        for action, count in status.summary(plan).items():
            total[action] = total.get(action, 0) + count
    actions = [f"{total.get(action, 0)} to {action}" for action in ("create", "update", "replace", "delete")]
    actions += [f"{total[action]} to {action}" for action in ("adopt", "mark", "forget") if total.get(action)]
    held = f" ({total['held']} held)" if total.get("held") else ""
    return f"Plan: {', '.join(actions)}{held}. {total.get('calls', 0)} API calls."


def _application(one: Planned, *, calls: bool, full: bool) -> Iterator[Line]:
    plan = one.plan
    title = f"app {plan.application}  ({one.source or 'manifests'} @ {plan.revision}, {plan.target})"
    yield Line(f"{title:<{COLUMN + 20}} {one.sync} · {one.health}   plan {plan.digest}", "title")
    begun = status.first_steps(plan)
    for step in plan.steps:
        yield from step_lines(step, one, begun, calls=calls, full=full)
    for held in plan.withheld:
        yield from step_lines(held.step, one, begun, held=held.reason, full=full)
    for key, why in plan.unreadable.items():
        yield Line(f"  ✖ {key!s:<{COLUMN - 4}} unknown: {why}", "danger")
    for key, why in plan.stopped.items():
        yield Line(f"  ✖ {key!s:<{COLUMN - 4}} will not be retried until its manifest changes: {why}", "danger")
    if plan.incomplete:
        yield Line(f"  ≈ nothing will be pruned: {plan.incomplete}", "dim")
    if plan.approval:
        yield from _remark(f"a daemon needs: ecsync approve {plan.application} --digest {plan.approval}", "change")
    for found in one.refused:
        yield Line(f"  {refusal(found, one.where)}", "danger" if found.breach.level == "error" else "dim")
    for remark in one.remarks:
        yield from _remark(remark, "dim")
    for key, note in one.notes.items():
        yield Line(f"  ≈ {key!s:<{COLUMN - 4}} {note}", "dim")
    yield from _unmanaged(one, full=full)
    if not (plan.steps or plan.withheld or plan.unreadable or plan.stopped):
        yield Line("  in sync: nothing to do", "good")


def _remark(text: str, style: str) -> Iterator[Line]:
    """Yield a remark; the command that it ends with is a line of its own."""
    why, colon, command = text.rpartition(": ecsync ")
    yield Line(f"  ≈ {why}:" if colon else f"  ≈ {text}", style)
    if colon:
        yield Line(f"      ecsync {command}", "command")


def step_lines(
    step: Step,
    one: Planned,
    begun: Collection[Key],
    *,
    calls: bool = False,
    full: bool = False,
    held: str = "",
    fingerprints: bool = True,
) -> Iterator[Line]:
    """Yield the line of a step, and one for each field that it changes.

    `begun` is from `status.first_steps`: once for all steps of a plan. `held` is why the step is withheld.
    """
    symbol, action, style = _ACTIONS[type(step.change)]
    if step.fields and all(change.reason == "drift" for change in step.fields) and isinstance(step.change, Update):
        symbol = "!"
    waits = step.waiting
    if status.is_second(step, begun):
        # It completes what its first step began, and is counted there.
        names = sorted({str(other.key) for other in step.after if other.key != step.id.key})
        symbol, action, waits = "↳", "then set", waits or (f"waits for {', '.join(names)}" if names else "")
    reason = f"   (held: {held})" if held else f"   ({waits})" if waits else ""
    created = _created(step, one)
    count = f"   {len(created)} field{'s' * (len(created) != 1)}" if created else ""
    text = f"  {symbol:<3} {step.id.key!s:<{COLUMN - 6}} {action}{_detail(step)}{count}{reason}"
    yield Line(text.rstrip(), "dim" if held else style)
    for change in readable(step.fields):
        for line in _planned_change_lines(step, change, one, fingerprints=fingerprints):
            yield Line(f"        {line}", "change")
    for path, value in created if full else ():
        yield Line(f"        {dotted(path)}: {shown(value)}  {one.where(step.id.key, path)}".rstrip(), "good")
    if calls:
        for call in step.calls:
            params = redact.params(call.params, one.kinds[step.id.key.kind].rules)
            yield Line(f"        → {call.name} {json.dumps(plain(params), ensure_ascii=False, default=str)}", "dim")


def _created(step: Step, one: Planned) -> list[tuple[Path, Json]]:
    """Return the fields that a create declares, with their values, redacted."""
    kind = one.kinds.get(step.id.key.kind)
    if not isinstance(step.change, Create) or kind is None:
        return []
    body = normalise(step.change.desired.body, kind.rules, fill=False)
    whole = (FieldChange(path=(name,), before=None, after=value) for name, value in body.items())
    fields = (part for change in whole for part in parts(change, 0))
    return [(part.path, redact.masked(part.after, part.path, kind.rules)) for part in fields]


def _detail(step: Step) -> str:
    """Return the AWS name of an old resource, which no manifest contains, or the effect of an update."""
    if isinstance(step.change, Delete | Forget) and step.id.phase != "main":
        return f"   {step.change.observed.called}"
    effects = {change.effect for change in step.fields} if isinstance(step.change, Update) else set()
    return next((f" ({EFFECTS[effect]})" for effect in _STEP_EFFECTS if effect in effects), "")


def _planned_change_lines(step: Step, change: FieldChange, one: Planned, *, fingerprints: bool) -> list[str]:
    """Return the lines of a change. An adoption changes no field: they state what enforcing would change."""
    origin = one.where(step.id.key, change.path)
    if not isinstance(step.change, Adopt):
        return change_lines(change, origin, fingerprints=fingerprints)
    reset = any(change.path[: len(other.path)] == other.path for other in step.change.resets)
    note = "would be reset" if reset else "would be changed"
    return change_lines(change, origin, tag=False, note=note, fingerprints=fingerprints)


def _unmanaged(one: Planned, *, full: bool) -> Iterator[Line]:
    """Yield what is left alone in place of a declared value, then the rest, or how many values that is."""
    yield from left_lines(one)
    rest = [value for value in one.plan.unmanaged if value.declared is None]
    if full:
        yield from map(_unmanaged_line, rest)
    elif rest:
        count = len(rest)
        yield Line(f"  ({count} value{'s are' if count > 1 else ' is'} left alone; --full lists them)", "dim")


def left_lines(one: Planned) -> Iterator[Line]:
    """Yield a line for each live value that another controller decides in place of the declared one."""
    for value in one.plan.unmanaged:
        if value.declared is not None:
            name = f"{value.key} {dotted(value.path)}"
            decided = left_to(value.owner, value.declared)
            origin = one.where(value.key, value.path)
            yield Line(f"  ≈ {name:<{COLUMN - 4}} {shown(value.value)}   {decided} {origin}".rstrip(), "dim")


def _unmanaged_line(value: Unmanaged) -> Line:
    name = f"{value.key} {dotted(value.path)}"
    owner = value.owner if value.owner == "undeclared" else f"set by {value.owner}"
    return Line(f"  ≈ {name:<{COLUMN - 4}} {shown(value.value)}   not managed: {owner}", "dim")
