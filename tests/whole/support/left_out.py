"""Clouds of which one answer leaves out what exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ecsync.core.ports import Cloud


class LeavesOut:
    """A cloud of which the first listing of an operation has its first item only. Each is noted in `listings`."""

    def __init__(self, cloud: Cloud, operation: str, listings: list[str]) -> None:
        self._cloud = cloud
        self._operation = operation
        self._listings = listings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield the items of a listing."""
        items = self._cloud.pages(service, operation, result, **params)
        if f"{service}.{operation}" != self._operation:
            return items
        self._listings.append("whole" if self._listings else "first item only")
        return items if len(self._listings) > 1 else iter([*items][:1])
