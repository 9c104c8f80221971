"""Measure how many services, with their task definitions, are compared per CPU second: `python benchmarks/compare.py`.

The control is a plain recursive comparison of the same bodies in the same run, so the ratio is the same on any machine.
`diff` is the work of a pass per resource. `compare()` also checks and coerces both documents.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ecsync.core.model import Origin
from ecsync.core.resource_diff import between
from ecsync.language.nodes import to_nodes
from ecsync.offline.compare import compare, difference, kind_of, written_as

Body = dict[str, Any]
SERVICES = 300
ROUNDS = 5
ARN = "arn:aws:ecs:eu-west-1:123456789012:{}"


def service(number: int) -> tuple[Body, Body]:
    """Return a declared service and its describe output: 45 leaves, with the sets in another order."""
    group = f"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web-{number}/6d0ecf831eec9f09"
    written = {
        "serviceName": f"web-{number}",
        "cluster": "prod",
        "taskDefinition": f"web-{number}:7",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["subnet-b", "subnet-a", "subnet-c"], "securityGroups": ["sg-b", "sg-a"]}
        },
        "loadBalancers": [{"targetGroupArn": group, "containerName": "web", "containerPort": 80}],
        "healthCheckGracePeriodSeconds": 30,
        "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
        "propagateTags": "SERVICE",
        "tags": [{"key": "team", "value": "shop"}, {"key": "env", "value": "prod"}],
    }
    printed = {
        **written,
        "serviceArn": ARN.format(f"service/prod/web-{number}"),
        "clusterArn": ARN.format("cluster/prod"),
        "status": "ACTIVE",
        "runningCount": 2,
        "pendingCount": 0,
        "taskDefinition": ARN.format(f"task-definition/web-{number}:7"),
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "networkConfiguration": {
            "awsvpcConfiguration": {
                "subnets": ["subnet-a", "subnet-b", "subnet-c"],
                "securityGroups": ["sg-a", "sg-b"],
                "assignPublicIp": "DISABLED",
            }
        },
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {
                "enable": True,
                "rollback": True,
                "resetOnHealthyTask": True,
                "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
            },
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
        },
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "placementConstraints": [],
        "placementStrategy": [],
        "serviceRegistries": [],
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "availabilityZoneRebalancing": "ENABLED",
        "roleArn": "arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS",
        "tags": [{"key": "env", "value": "prod"}, {"key": "team", "value": "shop"}],
        "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "desiredCount": 2, "runningCount": 2}],
    }
    printed.pop("cluster")
    return written, printed


def task(number: int) -> tuple[Body, Body]:
    """Return a declared task definition of two containers and its describe output."""
    variables = [{"name": f"NAME_{index}", "value": str(index)} for index in range(8)]
    options = {"awslogs-group": "web", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "web"}
    web: Body = {
        "name": "web",
        "image": "web:1",
        "portMappings": [{"containerPort": 80}],
        "environment": variables,
        "secrets": [{"name": "TOKEN", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/token"}],
        "logConfiguration": {"logDriver": "awslogs", "options": options},
        "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost/"]},
    }
    router: Body = {"name": "log_router", "image": "fluent-bit", "essential": False, "memoryReservation": 50}
    written = {
        "family": f"web-{number}",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "0.25 vCPU",
        "memory": "1 GB",
        "executionRoleArn": "execution",
        "containerDefinitions": [web, router],
    }
    empty: Body = {"cpu": 0, "mountPoints": [], "volumesFrom": [], "systemControls": []}
    printed = {
        **written,
        "cpu": "256",
        "memory": "1024",
        "taskDefinitionArn": ARN.format(f"task-definition/web-{number}:7"),
        "revision": 7,
        "status": "ACTIVE",
        "compatibilities": ["EC2", "FARGATE"],
        "volumes": [],
        "placementConstraints": [],
        "containerDefinitions": [
            {**router, **empty, "environment": [], "portMappings": []},
            {
                **web,
                **empty,
                "essential": True,
                "environment": variables[::-1],
                "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
                "healthCheck": {
                    "command": ["CMD-SHELL", "curl -f http://localhost/"],
                    "interval": 30,
                    "timeout": 5,
                    "retries": 3,
                },
            },
        ],
    }
    return written, printed


def equal(one: Any, other: Any) -> bool:
    """Return whether two trees are equal, by plain recursion: the control."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of `ROUNDS` rounds, in seconds."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        best = min(best, time.process_time() - started)
    return best


def main() -> None:
    """Measure and print the table."""
    of = {
        "Service": [service(number) for number in range(SERVICES)],
        "TaskDefinition": [task(n) for n in range(SERVICES)],
    }
    ready = []
    for name, pairs in of.items():
        kind = kind_of(name)
        for written, printed in pairs:
            body = written_as(kind, to_nodes(written, Origin(""))).body
            assert kind.from_describe is not None
            assert not difference(kind, body, printed).fields
            ready.append((kind, body, kind.from_describe(printed, body)))

    def control() -> None:
        for _, body, present in ready:
            equal(body, body)
            equal(present.body, present.body)

    def diff() -> None:
        for kind, body, present in ready:
            between(kind, body, present)

    def api() -> None:
        for name, pairs in of.items():
            for written, printed in pairs:
                compare(name, written, printed)

    base = seconds(control)
    print(f"{SERVICES} services of 45 leaves, each with its task definition; CPU time, best of {ROUNDS}")
    print(f"{'':<28}{'services/s':>12}{'us/service':>12}{'× control':>12}")
    for label, spent in (("control: recursive ==", base), ("diff", seconds(diff)), ("compare()", seconds(api))):
        print(f"{label:<28}{SERVICES / spent:>12,.0f}{spent / SERVICES * 1e6:>12,.0f}{spent / base:>12.1f}")


if __name__ == "__main__":
    main()
