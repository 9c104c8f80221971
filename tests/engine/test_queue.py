"""MemoryQueue: each application once, never with two workers, the earliest due first."""

from __future__ import annotations

import threading

import pytest

from ecsync.engine.queue import Claim, MemoryQueue
from ecsync.testing import FakeClock

DEADLINE = 5.0  # real seconds in which a thread must have come to its end


@pytest.fixture
def clock() -> FakeClock:
    """Stands still."""
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> MemoryQueue:
    """A queue that lets time pass in place of waiting."""
    return MemoryQueue(clock, wait=clock.skip)


def take(queue: MemoryQueue) -> Claim:
    """Take what is due now."""
    claim = queue.take(timeout=0)
    assert claim is not None
    return claim


def test_first_come_first_served(queue: MemoryQueue) -> None:
    """What is due at the same moment is taken in the order of being added."""
    for name in ("b", "a", "c"):
        queue.add(name)
    assert [take(queue).key for _ in range(3)] == ["b", "a", "c"]


def test_the_earliest_due_is_taken_first(queue: MemoryQueue, clock: FakeClock) -> None:
    """Names wait for their time, and go in the order of it."""
    queue.add("late", after=20)
    queue.add("early", after=10)
    started = clock.monotonic()
    taken = []
    while claim := queue.take(timeout=60):
        taken.append((claim.key, clock.monotonic() - started))
    assert taken == [("early", 10.0), ("late", 20.0)]


def test_nothing_due_within_the_timeout_is_none(queue: MemoryQueue) -> None:
    """`take` gives up when its time is over, and the name still waits."""
    queue.add("late", after=20)
    assert queue.take(timeout=5) is None
    assert queue.due_in("late") == 15


def test_a_name_waits_once(queue: MemoryQueue) -> None:
    """Adding what waits already adds nothing."""
    queue.add("a")
    queue.add("a")
    take(queue)
    assert queue.take(timeout=0) is None


def test_an_earlier_time_wins(queue: MemoryQueue) -> None:
    """A hint brings a name forward; a later time does not put it off."""
    queue.add("a", after=60)
    queue.add("a", after=5)
    queue.add("a", after=30)
    assert queue.due_in("a") == 5


def test_a_tick_does_not_cut_a_backoff_short(queue: MemoryQueue) -> None:
    """Without `overtake` a name that waits stays where it is; one that does not wait is added."""
    queue.add("a")
    take(queue).done(after=300)
    queue.add("a", overtake=False)
    assert queue.due_in("a") == 300
    queue.add("b", overtake=False)
    assert queue.due_in("b") == 0


def test_a_tick_during_the_pass_gives_way_to_its_backoff(queue: MemoryQueue) -> None:
    """A tick that came while the pass ran does not bring a failing application back at once; a hint does."""
    queue.add("a")
    claim = take(queue)
    queue.add("a", overtake=False)
    claim.done(after=300)
    assert queue.due_in("a") == 300
    queue.add("b")
    claim = take(queue)
    queue.add("b")
    claim.done(after=300)
    assert queue.due_in("b") == 0


def test_never_two_workers_on_one_name(queue: MemoryQueue) -> None:
    """A name that is added while it is worked on is taken again only after that."""
    queue.add("a")
    claim = take(queue)
    queue.add("a")
    assert queue.take(timeout=0) is None
    claim.done()
    assert take(queue).key == "a"


def test_a_claimed_name_does_not_hide_others(queue: MemoryQueue) -> None:
    """The next one due is taken although an earlier one waits for its worker."""
    queue.add("a")
    claim = take(queue)
    queue.add("a")
    queue.add("b")
    assert take(queue).key == "b"
    claim.done()


def test_done_after(queue: MemoryQueue) -> None:
    """A name given back with a time comes again then, and one without does not."""
    queue.add("a")
    take(queue).done(after=15)
    assert queue.due_in("a") == 15
    queue.add("b")
    take(queue).done()
    assert queue.due_in("b") is None


def test_a_claim_is_good_until_it_is_given_back(queue: MemoryQueue) -> None:
    """`renew` says whether the claim still holds, and giving back twice harms nobody."""
    queue.add("a")
    first = take(queue)
    assert first.renew()
    first.done(after=0)
    second = take(queue)
    assert not first.renew()
    first.done()
    assert second.renew()


def test_closing_loses_every_claim(queue: MemoryQueue) -> None:
    """After `close` nothing is given, nothing is taken, and a pass under way stops before its next change."""
    queue.add("a")
    claim = take(queue)
    queue.add("b")
    queue.close()
    assert not claim.renew()
    claim.done(after=5)
    queue.add("c")
    assert queue.take() is None


def test_a_discarded_name_is_not_taken(queue: MemoryQueue) -> None:
    """An application that is gone is forgotten, also while it is worked on."""
    queue.add("a")
    queue.discard("a")
    queue.discard("never there")
    assert queue.take(timeout=0) is None


def test_what_metrics_ask(queue: MemoryQueue, clock: FakeClock) -> None:
    """Depth counts what is due, not what is put off; the oldest claim has an age."""
    for name in ("a", "b", "c"):
        queue.add(name)
    queue.add("later", after=60)
    assert (queue.depth(), queue.active(), queue.longest_running()) == (3, 0, 0.0)
    take(queue)
    clock.advance(7)
    take(queue)
    assert (queue.depth(), queue.active(), queue.longest_running()) == (1, 2, 7.0)


def test_a_waiting_worker_is_woken_by_an_add(clock: FakeClock) -> None:
    """A worker that waits without end gets what is added."""
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
    """Every worker leaves when the queue closes."""
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
    """Under load no name is ever with two workers, and none is lost."""
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
