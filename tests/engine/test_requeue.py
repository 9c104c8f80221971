"""The delay of the next pass, by the outcome of the last one."""

from __future__ import annotations

import pytest

from ecsync.core.outcome import (
    Done,
    Failed,
    Health,
    Outcome,
    Plan,
    Progressing,
    ResourceStatus,
    Result,
    Skipped,
    StepId,
)
from ecsync.engine.requeue import delay, jittered
from tests.engine.passes import TARGET, key

SOON = Failed(error="5xx", retry="soon")
SLOW = Failed(error="denied", retry="slow")
NEVER = Failed(error="rolled back", retry="never")


def outcome(*results: Result, unreadable: bool = False, health: str = "Healthy") -> Outcome:
    """Return the outcome of a pass with these results."""
    status = ResourceStatus(key=key("App/app"), sync="Synced", health=Health(status=health))  # type: ignore[arg-type]
    unread = {key("App/app"): "denied"} if unreadable else {}
    return Outcome(
        plan=Plan(application="shop", target=TARGET, revision="", unreadable=unread),
        results={StepId(key=key(f"App/{index}")): result for index, result in enumerate(results)},
        statuses=(status,),
    )


def after(found: Outcome, interval: float = 60.0, failures: int = 0) -> float:
    """Return the delay without jitter."""
    return delay(found, interval=interval, failures=failures, jitter=lambda seconds: seconds)


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (outcome(), 60.0),
        (outcome(Done()), 1.0),
        (outcome(Progressing(why="", after=7.0), Progressing(why="", after=12.0)), 7.0),
        (outcome(Progressing(why="", after=90.0)), 60.0),
        (outcome(Skipped(reason="")), 60.0),
        (outcome(health="Progressing"), 15.0),
        (outcome(SOON), 5.0),
        (outcome(unreadable=True), 5.0),
        (outcome(SLOW), 900.0),
        (outcome(NEVER), 60.0),
        (outcome(SLOW, Done()), 1.0),
        (outcome(SLOW, SOON), 5.0),
    ],
)
def test_the_soonest_that_has_a_reason(found: Outcome, seconds: float) -> None:
    """A step under way sets the delay; a change is observed soon; a refused call waits; else the interval."""
    assert after(found) == seconds


@pytest.mark.parametrize(("failures", "seconds"), [(0, 5.0), (1, 10.0), (3, 40.0), (10, 60.0), (1000, 60.0)])
def test_transient_failures_back_off_up_to_the_interval(failures: int, seconds: float) -> None:
    """Each delay is twice the one before, and at most the interval."""
    assert after(outcome(SOON), failures=failures) == seconds


def test_backoff_is_at_most_five_minutes() -> None:
    """Also with a longer interval."""
    assert after(outcome(SOON), interval=86_400.0, failures=1000) == 300.0


def test_a_long_interval_is_longer_than_the_slow_retry() -> None:
    """A denied call is not retried more often than the interval."""
    assert after(outcome(SLOW), interval=3600.0) == 3600.0


def test_jitter_moves_our_delays_and_not_those_of_steps() -> None:
    """The interval and the backoff are moved; the delay that a step sets is kept."""
    double = lambda seconds: 2 * seconds  # noqa: E731
    assert delay(outcome(), interval=60.0, failures=0, jitter=double) == 120.0
    assert delay(outcome(SLOW), interval=60.0, failures=0, jitter=double) == 1800.0
    assert delay(outcome(Progressing(why="", after=7.0)), interval=60.0, failures=0, jitter=double) == 7.0


@pytest.mark.parametrize(("seconds", "spread"), [(60.0, 6.0), (300.0, 10.0), (3600.0, 10.0)])
def test_jitter_is_a_tenth_and_at_most_ten_seconds(seconds: float, spread: float) -> None:
    """Applications spread out, and drift is observed within the interval and ten seconds."""
    delays = [jittered(seconds, 0.1) for _ in range(200)]
    assert seconds - spread <= min(delays) < max(delays) <= seconds + spread
