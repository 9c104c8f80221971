"""The process is killed after any call of the first converge, and a new one continues without its memory."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ecsim import Fault
from tests.whole.support.account_contents import contents
from tests.whole.support.environment import SETTLE_SECONDS, Environment, count_creates
from tests.whole.support.killed import killed_after

CALLS = 17  # of the first converge in an account that has settled


def is_killed_after(environment: Environment, writes: int) -> bool:
    """Start a process and kill it after so many writes; return False if it makes fewer."""
    return killed_after(environment.controller(), writes, SETTLE_SECONDS)


@pytest.fixture(scope="module")
def clean() -> dict[str, Any]:
    """The result of an undisturbed run; `undisturbed` fills it once."""
    return {}


def undisturbed(environment: Environment, clean: dict[str, Any]) -> tuple[Counter[str], str]:
    """Return the creates of an undisturbed run and the account's content; the account is empty again."""
    if not clean:
        with environment.writes() as writes:
            environment.controller().converge(pause=SETTLE_SECONDS)
        assert len(writes) == CALLS, "CALLS must be the number of writes of an undisturbed run"
        clean.update(creates=count_creates(writes), contents=contents(environment))
        environment.reset()
    return clean["creates"], clean["contents"]


@pytest.mark.parametrize("index", range(1, CALLS + 1))
def test_a_new_process_continues_after_a_kill_at_any_call(
    environment: Environment, clean: dict[str, Any], index: int
) -> None:
    """The next process converges, creates nothing twice, and the account is the same."""
    expected, state = undisturbed(environment, clean)
    with environment.writes() as writes:
        assert is_killed_after(environment, index)
        environment.controller().converge(pause=SETTLE_SECONDS)
    assert count_creates(writes) == expected
    assert contents(environment) == state


def test_processes_that_are_each_killed_after_one_call_converge(
    environment: Environment, clean: dict[str, Any]
) -> None:
    """Each process makes one call, until one finds nothing left to do."""
    expected, state = undisturbed(environment, clean)
    with environment.writes() as writes:
        while is_killed_after(environment, 1):
            assert len(environment.simulator.ledger.mutations()) <= CALLS
    assert count_creates(writes) == expected
    assert contents(environment) == state


def test_a_lost_response_creates_nothing_twice(environment: Environment, clean: dict[str, Any]) -> None:
    """Every create succeeds and its response is lost: the next read finds the resource."""
    expected, state = undisturbed(environment, clean)
    for name in expected:
        service, operation = name.split(".")
        environment.simulator.fault(Fault("lost-response", service=service, operation=operation, times=None))
    with environment.writes() as writes:
        environment.controller().converge(pause=SETTLE_SECONDS)
    assert count_creates(writes) == expected
    assert contents(environment) == state
