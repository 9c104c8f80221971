"""The record of every API call that reached the account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ecsim.account.policy import Check

# An operation with one of these prefixes is a read ...
READ_PREFIXES = (
    "BatchGet", "Check", "Describe", "Discover", "Download", "Estimate", "Filter", "Generate", "Get",
    "Head", "List", "Lookup", "Poll", "Preview", "Scan", "Search", "Select", "Simulate", "Test", "Validate",
)  # fmt: skip

# ... except WRITES. READS are reads that do not match a prefix.
WRITES = {"GenerateServiceLastAccessedDetails", "GenerateCredentialReport", "TestFailover", "PollForTask"}
READS = {"AssumeRole", "Query", "StartQuery", "StopQuery", "Unmask"}


def is_mutating(operation: str) -> bool:
    """Return whether an operation may change the account."""
    if operation in READS:
        return False
    return operation in WRITES or not operation.startswith(READ_PREFIXES)


@dataclass(frozen=True)
class LedgerEntry:
    """One call: the request, the caller and the outcome.

    `ok` is the outcome in the service. After a lost response it is True, although the caller got an error.
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
    account: str = ""
    identity: str = ""  # the ARN of the caller, as CloudTrail has it: it ends with the name of a role session
    checks: tuple[Check, ...] = ()  # what IAM was asked; empty for a caller without policies

    def as_json(self) -> dict[str, Any]:
        """Return the entry for the control endpoint."""
        return asdict(self)


class Ledger:
    """The calls of one account, in the order of their responses."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self._entries)

    def append(self, entry: LedgerEntry) -> None:
        """Add one call."""
        self._entries.append(entry)

    def entries(self, since: int = 0) -> tuple[LedgerEntry, ...]:
        """Return all calls from position `since`; `len(ledger)` is the position of the next call."""
        return tuple(self._entries[since:])

    def mutations(self, since: int = 0) -> tuple[LedgerEntry, ...]:
        """Return the calls from position `since` that may change the account, failed calls included."""
        return tuple(entry for entry in self._entries[since:] if entry.mutating)

    def operations(self, since: int = 0) -> tuple[str, ...]:
        """Return the mutations from position `since` as `service:Operation`."""
        return tuple(f"{entry.service}:{entry.operation}" for entry in self.mutations(since))
