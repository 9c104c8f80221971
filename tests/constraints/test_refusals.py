"""What only one of the two knows: the rows of the kinds, and the simulated AWS. Each difference has its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from typing import Any

import pytest

from ecsim import Settings, Simulator, VirtualClock
from tests.constraints.mistakes import Mistake, mistakes
from tests.constraints.refusals import ALONE, answer, client, document, messages

# A refusal of the simulated AWS -> the mistake that `validate` finds before (the text of its line).
BOTH: Mapping[str, str] = {
    "A capacity provider strategy cannot contain a mix": "[{capacityProvider: FARGATE, weight: 1}, {capacityProvider:",
    "A certificate must be specified for": "Certificates: []",
    "A condition value must be specified": "SourceIpConfig: {Values: []}",
    "A listener port must be specified": 'MutualAuthentication: {Mode: "off"}',
    "A load balancer cannot be attached to multiple subnets": "Subnets: [subnet-0123456789abcdef0, subnet-0123456789ab",
    "A … must be specified": "IpAddressType: ipv4",
    "At least one Availability Zone or VPC Subnet": "DefaultCooldown: 60",
    "At least two subnets in two": "Subnets: [subnet-0123456789abcdef0]",
    "Attribute key '…' is not recognized": 'stickyness.enabled: "true"',
    "Both maximumPercent and minimumHealthyPercent": "maximumPercent: 100",
    "Certificates can only be added": "Protocol: HTTP",
    "Condition field '…' must be one of": "- Field: path",
    "Container.… should not be null": "user: root",
    "Desired capacity:… must be between": "DesiredCapacity: 7",
    "Error retrieving security group": "securityGroups: [subnet-0123456789abcdef0]",
    "Error retrieving subnet": "subnets: [sg-0123456789abcdef0]",
    "Exactly one of predefined or customized": "CustomizedMetricSpecification: {MetricName: m",
    "Exactly one of the parameters Statistic": "Unit: Count",
    "Family contains invalid characters.": "family: 상점",
    "Fargate only supports network mode": "networkMode: bridge",
    "Fargate requires task definition to have execution role ARN to support ECR": "pidMode: task",
    "Fargate requires task definition to have execution role ARN to support log": "pidMode: task",
    "Fargate requires that '…' be defined": "inferenceAccelerators: []",
    "Granularity must be 1Minute.": "EnabledMetrics: [{Metric: GroupDesiredCapacity",
    "Health check grace period": "healthCheckGracePeriodSeconds: 30",
    "Health check interval": "HealthCheckIntervalSeconds: 5",
    "Invalid 'cpu' or 'memory' setting": "cpu: half",
    "Invalid action type": "FixedResponseConfig: {StatusCode:",
    "Invalid launch template: When a network interface": "NetworkInterfaces: [{DeviceIndex: 0}]",
    "Invalid schedule expression": "Schedule: cron(0 22 * * *)",
    "Invalid setting for container '…'. At least one of 'memory'": "essential: true",
    "Invalid setting for container '…'. The container": "- {containerName: migrat, condition: SUCCESS}",
    "Listener protocol '…' must be one of": "Protocol: HTTP",
    "Maximum capacity cannot be less": "MinCapacity: 5",
    "Min bound, …": "MinSize: 9",
    "Network Configuration is not valid": "networkConfiguration: {awsvpcConfiguration: {subnets:",
    "Network Configuration must be provided": "networkMode: awsvpc",
    "No Fargate configuration exists": "memory: 8192",
    "One or more security groups are invalid": "securityGroups: [subnet-0123456789abcdef0]",
    "Only … may be specified for the policy type": "PolicyType: StepScaling",
    "Priority '…' is currently in use": "Priority: 10",
    "Specifying both a launch type": "capacityProviderStrategy: [{capacityProvider: FARGATE, weight: 1}]",
    "Tag keys cannot begin with aws:": "aws:team: shop",
    "Tag keys cannot start with the reserved prefix aws:": "aws:team: shop",
    "Target group name '…' can only contain": "Name: 상점",
    "Target group name '…' cannot be longer": "Name: shop-web-for-all-the-customers",
    "Task definition does not support launch_type": "requiresCompatibilities: [EC2]",
    "TaskDefinition can not be blank.": "propagateTags: SERVICE",
    "Tasks desired count should not be negative.": "desiredCount: -1",
    "The capacity provider name cannot be prefixed": "name: ecs-jobs",
    "The container … did not have a container port": "containerPort: 80",
    "The container … does not exist": "containerName: wep",
    "The daemon scheduling strategy does not support": "desiredCount: 1",
    "The daemon scheduling strategy is not supported": "schedulingStrategy: DAEMON",
    "The load balancer name '…' cannot begin": "Name: internal-shop",
    "The managed termination protection setting": "NewInstancesProtectedFromScaleIn: false",
    "The parameter DatapointsToAlarm": "DatapointsToAlarm: 5",
    "The provided target group": "TargetType: instance",
    "The specified capacity provider '…' is not in": "capacityProviders: [FARGATE]",
    "The target group with targetGroupArn": '- {TargetGroupArn: "arn:aws:elasticloadbalancing:eu-west-1:123456789012:t',
    "Valid requests must contain either LaunchTemplate": "DefaultCooldown: 60",
    "When networkMode=awsvpc, the host ports": "- {containerPort: 8081, hostPort: 80, name: admin}",
    "When you are specifying container secrets": "pidMode: task",
    "You cannot set the isDefault parameter": "Certificates: [{CertificateArn:",
    "advancedConfiguration field is required": "strategy: BLUE_GREEN",
    "subnets can not be empty.": "subnets: []",
    "… can only be specified for HTTPS": "Protocol: HTTP",
    "… is required for the policy type": "CustomizedMetricSpecification: {MetricName: m",
}
# Refusals of the simulated AWS that `validate` has no row for, by the reason.
ONLY_SIMULATED: Mapping[str, tuple[str, ...]] = {
    "the state of the account decides: only AWS knows it": (
        "A listener already exists", "A load balancer with the same name", "A target group with the same name",
        "At least one of the launch templates", "AutoScalingGroup name not found",
        "Cluster not found.",
        "Could not find the specified version", "Creation of service was not idempotent.", "Currently, desiredSize",
        "Default rule", "ECS service doesn't exist", "Found running tasks", "Instance Id not found",
        "Instance … is not",
        "Launch template name already in use.", "Load balancer '…' cannot be deleted", "Load balancers '[…]' not found",
        "New SetDesiredCapacity", "No Container Instances", "No scalable target", "One or more of the alarms",
        "One or more target groups", "Provided Target Groups", "Referenced container instance", "Service not found.",
        "Service was not ACTIVE.", "Target group '…' is currently in use", "Target groups '…' not found",
        "TaskDefinition is inactive", "TaskDefinition not found.", "The Auto Scaling group cannot be deleted",
        "The AutoScaling group may not", "The Cluster cannot be deleted", "The capacity provider cannot be deleted",
        "The default certificate", "The lifecycle hook", "The listener rule …", "The priority of the default rule",
        "The referenced", "The service ", "The specified Auto Scaling group ARN", "The specified capacity provider al",
        "The specified capacity provider is", "The specified cluster is", "The specified launch template",
        "The specified resource", "The specified target was", "The specified task definition", "The subnet ID",
        "Trying to remove", "Unable to", "Unknown resource", "When switching from launch type",
        "You cannot delete an AutoScalingGroup", "'…' is not a valid load balancer ARN",
        "You must use a valid fully-formed launch template. Could not", "The subnets must belong",
        "The availability zones",
        "You must use a valid fully-formed launch template. The security group",
        "You must use a valid fully-formed launch template. The specified",
        "You must use a valid fully-formed launch template. Value",
    ),
    "a call that no kind makes, or that no document can make wrong": (
        "AlarmNames must have", "Attribute names cannot begin", "Clusters cannot have", "Container instance",
        "Revision is missing.", "Services cannot", "Size of TaskDefinition references", "Tags can not be empty.",
        "Tasks cannot", "The maximum number of resources", "The parameter …", "The simulated ECS has no",
        "You must specify either listener", "maxResults", "serviceDeploymentArns", "serviceRevisionArns",
        "The request must contain the parameter launch template ID", "Unsupported service namespace",
    ),
    "the language of manifests refuses it first: a type, a required field, a duplicate, a limit of tags": (
        "A tag key was specified more than once", "An Auto Scaling group provider", "Container list cannot be empty.",
        "Container names should be unique.", "Duplicate tag keys", "Exactly one of the parameters MetricName",
        "Schedule and ScalableTargetAction", "StepAdjustments must not be empty", "The maximum number of tags",
        "The number of tags exceeds", "You must specify a list of actions", "You must specify subnets",
        "… is a required parameter", "The load balancer name '…' can", "The condition field '…' cannot have both",
        "The load balancer name '…' cannot be longer",
    ),
    "a row finds it, and no mistake of the list has it": (
        "A cluster must be specified for a capacity provider of managed", "Invalid setting for container. At least one",
        "The condition field '…' cannot have …", "The following target groups cannot be associated",
    ),
    "rare, and no row yet": (
        "A Gateway Load Balancer forwards", "Metric '…' is not valid", "The target groups of an action must have",
        "You must use a valid fully-formed launch template. The request must contain the parameter ImageId",
    ),
}  # fmt: skip
# Errors of `validate` that the simulated AWS accepts, by kind, with the reason. Notes are accepted by AWS, too.
ONLY_VALIDATED: Mapping[str, str] = {
    "TaskDefinition": "it has the checks that the project's scenarios need: sizes, names, ports, dependencies, roles",
    "TargetGroup": "it checks names, required members and the interval; attributes are set by another call",
    "Role": "it stores policy documents as they are; attached policies are set by another call",
    "LogGroup": "it checks the name by its pattern; the retention is set by another call",
    "Repository": "it checks the name by its pattern; the lifecycle policy is set by another call",
    "Cluster": "it checks names by no pattern; providers are set by another call",
    "Alarm": "it checks which members exclude each other, and the datapoints",
    "LaunchTemplate": "it checks the name, and instance types by the model",
}
# Of those kinds, how many mistakes the simulated AWS refuses as well. More is better.
LEAST_REFUSED = 30


@cache
def refusals() -> tuple[str, ...]:
    """Return the refusals in the source of the simulated AWS."""
    return tuple(sorted(set(messages())))


def _known(message: str, beginnings: Iterator[str] | tuple[str, ...] | list[str]) -> bool:
    return any(message.startswith(one) for one in beginnings)


def test_every_refusal_of_the_simulated_aws_is_found_before_or_has_a_reason() -> None:
    """A new refusal there needs a row in a kind, or a line in the table."""
    alone = [one for reason in ONLY_SIMULATED.values() for one in reason]
    assert [one for one in refusals() if not _known(one, [*BOTH, *alone])] == []


def test_no_line_of_the_tables_is_left_over() -> None:
    """A refusal that is gone leaves the table, too."""
    lines = [*BOTH, *(one for reason in ONLY_SIMULATED.values() for one in reason)]
    assert [one for one in lines if not any(message.startswith(one) for message in refusals())] == []
    assert ONLY_VALIDATED.keys() == set(ALONE)


@pytest.mark.parametrize("refusal", BOTH)
def test_validate_finds_what_the_simulated_aws_refuses(refusal: str) -> None:
    """By the mistake in the table."""
    found = [one for one in mistakes() if BOTH[refusal] in one.name]
    assert found, BOTH[refusal]
    assert all(one.found() for one in found)


@pytest.fixture(scope="module")
def answers() -> Iterator[Mapping[Mistake, str]]:
    """What the simulated AWS answers to each mistake of a kind that stands alone."""
    simulator = Simulator(Settings(settling=False), VirtualClock())
    simulator.start()
    clients: Any = cache(partial(client, simulator.url))
    found = {}
    for mistake in mistakes():
        if document(mistake)[0] in ALONE:
            simulator.reset()
            vpc = clients("ec2").describe_subnets()["Subnets"][0]["VpcId"]
            found[mistake] = answer(mistake, clients, vpc)
    yield found
    simulator.stop()


def test_the_simulated_aws_refuses_some_of_the_mistakes_too(answers: Mapping[Mistake, str]) -> None:
    """The reasons for the rest are in the table, by kind."""
    refused = [mistake for mistake, words in answers.items() if words]
    assert len(refused) >= LEAST_REFUSED
    assert {document(mistake)[0] for mistake in answers} == set(ONLY_VALIDATED)
