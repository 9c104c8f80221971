"""Services through the API of Amazon ECS."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecsim.aws import Aws, refused


def test_a_new_service_gets_the_defaults_of_aws(aws: Aws) -> None:
    """Members that are not declared get AWS's defaults."""
    service = aws.service(desiredCount=1)
    expected = {
        "status": "ACTIVE",
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "healthCheckGracePeriodSeconds": 0,
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "propagateTags": "NONE",
        "availabilityZoneRebalancing": "ENABLED",
        "placementConstraints": [],
        "placementStrategy": [],
        "loadBalancers": [],
        "serviceRegistries": [],
        "runningCount": 0,
        "pendingCount": 0,
        "events": [],
        "deploymentConfiguration": {
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
            "deploymentCircuitBreaker": {
                "enable": False,
                "rollback": False,
                "resetOnHealthyTask": True,
                "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
            },
        },
    }
    assert {member: service[member] for member in expected} == expected
    network = service["networkConfiguration"]["awsvpcConfiguration"]
    assert network["assignPublicIp"] == "DISABLED"
    assert network["securityGroups"] == []
    assert service["roleArn"].endswith("AWSServiceRoleForECS")
    assert service["createdBy"]
    assert "capacityProviderStrategy" not in service


def test_a_daemon_and_an_old_deployment_controller_have_other_percentages(aws: Aws) -> None:
    """DAEMON is 100/0 without rebalancing; CODE_DEPLOY is 200/100 without a circuit breaker."""
    aws.ecs.create_cluster(clusterName="prod")
    arn = aws.ecs.register_task_definition(
        family="agent", containerDefinitions=[{"name": "agent", "image": "agent:1", "memory": 64}]
    )["taskDefinition"]["taskDefinitionArn"]
    body: dict[str, Any] = {"cluster": "prod", "taskDefinition": arn}
    daemon = aws.ecs.create_service(serviceName="daemon", schedulingStrategy="DAEMON", **body)["service"]
    limits = daemon["deploymentConfiguration"]
    assert (limits["maximumPercent"], limits["minimumHealthyPercent"]) == (100, 0)
    assert daemon["availabilityZoneRebalancing"] == "DISABLED"
    assert "platformVersion" not in daemon
    deployed = aws.ecs.create_service(
        serviceName="deployed", desiredCount=1, deploymentController={"type": "CODE_DEPLOY"}, **body
    )["service"]
    assert deployed["deploymentConfiguration"] == {"maximumPercent": 200, "minimumHealthyPercent": 100}
    aws.ecs.delete_service(cluster="prod", service="deployed", force=True)
    aws.simulator.advance(10)
    assert aws.described("deployed")["status"] == "INACTIVE"


