"""Findings as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ecsync.verify.model import Finding

_STYLES = {"failed": "danger", "not checked": "dim", "passed": "good"}


def lines(findings: Sequence[Finding], *, passed: bool = False) -> Iterator[tuple[str, str]]:
    """Yield a line for each finding with its style, and the summary.

    A question that many documents have, and that AWS did not answer, is one line with their number.
    """
    shown = [one for one in findings if one.verdict != "not checked" and (passed or one.verdict == "failed")]
    for one in shown:
        yield _line(one), _STYLES[one.verdict]
    unchecked = [one for one in findings if one.verdict == "not checked"]
    alike: dict[tuple[str, str, str], list[Finding]] = {}
    for one in unchecked:
        alike.setdefault(_question(one), []).append(one)
    for first, *others in alike.values():
        yield _line(first) + (f" (and {len(others)} more)" if others else ""), _STYLES["not checked"]
    yield summary(findings), ""


def summary(findings: Iterable[Finding]) -> str:
    """Return how many checks passed, failed, and could not be made."""
    counts = Counter(one.verdict for one in findings)
    checks = "check" if counts["passed"] == 1 else "checks"
    return f"{counts['passed']} {checks} passed, {counts['failed']} failed, {counts['not checked']} not checked"


def _question(one: Finding) -> tuple[str, str, str]:
    return one.check, one.message, "" if one.right else one.subject


def _line(one: Finding) -> str:
    verdict = "" if one.verdict == "failed" else f"{one.verdict}: "
    what = f"{one.subject}: " if one.subject else ""
    advice = f"; {one.advice}" if one.advice else ""
    return f"{one.place.origin}: {one.place.key}: {verdict}{what}{one.message}{advice}"


def document(findings: Sequence[Finding], problems: Sequence[dict[str, Any]], errors: dict[str, str]) -> dict[str, Any]:
    """Return the findings for programs. `errors` has the applications that could not be read."""
    counts = Counter(one.verdict for one in findings)
    return {
        "apiVersion": "ecsync/v1",
        "kind": "Verification",
        "passed": counts["passed"],
        "failed": counts["failed"],
        "notChecked": counts["not checked"],
        "findings": [
            {
                "check": one.check,
                "verdict": one.verdict,
                "application": one.place.key.application,
                "resource": str(one.place.key),
                "file": one.place.origin.file,
                "line": one.place.origin.line,
                "subject": one.subject,
                "message": one.message,
                "advice": one.advice,
                "right": one.right,
            }
            for one in findings
        ],
        "problems": list(problems),
        "errors": errors,
    }
