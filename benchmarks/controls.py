"""The controls: plain boto3 scripts that read the same fleet and compare nothing.

`python -m benchmarks.controls URL SERVICES SITES` measures them in this process and prints JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from benchmarks.controller import use
from benchmarks.cost import Cost, measured
from benchmarks.fleet import Fleet, sites
from benchmarks.load.client import Remote

CLUSTER = "bench"
SERVICES = ("ecs", "elbv2", "application-autoscaling", "logs", "resourcegroupstaggingapi", "ec2")


@dataclass(frozen=True, slots=True)
class Objects:
    """One service, and the AWS objects that belong to it."""

    name: str
    task_definition: str
    target_group: str
    rule: str


T = TypeVar("T")
MOST_OBJECTS = 100  # services up to which one call per object is measured
ROUNDS = 3


class Controls:
    """boto3 clients of one account and Region, created before anything is measured.

    Stock clients, except with `lean`: then a JSON answer is parsed once, without botocore's shapes and without events,
    and a task definition is read once.
    """

    def __init__(self, url: str, region: str, *, lean: bool = False) -> None:
        self._lean = lean
        self._definitions: set[str] = set()
        session = boto3.Session(region_name=region)
        config = Config(retries={"mode": "standard"})
        self._clients: dict[str, Any] = {
            name: session.client(name, endpoint_url=url, config=config) for name in SERVICES
        }
        if lean:
            for client in self._clients.values():
                client.meta.events.register("before-parse", _parse_once)
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
        """Read the whole fleet in the largest batches; a task definition has none. Stock clients cache nothing."""
        self._ecs.describe_clusters(clusters=[CLUSTER], include=["TAGS", "SETTINGS"])
        for service in self.services_in_tens(names):
            if service["taskDefinition"] not in self._definitions:
                self._ecs.describe_task_definition(taskDefinition=service["taskDefinition"], include=["TAGS"])
            if self._lean:
                self._definitions.add(service["taskDefinition"])
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
        self._pages("resourcegroupstaggingapi", "get_resources", ResourceTypeFilters=types, ResourcesPerPage=100)

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


def _parse_once(response_dict: Any, customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Give botocore the parsed JSON as its result, and an empty body to parse."""
    body = response_dict["body"]
    if response_dict["status_code"] != 200 or not body.startswith(b"{"):
        return
    parsed = json.loads(body)
    for service in parsed.get("services", ()):
        service.pop("events", None)
    customized_response_dict.update(parsed)
    response_dict["body"] = b"{}"


def _each(sites: Iterable[tuple[Controls, T]], work: Callable[[Controls, T], object]) -> None:
    for scripts, of in sites:
        work(scripts, of)


def measure(url: str, fleets: Sequence[Fleet]) -> dict[str, Cost]:
    """Return the cost of each control: of several runs that with the least CPU."""
    aws = Remote(url)
    stock = [(Controls(url, fleet.region), [f"web-{number}" for number in fleet.numbers]) for fleet in fleets]
    lean = [(Controls(url, fleet.region, lean=True), names) for fleet, (_, names) in zip(fleets, stock, strict=True)]
    work: dict[str, Callable[[], None]] = {
        "boto3, services in tens": lambda: _each(stock, Controls.services_in_tens),
        "boto3, batched": lambda: _each(stock, Controls.batched),
        "lean script": lambda: _each(lean, Controls.batched),
    }
    services = sum(fleet.services for fleet in fleets)
    if services <= MOST_OBJECTS:
        objects = [(scripts, scripts.objects(names)) for scripts, names in stock]
        work["boto3, one call per object"] = lambda: _each(objects, Controls.one_by_one)
    work["lean script"]()  # reads the task definitions
    rounds = ROUNDS if services <= 1000 else 1
    return {
        name: min((measured(aws, script) for _ in range(rounds)), key=lambda cost: cost.process_cpu)
        for name, script in work.items()
    }


def main() -> None:
    """Measure the controls of the fleet that the load AWS at a URL serves."""
    url, services, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    use(url)
    print(json.dumps({name: asdict(cost) for name, cost in measure(url, sites(services, 1, count)).items()}))


if __name__ == "__main__":
    main()
