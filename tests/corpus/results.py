"""The result of one document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Entry = Mapping[str, Any]

SKIPPED = "other kind, skipped"
REFUSED = "refused, as AWS does"  # by a row of the kind, before any call
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
        REFUSED,
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


# What AWS refuses of real definitions, by a part of the name of the file: the words that each message has one of.
_REFUSED: Mapping[str, tuple[str, ...]] = {
    "Poss111__mrbot__1": ("the options lack",),  # template values are empty texts
    "bkc1__go-outyet__1": ("has no public IPs for tasks",),
    "kayac__ecspresso__2": ("has no public IPs for tasks",),
    "pipe-cd__pipecd__4": ("leave role out",),  # awsvpc: the next revision has no role any more
}


def rejection(file: str, problems: Iterable[str]) -> str:
    """Return the outcome of a definition with problems: one that AWS refuses too is expected."""
    known = next((words for part, words in _REFUSED.items() if part in file), ())
    return REFUSED if all(any(word in problem for word in known) for problem in problems) else "rejected"
