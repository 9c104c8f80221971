"""Everything in the simulated account as text, and the resources of other owners that look like ours."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Aws = Callable[[str], Any]  # the client of a service

ID = re.compile(r"[0-9a-f]{8,}(-[0-9a-f]{4,})*|\b\d{6,}\b")
_VARYING = ("At", "Time", "Timestamp", "time", "Date", "events", "Id", "ResponseMetadata", "Alarms", "id", "Instances")
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}}]}


def masked(tree: object) -> str:
    """Return a tree as text, without ids and times."""
    return ID.sub("…", json.dumps(_sorted(tree), sort_keys=True, default=str))


def contents(aws: Aws) -> str:
    """Return what is in the account, one thing per line."""
    return "\n".join(sorted(f"{name} {masked(one)}" for name, one in _everything(aws)))


def difference(wanted: Iterable[str], found: Iterable[str]) -> str:
    """Return in what two contents differ, each line beside the nearest one of the other; empty if in nothing."""
    before, after = Counter(wanted), Counter(found)
    missing, more = sorted((before - after).elements()), sorted((after - before).elements())
    shown: list[str] = []
    for line in missing:
        parts = Counter(line.split(", "))
        near = max(more, key=lambda one: (parts & Counter(one.split(", "))).total(), default="")
        others = Counter(near.split(", "))
        if not (parts & others) or parts == others:
            shown.append(f"- {line}")
            continue
        more.remove(near)
        shown += [f"- {line[:12]}… {part}" for part in (parts - others).elements()]
        shown += [f"+ {near[:12]}… {part}" for part in (others - parts).elements()]
    return " | ".join([*shown, *(f"+ {line}" for line in more)])


def _sorted(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _sorted(value) for key, value in tree.items() if not key.endswith(_VARYING) and value != ""}
    if isinstance(tree, (list, tuple)):
        return sorted((_sorted(value) for value in tree), key=lambda one: ID.sub("…", json.dumps(one, default=str)))
    return tree


def _everything(aws: Aws) -> Iterator[tuple[str, Any]]:
    yield from _of_ecs(aws("ecs"))
    yield from _of_elb(aws("elbv2"))
    yield from _of_iam(aws("iam"))
    yield from _of_scaling(aws("autoscaling"), aws("application-autoscaling"))
    ec2, logs, ecr, watch = aws("ec2"), aws("logs"), aws("ecr"), aws("cloudwatch")
    for one in watch.describe_alarms()["MetricAlarms"]:
        yield "alarm", (one, watch.list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"])
    for one in ec2.describe_security_groups()["SecurityGroups"]:
        yield "security group", one
    for one in ec2.describe_launch_templates()["LaunchTemplates"]:
        yield "launch template", one
        versions = ec2.describe_launch_template_versions(LaunchTemplateId=one["LaunchTemplateId"])
        yield "versions", versions["LaunchTemplateVersions"]
    for one in logs.describe_log_groups()["logGroups"]:
        tags = logs.list_tags_for_resource(resourceArn=one["arn"].removesuffix(":*"))["tags"]
        yield "log group", (one["logGroupName"], one.get("retentionInDays"), tags)
    for one in ecr.describe_repositories()["repositories"]:
        yield "repository", (one, ecr.list_tags_for_resource(resourceArn=one["repositoryArn"])["tags"])


def _of_ecs(ecs: Any) -> Iterator[tuple[str, Any]]:
    arns = ecs.list_clusters()["clusterArns"]
    for one in ecs.describe_clusters(clusters=arns, include=["SETTINGS", "TAGS", "CONFIGURATIONS"])["clusters"]:
        yield "cluster", one
        cluster = one["clusterName"]
        services = ecs.list_services(cluster=cluster, maxResults=100)["serviceArns"]
        for start in range(0, len(services), 10):
            batch = services[start : start + 10]
            for service in ecs.describe_services(cluster=cluster, services=batch, include=["TAGS"])["services"]:
                yield "service", service
        tasks = ecs.list_tasks(cluster=cluster)["taskArns"]
        for task in ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"] if tasks else ():
            yield "task", (task["taskDefinitionArn"], task["lastStatus"], task["group"])
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        yield "revision", ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    yield "inactive revisions", ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"]
    for one in ecs.describe_capacity_providers(include=["TAGS"])["capacityProviders"]:
        yield "capacity provider", one


def _of_elb(elb: Any) -> Iterator[tuple[str, Any]]:
    arns = []
    for balancer in elb.describe_load_balancers()["LoadBalancers"]:
        arn = balancer["LoadBalancerArn"]
        arns.append(arn)
        yield "load balancer", (balancer, elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"])
        for listener in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]:
            arns.append(listener["ListenerArn"])
            yield "listener", listener
            for rule in elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                arns += () if rule["IsDefault"] else (rule["RuleArn"],)
                yield "rule", rule
    for group in elb.describe_target_groups()["TargetGroups"]:
        arn = group["TargetGroupArn"]
        arns.append(arn)
        health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        states = [one["TargetHealth"]["State"] for one in health]
        yield "target group", (group, elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"], states)
    for start in range(0, len(arns), 20):
        for one in elb.describe_tags(ResourceArns=arns[start : start + 20])["TagDescriptions"]:
            yield "tags", one


def _of_iam(iam: Any) -> Iterator[tuple[str, Any]]:
    for role in iam.list_roles()["Roles"]:
        name = role["RoleName"]
        if role["Path"].startswith("/aws-service-role"):
            continue
        inline = iam.list_role_policies(RoleName=name)["PolicyNames"]
        yield (
            "role",
            (
                iam.get_role(RoleName=name)["Role"],
                iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
                {policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] for policy in inline},
            ),
        )
    for profile in iam.list_instance_profiles()["InstanceProfiles"]:
        yield "instance profile", (profile["InstanceProfileName"], [one["RoleName"] for one in profile["Roles"]])


def _of_scaling(groups: Any, scaling: Any) -> Iterator[tuple[str, Any]]:
    for one in groups.describe_auto_scaling_groups()["AutoScalingGroups"]:
        yield "auto scaling group", (one, len(one.get("Instances", ())))
    for one in scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]:
        yield "scalable target", (one, scaling.list_tags_for_resource(ResourceARN=one["ScalableTargetARN"])["Tags"])
    for one in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]:
        yield "scaling policy", one
    for one in scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"]:
        yield "scheduled action", one


# ---------------------------------------------------------------- other owners


def add_look_alikes(aws: Aws) -> None:
    """Create resources of other owners: names close to ours, our marks copied, marks of another installation."""
    ours = {"ecsync:owner": "v1/test/quickstart/LogGroup/web", "ecsync:id": "0" * 16, "ecsync:applied": "copied"}
    other = {"ecsync:owner": "v1/another/quickstart/LogGroup/web", "ecsync:id": "0" * 16}
    logs, ecs, elb, iam, ec2 = aws("logs"), aws("ecs"), aws("elbv2"), aws("iam"), aws("ec2")
    logs.create_log_group(logGroupName="/quickstart/web-2", tags=ours)
    logs.create_log_group(logGroupName="/quickstart", tags=other)
    ecs.create_cluster(clusterName="quickstart-2", tags=[{"key": key, "value": value} for key, value in ours.items()])
    container = {"name": "web", "image": "public.ecr.aws/nginx/nginx:1.27"}
    for family in ("quickstart-web-2", "quickstart-we"):
        ecs.register_task_definition(family=family, containerDefinitions=[{**container, "memory": 64}])
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    tags = [{"Key": key, "Value": value} for key, value in ours.items()]
    elb.create_target_group(Name="quickstart-web-2", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", Tags=tags)
    group = ec2.create_security_group(GroupName="quickstart-web-2", Description="of another owner", VpcId=vpc)
    ec2.create_tags(Resources=[group["GroupId"]], Tags=tags)
    iam.create_role(RoleName="quickstart-execution-2", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=tags)


def add_network(ec2: Any, region: str) -> None:
    """Create what the tutorial's stack looks up: a VPC with a public subnet in each of two availability zones."""
    named = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "tilog-vpc"}]}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=named)["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for number, zone in enumerate("ac"):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{region}{zone}")
