"""Tags as a dict, and as a list of key and value; the services name the members differently."""

from __future__ import annotations


def tags_to_dict(tags: list[dict[str, str]] | None, *, key: str = "key", value: str = "value") -> dict[str, str]:
    """Return a list of tags as a dict."""
    return {tag[key]: tag.get(value, "") for tag in tags or []}


def tags_to_list(tags: dict[str, str], *, key: str = "key", value: str = "value") -> list[dict[str, str]]:
    """Return a dict as a list of tags."""
    return [{key: name, value: text} for name, text in tags.items()]
