"""What is remembered between passes: rows of errors, repairs, and nothing that anything depends on."""

from __future__ import annotations

import pytest

from ecsync.core.model import Failed, Progressing, StepId
from ecsync.core.ports import AwsError, ErrorClass
from ecsync.engine.step_state import CONFLICT, SETTLING, StepState
from tests.engine.passes import key

STEP = StepId(key=key("App/app"))
OTHER = StepId(key=key("Base/base"))


def error(kind: ErrorClass) -> AwsError:
    """Return an error of a class."""
    return AwsError(kind, "Code", "message", "a.Call")


@pytest.mark.parametrize(
    ("kind", "retry"),
    [("denied", "slow"), ("invalid", "slow"), ("throttled", "soon"), ("transient", "soon"), ("credentials", "soon")],
)
def test_an_error_that_waiting_does_not_cure_is_a_failure(kind: ErrorClass, retry: str) -> None:
    """Denied and invalid are tried again slowly, what comes from the way to AWS soon."""
    assert StepState().verdict(STEP, error(kind), frozenset(), 0) == Failed(error="a.Call: Code: message", retry=retry)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["exists", "missing"])
def test_what_contradicts_our_read_is_read_again_at_once(kind: ErrorClass) -> None:
    """It is there, or gone: the next pass sees it."""
    assert StepState().verdict(STEP, error(kind), frozenset(), 0) == Progressing(
        why="a.Call: Code: message; reading again", after=2.0
    )


@pytest.mark.parametrize(("kind", "limit"), [("settling", SETTLING), ("conflict", CONFLICT)])
def test_patience_ends(kind: ErrorClass, limit: float) -> None:
    """An unbroken row of early or busy answers is a failure after its time, and not before."""
    step_state = StepState()
    assert isinstance(step_state.verdict(STEP, error(kind), frozenset(), 1000), Progressing)
    assert isinstance(step_state.verdict(STEP, error(kind), frozenset(), 1000 + limit), Progressing)
    assert isinstance(step_state.verdict(STEP, error(kind), frozenset(), 1001 + limit), Failed)


def test_a_success_ends_the_row() -> None:
    """The next early answer begins a new one, with the first pause."""
    step_state = StepState()
    for now in (0, 100, 200):
        step_state.verdict(STEP, error("settling"), frozenset(), now)
    step_state.went_well(STEP, 250, repaired=False)
    assert step_state.verdict(STEP, error("settling"), frozenset(), 400) == Progressing(
        why="a.Call: Code: message", after=5.0
    )


def test_each_step_has_a_row_of_its_own() -> None:
    """What one waits for is not another's patience."""
    step_state = StepState()
    step_state.verdict(STEP, error("settling"), frozenset(), 0)
    assert isinstance(step_state.verdict(OTHER, error("settling"), frozenset(), 400), Progressing)


def test_invalid_is_early_while_a_need_is_new() -> None:
    """For five minutes after something that it needs was made or changed."""
    step_state = StepState()
    step_state.went_well(OTHER, 1000, repaired=False)
    needs = frozenset({OTHER.key})
    assert isinstance(step_state.verdict(STEP, error("invalid"), needs, 1299), Progressing)
    assert isinstance(step_state.verdict(STEP, error("invalid"), needs, 1301), Failed)
    assert isinstance(step_state.verdict(STEP, error("invalid"), frozenset(), 1001), Failed)


@pytest.mark.parametrize(
    ("times", "contended"),
    [((0, 1, 2, 3), False), ((0, 1, 2, 3, 4), True), ((0, 100, 200, 300, 600), True), ((0, 100, 200, 300, 601), False)],
)
def test_five_repairs_within_ten_minutes_are_a_fight(times: tuple[int, ...], contended: bool) -> None:
    """Four are not, and neither are five over a longer time."""
    step_state = StepState()
    for now in times:
        step_state.went_well(STEP, now, repaired=True)
    assert (STEP.key in step_state.contended(times[-1])) is contended


def test_a_fight_is_over_when_nothing_was_repaired_for_ten_minutes() -> None:
    """Then it is tried again."""
    step_state = StepState()
    for now in range(5):
        step_state.went_well(STEP, now, repaired=True)
    assert step_state.contended(600) == {STEP.key}
    assert step_state.contended(605) == frozenset()
