"""Roles by mode: one session for each role, application and revision, requested for its first write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from ecsync.accounts import RoleSettings, TargetSettings
from ecsync.aws import sessions
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.hooks import Observer
from ecsync.aws.sessions import RoleSessions, session_name, session_tags
from ecsync.config import Settings
from ecsync.core.ports import AwsError, Cloud, Purpose
from ecsync.testing import FakeClock
from ecsync.wiring import Clouds, targets
from tests.aws import fake_aws

OTHER = "222222222222"
ROLE = f"arn:aws:iam::{OTHER}:role/"
SHOP = Purpose(application="shop", revision="3f2a91c04d7e5b6a")
ROLES = RoleSettings(observe=ROLE + "look", apply=ROLE + "write", prune=ROLE + "remove")


class Sts:
    """AssumeRole in memory: the key names the role and the number of the request."""

    def __init__(self, account: str = OTHER) -> None:
        self.account = account
        self.asked: list[Mapping[str, Any]] = []
        self.error: AwsError | None = None

    def __call__(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(params)
        if self.error:
            raise self.error
        name = params["RoleArn"].rpartition("/")[2]
        arn = f"arn:aws:sts::{self.account}:assumed-role/{name}/{params['RoleSessionName']}"
        keys = {"AccessKeyId": f"{name}-{len(self.asked)}", "SecretAccessKey": "s", "SessionToken": "t"}
        return {"Credentials": keys, "AssumedRoleUser": {"Arn": arn}}


def role_sessions(sts: Sts, clock: FakeClock, **more: Any) -> Callable[[Purpose], str]:
    """Return the access key of a write by its purpose."""
    made = RoleSessions(sts, {False: ROLES.apply, True: ROLES.prune}, monotonic=clock.monotonic, **more)
    return lambda purpose: made.credentials(OTHER, "ecs.UpdateService", purpose).access_key


class TestSessions:
    """When STS is asked."""

    def test_each_role_and_application_has_one_session(self) -> None:
        """A second write takes the session of the first, for as long as AWS accepts it."""
        sts, clock = Sts(), FakeClock()
        key = role_sessions(sts, clock)
        bank, delete = (
            Purpose(application="bank", revision="1"),
            Purpose(application="shop", revision=SHOP.revision, deletes=True),
        )
        assert [key(one) for one in (SHOP, bank, delete, SHOP, delete)] == [
            "write-1", "write-2", "remove-3", "write-1", "remove-3",
        ]  # fmt: skip
        clock.advance(sessions.USED)
        assert key(SHOP) == "write-4"

    def test_a_new_revision_has_a_new_session_and_the_old_one_is_dropped(self) -> None:
        """So the audit log names the revision that a write is of."""
        sts, clock = Sts(), FakeClock()
        key = role_sessions(sts, clock)
        newer = Purpose(application="shop", revision="newer")
        assert [key(one) for one in (SHOP, newer, newer, SHOP)] == ["write-1", "write-2", "write-2", "write-3"]

    def test_a_bounded_number_is_kept(self) -> None:
        """Of 257 applications the one that wrote longest ago asks again."""
        sts, clock = Sts(), FakeClock()
        key = role_sessions(sts, clock)
        for number in range(sessions.MOST + 1):
            key(Purpose(application=str(number)))
        assert key(Purpose(application="1")) == "write-2"
        assert key(Purpose(application="0")) == f"write-{sessions.MOST + 2}"

    def test_a_refusal_is_not_repeated_for_each_step_of_a_pass(self) -> None:
        """A hundred steps cause one request; after five seconds STS is asked again."""
        sts, clock = Sts(), FakeClock()
        sts.error = AwsError("denied", "AccessDenied", "no", "sts.AssumeRole")
        key = role_sessions(sts, clock)
        for _ in range(100):
            with pytest.raises(AwsError, match="AccessDenied"):
                key(SHOP)
        assert len(sts.asked) == 1
        clock.advance(sessions.REFUSED)
        sts.error = None
        assert key(SHOP) == "write-2"

    def test_a_refused_role_for_deletes_leaves_the_other_one(self) -> None:
        """They are asked for apart."""
        sts, clock = Sts(), FakeClock()
        key = role_sessions(sts, clock)
        sts.error = AwsError("denied", "AccessDenied", "no", "sts.AssumeRole")
        with pytest.raises(AwsError):
            key(Purpose(application="shop", deletes=True))
        sts.error = None
        assert key(SHOP) == "write-2"

    def test_a_role_of_another_account_signs_nothing(self) -> None:
        """The account is that of the session, by AWS's answer; STS is asked once."""
        sts, clock = Sts(account="333333333333"), FakeClock()
        key = role_sessions(sts, clock)
        for _ in range(2):
            with pytest.raises(
                AwsError, match=f"role/write is of account 333333333333, the target is {OTHER}"
            ) as caught:
                key(SHOP)
            assert (caught.value.kind, caught.value.code) == ("denied", "WrongAccount")
        assert len(sts.asked) == 1

    @pytest.mark.parametrize(("deletes", "setting"), [(False, "roles.apply"), (True, "roles.prune")])
    def test_no_role_stands_in_for_another(self, *, deletes: bool, setting: str) -> None:
        """Without it the call is refused, with the setting; STS is not asked."""
        sts = Sts()
        made = RoleSessions(sts, {deletes: "", not deletes: ROLES.apply}, monotonic=FakeClock().monotonic)
        with pytest.raises(AwsError, match=setting):
            made.credentials(OTHER, "ecs.DeleteService", Purpose(application="shop", deletes=deletes))
        assert sts.asked == []

    def test_tags_are_sent_only_if_asked_for(self) -> None:
        """The trust policy must allow them."""
        sts, clock = Sts(), FakeClock()
        role_sessions(sts, clock, external_id="x1")(SHOP)
        role_sessions(sts, clock, tags=True, installation="prod")(SHOP)
        plain, tagged = sts.asked
        assert plain == {"RoleArn": ROLES.apply, "RoleSessionName": "ecsync-shop-3f2a91c04d7e", "ExternalId": "x1"}
        assert {one["Key"]: one["Value"] for one in tagged["Tags"]} == {
            "ecsync-application": "shop", "ecsync-revision": SHOP.revision, "ecsync-installation": "prod",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("application", "revision", "name"),
    [
        ("shop", "3f2a91c04d7e5b6a", "ecsync-shop-3f2a91c04d7e"),
        ("shop", "", "ecsync-shop"),
        ("", "", "ecsync"),
        ("x" * 63, "3f2a91c04d7e5b6a", "ecsync-" + "x" * 44 + "-3f2a91c04d7e"),
        ("shop", "sha:ä b/c", "ecsync-shop-sha---b-c"),
    ],
    ids=["usual", "no revision", "neither", "long", "other characters"],
)
def test_the_name_of_a_session(application: str, revision: str, name: str) -> None:
    """STS takes 2 to 64 of A-Z a-z 0-9 _ + = , . @ -."""
    assert session_name(application, revision) == name
    assert 2 <= len(name) <= sessions.NAME_LENGTH


