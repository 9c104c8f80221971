"""What could not be read or written, why, and what to do about it: an import goes on without it, and says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ecsync.core.ports import AwsError
from ecsync.core.wording import listed

_IAM = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}  # others are called as botocore calls them
_AGAIN = ("throttled", "transient")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Something that is not in the files. Not `missed`: it would only have been named there, and now is by its ARN."""

    what: str
    why: str
    todo: str = ""
    missed: bool = True


def unread(what: str, failure: AwsError, *, missed: bool = True) -> Gap:
    """Return what a failed read leaves open."""
    return Gap(what=what, why=str(failure), todo=_todo(failure), missed=missed)


def _todo(failure: AwsError) -> str:
    if failure.kind == "denied":
        return f"allow {action(failure.operation)}"
    return "import again when AWS answers" if failure.kind in _AGAIN else ""


def action(operation: str) -> str:
    """Return an operation (`elbv2.DescribeRules`) as IAM names it."""
    service, _, name = operation.partition(".")
    return f"{_IAM.get(service, service)}:{name}"


def lines(gaps: Iterable[Gap]) -> Iterator[str]:
    """Yield one line for each reason, with everything that it concerns."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for gap in gaps:
        reasons.setdefault((gap.why, gap.todo), []).append(gap.what)
    for (why, todo), what in reasons.items():
        yield f"{listed(list(dict.fromkeys(what)))}: {why.rstrip('.')}" + (f"; {todo}" if todo else "")
