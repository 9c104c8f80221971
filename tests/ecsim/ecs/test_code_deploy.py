"""Services that CodeDeploy deploys."""

from __future__ import annotations

from tests.ecsim.aws import Aws, refused


def test_code_deploy_starts_a_task_set_and_moves_the_traffic(aws: Aws) -> None:
    """The new task set is ACTIVE until its tasks are healthy, then PRIMARY; the old one stops after the wait."""
    aws.ecs.create_cluster(clusterName="prod")
    blue, green = aws.target_group("blue"), aws.target_group("green")
    listener = aws.listener(aws.load_balancer(), blue)
    first, second = aws.task_definition("nginx:1"), aws.task_definition("nginx:2")
    balancers = [{"targetGroupArn": blue, "containerName": "api", "containerPort": 80}]
    aws.ecs.create_service(
        cluster="prod",
        serviceName="api",
        taskDefinition=first,
        launchType="FARGATE",
        desiredCount=2,
        deploymentController={"type": "CODE_DEPLOY"},
        networkConfiguration=aws.awsvpc,
        loadBalancers=balancers,
    )
    aws.simulator.advance(120)
    assert aws.described("api")["deployments"] == []
    assert [(one["status"], one["runningCount"]) for one in aws.described("api")["taskSets"]] == [("PRIMARY", 2)]
    with refused("InvalidParameterException", "Use AWS CodeDeploy"):
        aws.ecs.update_service(cluster="prod", service="api", taskDefinition=second)

    aws.simulator.code_deploy("prod", "api", second, green, wait=60)
    aws.simulator.advance(20)
    assert [one["status"] for one in aws.described("api")["taskSets"]] == ["ACTIVE", "PRIMARY"]
    assert aws.described("api")["taskDefinition"] == first
    aws.simulator.advance(50)
    found = aws.described("api")
    assert [one["status"] for one in found["taskSets"]] == ["PRIMARY", "ACTIVE"]
    assert (found["taskDefinition"], found["loadBalancers"][0]["targetGroupArn"]) == (second, green)
    (rule,) = aws.elbv2.describe_rules(ListenerArn=listener)["Rules"]
    assert rule["Actions"][0]["TargetGroupArn"] == green
    aws.simulator.advance(600)
    assert [one["taskDefinition"] for one in aws.described("api")["taskSets"]] == [second]
