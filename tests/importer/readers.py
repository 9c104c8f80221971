"""Readers that stand in front of another: one that is refused some answers, one that answers in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from random import Random
from typing import Any

from ecsync.core.ports import AwsError, Reader

# Lists that AWS prints in the order in which they come to its mind.
_SETS = frozenset(
    {"tags", "Tags", "AvailabilityZones", "SecurityGroups", "Attributes", "capacityProviders", "subnets", "settings"}
    | {"securityGroups", "environment", "secrets", "TargetGroups", "services", "TagDescriptions", "serviceRevisions"}
    | {"placementConstraints", "alarmNames", "LoadBalancerArns"}
)
Refuses = Callable[[str, str, Mapping[str, Any]], str]  # the class of the error, empty where it answers


class FailingReader:
    """Fails where it is told to; `refused` counts how often."""

    def __init__(self, reader: Reader, refuses: Refuses) -> None:
        self._reader = reader
        self._refuses = refuses
        self.refused = 0

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        self._ask(service, operation, params)
        return self._reader.call(service, operation, **params)

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        self._ask(service, operation, params)
        return self._reader.cached(service, operation, **params)

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        self._ask(service, operation, params)
        yield from self._reader.pages(service, operation, result, **params)

    def _ask(self, service: str, operation: str, params: Mapping[str, Any]) -> None:
        kind: Any = self._refuses(service, operation, params)
        if kind:
            self.refused += 1
            raise AwsError(kind, "AccessDenied" if kind == "denied" else kind, "no", f"{service}.{operation}")


class ShufflingReader:
    """Answers as another, in another order wherever AWS promises none."""

    def __init__(self, reader: Reader, seed: int) -> None:
        self._reader = reader
        self._random = Random(seed)  # noqa: S311  # the same order for the same seed

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._mixed(self._reader.call(service, operation, **params))
        return answer

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._mixed(self._reader.cached(service, operation, **params))
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        items = [self._mixed(item) for item in self._reader.pages(service, operation, result, **params)]
        self._random.shuffle(items)
        yield from items

    def _mixed(self, value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: self._mixed(below, key) for key, below in value.items()}
        if isinstance(value, list):
            mixed = [self._mixed(below) for below in value]
            if name in _SETS:
                self._random.shuffle(mixed)
            return mixed
        return deepcopy(value)
