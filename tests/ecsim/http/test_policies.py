"""Policies of callers: deny by default, errors as each service returns them, and the evaluation of statements."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.exceptions import ClientError

from ecsim import Settings, Simulator, VirtualClock
from ecsim.account.faults import DENIAL, DENIALS
from ecsim.account.policy import Check, allowed

ACCOUNT, REGION = "123456789012", "eu-west-1"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster"


def client(simulator: Simulator, service: str, key: str = "limited") -> Any:
    """Return a client with an access key."""
    return boto3.client(
        service, region_name=REGION, endpoint_url=simulator.url, aws_access_key_id=key, aws_secret_access_key="secret"
    )


@pytest.fixture(scope="module")
def simulator() -> Any:
    """An account in which the caller `limited` may read clusters and create `shop`, and nothing else."""
    statements = [
        {"Effect": "Allow", "Action": "ecs:Describe*", "Resource": f"{CLUSTER}/*"},
        {"Effect": "Allow", "Action": ["ecs:CreateCluster", "ecs:DeleteCluster"], "Resource": f"{CLUSTER}/shop"},
    ]
    settings = Settings(region=REGION, settling=False, policies={"limited": ({"Statement": statements},)})
    made = Simulator(settings, VirtualClock())
    made.start()
    yield made
    made.stop()


DENIED: dict[str, tuple[str, dict[str, Any]]] = {
    "ecs": ("list_clusters", {}),
    "elbv2": ("describe_load_balancers", {}),
    "ec2": ("describe_vpcs", {}),
    "iam": ("get_role", {"RoleName": "any"}),
    "autoscaling": ("describe_auto_scaling_groups", {}),
    "application-autoscaling": ("describe_scalable_targets", {"ServiceNamespace": "ecs"}),
    "logs": ("describe_log_groups", {}),
    "ecr": ("describe_repositories", {}),
    "cloudwatch": ("describe_alarms", {}),
    "resourcegroupstaggingapi": ("get_resources", {}),
    "s3": ("list_objects_v2", {"Bucket": "any"}),
    "dynamodb": ("get_item", {"TableName": "any", "Key": {"id": {"S": "x"}}}),
}


@pytest.mark.parametrize("service", sorted(DENIED))
def test_what_nothing_allows_is_denied_with_the_error_of_the_service(simulator: Simulator, service: str) -> None:
    """The code and the status are those of an injected denial; the message has the action and the resource."""
    operation, params = DENIED[service]
    with pytest.raises(ClientError) as failed:
        getattr(client(simulator, service), operation)(**params)
    response = failed.value.response
    code, _, status = DENIALS.get(service, DENIAL)
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert "is not authorized to perform: " in response["Error"]["Message"]
    assert " on resource: " in response["Error"]["Message"]


def test_a_caller_may_do_what_its_policies_allow_and_another_caller_everything(simulator: Simulator) -> None:
    """A denied call changes nothing."""
    limited, owner = client(simulator, "ecs"), client(simulator, "ecs", "owner")
    owner.create_cluster(clusterName="first")  # the first cluster of an account creates the service-linked role
    limited.create_cluster(clusterName="shop")
    for denied in ("other", "shopping"):
        with pytest.raises(ClientError, match=f"ecs:CreateCluster on resource: {CLUSTER}/{denied} because"):
            limited.create_cluster(clusterName=denied)
    names = {one.rsplit("/", 1)[1] for one in owner.list_clusters()["clusterArns"]}
    assert names == {"first", "shop"}
    assert limited.describe_clusters(clusters=["first", "shop"])["failures"] == []


def test_tags_of_a_create_need_their_own_permission(simulator: Simulator) -> None:
    """A cluster with tags is denied to a caller that may create it, and may not tag it."""
    with pytest.raises(ClientError, match="not authorized to perform: ecs:TagResource"):
        client(simulator, "ecs").create_cluster(clusterName="shop", tags=[{"key": "a", "value": "b"}])


def test_the_account_of_the_caller_needs_no_permission(simulator: Simulator) -> None:
    """sts.GetCallerIdentity is always allowed."""
    assert client(simulator, "sts").get_caller_identity()["Account"] == ACCOUNT


def test_the_ledger_has_what_was_asked(simulator: Simulator) -> None:
    """Each check has the action, the resource and the context; the calls of other callers have none."""
    mark = len(simulator.ledger)
    client(simulator, "ecs").describe_clusters(clusters=["shop"])
    client(simulator, "ecs", "owner").describe_clusters(clusters=["shop"])
    limited, owner = simulator.ledger.entries(mark)
    assert [(one.action, one.resource) for one in limited.checks] == [("ecs:DescribeClusters", f"{CLUSTER}/shop")]
    assert owner.checks == ()


def test_policies_can_be_set_while_it_runs(simulator: Simulator) -> None:
    """The control endpoint takes them by access key."""
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    body = json.dumps({"policies": {**_as_json(simulator), "second": [everything]}}).encode()
    with urlopen(Request(f"{simulator.url}/_sim/policies", data=body, method="POST")) as response:  # noqa: S310
        assert json.load(response) == {"callers": ["limited", "second"]}
    assert client(simulator, "ecs", "second").list_clusters()


def _as_json(simulator: Simulator) -> dict[str, Any]:
    return {key: list(policies) for key, policies in simulator.settings.policies.items()}


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"k": ["a", "b"]}}, {"k": ("b",)}, True),
        ({"StringEquals": {"k": "a*"}}, {"k": ("ab",)}, False),
        ({"StringLike": {"k": "a*"}}, {"k": ("ab",)}, True),
        ({"StringLike": {"k": "a?"}}, {"k": ("abc",)}, False),
        ({"ArnLike": {"k": "arn:*:b"}}, {"k": ("arn:a:b",)}, True),
        ({"StringEquals": {"k": "a"}}, {}, False),
        ({"Null": {"k": "true"}}, {}, True),
        ({"Null": {"k": "true"}}, {"k": ("a",)}, False),
        ({"Null": {"k": "false"}}, {"k": ("a",)}, True),
        ({"ForAnyValue:StringEquals": {"k": "a"}}, {"k": ("a", "b")}, True),
        ({"ForAllValues:StringEquals": {"k": "a"}}, {"k": ("a", "b")}, False),
        ({"StringEquals": {"k": "a", "l": "a"}}, {"k": ("a",), "l": ("b",)}, False),
    ],
)
def test_conditions(condition: dict[str, Any], context: dict[str, tuple[str, ...]], holds: bool) -> None:
    """A key that is absent meets only Null; all conditions of a statement must hold."""
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    assert allowed([{"Statement": statement}], Check("ecs:ListClusters", "*", context)) == holds


def test_a_denial_wins() -> None:
    """Whatever else allows the action."""
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    denial = {"Effect": "Deny", "Action": "ECS:delete*", "Resource": "arn:*"}
    policies = [{"Statement": [everything]}, {"Statement": [denial]}]
    assert not allowed(policies, Check("ecs:DeleteCluster", "arn:aws:ecs:a:b:cluster/c"))
    assert allowed(policies, Check("ecs:CreateCluster", "arn:aws:ecs:a:b:cluster/c"))
