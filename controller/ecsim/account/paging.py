"""Pagination and filters of list and describe operations; the services name the members differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

from ecsim.account.errors import AwsError, invalid_parameter, validation_error
from ecsim.account.world import Body

Service = Literal["ecs", "ec2", "autoscaling", "application-autoscaling", "cloudwatch"]

# The member for the page size, the member for the token, and the error for an invalid token.
STYLES: dict[Service, tuple[str, str, Callable[[str], AwsError]]] = {
    "ecs": ("maxResults", "nextToken", invalid_parameter),
    "ec2": ("MaxResults", "NextToken", lambda text: AwsError("InvalidParameterValue", text)),
    "autoscaling": ("MaxRecords", "NextToken", lambda text: AwsError("InvalidNextToken", text)),
    "cloudwatch": ("MaxRecords", "NextToken", lambda text: AwsError("InvalidNextToken", text)),
    "application-autoscaling": ("MaxResults", "NextToken", lambda text: AwsError("InvalidNextTokenException", text)),
}


def by_token(member: str, items: Sequence[Any], params: Body, size: int, service: Service = "ecs") -> Body:
    """Return one page in the format of `service`; `size` is the default page size."""
    limit, token, error = STYLES[service]
    shown, following = _page(items, int(params.get(limit, size)), params.get(token), error)
    return {member: shown, token: following} if following else {member: shown}


def by_marker(member: str, items: Sequence[Any], params: Body) -> Body:
    """Return one page in the format of Elastic Load Balancing."""
    shown, marker = _page(items, params.get("PageSize", 400), params.get("Marker"), validation_error)
    return {member: shown, "NextMarker": marker} if marker else {member: shown}


def _page(
    items: Sequence[Any], size: int, token: str | None, error: Callable[[str], AwsError]
) -> tuple[list[Any], str]:
    """Return a page and the token of the next page: its offset, or empty on the last page."""
    if token and not token.isdigit():
        raise error("Invalid token.")
    start = int(token or 0)
    end = start + size
    return list(items[start:end]), (str(end) if end < len(items) else "")


def filtered(
    items: Sequence[Body], filters: list[Body] | None, values: Mapping[str, Callable[[Body], list[str]]]
) -> list[Body]:
    """Return the items that pass all filters. `values` maps the name of a filter to the values of an item."""

    def values_of(item: Body, name: str) -> list[str]:
        tags = {tag["Key"]: tag.get("Value", "") for tag in item.get("Tags", [])}
        if name.startswith("tag:"):
            return [tags[name[4:]]] if name[4:] in tags else []
        if name == "tag-key":
            return list(tags)
        if name == "tag-value":
            return list(tags.values())
        if name not in values:
            raise AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")
        return values[name](item)

    def passes(item: Body, wanted: Body) -> bool:
        found = values_of(item, wanted["Name"])
        return any(fnmatchcase(text, pattern) for text in found for pattern in wanted.get("Values", []))

    return [item for item in items if all(passes(item, wanted) for wanted in filters or [])]
