"""Ticks: APScheduler runs the poll of the source, and every mishap of a job is counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobExecutionEvent, JobSubmissionEvent

from ecsync.engine.ticks import Ticks
from ecsync.wiring import SystemClock

DEADLINE = 5.0


class Calls:
    """Counts its calls; `enough` is set after `wanted` of them."""

    def __init__(self, wanted: int) -> None:
        self.made = 0
        self.enough = threading.Event()
        self._wanted = wanted

    def __call__(self) -> None:
        self.made += 1
        if self.made >= self._wanted:
            self.enough.set()


class Counted:
    """Keeps the mishaps that it receives."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.errors: list[BaseException | None] = []
        self.any = threading.Event()

    def __call__(self, mishap: str, job: str, error: BaseException | None) -> None:
        self.seen.append((mishap, job))
        self.errors.append(error)
        self.any.set()


@pytest.fixture
def counted() -> Counted:
    """Receives the mishaps."""
    return Counted()


@pytest.fixture
def ticks(counted: Counted) -> Iterator[Ticks]:
    """Timers that are stopped at the end of the test."""
    ticks = Ticks(SystemClock(), counted)
    yield ticks
    ticks.stop()


def test_the_source_is_polled_again_and_again(ticks: Ticks) -> None:
    """The action is called at each interval."""
    calls = Calls(wanted=3)
    ticks.poll(calls, 0.01)
    ticks.start()
    assert calls.enough.wait(DEADLINE)


def test_the_source_is_polled_at_once(ticks: Ticks) -> None:
    """The first poll does not wait for the interval."""
    calls = Calls(wanted=1)
    ticks.poll(calls, 600)
    ticks.start()
    assert calls.enough.wait(DEADLINE)


def test_a_second_poll_replaces_the_first(ticks: Ticks) -> None:
    """There is one poll, with the newer interval."""
    ticks.start()
    ticks.poll(lambda: None, 600)
    ticks.poll(lambda: None, 60)
    assert [job.trigger.interval.total_seconds() for job in ticks._scheduler.get_jobs()] == [60]


def test_the_poll_is_the_only_job(ticks: Ticks) -> None:
    """Applications have no timer: the queue requeues each one after its pass."""
    ticks.start()
    ticks.poll(lambda: None, 600)
    assert [job.id for job in ticks._scheduler.get_jobs()] == ["poll"]


def test_a_late_job_is_never_left_out(ticks: Ticks) -> None:
    """The job runs once however late it is, and never twice at the same time."""
    ticks.start()
    ticks.poll(lambda: None, 600)
    (job,) = ticks._scheduler.get_jobs()
    assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (None, True, 1)


@pytest.mark.parametrize(("interval", "jitter"), [(60, 6.0), (3600, 10.0)])
def test_jitter_is_a_tenth_and_at_most_ten_seconds(ticks: Ticks, interval: float, jitter: float) -> None:
    """Several controllers spread their polls, and none is ten seconds later than its interval."""
    ticks.start()
    ticks.poll(lambda: None, interval)
    (job,) = ticks._scheduler.get_jobs()
    assert job.trigger.jitter == jitter


def test_a_job_that_raises_is_counted(ticks: Ticks, counted: Counted) -> None:
    """The error is counted, and not only logged."""
    failure = RuntimeError("on purpose")

    def broken() -> None:
        raise failure

    ticks.poll(broken, 600)
    ticks.start()
    assert counted.any.wait(DEADLINE)
    assert counted.seen == [("error", "poll")]
    assert counted.errors == [failure]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (JobExecutionEvent(EVENT_JOB_MISSED, "poll", "default", None), ("missed", "poll")),
        (JobSubmissionEvent(EVENT_JOB_MAX_INSTANCES, "poll", "default", []), ("skipped", "poll")),
    ],
)
def test_a_job_that_was_left_out_is_counted(
    ticks: Ticks, counted: Counted, event: JobExecutionEvent, expected: tuple[str, str]
) -> None:
    """APScheduler only logs a job that it did not run; the count makes it visible."""
    ticks._scheduler._dispatch_event(event)
    assert counted.seen == [expected]


def test_stopping_twice_or_before_the_start_is_fine(ticks: Ticks) -> None:
    """`stop` may be called at any time."""
    ticks.stop()
    ticks.start()
    ticks.stop()


def test_stop_does_not_wait_for_a_running_job() -> None:
    """A poll that still runs does not delay the end of the process."""
    running, go_on = threading.Event(), threading.Event()
    ticks = Ticks(SystemClock())

    def poll() -> None:
        running.set()
        go_on.wait(DEADLINE)

    ticks.start()
    ticks.poll(poll, 30.0)
    assert running.wait(DEADLINE)
    stopping = threading.Thread(target=ticks.stop, daemon=True)
    stopping.start()
    stopping.join(DEADLINE)
    assert not stopping.is_alive()
    go_on.set()


class Set:
    """A clock with a wall time that can be set (`core.ports.Clock`)."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """The wall time."""
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()


@pytest.mark.parametrize(
    "by", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=-1), timedelta(days=1)], ids=str
)
def test_a_wall_clock_that_is_set_stops_no_poll(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """The source is polled at once, and again and again, as soon as the loop of the source has noticed it."""
    clock = Set()

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # it is a datetime for APScheduler
            return (datetime.now(UTC) + clock.ahead).astimezone(tz)

    for module in ("apscheduler.schedulers.base", "apscheduler.triggers.interval", "ecsync.engine.ticks"):
        monkeypatch.setattr(f"{module}.datetime", Moved)
    ticks = Ticks(clock, jitter=0.0)
    before, after = Calls(wanted=2), Calls(wanted=3)
    current = [before]
    ticks.poll(lambda: current[0](), 0.01)
    ticks.start()
    try:
        assert before.enough.wait(DEADLINE)
        clock.ahead, current[0] = by, after
        ticks.keep_time()
        assert after.enough.wait(DEADLINE)
    finally:
        ticks.stop()


def test_a_steady_wall_clock_sets_no_new_poll(ticks: Ticks) -> None:
    """The interval goes on as it was set."""
    ticks.start()
    ticks.poll(lambda: None, 600)
    (job,) = ticks._scheduler.get_jobs()
    ticks.keep_time()
    (same,) = ticks._scheduler.get_jobs()
    assert same is job
