"""MemoryQueue: each name waits once, is never with two workers, and the earliest due is taken first."""

from __future__ import annotations

import threading

import pytest

from ecsync.engine.queue import Claim, MemoryQueue
from ecsync.testing import FakeClock

DEADLINE = 5.0  # real seconds within which a thread must end


@pytest.fixture
def clock() -> FakeClock:
    """A clock that the test moves."""
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> MemoryQueue:
    """A queue that advances the clock instead of waiting."""
    return MemoryQueue(clock, wait=clock.skip)


def take(queue: MemoryQueue) -> Claim:
    """Take the name that is due now."""
    claim = queue.take(timeout=0)
    assert claim is not None
    return claim


def take_next(queue: MemoryQueue, clock: FakeClock) -> tuple[str, float]:
    """Take the next name, and return it with the seconds until it was due."""
    started = clock.monotonic()
    claim = queue.take(timeout=1000)
    assert claim is not None
    return claim.key, clock.monotonic() - started


def test_first_come_first_served(queue: MemoryQueue) -> None:
    """Names that are due at the same moment are taken in the order of `add`."""
    for name in ("b", "a", "c"):
        queue.add(name)
    assert [take(queue).key for _ in range(3)] == ["b", "a", "c"]


def test_the_earliest_due_is_taken_first(queue: MemoryQueue, clock: FakeClock) -> None:
    """Names wait for their time, and are taken in the order of it."""
    queue.add("late", after=20)
    queue.add("early", after=10)
    started = clock.monotonic()
    taken = []
    while claim := queue.take(timeout=60):
        taken.append((claim.key, clock.monotonic() - started))
    assert taken == [("early", 10.0), ("late", 20.0)]


def test_nothing_due_within_the_timeout_is_none(queue: MemoryQueue, clock: FakeClock) -> None:
    """`take` returns None after its timeout, and the name still waits."""
    queue.add("late", after=20)
    assert queue.take(timeout=5) is None
    assert take_next(queue, clock) == ("late", 15)


def test_a_name_waits_once(queue: MemoryQueue) -> None:
    """A second `add` of a name that waits adds nothing."""
    queue.add("a")
    queue.add("a")
    take(queue)
    assert queue.take(timeout=0) is None


def test_an_earlier_time_wins(queue: MemoryQueue, clock: FakeClock) -> None:
    """An earlier time replaces a later one; a later time changes nothing."""
    queue.add("a", after=60)
    queue.add("a", after=5)
    queue.add("a", after=30)
    assert take_next(queue, clock) == ("a", 5)
    assert queue.take(timeout=100) is None


def test_a_backoff_ends_when_it_is_over_and_not_before(queue: MemoryQueue, clock: FakeClock) -> None:
    """After `done` with a time the name is not due earlier."""
    queue.add("a")
    take(queue).done(after=300)
    assert queue.take(timeout=299) is None
    assert take_next(queue, clock) == ("a", 1)


def test_an_add_during_the_pass_comes_before_its_backoff(queue: MemoryQueue, clock: FakeClock) -> None:
    """A manifest that changed during the pass does not wait for the backoff of the old one."""
    queue.add("a")
    claim = take(queue)
    queue.add("a")
    claim.done(after=300)
    assert take_next(queue, clock) == ("a", 0)
    assert queue.take(timeout=1000) is None


def test_an_add_during_a_backoff_ends_it(queue: MemoryQueue, clock: FakeClock) -> None:
    """A manifest that changed is reconciled at once."""
    queue.add("a")
    take(queue).done(after=300)
    queue.add("a")
    assert take_next(queue, clock) == ("a", 0)


def test_never_two_workers_on_one_name(queue: MemoryQueue) -> None:
    """A name that is added while it is claimed is taken after the claim is given back."""
    queue.add("a")
    claim = take(queue)
    queue.add("a")
    assert queue.take(timeout=0) is None
    claim.done()
    assert take(queue).key == "a"


def test_a_claimed_name_does_not_hide_others(queue: MemoryQueue) -> None:
    """The next name is taken although an earlier one is claimed."""
    queue.add("a")
    claim = take(queue)
    queue.add("a")
    queue.add("b")
    assert take(queue).key == "b"
    claim.done()


def test_done_with_a_time_requeues_the_name(queue: MemoryQueue, clock: FakeClock) -> None:
    """A name given back with a time is due then."""
    queue.add("a")
    take(queue).done(after=15)
    assert take_next(queue, clock) == ("a", 15)


def test_done_without_a_time_does_not_requeue_the_name(queue: MemoryQueue) -> None:
    """An application that is not declared any more is not taken again."""
    queue.add("b")
    take(queue).done()
    assert queue.take(timeout=10_000) is None


