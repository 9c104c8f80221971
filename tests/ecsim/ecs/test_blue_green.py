"""Services that switch target groups at each deployment."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecsim.aws import Aws, Body, refused


class Pair:
    """Two target groups and a rule that forwards to the first."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.blue = aws.target_group("blue", HealthCheckIntervalSeconds=10)
        self.green = aws.target_group("green", HealthCheckIntervalSeconds=10)
        listener = aws.listener(aws.load_balancer(), self.blue)
        created = aws.elbv2.create_rule(
            ListenerArn=listener,
            Priority=10,
            Conditions=[{"Field": "path-pattern", "Values": ["/api"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": self.blue}],
        )
        self.rule = str(created["Rules"][0]["RuleArn"])

    def balancers(self, **members: Any) -> list[Body]:
        """The load balancer configuration of a service with the pair."""
        advanced = {
            "alternateTargetGroupArn": self.green,
            "productionListenerRule": self.rule,
            "roleArn": "arn:aws:iam::123456789012:role/ecs",
            **members,
        }
        return [
            {
                "targetGroupArn": self.blue,
                "containerName": "api",
                "containerPort": 80,
                "advancedConfiguration": advanced,
            }
        ]

    def weights(self) -> dict[str, int]:
        """The weights of the production rule by the name of the target group."""
        rule = self.aws.elbv2.describe_rules(RuleArns=[self.rule])["Rules"][0]
        groups = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
        return {group["TargetGroupArn"].split("/")[1]: group["Weight"] for group in groups}

    def serving(self) -> tuple[int, int]:
        """The number of targets of blue and green."""
        health = self.aws.elbv2.describe_target_health
        blue, green = (len(health(TargetGroupArn=arn)["TargetHealthDescriptions"]) for arn in (self.blue, self.green))
        return blue, green


@pytest.mark.parametrize("strategy", ["BLUE_GREEN", "LINEAR", "CANARY"])
def test_each_deployment_swaps_the_weights_of_the_pair(aws: Aws, strategy: str) -> None:
    """A deployment moves all traffic to the other target group, and the declaration of the service is unchanged."""
    pair = Pair(aws)
    aws.service(loadBalancers=pair.balancers(), deploymentConfiguration={"strategy": strategy, "bakeTimeInMinutes": 0})
    aws.simulator.advance(120)
    assert (pair.weights(), pair.serving()) == ({"blue": 100, "green": 0}, (2, 0))
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    aws.simulator.advance(900)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    assert (pair.weights(), pair.serving()) == ({"blue": 0, "green": 100}, (0, 2))
    assert aws.described()["loadBalancers"] == pair.balancers()
    aws.update(forceNewDeployment=True)
    aws.simulator.advance(900)
    assert (pair.weights(), pair.serving()) == ({"blue": 100, "green": 0}, (2, 0))


def test_old_tasks_stay_while_the_new_ones_bake(aws: Aws) -> None:
    """The traffic moves when all new tasks are healthy, and the old tasks stop after the bake time."""
    pair = Pair(aws)
    aws.service(
        loadBalancers=pair.balancers(), deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5}
    )
    aws.simulator.advance(120)
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    aws.simulator.advance(30)
    assert (pair.weights()["green"], pair.serving()) == (0, (2, 2))
    aws.simulator.advance(120)
    assert (pair.weights()["green"], pair.serving()) == (100, (2, 2))
    assert [row[0] for row in aws.rollouts()] == ["PRIMARY", "ACTIVE"]
    aws.simulator.advance(900)
    assert pair.serving() == (0, 2)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]


def test_a_failed_deployment_does_not_move_the_traffic(aws: Aws) -> None:
    """The circuit breaker rolls back, and the weights have not changed."""
    pair = Pair(aws)
    breaker = {"enable": True, "rollback": True}
    aws.service(
        loadBalancers=pair.balancers(),
        deploymentConfiguration={"strategy": "BLUE_GREEN", "deploymentCircuitBreaker": breaker},
    )
    aws.simulator.advance(120)
    good = aws.described()["taskDefinition"]
    aws.update(taskDefinition=aws.task_definition("nginx:bad"))
    aws.simulator.advance(900)
    assert (pair.weights(), pair.serving()) == ({"blue": 100, "green": 0}, (2, 0))
    assert aws.described()["taskDefinition"] == good


def test_the_pair_and_its_rule_must_exist(aws: Aws) -> None:
    """A pair without its rule, or no pair, is refused."""
    pair = Pair(aws)
    configuration = {"strategy": "BLUE_GREEN"}
    with refused("InvalidParameterException", "listener rule"):
        ghost = pair.rule[:-4] + "0000"
        aws.service(loadBalancers=pair.balancers(productionListenerRule=ghost), deploymentConfiguration=configuration)
    with refused("InvalidParameterException", "advancedConfiguration"):
        plain = [{"targetGroupArn": pair.blue, "containerName": "api", "containerPort": 80}]
        aws.service(loadBalancers=plain, deploymentConfiguration=configuration)
