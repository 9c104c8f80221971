"""The clockwork: a tick per application and one for the source. It only enqueues; the queue owns concurrency."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

Mishap: TypeAlias = Literal["missed", "skipped", "error"]
Job: TypeAlias = Literal["tick", "poll"]

_MISHAPS: Mapping[int, Mishap] = {
    EVENT_JOB_MISSED: "missed",
    EVENT_JOB_MAX_INSTANCES: "skipped",
    EVENT_JOB_ERROR: "error",
}
_MAX_JITTER = 10.0  # seconds: drift is to be seen within the interval and ten seconds

# A late tick runs once, however late (the default grace of a second would skip it without a word).
_JOB: Mapping[str, Any] = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}


class Ticks:
    """APScheduler, told which applications there are and how often each is looked at.

    `enqueue` gets the name of an application; `count` what went wrong with a job, of which sort, and the error.
    Both are called on a thread of the scheduler.
    """

    def __init__(
        self,
        enqueue: Callable[[str], None],
        count: Callable[[Mishap, Job, BaseException | None], None] = lambda _mishap, _job, _error: None,
        *,
        jitter: float = 0.1,
    ) -> None:
        self._enqueue = enqueue
        self._count = count
        self._jitter = jitter
        self._intervals: dict[str, float] = {}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=_JOB)
        self._scheduler.add_listener(self._mishap, EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES | EVENT_JOB_ERROR)

    def start(self) -> None:
        """Begin to tick, on a thread of its own."""
        self._scheduler.start()

    def stop(self) -> None:
        """Tick no more. What is being enqueued goes on: to wait for it here would be to wait for what waits for us."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def schedule(self, intervals: Mapping[str, float]) -> None:
        """Say which applications there are now, and the seconds between two looks at each.

        One whose interval is what it was keeps its next tick. The first tick of a new one is an interval away:
        whoever finds a new application also enqueues it. To be called by one thread.
        """
        for name in self._intervals.keys() - intervals.keys():
            self._scheduler.remove_job(_tick(name))
        for name, seconds in intervals.items():
            if self._intervals.get(name) != seconds:
                self._add(_tick(name), seconds, self._enqueue, name)
        self._intervals = dict(intervals)

    def poll(self, action: Callable[[], None], every: float) -> None:
        """Call the action, which reads the source or has it read, now and then every so many seconds."""
        self._add("poll:source", every, action, next_run_time=datetime.now(UTC))

    def next_tick(self, application: str) -> datetime | None:
        """When the application's next tick is due; None for one that has none."""
        job = self._scheduler.get_job(_tick(application))
        when: datetime | None = getattr(job, "next_run_time", None)  # a job has none before the scheduler starts
        return when

    def _add(self, job: str, seconds: float, action: Callable[..., None], *args: str, **options: Any) -> None:
        jitter = min(seconds * self._jitter, _MAX_JITTER)
        trigger = IntervalTrigger(seconds=seconds, jitter=jitter, timezone=UTC)
        self._scheduler.add_job(action, trigger, args, id=job, replace_existing=True, **options)

    def _mishap(self, event: Any) -> None:
        job: Job = "tick" if event.job_id.startswith("tick:") else "poll"
        self._count(_MISHAPS[event.code], job, getattr(event, "exception", None))


def _tick(application: str) -> str:
    return f"tick:{application}"
