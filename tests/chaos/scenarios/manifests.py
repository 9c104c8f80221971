"""Changes of the quickstart's manifests."""

from __future__ import annotations

import shutil

from tests.chaos.scenarios.scenario import Act, Scenario, may_prune
from tests.chaos.stage import ELSEWHERE, Stage

APPLICATION, NETWORK, SERVICE = "application.yaml", "network.yaml", "service.yaml"
LOG_GROUP = "  LogGroup/web:\n    logGroupName: /quickstart/web\n    retentionInDays: 14\n"
OTHER = """apiVersion: ecsync/v1
kind: Application
metadata: {name: other}
spec:
  target: {region: eu-west-1}
  manage: [all]
  vars: {image: public.ecr.aws/nginx/nginx:1.27}
  sync: {mode: enforce, prune: true, pruneLimit: 100, interval: 30s}
"""
SECOND = """
  TargetGroup/api: {Name: quickstart-api, Protocol: HTTP, Port: 80, TargetType: ip, VpcId: "${Network/main}"}

  ListenerRule/api:
    ListenerArn: ${Listener/http}
    Priority: 50
    Conditions: [{Field: path-pattern, Values: ["/api/*"]}]
    Actions: [{Type: forward, TargetGroupArn: "${TargetGroup/api}"}]

  Service/api:
    serviceName: api
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/web}
    launchType: FARGATE
    desiredCount: 1
    networkConfiguration:
      awsvpcConfiguration: {subnets: "${Network/main.publicSubnetIds}", securityGroups: ["${SecurityGroup/web}"]}
    loadBalancers:
      - {targetGroupArn: "${TargetGroup/api}", containerName: web, containerPort: 80}
"""
SCALING = """
  ScalableTarget/web: {Service: "${Service/web}", MinCapacity: 2, MaxCapacity: 4}

  ScalingPolicy/cpu:
    PolicyName: quickstart-cpu
    Service: ${Service/web}
    PolicyType: TargetTrackingScaling
    TargetTrackingScalingPolicyConfiguration:
      PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
      TargetValue: 60

  ScheduledAction/evening:
    ScheduledActionName: evening
    Service: ${Service/web}
    Schedule: cron(0 20 * * ? *)
    ScalableTargetAction: {MinCapacity: 2, MaxCapacity: 3}
"""
ROLE = """
  Role/second:
    RoleName: quickstart-second
    AssumeRolePolicyDocument:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {Service: ecs-tasks.amazonaws.com}, Action: sts:AssumeRole}]
    ManagedPolicyArns: [arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy]
"""


def edits(*changes: tuple[str, str, str]) -> Act:
    """Return an act that replaces texts: file, old, new."""

    def act(stage: Stage) -> None:
        for file, old, new in changes:
            stage.edit(old, new, file)

    return act


def adds(text: str) -> Act:
    """Return an act that adds documents to service.yaml."""

    def act(stage: Stage) -> None:
        path = stage.manifests / SERVICE
        path.write_text(path.read_text() + text)

    return act


def both(*acts: Act) -> Act:
    """Return an act that does several."""

    def act(stage: Stage) -> None:
        for one in acts:
            one(stage)

    return act


def rename_key(stage: Stage) -> None:
    """Give a document another key, for the same resources: a move."""
    for kind in ("Service/web", "TargetGroup/web", "TaskDefinition/web"):
        for file in (NETWORK, SERVICE):
            path = stage.manifests / file
            path.write_text(path.read_text().replace(kind, f"{kind.split('/')[0]}/site"))


def remove_service(stage: Stage) -> None:
    """Remove the service, its rule and its target group."""
    stage.cut("  Service/web:", "")
    stage.cut("  ListenerRule/web:", "", NETWORK)


def keep_the_log(stage: Stage) -> None:
    """Remove everything but the log group."""
    (stage.manifests / NETWORK).unlink()
    (stage.manifests / SERVICE).write_text(f"apiVersion: ecsync/v1\nresources:\n{LOG_GROUP}")


