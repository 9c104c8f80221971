"""From what a pass came to, to when the next one is."""

from __future__ import annotations

import pytest

from ecsync.core.model import Done, Failed, Health, Outcome, Plan, Progressing, ResourceStatus, Result, Skipped, StepId
from ecsync.engine.requeue import delay
from tests.engine.passes import TARGET, key

SOON = Failed(error="5xx", retry="soon")
SLOW = Failed(error="denied", retry="slow")
NEVER = Failed(error="rolled back", retry="never")


def outcome(*results: Result, unreadable: bool = False, health: str = "Healthy") -> Outcome:
    """Return the outcome of a pass with these results."""
    status = ResourceStatus(key=key("App/app"), sync="Synced", health=Health(status=health))  # type: ignore[arg-type]
    told = {key("App/app"): "denied"} if unreadable else {}
    return Outcome(
        plan=Plan(application="shop", target=TARGET, revision="", unreadable=told),
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
    """What is under way says when; a change is looked at soon; a refusal waits; else the interval."""
    assert after(found) == seconds


@pytest.mark.parametrize(("failures", "seconds"), [(0, 5.0), (1, 10.0), (3, 40.0), (10, 60.0), (1000, 60.0)])
def test_transient_failures_back_off_up_to_the_interval(failures: int, seconds: float) -> None:
    """Twice as long each time, and no longer than an ordinary look."""
    assert after(outcome(SOON), failures=failures) == seconds


def test_backoff_has_an_end_of_its_own() -> None:
    """With a long interval it stays at five minutes."""
    assert after(outcome(SOON), interval=86_400.0, failures=1000) == 300.0


def test_a_long_interval_is_longer_than_the_slow_retry() -> None:
    """What was denied is not tried more often than an ordinary look comes."""
    assert after(outcome(SLOW), interval=3600.0) == 3600.0


def test_jitter_is_on_what_we_choose_and_not_on_what_aws_needs() -> None:
    """The interval and backoff spread out; a pause that a step asked for is kept."""
    double = lambda seconds: 2 * seconds  # noqa: E731
    assert delay(outcome(), interval=60.0, failures=0, jitter=double) == 120.0
    assert delay(outcome(SLOW), interval=60.0, failures=0, jitter=double) == 1800.0
    assert delay(outcome(Progressing(why="", after=7.0)), interval=60.0, failures=0, jitter=double) == 7.0
