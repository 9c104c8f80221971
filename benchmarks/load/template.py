"""A text with places for values, which is filled in many times."""

from __future__ import annotations

import re
from collections.abc import Mapping


class Template:
    """A text in which each known value is a place: `known` maps such a value to the name of its place."""

    __slots__ = ("_names", "_texts")

    def __init__(self, text: str, known: Mapping[str, str]) -> None:
        longest_first = sorted(known, key=len, reverse=True)
        parts = re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text)
        self._texts = tuple(part.encode() for part in parts[::2])
        self._names = tuple(known[part] for part in parts[1::2])

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Return the text with these values in its places."""
        parts = [self._texts[0]]
        for name, text in zip(self._names, self._texts[1:], strict=True):
            parts += (values[name], text)
        return b"".join(parts)
