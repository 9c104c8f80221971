"""Page after page of a listing: which members carry the token, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ecsync.core.ports import AwsError

Tokens: TypeAlias = tuple[str, str]  # the member of the request, the member of the response

# The pairs that AWS uses, for the operations that have pages and no paginator (ecs.DescribeCapacityProviders).
_PAIRS: tuple[Tokens, ...] = (
    ("nextToken", "nextToken"),
    ("NextToken", "NextToken"),
    ("Marker", "NextMarker"),
    ("Marker", "Marker"),
    ("PaginationToken", "PaginationToken"),
)

# Where AWS gives fewer by itself than it would: each page is a call less.
_PAGE_SIZES: Mapping[str, tuple[str, int]] = {
    "ecs.ListServices": ("maxResults", 100),  # 10
    "autoscaling.DescribeAutoScalingGroups": ("MaxRecords", 100),  # 50
    "iam.ListRoles": ("MaxItems", 1000),  # 100
}


def tokens_of(taken: Mapping[str, Any], given: Mapping[str, Any]) -> Tokens | None:
    """Return the pair that an operation uses, by the members of its input and output; None where it has no pages."""
    return next((pair for pair in _PAIRS if pair[0] in taken and pair[1] in given), None)


def with_page_size(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with the largest page that AWS allows, unless they say how large or name what they want."""
    member, size = _PAGE_SIZES.get(f"{service}.{operation}", ("", 0))
    return {**({member: size} if member else {}), **params}


def pages(
    fetch: Callable[[Mapping[str, Any]], Mapping[str, Any]], tokens: Tokens | None, operation: str
) -> Iterator[Mapping[str, Any]]:
    """Yield page after page; `fetch` makes the call with the token that it is given, the first time with none."""
    more: dict[str, Any] = {}
    while True:
        page = fetch(more)
        yield page
        token = page.get(tokens[1]) if tokens else None
        if not tokens or not token:
            return
        if more.get(tokens[0]) == token:
            # Going on would never end, and stopping here would pass a part for the whole.
            raise AwsError("transient", "RepeatedPageToken", "AWS gave the same page token twice", operation)
        more = {tokens[0]: token}
