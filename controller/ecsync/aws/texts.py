"""Texts of answers, shared: most texts are in many answers, and in the next one again."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=8192)
def shared(text: str) -> str:
    """Return an equal text that is in memory already, if it was seen lately.

    `sys.intern` would do the same for all texts, but its table stays as large as it once was: 2 KB for each service.
    """
    return text
