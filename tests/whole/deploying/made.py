"""What there is of the controller in the account, without ids and times: the same, whatever way it was deployed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from tests.whole.support.environment import Environment

NAME = "ecsync-production"
BUCKET = f"{NAME}-123456789012-eu-west-1"


def made(environment: Environment) -> dict[str, Any]:
    """Return everything by its name, as AWS describes it."""
    ecs, logs = environment.aws("ecs"), environment.aws("logs")
    service = ecs.describe_services(cluster=NAME, services=[NAME])["services"][0]
    definition = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    (group,) = environment.aws("ec2").describe_security_groups(GroupIds=network["securityGroups"])["SecurityGroups"]
    table = environment.aws("dynamodb").describe_table(TableName=NAME)["Table"]
    groups = logs.describe_log_groups(logGroupNamePrefix="/ecsync")["logGroups"]
    service_members = (
        "serviceName launchType platformVersion desiredCount deploymentConfiguration availabilityZoneRebalancing "
        "enableExecuteCommand schedulingStrategy deploymentController"
    )
    for rules in (group["IpPermissions"], group["IpPermissionsEgress"]):
        rules.sort(key=lambda one: one["FromPort"])
    return {
        "service": _only(service, service_members),
        "network": {**network, "subnets": len(network["subnets"]), "securityGroups": 1},
        "task definition": {
            key: value
            for key, value in definition.items()
            if key not in ("taskDefinitionArn", "registeredAt", "registeredBy", "revision", "status")
        },
        "security group": _only(group, "GroupName Description IpPermissions IpPermissionsEgress"),
        "table": _only(table, "KeySchema AttributeDefinitions BillingModeSummary"),
        "log groups": {one["logGroupName"]: one["retentionInDays"] for one in groups},
        "bucket": _bucket(environment),
        "roles": _roles(environment),
        "alarms": _alarms(environment),
    }


def _only(body: dict[str, Any], members: str) -> dict[str, Any]:
    return {name: body.get(name) for name in members.split()}


def _bucket(environment: Environment) -> dict[str, Any]:
    s3 = environment.aws("s3")
    encryption = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    return {
        "versioning": s3.get_bucket_versioning(Bucket=BUCKET)["Status"],
        "public access": s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"],
        "ownership": s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"],
        "encryption": [one["ApplyServerSideEncryptionByDefault"] for one in encryption],
    }


def _alarms(environment: Environment) -> dict[str, Any]:
    members = (
        "AlarmDescription Namespace MetricName Dimensions Statistic Period EvaluationPeriods Threshold "
        "ComparisonOperator TreatMissingData AlarmActions OKActions"
    )
    found = environment.aws("cloudwatch").describe_alarms(AlarmNamePrefix=NAME)["MetricAlarms"]
    return {one["AlarmName"]: _only(one, members) for one in found}


def _roles(environment: Environment) -> dict[str, Any]:
    """Return trust, inline policies and attached policies of each role."""
    iam, found = environment.aws("iam"), {}
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        if not name.startswith(NAME):
            continue
        inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
        trust = role["AssumeRolePolicyDocument"]
        found[name] = {
            "trust": json.loads(unquote(trust)) if isinstance(trust, str) else trust,
            "description": role.get("Description"),
            "inline": {one: iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in inline},
            "managed": [
                one["PolicyArn"]
                for one in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
                if one["PolicyArn"].startswith("arn:aws:iam::aws:")
            ],
        }
    return found
