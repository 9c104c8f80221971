"""MemoryQueue with several sites: fairness, priorities, and a site with an empty rate limit."""

from __future__ import annotations

import pytest

from ecsync.engine.queue import HEAD_START, TOGETHER, Claim, MemoryQueue, Priority
from ecsync.testing import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """A clock that the test moves."""
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> MemoryQueue:
    """The queue of four workers."""
    return MemoryQueue(clock, wait=clock.skip, workers=4)


def put(queue: MemoryQueue, *names: str, priority: Priority = "look") -> None:
    """Make names due at the site of their first letter."""
    for name in names:
        queue.place(name, name[0])
        queue.add(name, priority=priority)


def take(queue: MemoryQueue) -> Claim:
    """Take the name that is due now."""
    claim = queue.take(timeout=0)
    assert claim is not None
    return claim


def taken(queue: MemoryQueue) -> list[str]:
    """Take every name that a worker may have now, and keep the claims."""
    names = []
    while claim := queue.take(timeout=0):
        names.append(claim.key)
    return names


class TestFairness:
    """Between sites, and then between applications."""

    def test_the_sites_take_turns(self, queue: MemoryQueue) -> None:
        """A site with many applications does not delay the one of another site."""
        put(queue, "a1", "a2", "a3", "b1", "b2")
        assert [take(queue).key for _ in range(4)] == ["a1", "b1", "a2", "b2"]

    def test_a_site_leaves_a_worker_for_each_other_one(self, queue: MemoryQueue) -> None:
        """Long passes of one site do not make an application of another one late."""
        put(queue, "a1", "a2", "a3", "a4")
        queue.place("b1", "b")
        queue.place("c1", "c")
        assert taken(queue) == ["a1", "a2"]
        put(queue, "b1", "c1")
        assert taken(queue) == ["b1", "c1"]

    def test_with_more_sites_than_workers_each_may_have_one(self, queue: MemoryQueue) -> None:
        """There is no worker left to keep free."""
        put(queue, "a1", "a2", "b1", "b2", "c1", "d1", "e1")
        assert taken(queue) == ["a1", "b1", "c1", "d1", "e1"]

    def test_a_site_may_have_a_limit_of_its_own(self, clock: FakeClock) -> None:
        """The others have the workers that it leaves; a name that was done makes place for the next."""
        queue = MemoryQueue(clock, wait=clock.skip, workers=4, most_at={"a": 1, "b": 0}.get)  # type: ignore[arg-type]
        put(queue, "a1", "a2", "a3", "b1", "b2", "b3")
        first = take(queue)
        assert taken(queue) == ["b1", "b2", "b3"]
        first.done()
        assert taken(queue) == ["a2"]

    def test_the_only_site_has_all_workers(self, queue: MemoryQueue) -> None:
        """A site counts no longer when its last application is not declared any more."""
        put(queue, "a1", "a2", "a3", "a4", "a5", "b1")
        take_b = [claim for claim in (take(queue), take(queue)) if claim.key == "b1"]
        queue.discard("b1")
        take_b[0].done()
        assert taken(queue) == ["a2", "a3", "a4"]

    def test_a_name_can_move_to_another_site(self, queue: MemoryQueue) -> None:
        """The account of a target may be known only after its first call."""
        put(queue, "a1", "a2")
        queue.place("a2", "b")
        queue.place("a1", "b")
        take(queue).deferred(after=10)
        assert queue.take(timeout=0) is None

    def test_a_claimed_name_that_moves_comes_back_to_its_new_site(self, queue: MemoryQueue, clock: FakeClock) -> None:
        """Its first pass is what finds the account."""
        put(queue, "a1")
        claim = take(queue)
        queue.place("a1", "b")
        claim.done(after=5)
        put(queue, "a2")
        take(queue).deferred(after=1000)
        clock.advance(5)
        assert take(queue).key == "a1"


