"""Pages of lists, and lists of tags: the two shapes that every service has its own spelling of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from controller.simulator.errors import AwsError

T = TypeVar("T")


def page(items: Sequence[T], size: int, token: str | None, error: AwsError) -> tuple[list[T], str | None]:
    """One page and the token of the next; the token is the offset, `error` is for any other token."""
    start = 0
    if token:
        if not token.isdigit():
            raise error
        start = int(token)
    end = start + size
    return list(items[start:end]), (str(end) if end < len(items) else None)


def tags_to_dict(tags: list[dict[str, str]] | None, *, key: str = "key", value: str = "value") -> dict[str, str]:
    """A list of tags as a dict."""
    return {tag[key]: tag.get(value, "") for tag in tags or []}


def tags_to_list(tags: dict[str, str], *, key: str = "key", value: str = "value") -> list[dict[str, str]]:
    """A dict as a list of tags."""
    return [{key: name, value: text} for name, text in tags.items()]