def test_a_tag_without_a_value_is_left_out() -> None:
    """And a character that STS does not take is replaced."""
    assert session_tags("shop", "", "a*b") == [
        {"Key": "ecsync-application", "Value": "shop"},
        {"Key": "ecsync-installation", "Value": "a-b"},
    ]


class TestRolesOfATarget:
    """Which role a target has for which mode."""

    def settings(self, **more: Any) -> Settings:
        """Return settings with one target."""
        return Settings(targets={"live": TargetSettings(account=OTHER, **more)})

    def test_one_role_is_that_of_all_modes(self) -> None:
        """With its external id."""
        roles = targets.roles_of(self.settings(role=ROLE + "one", external_id="x1"), "live")
        assert (roles.observe, roles.apply, roles.prune, roles.external_id) == (*(ROLE + "one",) * 3, "x1")

    def test_without_roles_the_credentials_of_the_process_do_everything(self) -> None:
        """As before there were targets."""
        assert not targets.roles_of(self.settings(external_id="x1"), "live").write
        assert not targets.roles_of(Settings(), "").write

    def test_a_role_that_only_observes_lets_nothing_be_written(self) -> None:
        """Not by the credentials that observe, either."""
        roles = targets.roles_of(self.settings(roles=RoleSettings(observe=ROLE + "look")), "live")
        assert roles.write
        assert roles.apply == ""

    def test_the_operators_own_account_may_have_roles_that_write(self) -> None:
        """Also where a manifest names its id: the credentials are the same."""
        own = Settings(roles=RoleSettings(apply=ROLE + "write"), session_tags=True)
        for target in ("", OTHER):
            assert targets.roles_of(own, target).apply == ROLE + "write"
            assert targets.roles_of(own, target).session_tags


def test_the_passes_at_a_time_of_an_account_and_region() -> None:
    """The lowest of its targets; that of the account, where an application has another Region."""
    entries = {"a": ("eu-west-1", 3), "b": ("eu-west-1", 2), "c": ("us-east-1", 5), "d": ("us-east-2", 0)}
    settings = Settings(
        targets={
            name: TargetSettings(account=OTHER, region=region, concurrency=most)
            for name, (region, most) in entries.items()
        }
    )
    sites = [(OTHER, "eu-west-1"), (OTHER, "us-east-1"), (OTHER, "eu-north-1"), ("333333333333", "eu-west-1"), None]
    assert list(map(targets.passes_at(settings), sites)) == [2, 5, 2, 0, 0]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> fake_aws.FakeAws:
    """AWS in place of the network."""
    fake = fake_aws.FakeAws.installed(monkeypatch)
    fake.answers["AssumeRole"] = [(200, assumed("look", "")), (200, assumed("write", OTHER))]
    fake.identity(OTHER)
    fake.answer("DescribeServices", {"services": []})
    fake.answer("UpdateService", {"service": {}})
    return fake


