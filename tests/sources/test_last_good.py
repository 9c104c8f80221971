"""LastGood: the last good snapshot is kept after a failure, and completeness needs two identical reads."""

from __future__ import annotations

import pytest

from ecsync.core.ports import Snapshot, SourceError
from ecsync.sources.last_good import LastGood
from ecsync.testing import FakeClock


class Scripted:
    """A source with prepared results; each read takes one second."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.next: Snapshot | SourceError = release("1")

    def fetch(self) -> Snapshot:
        self.clock.advance(1)
        if isinstance(self.next, SourceError):
            raise self.next
        return self.next


def release(revision: str, *, durable: bool = False) -> Snapshot:
    """Return a snapshot of a revision."""
    return Snapshot(revision=revision, files={"a.yaml": b""}, durable=durable)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that the test moves."""
    return FakeClock()


@pytest.fixture
def source(clock: FakeClock) -> Scripted:
    """The source of the test."""
    return Scripted(clock)


@pytest.fixture
def last_good(source: Scripted, clock: FakeClock) -> LastGood:
    """The object under test."""
    return LastGood(source, clock)


def test_nothing_is_kept_before_the_first_read(last_good: LastGood) -> None:
    """`current` reads nothing."""
    kept = last_good.current()
    assert (kept.snapshot, kept.error, kept.age, kept.complete) == (None, None, None, False)


def test_a_failure_keeps_the_last_good_snapshot(last_good: LastGood, source: Scripted, clock: FakeClock) -> None:
    """After a failure the state has the snapshot, with its growing age, and the error."""
    last_good.refresh()
    source.next = SourceError("gone", reason="unreachable")
    clock.advance(30)
    kept = last_good.refresh()
    assert kept.snapshot == release("1")
    assert kept.error is source.next
    assert kept.age == 32  # since the reading began: 1 s for it, 30 s of rest, 1 s for the failure


def test_a_good_read_clears_the_error(last_good: LastGood, source: Scripted) -> None:
    """The error is that of the latest read."""
    source.next = SourceError("empty", reason="empty")
    assert last_good.refresh().error is not None
    source.next = release("2")
    kept = last_good.refresh()
    assert (kept.snapshot, kept.error) == (release("2"), None)


def test_two_identical_reads_a_minute_apart_are_complete(last_good: LastGood, clock: FakeClock) -> None:
    """What a source without an index lacks counts as deleted after 60 s (docs/rules.md R27)."""
    last_good.refresh()
    clock.advance(59)
    assert not last_good.refresh().complete
    clock.advance(1)
    assert last_good.refresh().complete


def test_waiting_alone_completes_nothing(last_good: LastGood, clock: FakeClock) -> None:
    """One read of any age is not enough."""
    last_good.refresh()
    clock.advance(3600)
    assert not last_good.current().complete


def test_another_revision_starts_again(last_good: LastGood, source: Scripted, clock: FakeClock) -> None:
    """Each revision needs two reads, also one that was current before."""
    last_good.refresh()
    clock.advance(60)
    source.next = release("2")
    assert not last_good.refresh().complete
    source.next = release("1")
    clock.advance(60)
    assert not last_good.refresh().complete


def test_an_index_is_complete_at_once(last_good: LastGood, source: Scripted) -> None:
    """A durable snapshot is complete by construction."""
    source.next = release("1", durable=True)
    assert last_good.refresh().complete


def test_nothing_is_complete_while_the_source_fails(last_good: LastGood, source: Scripted) -> None:
    """A stale source deletes nothing."""
    source.next = release("1", durable=True)
    last_good.refresh()
    source.next = SourceError("gone", reason="unreachable")
    assert not last_good.refresh().complete


def test_each_read_is_observed(source: Scripted, clock: FakeClock) -> None:
    """The observer receives the result and the seconds of each read."""
    seen: list[tuple[str, float]] = []
    last_good = LastGood(source, clock, lambda result, seconds: seen.append((result, seconds)))
    last_good.refresh()
    source.next = SourceError("no", reason="denied")
    last_good.refresh()
    assert seen == [("ok", 1.0), ("denied", 1.0)]


def test_an_older_revision_beside_a_failure_is_the_last_good_one(last_good: LastGood, source: Scripted) -> None:
    """It is taken and is as new as the read, and nothing may be deleted by it: a newer one cannot be used."""
    last_good.refresh()
    source.next = SourceError("not signed", reason="unsigned", snapshot=release("2", durable=True))
    kept = last_good.refresh()
    assert kept.snapshot == release("2", durable=True)
    assert kept.error is source.next
    assert kept.age == 1.0
    assert not kept.complete
    source.next = release("3", durable=True)
    assert last_good.refresh().complete
