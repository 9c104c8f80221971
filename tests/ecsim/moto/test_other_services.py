"""EC2, IAM, CloudWatch Logs, S3, STS and the tagging API: moto with corrections."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.ecsim.aws import Aws, refused
from tests.ecsim.ecs.test_tasks import TRUST


def test_the_caller_is_in_the_configured_account(aws: Aws) -> None:
    """GetCallerIdentity returns the account of the settings."""
    assert aws.sts.get_caller_identity()["Account"] == "123456789012"


def test_the_default_network_exists(aws: Aws) -> None:
    """The account has one default VPC with subnets by zone and a route table with an internet gateway."""
    vpcs = aws.ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert [vpc["VpcId"] for vpc in vpcs] == [aws.network["vpc"]]
    subnets = aws.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [aws.network["vpc"]]}])["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 3
    tables = aws.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [aws.network["vpc"]]}])["RouteTables"]
    assert len(tables) == 1


def security_group(aws: Aws, name: str = "web", **members: Any) -> str:
    """Create a security group in the default VPC and return its ID."""
    body = {"GroupName": name, "Description": name, "VpcId": aws.network["vpc"], **members}
    return str(aws.ec2.create_security_group(**body)["GroupId"])


def test_a_security_group_keeps_its_permissions(aws: Aws) -> None:
    """Tags at creation, egress to all addresses, ranges with descriptions, references to groups, no duplicates."""
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "team", "Value": "web"}]}]
    front, back = security_group(aws, TagSpecifications=tags), security_group(aws, "back")
    with refused("InvalidGroup.Duplicate"):
        security_group(aws)
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "everybody"}],
    }
    aws.ec2.authorize_security_group_ingress(GroupId=front, IpPermissions=[permission])
    with refused("InvalidPermission.Duplicate"):
        aws.ec2.authorize_security_group_ingress(GroupId=front, IpPermissions=[permission])
    pair = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": front}]}
    aws.ec2.authorize_security_group_ingress(GroupId=back, IpPermissions=[pair])
    found = aws.ec2.describe_security_groups(GroupIds=[front])["SecurityGroups"][0]
    assert found["Tags"] == [{"Key": "team", "Value": "web"}]
    assert found["IpPermissions"][0]["IpRanges"] == permission["IpRanges"]
    assert found["IpPermissionsEgress"][0]["IpProtocol"] == "-1"
    other = aws.ec2.describe_security_groups(GroupIds=[back])["SecurityGroups"][0]
    assert other["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"] == front
    aws.ec2.revoke_security_group_ingress(GroupId=front, IpPermissions=[permission])
    assert aws.ec2.describe_security_groups(GroupIds=[front])["SecurityGroups"][0]["IpPermissions"] == []


def test_a_revoked_range_of_ipv6_addresses_is_gone(aws: Aws) -> None:
    """Incoming or outgoing, for a protocol with ports or for all; what is not there is refused."""
    group = security_group(aws)
    everything = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    for way in ("ingress", "egress"):
        authorize, revoke = (getattr(aws.ec2, f"{verb}_security_group_{way}") for verb in ("authorize", "revoke"))
        authorize(GroupId=group, IpPermissions=[everything, https])
        for rules in ([everything], [https]):
            revoke(GroupId=group, IpPermissions=rules)
            with refused("InvalidPermission.NotFound"):
                revoke(GroupId=group, IpPermissions=rules)
    found = aws.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    assert found["IpPermissions"] == []
    assert [one["IpRanges"] for one in found["IpPermissionsEgress"]] == [[{"CidrIp": "0.0.0.0/0"}]]


def test_a_description_that_an_update_leaves_out_is_gone(aws: Aws) -> None:
    """Of a range of either family and of a reference to a group; of incoming or of outgoing traffic alone."""
    group = security_group(aws)
    sources = {
        "IpRanges": {"CidrIp": "10.0.0.0/8"},
        "Ipv6Ranges": {"CidrIpv6": "2001:db8::/32"},
        "UserIdGroupPairs": {"GroupId": group},
    }
    ports = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    described = {**ports, **{name: [{**one, "Description": "why"}] for name, one in sources.items()}}
    for way in ("ingress", "egress"):
        getattr(aws.ec2, f"authorize_security_group_{way}")(GroupId=group, IpPermissions=[described])
    for name, one in sources.items():
        for way, other in (("ingress", "IpPermissionsEgress"), ("egress", "IpPermissions")):
            rule = {**ports, name: [one]}
            getattr(aws.ec2, f"update_security_group_rule_descriptions_{way}")(GroupId=group, IpPermissions=[rule])
            found = aws.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
            mine = next(
                it
                for it in found[{"ingress": "IpPermissions"}.get(way, "IpPermissionsEgress")]
                if it["IpProtocol"] == "tcp"
            )
            theirs = next(it for it in found[other] if it["IpProtocol"] == "tcp")
            assert "Description" not in mine[name][0]
            assert ("Description" in theirs[name][0]) == (way == "ingress")


def test_a_security_group_in_use_is_not_deleted(aws: Aws) -> None:
    """A load balancer, a task or another group's rule prevents the deletion; without them it succeeds."""
    group = security_group(aws)
    balancer = aws.load_balancer(SecurityGroups=[group])
    with refused("DependencyViolation", group):
        aws.ec2.delete_security_group(GroupId=group)
    aws.elbv2.delete_load_balancer(LoadBalancerArn=balancer)
    network = {"awsvpcConfiguration": {"subnets": aws.network["subnets"][:1], "securityGroups": [group]}}
    aws.steady_service(networkConfiguration=network)
    with refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=group)
    aws.ecs.delete_service(cluster="prod", service="api", force=True)
    aws.simulator.advance(60)
    other = security_group(aws, "other")
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group}]}
    aws.ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[rule])
    with refused("DependencyViolation"):
        aws.ec2.delete_security_group(GroupId=group)
    aws.ec2.delete_security_group(GroupId=other)
    aws.ec2.delete_security_group(GroupId=group)
    with refused("InvalidGroup.NotFound"):
        aws.ec2.describe_security_groups(GroupIds=[group])


