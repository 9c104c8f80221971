"""BotoCloud: responses, pages, the cache, errors, retries and observers."""

from __future__ import annotations

import threading
from typing import Any

import botocore
import pytest
from botocore.exceptions import ReadTimeoutError

from ecsync.aws.clients import Access, Clients
from ecsync.aws.cloud import BotoCloud
from ecsync.aws.hooks import Observer
from ecsync.aws.lean import NEWEST_EVENTS
from ecsync.aws.limits import Limiter, Limiters, Patience
from ecsync.aws.limits_table import Rate
from ecsync.core.ports import AwsError, Deferred
from ecsync.testing import FakeClock
from tests.aws import fake_aws

ASSUMED = """<AssumeRoleResponse><AssumeRoleResult><Credentials>
  <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
  <Expiration>2099-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> fake_aws.FakeAws:
    """AWS in place of the network."""
    return fake_aws.FakeAws.installed(monkeypatch)


def test_a_response_comes_without_metadata(aws: fake_aws.FakeAws) -> None:
    """The core receives what AWS returns of the resource, and nothing about the call."""
    aws.answer("DescribeServices", {"services": [{"serviceName": "web"}]})
    cloud = fake_aws.cloud()
    assert cloud.call("ecs", "DescribeServices", services=["web"]) == {"services": [{"serviceName": "web"}]}
    assert aws.sent[0].params == {"services": ["web"]}


def test_a_request_names_ecsync_first(aws: fake_aws.FakeAws) -> None:
    """In CloudTrail a person sees who called."""
    aws.answer("DescribeServices", {"services": []})
    fake_aws.cloud(through=Clients(Access(), version="1.2.3")).call("ecs", "DescribeServices", services=["web"])
    assert aws.sent[-1].headers["user-agent"] == f"ecsync/1.2.3 Botocore/{botocore.__version__}"


def test_only_the_newest_events_are_kept_and_times_are_text(aws: fake_aws.FakeAws) -> None:
    """Events are most of an ECS response, and datetimes most of the cost of parsing it (pins botocore's hooks)."""
    events = [{"id": "e", "message": str(index), "createdAt": 1767225600.5 - index} for index in range(100)]
    aws.answer("DescribeServices", {"services": [{"events": events, "createdAt": 1767225600}]})
    (service,) = fake_aws.cloud().call("ecs", "DescribeServices", services=["web"])["services"]
    assert [event["message"] for event in service["events"]] == [str(index) for index in range(NEWEST_EVENTS)]
    assert service["createdAt"] == "2026-01-01T00:00:00Z"
    assert service["events"][0]["createdAt"] == "2026-01-01T00:00:00.500000Z"


def test_a_service_that_stays_steady_has_equal_answers(aws: fake_aws.FakeAws) -> None:
    """ECS writes the same event every six hours. What happened before it does not matter to anyone."""
    steady, started = "(service web) has reached a steady state.", "(service web) has started 1 tasks"

    def answer(hour: int, *messages: str) -> dict[str, Any]:
        every = enumerate((*messages, steady, "(service web) registered 1 targets"))
        at = 1767225600.5 + 3600 * hour
        events = [{"id": str(place), "message": text, "createdAt": at - place} for place, text in every]
        return {"services": [{"events": events}]}

    aws.answer("DescribeServices", answer(0), answer(6, steady, steady), answer(7, started))
    cloud = fake_aws.cloud()
    seen = [cloud.call("ecs", "DescribeServices", services=["web"])["services"][0]["events"] for _ in range(3)]
    assert seen == [
        [{"message": steady}],
        [{"message": steady}],
        [{"message": started, "createdAt": "2026-01-01T07:00:00.500000Z"}, {"message": steady}],
    ]


def test_a_parameter_may_have_the_name_service(aws: fake_aws.FakeAws) -> None:
    """UpdateService and ListServiceDeployments have one."""
    aws.answer("ListServiceDeployments", {"serviceDeployments": [{"serviceArn": "a"}]})
    cloud = fake_aws.cloud(reads=frozenset({"ecs.ListServiceDeployments"}))
    assert list(cloud.pages("ecs", "ListServiceDeployments", "serviceDeployments", service="a")) == [
        {"serviceArn": "a"}
    ]


def test_pages_use_the_tokens_of_botocore_s_paginators(aws: fake_aws.FakeAws) -> None:
    """Every page is one call, as large as AWS allows, and is read when it is needed."""
    aws.answer("ListServices", {"serviceArns": ["a", "b"], "nextToken": "t"}, {"serviceArns": ["c"]})
    items = fake_aws.cloud().pages("ecs", "ListServices", "serviceArns", cluster="main")
    assert next(items) == "a"
    assert len(aws.sent) == 1
    assert list(items) == ["b", "c"]
    assert [sent.params for sent in aws.sent] == [
        {"cluster": "main", "maxResults": 100},
        {"cluster": "main", "maxResults": 100, "nextToken": "t"},
    ]


def test_pages_without_a_paginator_use_the_members_of_the_model(aws: fake_aws.FakeAws) -> None:
    """Botocore has no paginator for DescribeCapacityProviders, which has pages."""
    cloud = fake_aws.cloud(reads=frozenset({"ecs.DescribeCapacityProviders"}))
    aws.answer(
        "DescribeCapacityProviders",
        {"capacityProviders": [{"name": "a"}], "nextToken": "t"},
        {"capacityProviders": [{"name": "b"}]},
    )
    assert list(cloud.pages("ecs", "DescribeCapacityProviders", "capacityProviders")) == [{"name": "a"}, {"name": "b"}]
    assert aws.sent[1].params == {"nextToken": "t"}


def test_an_operation_without_pages_is_one_page(aws: fake_aws.FakeAws) -> None:
    """The result is a dotted path; a missing member is an empty list."""
    aws.answer("DescribeTaskDefinition", {"taskDefinition": {"volumes": [{"name": "v"}]}})
    cloud = fake_aws.cloud()
    params = {"taskDefinition": "web:1"}
    assert list(cloud.pages("ecs", "DescribeTaskDefinition", "taskDefinition.volumes", **params)) == [{"name": "v"}]
    assert list(cloud.pages("ecs", "DescribeTaskDefinition", "taskDefinition.placementConstraints", **params)) == []


def test_a_repeated_page_token_is_an_error(aws: fake_aws.FakeAws) -> None:
    """A partial list is never returned as the whole."""
    aws.answer("ListServices", {"serviceArns": ["a"], "nextToken": "t"})
    with pytest.raises(AwsError, match="twice") as caught:
        list(fake_aws.cloud().pages("ecs", "ListServices", "serviceArns"))
    assert caught.value.kind == "transient"


THREE_PAGES: tuple[dict[str, Any], ...] = (
    {"serviceArns": ["a"], "nextToken": "1"},
    {"serviceArns": ["b"], "nextToken": "2"},
    {"serviceArns": ["c"]},
)


def with_four_tokens(clock: FakeClock, patience: Patience) -> BotoCloud:
    """Return a cloud with four tokens for listings of services, and one more each second."""
    rates = {"ecs-service-read": Rate(burst=4, refill=1, source="the test")}
    return fake_aws.cloud(
        limiter=Limiter(monotonic=clock.monotonic, wait=clock.advance, share=1.0, patience=patience, rates=rates)
    )


def test_a_listing_that_would_stop_half_way_is_not_begun(aws: fake_aws.FakeAws) -> None:
    """Its pages would be lost: who may wait reads all of them."""
    aws.answer(
        "ListServices",
        *THREE_PAGES,
        {"serviceArns": ["a"], "nextToken": "1"},
        {"serviceArns": ["b"]},
        {"serviceArns": ["a"], "nextToken": "1"},
        {"serviceArns": ["b"]},
    )
    clock, patience = FakeClock(), Patience()
    cloud = with_four_tokens(clock, patience)

    def listed() -> list[str]:
        return list(cloud.pages("ecs", "ListServices", "serviceArns", cluster="main"))

    assert listed() == ["a", "b", "c"]
    with patience.limited(1.0) as allowance:
        allowance.whole = True
        with pytest.raises(Deferred):
            listed()
    assert len(aws.sent) == 3
    assert listed() == ["a", "b"]
    clock.advance(1.0)
    with patience.limited(1.0) as allowance:
        allowance.whole = True
        assert listed() == ["a", "b"], "it has two pages now"


def test_a_step_may_begin_a_listing_that_it_does_not_read_to_its_end(aws: fake_aws.FakeAws) -> None:
    """It knows when to stop, and must not wait for ever for the pages that it does not need."""
    aws.answer(
        "ListServices",
        *THREE_PAGES,
        {"serviceArns": ["a"], "nextToken": "1"},
    )
    clock, patience = FakeClock(), Patience()
    cloud = with_four_tokens(clock, patience)
    assert list(cloud.pages("ecs", "ListServices", "serviceArns", cluster="main")) == ["a", "b", "c"]
    with patience.limited(0.0):
        assert next(cloud.pages("ecs", "ListServices", "serviceArns", cluster="main")) == "a"


def test_a_cached_response_is_read_once(aws: fake_aws.FakeAws) -> None:
    """The key is the operation with its parameters; a failure is not cached."""
    aws.fail("DescribeTaskDefinition", "ServerException", status=500, times=3)
    aws.answer("DescribeTaskDefinition", {"taskDefinition": {"revision": 1}})
    cloud = fake_aws.cloud()
    with pytest.raises(AwsError):
        cloud.cached("ecs", "DescribeTaskDefinition", taskDefinition="web:1")
    assert not cloud.keeps("ecs", "DescribeTaskDefinition", taskDefinition="web:1")
    first = cloud.cached("ecs", "DescribeTaskDefinition", taskDefinition="web:1")
    assert cloud.keeps("ecs", "DescribeTaskDefinition", taskDefinition="web:1")
    assert cloud.cached("ecs", "DescribeTaskDefinition", taskDefinition="web:1") == first
    cloud.cached("ecs", "DescribeTaskDefinition", taskDefinition="web:2")
    assert len(aws.sent) == 3 + 2


def test_a_read_is_retried_and_a_write_is_not(aws: fake_aws.FakeAws) -> None:
    """After a lost response a write may have had its effect: it is not sent again."""
    lost = ReadTimeoutError(endpoint_url="https://ecs")
    aws.drop("DescribeServices", lost)
    aws.drop("RegisterTaskDefinition", lost)
    cloud = fake_aws.cloud()
    with pytest.raises(AwsError, match="ReadTimeoutError"):
        cloud.call("ecs", "DescribeServices", services=["web"])
    with pytest.raises(AwsError, match="ReadTimeoutError") as caught:
        cloud.write("ecs", "RegisterTaskDefinition", family="web", containerDefinitions=[])
    assert caught.value.kind == "transient"
    assert aws.operations() == ["DescribeServices"] * 3 + ["RegisterTaskDefinition"]


def test_observers_receive_requests_retries_and_waits(aws: fake_aws.FakeAws) -> None:
    """A throttled read is two requests and one retry, which waits for a token at half of our rate."""
    aws.fail("DescribeServices", "ThrottlingException", "Rate exceeded")
    aws.answer("DescribeServices", {"services": []})
    observed: list[Any] = []
    observer = Observer(
        on_request=lambda *args: observed.append(args),
        on_retry=lambda *args: observed.append(args),
        on_wait=lambda *args: observed.append(args),
    )
    fake_aws.cloud(observer=observer).call("ecs", "DescribeServices", services=["web"])
    assert observed == [
        ("ecs", "DescribeServices", "ThrottlingException", 0.0),
        ("ecs", "DescribeServices"),
        ("ecs", pytest.approx(0.2)),  # half of half of 20 per second
        ("ecs", "DescribeServices", "OK", 0.0),
    ]


def test_a_throttle_that_lasts_makes_no_more_calls(aws: fake_aws.FakeAws) -> None:
    """Only the first throttled read is sent again; until the rate has recovered each read is one call."""
    aws.fail("DescribeServices", "ThrottlingException", "Rate exceeded")
    clock = FakeClock()
    cloud = fake_aws.cloud(clock=clock)
    for _ in range(20):
        with pytest.raises(AwsError) as caught:
            cloud.call("ecs", "DescribeServices", services=["web"])
        assert caught.value.kind == "throttled"
        clock.advance(5)
    assert len(aws.sent) == 20 + 1


def test_after_the_rate_has_recovered_a_throttled_read_is_sent_again(aws: fake_aws.FakeAws) -> None:
    """One throttled call now and then makes no resource unreadable."""
    aws.answers["DescribeServices"] = [
        (400, '{"__type": "ThrottlingException"}'),
        (200, '{"services": []}'),
    ] * 2
    clock = FakeClock()
    cloud = fake_aws.cloud(clock=clock)
    for _ in range(2):
        assert cloud.call("ecs", "DescribeServices", services=["web"]) == {"services": []}
        clock.advance(60)


def test_a_throttled_write_is_not_sent_again(aws: fake_aws.FakeAws) -> None:
    """The executor decides when it is."""
    aws.fail("UpdateService", "ThrottlingException", "Rate exceeded")
    with pytest.raises(AwsError):
        fake_aws.cloud().write("ecs", "UpdateService", service="web")
    assert aws.operations() == ["UpdateService"]


def test_calls_count_for_the_account_of_the_credentials(aws: fake_aws.FakeAws) -> None:
    """Until the account is known, there is a limiter for what must be asked before."""
    aws.answer("DescribeServices", {"services": []})
    clock = FakeClock()
    limiters = Limiters(lambda: Limiter(monotonic=clock.monotonic, wait=clock.advance))
    cloud = fake_aws.cloud(limiter=limiters)
    assert cloud.account == fake_aws.ACCOUNT
    cloud.call("ecs", "DescribeServices", services=["web"])
    assert [(one.account, one.region, one.bucket) for one in limiters.readings()] == [
        ("", fake_aws.REGION, "sts"),
        (fake_aws.ACCOUNT, fake_aws.REGION, "ecs-service-read"),
    ]


def test_an_error_is_counted_under_its_code(aws: fake_aws.FakeAws) -> None:
    """Unknown codes are visible in the metrics."""
    aws.fail("UpdateService", "NeverSeenException", "what?")
    observed: list[Any] = []
    cloud = fake_aws.cloud(observer=Observer(on_request=lambda *args: observed.append(args)))
    with pytest.raises(AwsError) as caught:
        cloud.write("ecs", "UpdateService", service="web")
    assert caught.value.kind == "transient"
    assert observed == [("ecs", "UpdateService", "NeverSeenException", 0.0)]


def test_invalid_parameters_are_not_sent_and_not_quoted(aws: fake_aws.FakeAws) -> None:
    """The result of botocore's validation is an `invalid` error without the value."""
    cloud = fake_aws.cloud()
    with pytest.raises(AwsError) as caught:
        cloud.write("ecs", "UpdateService", service=["hunter2"])
    assert caught.value.kind == "invalid"
    assert "service" in caught.value.message
    assert "hunter2" not in str(caught.value)
    assert aws.sent == []


def test_an_operation_that_aws_does_not_have_is_invalid(aws: fake_aws.FakeAws) -> None:
    """A wrong operation name is an AwsError too."""
    with pytest.raises(AwsError) as caught:
        fake_aws.cloud().write("ecs", "ExplodeService")
    assert caught.value.kind == "invalid"
    assert aws.sent == []


def test_the_traceback_does_not_contain_a_secret(aws: fake_aws.FakeAws) -> None:
    """The original exception, which quotes the value, is suppressed."""
    aws.fail("UpdateService", "InvalidParameterException", "no s3cret here")
    with pytest.raises(AwsError, match=r"no \(sensitive\) here") as caught:
        fake_aws.cloud(secrets=lambda _: ["s3cret"]).write("ecs", "UpdateService", service="web")
    assert caught.value.__suppress_context__


def test_the_role_of_a_target_is_assumed_with_the_operators_credentials(aws: fake_aws.FakeAws) -> None:
    """Session name and external id are sent once, and calls are signed with the credentials of the role."""
    aws.answers["AssumeRole"] = [(200, ASSUMED)]
    aws.answer("DescribeServices", {"services": []})
    role = "arn:aws:iam::111122223333:role/ecsync"
    access = Access(role=role, external_id="x1", session_name="ecsync-prod", region=fake_aws.REGION)
    cloud = fake_aws.cloud(through=fake_aws.clients(access=access, reads=fake_aws.READS))
    cloud.call("ecs", "DescribeServices", services=["web"])
    cloud.call("ecs", "DescribeServices", services=["web"])
    asked, called, _ = aws.sent
    assert (asked.params["RoleArn"], asked.params["ExternalId"]) == (role, "x1")
    assert asked.params["RoleSessionName"] == "ecsync-prod"
    assert "Credential=AKIDEXAMPLE/" in asked.headers["authorization"]
    assert "Credential=ASIAROLE/" in called.headers["authorization"]


def test_the_operator_may_set_the_endpoint(aws: fake_aws.FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a setting or by AWS_ENDPOINT_URL. The user agent of every request contains our name."""
    aws.answer("DescribeServices", {"services": []})
    settings = fake_aws.clients(access=Access(endpoint_url="http://127.0.0.1:5001"))
    fake_aws.cloud(through=settings).call("ecs", "DescribeServices", services=["web"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5002")
    fake_aws.cloud().call("ecs", "DescribeServices", services=["web"])
    assert [sent.url for sent in aws.sent] == ["http://127.0.0.1:5001/", "http://127.0.0.1:5002/"]
    assert "ecsync/1.2.3" in aws.sent[0].headers["user-agent"]


def test_a_missing_profile_is_an_error_of_the_credentials(aws: fake_aws.FakeAws) -> None:
    """No call is made."""
    reads = frozenset({"ecs.ListServices", "ecs.DescribeCapacityProviders"})
    cloud = fake_aws.cloud(through=fake_aws.clients(access=Access(profile="nope")), reads=reads)
    for operation in ("ListServices", "DescribeCapacityProviders"):
        with pytest.raises(AwsError) as caught:
            list(cloud.pages("ecs", operation, "anything"))
        assert caught.value.kind == "credentials"
    assert aws.sent == []


def test_many_threads_share_one_client(aws: fake_aws.FakeAws) -> None:
    """Clients are created under a lock: all threads receive the same one."""
    aws.answer("DescribeServices", {"services": []})
    clients = fake_aws.clients()
    made: list[Any] = []
    threads = [threading.Thread(target=lambda: made.append(clients.get("ecs", fake_aws.REGION))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, made))) == 1
    assert clients.get("ecs", "us-east-1") is not made[0]