def test_a_claim_is_good_until_it_is_given_back(queue: MemoryQueue) -> None:
    """`renew` is true while the claim is held; a lost claim given back does not end the claim of another worker."""
    queue.add("a")
    first = take(queue)
    assert first.renew()
    first.done(after=0)
    second = take(queue)
    assert not first.renew()
    first.done()
    assert second.renew()


def test_a_lost_claim_requeues_the_name_too(queue: MemoryQueue, clock: FakeClock) -> None:
    """No application is left out because its claim was lost."""
    queue.add("a")
    first = take(queue)
    first.done()
    first.done(after=20)
    assert take_next(queue, clock) == ("a", 20)


def test_closing_ends_every_claim(queue: MemoryQueue) -> None:
    """After `close` nothing is accepted and nothing is taken, and a pass under way stops before its next change."""
    queue.add("a")
    claim = take(queue)
    queue.add("b")
    queue.close()
    assert not claim.renew()
    claim.done(after=5)
    queue.add("c")
    assert queue.take() is None


def test_a_discarded_name_is_not_taken(queue: MemoryQueue) -> None:
    """A name that waits is removed; an unknown name is no error."""
    queue.add("a")
    queue.discard("a")
    queue.discard("never there")
    assert queue.take(timeout=0) is None


def test_gauges(queue: MemoryQueue, clock: FakeClock) -> None:
    """`depth` counts the names that are due, not those that wait for their time; the oldest claim has an age."""
    for name in ("a", "b", "c"):
        queue.add(name)
    queue.add("later", after=60)
    assert (queue.depth(), queue.active(), queue.longest_running()) == (3, 0, 0.0)
    take(queue)
    clock.advance(7)
    take(queue)
    assert (queue.depth(), queue.active(), queue.longest_running()) == (1, 2, 7.0)


def test_a_waiting_worker_is_woken_by_an_add(clock: FakeClock) -> None:
    """A worker that waits without a timeout receives the name that is added."""
    queue = MemoryQueue(clock)
    got: list[str | None] = []

    def work() -> None:
        claim = queue.take()
        got.append(claim.key if claim else None)

    worker = threading.Thread(target=work)
    worker.start()
    queue.add("a")
    worker.join(DEADLINE)
    assert got == ["a"]


def test_waiting_workers_are_woken_by_close(clock: FakeClock) -> None:
    """Every worker ends when the queue closes."""
    queue = MemoryQueue(clock)
    workers = [threading.Thread(target=queue.take) for _ in range(3)]
    for worker in workers:
        worker.start()
    queue.close()
    for worker in workers:
        worker.join(DEADLINE)
    assert not any(worker.is_alive() for worker in workers)


def test_a_waiting_worker_sees_time_pass(clock: FakeClock) -> None:
    """With threads and a fake clock, `hold` wakes a worker when the clock is advanced."""
    holding = threading.Event()

    def hold(condition: threading.Condition, seconds: float | None) -> None:
        holding.set()
        clock.hold(condition, seconds)

    queue = MemoryQueue(clock, wait=hold)
    queue.add("a", after=60)
    got: list[Claim | None] = []
    worker = threading.Thread(target=lambda: got.append(queue.take()))
    worker.start()
    assert holding.wait(DEADLINE)
    clock.advance(60)
    worker.join(DEADLINE)
    assert [claim and claim.key for claim in got] == ["a"]


def test_many_workers_never_share_a_name() -> None:
    """Under load no name is with two workers, and none is lost."""
    clock = FakeClock()
    queue = MemoryQueue(clock)
    busy: set[str] = set()
    lock = threading.Lock()
    shared: list[str] = []
    passes: dict[str, int] = {}

    def work() -> None:
        while (claim := queue.take(timeout=0)) is not None:
            with lock:
                if claim.key in busy:
                    shared.append(claim.key)
                busy.add(claim.key)
                passes[claim.key] = passes.get(claim.key, 0) + 1
                again = passes[claim.key] < 20
            queue.add(claim.key, after=0 if again else 9999)
            with lock:
                busy.discard(claim.key)
            claim.done()

    names = [f"app-{n}" for n in range(20)]
    for name in names:
        queue.add(name)
    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE)
    work()  # a worker may have left while the others held every name
    assert shared == []
    assert passes == dict.fromkeys(names, 20)


def test_the_time_for_which_a_name_is_due_is_known(clock: FakeClock) -> None:
    """Of the oldest while it waits, and of each when it is taken."""
    waited: list[float] = []
    queue = MemoryQueue(clock, wait=clock.skip, waited=waited.append)
    assert queue.oldest() == 0
    queue.add("a", after=10)
    queue.add("b")
    clock.advance(25)
    assert queue.oldest() == 25
    assert {take(queue).key for _ in range(2)} == {"a", "b"}
    assert sorted(waited) == [15, 25]
    assert queue.oldest() == 0
