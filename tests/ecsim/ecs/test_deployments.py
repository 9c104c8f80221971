"""Deployments: rolling, failed, rolled back, superseded, listed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecsim.aws import Aws, Body, refused

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def history(aws: Aws) -> list[str]:
    """The statuses of the service's deployments, newest first."""
    found = aws.ecs.list_service_deployments(cluster="prod", service="api")["serviceDeployments"]
    return [deployment["status"] for deployment in found]


def newest(aws: Aws) -> Body:
    """The newest service deployment in full."""
    arn = aws.ecs.list_service_deployments(cluster="prod", service="api")["serviceDeployments"][0]
    found = aws.ecs.describe_service_deployments(serviceDeploymentArns=[arn["serviceDeploymentArn"]])
    deployment: Body = found["serviceDeployments"][0]
    return deployment


def test_a_first_deployment_goes_from_in_progress_to_completed(aws: Aws) -> None:
    """PRIMARY IN_PROGRESS with no tasks, then COMPLETED and a steady state."""
    aws.service()
    assert aws.rollouts() == [("PRIMARY", "IN_PROGRESS", 0)]
    assert "currentServiceDeployment" in aws.described()
    aws.simulator.advance(60)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    deployment = aws.described()["deployments"][0]
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."
    assert aws.events()[:2] == [
        "(service api) has reached a steady state.",
        f"(service api) (deployment {deployment['id']}) deployment completed.",
    ]
    assert aws.events()[-1].startswith("(service api) has started 2 tasks: (task ")
    assert "currentServiceDeployment" not in aws.described()
    assert history(aws) == ["SUCCESSFUL"]


def test_a_rolling_update_keeps_the_service_healthy(aws: Aws) -> None:
    """At 200/100 new tasks run together with the old ones, which stop only when the new ones are healthy."""
    aws.steady_service(desiredCount=4)
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    counts = []
    for _ in range(60):
        aws.simulator.advance(1)
        counts.append(aws.described()["runningCount"])
        assert len(aws.tasks()) <= 8
    assert min(counts) >= 4
    assert max(counts) == 8
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 4)]


def test_percentages_are_rounded_as_aws_does(aws: Aws) -> None:
    """At 150/50 of three: at most four tasks, at least two healthy ones."""
    aws.steady_service(desiredCount=3, deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 50})
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    for _ in range(120):
        aws.simulator.advance(1)
        assert len(aws.tasks()) <= 4
        assert aws.described()["runningCount"] >= 2
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 3)]


def test_a_count_changes_without_a_deployment(aws: Aws) -> None:
    """Scaling out and in keeps the deployment."""
    identifier = aws.steady_service()["deployments"][0]["id"]
    aws.update(desiredCount=5)
    aws.simulator.advance(60)
    assert aws.described()["runningCount"] == 5
    aws.update(desiredCount=1)
    aws.simulator.advance(60)
    assert aws.described()["runningCount"] == 1
    assert [d["id"] for d in aws.described()["deployments"]] == [identifier]
    stopped = aws.tasks("STOPPED")[0]
    assert stopped["stopCode"] == "ServiceSchedulerInitiated"
    assert stopped["stoppedReason"] == f"Scaling activity initiated by (deployment {identifier})"


def test_the_circuit_breaker_rolls_back(aws: Aws) -> None:
    """Three failed tasks fail the deployment, and the last completed one is PRIMARY again."""
    good = aws.steady_service(deploymentConfiguration=BREAKER)
    before = good["deployments"][0]["id"]
    aws.update(taskDefinition=aws.task_definition("nginx:bad"))
    failing = aws.described()["deployments"][0]["id"]
    for _ in range(60):
        aws.simulator.advance(1)
        if len(aws.described()["deployments"]) and newest(aws)["status"] == "ROLLBACK_IN_PROGRESS":
            break
    primary = aws.described()["deployments"][0]
    assert primary["id"] == before
    assert primary["rolloutState"] == "IN_PROGRESS"
    assert primary["rolloutStateReason"] == (f"ECS deployment circuit breaker: rolling back to deploymentId {before}.")
    assert aws.described()["taskDefinition"] == good["taskDefinition"]
    assert aws.events()[:2] == [
        f"(service api) rolling back to deployment {before}.",
        f"(service api) (deployment {failing}) deployment failed: tasks failed to start.",
    ]
    assert aws.described()["runningCount"] == 2
    aws.simulator.advance(60)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    record = newest(aws)
    assert record["status"] == "ROLLBACK_SUCCESSFUL"
    assert record["deploymentCircuitBreaker"] == {"status": "TRIGGERED", "failureCount": 4, "threshold": 3}
    revisions = [record["targetServiceRevision"]["arn"], record["rollback"]["serviceRevisionArn"]]
    found = aws.ecs.describe_service_revisions(serviceRevisionArns=revisions)["serviceRevisions"]
    assert [revision["taskDefinition"].rsplit(":", 1)[1] for revision in found] == ["2", "1"]
    assert found[0]["containerImages"] == [{"containerName": "api", "image": "nginx:bad"}]
    assert found[0]["platformVersion"] == "1.4.0"


def test_without_rollback_a_failed_deployment_stays(aws: Aws) -> None:
    """The deployment is FAILED, starts no more tasks, and the old tasks keep running."""
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    aws.steady_service(deploymentConfiguration=breaker)
    aws.update(taskDefinition=aws.task_definition("nginx:bad"))
    aws.simulator.advance(600)
    assert [rollout[:2] for rollout in aws.rollouts()] == [("PRIMARY", "FAILED"), ("ACTIVE", "COMPLETED")]
    primary = aws.described()["deployments"][0]
    assert primary["rolloutStateReason"] == "ECS deployment circuit breaker: tasks failed to start."
    assert primary["failedTasks"] == 4
    assert aws.described()["runningCount"] == 2
    assert newest(aws)["status"] == "STOPPED"
    aws.update(taskDefinition=aws.task_definition("nginx:3"))
    aws.simulator.advance(120)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]


