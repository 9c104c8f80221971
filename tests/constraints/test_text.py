"""Korean text: taken in each field where AWS takes it, refused with the rule of the field where AWS does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecsync.core.model import Problem
from tests.language.cases import load_files

KOREAN = "결제 팀"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012"
CONTAINER = {"name": "web", "image": "nginx:1", "memory": 64}
FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
SCALED = {"Service": "prod/web"}
BODIES: dict[str, dict[str, Any]] = {
    "TaskDefinition": {"family": "web", "containerDefinitions": [CONTAINER]},
    "Service": {"serviceName": "web", "cluster": "prod", "taskDefinition": "web:1"},
    "Cluster": {"clusterName": "prod"},
    "CapacityProvider": {"name": "nodes", "autoScalingGroupProvider": {"autoScalingGroupArn": "nodes"}},
    "SecurityGroup": {"GroupName": "web", "Description": "web", "VpcId": "vpc-12345678"},
    "TargetGroup": {"Name": "web", "Protocol": "HTTP", "Port": 80, "VpcId": "vpc-12345678"},
    "LoadBalancer": {"Name": "web", "Subnets": ["subnet-12345678", "subnet-22345678"]},
    "Listener": {
        "LoadBalancerArn": f"{ARN}:loadbalancer/app/web/1", "Port": 80, "Protocol": "HTTP", "DefaultActions": [FIXED]
    },
    "ListenerRule": {
        "ListenerArn": f"{ARN}:listener/app/web/1/2",
        "Priority": 1,
        "Conditions": [{"Field": "path-pattern", "Values": ["/a"]}],
        "Actions": [FIXED],
    },
    "Role": {
        "RoleName": "web",
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        },
    },
    "Repository": {"repositoryName": "shop/web"},
    "LogGroup": {"logGroupName": "/shop"},
    "AutoScalingGroup": {
        "AutoScalingGroupName": "nodes", "MinSize": 1, "MaxSize": 2, "VPCZoneIdentifier": "subnet-12345678",
        "LaunchTemplate": {"LaunchTemplateName": "nodes"},
    },
    "LaunchTemplate": {"LaunchTemplateName": "nodes", "LaunchTemplateData": {"InstanceType": "t3.small"}},
    "ScalableTarget": {**SCALED, "MinCapacity": 1, "MaxCapacity": 2},
    "ScheduledAction": {
        **SCALED, "ScheduledActionName": "day", "Schedule": "rate(1 day)", "ScalableTargetAction": {"MinCapacity": 1}
    },
    "ScalingPolicy": {
        **SCALED,
        "PolicyName": "cpu",
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 50,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
    },
    "Alarm": {
        "AlarmName": "high", "Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Statistic": "Average",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 80, "ComparisonOperator": "GreaterThanThreshold",
    },
}  # fmt: skip
LOWER = ("TaskDefinition", "Service", "Cluster", "CapacityProvider", "LogGroup", "Repository")  # `tags`
TAGS = {
    kind: "tags" if kind in LOWER else "Tags" for kind in BODIES if kind not in ("ScheduledAction", "ScalingPolicy")
}
TAKEN = [
    *((kind, member, {"팀": KOREAN}) for kind, member in TAGS.items()),
    ("Alarm", "AlarmName", KOREAN),
    ("Alarm", "AlarmDescription", KOREAN),
    ("ScheduledAction", "ScheduledActionName", "아침"),
    ("AutoScalingGroup", "AutoScalingGroupName", "웹"),
    ("LaunchTemplate", "VersionDescription", KOREAN),
    ("TaskDefinition", "containerDefinitions", [{**CONTAINER, "environment": {"이름": KOREAN}}]),
    ("TaskDefinition", "containerDefinitions", [{**CONTAINER, "dockerLabels": {"이름": KOREAN}}]),
    ("Listener", "DefaultActions", [{**FIXED, "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "없음"}}]),
]
REFUSED = [
    ("TaskDefinition", "family", "웹", "letters, digits, - and _"),
    ("TaskDefinition", "containerDefinitions", [{**CONTAINER, "name": "웹"}], "letters, digits, - and _"),
    ("TaskDefinition", "volumes", [{"name": "자료"}], "letters, digits, - and _"),
    ("Service", "serviceName", "웹", "letters, digits, - and _"),
    ("Cluster", "clusterName", "웹", "letters, digits, - and _"),
    ("CapacityProvider", "name", "노드", "letters, digits, - and _"),
    ("SecurityGroup", "GroupName", "웹", "letters, digits, spaces and"),
    ("SecurityGroup", "Description", KOREAN, "letters, digits, spaces and"),
    ("TargetGroup", "Name", "웹", "letters, digits and hyphens"),
    ("LoadBalancer", "Name", "웹", "letters, digits and hyphens"),
    ("ListenerRule", "Conditions", [{"Field": "path-pattern", "Values": ["/한글"]}], "letters, digits and _"),
    ("ListenerRule", "Conditions", [{"Field": "host-header", "Values": ["한글.com"]}], "letters, digits and -"),
    ("Role", "RoleName", "역할", "letters, digits"),
    ("Role", "Description", KOREAN, "Latin-1"),
    ("Role", "Policies", {"정책": {"Version": "2012-10-17", "Statement": []}}, "letters, digits and _"),
    ("Repository", "repositoryName", "한글", "lower-case letters, digits"),
    ("LogGroup", "logGroupName", "로그", "letters, digits"),
    ("LaunchTemplate", "LaunchTemplateName", "템플릿", "letters, digits"),
    ("ScalingPolicy", "PolicyName", "정책", "printable characters of ASCII"),
]


def problems(kind: str, body: dict[str, Any]) -> list[Problem]:
    """Return what is wrong with one document, in JSON."""
    text = json.dumps({"resources": {f"{kind}/web": body}}, ensure_ascii=False, indent=1)
    return list(load_files({"a.json": text.encode()}).problems)


@pytest.mark.parametrize("kind", BODIES)
def test_the_bodies_have_no_problem(kind: str) -> None:
    assert problems(kind, BODIES[kind]) == []


@pytest.mark.parametrize(("kind", "member", "value"), TAKEN)
def test_korean_text_is_taken_where_aws_takes_it(kind: str, member: str, value: object) -> None:
    assert problems(kind, {**BODIES[kind], member: value}) == []


@pytest.mark.parametrize(("kind", "member", "value", "rule"), REFUSED)
def test_korean_text_is_refused_with_the_rule_of_the_field(kind: str, member: str, value: object, rule: str) -> None:
    """At its line, with what AWS accepts."""
    found = problems(kind, {**BODIES[kind], member: value})
    assert any(rule in one.message and one.origin.line > 1 for one in found), found
