"""Pages of a list operation: the members of the page token, the page size, and the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ecsync.core.ports import AwsError

Tokens: TypeAlias = tuple[str, str]  # the member of the request, the member of the response

# The pairs that AWS uses, for operations with pages and without a paginator (ecs.DescribeCapacityProviders).
_PAIRS: tuple[Tokens, ...] = (
    ("nextToken", "nextToken"),
    ("NextToken", "NextToken"),
    ("Marker", "NextMarker"),
    ("Marker", "Marker"),
    ("PaginationToken", "PaginationToken"),
)

# Where AWS's default page is smaller than its largest: fewer pages are fewer calls. The comment is the default.
_PAGE_SIZES: Mapping[str, tuple[str, int]] = {
    "ecs.ListServices": ("maxResults", 100),  # 10
    "autoscaling.DescribeAutoScalingGroups": ("MaxRecords", 100),  # 50
    "iam.ListRoles": ("MaxItems", 1000),  # 100
    "resourcegroupstaggingapi.GetResources": ("ResourcesPerPage", 100),  # 50
}


def tokens_of(taken: Mapping[str, Any], given: Mapping[str, Any]) -> Tokens | None:
    """Return the token members of an operation, by its input and output members; None where it has no pages."""
    return next((pair for pair in _PAIRS if pair[0] in taken and pair[1] in given), None)


def with_page_size(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with the largest page size that AWS allows, unless they set one."""
    member, size = _PAGE_SIZES.get(f"{service}.{operation}", ("", 0))
    return {**({member: size} if member else {}), **params}


def pages(
    fetch: Callable[[Mapping[str, Any]], Mapping[str, Any]], tokens: Tokens | None, operation: str
) -> Iterator[Mapping[str, Any]]:
    """Yield page after page. `fetch` makes the call with the token parameter; the first call has none."""
    more: dict[str, Any] = {}
    while True:
        page = fetch(more)
        yield page
        token = page.get(tokens[1]) if tokens else None
        if not tokens or not token:
            return
        if more.get(tokens[0]) == token:
            # Continuing would never end, and stopping here would return a part as the whole.
            raise AwsError("transient", "RepeatedPageToken", "AWS returned the same page token twice", operation)
        more = {tokens[0]: token}
