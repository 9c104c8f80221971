"""The last good snapshot of a source, and how much may be concluded from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ecsync.core.model import Snapshot
from ecsync.core.ports import Clock, Reader, Source, SourceError
from ecsync.sources.disk import DiskSource
from ecsync.sources.s3 import S3Source

APART = 60.0  # seconds between two identical readings, before what they leave out counts as gone (rule 27)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """What is known of a source now: the last good snapshot, and the error since, if there is one."""

    snapshot: Snapshot | None = None
    error: SourceError | None = None
    fetched_at: datetime | None = None  # wall time of the last good reading, for display
    seen_at: float | None = None  # monotonic time of the same, when it began
    identical_since: float | None = (
        None  # monotonic time of the first of the readings of this same revision, when it ended
    )
    age: float | None = None  # seconds since the last good reading

    @property
    def complete(self) -> bool:
        """True when what the snapshot does not have may be taken as gone: prune and replace need it (rule 27)."""
        if self.snapshot is None or self.error is not None or self.seen_at is None or self.identical_since is None:
            return False
        return self.snapshot.durable or self.seen_at - self.identical_since >= APART


class LastGood:
    """Reads a source when told to, and keeps the last good snapshot through every failure (F1).

    `refresh` is for one thread at a time (others wait); `current` is for any, does no reading and never waits for
    one. Neither raises SourceError. `observe` is told of each reading: `ok` or the reason, and the seconds it took.
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
        """Read the source now."""
        with self._reading:
            started = self._clock.monotonic()
            try:
                snapshot = self._source.fetch()
            except SourceError as error:
                result: str = error.reason
                self._kept = replace(self._kept, error=error)
            else:
                result = "ok"
                self._kept = self._seen(snapshot, started)
            self._observe(result, self._clock.monotonic() - started)
        return self.current()

    def current(self) -> SourceState:
        """Return what is kept, with its age as of now."""
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


def open_source(where: str, reader: Callable[[], Reader], *, expected_owner: str = "") -> Source:
    """Choose the source by its address: `s3://bucket/prefix`, or else a path. Only S3 asks for the reader."""
    scheme, separator, rest = where.partition("://")
    if not separator:
        return DiskSource(Path(where))
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise SourceError(f"{where}: not a source; use a path or s3://bucket/prefix", reason="unreachable")
    return S3Source(reader(), bucket, prefix, expected_owner)
