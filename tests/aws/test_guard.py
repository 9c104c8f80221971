"""What must not leave does not: writes through a read-only door or to the wrong account, reads nobody declared."""

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


def test_a_read_only_session_lets_no_write_leave_whoever_asks(aws: fake_aws.FakeAws) -> None:
    """Even a client taken from behind our back cannot write, also one of a service that kinds never read."""
    clients = fake_aws.clients(reads=fake_aws.READS)
    with pytest.raises(WriteRefused, match=r"ecs\.UpdateService"):
        clients.get("ecs", fake_aws.REGION).update_service(service="web")
    with pytest.raises(WriteRefused, match=r"ecs\.UpdateService"):
        clients.get("ecs", fake_aws.REGION, once=True).update_service(service="web")
    with pytest.raises(WriteRefused, match=r"elbv2\.DeleteRule"):
        clients.get("elbv2", fake_aws.REGION).delete_rule(RuleArn="x")
    assert aws.sent == []


def test_a_read_only_cloud_reads_and_does_not_write(aws: fake_aws.FakeAws) -> None:
    """Declared reads leave, and the question whose credentials they are; a write is refused at once."""
    aws.answer("DescribeServices", {"services": []})
    cloud = fake_aws.cloud(through=fake_aws.clients(reads=fake_aws.READS))
    assert cloud.call("ecs", "DescribeServices", services=["web"]) == {"services": []}
    assert cloud.account == fake_aws.ACCOUNT
    with pytest.raises(WriteRefused):
        cloud.write("ecs", "UpdateService", service="web")
    assert aws.operations() == ["DescribeServices", "GetCallerIdentity"]


def test_a_read_that_nobody_declared_is_refused_also_where_writing_is_allowed(aws: fake_aws.FakeAws) -> None:
    """What would fail when observing must not first be found there."""
    with pytest.raises(WriteRefused, match="not declared"):
        fake_aws.cloud().call("ecs", "DescribeClusters")
    with pytest.raises(WriteRefused, match="not declared"):
        list(fake_aws.cloud().pages("ecs", "UpdateService", "service", service="web"))
    assert aws.sent == []


def test_nothing_is_written_to_the_wrong_account(aws: fake_aws.FakeAws) -> None:
    """The credentials of another account write nothing, however often it is tried."""
    cloud = fake_aws.cloud(account="999999999999")
    for _ in range(2):
        with pytest.raises(WrongAccount, match="111122223333, the target is 999999999999") as caught:
            cloud.write("ecs", "UpdateService", service="web")
    assert isinstance(caught.value, AwsError)
    assert caught.value.kind == "denied"
    assert aws.operations() == ["GetCallerIdentity"]


def test_nothing_is_written_while_it_is_unknown_whose_account_it_is(aws: fake_aws.FakeAws) -> None:
    """A failed GetCallerIdentity is no permission."""
    aws.answers["GetCallerIdentity"] = []
    aws.fail("GetCallerIdentity", "x", status=500, times=9)
    with pytest.raises(AwsError):
        fake_aws.cloud(account=fake_aws.ACCOUNT).write("ecs", "UpdateService", service="web")
    assert set(aws.operations()) == {"GetCallerIdentity"}


def test_the_right_account_is_asked_for_once(aws: fake_aws.FakeAws) -> None:
    """The first write of a target asks, the next ones do not."""
    aws.answer("UpdateService", {"service": {}})
    cloud = fake_aws.cloud(account=fake_aws.ACCOUNT)
    cloud.write("ecs", "UpdateService", service="web")
    cloud.write("ecs", "UpdateService", service="web")
    assert aws.operations() == ["GetCallerIdentity", "UpdateService", "UpdateService"]


def test_new_credentials_are_asked_again_whose_they_are(aws: fake_aws.FakeAws) -> None:
    """Once the old ones have expired, the ones in their place may be somebody else's."""
    aws.answer("UpdateService", {"service": {}})
    aws.fail("UpdateService", "ExpiredTokenException")
    cloud = fake_aws.cloud(account=fake_aws.ACCOUNT)
    cloud.write("ecs", "UpdateService", service="web")
    with pytest.raises(AwsError, match="ExpiredToken"):
        cloud.write("ecs", "UpdateService", service="web")
    aws.identity("999999999999")
    with pytest.raises(WrongAccount):
        cloud.write("ecs", "UpdateService", service="web")


def test_without_an_asserted_account_nobody_is_asked(aws: fake_aws.FakeAws) -> None:
    """An empty account is not asserted: what that allows is the engine's to say."""
    aws.answer("UpdateService", {"service": {}})
    fake_aws.cloud().write("ecs", "UpdateService", service="web")
    assert aws.operations() == ["UpdateService"]
