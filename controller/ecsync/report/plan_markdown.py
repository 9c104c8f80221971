"""A plan as Markdown: the comment on a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ecsync.core.model import Problem
from ecsync.core.outcome import Step
from ecsync.report.plan_json import Planned
from ecsync.report.plan_text import conclusion, planned_change_lines

LIMIT = 60_000  # characters; GitHub accepts 65,536 in a comment


def render(
    planned: Sequence[Planned], problems: Sequence[Problem] = (), failed: Mapping[str, str] | None = None
) -> str:
    """Return the plans of all applications and the problems, cut to the size of a comment."""
    text = "\n".join(_lines(planned, problems, failed or {}))
    if len(text) <= LIMIT:
        return text
    return text[:LIMIT] + "\n\n… cut: `ecsync plan` prints all of it\n"


def _lines(planned: Sequence[Planned], problems: Sequence[Problem], failed: Mapping[str, str]) -> Iterator[str]:
    yield f"### {conclusion([one.plan for one in planned])}"
    for problem in problems:
        yield f"- ✖ `{problem}`"
    for name, error in failed.items():
        yield f"- ✖ `{name}` has no plan: {_cell(error)}"
    for one in planned:
        yield ""
        yield f"#### {one.plan.application}: {one.sync} · {one.health}"
        yield from _notes(one)
        if not one.plan.steps and not one.plan.withheld:
            if not one.plan.unreadable and not one.plan.stopped:
                yield "In sync: nothing to do."
            continue
        yield ""
        yield "| action | resource | change | note |"
        yield "|---|---|---|---|"
        for step in one.plan.steps:
            yield from _rows(step, one, step.waiting)
        for held in one.plan.withheld:
            yield from _rows(held.step, one, f"held: {held.reason}")


def _notes(one: Planned) -> Iterator[str]:
    for key, why in one.plan.unreadable.items():
        yield f"- ✖ `{key}` is unknown: {_cell(why)}"
    for key, why in one.plan.stopped.items():
        yield f"- ✖ `{key}` will not be retried until its manifest changes: {_cell(why)}"
    if one.plan.incomplete:
        yield f"- nothing will be pruned: {_cell(one.plan.incomplete)}"
    for key, note in one.notes.items():
        yield f"- `{key}`: {_cell(note)}"


def _rows(step: Step, one: Planned, note: str) -> Iterator[str]:
    action = type(step.change).__name__.lower()
    lines = [line for change in step.fields for line in planned_change_lines(step, change, one)]
    for change in [_code(line) for line in lines] or [""]:
        yield f"| {action} | `{step.id}` | {change} | {_cell(note)} |"


def _code(text: str) -> str:
    """Return the text as code in a cell of a table: more backticks around it than it contains in a row."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
