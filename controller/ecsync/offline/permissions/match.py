"""Patterns of IAM: `*` is any text, `?` is one character."""

from __future__ import annotations

import re
from functools import cache


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern contains a text, or all that another pattern contains.

    A `*` of the text is contained only in a `*`, and a `?` in a `?` or a `*`.
    """
    return _compiled(pattern).fullmatch(text) is not None


def overlaps(one: str, other: str) -> bool:
    """Return whether two patterns may have a text in common: one contains the other, or both have a `*` inside."""
    return matches(one, other) or matches(other, one)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "[^*]"}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in pattern), re.DOTALL)
