"""Clouds that do something after each write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ecsync.core.ports import Cloud


class AfterWrites:
    """A cloud that calls a function after each write, before its caller has the response."""

    def __init__(self, cloud: Cloud, then: Callable[[], None]) -> None:
        self._cloud = cloud
        self._then = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def write(self, service: str, operation: str, /, **params: Any) -> Any:
        response = self._cloud.write(service, operation, **params)
        self._then()
        return response
