"""Processes that are killed right after a write."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from tests.whole.support.after_writes import AfterWrites
from tests.whole.support.environment import Controller, Environment

MOST_KILLS = 60


class Killed(BaseException):
    """Ends the process: ecsync catches no BaseException."""


def killed_after(controller: Controller, writes: int, pause: float | None = None) -> bool:
    """Converge a process and kill it after so many writes of a cloud; return False if it makes fewer."""
    clouds: dict[int, AfterWrites] = {}
    controller.wrap = lambda cloud: clouds.setdefault(id(cloud), AfterWrites(cloud, killing(writes)))
    try:
        controller.converge(pause=pause)
    except Killed:
        return True
    return False


def killing(calls: int) -> Callable[[], None]:
    """Return a function that kills the process in so many calls of it."""
    left = count(calls - 1, -1)

    def kill() -> None:
        if next(left) == 0:
            raise Killed

    return kill


def converge_with_a_kill_after_each_call(environment: Environment, pause: float | None = None) -> None:
    """Start processes that each die after one write, until one finds nothing left to do."""
    for _ in range(MOST_KILLS):
        if not killed_after(environment.controller(), 1, pause):
            return
    raise AssertionError(f"not converged after {MOST_KILLS} processes")
