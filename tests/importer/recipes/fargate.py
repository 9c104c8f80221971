"""Services on Fargate."""

from __future__ import annotations

from tests.importer.account_builder import AccountBuilder, forward
from tests.importer.recipes.recipe import (
    FILE_LIMIT,
    NAMESPACE,
    alarm_configuration,
    awsvpc,
    deploy_new_revision,
    linear_deployment,
    load_balancer,
    modify_target_group,
    public_awsvpc,
    recipe,
    redirect_port_8080,
    service_connect,
    set_alarms,
    set_bake_time,
    set_canary_share,
    set_deregistration_delay,
    set_retention,
    set_spot_weight,
    set_team_tag,
    spot_strategy,
    target_group_weight,
    update_service,
)


@recipe("plain", "Service/plain /desiredCount", update_service("plain", desiredCount=3))
def plain(aws: AccountBuilder) -> None:
    aws.service("plain")


@recipe(
    "web", "TargetGroup/web /HealthCheckPath", lambda aws: modify_target_group(aws, "web", HealthCheckPath="/ready")
)
def web(aws: AccountBuilder) -> None:
    balanced = aws.routed_target_group("web", HealthCheckPath="/healthz", HealthCheckIntervalSeconds=10)
    aws.service("web", loadBalancers=[balanced], healthCheckGracePeriodSeconds=60, tags=[{"key": "team", "value": "a"}])


@recipe("variables", "Service/variables /taskDefinition", deploy_new_revision("variables", environment=[]))
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


@recipe("sidecar", "LogGroup/ecs-sidecar /retentionInDays", lambda aws: set_retention(aws, "/ecs/sidecar", 30))
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
    update_service(
        "breaker", deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    ),
)
def breaker(aws: AccountBuilder) -> None:
    aws.service("breaker", deploymentConfiguration={**BREAKER, "minimumHealthyPercent": 50})


@recipe("platform", "Service/platform /platformVersion", update_service("platform", platformVersion="1.3.0"))
def platform(aws: AccountBuilder) -> None:
    aws.service("platform", platformVersion="1.4.0", networkConfiguration=public_awsvpc(aws))


@recipe("shell", "Service/shell /enableExecuteCommand", update_service("shell", enableExecuteCommand=False))
def shell(aws: AccountBuilder) -> None:
    aws.service("shell", enableExecuteCommand=True, propagateTags="SERVICE", enableECSManagedTags=True)


