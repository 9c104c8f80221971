"""Errors of AWS and of botocore have one class each, and their text contains no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore import exceptions as boto

from ecsync.aws.errors import LIMIT, classify, from_exception
from ecsync.aws.errors_table import ROWS
from ecsync.core.ports import ErrorClass
from ecsync.core.trees import leaves
from ecsync.wiring.registry import secrets_in


def _answer(code: str, message: str = "", operation: str = "UpdateService", status: int = 400) -> boto.ClientError:
    return boto.ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )


CASES: list[tuple[ErrorClass, str, str, str, str]] = [
    ("missing", "ecs", "DescribeServices", "ClusterNotFoundException", "Cluster not found."),
    ("missing", "ecs", "UpdateService", "ServiceNotFoundException", "Service not found."),
    ("missing", "ecs", "DescribeTaskDefinition", "ClientException", "Unable to describe task definition."),
    ("missing", "ecs", "DescribeCapacityProviders", "InvalidParameterException",
     "The specified capacity provider does not exist. Specify a valid name and try again."),
    ("missing", "elbv2", "DescribeTargetGroups", "TargetGroupNotFound", "One or more target groups not found"),
    ("missing", "elbv2", "DescribeLoadBalancers", "LoadBalancerNotFound", ""),
    ("missing", "elbv2", "DescribeListeners", "ListenerNotFound", ""),
    ("missing", "elbv2", "DeleteRule", "RuleNotFound", ""),
    ("missing", "ec2", "DescribeSecurityGroups", "InvalidGroup.NotFound", ""),
    ("missing", "ec2", "DescribeLaunchTemplates", "InvalidLaunchTemplateName.NotFoundException", ""),
    ("missing", "ec2", "DescribeLaunchTemplateVersions", "InvalidLaunchTemplateId.VersionNotFound", ""),
    ("missing", "iam", "GetRole", "NoSuchEntity", ""),
    ("missing", "logs", "PutRetentionPolicy", "ResourceNotFoundException", ""),
    ("missing", "ecr", "DescribeRepositories", "RepositoryNotFoundException", ""),
    ("missing", "application-autoscaling", "PutScalingPolicy", "ObjectNotFoundException", ""),
    ("missing", "autoscaling", "DeleteAutoScalingGroup", "ValidationError", "AutoScalingGroup name not found - x"),
    ("missing", "ssm", "GetParameter", "ParameterNotFound", ""),
    ("denied", "ecs", "UpdateService", "AccessDeniedException", "User: x is not authorized to perform: ecs:Update"),
    ("denied", "ecs", "RegisterTaskDefinition", "ClientException", "x is not authorized to perform: iam:PassRole"),
    ("denied", "ec2", "CreateSecurityGroup", "UnauthorizedOperation", ""),
    ("denied", "elbv2", "CreateRule", "AccessDenied", ""),
    ("throttled", "ecs", "DescribeServices", "ThrottlingException", "Rate exceeded"),
    ("throttled", "elbv2", "DescribeRules", "Throttling", "Rate exceeded"),
    ("throttled", "ec2", "DescribeSubnets", "RequestLimitExceeded", ""),
    ("throttled", "s3", "GetObject", "SlowDown", ""),
    ("throttled", "application-autoscaling", "DescribeScalingPolicies", "FailedResourceAccessException",
     "Unable to retrieve alarms: Rate exceeded"),
    ("throttled", "ecs", "RegisterTaskDefinition", "ClientException",
     "Too many concurrent attempts to create a new revision of the specified family."),
    ("credentials", "sts", "GetCallerIdentity", "ExpiredToken", ""),
    ("credentials", "ecs", "DescribeServices", "ExpiredTokenException", ""),
    ("credentials", "ecs", "DescribeServices", "UnrecognizedClientException", ""),
    ("credentials", "ec2", "DescribeSubnets", "AuthFailure", ""),
    ("conflict", "elbv2", "DeleteTargetGroup", "ResourceInUse", ""),
    ("conflict", "elbv2", "CreateRule", "PriorityInUse", ""),
    ("conflict", "ec2", "DeleteSecurityGroup", "DependencyViolation", ""),
    ("conflict", "ecs", "PutClusterCapacityProviders", "UpdateInProgressException", ""),
    ("conflict", "ecs", "DeleteCluster", "ClusterContainsServicesException", ""),
    ("conflict", "ecs", "CreateService", "InvalidParameterException",
     "Unable to Start a service that is still Draining."),
    ("conflict", "ecs", "PutClusterCapacityProviders", "ClientException", "Cluster was not ACTIVE."),
    ("conflict", "autoscaling", "DeleteAutoScalingGroup", "ScalingActivityInProgress", ""),
    ("conflict", "autoscaling", "CreateAutoScalingGroup", "AlreadyExists", "already exists and is pending delete"),
    ("conflict", "iam", "DeleteRole", "DeleteConflict", ""),
    ("conflict", "application-autoscaling", "PutScalingPolicy", "ConcurrentUpdateException", ""),
    ("exists", "ecs", "CreateService", "InvalidParameterException", "Creation of service was not idempotent."),
    ("exists", "ecs", "CreateCapacityProvider", "ClientException", "The specified capacity provider already exists."),
    ("exists", "ec2", "CreateSecurityGroup", "InvalidGroup.Duplicate", ""),
    ("exists", "ec2", "CreateLaunchTemplate", "InvalidLaunchTemplateName.AlreadyExistsException", ""),
    ("exists", "iam", "CreateRole", "EntityAlreadyExists", ""),
    ("exists", "elbv2", "CreateListener", "DuplicateListener", ""),
    ("exists", "elbv2", "CreateTargetGroup", "DuplicateTargetGroupName", ""),
    ("exists", "logs", "CreateLogGroup", "ResourceAlreadyExistsException", ""),
    ("settling", "autoscaling", "CreateAutoScalingGroup", "ValidationError",
     "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"),
    ("settling", "autoscaling", "CreateAutoScalingGroup", "ServiceLinkedRoleFailure", ""),
    ("settling", "ecs", "CreateCluster", "InvalidParameterException",
     "Unable to assume the service linked role. Please verify that the ECS service linked role exists."),
    ("settling", "ecs", "CreateService", "InvalidParameterException",
     "The target group with targetGroupArn arn does not have an associated load balancer."),
    ("settling", "ecs", "CreateService", "InvalidParameterException",
     "The strategy cannot contain a capacity provider that is not associated with the cluster."),
    ("settling", "ecs", "RegisterTaskDefinition", "ClientException", "Role is not valid"),
    ("settling", "iam", "UpdateAssumeRolePolicy", "MalformedPolicyDocument", "Invalid principal in policy"),
    ("settling", "application-autoscaling", "RegisterScalableTarget", "ValidationException",
     "ECS service doesn't exist: service/a/b"),
    ("invalid", "ecs", "CreateService", "InvalidParameterException", "Container port is wrong."),
    ("invalid", "ecs", "RegisterTaskDefinition", "ClientException", "Container names should be unique."),
    ("invalid", "elbv2", "AddTags", "DuplicateTagKeys", ""),
    ("invalid", "elbv2", "CreateRule", "TooManyRules", ""),
    ("invalid", "ecs", "CreateService", "LimitExceededException", ""),
    ("invalid", "ec2", "DescribeSecurityGroups", "InvalidGroupId.Malformed", ""),
    ("invalid", "iam", "PutRolePolicy", "MalformedPolicyDocument", "Syntax errors in policy."),
    ("transient", "ecs", "DescribeServices", "ServerException", ""),
    ("transient", "ecs", "DescribeServices", "AnUnknownCode", ""),
    ("transient", "ec2", "DescribeSubnets", "Unavailable", ""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "service", "operation", "code", "message"), CASES)
def test_an_error_response_has_one_class(
    kind: ErrorClass, service: str, operation: str, code: str, message: str
) -> None:
    """The class decides what the engine does next."""
    error = from_exception(_answer(code, message, operation), service, operation)
    assert (error.kind, error.code, error.operation) == (kind, code, f"{service}.{operation}")


def test_every_class_has_rows_and_every_row_a_source() -> None:
    """The table has rows for each class, and each row has its source."""
    assert {row.kind for row in ROWS} == {
        "missing", "denied", "throttled", "transient", "conflict", "exists", "settling", "invalid", "credentials",
    }  # fmt: skip
    assert all(row.source and row.message == row.message.lower() for row in ROWS)


def test_an_unknown_code_with_status_429_is_throttled() -> None:
    """With any other status an unknown code is transient."""
    assert classify("ecs", "UpdateService", "Weird", status=429) == "throttled"
    assert classify("ecs", "UpdateService", "Weird", status=503) == "transient"
    assert classify("ecs", "UpdateService", "Weird", status=400) == "transient"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (boto.ReadTimeoutError(endpoint_url="https://x"), "transient"),
        (boto.ConnectionClosedError(endpoint_url="https://x"), "transient"),
        (boto.ConnectTimeoutError(endpoint_url="https://x"), "transient"),
        (boto.EndpointConnectionError(endpoint_url="https://x"), "transient"),
        (boto.NoCredentialsError(), "credentials"),
        (boto.ProfileNotFound(profile="x"), "credentials"),
        (boto.NoRegionError(), "invalid"),
    ],
)
def test_an_exception_of_botocore_has_a_class_and_its_name_as_the_code(raised: Exception, kind: ErrorClass) -> None:
    """Without a response there is no error code: metrics count the name of the exception."""
    error = from_exception(raised, "ecs", "UpdateService")
    assert (error.kind, error.code, error.operation) == (kind, type(raised).__name__, "ecs.UpdateService")


def test_a_role_that_cannot_be_assumed_is_an_error_of_the_credentials() -> None:
    """AccessDenied of the AssumeRole before a call is no AccessDenied of the call."""
    error = from_exception(_answer("AccessDenied", "no", "AssumeRole"), "ecs", "UpdateService")
    assert (error.kind, error.message) == ("credentials", "AssumeRole: no")


def test_a_value_of_the_environment_is_not_repeated() -> None:
    """AWS repeats values of parameters; those of container environments are removed, names are not."""
    params = {"containerDefinitions": [{"environment": [{"name": "TOKEN", "value": "hunter2"}]}]}
    error = from_exception(_answer("ClientException", "bad TOKEN: hunter2"), "ecs", "X", params, secrets_in)
    assert str(error) == "ecs.X: ClientException: bad TOKEN: (sensitive)"


@pytest.mark.parametrize(
    "params",
    [
        {"containerDefinitions": [{"command": ["sh", "-c", 'run "hunter2"']}]},
        {"containerDefinitions": [{"entryPoint": ['run "hunter2"']}]},
        {"containerDefinitions": [{"healthCheck": {"command": ["CMD", 'run "hunter2"']}}]},
        {"containerDefinitions": [{"dockerLabels": {"owner": 'run "hunter2"'}}]},
        {"containerDefinitions": [{"logConfiguration": {"options": {"URI": 'run "hunter2"'}}}]},
        {"Conditions": [{"HttpHeaderConfig": {"HttpHeaderName": "x-api-key", "Values": ['run "hunter2"']}}]},
        {"Conditions": [{"QueryStringConfig": {"Values": [{"Key": "token", "Value": 'run "hunter2"'}]}}]},
        {"LaunchTemplateData": {"UserData": 'run "hunter2"'}},
        {"Actions": [{"AuthenticateOidcConfig": {"ClientSecret": 'run "hunter2"'}}]},
        {"DefaultActions": [{"AuthenticateOidcConfig": {"ClientSecret": 'run "hunter2"'}}]},
    ],
    ids=lambda params: "/".join(str(part) for path, _ in leaves(params) for part in path if isinstance(part, str)),
)
@pytest.mark.parametrize("escaped", [False, True])
def test_what_a_kind_declares_sensitive_is_not_repeated(params: dict[str, Any], escaped: bool) -> None:
    """The rules of the kinds decide it, also where AWS quotes the value as JSON."""
    text = json.dumps('run "hunter2"') if escaped else 'run "hunter2"'
    error = from_exception(_answer("ClientException", f"bad: {text}"), "ecs", "X", params, secrets_in)
    assert "hunter2" not in str(error)
    assert "(sensitive)" in str(error)


def test_an_option_that_sounds_like_a_secret_is_not_repeated() -> None:
    """The token of a log driver is removed."""
    params = {"logConfiguration": {"options": {"splunk-token": "abcdef", "splunk-url": "https://x"}}}
    error = from_exception(_answer("ClientException", "abcdef for https://x"), "ecs", "X", params)
    assert error.message == "(sensitive) for https://x"


def test_invalid_parameters_are_named_without_their_values() -> None:
    """Botocore quotes a value with the wrong type; our message has only its path."""
    report = (
        "Invalid type for parameter a[0].value, value: hun\nter2, type: <class 'int'>\nMissing required parameter: b"
    )
    error = from_exception(boto.ParamValidationError(report=report), "ecs", "X")
    assert error.kind == "invalid"
    assert error.message == "Invalid type for parameter a[0].value; Missing required parameter: b"


def test_a_long_message_is_cut() -> None:
    """An encoded authorisation failure has thousands of characters."""
    assert len(from_exception(_answer("UnauthorizedOperation", "x" * 5000), "ec2", "X").message) == LIMIT
