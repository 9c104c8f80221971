"""A Reader of one moment: nothing is asked twice, and what many resources need is asked for once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controller.core.json import canonical
from controller.core.ports import Reader

# Kinds ask for the children of one scalable target at a time, and match every answer exactly.
_CHILDREN = frozenset({"DescribeScalingPolicies", "DescribeScheduledActions"})
_NARROW = ("ResourceId", "ScalableDimension")


class SnapshotReader:
    """Answers kinds from what was read before. `wide`: ask for the children of all scalable targets at once.

    The health of targets is no part of a manifest and is not asked for.
    """

    def __init__(self, reader: Reader) -> None:
        self.wide = False
        self._reader = reader
        self._answers: dict[str, Any] = {}
        self._tags: dict[str, Any] = {}  # of task definitions, which DescribeTaskDefinition tells too

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make a call, unless its answer is known."""
        if operation == "DescribeTargetHealth":
            return {"TargetHealthDescriptions": []}
        if (service, operation) == ("ecs", "ListTagsForResource") and params["resourceArn"] in self._tags:
            return {"tags": self._tags[params["resourceArn"]]}
        answer: Mapping[str, Any] = self._once(
            (service, operation, params), lambda: self._reader.call(service, operation, **params)
        )
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item of a listing, unless it is known."""
        if self.wide and operation in _CHILDREN:
            params = {name: value for name, value in params.items() if name not in _NARROW}
        yield from self._once(
            (service, operation, result, params), lambda: list(self._reader.pages(service, operation, result, **params))
        )

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """As `call`."""
        answer: Mapping[str, Any] = self._once(
            (service, operation, params), lambda: self._reader.cached(service, operation, **params)
        )
        if (service, operation) == ("ecs", "DescribeTaskDefinition"):
            self._tags[answer["taskDefinition"]["taskDefinitionArn"]] = answer.get("tags") or []
        return answer

    def _once(self, question: object, ask: Callable[[], Any]) -> Any:
        key = canonical(question)
        if key not in self._answers:
            self._answers[key] = ask()
        return self._answers[key]
