"""Readers that wrap another: one fails on chosen calls, one returns lists in another order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from random import Random
from typing import Any

from ecsync.core.ports import AwsError, Reader

# Lists that AWS returns in no fixed order.
_SETS = frozenset(
    {"tags", "Tags", "AvailabilityZones", "SecurityGroups", "Attributes", "capacityProviders", "subnets", "settings"}
    | {"securityGroups", "environment", "secrets", "TargetGroups", "services", "TagDescriptions", "serviceRevisions"}
    | {"placementConstraints", "alarmNames", "LoadBalancerArns"}
)
FailureOf = Callable[[str, str, Mapping[str, Any]], str]  # call -> the class of its error, empty for none


class FailingReader:
    """Fails on the calls for which `failure_of` returns an error class; `failures` counts them."""

    def __init__(self, reader: Reader, failure_of: FailureOf) -> None:
        self._reader = reader
        self._failure_of = failure_of
        self.failures = 0

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        self._fail_if_asked(service, operation, params)
        return self._reader.call(service, operation, **params)

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        self._fail_if_asked(service, operation, params)
        return self._reader.cached(service, operation, **params)

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        self._fail_if_asked(service, operation, params)
        yield from self._reader.pages(service, operation, result, **params)

    def _fail_if_asked(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        kind: Any = self._failure_of(service, operation, params)
        if kind:
            self.failures += 1
            raise AwsError(kind, "AccessDenied" if kind == "denied" else kind, "no", f"{service}.{operation}")


class ShufflingReader:
    """Returns the responses of another reader, in another order wherever AWS guarantees none."""

    def __init__(self, reader: Reader, seed: int) -> None:
        self._reader = reader
        self._random = Random(seed)  # noqa: S311  # the same order for the same seed

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._shuffled(self._reader.call(service, operation, **params))
        return answer

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._shuffled(self._reader.cached(service, operation, **params))
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        items = [self._shuffled(item) for item in self._reader.pages(service, operation, result, **params)]
        self._random.shuffle(items)
        yield from items

    def _shuffled(self, value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: self._shuffled(below, key) for key, below in value.items()}
        if isinstance(value, list):
            shuffled = [self._shuffled(below) for below in value]
            if name in _SETS:
                self._random.shuffle(shuffled)
            return shuffled
        return deepcopy(value)
