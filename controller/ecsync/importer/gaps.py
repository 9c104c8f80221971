"""What an import cannot read or write: the resource, the reason, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ecsync.core.ports import AwsError
from ecsync.core.wording import listed

# IAM's prefix of the services that botocore names otherwise.
_IAM_PREFIX = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}
_TEMPORARY = ("throttled", "transient")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A resource, or a list of resources, that is missing from the files.

    `left_out` is False where the files lose nothing: they would only look the resource up, and hold its ARN instead.
    """

    resource: str
    reason: str
    remedy: str = ""  # what a person can do; empty where nothing helps
    left_out: bool = True


def unread(resource: str, failure: AwsError, *, left_out: bool = True) -> Gap:
    """Return the gap that a failed read leaves."""
    return Gap(resource=resource, reason=str(failure), remedy=_remedy(failure), left_out=left_out)


def _remedy(failure: AwsError) -> str:
    if failure.kind == "denied":
        return f"allow {iam_action(failure.operation)}"
    return "run the import again" if failure.kind in _TEMPORARY else ""


def iam_action(operation: str) -> str:
    """Return the IAM action of an operation: `elasticloadbalancing:DescribeRules` for `elbv2.DescribeRules`."""
    service, _, name = operation.partition(".")
    return f"{_IAM_PREFIX.get(service, service)}:{name}"


def lines(gaps: Iterable[Gap]) -> Iterator[str]:
    """Yield one line for each reason, with every resource that it concerns."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for gap in gaps:
        by_reason.setdefault((gap.reason, gap.remedy), []).append(gap.resource)
    for (reason, remedy), resources in by_reason.items():
        yield f"{listed(list(dict.fromkeys(resources)))}: {reason.rstrip('.')}" + (f"; {remedy}" if remedy else "")