def test_a_role_with_policies_or_profiles_is_not_deleted(aws: Aws) -> None:
    """Attached policies, inline policies and instance profiles prevent the deletion."""
    aws.iam.create_role(
        RoleName="runner", Path="/ecsync/", AssumeRolePolicyDocument=TRUST, Tags=[{"Key": "a", "Value": "b"}]
    )
    policy = aws.iam.create_policy(
        PolicyName="p",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
        ),
    )["Policy"]["Arn"]
    aws.iam.attach_role_policy(RoleName="runner", PolicyArn=policy)
    assert aws.iam.get_role(RoleName="runner")["Role"]["Path"] == "/ecsync/"
    assert aws.iam.list_role_tags(RoleName="runner")["Tags"] == [{"Key": "a", "Value": "b"}]
    with refused("DeleteConflict"):
        aws.iam.delete_role(RoleName="runner")
    aws.iam.detach_role_policy(RoleName="runner", PolicyArn=policy)
    aws.iam.create_instance_profile(InstanceProfileName="runner")
    aws.iam.add_role_to_instance_profile(InstanceProfileName="runner", RoleName="runner")
    with refused("DeleteConflict"):
        aws.iam.delete_role(RoleName="runner")
    aws.iam.remove_role_from_instance_profile(InstanceProfileName="runner", RoleName="runner")
    aws.iam.delete_role(RoleName="runner")
    with refused("NoSuchEntity"):
        aws.iam.get_role(RoleName="runner")


def test_the_policies_of_aws_can_be_attached(aws: Aws) -> None:
    """AWS managed policies exist in every account and can be attached and detached; an unknown one is NoSuchEntity."""
    aws.iam.create_role(RoleName="instance", AssumeRolePolicyDocument=TRUST)
    arn = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
    aws.iam.attach_role_policy(RoleName="instance", PolicyArn=arn)
    attached = aws.iam.list_attached_role_policies(RoleName="instance")["AttachedPolicies"]
    assert attached == [{"PolicyName": "AmazonEC2ContainerServiceforEC2Role", "PolicyArn": arn}]
    policy = aws.iam.get_policy(PolicyArn=arn)["Policy"]
    assert (policy["Path"], policy["AttachmentCount"]) == ("/service-role/", 1)
    document = aws.iam.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    assert "ecs:RegisterContainerInstance" in str(document["Document"])
    with refused("NoSuchEntity"):
        aws.iam.attach_role_policy(RoleName="instance", PolicyArn="arn:aws:iam::aws:policy/AmazonECSMagic")
    aws.iam.detach_role_policy(RoleName="instance", PolicyArn=arn)
    assert aws.iam.list_attached_role_policies(RoleName="instance")["AttachedPolicies"] == []
    aws.iam.delete_role(RoleName="instance")


