"""Pages of lists, and lists of tags: the two shapes that every service has its own spelling of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from controller.simulator.errors import AwsError, invalid_parameter, validation_error

Body = dict[str, Any]


def by_token(member: str, items: Sequence[Any], params: Body, size: int) -> Body:
    """One page as ECS answers it; `size` is for requests that name no `maxResults`."""
    shown, token = _page(items, params.get("maxResults", size), params.get("nextToken"), invalid_parameter)
    return {member: shown, "nextToken": token} if token else {member: shown}


def by_marker(member: str, items: Sequence[Any], params: Body) -> Body:
    """One page as Elastic Load Balancing answers it."""
    shown, marker = _page(items, params.get("PageSize", 400), params.get("Marker"), validation_error)
    return {member: shown, "NextMarker": marker} if marker else {member: shown}


def _page(
    items: Sequence[Any], size: int, token: str | None, error: Callable[[str], AwsError]
) -> tuple[list[Any], str]:
    """A page and the token of the next one, which is its offset; empty at the end."""
    if token and not token.isdigit():
        raise error("Invalid token.")
    start = int(token or 0)
    end = start + size
    return list(items[start:end]), (str(end) if end < len(items) else "")


def tags_to_dict(tags: list[dict[str, str]] | None, *, key: str = "key", value: str = "value") -> dict[str, str]:
    """A list of tags as a dict."""
    return {tag[key]: tag.get(value, "") for tag in tags or []}


def tags_to_list(tags: dict[str, str], *, key: str = "key", value: str = "value") -> list[dict[str, str]]:
    """A dict as a list of tags."""
    return [{key: name, value: text} for name, text in tags.items()]
