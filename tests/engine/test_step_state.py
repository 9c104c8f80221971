"""What is remembered between passes: rows of errors. Losing it is harmless."""

from __future__ import annotations

from typing import Any

import pytest

from ecsync.core.model import Desired, Mark, Present, Target
from ecsync.core.outcome import Failed, Progressing, Step, StepId
from ecsync.core.ports import AwsError, ErrorClass
from ecsync.engine.retries import CONFLICT, SETTLING, Retries
from ecsync.engine.step_state import StepState
from tests.engine.passes import key

STEP = StepId(key=key("App/app"))
OTHER = StepId(key=key("Base/base"))
PRESENT = Present(body={}, outputs={})


def sent(step: StepId) -> Step:
    """Return a step. Its calls succeeded."""
    return Step(id=step, change=Mark(desired=Desired(key=step.key, body={}), observed=PRESENT, marks={}), calls=())


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
    step_state.record_success(sent(STEP), "", 250)
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
    step_state.record_success(sent(OTHER), "", 1000)
    needs = frozenset({OTHER.key})
    assert isinstance(step_state.result_of(STEP, error("invalid"), needs, 1299), Progressing)
    assert isinstance(step_state.result_of(STEP, error("invalid"), needs, 1301), Failed)
    assert isinstance(step_state.result_of(STEP, error("invalid"), frozenset(), 1001), Failed)


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (Target(account="1", region="eu-west-1", name="production"), True),
        (Target(account="1", region="us-east-1"), False),
        (Target(account="2", region="eu-west-1"), False),
    ],
)
def test_a_pass_elsewhere_begins_with_an_empty_memory(target: Target, kept: bool) -> None:
    """The keys are the same in another account or Region, the resources are not. Another name is the same place."""
    step_state = StepState(retries=Retries(jitter=0.1))
    step_state.enter(Target(account="1", region="eu-west-1"))
    step_state.result_of(STEP, error("denied"), frozenset(), 0)
    step_state.unconfirmed.add(STEP.key)
    step_state.enter(target)
    assert (STEP in step_state.retries.rows, step_state.unconfirmed) == (kept, {STEP.key} if kept else set())
    assert step_state.retries.jitter == 0.1
