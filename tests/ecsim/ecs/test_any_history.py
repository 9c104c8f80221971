"""Random histories of a service: it stays within its limits, and with a good image it becomes steady."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.ecsim.aws import Aws

IMAGES = ("nginx:1", "nginx:2", "nginx:bad", "nginx:crash", "nginx:unhealthy")


def act(aws: Aws, chance: random.Random, group: str) -> str:
    """Make one random change to the service `api`, and return its name."""
    attached = [{"targetGroupArn": group, "containerName": "api", "containerPort": 80}]
    percentages = chance.choice([(200, 100), (150, 50), (100, 0), (125, 75)])
    changes: list[dict[str, Any]] = [
        {"taskDefinition": aws.task_definition(chance.choice(IMAGES))},
        {"desiredCount": chance.randint(0, 6)},
        {"forceNewDeployment": True},
        {"loadBalancers": chance.choice([[], attached])},
        {"deploymentConfiguration": {"maximumPercent": percentages[0], "minimumHealthyPercent": percentages[1]}},
        {
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": {"enable": chance.random() < 0.7, "rollback": chance.random() < 0.7}
            }
        },
    ]
    if chance.random() < 0.15:
        return "killed " + " ".join(aws.simulator.stop_task("prod", "api", count=chance.randint(1, 3)))
    if chance.random() < 0.1:
        current = aws.described().get("currentServiceDeployment")
        if current:
            try:
                aws.ecs.stop_service_deployment(
                    serviceDeploymentArn=current, stopType=chance.choice(["ROLLBACK", "ABORT"])
                )
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ClientException"  # noqa: PT017
            return "stopped"
    change = chance.choice(changes)
    aws.update(**change)
    return str(change)


@pytest.mark.parametrize("seed", range(6))
def test_a_service_survives_any_history(aws: Aws, seed: int) -> None:
    """Counts stay within the limits that were ever set, and no call fails with an internal error."""
    chance = random.Random(seed)  # noqa: S311
    group = aws.target_group(HealthCheckIntervalSeconds=10)
    aws.listener(aws.load_balancer(), group)
    aws.service()
    history, highest = [], 4
    for _ in range(25):
        history.append(act(aws, chance, group))
        aws.simulator.advance(chance.choice([1, 7, 30, 120, 400]))
        service = aws.described()
        highest = max(
            highest, math.floor(service["desiredCount"] * service["deploymentConfiguration"]["maximumPercent"] / 100)
        )
        statuses = [deployment["status"] for deployment in service["deployments"]]
        assert statuses.count("PRIMARY") == 1, history
        assert statuses[0] == "PRIMARY", history
        wanted = aws.ecs.list_tasks(cluster="prod", serviceName="api")["taskArns"]
        assert len(wanted) <= highest, history
    aws.update(
        taskDefinition=aws.task_definition("nginx:9"),
        desiredCount=3,
        forceNewDeployment=True,
        deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100},
    )
    aws.simulator.advance(1200)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 3)], history
    assert aws.events()[0] == "(service api) has reached a steady state."
    assert all(entry.error_code != "InternalFailure" for entry in aws.simulator.ledger), history
    aws.ecs.delete_service(cluster="prod", service="api", force=True)
    aws.simulator.advance(900)
    assert aws.described()["status"] == "INACTIVE"
    assert aws.ecs.delete_cluster(cluster="prod")["cluster"]["status"] == "INACTIVE"
