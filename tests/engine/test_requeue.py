"""The delay of the next pass, by the outcome of the last one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecsync.core.model import FieldChange, Present, Update
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
    Step,
    StepId,
)
from ecsync.engine.requeue import AFTER_CHANGE, backoff, delay, jittered, lengthened, priority
from tests.engine.passes import TARGET, document, key

SOON = Failed(error="5xx", retry="soon", after=5.0)
SLOW = Failed(error="denied", retry="slow", after=900.0)
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


def after(found: Outcome, interval: float = 60.0) -> float:
    """Return the delay without jitter."""
    return delay(found, interval=interval, jitter=lambda seconds: seconds)


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (outcome(), 60.0),
        (outcome(Done()), AFTER_CHANGE),
        (outcome(Progressing(why="", after=7.0), Progressing(why="", after=12.0)), 7.0),
        (outcome(Progressing(why="", after=90.0)), 60.0),
        (outcome(Skipped(reason="")), 60.0),
        (outcome(health="Progressing"), 15.0),
        (outcome(Done(), Progressing(why="", after=7.0, deferred=True)), 7.0),
        (outcome(SOON), 5.0),
        (outcome(unreadable=True), 60.0),
        (outcome(Failed(error="not readable")), 60.0),
        (outcome(SLOW), 60.0),
        (outcome(Failed(error="denied", retry="slow", after=12.0)), 12.0),
        (outcome(NEVER), 60.0),
        (outcome(SLOW, Done()), AFTER_CHANGE),
        (outcome(SLOW, SOON), 5.0),
    ],
)
def test_the_soonest_that_has_a_reason(found: Outcome, seconds: float) -> None:
    """A step under way or the next retry sets the delay; a change is observed soon; else the interval."""
    assert after(found) == seconds


@pytest.mark.parametrize(("failures", "seconds"), [(0, 5.0), (1, 10.0), (3, 40.0), (10, 300.0), (1000, 300.0)])
def test_transient_failures_back_off(failures: int, seconds: float) -> None:
    """Each delay is twice the one before, and at most five minutes."""
    assert backoff(failures) == seconds


@pytest.mark.parametrize(("retry", "seconds"), [("soon", 300.0), ("slow", 900.0)])
def test_no_failure_makes_the_next_pass_later_than_the_interval(retry: Any, seconds: float) -> None:
    """The other resources are observed and repaired."""
    assert after(outcome(Failed(error="", retry=retry, after=seconds)), interval=60.0) == 60.0


def test_a_retry_comes_before_the_end_of_a_long_interval() -> None:
    """The pass is made when the retry is due."""
    assert after(outcome(SLOW), interval=3600.0) == 900.0


def test_jitter_moves_our_delays_and_not_those_of_steps() -> None:
    """The interval is moved; the delay that a step sets is kept."""
    double = lambda seconds: 2 * seconds  # noqa: E731
    assert delay(outcome(), interval=60.0, jitter=double) == 120.0
    assert delay(outcome(SLOW), interval=3600.0, jitter=double) == 900.0
    assert delay(outcome(Progressing(why="", after=7.0)), interval=60.0, jitter=double) == 7.0


def test_the_jitter_of_a_retry_only_makes_it_later() -> None:
    """A denied call is made at most once in fifteen minutes."""
    delays = [lengthened(900.0, 0.1) for _ in range(200)]
    assert 900.0 <= min(delays) < max(delays) <= 990.0


@pytest.mark.parametrize(("seconds", "spread"), [(60.0, 6.0), (300.0, 10.0), (3600.0, 10.0)])
def test_jitter_is_a_tenth_and_at_most_ten_seconds(seconds: float, spread: float) -> None:
    """Applications spread out, and drift is observed within the interval and ten seconds."""
    delays = [jittered(seconds, 0.1) for _ in range(200)]
    assert seconds - spread <= min(delays) < max(delays) <= seconds + spread


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (outcome(), "look"),
        (outcome(NEVER), "look"),
        (outcome(Skipped(reason="")), "look"),
        (outcome(Done()), "change"),
        (outcome(Progressing(why="")), "change"),
        (outcome(Done(), SOON), "repair"),
        (outcome(SLOW), "look"),
    ],
)
def test_what_a_pass_tried_sets_the_priority_of_the_next(found: Outcome, expected: str) -> None:
    """A step that failed and is retried comes first, then changes that people wait for."""
    assert priority(found) == expected


def test_a_repair_of_drift_is_drift() -> None:
    """It comes after changes of the manifests."""
    change = FieldChange(path=("size",), before=1, after=2, reason="drift")
    desired = document("App/app")
    update = Update(desired=desired, observed=Present(body={}, outputs={}), fields=(change,))
    step = Step(id=StepId(key=desired.key), change=update, calls=())
    found = replace(outcome(), plan=replace(outcome().plan, steps=(step,)), results={step.id: Done()})
    assert priority(found) == "drift"
    pending = replace(step, change=replace(update, fields=(replace(change, reason="pending"),)))
    assert priority(replace(found, plan=replace(found.plan, steps=(pending,)))) == "change"
