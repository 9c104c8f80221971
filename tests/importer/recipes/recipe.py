"""A recipe: a service that boto3 creates, a later manual change of it, and the path at which the plan then differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.importer.account import CLUSTER
from tests.importer.account_builder import DIMENSION, RESOURCE, AccountBuilder, forward

NAMESPACE = "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-abcdefgh12345678"


@dataclass(frozen=True)
class Recipe:
    """How a service is created, how another client changes it, and where the plan shows the change."""

    name: str
    make: Callable[[AccountBuilder], None]
    edit: Callable[[AccountBuilder], None]
    path: str  # `Kind/name /path`


RECIPES: list[Recipe] = []


def recipe(
    name: str, path: str, edit: Callable[[AccountBuilder], None]
) -> Callable[[Callable[[AccountBuilder], None]], None]:
    """Add a recipe to RECIPES; the decorated function creates the service."""

    def add(make: Callable[[AccountBuilder], None]) -> None:
        RECIPES.append(Recipe(name, make, edit, path))

    return add


def update_service(name: str, **members: Any) -> Callable[[AccountBuilder], None]:
    """Return a manual UpdateService."""
    return lambda aws: aws.update(name, **members)


def deploy_new_revision(name: str, **container: Any) -> Callable[[AccountBuilder], None]:
    """Return a manual change that registers a revision and deploys it."""
    return lambda aws: aws.update(name, taskDefinition=aws.task(name, container=container))


# ---------------------------------------------------------------- parts of recipes

FILE_LIMIT = {"name": "nofile", "softLimit": 1024, "hardLimit": 4096}


def discard_result(_: object) -> None:
    """Ignore the result of a change: `edit` returns None."""


def modify_target_group(aws: AccountBuilder, name: str, **members: Any) -> None:
    aws.elb.modify_target_group(TargetGroupArn=aws.arns[f"tg/{name}"], **members)


def set_retention(aws: AccountBuilder, name: str, days: int) -> None:
    aws.account.aws("logs").put_retention_policy(logGroupName=name, retentionInDays=days)


def awsvpc(subnets: list[str], **members: str) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": subnets, **members}}


def public_awsvpc(aws: AccountBuilder) -> dict[str, Any]:
    return awsvpc(aws.subnets[:2], assignPublicIp="ENABLED")


def spot_strategy(spot_weight: int) -> list[dict[str, Any]]:
    return [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": spot_weight},
    ]


def set_spot_weight(aws: AccountBuilder, weight: int) -> None:
    aws.update("spot", capacityProviderStrategy=spot_strategy(weight), forceNewDeployment=True)


def load_balancer(arn: str) -> dict[str, Any]:
    return {"targetGroupArn": arn, "containerName": "app", "containerPort": 80}


def target_group_weight(arn: str, weight: int) -> dict[str, Any]:
    return {"TargetGroupArn": arn, "Weight": weight}


def set_canary_share(aws: AccountBuilder, share: int) -> None:
    action = forward(aws.arns["tg/stable"], aws.arns["tg/canary"], weights=(100 - share, share))
    aws.elb.modify_rule(RuleArn=aws.arns["rule/weighted"], Actions=[action])


def set_deregistration_delay(aws: AccountBuilder, seconds: str) -> None:
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": seconds}]
    aws.elb.modify_target_group_attributes(TargetGroupArn=aws.arns["tg/canary"], Attributes=attributes)


def set_bake_time(aws: AccountBuilder, minutes: int) -> None:
    aws.update("bluegreen", deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": minutes})


def service_connect(**members: Any) -> dict[str, Any]:
    service = {"portName": "http", "clientAliases": [{"port": 80, "dnsName": "connected"}], **members}
    return {"enabled": True, "namespace": NAMESPACE, "services": [service]}


def redirect_port_8080(aws: AccountBuilder) -> None:
    action = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    aws.elb.modify_listener(ListenerArn=aws.arns["web:8080"], DefaultActions=[action])


def alarm_configuration(*names: str) -> dict[str, Any]:
    return {"alarmNames": list(names), "enable": True, "rollback": True}


def set_alarms(aws: AccountBuilder, *names: str) -> None:
    aws.update("alarmed", deploymentConfiguration={"alarms": alarm_configuration(*names)})


def set_team_tag(aws: AccountBuilder, name: str, team: str) -> None:
    arn = f"arn:aws:ecs:eu-west-1:123456789012:service/{CLUSTER}/{name}"
    aws.ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": team}])


def scalable_target_of(name: str) -> dict[str, str]:
    return {"ServiceNamespace": "ecs", "ResourceId": RESOURCE.format(name), "ScalableDimension": DIMENSION}


def put_tracking_policy(aws: AccountBuilder, percent: float) -> None:
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    configuration = {"TargetValue": percent, "PredefinedMetricSpecification": metric, "ScaleInCooldown": 120}
    aws.scaling.put_scaling_policy(
        **scalable_target_of("tracking"),
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
    )


def put_step_policy(aws: AccountBuilder, cooldown: int) -> None:
    steps = [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 2},
    ]
    aws.scaling.put_scaling_policy(
        **scalable_target_of("stepped"),
        PolicyName="out",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": steps,
            "Cooldown": cooldown,
        },
    )


def put_scheduled_action(aws: AccountBuilder, when: str) -> None:
    aws.scaling.put_scheduled_action(
        **scalable_target_of("nightly"),
        ScheduledActionName="down",
        Schedule=when,
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 2},
    )


def set_target_capacity(aws: AccountBuilder) -> None:
    scaling = {"status": "ENABLED", "targetCapacity": 80}
    aws.ecs.update_capacity_provider(name="provided", autoScalingGroupProvider={"managedScaling": scaling})


def linear_deployment(percent: float) -> dict[str, Any]:
    return {"strategy": "LINEAR", "bakeTimeInMinutes": 3, "linearConfiguration": {"stepPercent": percent}}
