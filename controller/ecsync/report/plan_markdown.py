"""A plan as Markdown: the comment on a pull request.

The same plan is the same text. What matters most comes first, so a cut takes the rest: the summary with the digest,
what is deleted or replaced, what is wrong, then each application with changes, then those in sync.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ecsync.core import status
from ecsync.core.model import Delete, Problem, Replace
from ecsync.core.outcome import Step
from ecsync.report.markdown import Fold, Section, inline, rendered
from ecsync.report.plan_json import Planned, digest, refusal
from ecsync.report.plan_text import conclusion, left_lines, step_lines

LIMIT = 65_000  # characters; GitHub accepts 65,536 in a comment
LONG = 40  # lines of an application that a reader has to open
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")  # harmless in a comment of HTML and in code

_CUT = "{} lines are left out: a comment has at most {:,} characters. The command `ecsync plan` prints all of them.\n"


def render(
    planned: Sequence[Planned],
    problems: Sequence[Problem] = (),
    failed: Mapping[str, str] | None = None,
    *,
    name: str = "default",
) -> str:
    """Return the plans of all applications, the problems of manifests, and the errors of those without a plan.

    `name` is in the marker: each name has a comment of its own on a pull request. Raises ValueError if it does not
    match `NAME`.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r}: not a name for a comment")
    wrong = _wrong(planned, problems, failed or {})
    text = "".join(_head(planned, len(wrong), name))
    room = LIMIT - len(text) - len(_CUT) - 20
    left_out = 0
    for section in _sections(planned, wrong):
        part, missing = rendered(section, room)
        text += part
        room -= len(part)
        left_out += missing
    return text + (_CUT.format(left_out, LIMIT) if left_out else "")


def _head(planned: Sequence[Planned], wrong: int, name: str) -> Iterator[str]:
    plans = [one.plan for one in planned]
    yield f"<!-- ecsync plan {name} -->\n"
    yield f"### Plan of `{name}`\n\n"
    yield f"{conclusion(plans)}" + (f" Digest: `{digest(plans)}`.\n\n" if plans else "\n\n")
    if wrong:
        yield f"**Incomplete: {wrong} {'problem' if wrong == 1 else 'problems'}, listed below.**\n\n"


def _sections(planned: Sequence[Planned], wrong: Sequence[str]) -> Iterator[Section]:
    lost = [line for one in planned for line in _lost(one)]
    if lost:
        yield Section(title="Deleted or replaced", lines=lost, language="diff")
    if wrong:
        yield Section(title="Problems", lines=wrong)
    for one in planned:
        lines = list(_lines(one))
        if lines:
            fold: Fold = "closed" if len(lines) > LONG else "open"
            yield Section(title=_title(one), lines=lines, fold=fold, language="diff")
    quiet = [f"= {one.plan.application} ({one.plan.target}): {one.health}" for one in planned if _in_sync(one)]
    if quiet:
        yield Section(title=f"In sync: {len(quiet)}", lines=quiet, fold="closed")


def _title(one: Planned) -> str:
    counts = ", ".join(
        f"{count} {'held' if action == 'held' else f'to {action}'}"
        for action, count in status.summary(one.plan).items()
        if count and action != "calls"
    )
    where = f"{inline(one.plan.application)} in {inline(str(one.plan.target))}"
    return f"{where}: {one.sync} · {one.health}{f', {counts}' if counts else ''}. Digest: {inline(one.plan.digest)}"


def _in_sync(one: Planned) -> bool:
    plan = one.plan
    return not (plan.steps or plan.withheld or plan.unreadable or plan.stopped)


def _steps(one: Planned) -> Iterator[tuple[Step, str]]:
    """Yield (step, why it is held), also of those that are withheld."""
    yield from ((step, "") for step in one.plan.steps)
    yield from ((held.step, held.reason) for held in one.plan.withheld)


def _lost(one: Planned) -> Iterator[str]:
    """Yield one line for each resource that the plan deletes or replaces, or would if it were not held."""
    for step, held in _steps(one):
        if isinstance(step.change, Delete | Replace):
            sign, action = ("-/+", "replace") if isinstance(step.change, Replace) else ("-", "delete")
            # No manifest contains the AWS name of an old revision or of what was replaced.
            called = f" {step.change.observed.called}" if action == "delete" and step.id.phase != "main" else ""
            yield f"{sign} {one.plan.application}: {step.id} {action}{called}{' (held)' if held else ''}"


def _wrong(planned: Sequence[Planned], problems: Sequence[Problem], failed: Mapping[str, str]) -> list[str]:
    lines = [f"✖ {problem}" for problem in problems]
    lines += [f"✖ {name} has no plan: {error}" for name, error in failed.items()]
    for one in planned:
        of = one.plan.application
        lines += [f"✖ {of}: {key} is unknown: {why}" for key, why in sorted(one.plan.unreadable.items())]
        lines += [
            f"✖ {of}: {key} will not be retried until its manifest changes: {why}"
            for key, why in sorted(one.plan.stopped.items())
        ]
    return lines


def _lines(one: Planned) -> Iterator[str]:
    begun = status.first_steps(one.plan)
    for step, held in _steps(one):
        # Without the indent of a terminal: the sign is in the first column, where `diff` gives it a colour.
        yield from (line.text[2:] for line in step_lines(step, one, begun, held=held, fingerprints=False))
    if one.plan.incomplete:
        yield f"≈ nothing will be pruned: {one.plan.incomplete}"
    if one.plan.approval:
        yield f"≈ a daemon needs: ecsync approve {one.plan.application} --digest {one.plan.approval}"
    yield from (refusal(found, one.where) for found in one.refused)
    yield from (f"≈ {remark}" for remark in one.remarks)
    if not _in_sync(one):
        yield from (line.text[2:] for line in left_lines(one))
    for key, note in sorted(one.notes.items()):
        yield f"≈ {key} {note}"
