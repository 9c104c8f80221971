"""Several sources as one: what each has read last, and a snapshot of all files. One that fails holds only its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ecsync.core.ports import Deferred, Snapshot, SourceError
from ecsync.core.wording import internal_error
from ecsync.sources.files import revision
from ecsync.sources.last_good import LastGood, SourceState

PATIENCE = 5.0  # seconds that a read waits for the slowest source; what it reads later is taken with the next read


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesState:
    """The state of several sources. `snapshot` has the files of all that were read; `error` is the first one."""

    each: Mapping[str, SourceState]
    snapshot: Snapshot | None = None

    @property
    def error(self) -> SourceError | None:
        """The error of the first source that could not be read; None if all could."""
        return next((state.error for state in self.each.values() if state.error is not None), None)


@dataclass(slots=True)
class Several:
    """Reads the sources of a controller side by side. A slow one does not keep the others waiting.

    `late` is called when a source was read for which no `refresh` waits. `failed` receives an unexpected exception: it
    is a failure of its source.
    """

    sources: Mapping[str, LastGood]
    late: Callable[[], None] = lambda: None
    failed: Callable[[Exception], None] = lambda _: None
    patience: float = PATIENCE
    _under_way: set[str] = field(default_factory=set)
    _left: set[str] = field(default_factory=set)  # under way when `refresh` ended
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _merged: Snapshot | None = None

    def refresh(self) -> SourcesState:
        """Read every source that is not being read, and return the state of all. One thread at a time."""
        with self._changed:
            for name in self.sources.keys() - self._under_way:
                self._under_way.add(name)
                threading.Thread(target=self._read, args=(name,), name=f"source-{name}", daemon=True).start()
            self._changed.wait_for(lambda: not self._under_way, self.patience)
            self._left = set(self._under_way)
        return self._current()

    def refuse(self, error: SourceError) -> SourcesState:
        """Note that what was read last cannot be used, and return the state. It waits for no read that is under way."""
        with self._changed:
            idle = self.sources.keys() - self._under_way
        for name in idle:
            self.sources[name].refuse(error)
        return self._current()

    def states(self) -> Mapping[str, SourceState]:
        """Return the state of each source as of its latest read. It reads nothing and never waits."""
        return {name: source.current() for name, source in self.sources.items()}

    def _read(self, name: str) -> None:
        source = self.sources[name]
        try:
            source.refresh()
        except Deferred:
            pass  # the process stops
        except Exception as error:  # noqa: BLE001  # the edge of a thread: the next read may succeed
            source.refuse(SourceError(internal_error(error), reason="internal"))
            self.failed(error)
        with self._changed:
            self._under_way.discard(name)
            late = name in self._left
            self._left.discard(name)
            self._changed.notify_all()
        if late:
            self.late()

    def _current(self) -> SourcesState:
        states = self.states()
        found = {name: state.snapshot for name, state in states.items() if state.snapshot is not None}
        revisions = {name: snapshot.revision for name, snapshot in found.items()}
        if found and (self._merged is None or self._merged.revisions != revisions):
            files = {f"{name}/{file}": content for name, one in found.items() for file, content in one.files.items()}
            self._merged = Snapshot(revision=revision(revisions), files=files, revisions=revisions)
        return SourcesState(each=states, snapshot=self._merged)
