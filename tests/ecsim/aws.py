"""boto3 clients of a simulator, and the resources that most tests start with."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

from ecsim import Simulator

REGION = "eu-central-1"
Body = dict[str, Any]


def client(url: str, service: str) -> Any:
    """Return a client that does not retry."""
    made: BaseClient = boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="AKIASIMULATEDACCOUNT",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10, s3={"addressing_style": "path"}),
    )
    return made


@contextmanager
def refused(code: str, message: str = "") -> Iterator[None]:
    """Assert that the call inside is refused with this code, and a message that contains `message`."""
    with pytest.raises(ClientError) as caught:
        yield
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert message in error["Message"]


class Aws:
    """The clients by service, and the resources that many tests create."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def __getattr__(self, service: str) -> Any:
        made = client(self.simulator.url, service)
        setattr(self, service, made)
        return made

    def forget(self) -> None:
        """Drop cached values after a reset."""
        self.__dict__.pop("network", None)

    @functools.cached_property
    def network(self) -> Body:
        """The default VPC: `vpc`, and its `subnets` in different zones."""
        subnets = self.ec2.describe_subnets()["Subnets"]
        return {"vpc": subnets[0]["VpcId"], "subnets": sorted(s["SubnetId"] for s in subnets)}

    @property
    def awsvpc(self) -> Body:
        """A network configuration for tasks."""
        return {"awsvpcConfiguration": {"subnets": self.network["subnets"][:2]}}

    def task_definition(self, image: str = "nginx:1", *, family: str = "api", **members: Any) -> str:
        """Register a small Fargate task definition and return its ARN."""
        container = {"name": "api", "image": image, "portMappings": [{"containerPort": 80}]}
        body = {
            "family": family,
            "networkMode": "awsvpc",
            "requiresCompatibilities": ["FARGATE"],
            "cpu": "256",
            "memory": "512",
            "containerDefinitions": [container],
            **members,
        }
        return str(self.ecs.register_task_definition(**body)["taskDefinition"]["taskDefinitionArn"])

    def target_group(self, name: str = "api", **members: Any) -> str:
        """Create a target group for Fargate tasks and return its ARN."""
        body = {
            "Name": name,
            "Protocol": "HTTP",
            "Port": 80,
            "VpcId": self.network["vpc"],
            "TargetType": "ip",
            **members,
        }
        return str(self.elbv2.create_target_group(**body)["TargetGroups"][0]["TargetGroupArn"])

    def load_balancer(self, name: str = "web", **members: Any) -> str:
        """Create an application load balancer and return its ARN."""
        body = {"Name": name, "Subnets": self.network["subnets"][:2], **members}
        return str(self.elbv2.create_load_balancer(**body)["LoadBalancers"][0]["LoadBalancerArn"])

    def listener(self, balancer: str, group: str, port: int = 80, **members: Any) -> str:
        """Create an HTTP listener that forwards to a target group, and return its ARN."""
        body = {
            "LoadBalancerArn": balancer,
            "Port": port,
            "Protocol": "HTTP",
            "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}],
            **members,
        }
        return str(self.elbv2.create_listener(**body)["Listeners"][0]["ListenerArn"])

    def service(self, name: str = "api", **members: Any) -> Body:
        """Create a Fargate service in the cluster `prod`, with the cluster and, by default, a task definition."""
        self.ecs.create_cluster(clusterName="prod")
        if "taskDefinition" not in members:
            members["taskDefinition"] = self.task_definition()
        body = {
            "cluster": "prod",
            "serviceName": name,
            "desiredCount": 2,
            "launchType": "FARGATE",
            "networkConfiguration": self.awsvpc,
            **members,
        }
        created: Body = self.ecs.create_service(**body)["service"]
        return created

    def steady_service(self, **members: Any) -> Body:
        """Create a service and advance until it is steady."""
        self.service(**members)
        self.simulator.advance(60)
        assert self.events()[0] == "(service api) has reached a steady state."
        return self.described()

    def described(self, name: str = "api", **members: Any) -> Body:
        """Describe a service."""
        found: Body = self.ecs.describe_services(cluster="prod", services=[name], **members)["services"][0]
        return found

    def update(self, **members: Any) -> Body:
        """Update the service `api`."""
        updated: Body = self.ecs.update_service(cluster="prod", service="api", **members)["service"]
        return updated

    def events(self) -> list[str]:
        """The messages of the service's events, newest first."""
        return [event["message"] for event in self.described()["events"]]

    def rollouts(self) -> list[tuple[str, str, int]]:
        """Status, rollout state and number of running tasks of each deployment of the service."""
        return [(d["status"], d["rolloutState"], d["runningCount"]) for d in self.described()["deployments"]]

    def tasks(self, status: str = "RUNNING") -> list[Body]:
        """The tasks of the cluster by desired status."""
        arns = self.ecs.list_tasks(cluster="prod", desiredStatus=status)["taskArns"]
        found: list[Body] = self.ecs.describe_tasks(cluster="prod", tasks=arns)["tasks"] if arns else []
        return found
