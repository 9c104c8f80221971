"""Processes that are killed right after a write."""

from __future__ import annotations

from typing import Any

from ecsync.core.ports import Cloud
from tests.whole.support.environment import Controller, Environment

MOST_KILLS = 60


class Killed(BaseException):
    """Ends the process: ecsync catches no BaseException."""


class KillingCloud:
    """A cloud that kills its process right after so many writes."""

    def __init__(self, cloud: Cloud, writes: int) -> None:
        self._cloud = cloud
        self._writes_left = writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def write(self, service: str, operation: str, /, **params: Any) -> Any:
        response = self._cloud.write(service, operation, **params)
        self._writes_left -= 1
        if self._writes_left == 0:
            raise Killed
        return response


def killed_after(controller: Controller, writes: int, pause: float | None = None) -> bool:
    """Converge a process and kill it after so many writes; return False if it makes fewer."""
    clouds: dict[int, KillingCloud] = {}
    controller.wrap = lambda cloud: clouds.setdefault(id(cloud), KillingCloud(cloud, writes))
    try:
        controller.converge(pause=pause)
    except Killed:
        return True
    return False


def converge_with_a_kill_after_each_call(environment: Environment, pause: float | None = None) -> None:
    """Start processes that each die after one write, until one finds nothing left to do."""
    for _ in range(MOST_KILLS):
        if not killed_after(environment.controller(), 1, pause):
            return
    raise AssertionError(f"not converged after {MOST_KILLS} processes")
