"""A Reader for one import: it makes no call twice, and asks once for what many resources need."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import canonical

# Kinds list these for one scalable target at a time, and match every response exactly: a wider listing does no harm.
_CHILD_LISTINGS = frozenset({"DescribeScalingPolicies", "DescribeScheduledActions"})
_CHILD_FILTERS = ("ResourceId", "ScalableDimension")
_PERMANENT = ("denied", "invalid", "missing")  # failures that the same call returns again
# AWS returns these listings in any order, and a body keeps it: the member to sort by.
_SORT_BY = {"DescribeListenerCertificates": "CertificateArn"}
_TRIES = 3  # of a throttled call: an import has no next pass
_REVISIONS_PER_CALL = 20


class SnapshotReader:
    """Serves the reads of kinds, and remembers every response.

    `all_scalable_targets`: list the children of all scalable targets in one call. `optional_operations`: where one of
    these fails, the response is empty and the failure is in `failures`. The health of targets is not read: a manifest
    does not hold it.
    """

    def __init__(self, reader: Reader) -> None:
        self.all_scalable_targets = False
        self.optional_operations: frozenset[str] = frozenset()
        self.failures: dict[str, AwsError] = {}
        self._reader = reader
        self._responses: dict[str, Any] = {}  # call -> its response, or its permanent failure
        self._task_definition_tags: dict[str, Any] = {}  # by ARN: DescribeTaskDefinition returns them too
        self._service_revisions: dict[str, Any] = {}  # by ARN; None: known from a service, not described yet

    # ------------------------------------------------------------ core.ports.Reader

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Return the response of a call."""
        if operation == "DescribeTargetHealth":
            return {"TargetHealthDescriptions": []}
        if (service, operation) == ("ecs", "ListTagsForResource") and params[
            "resourceArn"
        ] in self._task_definition_tags:
            return {"tags": self._task_definition_tags[params["resourceArn"]]}
        if operation == "DescribeServiceRevisions":
            return self._describe_service_revisions(params["serviceRevisionArns"])
        response: Mapping[str, Any] = self._optional(
            operation,
            {},
            (service, operation, params),
            lambda: self._reader.call(service, operation, **params),
        )
        if operation == "DescribeServices":
            current = (one.get("currentServiceRevisions") or () for one in response.get("services", ()))
            new = {revision["arn"]: None for revisions in current for revision in revisions}
            self._service_revisions = new | self._service_revisions
        return response

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item of a listing."""
        if self.all_scalable_targets and operation in _CHILD_LISTINGS:
            params = {name: value for name, value in params.items() if name not in _CHILD_FILTERS}
        listed = self._list(service, operation, result, **params)
        member = _SORT_BY.get(operation)
        yield from sorted(listed, key=lambda one: str(one[member])) if member else listed

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Return the response of a call that never changes."""
        response: Mapping[str, Any] = self._once(
            (service, operation, params), lambda: self._reader.cached(service, operation, **params)
        )
        if (service, operation) == ("ecs", "DescribeTaskDefinition"):
            arn = response["taskDefinition"]["taskDefinitionArn"]
            self._task_definition_tags[arn] = response.get("tags") or []
        return response

    # ------------------------------------------------------------ service revisions

    def _describe_service_revisions(self, arns: list[str]) -> Mapping[str, Any]:
        """Describe revisions; the call also describes those of other services, which kinds will ask for next."""
        new = [arn for arn in arns if self._service_revisions.get(arn) is None]
        if new:
            waiting = (arn for arn, known in self._service_revisions.items() if known is None and arn not in new)
            asked = [*new, *islice(waiting, max(0, _REVISIONS_PER_CALL - len(new)))]
            response = self._optional(
                "DescribeServiceRevisions",
                {},
                ("ecs", "DescribeServiceRevisions", asked),
                lambda: self._reader.call("ecs", "DescribeServiceRevisions", serviceRevisionArns=asked),
            )
            described = {one["serviceRevisionArn"]: one for one in response.get("serviceRevisions", ())}
            self._service_revisions |= {arn: described.get(arn, {}) for arn in asked}
        return {"serviceRevisions": [revision for arn in arns if (revision := self._service_revisions[arn])]}

    # ------------------------------------------------------------ calls

    def _list(self, service: str, operation: str, result: str, /, **params: Any) -> list[Any]:
        listed: list[Any] = self._optional(
            operation,
            [],
            (service, operation, result, params),
            lambda: list(self._reader.pages(service, operation, result, **params)),
        )
        return listed

    def _optional(self, operation: str, empty: Any, call: object, send: Callable[[], Any]) -> Any:
        """Return a response; `empty` where an optional operation fails."""
        try:
            return self._once(call, send)
        except AwsError as failure:
            if operation not in self.optional_operations or failure.kind == "credentials":
                raise
            self.failures[operation] = failure
            return empty

    def _once(self, call: object, send: Callable[[], Any]) -> Any:
        """Return the remembered response of a call; send it the first time. Permanent failures are remembered too."""
        key = canonical(call)
        if key not in self._responses:
            try:
                self._responses[key] = _retry_throttled(send)
            except AwsError as failure:
                if failure.kind not in _PERMANENT:
                    raise
                self._responses[key] = failure
        response = self._responses[key]
        if isinstance(response, AwsError):
            raise response
        return response


def _retry_throttled(send: Callable[[], Any]) -> Any:
    """Send again where AWS throttles: the rate limiter has slowed down by then."""
    for _ in range(_TRIES - 1):
        try:
            return send()
        except AwsError as failure:
            if failure.kind != "throttled":
                raise
    return send()
