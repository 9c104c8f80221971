"""Fills in the parts that a document lacks outside its repository: template values, and the resources that it names.

Each filled-in part has a name, which is counted in the table. No other part of the document is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ecsync.core.trees import thaw
from tests.corpus.account import Account, Body

_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,255}")
_MODES = ("bridge", "host", "awsvpc", "none", "default")
_EXTERNAL = {"EXTERNAL"}


def named(text: Any, otherwise: str) -> str:
    """Return the text as a name that AWS accepts."""
    return _NAME.sub("-", str(text or "")).strip("-") or otherwise


# ---------------------------------------------------------------- task definitions


def task(document: Mapping[str, Any]) -> tuple[Body, list[str]]:
    """Return a task definition that RegisterTaskDefinition accepts, and the filled-in parts."""
    whole: Body = thaw(document)
    body = whole.get("taskDefinition", whole)
    filled = list(_task(body))
    return whole, filled


def _task(body: Body) -> Iterator[str]:
    if not _PLAIN.fullmatch(str(body.get("family", ""))):
        body["family"] = named(body.get("family"), "app")
        yield "family"
    fargate = "FARGATE" in (body.get("requiresCompatibilities") or ())
    if (body.get("networkMode") or fargate) and body.get("networkMode") not in _MODES:
        body["networkMode"] = "awsvpc" if fargate else "bridge"
        yield "network mode"
    architecture = (body.get("runtimePlatform") or {}).get("cpuArchitecture")
    if architecture and architecture not in ("X86_64", "ARM64"):
        body["runtimePlatform"]["cpuArchitecture"] = "X86_64"
        yield "architecture"
    if any(str(body.get(size, "1"))[:1] in "<{$" for size in ("cpu", "memory")):
        body |= {"cpu": "256", "memory": "512"}
        yield "size"
    for container in body.get("containerDefinitions") or ():
        for member in ("name", "image"):
            if not container.get(member):
                container[member] = "nginx"
                yield f"container {member}"
        if not _PLAIN.fullmatch(str(container["name"])):
            yield "container name"
    _name_containers(body)
    if not body.get("executionRoleArn") and _needs_role(body):
        body["executionRoleArn"] = "execution"
        yield "execution role"


def _name_containers(body: Body) -> None:
    """Give containers names that AWS accepts, also where another container names them."""
    for container in body.get("containerDefinitions") or ():
        container["name"] = named(container["name"], "app")
        for member, name in (("dependsOn", "containerName"), ("volumesFrom", "sourceContainer")):
            for one in container.get(member) or ():
                if name in one:
                    one[name] = named(one[name], "app")


def _needs_role(body: Body) -> bool:
    fargate = "FARGATE" in (body.get("requiresCompatibilities") or ())
    for container in body.get("containerDefinitions") or ():
        driver = (container.get("logConfiguration") or {}).get("logDriver")
        if container.get("secrets") or (fargate and (driver == "awslogs" or ".dkr.ecr." in container["image"])):
            return True
    return False


# ---------------------------------------------------------------- services


class Services:
    """Fills in services of one account. Equal texts get equal values, also in the next revision."""

    def __init__(self, account: Account, documents: Sequence[Mapping[str, Any]]) -> None:
        self._account = account
        self._ports = _ports(documents)  # one task definition for all of them
        self._values: dict[str, str] = {}
        self._made: set[str] = set()

    def fill(self, document: Mapping[str, Any], name: str) -> tuple[Body, list[str]]:
        """Return a service that CreateService accepts in this account, and the filled-in parts."""
        body: Body = thaw(document)
        filled = [*self._texts(body, name), *self._network(body), *self._cluster(body)]
        if (body.get("deploymentController") or {}).get("type") not in _EXTERNAL:
            filled += [*self._balancers(body), *self._task(body)]
        return body, filled

    def _texts(self, body: Body, name: str) -> Iterator[str]:
        if not _PLAIN.fullmatch(str(body.get("serviceName", ""))):
            body["serviceName"] = named(body.get("serviceName") or body.pop("service", None), named(name, "app"))
            yield "service name"
        controller = body.get("deploymentController") or {}
        if str(controller.get("type", "")).startswith("{{"):
            controller["type"] = "ECS"
            yield "deployment controller"
        if body.get("role"):
            self._once("role", lambda: self._role(named(str(body["role"]).rsplit("/", 1)[-1], "ecs")))
            yield "role"

    def _role(self, name: str) -> None:
        ecs = {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}
        trust = json.dumps({"Statement": [ecs]})
        self._account.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)

    def _network(self, body: Body) -> Iterator[str]:
        network = (body.get("networkConfiguration") or {}).get("awsvpcConfiguration")
        if not network:
            return
        ec2 = self._account.aws("ec2")
        real = sorted(one["SubnetId"] for one in ec2.describe_subnets()["Subnets"])
        network["subnets"] = [
            self._value(f"subnet {text}", lambda: real[len(self._of("subnet-")) % len(real)])
            for text in network["subnets"]
        ]
        yield "subnets"
        if network.get("securityGroups"):
            network["securityGroups"] = [
                self._value(f"group {text}", self._security_group) for text in network["securityGroups"]
            ]
            yield "security groups"

    def _security_group(self) -> str:
        made = self._account.aws("ec2").create_security_group(GroupName=f"g{len(self._values)}", Description="corpus")
        return str(made["GroupId"])

    def _cluster(self, body: Body) -> Iterator[str]:
        written = body.get("cluster") or body.get("clusterArn") or "default"
        name = named(str(written).rsplit("/", 1)[-1], "default")
        if "cluster" in body:
            body["cluster"] = name
        body.pop("clusterArn", None)
        if name != "default" and "cluster" not in body:
            body["cluster"] = name
        ecs = self._account.aws("ecs")
        providers = ["FARGATE", "FARGATE_SPOT"]
        self._once(f"cluster {name}", lambda: ecs.create_cluster(clusterName=name, capacityProviders=providers))
        yield "cluster"

    def _balancers(self, body: Body) -> Iterator[str]:
        for balancer in body.get("loadBalancers") or ():
            if "targetGroupArn" in balancer:
                kind = "ip" if _has_network(body) else "instance"
                balancer["targetGroupArn"] = self._value(balancer["targetGroupArn"], partial(self._group, kind))
                yield "target group"
            advanced = balancer.get("advancedConfiguration") or {}
            if advanced.get("alternateTargetGroupArn"):
                other = self._value(advanced["alternateTargetGroupArn"], partial(self._group, kind))
                rule = self._values[f"rule {other}"]
                advanced |= {"alternateTargetGroupArn": other, "productionListenerRule": rule}
                yield "target group"
            if balancer.pop("loadBalancerName", None):
                yield "one balancer instead of two"  # AWS accepts a target group or a classic load balancer, not both

    def _group(self, kind: str) -> str:
        """Create a target group, and a listener that forwards to it. Return the ARN of the group."""
        elb, number = self._account.aws("elbv2"), len(self._values)
        subnets = self._account.aws("ec2").describe_subnets()["Subnets"]
        if "balancer" not in self._values:
            ids = sorted(one["SubnetId"] for one in subnets)[:2]
            made = elb.create_load_balancer(Name="corpus", Subnets=ids)["LoadBalancers"][0]
            self._values["balancer"] = made["LoadBalancerArn"]
        vpc = subnets[0]["VpcId"]
        group = elb.create_target_group(Name=f"g{number}", Protocol="HTTP", Port=80, VpcId=vpc, TargetType=kind)
        arn = str(group["TargetGroups"][0]["TargetGroupArn"])
        forward = [{"Type": "forward", "TargetGroupArn": arn}]
        listener = elb.create_listener(
            LoadBalancerArn=self._values["balancer"], Protocol="HTTP", Port=1000 + number, DefaultActions=forward
        )
        rules = elb.describe_rules(ListenerArn=listener["Listeners"][0]["ListenerArn"])["Rules"]
        self._values[f"rule {arn}"] = rules[0]["RuleArn"]
        return arn

    def _task(self, body: Body) -> Iterator[str]:
        """Register the task definition of the service, with the containers and ports that the service names."""
        written = str(body.get("taskDefinition") or body["serviceName"])
        family = named(written.rsplit("/", 1)[-1].split(":")[0], "app")
        made = self._value(f"task {written}", partial(self._register, family, body))
        body["taskDefinition"] = made if ":" in written else family
        yield "task definition"

    def _register(self, family: str, body: Body) -> str:
        container = {"image": "nginx", "memory": 128}
        containers = [
            {"name": name, **container, "portMappings": [{"containerPort": port} for port in sorted(ports)]}
            for name, ports in sorted(self._ports.items())
        ]
        shape = {"networkMode": "awsvpc", "cpu": "256", "memory": "512"} if _has_network(body) else {}
        ecs = self._account.aws("ecs")
        made = ecs.register_task_definition(family=family, containerDefinitions=containers, **shape)["taskDefinition"]
        return f"{family}:{made['revision']}"

    # ------------------------------------------------------------ values and calls made only once

    def _of(self, prefix: str) -> list[str]:
        return [value for value in self._values.values() if value.startswith(prefix)]

    def _value(self, text: str, make: Any) -> str:
        if text not in self._values:
            self._values[text] = make()
        return self._values[text]

    def _once(self, what: str, make: Any) -> None:
        if what not in self._made:
            self._made.add(what)
            make()


def _ports(documents: Sequence[Mapping[str, Any]]) -> dict[str, set[int]]:
    """Return the containers that the services name, and their ports."""
    ports: dict[str, set[int]] = {}
    for document in documents:
        for one in document.get("loadBalancers") or ():
            ports.setdefault(one["containerName"], set()).add(one["containerPort"])
    return ports or {"app": set()}


def _has_network(body: Body) -> bool:
    fargate = body.get("launchType") == "FARGATE" or bool(body.get("capacityProviderStrategy"))
    return fargate or bool((body.get("networkConfiguration") or {}).get("awsvpcConfiguration"))
