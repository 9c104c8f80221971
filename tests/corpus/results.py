"""The result of one document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]

SKIPPED = "other kind, skipped"
REJECTED = "rejected by AWS"  # and by ecsync, before any call
EXPECTED = frozenset(
    {
        "ok",
        "exact",
        "exact: no change for AWS",
        "exact, replacement held",
        "exact, new resource",
        "invalid, reason reported",
        "invalid, tested separately",
        SKIPPED,
        REJECTED,
    }
)


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of one document: `outcome` is its row in the table."""

    file: str
    what: str
    outcome: str
    why: str = ""
    filled: tuple[str, ...] = ()

    @property
    def expected(self) -> bool:
        """Return whether the outcome is one of the expected ones."""
        return self.outcome in EXPECTED
