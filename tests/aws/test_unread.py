"""An answer with the digest of the last one is not read, and no other answer is taken for it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceModel
from botocore.parsers import ResponseParserFactory

from ecsync.aws.lean import Known, read_lean, unless
from tests.aws import fake_aws
from tests.aws.fake_aws import FakeAws

RECORDED = json.loads((Path(__file__).parent / "recorded.json").read_text(encoding="utf-8"))
NAMES = [f"{one['service']}.{one['operation']}" for one in RECORDED]


class Client:
    """Reads answers as botocore's endpoint does, and keeps the digest of the last one."""

    def __init__(self, service: str, operation: str) -> None:
        self.called = service, operation
        self.model = ServiceModel(fake_aws.LOADER.load_service_model(service, "service-2"), service).operation_model(
            operation
        )
        self.digest = b""
        self._events = HierarchicalEmitter()
        read_lean(self._events)

    def received(self, body: bytes, status: int = 200) -> tuple[Known, dict[str, Any], dict[str, Any]]:
        """Return what became of an answer: its digest, what is left for botocore, and the result."""
        left: dict[str, Any] = {"status_code": status, "headers": {}, "body": body, "context": {}}
        found: dict[str, Any] = {}
        with unless(self.digest, *self.called) as known:
            self._events.emit(
                "before-parse.x.y", operation_model=self.model, response_dict=left, customized_response_dict=found
            )
        return known, left, found

    def read(self, body: bytes) -> tuple[Known, Any]:
        """Return what became of an answer, and the result of the call. Its digest is known from now on."""
        known, left, found = self.received(body)
        parser = ResponseParserFactory().create_parser(self.model.service_model.resolved_protocol)
        self.digest = known.digest
        return known, {**parser.parse(left, self.model.output_shape), **found}


@pytest.mark.parametrize("one", RECORDED, ids=NAMES)
def test_every_changed_byte_is_read(one: dict[str, str]) -> None:
    """Of a recorded answer; only the id of the request may differ, and botocore accepts what is left of it."""
    client, body = Client(one["service"], one["operation"]), one["body"].encode()
    assert not client.read(body)[0].same
    known, left = client.read(body)
    assert known.same
    assert left.keys() <= {"ResponseMetadata"}
    free = [range(*found.span()) for found in re.finditer(rb"<([rR]equestId)>[^<]*</\1>", body)]
    for at in range(0, len(body), max(1, len(body) // 400)):
        if not any(at in span for span in free):
            changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
            assert not client.received(changed)[0].same, changed[max(0, at - 20) : at + 20]


QUERY = (
    b"<DescribeRulesResponse><DescribeRulesResult><Rules><member><RuleArn>%s</RuleArn></member></Rules>"
    b"</DescribeRulesResult><ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></DescribeRulesResponse>"
)
EC2 = (
    b'<?xml version="1.0"?>\n<DescribeVpcsResponse xmlns="x"><requestId>%s</requestId>'
    b"<vpcSet><item><vpcId>%s</vpcId></item></vpcSet></DescribeVpcsResponse>"
)


def test_only_the_id_of_the_request_is_ignored() -> None:
    """At its own place: another element with its name counts."""
    rules, vpcs = Client("elbv2", "DescribeRules"), Client("ec2", "DescribeVpcs")
    rules.read(QUERY % (b"arn", b"1"))
    assert rules.read(QUERY % (b"arn", b"2"))[0].same
    assert not rules.read(QUERY % (b"other", b"2"))[0].same
    vpcs.read(EC2 % (b"1", b"vpc"))
    assert vpcs.read(EC2 % (b"2", b"vpc"))[0].same
    assert not vpcs.read(EC2 % (b"2", b"other"))[0].same
    inside = b"<DescribeVpcsResponse><vpcSet><item><requestId>%s</requestId></item></vpcSet></DescribeVpcsResponse>"
    vpcs.read(inside % b"1")
    assert not vpcs.read(inside % b"2")[0].same


def test_an_answer_that_is_not_read_here_has_no_digest() -> None:
    """An error, or a body that botocore's parser reads."""
    client = Client("ecs", "DescribeServices")
    for body, status in ((b"[]", 200), (b'{"__type": "x#ServerException"}', 500)):
        assert client.received(body, status)[0].digest == b""


def test_the_answer_to_another_call_is_read() -> None:
    """Such as one for the credentials, which botocore makes inside of the call."""
    client = Client("ecs", "DescribeServices")
    client.read(b'{"services": []}')
    client.called = "ecs", "DescribeClusters"
    assert not client.received(b'{"services": []}')[0].same


def test_a_call_returns_an_answer_until_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """And again when it differs."""
    aws = FakeAws.installed(monkeypatch)
    aws.answer("DescribeServices", {"services": [{"serviceName": "web", "desiredCount": 1}]})
    aws.answer("DescribeServices", {"services": [{"serviceName": "web", "desiredCount": 1}]})
    aws.answer("DescribeServices", {"services": [{"serviceName": "web", "desiredCount": 2}]})
    cloud = fake_aws.cloud()
    params = {"cluster": "main", "services": ["web"]}
    digest, first = cloud.call_unless(b"", "ecs", "DescribeServices", **params)
    assert first is not None
    assert first["services"][0]["desiredCount"] == 1
    assert cloud.call_unless(digest, "ecs", "DescribeServices", **params) == (digest, None)
    other, third = cloud.call_unless(digest, "ecs", "DescribeServices", **params)
    assert other != digest
    assert third is not None
    assert third["services"][0]["desiredCount"] == 2
