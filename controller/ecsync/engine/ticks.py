"""Timers: the poll of the source, and the place for later cadences. Passes have none: the queue requeues each one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from ecsync.core.ports import Clock
from ecsync.engine.requeue import MAX_JITTER

Mishap: TypeAlias = Literal["missed", "skipped", "error"]
Job: TypeAlias = Literal["poll"]

_MISHAPS: Mapping[int, Mishap] = {
    EVENT_JOB_MISSED: "missed",
    EVENT_JOB_MAX_INSTANCES: "skipped",
    EVENT_JOB_ERROR: "error",
}

_SET = 0.5  # seconds between wall time and monotonic time from which the wall clock counts as set

# A late job runs once, however late. The library's default grace of one second would leave it out silently.
_JOB: Mapping[str, Any] = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}


class Ticks:
    """Timers on APScheduler. A job must be short: it only notifies another thread.

    `count` receives each mishap of a job: its sort, the job, and the error. It is called on the scheduler's thread.
    """

    def __init__(
        self,
        clock: Clock,
        count: Callable[[Mishap, Job, BaseException | None], None] = lambda _mishap, _job, _error: None,
        *,
        jitter: float = 0.1,
    ) -> None:
        self._clock = clock
        self._offset = 0.0  # of the wall clock, when the poll was set
        self._polled: tuple[Callable[[], None], float] | None = None
        self._count = count
        self._jitter = jitter
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=_JOB)
        self._scheduler.add_listener(self._mishap, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)

    def start(self) -> None:
        """Start the scheduler's thread."""
        self._scheduler.start()

    def stop(self) -> None:
        """Start no more jobs. A job that runs is not waited for: it might wait for the thread that calls this."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def poll(self, action: Callable[[], None], every: float) -> None:
        """Call the action now and then every so many seconds. A second call replaces the first."""
        self._polled, self._offset = (action, every), self._wall_offset()
        self._add("poll", every, action, next_run_time=datetime.now(UTC))

    def keep_time(self) -> None:
        """Poll now and start the interval again if the wall clock was set: APScheduler waits for times of the day."""
        if self._polled is not None and abs(self._wall_offset() - self._offset) > _SET:
            self.poll(*self._polled)

    def _wall_offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

    def _add(self, job: Job, seconds: float, action: Callable[[], None], **options: Any) -> None:
        trigger = IntervalTrigger(seconds=seconds, jitter=min(seconds * self._jitter, MAX_JITTER), timezone=UTC)
        self._scheduler.add_job(action, trigger, id=job, replace_existing=True, **options)

    def _mishap(self, event: Any) -> None:
        self._count(_MISHAPS[event.code], event.job_id, getattr(event, "exception", None))
