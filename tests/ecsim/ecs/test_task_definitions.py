"""Task definitions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecsim.aws import Aws, refused


def test_a_container_gets_the_defaults_of_aws(aws: Aws) -> None:
    """Every default that AWS returns is present, and requiresCompatibilities is sorted."""
    aws.task_definition(
        requiresCompatibilities=["FARGATE", "EC2"],
        containerDefinitions=[
            {
                "name": "api",
                "image": "nginx:1",
                "portMappings": [{"containerPort": 80}],
                "healthCheck": {"command": ["CMD", "true"]},
                "links": ["b", "a"],
            }
        ],
    )
    found = aws.ecs.describe_task_definition(taskDefinition="api")["taskDefinition"]
    container = found["containerDefinitions"][0]
    assert container["portMappings"] == [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}]
    assert (container["cpu"], container["essential"]) == (0, True)
    for member in ("environment", "mountPoints", "volumesFrom", "systemControls"):
        assert container[member] == []
    assert container["healthCheck"] == {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}
    assert container["links"] == ["a", "b"]
    assert found["requiresCompatibilities"] == ["EC2", "FARGATE"]
    assert found["compatibilities"] == ["EC2", "FARGATE"]
    assert (found["volumes"], found["placementConstraints"]) == ([], [])
    assert {"name": "ecs.capability.task-eni"} in found["requiresAttributes"]
    assert found["registeredBy"]
    assert found["registeredAt"]


def test_the_environment_comes_back_in_another_order(aws: Aws) -> None:
    """The pairs are the same; their order differs from the request and is always the same."""
    names = ["A", "B", "C", "D", "E"]
    container: dict[str, Any] = {"name": "api", "image": "nginx:1"}
    container["environment"] = [{"name": name, "value": name.lower()} for name in names]
    aws.task_definition(containerDefinitions=[container])
    shown = aws.ecs.describe_task_definition(taskDefinition="api")["taskDefinition"]["containerDefinitions"][0]
    assert sorted(pair["name"] for pair in shown["environment"]) == names
    assert [pair["name"] for pair in shown["environment"]] != names


def test_bridge_mode_and_units(aws: Aws) -> None:
    """In bridge mode the host port is dynamic. CPU and memory are returned as plain strings."""
    found = aws.ecs.register_task_definition(
        family="old",
        cpu=".5 vCPU",
        memory="1 GB",
        containerDefinitions=[{"name": "c", "image": "c:1", "portMappings": [{"containerPort": 80}]}],
    )["taskDefinition"]
    assert found["networkMode"] == "bridge"
    assert found["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 0
    assert (found["cpu"], found["memory"]) == ("512", "1024")


def test_the_network_of_windows_has_a_name_that_the_model_lacks(aws: Aws) -> None:
    """It is returned unchanged, its host ports are dynamic, and any other name is refused."""
    container: dict[str, Any] = {"name": "c", "image": "c:1", "memory": 64, "portMappings": [{"containerPort": 80}]}
    members: dict[str, Any] = {"family": "old", "containerDefinitions": [container]}
    found = aws.ecs.register_task_definition(networkMode="default", **members)["taskDefinition"]
    assert found["networkMode"] == "default"
    assert found["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 0
    with refused("InvalidParameterException", "[bridge, host, awsvpc, none, default]"):
        aws.ecs.register_task_definition(networkMode="nat", **members)
    with refused("ClientException", "Fargate only supports network mode"):
        aws.task_definition(networkMode="default")


def test_every_registered_member_is_returned(aws: Aws) -> None:
    """Members that moto drops are returned."""
    members: dict[str, Any] = {
        "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 30},
        "enableFaultInjection": True,
        "pidMode": "task",
        "volumes": [{"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}, {"name": "scratch"}],
    }
    aws.task_definition(**members)
    found = aws.ecs.describe_task_definition(taskDefinition="api")["taskDefinition"]
    assert {member: found[member] for member in members if member != "volumes"} == {
        member: value for member, value in members.items() if member != "volumes"
    }
    assert found["volumes"][0]["efsVolumeConfiguration"]["rootDirectory"] == "/"
    assert found["volumes"][1] == {"name": "scratch", "host": {}}


def test_tags_are_returned_only_on_request(aws: Aws) -> None:
    """`include=[TAGS]` returns them. An empty list is refused."""
    aws.task_definition(tags=[{"key": "a", "value": "b"}])
    assert aws.ecs.describe_task_definition(taskDefinition="api", include=["TAGS"])["tags"] == [
        {"key": "a", "value": "b"}
    ]
    assert "tags" not in aws.ecs.describe_task_definition(taskDefinition="api")
    with refused("InvalidParameterException", "Tags can not be empty."):
        aws.task_definition(tags=[])


def test_a_family_is_its_latest_active_revision(aws: Aws) -> None:
    """Without the deregistered newest revision, the one before it is the latest. Numbers are never reused."""
    for number in (1, 2, 3):
        aws.task_definition(f"nginx:{number}")
    aws.ecs.deregister_task_definition(taskDefinition="api:3")
    assert aws.ecs.describe_task_definition(taskDefinition="api")["taskDefinition"]["revision"] == 2
    assert aws.ecs.describe_task_definition(taskDefinition="api:3")["taskDefinition"]["status"] == "INACTIVE"
    aws.ecs.delete_task_definitions(taskDefinitions=["api:3"])
    assert aws.task_definition().endswith(":4")
    with refused("ClientException", "Unable to describe task definition."):
        aws.ecs.describe_task_definition(taskDefinition="ghost")
    with refused("ClientException", "inactive"):
        aws.service(taskDefinition="api:3")


def test_revisions_are_listed_by_status_order_and_page(aws: Aws) -> None:
    """The prefix is the whole family. DESC returns the newest first."""
    for number in (1, 2, 3):
        aws.task_definition(f"nginx:{number}")
    aws.task_definition(family="api-worker")
    aws.ecs.deregister_task_definition(taskDefinition="api:1")

    def listed(**members: Any) -> list[str]:
        answer = aws.ecs.list_task_definitions(familyPrefix="api", **members)
        return [arn.rsplit("/", 1)[1] for arn in answer["taskDefinitionArns"]]

    assert listed() == ["api:2", "api:3"]
    assert listed(sort="DESC") == ["api:3", "api:2"]
    assert listed(status="INACTIVE") == ["api:1"]
    first = aws.ecs.list_task_definitions(familyPrefix="api", sort="DESC", maxResults=1)
    assert listed(sort="DESC", maxResults=1, nextToken=first["nextToken"]) == ["api:2"]
    assert aws.ecs.list_task_definition_families()["families"] == ["api", "api-worker"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"memory": "5120"}, "No Fargate configuration exists for given values"),
        ({"cpu": ""}, "'cpu' be defined at the task level"),
        ({"networkMode": "bridge"}, "Fargate only supports network mode"),
        ({"containerDefinitions": []}, "Container list cannot be empty."),
        ({"containerDefinitions": [{"name": "c"}]}, "Container.image should not be null or empty."),
        ({"containerDefinitions": [{"name": "c", "image": "c", "essential": False}]}, "essential"),
        (
            {"containerDefinitions": [{"name": "c", "image": "c", "logConfiguration": {"logDriver": "awslogs"}}]},
            "execution role ARN to support log driver awslogs.",
        ),
        (
            {"containerDefinitions": [{"name": "c", "image": "c", "secrets": [{"name": "a", "valueFrom": "b"}]}]},
            "container secrets",
        ),
        (
            {
                "containerDefinitions": [
                    {"name": "c", "image": "c", "portMappings": [{"containerPort": 80, "hostPort": 81}]}
                ]
            },
            "host ports and container ports",
        ),
    ],
)
def test_what_fargate_cannot_run_is_refused(aws: Aws, members: dict[str, Any], message: str) -> None:
    """RegisterTaskDefinition returns a ClientException with the reason."""
    with refused("ClientException", message):
        aws.task_definition(**members)
