"""Whether something may be written to an application now, by windows and by what people have set or approved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from ecsync.core.outcome import approval_of
from ecsync.core.ports import Clock
from ecsync.guards.records import Record, Unusable
from ecsync.guards.stores import Store, Unreadable
from ecsync.guards.windows import Window, closed

AGE = 15.0  # seconds after which the record is read again


class Guard:
    """Reads the record when it is too old, and keeps the last one that could be read. Safe across threads.

    Before the first record could be read, nothing may be written: it may be frozen. `changed` gets the record before
    and the new one.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        store: Store | None,
        clock: Clock,
        changed: Callable[[Record, Record], None] = lambda _before, _now: None,
    ) -> None:
        self._windows = windows
        self._store = store
        self._clock = clock
        self._changed = changed
        self._lock = threading.Lock()
        self._record: Record | None = None if store else Record()
        self._error = ""
        self._read_at = float("-inf")
        self._approved: dict[tuple[str, str], frozenset[str]] = {}  # the steps of an approval, once they were seen

    def reason(self, application: str) -> str:
        """Return why nothing may be written to an application now; empty: it may."""
        record, now = self._current(), self._clock.now()
        if record is None:
            return f"it is not known whether it is frozen: {self._error}"
        frozen = record.freeze_of(application, now)
        if frozen is not None:
            return f"frozen {frozen}"
        return "" if record.override_of(application, now) else closed(self._windows, application, now)

    def approves(self, application: str, named: frozenset[str]) -> bool:
        """Return whether steps (digests) may be done now: those of an approval, or what is left of them.

        An approval has the digest of its steps. Which ones these are is known once they were all there, and is
        forgotten with the process: then what is left of them needs another approval.
        """
        record, now = self._current(), self._clock.now()
        digests = record.approvals_of(application, now) if record is not None else frozenset()
        with self._lock:
            self._approved = {
                key: one for key, one in self._approved.items() if key[0] != application or key[1] in digests
            }
            if (digest := approval_of(named)) in digests:
                self._approved[application, digest] = named
            return any(of == application and named <= steps for (of, _), steps in self._approved.items())

    def known(self) -> Record | None:
        """Return the record as it was read last, without reading it; None before it could be read."""
        return self._record

    def look_again(self) -> None:
        """Read the record again before the next answer: it was changed here."""
        with self._lock:
            self._read_at = float("-inf")

    def _current(self) -> Record | None:
        """Return the record, which is read again where it is too old."""
        if self._store is None:
            return self._record
        with self._lock:
            if self._clock.monotonic() - self._read_at >= AGE:
                self._read_at = self._clock.monotonic()
                try:
                    text = self._store.load()
                    found = Record.of(text) if text.strip() else Record()
                except (Unreadable, Unusable) as error:
                    self._error = str(error)
                else:
                    before, self._record = self._record, found
                    if found != (before or Record()):
                        self._changed(before or Record(), found)
            return self._record


def edit(store: Store, change: Callable[[Record], Record]) -> Record:
    """Change the record of a store, and return it. Raises Unreadable, Unusable."""
    text = store.load()
    changed = change(Record.of(text) if text.strip() else Record())
    store.save(changed.text())
    return changed