class TestPriority:
    """What people wait for comes first, and nothing waits for ever."""

    def test_a_repair_comes_before_a_change_before_drift_before_a_look(self, queue: MemoryQueue) -> None:
        """Of names that are due."""
        for number, priority in enumerate(("look", "drift", "change", "repair")):
            put(queue, f"a{number}", priority=priority)  # type: ignore[arg-type]
        assert [take(queue).key for _ in range(4)] == ["a3", "a2", "a1", "a0"]

    def test_a_priority_does_not_make_a_name_due(self, queue: MemoryQueue) -> None:
        """A retry keeps its pause."""
        queue.add("a", after=30, priority="repair")
        assert queue.take(timeout=0) is None

    def test_a_look_that_waited_long_comes_before_a_new_repair(self, queue: MemoryQueue, clock: FakeClock) -> None:
        """A priority is a head start."""
        put(queue, "a-look")
        clock.advance(HEAD_START["repair"] + 1)
        put(queue, "a-repair", priority="repair")
        assert taken(queue) == ["a-look", "a-repair"]

    def test_a_change_of_a_name_that_is_due_for_a_look_comes_first(self, queue: MemoryQueue) -> None:
        """The higher of two priorities of one name holds."""
        put(queue, "a1", "a2", "a3")
        queue.add("a3", priority="change")
        queue.add("a3")
        assert [take(queue).key for _ in range(3)] == ["a3", "a1", "a2"]


class TestRate:
    """A site with an empty rate limit."""

    def test_no_name_of_it_is_taken_until_its_rate_is_back(self, queue: MemoryQueue, clock: FakeClock) -> None:
        """Other sites go on."""
        put(queue, "a1", "a2", "b1")
        take(queue).deferred(after=4)
        assert take(queue).key == "b1"
        assert queue.take(timeout=3) is None
        started = clock.monotonic()
        claim = queue.take(timeout=60)
        assert claim is not None
        assert (claim.key, clock.monotonic() - started) == ("a1", 1.0)

    def test_then_few_of_its_names_are_taken_at_a_time(self, queue: MemoryQueue, clock: FakeClock) -> None:
        """Each waits as long as it must, and meanwhile another one uses other limits of the site."""
        names = [f"a{number}" for number in range(TOGETHER + 2)]
        put(queue, *names)
        take(queue).deferred(after=4)
        clock.advance(4)
        claims = [take(queue) for _ in range(TOGETHER)]
        assert [(claim.key, claim.patient) for claim in claims] == [(name, True) for name in names[:TOGETHER]]
        assert queue.take(timeout=0) is None
        claims[0].done(after=60, scarce=True)
        assert take(queue).patient is True
        claims[1].done(after=60)
        claims[2].done(after=60)
        assert take(queue).patient is False

    def test_a_name_that_was_put_off_keeps_its_place(self, queue: MemoryQueue, clock: FakeClock) -> None:
        """Else one large application might be put off for ever."""
        put(queue, "a1")
        claim = take(queue)
        clock.advance(1)
        put(queue, "a2")
        claim.deferred(after=4)
        clock.advance(4)
        assert take(queue).key == "a1"

    def test_a_name_that_is_added_meanwhile_waits_too(self, queue: MemoryQueue, clock: FakeClock) -> None:
        """A changed manifest finds no tokens either; it is not lost."""
        put(queue, "a1")
        take(queue).deferred(after=4)
        put(queue, "a1", priority="change")
        assert queue.take(timeout=3.9) is None
        clock.advance(0.1)
        assert take(queue).key == "a1"
        assert queue.take(timeout=0) is None

    def test_a_pass_from_before_does_not_end_it(self, queue: MemoryQueue, clock: FakeClock) -> None:
        """It found its tokens before they were used up."""
        put(queue, "a1", "a2", "a3", "a4")
        before, deferred = take(queue), take(queue)
        deferred.deferred(after=4)
        before.done(after=60)
        clock.advance(4)
        assert take(queue).patient is True

    def test_passes_under_way_count(self, queue: MemoryQueue, clock: FakeClock) -> None:
        """The next one is taken when one of them is over."""
        put(queue, *(f"a{number}" for number in range(TOGETHER + 2)))
        before, deferred = take(queue), take(queue)
        deferred.deferred(after=4)
        clock.advance(4)
        assert len(taken(queue)) == TOGETHER - 1
        before.done(after=60)
        assert take(queue).patient is True

    def test_closing_ends_it_all(self, queue: MemoryQueue) -> None:
        """A pass that is put off while the process stops is not queued."""
        put(queue, "a1")
        claim = take(queue)
        queue.close()
        claim.deferred(after=1)
        assert queue.take(timeout=60) is None
