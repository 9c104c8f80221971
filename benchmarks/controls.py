"""The controls: plain boto3 scripts that read the same fleet with stock clients and compare nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

CLUSTER = "bench"
SERVICES = ("ecs", "elbv2", "application-autoscaling", "logs", "resourcegroupstaggingapi", "ec2")


@dataclass(frozen=True, slots=True)
class Objects:
    """One service, and the AWS objects that belong to it."""

    name: str
    task_definition: str
    target_group: str
    rule: str


class Controls:
    """Stock boto3 clients of one account and Region, created before anything is measured."""

    def __init__(self, url: str, region: str) -> None:
        session = boto3.Session(region_name=region)
        config = Config(retries={"mode": "standard"})
        self._clients: dict[str, Any] = {
            name: session.client(name, endpoint_url=url, config=config) for name in SERVICES
        }
        self._ecs, self._elb = self._clients["ecs"], self._clients["elbv2"]
        self._scaling, self._logs = self._clients["application-autoscaling"], self._clients["logs"]

    def services_in_tens(self, names: Sequence[str]) -> list[Any]:
        """Read only the services, ten in a call, with their tags."""
        found: list[Any] = []
        for start in range(0, len(names), 10):
            described = self._ecs.describe_services(
                cluster=CLUSTER, services=names[start : start + 10], include=["TAGS"]
            )
            found += described["services"]
        return found

    def batched(self, names: Sequence[str]) -> None:
        """Read the whole fleet in the largest batches; a task definition has none. Nothing is cached."""
        self._ecs.describe_clusters(clusters=[CLUSTER], include=["TAGS", "SETTINGS"])
        for service in self.services_in_tens(names):
            self._ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
        self._pages("application-autoscaling", "describe_scalable_targets", ServiceNamespace="ecs")
        self._pages("application-autoscaling", "describe_scaling_policies", ServiceNamespace="ecs")
        self._pages("elbv2", "describe_target_groups")
        for balancer in self._pages("elbv2", "describe_load_balancers", "LoadBalancers"):
            arn = balancer["LoadBalancerArn"]
            for listener in self._pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn):
                self._pages("elbv2", "describe_rules", ListenerArn=listener["ListenerArn"])
        self._pages("logs", "describe_log_groups")
        for operation in ("describe_vpcs", "describe_subnets", "describe_route_tables", "describe_security_groups"):
            self._pages("ec2", operation)
        types = ["elasticloadbalancing", "application-autoscaling", "logs"]
        self._pages("resourcegroupstaggingapi", "get_resources", ResourceTypeFilters=types)

    def one_by_one(self, objects: Iterable[Objects]) -> None:
        """Read each object of each service in a call of its own, and the tags that no describe call returns."""
        for one in objects:
            self._ecs.describe_services(cluster=CLUSTER, services=[one.name], include=["TAGS"])
            self._ecs.describe_task_definition(taskDefinition=one.task_definition, include=["TAGS"])
            self._elb.describe_target_groups(TargetGroupArns=[one.target_group])
            self._elb.describe_target_group_attributes(TargetGroupArn=one.target_group)
            self._elb.describe_tags(ResourceArns=[one.target_group])
            self._elb.describe_rules(RuleArns=[one.rule])
            self._elb.describe_tags(ResourceArns=[one.rule])
            scaled = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
            resource = f"service/{CLUSTER}/{one.name}"
            self._scaling.describe_scalable_targets(**scaled, ResourceIds=[resource])
            self._scaling.describe_scaling_policies(**scaled, ResourceId=resource)
            self._logs.describe_log_groups(logGroupNamePrefix=f"/{CLUSTER}/{one.name}")

    def objects(self, names: Sequence[str]) -> list[Objects]:
        """Return what `one_by_one` reads of each service."""
        rules = {}
        for balancer in self._pages("elbv2", "describe_load_balancers", "LoadBalancers"):
            arn = balancer["LoadBalancerArn"]
            for listener in self._pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn):
                for rule in self._pages("elbv2", "describe_rules", "Rules", ListenerArn=listener["ListenerArn"]):
                    rules[rule["Actions"][0].get("TargetGroupArn", "")] = rule["RuleArn"]
        found = []
        for service in self.services_in_tens(names):
            group = service["loadBalancers"][0]["targetGroupArn"]
            found.append(Objects(service["serviceName"], service["taskDefinition"], group, rules[group]))
        return found

    def _pages(self, service: str, operation: str, result: str = "", **params: Any) -> list[Any]:
        """Return the items of the member `result` of all pages."""
        found: list[Any] = []
        for page in self._clients[service].get_paginator(operation).paginate(**params):
            found += page[result] if result else ()
        return found
