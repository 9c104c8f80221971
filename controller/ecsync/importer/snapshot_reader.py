"""A Reader of one moment: nothing is asked twice, and what many resources need is asked for once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, takewhile
from typing import Any

from ecsync.core.ports import AwsError, Reader
from ecsync.core.trees import canonical

# Kinds ask for the children of one scalable target at a time, and match every answer exactly.
_CHILDREN = frozenset({"DescribeScalingPolicies", "DescribeScheduledActions"})
_NARROW = ("ResourceId", "ScalableDimension")
_ANSWERS_FOR_GOOD = ("denied", "invalid", "missing")
# What AWS lists as it likes and a body keeps in that order.
_IN_ANY_ORDER = {"DescribeListenerCertificates": "CertificateArn"}
_TRIES = 3  # of a read that AWS throttles: an import has no next pass
_REVISIONS_OF_A_CALL = 20
_LOG_GROUPS_OF_A_PAGE = 50


class SnapshotReader:
    """Answers kinds from what was read before. `wide`: ask for the children of all scalable targets at once.

    `optional` are operations without which the rest can be told: where one fails, its answer is empty, and the
    failure stands in `failed`. The health of targets is no part of a manifest and is not asked for.
    """

    def __init__(self, reader: Reader) -> None:
        self.wide = False
        self.optional: frozenset[str] = frozenset()
        self.failed: dict[str, AwsError] = {}
        self._reader = reader
        self._answers: dict[str, Any] = {}
        self._tags: dict[str, Any] = {}  # of task definitions, which DescribeTaskDefinition tells too
        self._prefixes: dict[str, tuple[str, int]] = {}  # log group -> what it is looked for by, and how far
        self._revisions: dict[str, Any] = {}  # of services, by ARN; None: told of, and not asked for yet

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make a call, unless its answer is known."""
        if operation == "DescribeTargetHealth":
            return {"TargetHealthDescriptions": []}
        if (service, operation) == ("ecs", "ListTagsForResource") and params["resourceArn"] in self._tags:
            return {"tags": self._tags[params["resourceArn"]]}
        if operation == "DescribeServiceRevisions":
            return self._service_revisions(params["serviceRevisionArns"])
        answer = self._call(service, operation, **params)
        if operation == "DescribeServices":
            current = (service.get("currentServiceRevisions") or () for service in answer.get("services", ()))
            self._revisions = {one["arn"]: None for some in current for one in some} | self._revisions
        return answer

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item of a listing, unless it is known."""
        if self.wide and operation in _CHILDREN:
            params = {name: value for name, value in params.items() if name not in _NARROW}
        if operation == "DescribeLogGroups" and params.get("logGroupNamePrefix") in self._prefixes:
            yield from self._log_groups(params["logGroupNamePrefix"])
        else:
            listed = self._pages(service, operation, result, **params)
            by = _IN_ANY_ORDER.get(operation)
            yield from sorted(listed, key=lambda one: str(one[by])) if by else listed

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """As `call`."""
        answer: Mapping[str, Any] = self._once(
            (service, operation, params), lambda: self._reader.cached(service, operation, **params)
        )
        if (service, operation) == ("ecs", "DescribeTaskDefinition"):
            self._tags[answer["taskDefinition"]["taskDefinitionArn"]] = answer.get("tags") or []
        return answer

    def expect_log_groups(self, names: Iterable[str]) -> None:
        """Look for log groups in the same folder by what their names begin with: AWS has no call for several names.

        A listing that goes through more than half as many pages as there are names is given up for one by one.
        """
        folders: dict[str, list[str]] = defaultdict(list)
        for name in set(names):
            folders[name[: name.rfind("/") + 1]].append(name)
        for folder, inside in folders.items():
            if folder and len(inside) > 1:
                most = _LOG_GROUPS_OF_A_PAGE * (len(inside) // 2)
                self._prefixes |= dict.fromkeys(inside, (_beginning(inside), most))

    def _log_groups(self, name: str) -> Iterator[Any]:
        prefix, most = self._prefixes[name]
        ask = ("logs", "DescribeLogGroups", "logGroups")
        try:
            listed = self._once(
                (*ask, prefix, most), lambda: list(islice(self._reader.pages(*ask, logGroupNamePrefix=prefix), most))
            )
        except AwsError:  # what is denied for the folder may be allowed for the name
            listed = None
        found = [one for one in listed or () if one["logGroupName"] == name]
        if found or (listed is not None and len(listed) < most):
            yield from found
        else:
            yield from self._pages(*ask, logGroupNamePrefix=name)

    def _service_revisions(self, arns: list[str]) -> Mapping[str, Any]:
        """Ask for the revisions of several services at once, whichever it is that a kind asks for."""
        new = [arn for arn in arns if self._revisions.get(arn) is None]
        if new:
            others = (arn for arn, known in self._revisions.items() if known is None and arn not in new)
            asked = [*new, *islice(others, max(0, _REVISIONS_OF_A_CALL - len(new)))]
            answer = self._call("ecs", "DescribeServiceRevisions", serviceRevisionArns=asked)
            told = {one["serviceRevisionArn"]: one for one in answer.get("serviceRevisions", ())}
            self._revisions |= {arn: told.get(arn, {}) for arn in asked}
        return {"serviceRevisions": [one for arn in arns if (one := self._revisions[arn])]}

    # ------------------------------------------------------------ asking

    def _call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._spared(
            operation, {}, (service, operation, params), lambda: self._reader.call(service, operation, **params)
        )
        return answer

    def _pages(self, service: str, operation: str, result: str, /, **params: Any) -> list[Any]:
        question = (service, operation, result, params)
        listed: list[Any] = self._spared(
            operation, [], question, lambda: list(self._reader.pages(service, operation, result, **params))
        )
        return listed

    def _spared(self, operation: str, nothing: Any, question: object, ask: Callable[[], Any]) -> Any:
        try:
            return self._once(question, ask)
        except AwsError as failure:
            if operation not in self.optional or failure.kind == "credentials":
                raise
            self.failed[operation] = failure
            return nothing

    def _once(self, question: object, ask: Callable[[], Any]) -> Any:
        """Ask what is not known; what AWS will not answer otherwise is not asked again either."""
        key = canonical(question)
        if key not in self._answers:
            try:
                self._answers[key] = _patiently(ask)
            except AwsError as failure:
                if failure.kind not in _ANSWERS_FOR_GOOD:
                    raise
                self._answers[key] = failure
        answer = self._answers[key]
        if isinstance(answer, AwsError):
            raise answer
        return answer


def _beginning(names: list[str]) -> str:
    """Return what all names begin with."""
    first, last = min(names), max(names)
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(char for char, _ in alike)


def _patiently(ask: Callable[[], Any]) -> Any:
    """Ask again where AWS throttles: whoever sends the requests has slowed down by then."""
    for _ in range(_TRIES - 1):
        try:
            return ask()
        except AwsError as failure:
            if failure.kind != "throttled":
                raise
    return ask()