def test_every_declared_member_is_returned(aws: Aws) -> None:
    """DescribeServices returns every member of CreateService, on the service or its deployments."""
    aws.ecs.create_cluster(clusterName="prod", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    connect = {"enabled": True, "namespace": "internal", "services": [{"portName": "http"}]}
    service = aws.service(
        launchType="FARGATE",
        taskDefinition=aws.task_definition(),
        enableECSManagedTags=True,
        enableExecuteCommand=True,
        propagateTags="SERVICE",
        availabilityZoneRebalancing="DISABLED",
        serviceConnectConfiguration=connect,
        deploymentConfiguration={
            "maximumPercent": 150,
            "alarms": {"alarmNames": ["a"], "enable": True, "rollback": True},
        },
        tags=[{"key": "team", "value": "web"}],
    )
    assert service["deploymentConfiguration"]["maximumPercent"] == 150
    assert service["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    assert service["deploymentConfiguration"]["alarms"]["alarmNames"] == ["a"]
    assert service["enableECSManagedTags"] is True
    assert service["enableExecuteCommand"] is True
    assert service["propagateTags"] == "SERVICE"
    assert service["availabilityZoneRebalancing"] == "DISABLED"
    assert "serviceConnectConfiguration" not in service
    assert service["deployments"][0]["serviceConnectConfiguration"] == connect


def test_a_capacity_provider_strategy_replaces_the_launch_type(aws: Aws) -> None:
    """A service has one of them, and a strategy is returned with weight and base."""
    aws.ecs.create_cluster(clusterName="prod", capacityProviders=["FARGATE_SPOT", "FARGATE"])
    members: dict[str, Any] = {
        "cluster": "prod",
        "serviceName": "spot",
        "taskDefinition": aws.task_definition(),
        "desiredCount": 2,
        "networkConfiguration": aws.awsvpc,
    }
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    with refused("InvalidParameterException", "both a launch type and capacity provider strategy"):
        aws.ecs.create_service(**members, launchType="FARGATE", capacityProviderStrategy=strategy)
    service = aws.ecs.create_service(**members, capacityProviderStrategy=strategy)["service"]
    assert service["capacityProviderStrategy"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    assert "launchType" not in service
    aws.simulator.advance(60)
    assert {task["capacityProviderName"] for task in aws.tasks()} == {"FARGATE_SPOT"}


def test_a_cluster_default_strategy_is_copied_into_the_service(aws: Aws) -> None:
    """Without launch type and strategy the default of the cluster applies, and without that EC2."""
    default = [{"capacityProvider": "FARGATE", "weight": 1}]
    aws.ecs.create_cluster(clusterName="prod", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=default)
    service = aws.ecs.create_service(
        cluster="prod",
        serviceName="api",
        taskDefinition=aws.task_definition(),
        desiredCount=1,
        networkConfiguration=aws.awsvpc,
    )["service"]
    assert [item["capacityProvider"] for item in service["capacityProviderStrategy"]] == ["FARGATE"]


def test_tags_of_a_service_are_returned_only_on_request(aws: Aws) -> None:
    """`include=[TAGS]` returns them. TagResource and UntagResource change them."""
    arn = aws.service(tags=[{"key": "team", "value": "web"}])["serviceArn"]
    assert "tags" not in aws.described()
    assert aws.described(include=["TAGS"])["tags"] == [{"key": "team", "value": "web"}]
    aws.ecs.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "prod"}])
    aws.ecs.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert aws.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "stage", "value": "prod"}]


def test_ten_services_are_described_at_once_and_missing_ones_are_failures(aws: Aws) -> None:
    """Eleven names are refused. An unknown name is a failure in the response, not an error."""
    aws.service()
    with refused("InvalidParameterException"):
        aws.ecs.describe_services(cluster="prod", services=[f"s{n}" for n in range(11)])
    answer = aws.ecs.describe_services(cluster="prod", services=["api", "ghost"])
    assert [service["serviceName"] for service in answer["services"]] == ["api"]
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


def test_services_are_listed_by_pages_of_one_cluster(aws: Aws) -> None:
    """The default page has 10 services: only ACTIVE ones, only of the cluster in the request."""
    definition = aws.task_definition()
    for number in range(12):
        aws.service(f"s{number:02}", desiredCount=0, taskDefinition=definition)
    aws.ecs.create_cluster(clusterName="preprod")
    aws.ecs.create_service(
        cluster="preprod",
        serviceName="other",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration=aws.awsvpc,
        desiredCount=0,
    )
    first = aws.ecs.list_services(cluster="prod")
    assert len(first["serviceArns"]) == 10
    assert len(aws.ecs.list_services(cluster="prod", nextToken=first["nextToken"])["serviceArns"]) == 2
    aws.ecs.delete_service(cluster="prod", service="s00")
    arns = aws.ecs.list_services(cluster="prod", maxResults=100)["serviceArns"]
    assert len(arns) == 11
    assert all("service/prod/" in arn for arn in arns)


def test_a_service_is_not_created_twice(aws: Aws) -> None:
    """The name of an ACTIVE service is in use. The same client token and request return the same service."""
    token = {"clientToken": "one", "taskDefinition": aws.task_definition()}
    arn = aws.service(**token)["serviceArn"]
    assert aws.service(**token)["serviceArn"] == arn
    with refused("InvalidParameterException", "Creation of service was not idempotent."):
        aws.service()


