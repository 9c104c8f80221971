"""The results as tables and lines."""

from __future__ import annotations

from collections.abc import Sequence

from tests.chaos.sweep import Failure, Result


def table(results: Sequence[Result], *, heading: bool = True) -> str:
    """Return the results as a table in Markdown."""
    head = ["| scenario | calls | cases | failures | most passes more |", "|---|---|---|---|---|"] if heading else []
    rows = [
        f"| {one.scenario} | {one.calls} | {one.cases} | {len(one.failures)} | {one.most_extra} |" for one in results
    ]
    return "\n".join([*head, *rows])


def failure(one: Failure, explain: bool) -> str:
    """Return a failure with the command that repeats it."""
    lines = [f"FAILED python -m tests.chaos {one.case}", f"    {one.problem}"]
    return "\n".join([*lines, *(f"        {line}"[:400] for line in one.explained if explain)])
