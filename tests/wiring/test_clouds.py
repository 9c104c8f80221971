"""The clouds of a process: what targets share, whatever they are called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ecsync.accounts import TargetSettings
from ecsync.aws.cloud import BotoCloud
from ecsync.config import LimitSettings, Settings
from ecsync.wiring import Clouds
from tests.aws import fake_aws
from tests.aws.test_cloud import ASSUMED

ROLE = "arn:aws:iam::111122223333:role/"


def target(role: str = "") -> TargetSettings:
    """Return an entry of the one account, with a role of it."""
    return TargetSettings(account=fake_aws.ACCOUNT, role=ROLE + role if role else "")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> fake_aws.FakeAws:
    """AWS in place of the network."""
    fake = fake_aws.FakeAws.installed(monkeypatch)
    fake.answers["AssumeRole"] = [(200, ASSUMED)]
    fake.answer("DescribeServices", {"services": []})
    return fake


def clouds(**targets: TargetSettings) -> Clouds:
    """Return the clouds of an operator with these targets."""
    return Clouds(settings=Settings(targets=targets), read_only=False)


def cloud(of: Clouds, name: str, region: str = fake_aws.REGION) -> BotoCloud:
    """Return the cloud of a target."""
    found = of.of(name, region)
    assert isinstance(found, BotoCloud)
    return found


@pytest.mark.usefixtures("aws")
class TestSharing:
    """One cloud per credentials and Region, one session per credentials, one limiter per account and Region."""

    def test_two_names_of_one_role_are_one_cloud(self) -> None:
        """The name is the operator's own."""
        found = clouds(a=target("ecsync"), b=target("ecsync"))
        assert cloud(found, "a") is cloud(found, "b")

    def test_regions_share_the_session_and_its_clients(self) -> None:
        """The role is assumed once; each Region has its own cloud."""
        found = clouds(a=target("ecsync"))
        one, other = cloud(found, "a"), cloud(found, "a", "us-east-1")
        assert one is not other
        assert one._clients is other._clients

    def test_roles_have_their_own_sessions_and_share_the_loader(self) -> None:
        """The models of the services are loaded once for the process."""
        found = clouds(a=target("one"), b=target("two"))
        one, other = cloud(found, "a")._clients, cloud(found, "b")._clients
        assert one is not other
        assert one.loader is other.loader

    def test_roles_of_one_account_share_the_rates(self) -> None:
        """AWS counts the calls of an account and Region, from all clients together."""
        found = clouds(a=target("one"), b=target("two"))
        for name in ("a", "b"):
            assert cloud(found, name).account == fake_aws.ACCOUNT
            cloud(found, name).call("ecs", "DescribeServices", services=["web"])
        buckets = [one for one in found.limiters.readings() if one.bucket == "ecs-service-read"]
        assert [(one.account, one.region, one.rate) for one in buckets] == [(fake_aws.ACCOUNT, fake_aws.REGION, 10.0)]

    def test_the_share_is_a_setting(self) -> None:
        """At a tenth of AWS's 20 per second, two calls per second are made."""
        found = Clouds(settings=Settings(limits=LimitSettings(share=0.1)), read_only=False)
        assert cloud(found, "").account == fake_aws.ACCOUNT
        cloud(found, "").call("ecs", "DescribeServices", services=["web"])
        assert [one.rate for one in found.limiters.readings() if one.bucket == "ecs-service-read"] == [2.0]


def test_a_role_is_assumed_where_the_controller_runs(aws: fake_aws.FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials for one Region do not depend on STS of another target's Region."""
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    cloud(clouds(a=target("ecsync")), "a", "us-east-1").call("ecs", "DescribeServices", services=["web"])
    assert [sent.url for sent in aws.sent if sent.operation == "AssumeRole"] == [
        "https://sts.eu-central-1.amazonaws.com/"
    ]


def test_the_expiry_of_credentials_is_known_once_they_were_used(aws: fake_aws.FakeAws) -> None:
    """By target, without a call to AWS; credentials that do not expire have none."""
    found = clouds(a=target("ecsync"), b=target("ecsync"), c=target("other"))
    for name in ("", "a", "c"):
        cloud(found, name)
    sent = len(aws.sent)
    assert found.expiries() == []
    assert len(aws.sent) == sent, "a scrape makes no call"
    for name in ("", "a"):
        cloud(found, name).call("ecs", "DescribeServices", services=["web"])
    expires = datetime(2099, 1, 1, tzinfo=UTC).timestamp()
    assert found.expiries() == [(name, fake_aws.ACCOUNT, expires) for name in ("a", "b")]
