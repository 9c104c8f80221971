"""Refused calls: writes of a read-only cloud, writes to the wrong account, and undeclared reads."""

from __future__ import annotations

import pytest

from ecsync.aws.hooks import WriteRefused
from ecsync.aws.identity import WrongAccount
from ecsync.core.ports import AwsError
from tests.aws import fake_aws


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> fake_aws.FakeAws:
    """AWS in place of the network."""
    return fake_aws.FakeAws.installed(monkeypatch)


def test_a_read_only_session_refuses_writes_of_every_client(aws: fake_aws.FakeAws) -> None:
    """Also of a client that is used directly, and of a service that kinds never read."""
    clients = fake_aws.clients(reads=fake_aws.READS)
    with pytest.raises(WriteRefused, match=r"ecs\.UpdateService"):
        clients.get("ecs", fake_aws.REGION).update_service(service="web")
    with pytest.raises(WriteRefused, match=r"ecs\.UpdateService"):
        clients.get("ecs", fake_aws.REGION, once=True).update_service(service="web")
    with pytest.raises(WriteRefused, match=r"elbv2\.DeleteRule"):
        clients.get("elbv2", fake_aws.REGION).delete_rule(RuleArn="x")
    assert aws.sent == []


def test_a_read_only_cloud_reads_and_does_not_write(aws: fake_aws.FakeAws) -> None:
    """Declared reads and GetCallerIdentity are sent; a write is refused."""
    aws.answer("DescribeServices", {"services": []})
    cloud = fake_aws.cloud(through=fake_aws.clients(reads=fake_aws.READS))
    assert cloud.call("ecs", "DescribeServices", services=["web"]) == {"services": []}
    assert cloud.account == fake_aws.ACCOUNT
    with pytest.raises(WriteRefused):
        cloud.write("ecs", "UpdateService", service="web")
    assert aws.operations() == ["DescribeServices", "GetCallerIdentity"]


def test_an_undeclared_read_is_refused_also_by_a_cloud_that_may_write(aws: fake_aws.FakeAws) -> None:
    """Otherwise it would fail only in a read-only cloud."""
    with pytest.raises(WriteRefused, match="not declared as a read"):
        fake_aws.cloud().call("ecs", "DescribeClusters")
    with pytest.raises(WriteRefused, match="not declared as a read"):
        list(fake_aws.cloud().pages("ecs", "UpdateService", "service", service="web"))
    assert aws.sent == []


def test_nothing_is_written_to_the_wrong_account(aws: fake_aws.FakeAws) -> None:
    """Each write is refused while the credentials belong to another account."""
    cloud = fake_aws.cloud(account="999999999999")
    for _ in range(2):
        with pytest.raises(WrongAccount, match="111122223333, the target is 999999999999") as caught:
            cloud.write("ecs", "UpdateService", service="web")
    assert isinstance(caught.value, AwsError)
    assert caught.value.kind == "denied"
    assert aws.operations() == ["GetCallerIdentity"]


def test_nothing_is_written_while_the_account_is_unknown(aws: fake_aws.FakeAws) -> None:
    """A failed GetCallerIdentity refuses the write."""
    aws.answers["GetCallerIdentity"] = []
    aws.fail("GetCallerIdentity", "x", status=500, times=9)
    with pytest.raises(AwsError):
        fake_aws.cloud(account=fake_aws.ACCOUNT).write("ecs", "UpdateService", service="web")
    assert set(aws.operations()) == {"GetCallerIdentity"}


def test_the_account_is_read_once(aws: fake_aws.FakeAws) -> None:
    """Only the first write of a target calls GetCallerIdentity."""
    aws.answer("UpdateService", {"service": {}})
    cloud = fake_aws.cloud(account=fake_aws.ACCOUNT)
    cloud.write("ecs", "UpdateService", service="web")
    cloud.write("ecs", "UpdateService", service="web")
    assert aws.operations() == ["GetCallerIdentity", "UpdateService", "UpdateService"]


def test_the_account_of_new_credentials_is_read_again(aws: fake_aws.FakeAws) -> None:
    """After the old ones expired, the new ones may belong to another account."""
    aws.answer("UpdateService", {"service": {}})
    aws.fail("UpdateService", "ExpiredTokenException")
    cloud = fake_aws.cloud(account=fake_aws.ACCOUNT)
    cloud.write("ecs", "UpdateService", service="web")
    with pytest.raises(AwsError, match="ExpiredToken"):
        cloud.write("ecs", "UpdateService", service="web")
    aws.identity("999999999999")
    with pytest.raises(WrongAccount):
        cloud.write("ecs", "UpdateService", service="web")


def test_without_an_asserted_account_none_is_read(aws: fake_aws.FakeAws) -> None:
    """An empty account is not asserted: the engine decides what that allows."""
    aws.answer("UpdateService", {"service": {}})
    fake_aws.cloud().write("ecs", "UpdateService", service="web")
    assert aws.operations() == ["UpdateService"]