def assumed(name: str, account: str) -> str:
    """Return an answer of AssumeRole."""
    user = f"<AssumedRoleUser><Arn>arn:aws:sts::{account}:assumed-role/{name}/x</Arn></AssumedRoleUser>"
    keys = f"<AccessKeyId>{name}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
    times = "<Expiration>2099-01-01T00:00:00Z</Expiration>"
    result = f"<Credentials>{keys}{times}</Credentials>{user}"
    return f"<AssumeRoleResponse><AssumeRoleResult>{result}</AssumeRoleResult></AssumeRoleResponse>"


def signer(sent: fake_aws.Sent) -> str:
    """Return the access key that signed a request."""
    return sent.headers["authorization"].partition("Credential=")[2].partition("/")[0]


class TestClouds:
    """The roles of a target behind its cloud."""

    def cloud(self, observer: Observer | None = None, *, read_only: bool = False) -> Cloud:
        """Return the cloud of a target with a role for each mode."""
        live = TargetSettings(account=OTHER, region=fake_aws.REGION, roles=ROLES, enforce=True)
        settings = Settings(region=fake_aws.REGION, targets={"live": live})
        return Clouds(settings=settings, read_only=read_only, observer=observer).of("live", fake_aws.REGION)

    def test_reads_and_writes_are_signed_by_their_roles(self, aws: fake_aws.FakeAws) -> None:
        """Also a read between two writes (pins `request_credentials` of botocore)."""
        cloud = self.cloud()
        cloud.call("ecs", "DescribeServices", services=["web"])
        with SHOP.applies():
            cloud.write("ecs", "UpdateService", service="web")
            cloud.call("ecs", "DescribeServices", services=["web"])
            cloud.write("ecs", "UpdateService", service="web")
        assert [(one.operation, signer(one)) for one in aws.sent] == [
            ("AssumeRole", "AKIDEXAMPLE"),
            ("DescribeServices", "look"),
            ("GetCallerIdentity", "look"),
            ("AssumeRole", "AKIDEXAMPLE"),
            ("UpdateService", "write"),
            ("DescribeServices", "look"),
            ("UpdateService", "write"),
        ]
        asked = [one.params["RoleSessionName"] for one in aws.sent if one.operation == "AssumeRole"]
        assert asked == ["ecsync", "ecsync-shop-3f2a91c04d7e"]

    def test_another_thread_signs_as_itself(self, aws: fake_aws.FakeAws) -> None:
        """A read ahead that runs during a write of the same cloud."""
        cloud = self.cloud()
        assert cloud.account == OTHER
        with SHOP.applies():
            cloud.write("ecs", "UpdateService", service="web")
            thread = threading.Thread(target=lambda: cloud.call("ecs", "DescribeServices", services=["web"]))
            thread.start()
            thread.join()
        assert signer(aws.sent[-1]) == "look"

    def test_the_writes_take_no_further_clients(self, aws: fake_aws.FakeAws) -> None:
        """All roles of an account share them: a client has half a megabyte."""
        cloud = self.cloud()
        assert isinstance(cloud, BotoCloud)
        for purpose in (SHOP, Purpose(application="bank")):
            with purpose.applies():
                cloud.write("ecs", "UpdateService", service="web")
        assert sorted(cloud._clients._clients) == [("ecs", fake_aws.REGION, True), ("sts", fake_aws.REGION, False)]
        assert aws.operations().count("AssumeRole") == 3

    def test_each_request_for_a_role_is_counted(self, aws: fake_aws.FakeAws) -> None:
        """Those of reads and those of writes."""
        seen: list[tuple[str, str, str]] = []
        observer = Observer(on_request=lambda service, operation, code, _: seen.append((service, operation, code)))
        self.cloud(observer).write("ecs", "UpdateService", service="web")
        assert seen.count(("sts", "AssumeRole", "OK")) == aws.operations().count("AssumeRole") == 2

    def test_credentials_that_aws_does_not_accept_any_more_are_requested_again(self, aws: fake_aws.FakeAws) -> None:
        """As those of reads are."""
        cloud = self.cloud()
        aws.answers["UpdateService"] = []
        aws.fail("UpdateService", "ExpiredTokenException")
        aws.answer("UpdateService", {"service": {}})
        with pytest.raises(AwsError) as caught:
            cloud.write("ecs", "UpdateService", service="web")
        assert caught.value.kind == "credentials"
        cloud.write("ecs", "UpdateService", service="web")
        assert aws.operations().count("AssumeRole") == 3
