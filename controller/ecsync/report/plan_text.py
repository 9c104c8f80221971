"""A plan as text: symbol, word and colour say the same; every change says where it is written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ecsync.core import plan as planning
from ecsync.core import redact, status
from ecsync.core.model import (
    Adopt,
    Create,
    Delete,
    FieldChange,
    Forget,
    Mark,
    Plan,
    Redacted,
    Replace,
    Step,
    Text,
    Update,
)
from ecsync.core.trees import Json, Path, dotted, plain
from ecsync.report.plan_json import Planned

WIDTH = 100  # characters of a value that are shown
COLUMN = 42


class Line(NamedTuple):
    """A line and its style: `good`, `change`, `danger`, `dim`, `title` or nothing."""

    text: str
    style: str = ""


_SYMBOL = {
    Create: ("+", "create", "good"),
    Update: ("~", "update", "change"),
    Replace: ("-/+", "replace", "danger"),
    Delete: ("-", "delete", "danger"),
    Adopt: ("?", "adopt", "change"),
    Mark: ("·", "mark", "dim"),
    Forget: ("·", "forget", "dim"),
}


def lines(planned: Sequence[Planned], *, calls: bool = False, full: bool = False) -> Iterator[Line]:
    """Yield the plans of all applications; `calls` adds the exact API calls, `full` what was left alone."""
    for one in planned:
        yield from _application(one, calls=calls, full=full)
    yield Line(conclusion([one.plan for one in planned]), "title")


def conclusion(plans: Iterable[Plan]) -> str:
    """Return the last line: what would be done, in numbers."""
    total: dict[str, int] = {}
    for plan in plans:
        for word, count in status.summary(plan).items():
            total[word] = total.get(word, 0) + count
    words = [f"{total.get(word, 0)} to {word}" for word in ("create", "update", "replace", "delete")]
    words += [f"{total[word]} to {word}" for word in ("adopt", "mark", "forget") if total.get(word)]
    held = f" ({total['held']} held)" if total.get("held") else ""
    return f"Plan: {', '.join(words)}{held}. {total.get('calls', 0)} API calls."


def _application(one: Planned, *, calls: bool, full: bool) -> Iterator[Line]:
    plan = one.plan
    title = f"app {plan.application}  ({one.source or 'manifests'} @ {plan.revision}, {plan.target})"
    yield Line(f"{title:<{COLUMN + 20}} {one.sync} · {one.health}   plan {planning.digest(plan)}", "title")
    for step in plan.steps:
        yield from _step(step, one, calls=calls)
    for held in plan.withheld:
        yield from _step(held.step, one, calls=False, held=held.reason)
    for key, why in plan.unreadable.items():
        yield Line(f"  ✖ {key!s:<{COLUMN - 4}} not known: {why}", "danger")
    for key, why in plan.stopped.items():
        yield Line(f"  ✖ {key!s:<{COLUMN - 4}} given up until it is changed: {why}", "danger")
    if plan.incomplete:
        yield Line(f"  ≈ nothing is pruned: {plan.incomplete}", "dim")
    for key, note in one.notes.items():
        yield Line(f"  ≈ {key!s:<{COLUMN - 4}} {note}", "dim")
    yield from _unmanaged(one, full=full)
    if not (plan.steps or plan.withheld or plan.unreadable or plan.stopped):
        yield Line("  in sync: nothing to do", "good")


def _step(step: Step, one: Planned, *, calls: bool, held: str = "") -> Iterator[Line]:
    symbol, word, style = _SYMBOL[type(step.change)]
    if step.fields and all(change.reason == "drift" for change in step.fields) and isinstance(step.change, Update):
        symbol = "!"
    note = f"   (held: {held})" if held else f"   ({step.waiting})" if step.waiting else ""
    text = f"  {symbol:<3} {step.id!s:<{COLUMN - 6}} {word}{_impact(step)}{note}"
    yield Line(text.rstrip(), "dim" if held else style)
    resets = {change.path for change in step.change.resets} if isinstance(step.change, Adopt) else set()
    for change in step.fields:
        yield _field(change, step, one, resets)
    if calls:
        for call in step.calls:
            shown = redact.params(call.params, one.kinds[step.id.key.kind].rules)
            yield Line(f"        → {call.name} {json.dumps(plain(shown), ensure_ascii=False, default=str)}", "dim")


def _impact(step: Step) -> str:
    if isinstance(step.change, Delete | Forget) and step.id.phase != "main":
        return f"   {step.change.observed.called}"  # the manifest does not say which
    effects = {change.effect for change in step.fields}
    if isinstance(step.change, Replace):
        fields = ", ".join(dotted(change.path) for change in step.fields if change.effect == "replace")
        return f"   {fields} cannot be changed in place"
    if "revise" in effects:
        return " → a new revision"
    if "rolls-tasks" in effects:
        return " → starts a deployment"
    if "needs-force" in effects:
        return " → takes effect with a forced deployment"
    return ""


def _field(change: FieldChange, step: Step, one: Planned, resets: set[Path]) -> Line:
    word = {"drift": "drift: ", "pending": "", "lookup": "looked up: "}[change.reason]
    if isinstance(step.change, Adopt):
        word = "would be reset: " if change.path in resets else "would be changed: "
    where = one.where(step.id.key, change.path)
    text = f"        {dotted(change.path):<{COLUMN - 8}} {word}{shown(change.before)} → {shown(change.after)}"
    return Line(f"{text}   {where}".rstrip(), "change")


def _unmanaged(one: Planned, *, full: bool) -> Iterator[Line]:
    left = [item for item in one.plan.unmanaged if item.owner != "AWS"]
    for item in one.plan.unmanaged if full else left:
        name = f"{item.key} {dotted(item.path)}"
        yield Line(f"  ≈ {name:<{COLUMN - 4}} {shown(item.value)}   left alone: {item.owner}", "dim")
    hidden = len(one.plan.unmanaged) - len(left)
    if hidden and not full:
        yield Line(f"  ({hidden} values that AWS decides are left alone; --full lists them)", "dim")


def shown(value: Json) -> str:
    """Return a value for one line: as JSON, cut, and never with control characters."""
    if value is None:
        return "(none)"
    if isinstance(value, Text):
        return f"(known after apply: {value})"
    if isinstance(value, Redacted):
        return str(value)
    text = json.dumps(plain(value), ensure_ascii=False, default=str)
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
