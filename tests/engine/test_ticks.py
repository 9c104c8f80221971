"""Ticks: APScheduler, which only enqueues, and whose mishaps are counted."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent, JobSubmissionEvent

from ecsync.engine.ticks import Ticks

DEADLINE = 5.0


class Enqueued:
    """Remembers what was enqueued, and can be waited for."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.enough = threading.Event()
        self.wanted = 1

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) >= self.wanted:
            self.enough.set()


class Counted:
    """Remembers mishaps."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.any = threading.Event()

    def __call__(self, mishap: str, job: str, _error: BaseException | None) -> None:
        self.seen.append((mishap, job))
        self.any.set()


@pytest.fixture
def enqueued() -> Enqueued:
    """Where ticks go."""
    return Enqueued()


@pytest.fixture
def counted() -> Counted:
    """Where mishaps go."""
    return Counted()


@pytest.fixture
def ticks(enqueued: Enqueued, counted: Counted) -> Iterator[Ticks]:
    """Stopped at the end of the test."""
    ticks = Ticks(enqueued, counted)
    yield ticks
    ticks.stop()


def test_an_application_ticks_again_and_again(ticks: Ticks, enqueued: Enqueued) -> None:
    """Each tick enqueues the application's name and does nothing else."""
    enqueued.wanted = 3
    ticks.schedule({"shop": 0.01})
    ticks.start()
    assert enqueued.enough.wait(DEADLINE)
    assert set(enqueued.names) == {"shop"}


def test_applications_come_and_go(ticks: Ticks) -> None:
    """What is not named any more ticks no more; what stays keeps its next tick; a new interval takes hold."""
    ticks.start()
    ticks.schedule({"stays": 600, "goes": 600, "changes": 600})
    before = {name: ticks.next_tick(name) for name in ("stays", "goes", "changes")}
    ticks.schedule({"stays": 600, "changes": 60, "comes": 600})
    after = {name: ticks.next_tick(name) for name in ("stays", "goes", "changes", "comes")}
    assert after["stays"] == before["stays"]
    assert after["goes"] is None
    assert before["changes"] is not None
    assert after["changes"] is not None
    assert after["changes"] < before["changes"]
    assert after["comes"] is not None


def test_a_late_tick_is_never_left_out(ticks: Ticks) -> None:
    """Every job runs once however late it is, and never twice at the same time (F55)."""
    ticks.start()
    ticks.schedule({"shop": 600})
    ticks.poll(lambda: None, 600)
    for job in ticks._scheduler.get_jobs():
        assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (None, True, 1)


def test_jitter_is_a_tenth_and_at_most_ten_seconds(ticks: Ticks) -> None:
    """Applications spread out, and none is looked at ten seconds later than it says."""
    ticks.start()
    ticks.schedule({"often": 60, "seldom": 3600})
    jitters = {job.id: job.trigger.jitter for job in ticks._scheduler.get_jobs()}
    assert jitters == {"tick:often": 6.0, "tick:seldom": 10.0}


def test_the_source_is_polled_at_once_and_again(ticks: Ticks) -> None:
    """The first poll does not wait for the interval."""
    polled = threading.Event()
    ticks.poll(polled.set, 600)
    ticks.start()
    assert polled.wait(DEADLINE)


def test_a_job_that_raises_is_counted(ticks: Ticks, counted: Counted) -> None:
    """An error in a job is not lost in a log."""

    def broken() -> None:
        raise RuntimeError("on purpose")

    ticks.poll(broken, 600)
    ticks.start()
    assert counted.any.wait(DEADLINE)
    assert counted.seen == [("error", "poll")]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (JobExecutionEvent(EVENT_JOB_MISSED, "tick:shop", "default", None), ("missed", "tick")),
        (JobSubmissionEvent(EVENT_JOB_MAX_INSTANCES, "poll:source", "default", []), ("skipped", "poll")),
    ],
)
def test_a_job_that_was_left_out_is_counted(
    ticks: Ticks, counted: Counted, event: JobExecutionEvent, expected: tuple[str, str]
) -> None:
    """APScheduler's silence about a job that it did not run becomes a number."""
    ticks._scheduler._dispatch_event(event)
    assert counted.seen == [expected]


def test_stopping_twice_or_before_the_start_is_fine(ticks: Ticks) -> None:
    """`stop` may be called at any time."""
    ticks.stop()
    ticks.start()
    ticks.stop()


def test_stop_waits_for_no_job_that_waits_for_it() -> None:
    """A poll that is still reading, and then schedules what it found, ends the process no later."""
    reading, go_on = threading.Event(), threading.Event()
    ticks = Ticks(lambda _: None)

    def read() -> None:
        reading.set()
        go_on.wait(5)
        ticks.schedule({"shop": 30.0})

    ticks.start()
    ticks.poll(read, 30.0)
    assert reading.wait(5)
    stopping = threading.Thread(target=ticks.stop, daemon=True)
    stopping.start()
    go_on.set()
    stopping.join(5)
    assert not stopping.is_alive()