def two_applications(stage: Stage) -> None:
    """Put the quickstart beside a second application."""
    may_prune(stage)
    root = stage.manifests
    for folder in ("shop", "other"):
        (root / folder).mkdir()
    for file in (APPLICATION, NETWORK, SERVICE):
        shutil.move(root / file, root / "shop" / file)
    (root / "other" / APPLICATION).write_text(OTHER)
    logs = "apiVersion: ecsync/v1\nresources:\n  LogGroup/other: {logGroupName: /other, retentionInDays: 7}\n"
    (root / "other" / "logs.yaml").write_text(logs)


def move_log_group(stage: Stage) -> None:
    """Move a document into the other application."""
    stage.edit(LOG_GROUP, "", "shop/service.yaml")
    stage.edit("${LogGroup/web}", "${app:other/LogGroup/web}", "shop/service.yaml")
    path = stage.manifests / "other" / "logs.yaml"
    path.write_text(path.read_text() + LOG_GROUP)


def move_to_a_later_application(stage: Stage) -> None:
    """Move a document from the application that is reconciled first into the other one."""
    text = "  LogGroup/other: {logGroupName: /other, retentionInDays: 7}\n"
    stage.edit(text, "  LogGroup/new: {logGroupName: /new}\n", "other/logs.yaml")
    path = stage.manifests / "shop" / SERVICE
    path.write_text(path.read_text() + text)


def stack_moves(first: str, second: str) -> Act:
    """Return an act that moves the whole quickstart from one application to the other."""

    def act(stage: Stage) -> None:
        for file in (NETWORK, SERVICE):
            shutil.move(stage.manifests / first / file, stage.manifests / second / file)

    return act


def container_port(stage: Stage) -> None:
    """Let the container listen on another port, behind another target group port."""
    stage.edit("portMappings: [{containerPort: 80}]", "portMappings: [{containerPort: 8080}]")
    stage.edit("containerName: web, containerPort: 80", "containerName: web, containerPort: 8080")


def providers(cluster: str, service: str) -> Act:
    """Return an act that declares the capacity providers of the cluster, and the one of the service."""

    def act(stage: Stage) -> None:
        lines = (stage.manifests / SERVICE).read_text().splitlines(keepends=True)
        named = ("capacityProviders:", "capacityProviderStrategy:", "launchType:")
        text = "".join(line for line in lines if not line.strip().startswith(named))
        strategy = f"    capacityProviderStrategy: [{{capacityProvider: {service}, weight: 1}}]\n"
        text = text.replace(CLUSTER, f"{CLUSTER}    capacityProviders: {cluster}\n")
        (stage.manifests / SERVICE).write_text(
            text.replace("    serviceName: web\n", f"    serviceName: web\n{strategy}")
        )

    return act


CLUSTER = "    clusterName: quickstart\n"
TG_PORT = (NETWORK, "    Port: 80\n    TargetType: ip", "    Port: 8080\n    TargetType: ip")
IMAGE = (APPLICATION, "nginx:1.27", "nginx:1.28")
COUNT = (SERVICE, "desiredCount: 2", "desiredCount: 3")
RULE = (NETWORK, 'Values: ["/*"]', 'Values: ["/shop/*"]')
RETENTION = (SERVICE, "retentionInDays: 14", "retentionInDays: 30")
MANAGED = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"

