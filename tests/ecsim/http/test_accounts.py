"""Roles of other accounts: their calls land in a state of their own."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from ecsim import Simulator
from tests.ecsim.aws import REGION, Aws, refused

OTHER = "222222222222"
ROLE = f"arn:aws:iam::{OTHER}:role/ecsync"


def client(simulator: Simulator, service: str, key: str, token: str | None = None) -> Any:
    """Return a client with an access key."""
    return boto3.client(
        service,
        endpoint_url=simulator.url,
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key="secret",
        aws_session_token=token,
    )


def trust(principal: str = "arn:aws:iam::123456789012:root", **condition: Any) -> str:
    """Return a trust policy."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", **condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(simulator: Simulator) -> Any:
    """IAM of another account, which has a role that asks for an external id."""
    iam = client(simulator, "iam", OTHER)
    only = {"StringEquals": {"sts:ExternalId": "x1"}}
    iam.create_role(RoleName="ecsync", AssumeRolePolicyDocument=trust(Condition=only))
    return iam


def assumed(aws: Aws, service: str) -> Any:
    """Return a client with the credentials of the role."""
    answer = aws.sts.assume_role(RoleArn=ROLE, RoleSessionName="session", ExternalId="x1")
    found = answer["Credentials"]
    return client(aws.simulator, service, found["AccessKeyId"], found["SessionToken"])


def test_the_calls_of_an_assumed_role_land_in_its_account(aws: Aws, role: Any) -> None:
    """Of services that ecsim serves and of services that moto serves; the other account sees nothing of it."""
    del role
    assert assumed(aws, "sts").get_caller_identity()["Account"] == OTHER
    ecs, logs = assumed(aws, "ecs"), assumed(aws, "logs")
    arn = ecs.create_cluster(clusterName="main", tags=[{"key": "a", "value": "b"}])["cluster"]["clusterArn"]
    logs.create_log_group(logGroupName="web")
    assert arn.split(":")[4] == OTHER
    assert aws.ecs.list_clusters()["clusterArns"] == aws.logs.describe_log_groups()["logGroups"] == []
    assert [one["logGroupName"] for one in logs.describe_log_groups()["logGroups"]] == ["web"]
    tagged = assumed(aws, "resourcegroupstaggingapi").get_resources()["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in tagged] == [arn]
    assert aws.resourcegroupstaggingapi.get_resources()["ResourceTagMappingList"] == []
    assert [one.account for one in aws.simulator.ledger if one.operation == "CreateCluster"] == [OTHER]


def test_time_passes_in_every_account(aws: Aws, role: Any) -> None:
    """A load balancer of the other account becomes active."""
    del role
    elb, ec2 = assumed(aws, "elbv2"), assumed(aws, "ec2")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    elb.create_load_balancer(Name="web", Subnets=subnets)
    aws.simulator.advance(100)
    assert elb.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"] == "active"


def test_a_role_that_is_not_there_or_does_not_trust_the_caller_is_denied(aws: Aws, role: Any) -> None:
    """So is another external id, and none."""
    for external in ({}, {"ExternalId": "x2"}):
        with refused("AccessDenied", "sts:AssumeRole"):
            aws.sts.assume_role(RoleArn=ROLE, RoleSessionName="session", **external)
    with refused("AccessDenied"):
        aws.sts.assume_role(RoleArn=f"{ROLE}-2", RoleSessionName="session", ExternalId="x1")
    role.create_role(RoleName="closed", AssumeRolePolicyDocument=trust("arn:aws:iam::333333333333:root"))
    with refused("AccessDenied"):
        aws.sts.assume_role(RoleArn=f"arn:aws:iam::{OTHER}:role/closed", RoleSessionName="session")


def test_session_tags_need_a_permission_of_their_own(aws: Aws, role: Any) -> None:
    """sts:TagSession in the trust policy; the ledger has the tags, and who calls."""
    tags = {"Tags": [{"Key": "revision", "Value": "1"}]}
    with refused("AccessDenied", "sts:TagSession"):
        aws.sts.assume_role(RoleArn=ROLE, RoleSessionName="session", ExternalId="x1", **tags)
    both = trust().replace('"sts:AssumeRole"', '["sts:AssumeRole", "sts:TagSession"]')
    role.create_role(RoleName="tagged", AssumeRolePolicyDocument=both)
    found = aws.sts.assume_role(RoleArn=f"arn:aws:iam::{OTHER}:role/tagged", RoleSessionName="shop", **tags)
    keys = found["Credentials"]
    client(aws.simulator, "ecs", keys["AccessKeyId"], keys["SessionToken"]).create_cluster(clusterName="main")
    asked, created = (
        [one for one in aws.simulator.ledger if one.operation == name][-1] for name in ("AssumeRole", "CreateCluster")
    )
    assert asked.params["Tags"] == tags["Tags"]
    assert created.identity == f"arn:aws:sts::{OTHER}:assumed-role/tagged/shop"


def test_a_reset_forgets_every_account(aws: Aws, role: Any) -> None:
    """The role is gone with its account."""
    del role
    aws.simulator.reset()
    with refused("AccessDenied"):
        aws.sts.assume_role(RoleArn=ROLE, RoleSessionName="session", ExternalId="x1")
