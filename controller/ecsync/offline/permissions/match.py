"""Patterns of IAM: `*` is any text, `?` is one character."""

from __future__ import annotations

import re
from functools import cache


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern contains a text, or all that another pattern contains.

    A `*` of the text is contained only in a `*`, and a `?` in a `?` or a `*`.
    """
    if pattern in (text, "*"):
        return True
    return text.startswith(head(pattern)) and _compiled(pattern).fullmatch(text) is not None


@cache
def head(pattern: str) -> str:
    """Return what stands before the first wildcard: most patterns differ there."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def overlaps(one: str, other: str) -> bool:
    """Return whether one of two patterns contains the other: two that only cross (`a*`, `*b`) do not count."""
    return matches(one, other) or matches(other, one)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "[^*]"}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in pattern), re.DOTALL)
