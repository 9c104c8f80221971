"""Rates: the buckets of operations, the wait for a token, and the reaction to throttling."""

from __future__ import annotations

import pytest

from ecsync.aws.limits import Limiter, buckets_of
from ecsync.aws.limits_table import BUCKETS, OPERATIONS
from ecsync.core.ports import AwsError
from ecsync.testing import FakeClock


def _limiter(clock: FakeClock, share: float = 0.5) -> tuple[Limiter, list[float]]:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        clock.advance(seconds)

    return Limiter(monotonic=clock.monotonic, wait=wait, share=share), waits


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("ecs", "DescribeServices", ("ecs-service-read",)),
        ("ecs", "UpdateService", ("ecs-service-modify",)),
        ("ecs", "DescribeServiceRevisions", ("ecs-revision-read",)),
        ("ecs", "ListServiceDeployments", ("ecs-revision-read",)),
        ("ecs", "StopServiceDeployment", ("ecs-service-modify",)),
        ("ecs", "ListServicesByNamespace", ("ecs-namespace-read",)),
        ("ecs", "RegisterTaskDefinition", ("ecs-definition-modify",)),
        ("ecs", "ListTaskDefinitionFamilies", ("ecs-definition-read",)),
        ("ecs", "PutClusterCapacityProviders", ("ecs-cluster-modify",)),
        ("ecs", "DeleteCapacityProvider", ("ecs-provider-modify",)),
        ("ecs", "DescribeTasks", ("ecs-task-read",)),
        ("ecs", "UntagResource", ("ecs-tag-modify",)),
        ("elbv2", "DescribeRules", ("elb-read", "elb-all")),
        ("elbv2", "ModifyRule", ("elb-modify", "elb-all")),
        ("elbv2", "DeregisterTargets", ("elb-targets", "elb-all")),
        ("elbv2", "CreateLoadBalancer", ("elb-balancer", "elb-all")),
        ("ec2", "DescribeSubnets", ("ec2-read/ec2.DescribeSubnets",)),
        ("ec2", "CreateSecurityGroup", ("ec2-modify/ec2.CreateSecurityGroup",)),
        ("logs", "TagResource", ("logs/logs.TagResource",)),
        ("sqs", "ReceiveMessage", ("other/sqs",)),
    ],
)
def test_an_operation_has_its_buckets(service: str, operation: str, expected: tuple[str, ...]) -> None:
    """The table has the rates that an operation counts against."""
    assert buckets_of(service, operation) == expected


def test_every_bucket_is_used_and_has_a_source() -> None:
    """No row is unused, and every rate has a source."""
    used = {bucket.split("/")[0] for _, buckets in OPERATIONS for bucket in buckets}
    assert used == set(BUCKETS)
    assert all(rate.source for rate in BUCKETS.values())


def test_after_the_burst_calls_wait_for_the_rate() -> None:
    """At half of AWS's rates ten registrations are sent at once, and then one every two seconds."""
    limiter, waits = _limiter(FakeClock())
    taken = [limiter.take("ecs", "RegisterTaskDefinition") for _ in range(12)]
    assert taken[:10] == [0.0] * 10
    assert taken[10:] == pytest.approx([2.0, 2.0])
    assert waits == taken[10:]


def test_a_full_share_is_twice_as_fast() -> None:
    """The operator sets the share."""
    limiter, waits = _limiter(FakeClock(), share=1.0)
    for _ in range(21):
        limiter.take("ecs", "RegisterTaskDefinition")
    assert waits == pytest.approx([1.0])


def test_buckets_are_independent() -> None:
    """Many registrations do not delay a describe; all actions of Elastic Load Balancing share one bucket."""
    limiter, waits = _limiter(FakeClock())
    for _ in range(10):
        limiter.take("ecs", "RegisterTaskDefinition")
    assert limiter.take("ecs", "DescribeServices") == 0.0
    for _ in range(20):
        limiter.take("elbv2", "DescribeRules")
    assert limiter.take("elbv2", "ModifyRule") == pytest.approx(0.2)
    assert waits == pytest.approx([0.2])


def test_concurrent_callers_queue() -> None:
    """Each waits for its own token, also when all wait at the same time."""
    clock = FakeClock()
    limiter = Limiter(monotonic=clock.monotonic, wait=lambda _: None)
    for _ in range(10):
        limiter.take("ecs", "RegisterTaskDefinition")
    assert [limiter.take("ecs", "RegisterTaskDefinition") for _ in range(3)] == pytest.approx([2.0, 4.0, 6.0])


def test_a_wait_beyond_the_patience_fails_and_takes_no_token() -> None:
    """A worker is not blocked for minutes; its application is requeued."""
    clock = FakeClock()
    limiter = Limiter(monotonic=clock.monotonic, wait=lambda _: None, patience=5)
    for _ in range(12):
        limiter.take("ecs", "RegisterTaskDefinition")
    for _ in range(2):
        with pytest.raises(AwsError, match="our own rate limit") as caught:
            limiter.take("ecs", "RegisterTaskDefinition")
        assert caught.value.kind == "throttled"
    clock.advance(2)
    assert limiter.take("ecs", "RegisterTaskDefinition") == pytest.approx(4.0)


def test_throttling_empties_the_bucket_and_halves_its_refill_for_a_minute() -> None:
    """Other clients use the same rate, so our level was wrong."""
    clock = FakeClock()
    limiter, _ = _limiter(clock)
    limiter.slow("ecs", "RegisterTaskDefinition")
    assert limiter.take("ecs", "RegisterTaskDefinition") == pytest.approx(4.0)
    clock.advance(56)  # the minute is over, with 14 tokens earned: the bucket holds 10
    for _ in range(10):
        assert limiter.take("ecs", "RegisterTaskDefinition") == 0.0
    assert limiter.take("ecs", "RegisterTaskDefinition") == pytest.approx(2.0)


def test_a_retry_takes_a_token() -> None:
    """A retry inside botocore delays the next caller."""
    limiter, _ = _limiter(FakeClock())
    for _ in range(10):
        limiter.spend("ecs", "RegisterTaskDefinition")
    assert limiter.take("ecs", "RegisterTaskDefinition") == pytest.approx(2.0)


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    """It must be above 0 and at most 1."""
    with pytest.raises(ValueError, match="share"):
        Limiter(monotonic=lambda: 0.0, wait=lambda _: None, share=share)
