"""Lean reads return what botocore's own parser returns: over random bodies of every shape, and over recorded ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.hooks import HierarchicalEmitter
from botocore.model import OperationModel, ServiceModel
from botocore.parsers import ResponseParserFactory

from ecsync.aws.hooks import plain_times
from ecsync.aws.lean import NEWEST_EVENTS, read_lean
from ecsync.kinds import ALL
from tests.aws import fake_aws
from tests.aws.lean_bodies import Bodies

SERVICES = sorted({operation.partition(".")[0] for kind in ALL for operation in kind.reads})
HEADERS = {"x-amzn-RequestId": "id", "Content-Type": "application/x-amz-json-1.1"}


def operations(service: str) -> list[OperationModel]:
    """Return every operation of a service that has an output."""
    model = ServiceModel(fake_aws.LOADER.load_service_model(service, "service-2"), service)
    found = [model.operation_model(name) for name in model.operation_names]
    return [one for one in found if one.output_shape is not None]


class Parser:
    """Reads a response in the way of botocore's endpoint."""

    def __init__(self, *, lean: bool) -> None:
        self._factory = ResponseParserFactory()
        plain_times(self._factory)
        self._events = HierarchicalEmitter()
        self.left: bytes = b""  # what botocore's parser was given
        if lean:
            read_lean(self._events)

    def read(self, operation: OperationModel, body: bytes, status: int = 200) -> Any:
        """Return the response, its members in their order; or the error that it causes."""
        response: dict[str, Any] = {"status_code": status, "headers": HEADERS, "body": body, "context": {}}
        customized: dict[str, Any] = {}
        self._events.emit(
            f"before-parse.{operation.service_model.service_id.hyphenize()}.{operation.name}",
            operation_model=operation,
            response_dict=response,
            customized_response_dict=customized,
        )
        self.left = response["body"]
        try:
            parsed = self._factory.create_parser(operation.service_model.resolved_protocol).parse(
                response, operation.output_shape
            )
            parsed.update(customized)
        except Exception as error:  # noqa: BLE001 - the kind of error is compared
            return {"raised": type(error)}
        return {"ResponseMetadata": parsed.pop("ResponseMetadata", None), **parsed}  # metadata in the same place


def outcomes(operation: OperationModel, body: bytes, status: int = 200) -> tuple[Any, Any, bool]:
    """Return what the lean read and botocore's parser return of a body, and whether it was read leanly."""
    lean, stock = Parser(lean=True), Parser(lean=False)
    found = lean.read(operation, body, status)
    return found, stock.read(operation, body, status), lean.left is not body


def keep_newest(operation: OperationModel, response: dict[str, Any]) -> None:
    """Leave of the services of a response the events that a lean read keeps: the one thing that is different."""
    for service in response.get("services", ()) if operation.name == "DescribeServices" else ():
        if service and "events" in service:
            newest = [
                event and {name: event[name] for name in ("createdAt", "message") if name in event}
                for event in service["events"][:NEWEST_EVENTS]
            ]
            steady = [event for event in newest if "has reached a steady state" in (event or {}).get("message", "")]
            if steady:
                newest = [*newest[: newest.index(steady[0])], {"message": steady[0]["message"]}]
            service["events"] = newest


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_is_read_as_botocore_reads_it(service: str) -> None:
    """Unknown and missing members, nulls, unions, maps, blobs, times, odd texts; also the order of the members."""
    for operation in operations(service):
        for number in range(3):
            body = Bodies((service, operation.name, number)).of(operation)
            found, expected, leanly = outcomes(operation, body)
            keep_newest(operation, expected)
            assert repr(found) == repr(expected), body
            assert leanly or operation.has_event_stream_output, body


@pytest.mark.parametrize("service", SERVICES)
def test_a_body_that_is_not_of_the_shape_is_left_to_botocore(service: str) -> None:
    """So the result is the same, or the error is."""
    left = 0
    for operation in operations(service):
        if operation.name == "DescribeServices":  # the events that are dropped may have any shape
            continue
        for number in range(3):
            body = Bodies((service, operation.name, number), faults=0.03).of(operation)
            found, expected, leanly = outcomes(operation, body)
            assert repr(found) == repr(expected), body
            left += not leanly
    assert left


