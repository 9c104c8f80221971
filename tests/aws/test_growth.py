"""What calls leave behind: after the first rounds nothing more, however many follow."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from ecsync.core.ports import AwsError
from ecsync.testing import FakeClock
from tests.aws import fake_aws

READS = fake_aws.READS | {"elbv2.DescribeTargetGroups"}
GROUPS = """<DescribeTargetGroupsResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/">
<DescribeTargetGroupsResult><TargetGroups><member><TargetGroupName>web-{0}</TargetGroupName><Port>80</Port>
<New{0}>x</New{0}></member></TargetGroups></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>"""


def test_calls_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads of all kinds with other texts in each round, listings, throttles and retries: 30 rounds, a minute apart."""
    aws = fake_aws.FakeAws.installed(monkeypatch)
    clock = FakeClock()
    cloud = fake_aws.cloud(reads=READS, clock=clock)

    def a_round(number: int) -> None:
        service = {"serviceName": f"web-{number}", f"new{number}": 1, "events": [{"message": f"{number} " * 50}] * 9}
        aws.answers = {"DescribeTargetGroups": [(200, GROUPS.format(number))]}
        aws.fail("DescribeServices", "ThrottlingException")
        aws.answer("DescribeServices", {"services": [service] * 10})
        aws.answer("ListServices", {"serviceArns": [f"arn-{number}"], "nextToken": "t"}, {"serviceArns": []})
        aws.answer("DescribeTaskDefinition", {"taskDefinition": {"revision": 1}})
        assert cloud.call("ecs", "DescribeServices", services=["web"])["services"][9]["serviceName"] == f"web-{number}"
        assert list(cloud.pages("ecs", "ListServices", "serviceArns", cluster="c")) == [f"arn-{number}"]
        assert len(list(cloud.pages("elbv2", "DescribeTargetGroups", "TargetGroups"))) == 1
        cloud.cached("ecs", "DescribeTaskDefinition", taskDefinition=f"web:{number % 5}")
        aws.fail("UpdateService", "ServiceNotFoundException")
        with pytest.raises(AwsError):
            cloud.write("ecs", "UpdateService", service=f"web-{number}")
        aws.sent.clear()
        clock.advance(60)

    aws.identity(fake_aws.ACCOUNT)
    a_round(0)  # reads the service models
    tracemalloc.start()
    try:
        for number in range(1, 11):
            a_round(number)
        before = _held()
        for number in range(11, 41):
            a_round(number)
        after = _held()
    finally:
        tracemalloc.stop()
    assert after[0] - before[0] < 20, "objects"
    assert after[1] - before[1] < 100_000, "bytes"  # the answers are 300,000; CPython's caches take some


def _held() -> tuple[int, int]:
    """Return the objects that the garbage collector knows, and the bytes that are allocated."""
    gc.collect()
    return len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
