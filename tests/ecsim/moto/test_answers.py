"""Repeated reads: each write is seen by the next one."""

from __future__ import annotations

import json

import pytest

from ecsim.account.exchange import Request, Response
from ecsim.moto.answers import Answers
from tests.ecsim.aws import REGION, Aws, refused
from tests.ecsim.fleet import Fleet

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def free(aws: Aws) -> int:
    """The free addresses of all subnets."""
    return sum(subnet["AvailableIpAddressCount"] for subnet in aws.ec2.describe_subnets()["Subnets"])


def test_a_write_is_read_at_once(aws: Aws) -> None:
    """Of a role that was not there, of its tags, and of the rules of a security group."""
    for _ in range(2):
        with refused("NoSuchEntity"):
            aws.iam.get_role(RoleName="web")
    aws.iam.create_role(RoleName="web", AssumeRolePolicyDocument=TRUST)
    assert "Tags" not in aws.iam.get_role(RoleName="web")["Role"]
    aws.iam.tag_role(RoleName="web", Tags=[{"Key": "a", "Value": "b"}])
    assert aws.iam.get_role(RoleName="web")["Role"]["Tags"] == [{"Key": "a", "Value": "b"}]
    group = aws.ec2.create_security_group(GroupName="web", Description="web", VpcId=aws.network["vpc"])["GroupId"]
    for port in (80, 443):
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        aws.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        rules = aws.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        assert rules[-1]["FromPort"] == port


def test_a_tag_of_the_tagging_api_is_read_at_once(aws: Aws) -> None:
    """That API writes to resources of other services."""
    vpc = aws.network["vpc"]
    arn = f"arn:aws:ec2:{REGION}:123456789012:vpc/{vpc}"
    assert not tags_of(aws, vpc).get("team")
    aws.resourcegroupstaggingapi.tag_resources(ResourceARNList=[arn], Tags={"team": "web"})
    assert tags_of(aws, vpc)["team"] == "web"


def tags_of(aws: Aws, vpc: str) -> dict[str, str]:
    """The tags of a VPC."""
    found = aws.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0].get("Tags", [])
    return {tag["Key"]: tag["Value"] for tag in found}


def test_an_instance_of_a_group_takes_an_address(aws: Aws) -> None:
    """No write to EC2 comes between the two reads."""
    fleet = Fleet(aws)
    fleet.template()
    before = free(aws)
    fleet.group(MinSize=2)
    aws.simulator.advance(60)
    assert free(aws) == before - 2


@pytest.mark.parametrize(
    ("service", "operation", "kept"),
    [("iam", "GetRole", True), ("iam", "GetUser", False), ("logs", "GetRole", False), ("ec2", "GetRole", False)],
)
def test_the_answers_to_some_reads_are_kept_until_a_write(service: str, operation: str, kept: bool) -> None:
    """Of one service, one Region and one body."""
    answers, answer = Answers(), Response(200, b"answer")
    request = Request(service, operation, "eu-west-1", "query", {}, "me")
    answers.keep(request, b"body", answer)
    assert answers.find(request, b"body") is (answer if kept else None)
    assert answers.find(request, b"other") is None
    assert answers.find(Request(service, operation, "eu-west-2", "query", {}, "me"), b"body") is None
    answers.forget("sts")
    assert answers.find(request, b"body") is (answer if kept else None)
    answers.forget(service)
    assert answers.find(request, b"body") is None
