"""A plan as Markdown: the comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecsync.core.model import FieldChange, Problem, Step
from ecsync.core.trees import dotted
from ecsync.report.plan_json import Planned
from ecsync.report.plan_text import conclusion, shown

LIMIT = 60_000  # characters; a comment on GitHub takes 65,536


def render(planned: Sequence[Planned], problems: Sequence[Problem] = ()) -> str:
    """Return the plans of all applications and the problems, cut to what a comment takes."""
    text = "\n".join(_lines(planned, problems))
    if len(text) <= LIMIT:
        return text
    return text[:LIMIT] + "\n\n… cut: `ecsync plan` prints all of it\n"


def _lines(planned: Sequence[Planned], problems: Sequence[Problem]) -> Iterator[str]:
    yield f"### {conclusion([one.plan for one in planned])}"
    for problem in problems:
        yield f"- ✖ `{problem}`"
    for one in planned:
        yield ""
        yield f"#### {one.plan.application}: {one.sync} · {one.health}"
        yield from _notes(one)
        if not one.plan.steps and not one.plan.withheld:
            if not one.plan.unreadable and not one.plan.stopped:
                yield "In sync: nothing to do."
            continue
        yield ""
        yield "| | resource | field | live | written | why | where |"
        yield "|---|---|---|---|---|---|---|"
        for step in one.plan.steps:
            yield from _rows(step, one, "")
        for held in one.plan.withheld:
            yield from _rows(held.step, one, f"held: {held.reason}")


def _notes(one: Planned) -> Iterator[str]:
    for key, why in one.plan.unreadable.items():
        yield f"- ✖ `{key}` is not known: {_cell(why)}"
    for key, why in one.plan.stopped.items():
        yield f"- ✖ `{key}` is given up until it is changed: {_cell(why)}"
    if one.plan.incomplete:
        yield f"- nothing is pruned: {_cell(one.plan.incomplete)}"
    for key, note in one.notes.items():
        yield f"- `{key}`: {_cell(note)}"


def _rows(step: Step, one: Planned, held: str) -> Iterator[str]:
    action = type(step.change).__name__.lower()
    if not step.fields:
        yield f"| {action} | `{step.id}` | | | | {_cell(held or step.waiting)} | |"
    for change in step.fields:
        yield _row(action, step, change, held, one.where(step.id.key, change.path))


def _row(action: str, step: Step, change: FieldChange, held: str, where: str) -> str:
    why = held or f"{change.reason}, {change.effect}"
    cells = [
        action,
        f"`{step.id}`",
        f"`{dotted(change.path)}`",
        _cell(shown(change.before)),
        _cell(shown(change.after)),
        _cell(why),
        where,
    ]
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
