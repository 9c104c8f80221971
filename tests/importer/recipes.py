"""Thirty services made with boto3 alone, each with an edit that somebody makes later and the one path it differs at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.importer.account import CLUSTER
from tests.importer.account_builder import DIMENSION, RESOURCE, AccountBuilder, forward

NAMESPACE = "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-abcdefgh12345678"


@dataclass(frozen=True)
class Recipe:
    """How a service is made, how it is changed by hand, and where that is seen."""

    name: str
    make: Callable[[AccountBuilder], None]
    edit: Callable[[AccountBuilder], None]
    path: str


RECIPES: list[Recipe] = []


def recipe(
    name: str, path: str, edit: Callable[[AccountBuilder], None]
) -> Callable[[Callable[[AccountBuilder], None]], None]:
    """Add a recipe."""

    def add(make: Callable[[AccountBuilder], None]) -> None:
        RECIPES.append(Recipe(name, make, edit, path))

    return add


def update(name: str, **members: Any) -> Callable[[AccountBuilder], None]:
    """An UpdateService by hand."""
    return lambda aws: aws.update(name, **members)


def revised(name: str, **container: Any) -> Callable[[AccountBuilder], None]:
    """A new revision by hand, and the service moved to it."""
    return lambda aws: aws.update(name, taskDefinition=aws.task(name, container=container))


# ---------------------------------------------------------------- the words of the recipes

LIMIT = {"name": "nofile", "softLimit": 1024, "hardLimit": 4096}


def discard(_: object) -> None:
    """What an edit returns says nothing."""


def modified(aws: AccountBuilder, name: str, **members: Any) -> None:
    aws.elb.modify_target_group(TargetGroupArn=aws.arns[f"tg/{name}"], **members)


def retained(aws: AccountBuilder, name: str, days: int) -> None:
    aws.account.aws("logs").put_retention_policy(logGroupName=name, retentionInDays=days)


def within(subnets: list[str], **members: str) -> dict[str, Any]:
    return {"awsvpcConfiguration": {"subnets": subnets, **members}}


def public(aws: AccountBuilder) -> dict[str, Any]:
    return within(aws.subnets[:2], assignPublicIp="ENABLED")


def strategy(spot_weight: int) -> list[dict[str, Any]]:
    return [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": spot_weight},
    ]


def respot(aws: AccountBuilder, weight: int) -> None:
    aws.update("spot", capacityProviderStrategy=strategy(weight), forceNewDeployment=True)


def served(arn: str) -> dict[str, Any]:
    return {"targetGroupArn": arn, "containerName": "app", "containerPort": 80}


def weighted(arn: str, weight: int) -> dict[str, Any]:
    return {"TargetGroupArn": arn, "Weight": weight}


def weigh(aws: AccountBuilder, share: int) -> None:
    action = forward(aws.arns["tg/stable"], aws.arns["tg/canary"], weights=(100 - share, share))
    aws.elb.modify_rule(RuleArn=aws.arns["rule/weighted"], Actions=[action])


def delay(aws: AccountBuilder, seconds: str) -> None:
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": seconds}]
    aws.elb.modify_target_group_attributes(TargetGroupArn=aws.arns["tg/canary"], Attributes=attributes)


def bake(aws: AccountBuilder, minutes: int) -> None:
    aws.update("bluegreen", deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": minutes})


def connect(**members: Any) -> dict[str, Any]:
    service = {"portName": "http", "clientAliases": [{"port": 80, "dnsName": "connected"}], **members}
    return {"enabled": True, "namespace": NAMESPACE, "services": [service]}


def redirect(aws: AccountBuilder) -> None:
    action = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    aws.elb.modify_listener(ListenerArn=aws.arns["web:8080"], DefaultActions=[action])


def alarm(*names: str) -> dict[str, Any]:
    return {"alarmNames": list(names), "enable": True, "rollback": True}


def alarms(aws: AccountBuilder, *names: str) -> None:
    aws.update("alarmed", deploymentConfiguration={"alarms": alarm(*names)})


def retag(aws: AccountBuilder, name: str, team: str) -> None:
    arn = f"arn:aws:ecs:eu-west-1:123456789012:service/{CLUSTER}/{name}"
    aws.ecs.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": team}])


def named(name: str) -> dict[str, str]:
    return {"ServiceNamespace": "ecs", "ResourceId": RESOURCE.format(name), "ScalableDimension": DIMENSION}


def track(aws: AccountBuilder, percent: float) -> None:
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    configuration = {"TargetValue": percent, "PredefinedMetricSpecification": metric, "ScaleInCooldown": 120}
    aws.scaling.put_scaling_policy(
        **named("tracking"),
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=configuration,
    )


def step(aws: AccountBuilder, cooldown: int) -> None:
    steps = [
        {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 20.0, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 2},
    ]
    aws.scaling.put_scaling_policy(
        **named("stepped"),
        PolicyName="out",
        PolicyType="StepScaling",
        StepScalingPolicyConfiguration={
            "AdjustmentType": "ChangeInCapacity",
            "StepAdjustments": steps,
            "Cooldown": cooldown,
        },
    )


def schedule(aws: AccountBuilder, when: str) -> None:
    aws.scaling.put_scheduled_action(
        **named("nightly"),
        ScheduledActionName="down",
        Schedule=when,
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 2},
    )


def reprovide(aws: AccountBuilder) -> None:
    scaling = {"status": "ENABLED", "targetCapacity": 80}
    aws.ecs.update_capacity_provider(name="provided", autoScalingGroupProvider={"managedScaling": scaling})


def strides(percent: float) -> dict[str, Any]:
    return {"strategy": "LINEAR", "bakeTimeInMinutes": 3, "linearConfiguration": {"stepPercent": percent}}


# ---------------------------------------------------------------- Fargate


@recipe("plain", "Service/plain /desiredCount", update("plain", desiredCount=3))
def plain(aws: AccountBuilder) -> None:
    aws.service("plain")


@recipe("web", "TargetGroup/web /HealthCheckPath", lambda aws: modified(aws, "web", HealthCheckPath="/ready"))
def web(aws: AccountBuilder) -> None:
    balanced = aws.routed_target_group("web", HealthCheckPath="/healthz", HealthCheckIntervalSeconds=10)
    aws.service("web", loadBalancers=[balanced], healthCheckGracePeriodSeconds=60, tags=[{"key": "team", "value": "a"}])


@recipe("variables", "Service/variables /taskDefinition", revised("variables", environment=[]))
def variables(aws: AccountBuilder) -> None:
    environment = [{"name": name, "value": value} for name, value in (("Z", "1e5"), ("A", "no"), ("SHELL", "${HOME}"))]
    secrets = [{"name": "KEY", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/key"}]
    task = aws.task(
        "variables",
        container={"environment": environment, "secrets": secrets},
        executionRoleArn=aws.role("variables-execution"),
        taskRoleArn=aws.role("variables-task"),
    )
    aws.service("variables", taskDefinition=task)


@recipe("sidecar", "LogGroup/ecs-sidecar /retentionInDays", lambda aws: retained(aws, "/ecs/sidecar", 30))
def sidecar(aws: AccountBuilder) -> None:
    logs = aws.log_group("/ecs/sidecar")
    health = {"command": ["CMD-SHELL", "curl -f localhost"], "interval": 15}
    proxy = {"name": "proxy", "image": "envoy:1", "essential": False, "healthCheck": health, **logs}
    depends = [{"containerName": "proxy", "condition": "HEALTHY"}]
    aws.service(
        "sidecar",
        taskDefinition=aws.task(
            "sidecar", proxy, container={"dependsOn": depends, **logs}, executionRoleArn=aws.role("sidecar")
        ),
    )


BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


@recipe(
    "breaker",
    "Service/breaker /deploymentConfiguration/deploymentCircuitBreaker/rollback",
    update("breaker", deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}}),
)
def breaker(aws: AccountBuilder) -> None:
    aws.service("breaker", deploymentConfiguration={**BREAKER, "minimumHealthyPercent": 50})


@recipe("platform", "Service/platform /platformVersion", update("platform", platformVersion="1.3.0"))
def platform(aws: AccountBuilder) -> None:
    aws.service("platform", platformVersion="1.4.0", networkConfiguration=public(aws))


@recipe("shell", "Service/shell /enableExecuteCommand", update("shell", enableExecuteCommand=False))
def shell(aws: AccountBuilder) -> None:
    aws.service("shell", enableExecuteCommand=True, propagateTags="SERVICE", enableECSManagedTags=True)


@recipe("storage", "Service/storage /taskDefinition", revised("storage"))
def storage(aws: AccountBuilder) -> None:
    efs = {"fileSystemId": "fs-12345678", "transitEncryption": "ENABLED"}
    mounts = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
    task = aws.task(
        "storage",
        container={**mounts, "linuxParameters": {"initProcessEnabled": True}, "ulimits": [LIMIT]},
        volumes=[{"name": "data", "efsVolumeConfiguration": efs}],
        ephemeralStorage={"sizeInGiB": 40},
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
    )
    aws.service("storage", taskDefinition=task)


@recipe("spot", "Service/spot /capacityProviderStrategy/FARGATE_SPOT/weight", lambda aws: respot(aws, 1))
def spot(aws: AccountBuilder) -> None:
    aws.service("spot", capacityProviderStrategy=strategy(3))


@recipe(
    "twice",
    "Service/twice /loadBalancers/{tg/twice-b}~1app~180",
    lambda aws: aws.update("twice", loadBalancers=[served(aws.arns["tg/twice-a"])]),
)
def twice(aws: AccountBuilder) -> None:
    aws.service("twice", loadBalancers=[aws.routed_target_group("twice-a"), aws.routed_target_group("twice-b")])


@recipe("stable", "ListenerRule/web-4 /Actions", lambda aws: weigh(aws, 50))
def stable(aws: AccountBuilder) -> None:
    aws.target_group("stable")
    aws.target_group("canary")
    aws.rule("weighted", forward(aws.arns["tg/stable"], aws.arns["tg/canary"], weights=(90, 10)))
    aws.service("stable", loadBalancers=[served(aws.arns["tg/stable"])])


@recipe("canary", "TargetGroup/canary /Attributes/deregistration_delay.timeout_seconds", lambda aws: delay(aws, "90"))
def canary(aws: AccountBuilder) -> None:
    delay(aws, "30")
    aws.service("canary", loadBalancers=[served(aws.arns["tg/canary"])])


@recipe("bluegreen", "Service/bluegreen /deploymentConfiguration/bakeTimeInMinutes", lambda aws: bake(aws, 10))
def bluegreen(aws: AccountBuilder) -> None:
    rule = aws.routed_target_group("bluegreen")
    green = aws.target_group("bluegreen-green")
    groups = {"TargetGroups": [weighted(rule["targetGroupArn"], 100), weighted(green, 0)]}
    aws.elb.modify_rule(RuleArn=aws.arns["rule/bluegreen"], Actions=[{"Type": "forward", "ForwardConfig": groups}])
    advanced = {
        "alternateTargetGroupArn": green,
        "productionListenerRule": aws.arns["rule/bluegreen"],
        "roleArn": aws.role("bluegreen-infrastructure"),
    }
    configuration = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}
    balanced = [{**rule, "advancedConfiguration": advanced}]
    aws.service("bluegreen", loadBalancers=balanced, deploymentConfiguration=configuration)


@recipe(
    "client",
    "Service/client /serviceConnectConfiguration",
    update("client", serviceConnectConfiguration={"enabled": False}),
)
def client(aws: AccountBuilder) -> None:
    aws.service("client", serviceConnectConfiguration={"enabled": True, "namespace": NAMESPACE})


@recipe(
    "connected",
    "Service/connected /serviceConnectConfiguration/services/http/timeout",
    lambda aws: aws.update("connected", serviceConnectConfiguration=connect(timeout={"idleTimeoutSeconds": 30})),
)
def connected(aws: AccountBuilder) -> None:
    task = aws.task(
        "connected", container={"portMappings": [{"containerPort": 80, "name": "http", "appProtocol": "http"}]}
    )
    aws.service("connected", taskDefinition=task, serviceConnectConfiguration=connect())


@recipe(
    "network",
    "Service/network /networkConfiguration/awsvpcConfiguration/subnets",
    lambda aws: aws.update("network", networkConfiguration=within(aws.subnets[:1])),
)
def network(aws: AccountBuilder) -> None:
    aws.service("network", networkConfiguration=within(aws.subnets[:3]))


@recipe(
    "tcp",
    "TargetGroup/tcp /HealthCheckIntervalSeconds",
    lambda aws: modified(aws, "tcp", HealthCheckIntervalSeconds=20),
)
def tcp(aws: AccountBuilder) -> None:
    aws.load_balancer("net", Type="network", Scheme="internal")
    group = aws.target_group("tcp", Protocol="TCP", Port=5432)
    aws.listener("net", 5432, Protocol="TCP", DefaultActions=[forward(group)])
    aws.service("tcp", loadBalancers=[served(group)])


@recipe("listened", "Listener/web-8080 /DefaultActions", lambda aws: redirect(aws))
def listened(aws: AccountBuilder) -> None:
    group = aws.target_group("listened")
    aws.listener("web", 8080, DefaultActions=[forward(group)])
    aws.service("listened", loadBalancers=[served(group)])


@recipe(
    "alarmed",
    "Service/alarmed /deploymentConfiguration/alarms/alarmNames",
    lambda aws: alarms(aws, "errors", "latency"),
)
def alarmed(aws: AccountBuilder) -> None:
    aws.service("alarmed", deploymentConfiguration={"alarms": alarm("errors")})


@recipe("signed", "Service/signed /tags/team", lambda aws: retag(aws, "signed", "b"))
def signed(aws: AccountBuilder) -> None:
    aws.service("signed", tags=[{"key": "team", "value": "a"}])


# ---------------------------------------------------------------- scaling


@recipe(
    "tracking",
    "ScalingPolicy/tracking-cpu /TargetTrackingScalingPolicyConfiguration/TargetValue",
    lambda aws: track(aws, 70),
)
def tracking(aws: AccountBuilder) -> None:
    aws.service("tracking", desiredCount=2)
    aws.make_scalable("tracking", 2, 6)
    track(aws, 60)


@recipe("stepped", "ScalingPolicy/stepped-out /StepScalingPolicyConfiguration/Cooldown", lambda aws: step(aws, 120))
def stepped(aws: AccountBuilder) -> None:
    aws.service("stepped", desiredCount=2)
    aws.make_scalable("stepped", 2, 6)
    step(aws, 60)


@recipe("nightly", "ScheduledAction/nightly-down /Schedule", lambda aws: schedule(aws, "cron(0 22 * * ? *)"))
def nightly(aws: AccountBuilder) -> None:
    aws.service("nightly", desiredCount=2)
    aws.make_scalable("nightly", 2, 8)
    schedule(aws, "cron(0 20 * * ? *)")


@recipe("bounded", "ScalableTarget/bounded /MaxCapacity", lambda aws: discard(aws.make_scalable("bounded", 1, 9)))
def bounded(aws: AccountBuilder) -> None:
    aws.service("bounded", desiredCount=2)
    aws.make_scalable("bounded", 1, 4, SuspendedState={"DynamicScalingInSuspended": True})


# ---------------------------------------------------------------- instances


@recipe(
    "bridge",
    "TargetGroup/bridge /UnhealthyThresholdCount",
    lambda aws: modified(aws, "bridge", UnhealthyThresholdCount=5),
)
def bridge(aws: AccountBuilder) -> None:
    balanced = aws.routed_target_group("bridge", TargetType="instance")
    aws.ec2_service("bridge", taskDefinition=aws.ec2_task("bridge"), loadBalancers=[balanced])


@recipe("spread", "Service/spread /placementStrategy", update("spread", placementStrategy=[{"type": "random"}]))
def spread(aws: AccountBuilder) -> None:
    zones = [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "binpack", "field": "memory"}]
    only = [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ t3.*"}, {"type": "distinctInstance"}]
    aws.ec2_service("spread", taskDefinition=aws.ec2_task("spread"), placementStrategy=zones, placementConstraints=only)


@recipe(
    "agent",
    "Service/agent /deploymentConfiguration/minimumHealthyPercent",
    update("agent", deploymentConfiguration={"minimumHealthyPercent": 50}),
)
def agent(aws: AccountBuilder) -> None:
    task = aws.ec2_task("agent", networkMode="host", container={"portMappings": []}, pidMode="host")
    aws.ec2_service("agent", taskDefinition=task, schedulingStrategy="DAEMON")


@recipe(
    "provided",
    "CapacityProvider/provided /autoScalingGroupProvider/managedScaling/targetCapacity",
    lambda aws: reprovide(aws),
)
def provided(aws: AccountBuilder) -> None:
    aws.provider("provided")
    aws.ec2_service(
        "provided",
        taskDefinition=aws.ec2_task("provided"),
        capacityProviderStrategy=[{"capacityProvider": "provided", "weight": 1}],
    )


@recipe(
    "pinned",
    "Service/pinned /capacityProviderStrategy",
    lambda aws: aws.update("pinned", forceNewDeployment=True, capacityProviderStrategy=strategy(1)),
)
def pinned(aws: AccountBuilder) -> None:
    aws.service("pinned", availabilityZoneRebalancing="DISABLED")


@recipe(
    "linear",
    "Service/linear /deploymentConfiguration/linearConfiguration/stepPercent",
    update("linear", deploymentConfiguration=strides(50.0)),
)
def linear(aws: AccountBuilder) -> None:
    aws.service("linear", deploymentConfiguration=strides(20.0))
