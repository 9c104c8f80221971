"""Generated chains of changes of a manifest: A → B → C ends as C in an empty account."""

from __future__ import annotations

import json
import random
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.account import add_look_alikes, contents, difference, masked
from tests.chaos.forks import Broken, in_copies
from tests.chaos.run import run
from tests.chaos.stage import Stage, World
from tests.whole.support.environment import SETTLE_SECONDS, Controller

Body = dict[str, Any]
CHANGES = 48  # of properties, in one chain
MOST_AT_ONCE = 14
ACTED = 0.3  # of the steps, after an act of another client
ABSENT: Any = object()
APPLIED = re.compile(r'"1r?:[\w+/=-]+"')  # a declared value that AWS has already is not noted: that is no write
# A declared default, or a value that was removed by sending the default: the same as nothing.
DEFAULTS = (
    '"configuration": {"executeCommandConfiguration": {"logging": "DEFAULT"}}',
    '"EvaluationWindow": {"SlidingWindow": {}}',
    '"TreatMissingData": "missing"',
    '"CapacityRebalance": false',
    '"ScaleInCooldown": 300',
)
REVISION = re.compile(r"(task-definition/[\w-]+):\d+")

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
MANAGED = "arn:aws:iam::aws:policy/"
APPLICATION = {
    "apiVersion": "ecsync/v1",
    "kind": "Application",
    "metadata": {"name": "walk"},
    "spec": {
        "target": {"region": "eu-west-1"},
        "manage": ["all"],
        "sync": {"mode": "enforce", "prune": True, "pruneLimit": 100, "interval": "30s"},
    },
}
FIRST: Mapping[str, Body] = {
    "Network/main": {"default": True},
    "Cluster/main": {"clusterName": "walk"},
    "LogGroup/web": {"logGroupName": "/walk/web"},
    "SecurityGroup/web": {"GroupName": "walk-web", "Description": "of a walk", "VpcId": "${Network/main}"},
    "SecurityGroup/other": {"GroupName": "walk-other", "Description": "of a walk", "VpcId": "${Network/main}"},
    "TargetGroup/web": {
        "Name": "walk-web", "Protocol": "HTTP", "Port": 80, "TargetType": "ip", "VpcId": "${Network/main}",
        "HealthCheckIntervalSeconds": 10,
    },
    "Role/execution": {"RoleName": "walk-execution", "AssumeRolePolicyDocument": TRUST},
    "TaskDefinition/web": {
        "family": "walk-web", "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": 256,
        "memory": 1024, "executionRoleArn": "${Role/execution.arn}",
        "containerDefinitions": [{"name": "web", "image": "nginx:1"}],
    },
    "Alarm/cpu": {
        "AlarmName": "walk-cpu", "Namespace": "AWS/ECS", "MetricName": "CPUUtilization", "Statistic": "Average",
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 80, "ComparisonOperator": "GreaterThanThreshold",
    },
    "Service/web": {
        "serviceName": "web", "cluster": "${Cluster/main}", "taskDefinition": "${TaskDefinition/web}",
        "launchType": "FARGATE", "desiredCount": 1,
        "networkConfiguration": {"awsvpcConfiguration": {
            "subnets": "${Network/main.publicSubnetIds}", "securityGroups": ["${SecurityGroup/web}"],
            "assignPublicIp": "ENABLED",
        }},
    },
    "LoadBalancer/web": {
        "Name": "walk-web", "Subnets": "${Network/main.publicSubnetIds}", "SecurityGroups": ["${SecurityGroup/web}"],
    },
    "Listener/web": {"LoadBalancerArn": "${LoadBalancer/web}", "Protocol": "HTTP", "Port": 80, "DefaultActions": [
        {"Type": "forward", "TargetGroupArn": "${TargetGroup/web}"}]},
    "ListenerRule/web": {
        "ListenerArn": "${Listener/web}", "Priority": 10, "Conditions": [{"Field": "path-pattern", "Values": ["/a"]}],
        "Actions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    },
    "Repository/web": {"repositoryName": "walk-web"},
    "LaunchTemplate/nodes": {
        "LaunchTemplateName": "walk-nodes", "LaunchTemplateData": {"ImageId": "ami-1", "InstanceType": "t3.small"},
    },
    "AutoScalingGroup/nodes": {
        "AutoScalingGroupName": "walk-nodes", "MinSize": 0, "MaxSize": 2,
        "VPCZoneIdentifier": "${Network/main.publicSubnetIds}",
        "LaunchTemplate": {"LaunchTemplateId": "${LaunchTemplate/nodes}", "Version": "$Default"},
    },
    "ScalingPolicy/cpu": {
        "PolicyName": "walk-cpu", "Service": "${Service/web}", "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 60,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
    },
}  # fmt: skip
WAITING = {"ScalingPolicy/cpu": "ScalableTarget/web"}  # left out of the manifests while the other is
TAGS = (ABSENT, {"team": "a"}, {"team": "b", "tier": "web"}, {"tier": "web"})
LIST_OF_TAGS = (ABSENT, [{"Key": "team", "Value": "a"}], [{"Key": "team", "Value": "b"}, {"Key": "x", "Value": "y"}])


def port_rule(number: int, cidr: str) -> Body:
    """Return the rule of a security group that opens a port."""
    return {"IpProtocol": "tcp", "FromPort": number, "ToPort": number, "IpRanges": [{"CidrIp": cidr}]}


def second_group(port: int) -> Body:
    """Return a security group that the first one may reach."""
    pairs = {
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": port,
        "UserIdGroupPairs": [{"GroupId": "${SecurityGroup/web}"}],
    }
    return {**FIRST["SecurityGroup/web"], "GroupName": "walk-two", "IpPermissions": [pairs]}


_CERTIFICATES = [{"CertificateArn": f"arn:aws:acm:eu-west-1:123456789012:certificate/{one}"} for one in "ab"]
_TLS = {"LoadBalancerArn": "${LoadBalancer/web}", "Protocol": "HTTPS", "Port": 443,
        "SslPolicy": "ELBSecurityPolicy-2016-08",  # it stays, once declared
        "DefaultActions": FIRST["Listener/web"]["DefaultActions"]}  # fmt: skip
_FORWARD = {"Type": "forward", "TargetGroupArn": "${TargetGroup/web}"}
_FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
_TEXT = {**_FIXED, "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain", "MessageBody": "busy"}}
_REDIRECT = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
_STICKY = {"Type": "forward", "ForwardConfig": {
    "TargetGroups": [{"TargetGroupArn": "${TargetGroup/web}", "Weight": 1}],
    "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}}  # fmt: skip
_OIDC = {"Type": "authenticate-oidc", "Order": 1, "AuthenticateOidcConfig": {
    "Issuer": "https://i", "AuthorizationEndpoint": "https://a", "TokenEndpoint": "https://t",
    "UserInfoEndpoint": "https://u", "ClientId": "c", "ClientSecret": "s",
    "AuthenticationRequestExtraParams": {"prompt": "login"}}}  # fmt: skip
_RULES = {"rules": [{"rulePriority": 1, "selection": {"tagStatus": "any", "countType": "imageCountMoreThan",
                                                      "countNumber": 9}, "action": {"type": "expire"}}]}  # fmt: skip
_PULL = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]}  # fmt: skip
_TRACKING = "TargetTrackingScalingPolicyConfiguration"

