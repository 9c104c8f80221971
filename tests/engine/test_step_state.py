"""What is remembered between passes: rows of errors and repairs. Losing it is harmless."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.outcome import Failed, Progressing, StepId
from ecsync.core.ports import AwsError, ErrorClass
from ecsync.engine.retries import CONFLICT, SETTLING
from ecsync.engine.step_state import StepState
from tests.engine.passes import key

STEP = StepId(key=key("App/app"))
OTHER = StepId(key=key("Base/base"))


def error(kind: ErrorClass) -> AwsError:
    """Return an error of this class."""
    return AwsError(kind, "Code", "message", "a.Call")


@pytest.mark.parametrize(
    ("kind", "retry", "after"),
    [
        ("denied", "slow", 900.0),
        ("invalid", "slow", 900.0),
        ("throttled", "soon", 5.0),
        ("transient", "soon", 5.0),
        ("credentials", "soon", 5.0),
    ],
)
def test_an_error_that_does_not_end_by_waiting_is_a_failure(kind: ErrorClass, retry: Any, after: float) -> None:
    """Denied and invalid calls are retried slowly, transient failures soon."""
    result = StepState().result_of(STEP, error(kind), frozenset(), 0)
    assert result == Failed(error="a.Call: Code: message", retry=retry, after=after)


@pytest.mark.parametrize("kind", ["exists", "missing"])
def test_an_error_that_contradicts_our_read_is_read_again(kind: ErrorClass) -> None:
    """The resource exists, or is gone: the next pass observes it."""
    assert StepState().result_of(STEP, error(kind), frozenset(), 0) == Progressing(
        why="a.Call: Code: message; the resource is read again", after=2.0
    )


@pytest.mark.parametrize(
    ("kind", "limit"), [("settling", SETTLING), ("conflict", CONFLICT), ("exists", SETTLING), ("missing", SETTLING)]
)
def test_waiting_ends(kind: ErrorClass, limit: float) -> None:
    """A row of such errors is a failure after its limit, and not before."""
    step_state = StepState()
    assert isinstance(step_state.result_of(STEP, error(kind), frozenset(), 1000), Progressing)
    assert isinstance(step_state.result_of(STEP, error(kind), frozenset(), 1000 + limit), Progressing)
    assert isinstance(step_state.result_of(STEP, error(kind), frozenset(), 1001 + limit), Failed)


def test_a_success_ends_the_row() -> None:
    """The next error begins a new row, with the shortest delay."""
    step_state = StepState()
    for now in (0, 100, 200):
        step_state.result_of(STEP, error("settling"), frozenset(), now)
    step_state.record_success(STEP, 250, repaired=False)
    assert step_state.result_of(STEP, error("settling"), frozenset(), 400) == Progressing(
        why="a.Call: Code: message", after=5.0
    )


def test_each_step_has_its_own_row() -> None:
    """The time that one step has waited does not count for another."""
    step_state = StepState()
    step_state.result_of(STEP, error("settling"), frozenset(), 0)
    assert isinstance(step_state.result_of(OTHER, error("settling"), frozenset(), 400), Progressing)


def test_invalid_is_retried_after_a_change_of_what_it_needs() -> None:
    """For five minutes after a resource that the step depends on was created or changed."""
    step_state = StepState()
    step_state.record_success(OTHER, 1000, repaired=False)
    needs = frozenset({OTHER.key})
    assert isinstance(step_state.result_of(STEP, error("invalid"), needs, 1299), Progressing)
    assert isinstance(step_state.result_of(STEP, error("invalid"), needs, 1301), Failed)
    assert isinstance(step_state.result_of(STEP, error("invalid"), frozenset(), 1001), Failed)


@pytest.mark.parametrize(
    ("times", "contended"),
    [((0, 1, 2, 3), False), ((0, 1, 2, 3, 4), True), ((0, 100, 200, 300, 600), True), ((0, 100, 200, 300, 601), False)],
)
def test_five_repairs_within_ten_minutes_are_contention(times: tuple[int, ...], contended: bool) -> None:
    """Four are none, and neither are five over a longer time."""
    step_state = StepState()
    for now in times:
        step_state.record_success(STEP, now, repaired=True)
    assert (STEP.key in step_state.contended(times[-1])) is contended


def test_contention_ends_ten_minutes_after_the_first_repair() -> None:
    """Then the resource is repaired again."""
    step_state = StepState()
    for now in range(5):
        step_state.record_success(STEP, now, repaired=True)
    assert step_state.contended(600) == {STEP.key}
    assert step_state.contended(605) == frozenset()