def test_a_new_log_group_has_no_tags_of_the_last_one_with_its_name(aws: Aws) -> None:
    """It is another resource with the same ARN."""
    for tags in ({"team": "web"}, {}):
        aws.logs.create_log_group(logGroupName="/again", **({"tags": tags} if tags else {}))
        arn = aws.logs.describe_log_groups(logGroupNamePrefix="/again")["logGroups"][0]["logGroupArn"]
        assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == tags
        aws.logs.delete_log_group(logGroupName="/again")


def test_a_log_group_keeps_class_protection_and_tags(aws: Aws) -> None:
    """Members that moto drops are returned, and only AWS's retention periods are accepted."""
    aws.logs.create_log_group(
        logGroupName="/api", tags={"team": "web"}, logGroupClass="INFREQUENT_ACCESS", deletionProtectionEnabled=True
    )
    aws.logs.put_retention_policy(logGroupName="/api", retentionInDays=30)
    with refused("InvalidParameterException"):
        aws.logs.put_retention_policy(logGroupName="/api", retentionInDays=15)
    found = aws.logs.describe_log_groups(logGroupNamePrefix="/api")["logGroups"][0]
    assert (found["retentionInDays"], found["logGroupClass"]) == (30, "INFREQUENT_ACCESS")
    assert found["deletionProtectionEnabled"] is True
    arn = found["arn"].removesuffix(":*")
    assert aws.logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "web"}
    with refused("ResourceAlreadyExistsException"):
        aws.logs.create_log_group(logGroupName="/api")
    with refused("ValidationException", "deletion protection"):
        aws.logs.delete_log_group(logGroupName="/api")
    aws.logs.put_log_group_deletion_protection(logGroupIdentifier="/api", deletionProtectionEnabled=False)
    aws.logs.delete_log_group(logGroupName="/api")
    assert aws.logs.describe_log_groups()["logGroups"] == []


def test_s3_keeps_versions_and_checks_the_owner(aws: Aws) -> None:
    """Objects have versions and ETags. Another account as expected owner is AccessDenied."""
    location = {"LocationConstraint": "eu-central-1"}
    aws.s3.create_bucket(Bucket="manifests", CreateBucketConfiguration=location)
    aws.s3.put_bucket_versioning(Bucket="manifests", VersioningConfiguration={"Status": "Enabled"})
    first = aws.s3.put_object(Bucket="manifests", Key="a.yaml", Body=b"one")
    aws.s3.put_object(Bucket="manifests", Key="a.yaml", Body=b"two")
    owner = {"Bucket": "manifests", "ExpectedBucketOwner": "123456789012"}
    listed = aws.s3.list_objects_v2(**owner)["Contents"]
    assert [entry["Key"] for entry in listed] == ["a.yaml"]
    old = aws.s3.get_object(Key="a.yaml", VersionId=first["VersionId"], **owner)
    assert old["Body"].read() == b"one"
    assert aws.s3.get_object(Key="a.yaml", IfMatch=listed[0]["ETag"], **owner)["Body"].read() == b"two"
    assert aws.s3.head_object(Key="a.yaml", **owner)["ContentLength"] == 3
    with pytest.raises(ClientError) as changed:
        aws.s3.get_object(Key="a.yaml", IfMatch=first["ETag"], **owner)
    assert changed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    with pytest.raises(ClientError) as denied:
        aws.s3.list_objects_v2(Bucket="manifests", ExpectedBucketOwner="210987654321")
    assert denied.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert denied.value.response["Error"]["Code"] == "AccessDenied"


def test_the_tagging_api_finds_the_resources_of_ecsim(aws: Aws) -> None:
    """GetResources returns services, clusters, load balancers and target groups by tag."""
    tag = {"Key": "owner", "Value": "me"}
    group = aws.target_group(Tags=[tag])
    aws.ecs.create_cluster(clusterName="prod", tags=[{"key": "owner", "value": "me"}])
    service = aws.service(tags=[{"key": "owner", "value": "me"}])["serviceArn"]
    found = aws.resourcegroupstaggingapi.get_resources(TagFilters=[{"Key": "owner", "Values": ["me"]}])
    arns = {mapping["ResourceARN"] for mapping in found["ResourceTagMappingList"]}
    assert {group, service} < arns
    assert len(arns) == 3
    only = aws.resourcegroupstaggingapi.get_resources(ResourceTypeFilters=["ecs:service"])
    assert [mapping["ResourceARN"] for mapping in only["ResourceTagMappingList"]] == [service]