# What a change sets: a path from the key of a document, and the values among which it chooses.
CHOICES: tuple[tuple[tuple[str | int, ...], tuple[Any, ...]], ...] = (
    (("Cluster/main", "settings"), (ABSENT, *([{"name": "containerInsights", "value": one}]
                                              for one in ("enabled", "disabled", "enhanced")))),
    (("Cluster/main", "tags"), TAGS),
    (("Cluster/main", "capacityProviders"), (ABSENT, ["FARGATE"], ["FARGATE", "FARGATE_SPOT"])),
    (("Cluster/main", "configuration"), (ABSENT, *({"executeCommandConfiguration": {"logging": one}}
                                                   for one in ("NONE", "DEFAULT")))),
    (("LogGroup/web", "retentionInDays"), (ABSENT, 1, 7, 14, 30, 365)),
    (("LogGroup/web", "tags"), TAGS),
    (("SecurityGroup/web", "IpPermissions"), (ABSENT, [], [port_rule(80, "0.0.0.0/0")], [port_rule(80, "10.0.0.0/8")],
                                               [port_rule(80, "10.0.0.0/8"), port_rule(443, "0.0.0.0/0")])),
    (("SecurityGroup/web", "Tags"), LIST_OF_TAGS),
    (("TargetGroup/web", "HealthCheckPath"), (ABSENT, "/", "/health", "/ready")),
    (("TargetGroup/web", "HealthCheckIntervalSeconds"), (ABSENT, 5, 10, 30)),
    (("TargetGroup/web", "HealthyThresholdCount"), (ABSENT, 2, 3, 5)),
    (("TargetGroup/web", "Matcher"), (ABSENT, {"HttpCode": "200"}, {"HttpCode": "200-299"})),
    (("TargetGroup/web", "Attributes"), (ABSENT, {"deregistration_delay.timeout_seconds": 30},
                                         {"stickiness.enabled": True, "stickiness.type": "lb_cookie"})),
    (("TargetGroup/web", "Tags"), LIST_OF_TAGS),
    (("Role/execution", "Description"), (ABSENT, "one", "two")),
    (("Role/execution", "MaxSessionDuration"), (ABSENT, 3600, 7200)),
    (("Role/execution", "ManagedPolicyArns"), (ABSENT, [], [f"{MANAGED}CloudWatchLogsFullAccess"],
        [f"{MANAGED}CloudWatchLogsFullAccess", f"{MANAGED}AmazonS3ReadOnlyAccess"])),
    (("Role/execution", "Policies"), (ABSENT, *({"read": {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": one, "Resource": "*"}]}} for one in ("s3:GetObject", "s3:ListBucket")))),
    (("TaskDefinition/web", "cpu"), (256, 512)),
    (("TaskDefinition/web", "memory"), (1024, 2048)),
    (("TaskDefinition/web", "containerDefinitions", 0, "image"), ("nginx:1", "nginx:2", "nginx:3")),
    (("TaskDefinition/web", "containerDefinitions", 0, "environment"), (ABSENT, {"A": "1"}, {"A": "2", "B": "3"})),
    (("TaskDefinition/web", "containerDefinitions", 0, "portMappings"), (ABSENT, [{"containerPort": 80}],
                                                                         [{"containerPort": 8080}])),
    (("TaskDefinition/web", "tags"), TAGS),
    (("Service/web", "desiredCount"), (0, 1, 2, 3)),
    (("Service/web", "deploymentConfiguration"), (ABSENT, {"maximumPercent": 200, "minimumHealthyPercent": 100},
        {"maximumPercent": 200, "minimumHealthyPercent": 50},
        {"deploymentCircuitBreaker": {"enable": True, "rollback": True}})),
    (("Service/web", "platformVersion"), (ABSENT, "1.4.0", "LATEST")),
    (("Service/web", "enableECSManagedTags"), (ABSENT, True, False)),
    (("Service/web", "enableExecuteCommand"), (ABSENT, True, False)),
    (("Service/web", "propagateTags"), (ABSENT, "SERVICE", "TASK_DEFINITION")),
    (("Service/web", "tags"), TAGS),
    (("ScalableTarget/web",), (ABSENT, *({"Service": "${Service/web}", "MinCapacity": 0, "MaxCapacity": most}
                                         for most in (4, 6)))),
    (("Alarm/cpu", "EvaluationPeriods"), (1, 2)),
    (("Alarm/cpu", "EvaluationWindow"), (ABSENT, {"WallClockWindow": {"Timezone": "UTC"}}, {"SlidingWindow": {}})),
    (("Alarm/cpu", "AlarmDescription"), (ABSENT, "one", "two")),
    (("Alarm/cpu", "TreatMissingData"), (ABSENT, "ignore", "breaching")),
    (("SecurityGroup/web", "IpPermissionsEgress"), (ABSENT, [], [port_rule(443, "0.0.0.0/0")],
        [{**port_rule(443, "0.0.0.0/0"), "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "out"}]}],
        [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}], "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}])),
    (("LoadBalancer/web", "Attributes"), (ABSENT, {"idle_timeout.timeout_seconds": 90},
        {"routing.http2.enabled": False, "routing.http.drop_invalid_header_fields.enabled": True})),
    (("LoadBalancer/web", "IpAddressType"), (ABSENT, "ipv4", "dualstack")),
    (("LoadBalancer/web", "SecurityGroups"), (["${SecurityGroup/web}"], ["${SecurityGroup/other}"],
                                              ["${SecurityGroup/web}", "${SecurityGroup/other}"])),
    (("LoadBalancer/web", "Tags"), LIST_OF_TAGS),
    (("Listener/web", "DefaultActions"), ([_FORWARD], [_FIXED], [_TEXT], [_REDIRECT], [_STICKY])),
    (("Listener/web", "Attributes"), (ABSENT, {"routing.http.response.server.enabled": False},
        {"routing.http.response.x_frame_options.header_value": "DENY"})),
    (("Listener/web", "Tags"), LIST_OF_TAGS),
    (("Listener/tls",), (ABSENT, {**_TLS, "Certificates": _CERTIFICATES[:1]},
        {**_TLS, "Certificates": _CERTIFICATES, "SslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06"},
        {**_TLS, "Certificates": _CERTIFICATES[1:], "MutualAuthentication": {"Mode": "passthrough"}},
        {**_TLS, "Certificates": _CERTIFICATES[:1], "DefaultActions": [_OIDC, {**_FORWARD, "Order": 2}]})),
    (("ListenerRule/web", "Priority"), (10, 20)),
    (("ListenerRule/web", "Conditions"), ([{"Field": "path-pattern", "Values": ["/a"]}],
        [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a", "/b"]}}],
        [{"Field": "host-header", "Values": ["a.example"]}, {"Field": "source-ip", "SourceIpConfig": {
            "Values": ["10.0.0.0/8"]}}],
        [{"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "k", "Value": "v"}, {"Value": "w"}]}}],
        [{"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-A", "Values": ["b", "a"]}},
         {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["PUT", "GET"]}}])),
    (("ListenerRule/web", "Actions"), ([_FORWARD], [_FIXED], [_TEXT], [_REDIRECT], [_STICKY])),
    (("ListenerRule/web", "Transforms"), (ABSENT, [{"Type": "url-rewrite", "UrlRewriteConfig": {
        "Rewrites": [{"Regex": "^/a", "Replace": "/b"}]}}])),
    (("ListenerRule/web", "Tags"), LIST_OF_TAGS),
    (("Repository/web", "imageTagMutability"), (ABSENT, "IMMUTABLE", "MUTABLE")),
    (("Repository/web", "imageScanningConfiguration"), (ABSENT, {"scanOnPush": True}, {"scanOnPush": False})),
    (("Repository/web", "lifecyclePolicy"), (ABSENT, _RULES)),
    (("Repository/web", "policy"), (ABSENT, _PULL)),
    (("Repository/web", "tags"), TAGS),
    (("LaunchTemplate/nodes", "LaunchTemplateData", "InstanceType"), ("t3.small", "t3.large")),
    (("LaunchTemplate/nodes", "LaunchTemplateData", "Monitoring"), (ABSENT, {"Enabled": True}, {"Enabled": False})),
    (("LaunchTemplate/nodes", "LaunchTemplateData", "MetadataOptions"), (ABSENT, {"HttpTokens": "required"},
        {"HttpTokens": "required", "HttpPutResponseHopLimit": 2})),
    (("LaunchTemplate/nodes", "LaunchTemplateData", "BlockDeviceMappings"), (ABSENT, [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True}}])),
    (("LaunchTemplate/nodes", "LaunchTemplateData", "UserData"), (ABSENT, "#!/bin/sh\n", "#!/bin/sh\ntrue\n")),
    (("LaunchTemplate/nodes", "Tags"), LIST_OF_TAGS),
    (("AutoScalingGroup/nodes", "MaxSize"), (1, 2, 3)),
    (("AutoScalingGroup/nodes", "DefaultCooldown"), (ABSENT, 60, 300)),
    (("AutoScalingGroup/nodes", "HealthCheckGracePeriod"), (ABSENT, 30, 0)),
    (("AutoScalingGroup/nodes", "TerminationPolicies"), (ABSENT, ["OldestInstance"], ["Default"])),
    (("AutoScalingGroup/nodes", "NewInstancesProtectedFromScaleIn"), (ABSENT, True, False)),
    (("AutoScalingGroup/nodes", "CapacityRebalance"), (ABSENT, True, False)),
    (("AutoScalingGroup/nodes", "MaxInstanceLifetime"), (ABSENT, 86400)),
    (("AutoScalingGroup/nodes", "DefaultInstanceWarmup"), (ABSENT, 0, 30)),
    (("AutoScalingGroup/nodes", "EnabledMetrics"), (ABSENT, [{"Metric": "GroupMinSize"}],
        [{"Metric": "GroupMinSize"}, {"Metric": "GroupMaxSize"}])),
    (("AutoScalingGroup/nodes", "InstanceMaintenancePolicy"), (ABSENT, {"MinHealthyPercentage": 90,
                                                                       "MaxHealthyPercentage": 120})),
    (("AutoScalingGroup/nodes", "Tags"), (ABSENT, [{"Key": "team", "Value": "a", "PropagateAtLaunch": True}],
        [{"Key": "team", "Value": "a", "PropagateAtLaunch": False},
         {"Key": "x", "Value": "", "PropagateAtLaunch": True}])),
    (("ScalingPolicy/cpu", _TRACKING, "TargetValue"), (40, 60)),
    (("ScalingPolicy/cpu", _TRACKING, "ScaleInCooldown"), (ABSENT, 0, 60, 300)),
    (("ScalingPolicy/cpu", _TRACKING, "DisableScaleIn"), (ABSENT, True, False)),
    (("TargetGroup/two",), (ABSENT, {"Name": "walk-two", "Protocol": "HTTP", "Port": 81, "TargetType": "ip",
                                     "VpcId": "${Network/main}"})),
    (("SecurityGroup/two",), (ABSENT, second_group(80), second_group(90))),
)  # fmt: skip


@dataclass
class Walk:
    """One chain: a seed makes it, and it makes the same again."""

    seed: str
    documents: dict[str, Body] = field(default_factory=lambda: json.loads(json.dumps(FIRST)))
    changes: int = 0
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311  # no secret

    def step(self) -> None:
        """Change some properties."""
        for _ in range(self.random.randint(1, MOST_AT_ONCE)):
            path, values = self.random.choice(CHOICES)
            tree: Any = self.documents
            for part in path[:-1]:
                tree = tree[part]
            before = tree.get(path[-1], ABSENT)
            value = self.random.choice([one for one in values if one != before])
            if value is ABSENT:
                del tree[path[-1]]
            else:
                tree[path[-1]] = value
            self.changes += 1
            self.log.append(f"{'.'.join(map(str, path))} = {'absent' if value is ABSENT else json.dumps(value)}")

    def write(self, manifests: Path) -> None:
        """Write the manifests."""
        manifests.mkdir(exist_ok=True)
        waiting = {one for one, other in WAITING.items() if other not in self.documents}
        resources = {name: body for name, body in self.documents.items() if name not in waiting}
        stack = {"apiVersion": "ecsync/v1", "resources": resources}
        (manifests / "application.json").write_text(json.dumps(APPLICATION))
        (manifests / "stack.json").write_text(json.dumps(stack))


@dataclass(frozen=True)
class Walked:
    """The end of a walk."""

    seed: str
    changes: int
    problem: str = ""
    log: tuple[str, ...] = ()


def walks(world: World, seeds: Iterable[str], until: Callable[[], bool]) -> Iterator[Walked]:
    """Make a chain for each seed, in a copy of the process. All of them begin with the same converged account."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(world, Path(folder) / "manifests", "eu-west-1")
        add_look_alikes(stage.aws)
        Walk("").write(stage.manifests)
        controller = stage.controller()
        problem = run(stage, controller).problem
        assert not problem, problem
        contents(stage.aws)  # loads what the copies need

        def make(one: str) -> Walked:
            return walked(stage, controller, one, Path(folder) / one) if not until() else Walked(one, 0)

        for one, found in in_copies(make, seeds):
            yield Walked(one, 0, found.why, found.explained) if isinstance(found, Broken) else found


def walked(stage: Stage, controller: Controller, seed: str, folder: Path) -> Walked:
    """Walk from the converged first manifests, and compare the end with the same manifests in an empty account."""
    walk, acts, problem = Walk(seed), _acts(stage), ""
    folder.mkdir()
    stage.move(controller, folder / "manifests")
    walk.write(stage.manifests)  # an act may read them before the first change
    while not problem and walk.changes < CHANGES:
        walk.step()
        if walk.random.random() < ACTED:
            name = walk.random.choice(sorted(acts))
            walk.log.append(name)
            acts[name]()
        walk.write(stage.manifests)
        controller.read()
        problem = _found(stage, controller)
    problem = problem or _against_fresh(stage, folder)
    return Walked(seed, walk.changes, problem, tuple(walk.log) if problem else ())


def _found(stage: Stage, controller: Controller) -> str:
    invalid = [str(one) for one in controller.catalogue.problems]
    if invalid:
        return f"the manifests are invalid: {invalid}"
    found = run(stage, controller)
    return f"{found.problem}: {found.explained}" if found.problem else ""


def _against_fresh(stage: Stage, folder: Path) -> str:
    """Return in what the account differs from an empty one with the same manifests; empty if in nothing."""
    walked_to = _lines(stage)
    fresh = Stage(stage.world, folder / "manifests", stage.region)
    add_look_alikes(fresh.aws)
    problem = _found(fresh, fresh.controller())
    if problem:
        return f"in an empty account: {problem}"
    wanted = _lines(fresh)
    old = [one for one in walked_to if one.startswith("revision ") and one not in wanted]
    return difference(wanted, [one for one in walked_to if one not in old])


def _lines(stage: Stage) -> list[str]:
    """Return what is in the account at rest. Within its band, the autoscaler decides the count: here it is 3."""
    scaling, ecs = stage.aws("application-autoscaling"), stage.aws("ecs")
    if scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
        ecs.update_service(cluster="walk", service="web", desiredCount=3)
    stage.simulator.advance(SETTLE_SECONDS)
    text = APPLIED.sub("…", REVISION.sub(r"\1", contents(stage.aws)))
    text = re.sub(r'"revision": \d+', '"revision": …', text)
    text = re.sub(r'"(Latest|Default)VersionNumber": \d+', "", text)
    for default in DEFAULTS:
        text = text.replace(f"{default}, ", "").replace(f", {default}", "")
    versions = stage.aws("ec2").describe_launch_template_versions(Versions=["$Default"])["LaunchTemplateVersions"]
    lines = [one for one in text.splitlines() if not one.startswith(("inactive", "versions"))]
    return [*lines, *(f"default version {masked(one['LaunchTemplateData'])}" for one in versions)]


# ---------------------------------------------------------------- other clients


def _acts(stage: Stage) -> Mapping[str, Callable[[], object]]:
    """Return what another client may do in between, by name."""
    ecs, logs, ec2 = stage.aws("ecs"), stage.aws("logs"), stage.aws("ec2")

    def rival() -> None:
        """Let a controller with the manifests of before make one pass."""
        stage.restarted(Controller(stage.environment, str(stage.manifests))).run_pass()

    def open_port() -> None:
        groups = [one for one in ec2.describe_security_groups()["SecurityGroups"] if one["GroupName"] == "walk-web"]
        held = [one.get("FromPort") for one in groups[0]["IpPermissions"]]
        port = next(number for number in range(2000, 3000) if number not in held)
        ec2.authorize_security_group_ingress(
            GroupId=groups[0]["GroupId"], IpPermissions=[port_rule(port, "10.1.0.0/16")]
        )

    return {
        "a person scales": lambda: ecs.update_service(cluster="walk", service="web", desiredCount=2),
        "a person keeps the log": lambda: logs.put_retention_policy(logGroupName="/walk/web", retentionInDays=90),
        "a person opens a port": open_port,
        "a person deletes the log": lambda: logs.delete_log_group(logGroupName="/walk/web"),
        "a rival makes a pass": rival,
        "time goes by": lambda: stage.simulator.advance(7200.0),
    }
