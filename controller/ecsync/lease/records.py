"""A lease as one record that is only written by compare-and-swap, in any store that has that.

No wall time is compared. A record that has not changed for its whole term, on the clock of the process that watches
it, is stale: its holder counts the same term from before its last write, so it stopped earlier.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import inf
from typing import Protocol

from ecsync.core.ports import AwsError, Holder, LeaseError

FORMAT = 1
_FORCED = 5  # further attempts to take it from a holder that renews it


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The content of a lease. `nonce` is the random name of the process object that wrote it, `counter` its writes."""

    nonce: str
    counter: int
    term: float  # seconds for which it is held after it was written; 0: it was released
    holder: Holder

    @property
    def identity(self) -> str:
        """Return a text that no other write has."""
        return f"{self.nonce}/{self.counter}"

    def text(self) -> str:
        """Return the record as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)


def parse(text: str, where: str) -> Record:
    """Return the record in a text. Raises LeaseError if it is none, or of a newer format."""
    try:
        values = json.loads(text)
        if values.pop("format") != FORMAT:
            raise LeaseError(f"{where} was written by a newer ecsync")
        return Record(**{**values, "holder": Holder(**values["holder"])})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LeaseError(f"{where} is not a lease: remove it if no ecsync uses it") from error


class Store(Protocol):
    """Where one record is. `where` names the place in messages. Both methods raise AwsError or LeaseError."""

    where: str

    def read(self) -> tuple[Record, str] | None:
        """Return the record and its version in the store; None if there is none. No older answer is returned."""

    def write(self, record: Record, over: str | None) -> bool:
        """Write the record if the version in the store is `over` (None: there is none); return whether it was."""


class RecordLease:
    """The lease over a store (`core.ports.Lease`). One thread calls `keep` and `release`, any thread `held`.

    A write with a lost answer is no loss: the record is read back, and it is ours if it has our nonce and counter.
    """

    def __init__(
        self, store: Store, holder: Holder, *, nonce: str, term: float, monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._record = Record(nonce=nonce, counter=0, term=term, holder=holder)
        self._monotonic = monotonic
        self._until = -inf  # monotonic time from which another process may hold it
        self._ours = False  # whether the record was ours when this process last looked
        self._seen = ""  # the identity of the other holder's record
        self._seen_at = -inf

    def held(self, seconds: float = 0.0) -> bool:
        """Return whether no other process can hold it for so many seconds from now."""
        return self._monotonic() + seconds < self._until

    def keep(self, *, force: bool = False) -> Holder | None:
        """Take the lease or renew it; return the other holder if there is one."""
        holder = self._attempt(force=force)
        for _ in range(_FORCED if force else 0):  # the holder renewed it between our read and our write
            if holder is not None:
                holder = self._attempt(force=True)
        return holder

    def _attempt(self, *, force: bool) -> Holder | None:
        asked = self._monotonic()
        found = self._store.read()
        other = self._taken_by(found[0]) or self._other(found[0], asked) if found else None
        if other is not None and not force:
            self._until = -inf
            return other
        started = self._monotonic()
        if self._wrote(self._record.term, over=found[1] if found else None):
            self._until, self._ours = started + self._record.term, True
            return None
        # Another process was quicker, or an earlier write of ours arrived late: that one is renewed the next time.
        found = self._store.read()
        if found is None or found[0].nonce == self._record.nonce:
            return None
        self._until = -inf
        return found[0].holder

    def release(self) -> None:
        """Mark the record as free, if it is ours."""
        self._until, self._ours = -inf, False
        found = self._store.read()
        if found and found[0].nonce == self._record.nonce:
            self._wrote(0.0, over=found[1])

    def _taken_by(self, found: Record) -> Holder | None:
        """Return the process that took the lease since this one last looked, once; it may be free again."""
        taken = self._ours and found.nonce != self._record.nonce
        self._ours = self._ours and not taken
        return found.holder if taken else None

    def _other(self, found: Record, asked: float) -> Holder | None:
        """Return the holder in a record that is not ours, unless it is free or stale. It was asked for at `asked`."""
        if found.nonce == self._record.nonce or not found.term:
            return None
        if found.identity != self._seen:
            self._seen, self._seen_at = found.identity, self._monotonic()
        return None if asked - self._seen_at >= found.term else found.holder

    def _wrote(self, term: float, over: str | None) -> bool:
        """Write the next record of ours, and return whether it is in the store. Raises the error of the write."""
        self._record = replace(self._record, counter=self._record.counter + 1)
        record, failure = replace(self._record, term=term), None
        try:
            if self._store.write(record, over):
                return True
        except AwsError as error:
            failure = error
        found = self._store.read()
        if found and found[0].identity == record.identity:
            return True
        if failure is not None:
            raise failure
        return False
