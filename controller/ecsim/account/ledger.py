"""The record of every API call that reached the account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

# An operation that begins with one of these changes nothing ...
READ_PREFIXES = (
    "BatchGet", "Check", "Describe", "Discover", "Download", "Estimate", "Filter", "Generate", "Get",
    "Head", "List", "Lookup", "Poll", "Preview", "Scan", "Search", "Select", "Simulate", "Test", "Validate",
)  # fmt: skip

# ... except these, and these change nothing although their names do not say so.
WRITES = {"GenerateServiceLastAccessedDetails", "GenerateCredentialReport", "TestFailover", "PollForTask"}
READS = {"AssumeRole", "Query", "StartQuery", "StopQuery", "Unmask"}


def is_mutating(operation: str) -> bool:
    """Whether an operation may change the account."""
    if operation in READS:
        return False
    return operation in WRITES or not operation.startswith(READ_PREFIXES)


@dataclass(frozen=True)
class LedgerEntry:
    """One call: what was asked, by whom, and whether it was granted.

    `ok` says what the service did, not what the caller saw: after a lost response it is True.
    """

    time: float
    service: str
    operation: str
    params: dict[str, Any]
    mutating: bool
    ok: bool
    error_code: str | None
    caller: str
    region: str = ""

    def as_json(self) -> dict[str, Any]:
        """The entry as the control endpoint shows it."""
        return asdict(self)


class Ledger:
    """The calls of one account in the order in which they were answered."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self._entries)

    def append(self, entry: LedgerEntry) -> None:
        """Record one call."""
        self._entries.append(entry)

    def entries(self, since: int = 0) -> tuple[LedgerEntry, ...]:
        """All calls from position `since` on; `len(ledger)` is the position of the next one."""
        return tuple(self._entries[since:])

    def mutations(self, since: int = 0) -> tuple[LedgerEntry, ...]:
        """The calls from position `since` on that changed, or tried to change, something."""
        return tuple(entry for entry in self._entries[since:] if entry.mutating)

    def operations(self, since: int = 0) -> tuple[str, ...]:
        """The mutations as `service:Operation`: what most tests compare."""
        return tuple(f"{entry.service}:{entry.operation}" for entry in self.mutations(since))
