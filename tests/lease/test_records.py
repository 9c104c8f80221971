"""A lease over a record: time alone ends it, and an answer that was lost does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecsync.core.ports import AwsError, LeaseError
from ecsync.lease.records import RecordLease, parse
from ecsync.testing import FakeClock
from tests.lease.memory_store import TERM, MemoryStore, holder, lease, lost


@pytest.fixture
def clock() -> FakeClock:
    """Time."""
    return FakeClock()


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


@pytest.fixture
def one(store: MemoryStore, clock: FakeClock) -> RecordLease:
    """The lease of a process that holds it."""
    made = lease(store, "one", clock)
    assert made.keep() is None
    return made


@pytest.fixture
def other(store: MemoryStore, clock: FakeClock, one: RecordLease) -> RecordLease:
    """The lease of another process."""
    assert one.held()
    return lease(store, "other", clock)


def raises_lost() -> None:
    """Lose an answer."""
    raise lost()


class TestTime:
    """The lease is held for its term from before the last write; another process waits for the same term."""

    def test_the_second_process_gets_the_holder(self, other: RecordLease) -> None:
        """The holder is the first one, with its operation and version."""
        assert other.keep() == holder("one")
        assert not other.held()

    def test_it_is_held_for_the_term_and_no_longer(self, one: RecordLease, clock: FakeClock) -> None:
        """Time that a call needs must be left."""
        clock.advance(TERM - 5)
        assert one.held(4.9)
        assert not one.held(5)
        clock.advance(5)
        assert not one.held()

    def test_a_renewed_lease_is_never_taken_over(self, one: RecordLease, other: RecordLease, clock: FakeClock) -> None:
        """However long the other process waits."""
        for _ in range(50):
            assert one.keep() is None
            assert other.keep() == holder("one")
            clock.advance(TERM / 2)
        assert one.held()

    def test_a_record_that_never_changes_is_taken_after_its_term(
        self, one: RecordLease, other: RecordLease, clock: FakeClock
    ) -> None:
        """The term runs from the first look, because the age of the record is not known."""
        clock.advance(TERM * 100)
        assert other.keep() == holder("one")
        clock.advance(TERM - 0.1)
        assert other.keep() == holder("one")
        clock.advance(0.1)
        assert other.keep() is None
        assert (one.held(), other.held()) == (False, True)

    def test_the_term_of_the_holder_counts(self, store: MemoryStore, clock: FakeClock) -> None:
        """A process with a shorter term does not take it earlier."""
        long = RecordLease(store, holder("long"), nonce="long", term=TERM * 4, monotonic=clock.monotonic)
        short = lease(store, "short", clock)
        assert long.keep() is None
        assert short.keep() == holder("long")
        clock.advance(TERM * 2)
        assert short.keep() == holder("long")

    def test_a_slow_write_is_held_from_its_start(self, store: MemoryStore, clock: FakeClock) -> None:
        """The answer came 10 s later: 10 s less are left."""
        store.after = lambda: clock.advance(10)
        slow = lease(store, "slow", clock)
        assert slow.keep() is None
        assert not slow.held(TERM - 10)
        assert slow.held(TERM - 10.1)

    def test_a_slow_read_gives_no_earlier_end(self, other: RecordLease, store: MemoryStore, clock: FakeClock) -> None:
        """The record may have been written while the answer was on its way: the term runs from the answer."""
        store.on_read = lambda: clock.advance(10)
        assert other.keep() == holder("one")
        store.on_read = lambda: None
        clock.advance(TERM - 1)
        assert other.keep() == holder("one")


class TestEnd:
    """Release, loss and force."""

    def test_a_released_lease_is_free_at_once(self, one: RecordLease, other: RecordLease) -> None:
        """No process waits for it."""
        one.release()
        assert not one.held()
        assert other.keep() is None

    def test_a_release_leaves_the_lease_of_another_process(
        self, one: RecordLease, other: RecordLease, clock: FakeClock
    ) -> None:
        """It was taken over meanwhile."""
        other.keep()
        clock.advance(TERM)
        assert other.keep() is None
        one.release()
        assert other.held()
        assert one.keep() == holder("other")

    def test_a_process_that_wakes_up_late_has_lost_it(
        self, one: RecordLease, other: RecordLease, clock: FakeClock
    ) -> None:
        """Before it asks, by its clock; afterwards by the record."""
        other.keep()
        clock.advance(TERM)
        assert other.keep() is None
        assert not one.held()
        assert one.keep() == holder("other")
        assert not one.held()

    def test_a_process_that_wakes_up_first_keeps_it(self, one: RecordLease, clock: FakeClock) -> None:
        """No other process has written the record."""
        clock.advance(TERM * 3)
        assert not one.held()
        assert one.keep() is None
        assert one.held()

    def test_force_takes_it_from_the_holder_with_the_reason(
        self, store: MemoryStore, one: RecordLease, clock: FakeClock
    ) -> None:
        """The holder reads the reason in the record."""
        forced = lease(store, "forced", clock, reason="incident 7")
        assert forced.keep(force=True) is None
        assert one.keep() == holder("forced", "incident 7")
        assert not one.held()

    def test_a_holder_learns_that_it_was_taken_and_given_back(
        self, store: MemoryStore, one: RecordLease, clock: FakeClock
    ) -> None:
        """Also between two of its rounds: it has lost the lease, and takes it again in the next one."""
        forced = lease(store, "forced", clock, reason="incident 7")
        assert forced.keep(force=True) is None
        forced.release()
        assert one.keep() == holder("forced", "incident 7")
        assert not one.held()
        assert one.keep() is None
        assert one.held()

    def test_force_takes_it_also_from_a_holder_that_renews_it_meanwhile(
        self, store: MemoryStore, one: RecordLease, clock: FakeClock
    ) -> None:
        """The holder's write came between the read and the write of the other process."""

        def renew() -> None:
            store.before = lambda: None
            assert one.keep() is None

        store.before = renew
        forced = lease(store, "forced", clock, reason="incident 7")
        assert forced.keep(force=True) is None
        assert forced.held()
        assert one.keep() == holder("forced", "incident 7")

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2}'])
    def test_what_is_no_lease_is_not_overwritten(self, text: str) -> None:
        """Another object has the name, or a newer ecsync wrote it."""
        with pytest.raises(LeaseError):
            parse(text, "s3://bucket/key")

    def test_a_record_is_read_as_it_was_written(self, store: MemoryStore, one: RecordLease) -> None:
        """In every member."""
        assert one.held()
        assert store.content is not None
        record = store.content[0]
        assert parse(record.text(), "memory") == record


