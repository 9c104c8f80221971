"""Several sources: each keeps its own last good snapshot, and a slow one keeps no other waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ecsync.core.ports import Snapshot, SourceError
from ecsync.engine.catalogue import Catalogue
from ecsync.engine.daemon_parts import pruning
from ecsync.sources.last_good import LastGood
from ecsync.sources.several import Several
from ecsync.testing import FakeClock

WITHIN = 10.0  # seconds until a test fails


class Prepared:
    """A source with a prepared result, which may be a function."""

    def __init__(self, result: Snapshot | Exception | Callable[[], Snapshot]) -> None:
        self.result = result
        self.reads = 0

    def fetch(self) -> Snapshot:
        self.reads += 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result if isinstance(self.result, Snapshot) else self.result()


def release(revision: str, *files: str) -> Snapshot:
    """Return a durable snapshot with files of one byte."""
    return Snapshot(revision=revision, files=dict.fromkeys(files, b"x"), durable=True)


def several(clock: FakeClock, **sources: Prepared) -> Several:
    """Return sources that are read on threads."""
    return Several({name: LastGood(one, clock) for name, one in sources.items()}, patience=WITHIN)


def may_prune(found: Several) -> dict[str, bool]:
    """Return, by source, whether what it lacks may be deleted after a read."""
    reasons = pruning(found.refresh(), Catalogue(applications={}))
    return {name: not reason for name, reason in reasons.items()}


def test_files_are_in_a_folder_of_their_source() -> None:
    """Two sources may have files of the same name. Equal revisions give the same object."""
    found = several(FakeClock(), blue=Prepared(release("1", "a.yaml")), red=Prepared(release("2", "a.yaml")))
    snapshot = found.refresh().snapshot
    assert snapshot is not None
    assert sorted(snapshot.files) == ["blue/a.yaml", "red/a.yaml"]
    assert snapshot.revisions == {"blue": "1", "red": "2"}
    assert found.refresh().snapshot is snapshot


def test_a_source_that_fails_keeps_its_last_good_snapshot() -> None:
    """The other one goes on: its new files are there, beside those that the first had."""
    blue, red = Prepared(release("1", "a.yaml")), Prepared(release("1", "b.yaml"))
    found = several(FakeClock(), blue=blue, red=red)
    found.refresh()
    blue.result, red.result = SourceError("gone", reason="missing"), release("2", "c.yaml")
    state = found.refresh()
    assert state.snapshot is not None
    assert sorted(state.snapshot.files) == ["blue/a.yaml", "red/c.yaml"]
    assert [one.error is None for one in state.each.values()] == [False, True]


def test_an_unexpected_exception_is_a_failure_of_its_source() -> None:
    """It is reported once, and the other source is read."""
    reported: list[Exception] = []
    found = several(FakeClock(), blue=Prepared(ZeroDivisionError("a bug")), red=Prepared(release("1", "b.yaml")))
    found.failed = reported.append
    state = found.refresh()
    assert [type(one) for one in reported] == [ZeroDivisionError]
    assert state.snapshot is not None
    assert list(state.snapshot.files) == ["red/b.yaml"]
    assert state.error is not None
    assert state.error.reason == "internal"


def test_a_slow_source_keeps_no_other_waiting() -> None:
    """What it reads in the end is announced, and no second read of it begins before."""
    go_on, announced = threading.Event(), threading.Event()

    def slow() -> Snapshot:
        assert go_on.wait(WITHIN)
        return release("1", "a.yaml")

    blue = Prepared(slow)
    found = several(FakeClock(), blue=blue, red=Prepared(release("1", "b.yaml")))
    found.late, found.patience = announced.set, 0.01
    for _ in range(3):
        state = found.refresh()
    refused = found.refuse(SourceError("an internal error", reason="internal"))
    assert {name: one.error is None for name, one in refused.each.items()} == {"blue": True, "red": False}
    assert state.snapshot is not None
    assert list(state.snapshot.files) == ["red/b.yaml"]
    assert blue.reads == 1
    go_on.set()
    assert announced.wait(WITHIN)
    found.patience = WITHIN
    snapshot = found.refresh().snapshot
    assert snapshot is not None
    assert sorted(snapshot.files) == ["blue/a.yaml", "red/b.yaml"]


def test_nothing_is_pruned_before_all_other_sources_are_read_again() -> None:
    """A resource may have moved to another source, also with a push at the same time."""
    clock = FakeClock()
    blue, red = Prepared(release("1", "a.yaml")), Prepared(release("1", "b.yaml"))
    found = several(clock, blue=blue, red=red)
    assert may_prune(found) == {"blue": False, "red": False}
    clock.advance(1)
    assert may_prune(found) == {"blue": True, "red": True}
    blue.result, red.result = release("2", "a.yaml"), SourceError("down", reason="unreachable")
    clock.advance(1)
    assert may_prune(found) == {"blue": False, "red": False}
    clock.advance(1)
    assert may_prune(found) == {"blue": False, "red": False}
    red.result = release("1", "b.yaml")
    clock.advance(1)
    assert may_prune(found) == {"blue": True, "red": True}


def test_what_cannot_be_used_is_an_error_of_all() -> None:
    """The manifests of all sources are loaded together."""
    found = several(FakeClock(), blue=Prepared(release("1", "a.yaml")), red=Prepared(release("1", "b.yaml")))
    found.refresh()
    state = found.refuse(SourceError("an internal error", reason="internal"))
    assert all(one.error is not None for one in state.each.values())
