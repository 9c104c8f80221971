"""The states of tasks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.ecsim.aws import Aws, refused

TRUST = json.dumps({"Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]})


def test_a_task_passes_the_states_of_fargate(aws: Aws) -> None:
    """PROVISIONING, PENDING, ACTIVATING, RUNNING by the clock; a read changes nothing."""
    aws.service(desiredCount=1)
    seen: list[str] = []
    for _ in range(40):
        aws.simulator.advance(1)
        for task in aws.tasks():
            if task["lastStatus"] not in seen:
                seen.append(task["lastStatus"])
    assert seen == ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]
    assert aws.described()["runningCount"] == 1


def test_a_running_task_is_described(aws: Aws) -> None:
    """DescribeTasks returns group, startedBy, a network interface with an address of the subnet, and each container."""
    containers = [
        {"name": name, "image": f"{name}:1", "portMappings": [{"containerPort": 80}]} for name in ("api", "log")
    ]
    containers[1]["portMappings"] = []
    service = aws.steady_service(taskDefinition=aws.task_definition(containerDefinitions=containers))
    task = aws.tasks()[0]
    assert task["group"] == "service:api"
    assert task["startedBy"] == service["deployments"][0]["id"]
    assert task["launchType"] == "FARGATE"
    assert [container["name"] for container in task["containers"]] == ["api", "log"]
    assert {container["lastStatus"] for container in task["containers"]} == {"RUNNING"}
    details = {pair["name"]: pair["value"] for pair in task["attachments"][0]["details"]}
    assert details["subnetId"] in aws.network["subnets"][:2]
    assert details["privateIPv4Address"].startswith("172.31.")
    assert task["attachments"][0]["status"] == "ATTACHED"
    assert task["createdAt"] < task["pullStartedAt"] < task["startedAt"]


def test_a_stopped_task_is_replaced_and_described_for_an_hour(aws: Aws) -> None:
    """After StopTask the service starts another task. The old one keeps its reason until it is dropped."""
    aws.steady_service()
    victim = aws.tasks()[0]["taskArn"]
    aws.ecs.stop_task(cluster="prod", task=victim, reason="for the test")
    aws.simulator.advance(60)
    assert len(aws.tasks()) == 2
    assert aws.described()["runningCount"] == 2
    stopped = aws.tasks("STOPPED")[0]
    assert (stopped["taskArn"], stopped["lastStatus"]) == (victim, "STOPPED")
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "for the test")
    assert stopped["containers"][0]["exitCode"] == 0
    assert stopped["stoppedAt"] >= stopped["stoppingAt"]
    assert aws.events()[0] == "(service api) has reached a steady state."
    aws.simulator.advance(3600)
    assert aws.tasks("STOPPED") == []


def test_tasks_are_listed_by_service_family_status_and_page(aws: Aws) -> None:
    """Filters are exact, and RUNNING is the default of desiredStatus."""
    aws.steady_service()
    aws.service("other", desiredCount=1, taskDefinition=aws.task_definition(family="other"))
    aws.simulator.advance(60)

    def count(**members: Any) -> int:
        return len(aws.ecs.list_tasks(cluster="prod", **members)["taskArns"])

    assert count() == 3
    assert count(serviceName="api") == 2
    assert count(family="other") == 1
    assert count(launchType="EC2") == 0
    assert count(desiredStatus="STOPPED") == 0
    first = aws.ecs.list_tasks(cluster="prod", maxResults=2)
    assert count(maxResults=2, nextToken=first["nextToken"]) == 1
    with refused("ServiceNotFoundException"):
        aws.ecs.list_tasks(cluster="prod", serviceName="ghost")
    assert aws.ecs.describe_tasks(cluster="prod", tasks=["ghost"])["failures"][0]["reason"] == "MISSING"


def test_a_missing_image_fails_its_task(aws: Aws) -> None:
    """A tag that contains `bad` cannot be pulled."""
    aws.service(desiredCount=1, taskDefinition=aws.task_definition("nginx:bad"))
    aws.simulator.advance(30)
    stopped = aws.tasks("STOPPED")[0]
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("CannotPullContainerError")
    assert aws.described()["deployments"][0]["failedTasks"] >= 1


def test_a_crashing_container_stops_its_task(aws: Aws) -> None:
    """A container with a tag that contains `crash` exits with 1, and the service never becomes steady."""
    aws.service(desiredCount=1, taskDefinition=aws.task_definition("nginx:crash"))
    aws.simulator.advance(45)
    stopped = aws.tasks("STOPPED")[0]
    assert stopped["stoppedReason"] == "Essential container in task exited"
    assert stopped["containers"][0]["exitCode"] == 1
    aws.simulator.advance(600)
    assert aws.rollouts()[0][1] == "IN_PROGRESS"


def test_starts_of_tasks_that_always_fail_are_throttled(aws: Aws) -> None:
    """Without a circuit breaker ECS continues with longer and longer delays, and records an event."""
    aws.service(desiredCount=1, taskDefinition=aws.task_definition("nginx:bad"))
    aws.simulator.advance(3600)
    failed = aws.described()["deployments"][0]["failedTasks"]
    assert 10 < failed < 30
    assert any("is unable to consistently start tasks successfully" in message for message in aws.events())


@pytest.mark.parametrize("exists", [True, False])
def test_a_task_needs_an_execution_role_that_ecs_can_assume(aws: Aws, exists: bool) -> None:
    """A missing role fails the task, not CreateService."""
    if exists:
        aws.iam.create_role(RoleName="runner", AssumeRolePolicyDocument=TRUST)
    definition = aws.task_definition(executionRoleArn="arn:aws:iam::123456789012:role/runner")
    aws.service(desiredCount=1, taskDefinition=definition)
    aws.simulator.advance(60)
    assert aws.described()["runningCount"] == int(exists)
    if not exists:
        assert aws.tasks("STOPPED")[0]["stoppedReason"].startswith("ECS was unable to assume the role")
        assert any("failed to launch a task with (error ECS was unable" in message for message in aws.events())


@pytest.mark.parametrize("create", ["true", "false"])
def test_a_task_needs_its_log_group(aws: Aws, create: str) -> None:
    """Without the group the task fails, unless awslogs-create-group creates it."""
    aws.iam.create_role(RoleName="runner", AssumeRolePolicyDocument=TRUST)
    options = {"awslogs-group": "/api", "awslogs-region": "eu-central-1", "awslogs-create-group": create}
    container = {"name": "api", "image": "nginx:1", "logConfiguration": {"logDriver": "awslogs", "options": options}}
    definition = aws.task_definition(
        executionRoleArn="arn:aws:iam::123456789012:role/runner", containerDefinitions=[container]
    )
    aws.service(desiredCount=1, taskDefinition=definition)
    aws.simulator.advance(60)
    groups = [group["logGroupName"] for group in aws.logs.describe_log_groups()["logGroups"]]
    if create == "true":
        assert groups == ["/api"]
        assert aws.described()["runningCount"] == 1
    else:
        assert groups == []
        assert "The specified log group does not exist" in aws.tasks("STOPPED")[0]["stoppedReason"]


def test_a_task_can_be_run_without_a_service(aws: Aws) -> None:
    """RunTask starts a task on Fargate with the family as its group."""
    aws.ecs.create_cluster(clusterName="prod")
    answer = aws.ecs.run_task(
        cluster="prod",
        taskDefinition=aws.task_definition(),
        count=2,
        launchType="FARGATE",
        networkConfiguration=aws.awsvpc,
        startedBy="me",
        tags=[{"key": "a", "value": "b"}],
    )
    assert [task["group"] for task in answer["tasks"]] == ["family:api"] * 2
    aws.simulator.advance(30)
    assert {task["lastStatus"] for task in aws.tasks()} == {"RUNNING"}
    arn = answer["tasks"][0]["taskArn"]
    found = aws.ecs.describe_tasks(cluster="prod", tasks=[arn], include=["TAGS"])["tasks"][0]
    assert found["tags"] == [{"key": "a", "value": "b"}]


def test_tags_are_propagated_to_tasks(aws: Aws) -> None:
    """Each task has the propagated tags and the managed tags."""
    aws.steady_service(propagateTags="SERVICE", enableECSManagedTags=True, tags=[{"key": "team", "value": "web"}])
    arns = [task["taskArn"] for task in aws.tasks()]
    tags = aws.ecs.describe_tasks(cluster="prod", tasks=arns, include=["TAGS"])["tasks"][0]["tags"]
    assert {"key": "team", "value": "web"} in tags
    assert {"key": "aws:ecs:serviceName", "value": "api"} in tags


def test_an_ec2_service_waits_for_instances(aws: Aws) -> None:
    """Without container instances no task is placed, and an event records it."""
    aws.ecs.create_cluster(clusterName="prod")
    arn = aws.ecs.register_task_definition(
        family="api", containerDefinitions=[{"name": "api", "image": "api:1", "memory": 64}]
    )["taskDefinition"]["taskDefinitionArn"]
    aws.ecs.create_service(cluster="prod", serviceName="api", taskDefinition=arn, desiredCount=1)
    aws.simulator.advance(60)
    assert aws.described()["runningCount"] == 0
    assert "No Container Instances were found in your cluster" in aws.events()[0]


def test_the_same_seed_gives_the_same_account(aws: Aws) -> None:
    """After a reset the same calls result in the same identifiers, addresses and events."""

    def history() -> tuple[list[str], list[str]]:
        aws.simulator.reset()
        aws.forget()
        aws.steady_service()
        return aws.events(), [task["taskArn"] for task in aws.tasks()]

    assert history() == history()
