"""Shared by the tests of infrastructure kinds: moto as a Cloud, fixed responses, and one plan of the core."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError

from ecsync.core import plan
from ecsync.core.diff import Difference
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Wanted
from ecsync.core.model import (
    Application,
    Call,
    Desired,
    FieldChange,
    Key,
    Observed,
    Options,
    Present,
    Target,
    Text,
    Update,
)
from ecsync.core.outcome import Plan
from ecsync.core.ports import AwsError
from ecsync.core.resource_diff import between
from ecsync.core.trees import thaw, transform

OWNER = "v1/prod/shop/{kind}/{name}"
TARGET = Target(account="123456789012", region="us-east-1")


def key(kind: Kind, name: str = "web") -> Key:
    """Return the key of a document of the application `shop`."""
    return Key(application="shop", kind=kind.name, name=name)


def desired(kind: Kind, body: Mapping[str, Any], name: str = "web", **options: Any) -> Desired:
    """Return a document; options are its annotations."""
    return Desired(key=key(kind, name), body=body, options=Options(**options))


def wanted(kind: Kind, body: Mapping[str, Any], name: str = "web", *, managed: bool = True) -> Wanted:
    """Return a declared resource as a read receives it."""
    owner = OWNER.format(kind=kind.name, name=name)
    return Wanted(key=key(kind, name), body=body, owner=owner, managed=managed)


def field(*path: str | int, before: Any = None, after: Any = None) -> FieldChange:
    """Return one difference."""
    return FieldChange(path=path, before=before, after=after)


def compare(kind: Kind, body: Mapping[str, Any], present: Present, *, undeclared: bool = True) -> Difference:
    """Compare a document with the live resource, as a plan does."""
    return between(kind, body, present, undeclared=undeclared)


def update(kind: Kind, body: Mapping[str, Any], present: Present) -> Update:
    """Return the update that the core compiles: every differing field but tags."""
    tags = kind.tagging.member if kind.tagging else ""
    fields = tuple(one for one in compare(kind, body, present).fields if one.path[0] != tags)
    return Update(desired=desired(kind, body), observed=present, fields=fields)


def compiled(calls: Sequence[Call]) -> list[tuple[str, dict[str, Any]]]:
    """Return calls as names and parameters."""
    return [(call.name, thaw(call.params)) for call in calls]


# ---------------------------------------------------------------- fixed responses


class Answers:
    """A Reader with fixed responses by `service.Operation`: a response, or a function of the parameters."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {name.replace("_", ".", 1): answer for name, answer in answers.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        name = f"{service.replace('-', '')}.{operation}"
        self.asked.append((name, params))
        answer = self.answers[name]
        result = answer(**params) if callable(answer) else answer
        if isinstance(result, AwsError):
            raise result
        return dict(result)

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        yield from self.call(service, operation, **params).get(result, [])

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        return self.call(service, operation, **params)


def missing(code: str = "NoSuchEntity") -> AwsError:
    """Return AWS's error for a missing resource."""
    return AwsError("missing", code, "it is not there", "a.Call")


def denied() -> AwsError:
    """Return AWS's error for credentials without permission."""
    return AwsError("denied", "AccessDenied", "no", "a.Call")


# ---------------------------------------------------------------- moto


class Moto:
    """A Cloud over moto's clients, with the error classes that reads need."""

    def __init__(self) -> None:
        os.environ.setdefault("AWS_ACCESS_KEY_ID", "testing")
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "testing")
        self.clients: dict[str, Any] = {}
        self.writes: list[str] = []

    def client(self, service: str) -> Any:
        if service not in self.clients:
            self.clients[service] = boto3.client(service, region_name="us-east-1")
        return self.clients[service]

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        try:
            response: dict[str, Any] = getattr(self.client(service), xform_name(operation))(**params)
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            gone = "NotFound" in code or "NoSuch" in code or "not found" in message
            raise AwsError("missing" if gone else "invalid", code, message, f"{service}.{operation}") from None
        response.pop("ResponseMetadata", None)
        return response

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        method = xform_name(operation)
        if not self.client(service).can_paginate(method):
            yield from self.call(service, operation, **params).get(result, [])
            return
        try:
            for page in self.client(service).get_paginator(method).paginate(**params):
                yield from page.get(result, [])
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            gone = "NotFound" in code or "NoSuch" in code
            raise AwsError("missing" if gone else "invalid", code, message, f"{service}.{operation}") from None

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        return self.call(service, operation, **params)

    def write(self, call: Call, captured: dict[str, Any]) -> None:
        """Make a call, with references resolved from the responses of earlier calls."""
        params = transform(call.params, lambda leaf: _resolved(leaf, captured))
        response: Any = self.call(call.service, call.operation, **params)
        self.writes.append(call.name)
        for output, path in call.captures.items():
            value = response
            for part in path:
                value = value[part]
            captured[output] = value


def _resolved(leaf: Any, captured: Mapping[str, Any]) -> Any:
    if not isinstance(leaf, Text):
        return leaf
    return "".join(part if isinstance(part, str) else str(captured[part.output]) for part in leaf.parts)


def a_service(cloud: Moto) -> None:
    """Create the service `web` in the cluster `main`, as a target of scaling."""
    containers = [{"name": "a", "image": "i", "memory": 64}]
    cloud.call("ecs", "CreateCluster", clusterName="main")
    cloud.call("ecs", "RegisterTaskDefinition", family="f", containerDefinitions=containers)
    cloud.call("ecs", "CreateService", cluster="main", serviceName="web", taskDefinition="f", desiredCount=1)


# ---------------------------------------------------------------- one plan of the core


def observe(kind: Kind, cloud: Any, body: Mapping[str, Any], name: str = "web") -> Observed:
    """Read one resource."""
    (found,) = list(kind.read(cloud, [wanted(kind, body, name)], {}))
    assert found[0] == key(kind, name)
    return found[1]


def plan_of(kind: Kind, document: Desired, observed: Observed) -> Plan:
    """Return the plan of one document alone."""
    application = Application(name="shop", resources=(document,))
    world = {document.key: observed}
    kinds = {kind.name: kind}
    return plan.build(Inputs(application=application, kinds=kinds, world=world, target=TARGET, installation="prod"))


def converges(kind: Kind, cloud: Moto, body: Mapping[str, Any], limit: int = 12) -> list[str]:
    """Make one call, then plan again, until the plan is empty; return the calls. This is a crash after each call."""
    made: list[str] = []
    for _ in range(limit):
        document = desired(kind, body)
        calls = [call for step in plan_of(kind, document, observe(kind, cloud, body)).steps for call in step.calls]
        if not calls:
            return made
        made.append(calls[0].name)
        cloud.write(calls[0], {})
    raise AssertionError(f"does not converge: {made}")


# ---------------------------------------------------------------- equivalence cases


Case = Mapping[str, Any]


def cases(kind: str) -> list[Case]:
    """Return the cases of a kind: our own, and those of the collection that ECSYNC_CASES names."""
    own = Path(__file__).parent.parent / "cases" / "equivalence" / f"{kind}.json"
    found: list[Case] = json.loads(own.read_text()) if own.exists() else []
    elsewhere = os.environ.get("ECSYNC_CASES")
    if elsewhere:
        known = {case["id"] for case in found}
        collection: list[Case] = json.loads(Path(elsewhere).read_text())
        found += [case for case in collection if case["kind"] == kind and case["id"] not in known]
    return found
