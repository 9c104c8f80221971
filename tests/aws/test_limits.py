"""Rates: the buckets of operations, the wait for a token, and the reaction to throttling."""

from __future__ import annotations

import threading
from random import Random

import pytest

from ecsync.aws.limits import FLOOR, Limiter, Limiters, Patience, buckets_of
from ecsync.aws.limits_table import BUCKETS, OPERATIONS
from ecsync.core.ports import Deferred
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
        ("s3", "GetObject", ("s3",)),
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


def test_a_longer_wait_than_a_pass_may_make_defers_it_and_takes_no_token() -> None:
    """A worker does not sleep: the exception has the time at which half a burst is there."""
    clock, patience = FakeClock(), Patience()
    limiter = Limiter(monotonic=clock.monotonic, wait=clock.advance, patience=patience)
    with patience.limited(3.0) as allowance:
        for _ in range(11):
            limiter.take("ecs", "RegisterTaskDefinition")
        assert (allowance.left, allowance.waited) == (1.0, 2.0)
        with pytest.raises(Deferred, match=r"waits 10\.0 s for the rate limit ecs-definition-modify"):
            limiter.check("ecs", "RegisterTaskDefinition")
        limiter.check("ecs", "UpdateService")
        for _ in range(2):
            with pytest.raises(Deferred, match=r"waits 10\.0 s for the rate limit ecs-definition-modify") as caught:
                limiter.take("ecs", "RegisterTaskDefinition")
        assert caught.value.bucket == "ecs-definition-modify"
        assert caught.value.after == pytest.approx(10.0)
        assert [caught.value.after_for(calls) for calls in (1, 3, 100)] == pytest.approx([2.0, 6.0, 10.0])
        clock.advance(caught.value.after)
        limiter.check("ecs", "RegisterTaskDefinition")
        assert [limiter.take("ecs", "RegisterTaskDefinition") for _ in range(5)] == [0.0] * 5
    assert limiter.take("ecs", "RegisterTaskDefinition") == pytest.approx(2.0)


def test_several_calls_are_deferred_together_before_the_first() -> None:
    """A full bucket has 10 tokens, and one more every 2 s; there is a pause before the next try."""
    clock, patience = FakeClock(), Patience()
    limiter = Limiter(monotonic=clock.monotonic, wait=clock.advance, patience=patience)
    with patience.limited(3.0):
        limiter.check("ecs", "RegisterTaskDefinition", calls=11)
        with pytest.raises(Deferred) as caught:
            limiter.check("ecs", "RegisterTaskDefinition", calls=12)
        assert caught.value.after == pytest.approx(1.0)
        assert limiter.take("ecs", "RegisterTaskDefinition") == 0.0
    limiter.check("ecs", "RegisterTaskDefinition", calls=1000)


def test_the_limit_of_waits_is_of_one_thread() -> None:
    """The source is read on another thread, and keeps no worker: it waits."""
    clock, patience = FakeClock(), Patience()
    limiter = Limiter(monotonic=clock.monotonic, wait=lambda _: None, patience=patience)
    for _ in range(10):
        limiter.take("ecs", "RegisterTaskDefinition")
    waited: list[float] = []
    other = threading.Thread(target=lambda: waited.append(limiter.take("ecs", "RegisterTaskDefinition")))
    with patience.limited(0.0):
        other.start()
        other.join()
    assert waited == [2.0]


def test_a_wait_that_the_stop_of_the_process_ends_makes_no_call() -> None:
    """Else all reads of a pass that waits would be sent at once, without a limit."""
    limiter = Limiter(monotonic=lambda: 0.0, wait=lambda _: True)
    for _ in range(10):
        limiter.take("ecs", "RegisterTaskDefinition")
    with pytest.raises(Deferred):
        limiter.take("ecs", "RegisterTaskDefinition")


def test_the_pause_of_a_slow_bucket_is_the_time_of_one_token() -> None:
    """Ten seconds are enough where several tokens take longer."""
    clock, patience = FakeClock(), Patience()
    limiter = Limiter(monotonic=clock.monotonic, wait=lambda _: None, patience=patience, share=0.25)
    for _ in range(3):
        limiter.take("elbv2", "CreateLoadBalancer")
    with patience.limited(1.0), pytest.raises(Deferred) as caught:
        limiter.take("elbv2", "CreateLoadBalancer")
    assert caught.value.after == pytest.approx(30.0)  # the level is -0.5, and a token takes 20 s


def test_a_bucket_gains_nothing_while_the_answers_of_a_full_one_are_under_way() -> None:
    """The requests may reach AWS at the end of that time: AWS's own bucket was full until then."""
    clock = FakeClock()
    limiter, _ = _limiter(clock)
    with limiter.call("ecs", "RegisterTaskDefinition") as waited:
        clock.advance(4.0)
        assert [limiter.take("ecs", "RegisterTaskDefinition") for _ in range(9)] == [waited] * 9
        assert limiter.take("ecs", "RegisterTaskDefinition") == pytest.approx(2.0)
    clock.advance(100.0)
    assert [limiter.take("ecs", "RegisterTaskDefinition") for _ in range(10)] == [0.0] * 10


