"""A store of one record in memory, and lost answers and refused calls on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ecsync.core.ports import AwsError, Holder
from ecsync.lease.records import Record, RecordLease
from ecsync.testing import FakeClock

TERM = 24.0


def holder(name: str, reason: str = "") -> Holder:
    """Return a holder."""
    return Holder(who=name, operation="run", version="1.0", since="2026-01-01T00:00:00Z", reason=reason)


def lost() -> AwsError:
    """Return the error of an answer that never came."""
    return AwsError("transient", "ReadTimeoutError", "timed out", "s3.PutObject")


@dataclass
class MemoryStore:
    """A store (`lease.records.Store`). `before` and `after` run around the effect of a write, and may raise."""

    where: str = "memory"
    content: tuple[Record, str] | None = None
    writes: int = 0
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    on_read: Callable[[], None] = lambda: None
    refused: list[str] = field(default_factory=list)

    def read(self) -> tuple[Record, str] | None:
        """Return the record and its version."""
        self.on_read()
        return self.content

    def write(self, record: Record, over: str | None) -> bool:
        """Write the record if the version is `over`."""
        self.before()
        done = self.swap(record, over)
        self.after()
        return done

    def swap(self, record: Record, over: str | None) -> bool:
        """Write the record without the hooks."""
        if (self.content[1] if self.content else None) != over:
            self.refused.append(record.identity)
            return False
        self.writes += 1
        self.content = record, f"version-{self.writes}"
        return True


def lease(store: MemoryStore, name: str, clock: FakeClock, reason: str = "") -> RecordLease:
    """Return a lease of a process with this name."""
    return RecordLease(store, holder(name, reason), nonce=name, term=TERM, monotonic=clock.monotonic)