def test_a_deleted_service_drains_then_is_inactive_then_its_name_is_free(aws: Aws) -> None:
    """It is DRAINING while tasks stop, then INACTIVE and still described, and can be created again."""
    aws.steady_service()
    with refused("InvalidParameterException", "The service cannot be stopped while it is scaled above 0."):
        aws.ecs.delete_service(cluster="prod", service="api")
    aws.update(desiredCount=0)
    assert aws.ecs.delete_service(cluster="prod", service="api")["service"]["status"] == "DRAINING"
    with refused("InvalidParameterException", "Unable to Start a service that is still Draining."):
        aws.service()
    with refused("ServiceNotActiveException"):
        aws.update(desiredCount=1)
    assert aws.ecs.list_services(cluster="prod")["serviceArns"] == []
    aws.simulator.advance(60)
    assert aws.described()["status"] == "INACTIVE"
    assert aws.described()["deployments"] == []
    assert aws.tasks() == []
    with refused("ServiceNotActiveException"):
        aws.update(desiredCount=1)
    assert aws.service()["status"] == "ACTIVE"


def test_an_inactive_service_is_missing_after_an_hour(aws: Aws) -> None:
    """It is described for one hour, then it is MISSING."""
    aws.service(desiredCount=0)
    aws.ecs.delete_service(cluster="prod", service="api", force=True)
    aws.simulator.advance(3700)
    assert aws.ecs.describe_services(cluster="prod", services=["api"])["services"] == []


def test_errors_name_the_missing_resource(aws: Aws) -> None:
    """A missing cluster, service and task definition have different errors."""
    with refused("ClusterNotFoundException"):
        aws.ecs.describe_services(cluster="ghost", services=["api"])
    aws.ecs.create_cluster(clusterName="prod")
    with refused("ServiceNotFoundException"):
        aws.update(desiredCount=1)
    with refused("ClientException"):
        aws.service(taskDefinition="ghost:1")


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0"]}}}, "subnet ID 'subnet-0' does not"),
        (
            {"loadBalancers": [{"targetGroupArn": "x", "containerName": "web", "containerPort": 80}]},
            "The container web",
        ),
        ({"loadBalancers": [{"targetGroupArn": "x", "containerName": "api", "containerPort": 81}]}, "port 81"),
        ({"loadBalancers": [{"targetGroupArn": "x", "containerName": "api", "containerPort": 80}]}, "targetGroupArn"),
        ({"propagateTags": "EVERYWHERE"}, "Member must satisfy enum value set: [TASK_DEFINITION, SERVICE, NONE]"),
        ({"healthCheckGracePeriodSeconds": 30}, "only valid for services configured to use load balancers"),
        ({"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}}, "block deployments"),
    ],
)
def test_an_invalid_service_is_refused(aws: Aws, members: dict[str, Any], message: str) -> None:
    """CreateService checks the network, the containers and the target groups."""
    with refused("InvalidParameterException", message):
        aws.service(**members)


def test_awsvpc_needs_a_network_configuration(aws: Aws) -> None:
    """A Fargate service without subnets is refused."""
    aws.ecs.create_cluster(clusterName="prod")
    with refused("InvalidParameterException", "Network Configuration must be provided"):
        aws.ecs.create_service(
            cluster="prod",
            serviceName="api",
            taskDefinition=aws.task_definition(),
            desiredCount=1,
            launchType="FARGATE",
        )


def test_a_target_group_must_have_a_load_balancer_first(aws: Aws) -> None:
    """CreateService is refused until a listener or rule forwards to the target group."""
    group = aws.target_group()
    attached = [{"targetGroupArn": group, "containerName": "api", "containerPort": 80}]
    with refused("InvalidParameterException", "does not have an associated load balancer"):
        aws.service(loadBalancers=attached)
    aws.listener(aws.load_balancer(), group)
    assert aws.service(loadBalancers=attached)["loadBalancers"] == attached


