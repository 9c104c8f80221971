"""Stacks of CloudFormation in the simulated AWS: each resource by the calls of its own service."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.deploy.template import Invalid, Stack

Client = Callable[[str], Any]  # the boto3 client of a service
Body = dict[str, Any]
# Keys that are names of AWS's other services or of drivers, and not members: they stay as they are.
_OPEN = ("Options", "PolicyDocument", "AssumeRolePolicyDocument")


@dataclass
class Made:
    """A resource: what `Ref` and `Fn::GetAtt` return, and how it is deleted."""

    ref: str
    attributes: dict[str, str] = field(default_factory=dict)
    delete: Callable[[], object] = lambda: None


@dataclass
class Stacks:
    """The stacks of an account and Region."""

    client: Client
    account: str
    region: str
    stacks: dict[str, Stack] = field(default_factory=dict)
    made: dict[str, dict[str, Made]] = field(default_factory=dict)
    properties: dict[str, dict[str, Body]] = field(default_factory=dict)

    def deploy(self, name: str, template: Mapping[str, Any], given: Mapping[str, str], capable: bool) -> Stack:
        """Create a stack, or update it: parameters that are not given keep their values.

        Raises Invalid where CloudFormation refuses it, and AssertionError for an update that no test makes yet.
        """
        types = {one["Type"] for one in template["Resources"].values()}
        if not capable and types & {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}:
            raise Invalid("Requires capabilities : [CAPABILITY_NAMED_IAM]")
        before = dict(self.stacks[name].given) if name in self.stacks else {}
        declared = template.get("Parameters", {})
        kept = {key: value for key, value in before.items() if key in declared}
        stack = Stack(template, {**kept, **given}, self.account, self.region, name)
        made, old = self.made.get(name, {}), self.properties.get(name, {})
        new: dict[str, Body] = {}
        for logical, resource in stack.resources().items():
            properties = stack.properties(logical)
            if logical not in made:
                made[logical] = _CREATE[resource["Type"]](self, properties)
            elif properties != old[logical]:
                made[logical] = self._updated(resource["Type"], made[logical], properties)
            stack.physical[logical] = made[logical].ref
            stack.attributes[logical] = made[logical].attributes
            new[logical] = properties
        for logical in [one for one in made if one not in new]:
            made.pop(logical).delete()
        self.stacks[name], self.made[name], self.properties[name] = stack, made, new
        return stack

    def delete(self, name: str) -> None:
        """Delete a stack: its resources in reverse order, without those that are retained."""
        stack, made = self.stacks.pop(name), self.made.pop(name)
        for logical in reversed(list(stack.resources())):
            if stack.template["Resources"][logical].get("DeletionPolicy") != "Retain":
                made[logical].delete()

    def _updated(self, kind: str, made: Made, properties: Body) -> Made:
        if kind == "AWS::ECS::TaskDefinition":
            replaced = _task_definition(self, properties)
            made.delete()
            return replaced
        if kind == "AWS::ECS::Service":
            wanted = camel(properties)
            fixed = ("serviceName", "launchType")
            self.client("ecs").update_service(
                service=wanted["serviceName"], **{key: one for key, one in wanted.items() if key not in fixed}
            )
            return made
        if kind == "AWS::IAM::ManagedPolicy":
            made.delete()
            return _managed_policy(self, properties)
        raise AssertionError(f"the template updates {kind}: a test has to know what CloudFormation does then")


def camel(node: Any) -> Any:
    """Return the properties of ECS in the names of its API."""
    if isinstance(node, list):
        return [camel(one) for one in node]
    if isinstance(node, dict):
        return {key[0].lower() + key[1:]: one if key in _OPEN else camel(one) for key, one in node.items()}
    return node


def _bucket(stacks: Stacks, given: Body) -> Made:
    s3, name = stacks.client("s3"), given["BucketName"]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": stacks.region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=given["VersioningConfiguration"])
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=given["PublicAccessBlockConfiguration"])
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=given["OwnershipControls"])
    encryption = [
        {"ApplyServerSideEncryptionByDefault": one["ServerSideEncryptionByDefault"]}
        for one in given["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": encryption})
    rules = [
        {**{key: one for key, one in rule.items() if key != "Id"}, "ID": rule["Id"], "Filter": {}}
        for rule in given["LifecycleConfiguration"]["Rules"]
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})
    return Made(name, {"Arn": f"arn:aws:s3:::{name}"}, lambda: s3.delete_bucket(Bucket=name))


def _bucket_policy(_: Stacks, given: Body) -> Made:
    """Put nothing: moto applies a statement without its condition, so that it would refuse every request."""
    (statement,) = given["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    return Made(given["Bucket"])


def _table(stacks: Stacks, given: Body) -> Made:
    dynamodb = stacks.client("dynamodb")
    made = dynamodb.create_table(**given)["TableDescription"]
    name = given["TableName"]
    return Made(name, {"Arn": made["TableArn"]}, lambda: dynamodb.delete_table(TableName=name))


def _log_group(stacks: Stacks, given: Body) -> Made:
    logs, name = stacks.client("logs"), given["LogGroupName"]
    logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=given["RetentionInDays"])
    return Made(name, delete=lambda: logs.delete_log_group(logGroupName=name))


def _role(stacks: Stacks, given: Body) -> Made:
    iam, name = stacks.client("iam"), given["RoleName"]
    members = {key: given[key] for key in ("Description", "PermissionsBoundary") if key in given}
    document = json.dumps(given["AssumeRolePolicyDocument"])
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document, **members)["Role"]
    for arn in given.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)
    for one in given.get("Policies", []):
        iam.put_role_policy(
            RoleName=name, PolicyName=one["PolicyName"], PolicyDocument=json.dumps(one["PolicyDocument"])
        )

    def delete() -> None:
        for arn in given.get("ManagedPolicyArns", []):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        for one in given.get("Policies", []):
            iam.delete_role_policy(RoleName=name, PolicyName=one["PolicyName"])
        iam.delete_role(RoleName=name)

    return Made(name, {"Arn": made["Arn"]}, delete)


def _policy(stacks: Stacks, given: Body) -> Made:
    iam, name = stacks.client("iam"), given["PolicyName"]
    for role in given["Roles"]:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(given["PolicyDocument"]))
    return Made(
        name, delete=lambda: [iam.delete_role_policy(RoleName=role, PolicyName=name) for role in given["Roles"]]
    )


def _managed_policy(stacks: Stacks, given: Body) -> Made:
    iam, roles = stacks.client("iam"), given["Roles"]
    document = json.dumps(given["PolicyDocument"], separators=(",", ":"))
    if len(document) > 6144:
        raise Invalid("Cannot exceed quota for PolicySize: 6144")
    arn = iam.create_policy(PolicyName=given["ManagedPolicyName"], PolicyDocument=document)["Policy"]["Arn"]
    for role in roles:
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)

    def delete() -> None:
        for role in roles:
            iam.detach_role_policy(RoleName=role, PolicyArn=arn)
        iam.delete_policy(PolicyArn=arn)

    return Made(arn, delete=delete)


def _provider(stacks: Stacks, given: Body) -> Made:
    iam = stacks.client("iam")
    arn = iam.create_open_id_connect_provider(ThumbprintList=[], Url=given["Url"], ClientIDList=given["ClientIdList"])
    return Made(arn["OpenIDConnectProviderArn"])


def _security_group(stacks: Stacks, given: Body) -> Made:
    ec2 = stacks.client("ec2")
    made = ec2.create_security_group(
        GroupName=given["GroupName"], Description=given["GroupDescription"], VpcId=given["VpcId"]
    )
    group = made["GroupId"]
    every = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[every])
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=_rules(given["SecurityGroupEgress"]))
    if "SecurityGroupIngress" in given:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=_rules(given["SecurityGroupIngress"]))
    return Made(group, {"GroupId": group}, lambda: ec2.delete_security_group(GroupId=group))


def _rules(given: list[Body]) -> list[Body]:
    return [
        {
            **{key: one[key] for key in ("IpProtocol", "FromPort", "ToPort")},
            "IpRanges": [{key: one[key] for key in ("CidrIp", "Description")}],
        }
        for one in given
    ]


def _cluster(stacks: Stacks, given: Body) -> Made:
    ecs, name = stacks.client("ecs"), given["ClusterName"]
    arn = ecs.create_cluster(**camel(given))["cluster"]["clusterArn"]
    return Made(name, {"Arn": arn}, lambda: ecs.delete_cluster(cluster=name))


def _task_definition(stacks: Stacks, given: Body) -> Made:
    ecs = stacks.client("ecs")
    arn = ecs.register_task_definition(**camel(given))["taskDefinition"]["taskDefinitionArn"]
    return Made(arn, {"TaskDefinitionArn": arn}, lambda: ecs.deregister_task_definition(taskDefinition=arn))


def _service(stacks: Stacks, given: Body) -> Made:
    ecs, wanted = stacks.client("ecs"), camel(given)
    made = ecs.create_service(**wanted)["service"]
    cluster, name = wanted["cluster"], wanted["serviceName"]

    def delete() -> None:
        ecs.delete_service(cluster=cluster, service=name, force=True)
        waiter = ecs.get_waiter("services_inactive")
        waiter.wait(cluster=cluster, services=[name], WaiterConfig={"Delay": 0.2, "MaxAttempts": 100})

    return Made(made["serviceArn"], {"Name": name}, delete)


def _alarm(stacks: Stacks, given: Body) -> Made:
    cloudwatch, name = stacks.client("cloudwatch"), given["AlarmName"]
    cloudwatch.put_metric_alarm(**given)
    return Made(name, delete=lambda: cloudwatch.delete_alarms(AlarmNames=[name]))


_CREATE: dict[str, Callable[[Stacks, Body], Made]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::DynamoDB::Table": _table,
    "AWS::EC2::SecurityGroup": _security_group,
    "AWS::ECS::Cluster": _cluster,
    "AWS::ECS::Service": _service,
    "AWS::ECS::TaskDefinition": _task_definition,
    "AWS::IAM::ManagedPolicy": _managed_policy,
    "AWS::IAM::OIDCProvider": _provider,
    "AWS::IAM::Policy": _policy,
    "AWS::IAM::Role": _role,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::S3::Bucket": _bucket,
    "AWS::S3::BucketPolicy": _bucket_policy,
}
