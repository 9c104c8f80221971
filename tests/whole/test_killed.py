"""The process dies between any two calls of the first converge, and another one takes over with no memory of it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ecsim import Fault
from ecsync.core.ports import Cloud
from tests.whole.support.account import contents
from tests.whole.support.stage import LONG, REGION, Stage, made

CALLS = 17  # that the first converge makes on an account that has settled


class Killed(BaseException):
    """What ends the process: no code of ours catches it."""


class Mortal:
    """A cloud whose process dies right after it has made so many writes."""

    def __init__(self, cloud: Cloud, lives: int) -> None:
        self._cloud = cloud
        self._lives = lives

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def write(self, service: str, operation: str, /, **params: Any) -> Any:
        response = self._cloud.write(service, operation, **params)
        self._lives -= 1
        if self._lives == 0:
            raise Killed
        return response


def dies_after(stage: Stage, writes: int) -> bool:
    """Begin a process and kill it after so many writes, wherever in its passes that is; false when it makes fewer."""
    doomed = stage.controller()
    mortal = Mortal(doomed.workspace.clouds.of("", REGION), writes)
    doomed.wrap = lambda _: mortal
    try:
        doomed.converge(pause=LONG)
    except Killed:
        return True
    return False


@pytest.fixture(scope="module")
def clean() -> dict[str, Any]:
    """What an undisturbed run made and came to, once a test has asked for it by `undisturbed`."""
    return {}


def undisturbed(stage: Stage, clean: dict[str, Any]) -> tuple[Counter[str], str]:
    """How often an undisturbed run makes each thing, and what is in the account then; the account is empty again."""
    if not clean:
        with stage.writes() as writes:
            stage.controller().converge(pause=LONG)
        assert len(writes) == CALLS, "CALLS is the number of indexes at which a process can die"
        clean.update(made=made(writes), contents=contents(stage))
        stage.empty()
    return clean["made"], clean["contents"]


@pytest.mark.parametrize("index", range(1, CALLS + 1))
def test_a_process_that_dies_after_a_call_leaves_nothing_behind(
    stage: Stage, clean: dict[str, Any], index: int
) -> None:
    """Whichever call was its last, the next process converges, nothing is made twice, and the account is the same."""
    expected, state = undisturbed(stage, clean)
    with stage.writes() as writes:
        assert dies_after(stage, index)
        stage.controller().converge(pause=LONG)
    assert made(writes) == expected
    assert contents(stage) == state


def test_processes_that_each_die_after_one_call_get_there(stage: Stage, clean: dict[str, Any]) -> None:
    """One process after the other makes a single call, until one finds nothing left to do."""
    expected, state = undisturbed(stage, clean)
    with stage.writes() as writes:
        while dies_after(stage, 1):
            assert len(stage.simulator.ledger.mutations()) <= CALLS
    assert made(writes) == expected
    assert contents(stage) == state


def test_an_answer_that_is_lost_makes_nothing_twice(stage: Stage, clean: dict[str, Any]) -> None:
    """Every create happens and nobody is told: each is found in the account, and none is made again."""
    expected, state = undisturbed(stage, clean)
    for name in expected:
        service, operation = name.split(".")
        stage.simulator.fault(Fault("lost-response", service=service, operation=operation, times=None))
    with stage.writes() as writes:
        stage.controller().converge(pause=LONG)
    assert made(writes) == expected
    assert contents(stage) == state
