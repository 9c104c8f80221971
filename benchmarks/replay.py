"""A cloud that records the answers to reads, then replays them without HTTP: only the controller's own work remains."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from ecsync.core.ports import AwsError, Cloud
from ecsync.core.trees import canonical


class ReplayingCloud:
    """The cloud port over another cloud. It records every answer; with `replaying` it makes no call at all."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._answers: dict[Hashable, Any] = {}
        self.replaying = False

    @property
    def account(self) -> str:
        """The account of the other cloud."""
        return self._cloud.account

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Return the answer of one read."""
        answer: Mapping[str, Any] = self._answer(
            "call", (service, operation), params, lambda: self._cloud.call(service, operation, **params)
        )
        return answer

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Return the answer of one read of data that never changes."""
        answer: Mapping[str, Any] = self._answer(
            "cached", (service, operation), params, lambda: self._cloud.cached(service, operation, **params)
        )
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield the items of all pages."""
        yield from self._answer(
            result, (service, operation), params, lambda: list(self._cloud.pages(service, operation, result, **params))
        )

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make a mutating call, except in a replay: a converged fleet has none."""
        assert not self.replaying, f"{service}.{operation} is called in a steady round"
        return self._cloud.write(service, operation, **params)

    def _answer(self, form: str, name: tuple[str, str], params: Mapping[str, Any], read: Callable[[], Any]) -> Any:
        """Return the recorded answer in a replay, else read and record it. A failed read is an answer too."""
        key = (form, *name, canonical(params))
        if not self.replaying:
            try:
                self._answers[key] = read()
            except AwsError as failure:
                self._answers[key] = failure
        answer = self._answers[key]
        if isinstance(answer, AwsError):
            raise answer
        return answer