def test_a_call_that_fails_has_its_answer() -> None:
    """Else the bucket would lose a token for ever."""
    clock = FakeClock()
    limiter, _ = _limiter(clock)
    for _ in range(3):
        with pytest.raises(RuntimeError), limiter.call("ecs", "RegisterTaskDefinition"):
            raise RuntimeError
    clock.advance(100.0)
    assert [limiter.take("ecs", "RegisterTaskDefinition") for _ in range(10)] == [0.0] * 10


@pytest.mark.parametrize("seed", range(20))
def test_aws_throttles_nothing_that_it_has_tokens_for_however_long_requests_take(seed: int) -> None:
    """AWS has no more than our share: other clients use the rest all the time."""
    chance, clock = Random(seed), FakeClock()  # noqa: S311 - not for secrets
    limiter = Limiter(monotonic=clock.monotonic, wait=clock.advance)
    level, at = 10.0, 0.0  # of AWS's bucket, for half of its rate
    began = clock.monotonic()
    for _ in range(200):
        clock.advance(chance.choice([0.0, 0.0, 0.1, 30.0]))
        with limiter.call("ecs", "RegisterTaskDefinition"):
            clock.advance(chance.random() * 3)
            now = clock.monotonic() - began
            level, at = min(10.0, level + 0.5 * (now - at)) - 1, now
            assert level >= -1e-6
            clock.advance(chance.random())


def test_throttling_empties_the_bucket_and_halves_its_rate_which_recovers_slowly() -> None:
    """Other clients use the same rate, so our level and our share were wrong."""
    clock = FakeClock()
    limiter, _ = _limiter(clock)
    assert limiter.steady("ecs", "RegisterTaskDefinition")
    limiter.slow("ecs", "RegisterTaskDefinition")
    assert limiter.take("ecs", "RegisterTaskDefinition") == pytest.approx(4.0)
    rates = []
    for seconds in (0, 21, 25, 25):
        clock.advance(seconds)
        rates.append(limiter.readings()[0].rate)
    assert rates == pytest.approx([0.27, 0.375, 0.5, 0.5])
    assert limiter.steady("ecs", "RegisterTaskDefinition")


def test_a_recovering_bucket_earns_what_its_rate_was() -> None:
    """From half of the rate to all of it, in 50 seconds, are 37.5 seconds at the whole rate."""
    clock = FakeClock()
    limiter = Limiter(monotonic=clock.monotonic, wait=lambda _: None)
    limiter.slow("ecs", "RegisterTaskDefinition")
    for _ in range(20):
        limiter.spend("ecs", "RegisterTaskDefinition")
    clock.advance(50)
    assert limiter.take("ecs", "RegisterTaskDefinition") == pytest.approx((1 + 20 - 37.5 / 2) / 0.5)


def test_throttles_at_the_same_time_are_one_signal_and_the_rate_has_a_floor() -> None:
    """Calls that were under way together do not multiply the reaction; a rate of zero would never recover."""
    clock = FakeClock()
    limiter, _ = _limiter(clock)
    for _ in range(8):
        limiter.slow("ecs", "DescribeServices")
    assert limiter.readings()[0].rate == pytest.approx(5.0)
    for _ in range(20):
        clock.advance(1.0)
        limiter.slow("ecs", "DescribeServices")
    (reading,) = limiter.readings()
    assert reading.rate == pytest.approx(10 * FLOOR)
    assert reading.throttles == 28


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


def test_an_account_and_region_has_one_limiter_whatever_the_target_is_called() -> None:
    """Calls of two clouds count against the same buckets; those of another Region or account do not."""
    clock = FakeClock()
    limiters = Limiters(lambda: Limiter(monotonic=clock.monotonic, wait=clock.advance))
    for _ in range(10):
        limiters.of("1", "eu-west-1", "ecs").take("ecs", "RegisterTaskDefinition")
    assert limiters.of("1", "us-east-1", "ecs").take("ecs", "RegisterTaskDefinition") == 0.0
    assert limiters.of("2", "eu-west-1", "ecs").take("ecs", "RegisterTaskDefinition") == 0.0
    assert limiters.of("1", "eu-west-1", "ecs").take("ecs", "RegisterTaskDefinition") == pytest.approx(2.0)
    waits = {(one.account, one.region, one.bucket): one.waited for one in limiters.readings()}
    assert waits == {
        ("1", "eu-west-1", "ecs-definition-modify"): pytest.approx(2.0),
        ("1", "us-east-1", "ecs-definition-modify"): 0.0,
        ("2", "eu-west-1", "ecs-definition-modify"): 0.0,
    }


def test_iam_has_one_limiter_for_all_regions() -> None:
    """Its rate is of the account."""
    limiters = Limiters(lambda: Limiter(monotonic=lambda: 0.0, wait=lambda _: None))
    assert limiters.of("1", "eu-west-1", "iam") is limiters.of("1", "us-east-1", "iam")
    assert limiters.of("1", "eu-west-1", "iam") is not limiters.of("2", "eu-west-1", "iam")
