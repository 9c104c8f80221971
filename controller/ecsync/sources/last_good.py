"""The last good snapshot of a source, and whether deletions may be based on it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ecsync.core.ports import Clock, Snapshot, Source, SourceError

APART = 60.0  # seconds between two identical reads, before what they lack counts as deleted (docs/rules.md R27)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """The state of a source: the last good snapshot, and the error of the latest read, if it failed."""

    snapshot: Snapshot | None = None
    error: SourceError | None = None
    fetched_at: datetime | None = None  # wall time of the last good read, for display
    seen_at: float | None = None  # monotonic time of the start of the same read
    identical_since: float | None = None  # monotonic time of the end of the first read of this revision
    age: float | None = None  # seconds since the last good read

    @property
    def each(self) -> Mapping[str, SourceState]:
        """Itself, as the only source."""
        return {"": self}

    @property
    def complete(self) -> bool:
        """True if what the snapshot lacks is treated as deleted: pruning needs it (docs/rules.md R27)."""
        if self.snapshot is None or self.error is not None or self.seen_at is None or self.identical_since is None:
            return False
        return self.snapshot.durable or self.seen_at - self.identical_since >= APART


class LastGood:
    """Reads a source on demand, and keeps the last good snapshot after a failure.

    One thread at a time runs `refresh`, and others wait. `current` reads nothing and never waits. None raises
    SourceError. `observe` receives the result of each read (`ok` or the reason) and its seconds.
    """

    def __init__(
        self,
        source: Source,
        clock: Clock,
        observe: Callable[[str, float], None] = lambda _result, _seconds: None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._observe = observe
        self._reading = threading.Lock()
        self._kept = SourceState()

    def refresh(self) -> SourceState:
        """Read the source now, and return its state."""
        with self._reading:
            started = self._clock.monotonic()
            result = "internal"  # unless the source ends as it should
            try:
                snapshot = self._source.fetch()
            except SourceError as error:
                result = error.reason
                kept = self._kept if error.snapshot is None else self._seen(error.snapshot, started)
                self._kept = replace(kept, error=error)
            else:
                result = "ok"
                self._kept = self._seen(snapshot, started)
            finally:
                self._observe(result, self._clock.monotonic() - started)
        return self.current()

    def refuse(self, error: SourceError) -> SourceState:
        """Note that what was read last cannot be used, and return the state."""
        with self._reading:
            self._kept = replace(self._kept, error=error)
        return self.current()

    def states(self) -> Mapping[str, SourceState]:
        """Return the current state, as that of the only source."""
        return {"": self.current()}

    def current(self) -> SourceState:
        """Return the state as of the latest read, with the age as of now."""
        kept = self._kept
        return kept if kept.seen_at is None else replace(kept, age=self._clock.monotonic() - kept.seen_at)

    def _seen(self, snapshot: Snapshot, started: float) -> SourceState:
        before = self._kept
        same = before.snapshot is not None and before.snapshot.revision == snapshot.revision
        return SourceState(
            snapshot=snapshot,
            fetched_at=self._clock.now(),
            seen_at=started,
            identical_since=before.identical_since if same else self._clock.monotonic(),
        )