@pytest.mark.parametrize("service", ["ecs", "elbv2", "ec2"])
def test_a_body_that_is_cut_off_is_left_to_botocore(service: str) -> None:
    """At any byte."""
    operation = next(
        one for one in operations(service) if one.name in ("DescribeClusters", "DescribeRules", "DescribeVpcs")
    )
    body = Bodies((service, 5)).of(operation)
    for length in range(len(body)):
        found, expected, _ = outcomes(operation, body[:length])
        assert repr(found) == repr(expected), body[:length]


RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("one", RECORDED, ids=[f"{one['service']}.{one['operation']}" for one in RECORDED])
def test_a_recorded_body_is_read_as_botocore_reads_it(one: dict[str, str]) -> None:
    """What the simulated AWS answers, with odd texts, empty elements and page tokens in it."""
    (operation,) = (found for found in operations(one["service"]) if found.name == one["operation"])
    found, expected, leanly = outcomes(operation, one["body"].encode())
    keep_newest(operation, expected)
    assert repr(found) == repr(expected)
    assert len(found) > 1  # a result beside the metadata
    assert leanly


@pytest.mark.parametrize("status", [201, 301, 400, 500, 503])
@pytest.mark.parametrize("body", ['{"__type": "x#ServerException"}', '{"services": []}', "<html></html>", ""])
def test_another_status_is_left_to_botocore(status: int, body: str) -> None:
    """Errors and retries stay as they are."""
    (operation,) = (found for found in operations("ecs") if found.name == "DescribeServices")
    found, expected, leanly = outcomes(operation, body.encode(), status)
    assert found == expected
    assert not leanly


def test_another_protocol_is_left_to_botocore() -> None:
    """S3 answers with a stream, or in another form of XML."""
    (operation,) = (found for found in operations("s3") if found.name == "ListObjectsV2")
    body = b"<ListBucketResult><Name>b</Name><Contents><Key>k</Key></Contents></ListBucketResult>"
    found, expected, leanly = outcomes(operation, body)
    assert repr(found) == repr(expected)
    assert found["Name"] == "b"
    assert not leanly


def test_the_page_of_a_proxy_is_left_to_botocore() -> None:
    """It has status 200, and is neither JSON nor the XML of AWS."""
    for service in ("ecs", "elbv2", "ec2"):
        operation = operations(service)[0]
        for body in (b"<html><p>Welcome<br></html>", b"<html/>", b"", b"[]", b"null", b"\xff", b'\xef\xbb\xbf{"a": 1}'):
            found, expected, leanly = outcomes(operation, body)
            assert repr(found) == repr(expected)
            assert not leanly or found.keys() == {"ResponseMetadata"}


@pytest.mark.parametrize("name", ["ecs.DescribeServices", "elbv2.DescribeTargetGroups"])
def test_the_texts_of_two_answers_are_the_same_objects(name: str) -> None:
    """A fleet's answers have most texts in common, and a pass returns those of the last one: each is kept once."""
    body = next(one["body"] for one in RECORDED if f"{one['service']}.{one['operation']}" == name).encode()
    service, _, operation_name = name.partition(".")
    (operation,) = (found for found in operations(service) if found.name == operation_name)
    first, second = (str_values(Parser(lean=True).read(operation, body)) for _ in range(2))
    assert first
    assert all(one is other for one, other in zip(first, second, strict=True))


def str_values(tree: Any) -> list[str]:
    """Return the texts of a result that are not of one character, without metadata and times."""
    if isinstance(tree, str):
        return [tree] if len(tree) > 1 else []
    below = tree if isinstance(tree, list) else tree.items() if isinstance(tree, dict) else ()
    found = []
    for one in below:
        name, value = one if isinstance(one, tuple) else ("", one)
        if name != "ResponseMetadata" and not name.endswith("At"):
            found += str_values(value)
    return found