@recipe("storage", "Service/storage /taskDefinition", deploy_new_revision("storage"))
def storage(aws: AccountBuilder) -> None:
    efs = {"fileSystemId": "fs-12345678", "transitEncryption": "ENABLED"}
    mounts = {"mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}]}
    task = aws.task(
        "storage",
        container={**mounts, "linuxParameters": {"initProcessEnabled": True}, "ulimits": [FILE_LIMIT]},
        volumes=[{"name": "data", "efsVolumeConfiguration": efs}],
        ephemeralStorage={"sizeInGiB": 40},
        runtimePlatform={"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
    )
    aws.service("storage", taskDefinition=task)


@recipe("spot", "Service/spot /capacityProviderStrategy/FARGATE_SPOT/weight", lambda aws: set_spot_weight(aws, 1))
def spot(aws: AccountBuilder) -> None:
    aws.service("spot", capacityProviderStrategy=spot_strategy(3))


@recipe(
    "twice",
    "Service/twice /loadBalancers/{tg/twice-b}~1app~180",
    lambda aws: aws.update("twice", loadBalancers=[load_balancer(aws.arns["tg/twice-a"])]),
)
def twice(aws: AccountBuilder) -> None:
    aws.service("twice", loadBalancers=[aws.routed_target_group("twice-a"), aws.routed_target_group("twice-b")])


@recipe("stable", "ListenerRule/web-4 /Actions", lambda aws: set_canary_share(aws, 50))
def stable(aws: AccountBuilder) -> None:
    aws.target_group("stable")
    aws.target_group("canary")
    aws.rule("weighted", forward(aws.arns["tg/stable"], aws.arns["tg/canary"], weights=(90, 10)))
    aws.service("stable", loadBalancers=[load_balancer(aws.arns["tg/stable"])])


@recipe(
    "canary",
    "TargetGroup/canary /Attributes/deregistration_delay.timeout_seconds",
    lambda aws: set_deregistration_delay(aws, "90"),
)
def canary(aws: AccountBuilder) -> None:
    set_deregistration_delay(aws, "30")
    aws.service("canary", loadBalancers=[load_balancer(aws.arns["tg/canary"])])


@recipe("bluegreen", "Service/bluegreen /deploymentConfiguration/bakeTimeInMinutes", lambda aws: set_bake_time(aws, 10))
def bluegreen(aws: AccountBuilder) -> None:
    rule = aws.routed_target_group("bluegreen")
    green = aws.target_group("bluegreen-green")
    groups = {"TargetGroups": [target_group_weight(rule["targetGroupArn"], 100), target_group_weight(green, 0)]}
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
    update_service("client", serviceConnectConfiguration={"enabled": False}),
)
def client(aws: AccountBuilder) -> None:
    aws.service("client", serviceConnectConfiguration={"enabled": True, "namespace": NAMESPACE})


@recipe(
    "connected",
    "Service/connected /serviceConnectConfiguration/services/http/timeout",
    lambda aws: aws.update(
        "connected", serviceConnectConfiguration=service_connect(timeout={"idleTimeoutSeconds": 30})
    ),
)
def connected(aws: AccountBuilder) -> None:
    task = aws.task(
        "connected", container={"portMappings": [{"containerPort": 80, "name": "http", "appProtocol": "http"}]}
    )
    aws.service("connected", taskDefinition=task, serviceConnectConfiguration=service_connect())


@recipe(
    "network",
    "Service/network /networkConfiguration/awsvpcConfiguration/subnets",
    lambda aws: aws.update("network", networkConfiguration=awsvpc(aws.subnets[:1])),
)
def network(aws: AccountBuilder) -> None:
    aws.service("network", networkConfiguration=awsvpc(aws.subnets[:3]))


@recipe(
    "tcp",
    "TargetGroup/tcp /HealthCheckIntervalSeconds",
    lambda aws: modify_target_group(aws, "tcp", HealthCheckIntervalSeconds=20),
)
def tcp(aws: AccountBuilder) -> None:
    aws.load_balancer("net", Type="network", Scheme="internal")
    group = aws.target_group("tcp", Protocol="TCP", Port=5432)
    aws.listener("net", 5432, Protocol="TCP", DefaultActions=[forward(group)])
    aws.service("tcp", loadBalancers=[load_balancer(group)])


@recipe("listened", "Listener/web-8080 /DefaultActions", lambda aws: redirect_port_8080(aws))
def listened(aws: AccountBuilder) -> None:
    group = aws.target_group("listened")
    aws.listener("web", 8080, DefaultActions=[forward(group)])
    aws.service("listened", loadBalancers=[load_balancer(group)])


@recipe(
    "alarmed",
    "Service/alarmed /deploymentConfiguration/alarms/alarmNames",
    lambda aws: set_alarms(aws, "errors", "latency"),
)
def alarmed(aws: AccountBuilder) -> None:
    aws.service("alarmed", deploymentConfiguration={"alarms": alarm_configuration("errors")})


@recipe("signed", "Service/signed /tags/team", lambda aws: set_team_tag(aws, "signed", "b"))
def signed(aws: AccountBuilder) -> None:
    aws.service("signed", tags=[{"key": "team", "value": "a"}])


@recipe(
    "pinned",
    "Service/pinned /capacityProviderStrategy",
    lambda aws: aws.update("pinned", forceNewDeployment=True, capacityProviderStrategy=spot_strategy(1)),
)
def pinned(aws: AccountBuilder) -> None:
    aws.service("pinned", availabilityZoneRebalancing="DISABLED")


@recipe(
    "linear",
    "Service/linear /deploymentConfiguration/linearConfiguration/stepPercent",
    update_service("linear", deploymentConfiguration=linear_deployment(50.0)),
)
def linear(aws: AccountBuilder) -> None:
    aws.service("linear", deploymentConfiguration=linear_deployment(20.0))