SCENARIOS = (
    Scenario("first converge of the quickstart", empty=True),
    Scenario("image", edits(IMAGE)),
    Scenario("scale out", edits(COUNT)),
    Scenario("scale to zero", edits((SERVICE, "desiredCount: 2", "desiredCount: 0"))),
    Scenario("container port", container_port),
    Scenario("target group port", edits(TG_PORT)),
    Scenario("target group protocol version", edits((NETWORK, "    Protocol: HTTP\n    Port: 80\n    TargetType",
             "    Protocol: HTTP\n    ProtocolVersion: HTTP2\n    Port: 80\n    TargetType"))),
    Scenario("health check", edits((NETWORK, "HealthCheckPath: /", "HealthCheckPath: /health"))),
    Scenario("rename of a service", edits((SERVICE, "serviceName: web", "serviceName: web2")), prepare=may_prune),
    Scenario("rename of documents", rename_key, prepare=may_prune, deletes=False),
    Scenario("prune a service", remove_service, prepare=may_prune),
    Scenario("prune all but a log group", keep_the_log, prepare=may_prune),
    Scenario("listener rule", edits(RULE, (NETWORK, "Priority: 100", "Priority: 50"))),
    Scenario("role policy", edits((SERVICE, MANAGED, "arn:aws:iam::aws:policy/CloudWatchLogsFullAccess"))),
    Scenario("another role", both(adds(ROLE), edits((SERVICE, "${Role/execution.arn}", "${Role/second.arn}")))),
    Scenario("move to another application", move_log_group, prepare=two_applications, deletes=False),
    Scenario("move to a later application", move_to_a_later_application, prepare=two_applications, deletes=False),
    Scenario("the stack moves to an earlier application", stack_moves("shop", "other"),
             prepare=two_applications, deletes=False),
    Scenario("the stack moves to a later application", stack_moves("other", "shop"),
             prepare=both(two_applications, stack_moves("shop", "other")), deletes=False),
    Scenario("move to another Region", edits((APPLICATION, "region: eu-west-1", f"region: {ELSEWHERE}")),
             deletes=False),
    Scenario("log retention", edits(RETENTION)),
    Scenario("tags", edits((SERVICE, "tags: {team: quickstart}", "tags: {team: shop, tier: web}"))),
    Scenario("environment", edits((SERVICE, "GREETING: hello", "GREETING: hallo"))),
    Scenario("task size", edits((SERVICE, "cpu: 256", "cpu: 512"), (SERVICE, "memory: 512", "memory: 1024"))),
    Scenario("ingress rule", edits((NETWORK, "CidrIp: 0.0.0.0/0", "CidrIp: 10.0.0.0/8"))),
    Scenario("cluster settings", edits((SERVICE, "value: enabled", "value: disabled"))),
    Scenario("deployment configuration", edits((SERVICE, "maximumPercent: 200", "maximumPercent: 150"),
             (SERVICE, "healthCheckGracePeriodSeconds: 30", "healthCheckGracePeriodSeconds: 60"))),
    Scenario("load balancer attribute", edits((NETWORK, "timeout_seconds: 60", "timeout_seconds: 120"))),
    Scenario("deregistration delay", edits((NETWORK, "delay.timeout_seconds: 30", "delay.timeout_seconds: 60"))),
    Scenario("a second service", adds(SECOND)),
    Scenario("remove the second service", lambda stage: stage.edit(SECOND, ""),
             prepare=both(adds(SECOND), may_prune)),
    Scenario("scaling", adds(SCALING)),
    Scenario("remove scaling", lambda stage: stage.edit(SCALING, ""), prepare=both(adds(SCALING), may_prune)),
    Scenario("the cluster gives up a capacity provider", providers("[FARGATE]", "FARGATE"),
             prepare=providers("[FARGATE, FARGATE_SPOT]", "FARGATE_SPOT")),
    Scenario("another capacity provider", providers("[FARGATE_SPOT]", "FARGATE_SPOT"),
             prepare=providers("[FARGATE]", "FARGATE")),
    Scenario("name of a log group", edits((SERVICE, "logGroupName: /quickstart/web", "logGroupName: /quickstart/two")),
             prepare=may_prune),
    Scenario("five changes at once", edits(IMAGE, COUNT, RULE, RETENTION, (SERVICE, "GREETING: hello", "GREETING: a"))),
)  # fmt: skip