def test_a_first_deployment_cannot_be_rolled_back(aws: Aws) -> None:
    """It is FAILED: no earlier deployment exists."""
    aws.service(taskDefinition=aws.task_definition("nginx:bad"), deploymentConfiguration=BREAKER)
    aws.simulator.advance(600)
    assert aws.rollouts() == [("PRIMARY", "FAILED", 0)]


@pytest.mark.parametrize(
    ("limit", "desired", "expected"),
    [
        ({"type": "BOUNDED_PERCENT", "value": 50}, 4, 3),
        ({"type": "BOUNDED_PERCENT", "value": 50}, 25, 13),
        ({"type": "UNBOUNDED_PERCENT", "value": 50}, 2, 1),
        ({"type": "COUNT", "value": 7}, 2, 7),
    ],
)
def test_the_threshold_of_the_circuit_breaker(aws: Aws, limit: Body, desired: int, expected: int) -> None:
    """The default is half of the tasks, at least 3 and at most 200."""
    breaker = {"enable": True, "rollback": False, "thresholdConfiguration": limit}
    aws.service(desiredCount=desired, deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    assert newest(aws)["deploymentCircuitBreaker"] == {"status": "MONITORING", "failureCount": 0, "threshold": expected}


def test_a_deployment_in_flight_is_superseded(aws: Aws) -> None:
    """A newer deployment stops the one before it, and the service completes the newest."""
    aws.steady_service()
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    aws.simulator.advance(10)
    third = aws.task_definition("nginx:3")
    aws.update(taskDefinition=third)
    assert [d["status"] for d in aws.described()["deployments"]] == ["PRIMARY", "ACTIVE", "ACTIVE"]
    assert history(aws) == ["IN_PROGRESS", "STOPPED", "SUCCESSFUL"]
    aws.simulator.advance(120)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    assert {task["taskDefinitionArn"] for task in aws.tasks()} == {third}
    assert any(message == "(service api) stopped 2 pending tasks." for message in aws.events())


def test_a_forced_deployment_replaces_every_task(aws: Aws) -> None:
    """The task definition is the same, and all tasks are new."""
    aws.steady_service()
    before = {task["taskArn"] for task in aws.tasks()}
    aws.update(forceNewDeployment=True)
    aws.simulator.advance(120)
    after = {task["taskArn"] for task in aws.tasks()}
    assert len(after) == 2
    assert not before & after


def test_a_deployment_can_be_stopped(aws: Aws) -> None:
    """ROLLBACK rolls back to the last completed one. A finished deployment cannot be stopped."""
    good = aws.steady_service()["taskDefinition"]
    done = newest(aws)["serviceDeploymentArn"]
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    arn = aws.described()["currentServiceDeployment"]
    assert aws.ecs.stop_service_deployment(serviceDeploymentArn=arn)["serviceDeploymentArn"] == arn
    assert newest(aws)["status"] == "ROLLBACK_IN_PROGRESS"
    aws.simulator.advance(60)
    assert newest(aws)["status"] == "ROLLBACK_SUCCESSFUL"
    assert aws.described()["taskDefinition"] == good
    with refused("ConflictException"):
        aws.ecs.stop_service_deployment(serviceDeploymentArn=done)
    with refused("ServiceDeploymentNotFoundException"):
        aws.ecs.stop_service_deployment(serviceDeploymentArn=done + "0")


def test_deployments_are_listed_by_status(aws: Aws) -> None:
    """Newest first, by status, by page."""
    aws.steady_service()
    aws.update(forceNewDeployment=True)

    def listed(**members: Any) -> list[str]:
        answer = aws.ecs.list_service_deployments(cluster="prod", service="api", **members)
        return [deployment["status"] for deployment in answer["serviceDeployments"]]

    assert listed() == ["IN_PROGRESS", "SUCCESSFUL"]
    assert listed(status=["SUCCESSFUL"]) == ["SUCCESSFUL"]
    assert listed(maxResults=1) == ["IN_PROGRESS"]
    record = newest(aws)
    assert [source["runningTaskCount"] for source in record["sourceServiceRevisions"]] == [2]
    assert record["deploymentConfiguration"]["maximumPercent"] == 200
    missing = aws.ecs.describe_service_deployments(serviceDeploymentArns=[record["serviceDeploymentArn"] + "0"])
    assert missing["failures"][0]["reason"] == "MISSING"


def test_events_are_the_last_hundred_newest_first(aws: Aws) -> None:
    """Older events are dropped."""
    aws.steady_service(desiredCount=1)
    for count in (2, 1) * 40:
        aws.update(desiredCount=count)
        aws.simulator.advance(60)
    events = aws.described()["events"]
    assert len(events) == 100
    times = [event["createdAt"] for event in events]
    assert times == sorted(times, reverse=True)
    assert len({event["id"] for event in events}) == 100


def test_tasks_of_a_failed_host_are_replaced(aws: Aws) -> None:
    """`Simulator.stop_task` stops running tasks, and the service starts others."""
    aws.steady_service()
    killed = aws.simulator.stop_task("prod", "api", count=2)
    assert len(killed) == 2
    assert aws.described()["runningCount"] == 0
    aws.simulator.advance(60)
    assert aws.described()["runningCount"] == 2
    assert aws.events()[0] == "(service api) has reached a steady state."
