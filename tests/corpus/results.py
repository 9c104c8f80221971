"""What became of a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]

REFUSED = "AWS refuses it"  # and so do we, before AWS is asked
GOOD = frozenset(
    {
        "ok",
        "exact",
        "exact: nothing to AWS",
        "exact, replacement held",
        "exact, another resource",
        "invalid, and told why",
        "invalid, tried elsewhere",
        "not for this",
        REFUSED,
    }
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One document: `word` is the column of the table that it counts in."""

    file: str
    what: str
    word: str
    why: str = ""
    filled: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        """Tell whether it is as it should be."""
        return self.word in GOOD
