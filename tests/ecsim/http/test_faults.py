"""Faults and hooks, as botocore sees them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from ecsim import Fault
from tests.ecsim.aws import Aws, refused


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("ecs", "list_clusters", "ThrottlingException"),
        ("elbv2", "describe_load_balancers", "Throttling"),
        ("ec2", "describe_vpcs", "RequestLimitExceeded"),
        ("iam", "list_roles", "Throttling"),
        ("logs", "describe_log_groups", "ThrottlingException"),
        ("s3", "list_buckets", "SlowDown"),
        ("sts", "get_caller_identity", "Throttling"),
    ],
)
def test_a_throttle_has_the_error_of_its_service(aws: Aws, service: str, operation: str, code: str) -> None:
    """One call is throttled, the next one is not."""
    aws.simulator.fault(Fault("throttle", service))
    call = getattr(getattr(aws, service), operation)
    with refused(code):
        call()
    call()


def test_a_denial_and_a_chosen_error(aws: Aws) -> None:
    """`deny` returns the error of IAM. `error` returns the given code, message and status."""
    aws.simulator.fault(Fault("deny", "ecs", "ListClusters"))
    with refused("AccessDeniedException", "ecs:ListClusters"):
        aws.ecs.list_clusters()
    aws.simulator.fault(Fault("error", "elbv2", code="InternalFailure", message="boom", status=503))
    with pytest.raises(ClientError) as caught:
        aws.elbv2.describe_load_balancers()
    assert caught.value.response["Error"]["Message"] == "boom"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_a_fault_can_start_late_and_affect_several_calls(aws: Aws) -> None:
    """`skip` calls pass, `times` calls fail, and the rest pass. The ledger has all of them."""
    aws.simulator.fault(Fault("throttle", "ecs", "ListClusters", times=2, skip=1))
    outcomes: list[str | None] = []
    for _ in range(4):
        try:
            aws.ecs.list_clusters()
            outcomes.append(None)
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
    assert outcomes == [None, "ThrottlingException", "ThrottlingException", None]
    assert [entry.error_code for entry in aws.simulator.ledger.entries()] == outcomes
    aws.simulator.fault(Fault("throttle", times=None))
    aws.simulator.clear_faults()
    aws.ecs.list_clusters()


def test_a_reset_connection_executes_nothing(aws: Aws) -> None:
    """The caller's connection breaks, and the cluster does not exist."""
    aws.simulator.fault(Fault("reset", "ecs"))
    with pytest.raises(ConnectionClosedError):
        aws.ecs.create_cluster(clusterName="prod")
    assert aws.ecs.list_clusters()["clusterArns"] == []
    assert aws.simulator.ledger.operations() == ()


def test_a_lost_response_executes_the_call(aws: Aws) -> None:
    """The caller's connection breaks, and the cluster exists."""
    aws.simulator.fault(Fault("lost-response", "ecs", "CreateCluster"))
    with pytest.raises(ConnectionClosedError):
        aws.ecs.create_cluster(clusterName="prod")
    assert len(aws.ecs.list_clusters()["clusterArns"]) == 1
    assert aws.simulator.ledger.mutations()[0].ok


def test_latency_advances_the_time(aws: Aws) -> None:
    """With a virtual clock, latency advances the clock."""
    before = aws.simulator.clock.now()
    aws.simulator.fault(Fault("latency", "ecs", seconds=30))
    aws.ecs.list_clusters()
    assert aws.simulator.clock.now() == before + 30


def test_a_hook_can_break_any_call_before_or_after(aws: Aws) -> None:
    """An exception in a hook breaks the connection. In `before` the call has not happened; in `after` it has."""

    def killer(index: int) -> Any:
        seen: list[str] = []

        def hook(service: str, operation: str) -> None:
            seen.append(f"{service}:{operation}")
            if len(seen) == index:
                raise RuntimeError("killed")

        return hook

    aws.simulator.on_call(before=killer(2))
    aws.ecs.create_cluster(clusterName="a")
    with pytest.raises(ConnectionClosedError):
        aws.ecs.create_cluster(clusterName="b")
    aws.simulator.on_call(after=killer(1))
    with pytest.raises(ConnectionClosedError):
        aws.ecs.create_cluster(clusterName="c")
    aws.simulator.on_call()
    names = [arn.rsplit("/", 1)[1] for arn in aws.ecs.list_clusters()["clusterArns"]]
    assert names == ["a", "c"]


def test_a_fault_that_does_not_exist_is_refused() -> None:
    """An unknown kind is a ValueError."""
    with pytest.raises(ValueError, match="unknown kind of fault"):
        Fault("meteor")  # type: ignore[arg-type]