class TestLostAnswers:
    """A write with a lost answer: the record decides whether it was done."""

    def test_a_take_that_was_done_is_ours(self, store: MemoryStore, clock: FakeClock) -> None:
        """The record has our nonce and counter."""
        store.after = raises_lost
        one = lease(store, "one", clock)
        assert one.keep() is None
        assert one.held(TERM - 0.1)

    def test_a_renewal_that_was_done_counts(self, one: RecordLease, store: MemoryStore, clock: FakeClock) -> None:
        """The holder is healthy, and stays."""
        clock.advance(TERM / 2)
        store.after = raises_lost
        assert one.keep() is None
        assert one.held(TERM - 0.1)

    def test_a_renewal_that_was_not_done_does_not_count(
        self, one: RecordLease, store: MemoryStore, clock: FakeClock
    ) -> None:
        """The lease is held for what is left of the term, and no longer."""
        clock.advance(TERM / 2)
        store.before = raises_lost
        with pytest.raises(AwsError):
            one.keep()
        assert one.held()
        assert not one.held(TERM / 2)

    def test_a_renewal_with_an_unknown_end_does_not_count(
        self, one: RecordLease, store: MemoryStore, clock: FakeClock
    ) -> None:
        """Neither its answer nor the record could be read; the next renewal finds our nonce."""
        clock.advance(TERM / 2)

        def unreachable() -> None:
            store.on_read = raises_lost
            raise lost()

        store.after = unreachable
        with pytest.raises(AwsError):
            one.keep()
        assert not one.held(TERM / 2)
        store.after = store.on_read = lambda: None
        assert one.keep() is None
        assert one.held(TERM - 0.1)

    def test_an_earlier_write_of_ours_that_arrives_late_is_no_other_holder(
        self, one: RecordLease, store: MemoryStore
    ) -> None:
        """It makes the renewal fail: the record is still ours, and is renewed the next time."""
        assert store.content is not None
        late = replace(store.content[0], counter=99), store.content[1]

        def arrive() -> None:
            store.swap(*late)

        store.before = arrive
        assert one.keep() is None
        assert store.refused
        store.before = lambda: None
        assert one.keep() is None
        assert one.held(TERM - 0.1)

    def test_of_two_that_take_it_at_the_same_time_one_has_it(self, store: MemoryStore, clock: FakeClock) -> None:
        """Both saw no record; the second write is refused."""
        one, other = lease(store, "one", clock), lease(store, "other", clock)

        def meanwhile() -> None:
            store.before = lambda: None
            assert other.keep() is None

        store.before = meanwhile
        assert one.keep() == holder("other")
        assert (one.held(), other.held()) == (False, True)