def test_an_update_keeps_what_it_omits(aws: Aws) -> None:
    """Botocore's text has two that are reset; `Settings.unnamed` chooses, and the default is to keep them."""
    group = aws.target_group()
    aws.listener(aws.load_balancer(), group)
    created = aws.service(
        loadBalancers=[{"targetGroupArn": group, "containerName": "api", "containerPort": 80}],
        healthCheckGracePeriodSeconds=30,
        platformVersion="1.4.0",
        propagateTags="SERVICE",
        deploymentConfiguration={"maximumPercent": 150, "minimumHealthyPercent": 50},
    )
    assert created["healthCheckGracePeriodSeconds"] == 30
    service = aws.update(desiredCount=3)
    assert service["desiredCount"] == 3
    assert service["loadBalancers"] == created["loadBalancers"]
    assert service["propagateTags"] == "SERVICE"
    assert service["deploymentConfiguration"]["maximumPercent"] == 150
    assert service["healthCheckGracePeriodSeconds"] == 30
    assert service["platformVersion"] == "1.4.0"
    limits = aws.update(deploymentConfiguration={"minimumHealthyPercent": 100})["deploymentConfiguration"]
    assert (limits["maximumPercent"], limits["minimumHealthyPercent"]) == (150, 100)


def test_a_task_definition_is_always_shown_as_an_arn(aws: Aws) -> None:
    """`family` and `family:revision` are resolved on create and on update."""
    first = aws.task_definition()
    assert aws.service(taskDefinition="api")["taskDefinition"] == first
    second = aws.task_definition("nginx:2")
    assert aws.update(taskDefinition="api:2")["taskDefinition"] == second


def test_only_some_updates_start_a_deployment(aws: Aws) -> None:
    """A new count or percentage does not; a new task definition or network, and `forceNewDeployment`, do."""
    aws.steady_service()
    aws.update(desiredCount=3, enableExecuteCommand=True, deploymentConfiguration={"maximumPercent": 150})
    assert len(aws.described()["deployments"]) == 1
    aws.update(taskDefinition=aws.described()["taskDefinition"])
    assert len(aws.described()["deployments"]) == 1
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    assert len(aws.described()["deployments"]) == 2
    aws.simulator.advance(120)
    aws.update(networkConfiguration={"awsvpcConfiguration": {"subnets": aws.network["subnets"][1:3]}})
    assert len(aws.described()["deployments"]) == 2
    aws.simulator.advance(120)
    aws.update(forceNewDeployment=True)
    assert len(aws.described()["deployments"]) == 2


def test_a_switch_to_a_strategy_must_be_forced_and_can_be_undone(aws: Aws) -> None:
    """An empty strategy restores the launch type of CreateService."""
    aws.ecs.create_cluster(clusterName="prod", capacityProviders=["FARGATE_SPOT"])
    aws.service()
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    with refused("InvalidParameterException", "force a new deployment"):
        aws.update(capacityProviderStrategy=strategy)
    assert "launchType" not in aws.update(capacityProviderStrategy=strategy, forceNewDeployment=True)
    service = aws.update(capacityProviderStrategy=[], forceNewDeployment=True)
    assert service["launchType"] == "FARGATE"
    assert "capacityProviderStrategy" not in service


def test_members_are_cleared_by_empty_values(aws: Aws) -> None:
    """An empty list, or Service Connect disabled, unsets the member."""
    aws.service(serviceConnectConfiguration={"enabled": True, "namespace": "internal"})
    aws.update(serviceConnectConfiguration={"enabled": False})
    assert "serviceConnectConfiguration" not in aws.described()["deployments"][0]


def test_a_stored_placement_strategy_is_spelled_as_aws_does(aws: Aws) -> None:
    """`cpu` becomes `CPU`, `host` becomes `instanceId`, and the order is kept."""
    aws.ecs.create_cluster(clusterName="prod")
    arn = aws.ecs.register_task_definition(
        family="agent", containerDefinitions=[{"name": "agent", "image": "agent:1", "memory": 64}]
    )["taskDefinition"]["taskDefinitionArn"]
    service = aws.ecs.create_service(
        cluster="prod",
        serviceName="agent",
        taskDefinition=arn,
        desiredCount=1,
        placementStrategy=[{"type": "spread", "field": "host"}, {"type": "binpack", "field": "memory"}],
    )["service"]
    assert [item["field"] for item in service["placementStrategy"]] == ["instanceId", "MEMORY"]
    assert service["launchType"] == "EC2"
