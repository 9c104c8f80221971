"""Target groups, their targets' health, and services behind load balancers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ecsim.aws import Aws, refused


def health(aws: Aws, group: str) -> list[str]:
    """The states of a group's targets, sorted."""
    found = aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return sorted(target["TargetHealth"]["State"] for target in found)


def balanced(aws: Aws, image: str = "nginx:1", **members: Any) -> str:
    """Create a service behind a load balancer and return its target group."""
    group = aws.target_group()
    aws.elbv2.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}]
    )
    aws.listener(aws.load_balancer(), group)
    attached = [{"targetGroupArn": group, "containerName": "api", "containerPort": 80}]
    aws.service(loadBalancers=attached, taskDefinition=aws.task_definition(image), **members)
    return group


def test_a_target_is_initial_until_its_checks_pass(aws: Aws) -> None:
    """It is healthy after threshold × interval, and only then the deployment completes."""
    group = balanced(aws)
    aws.simulator.advance(60)
    assert health(aws, group) == ["initial", "initial"]
    assert aws.rollouts() == [("PRIMARY", "IN_PROGRESS", 2)]
    aws.simulator.advance(120)
    assert health(aws, group) == ["healthy", "healthy"]
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    assert f"(service api) registered 1 targets in (target-group {group})" in aws.events()


def test_old_targets_drain_before_their_tasks_stop(aws: Aws) -> None:
    """During an update the old tasks are deregistered, wait for the deregistration delay, and stop."""
    group = balanced(aws)
    aws.simulator.advance(200)
    aws.update(taskDefinition=aws.task_definition("nginx:2"))
    aws.simulator.advance(60)
    assert health(aws, group) == ["healthy", "healthy", "initial", "initial"]
    aws.simulator.advance(120)
    assert health(aws, group) == ["draining", "draining", "healthy", "healthy"]
    assert {task["lastStatus"] for task in aws.tasks("STOPPED")} == {"DEACTIVATING"}
    assert aws.rollouts()[0][:2] == ("PRIMARY", "IN_PROGRESS")
    aws.simulator.advance(90)
    assert health(aws, group) == ["healthy", "healthy"]
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]


def test_a_task_that_fails_its_checks_is_replaced(aws: Aws) -> None:
    """A task with a tag that contains `unhealthy` never becomes healthy, and the circuit breaker counts it."""
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    group = balanced(aws, deploymentConfiguration=breaker)
    aws.simulator.advance(200)
    aws.update(taskDefinition=aws.task_definition("nginx:unhealthy"))
    aws.simulator.advance(100)
    assert any(f"is unhealthy in (target-group {group}) due to" in message for message in aws.events())
    reasons = {task["stoppedReason"] for task in aws.tasks("STOPPED")}
    assert reasons == {f"Task failed ELB health checks in (target-group {group})"}
    aws.simulator.advance(900)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    assert aws.described()["taskDefinition"].endswith(":1")


def test_the_grace_period_delays_the_replacement(aws: Aws) -> None:
    """Failed checks are ignored for healthCheckGracePeriodSeconds."""
    balanced(aws, image="nginx:unhealthy", healthCheckGracePeriodSeconds=300)
    aws.simulator.advance(200)
    assert aws.tasks("STOPPED") == []
    aws.simulator.advance(150)
    assert len(aws.tasks("STOPPED")) == 2


def test_id_and_port_identify_a_target(aws: Aws) -> None:
    """Two ports of one address are two targets, which are deregistered separately."""
    group = aws.target_group()
    aws.listener(aws.load_balancer(), group)
    targets = [{"Id": "172.31.0.10", "Port": port} for port in (8080, 8081)]
    aws.elbv2.register_targets(TargetGroupArn=group, Targets=targets)
    assert health(aws, group) == ["initial", "initial"]
    aws.simulator.advance(150)
    aws.elbv2.deregister_targets(TargetGroupArn=group, Targets=targets[:1])
    assert health(aws, group) == ["draining", "healthy"]
    aws.simulator.advance(300)
    assert health(aws, group) == ["healthy"]
    asked = aws.elbv2.describe_target_health(TargetGroupArn=group, Targets=targets[:1])["TargetHealthDescriptions"]
    assert asked[0]["TargetHealth"]["Reason"] == "Target.NotRegistered"


def test_targets_are_unused_without_a_load_balancer(aws: Aws) -> None:
    """They are checked when a listener forwards to the group, and unused again after its deletion."""
    group = aws.target_group()
    aws.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": "172.31.0.10"}])
    assert health(aws, group) == ["unused"]
    listener = aws.listener(aws.load_balancer(), group)
    assert health(aws, group) == ["initial"]
    aws.elbv2.delete_listener(ListenerArn=listener)
    assert health(aws, group) == ["unused"]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (
            {},
            {
                "HealthCheckProtocol": "HTTP",
                "HealthCheckPort": "traffic-port",
                "HealthCheckPath": "/",
                "HealthCheckEnabled": True,
                "HealthCheckIntervalSeconds": 30,
                "HealthCheckTimeoutSeconds": 5,
                "HealthyThresholdCount": 5,
                "UnhealthyThresholdCount": 2,
                "Matcher": {"HttpCode": "200"},
                "ProtocolVersion": "HTTP1",
                "IpAddressType": "ipv4",
                "LoadBalancerArns": [],
            },
        ),
        ({"ProtocolVersion": "GRPC"}, {"Matcher": {"GrpcCode": "12"}, "HealthCheckPath": "/AWS.ALB/healthcheck"}),
        ({"Protocol": "HTTPS"}, {"HealthCheckProtocol": "HTTPS", "HealthCheckTimeoutSeconds": 5}),
        ({"Protocol": "TCP"}, {"HealthCheckProtocol": "TCP", "HealthCheckTimeoutSeconds": 10}),
        ({"Protocol": "TCP", "TargetType": "alb"}, {"HealthCheckProtocol": "HTTP", "HealthCheckTimeoutSeconds": 6}),
    ],
)
def test_a_target_group_gets_the_defaults_of_aws(aws: Aws, members: dict[str, Any], expected: dict[str, Any]) -> None:
    """The defaults depend on protocol, version and target type."""
    arn = aws.target_group(**members)
    found = aws.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert {member: found.get(member) for member in expected} == expected
    if members.get("Protocol") == "TCP" and "TargetType" not in members:
        assert "HealthCheckPath" not in found
        assert "Matcher" not in found
        assert "ProtocolVersion" not in found


def test_an_equal_target_group_is_returned(aws: Aws) -> None:
    """Equal settings return the same group. Other settings are DuplicateTargetGroupName."""
    arn = aws.target_group()
    assert aws.target_group() == arn
    with refused("DuplicateTargetGroupName", "but with different settings"):
        aws.target_group(Port=81)
    with refused("ValidationError", "cannot be longer than '32' characters"):
        aws.target_group("x" * 33)


def test_a_target_group_in_use_is_not_deleted(aws: Aws) -> None:
    """It can be deleted when no rule forwards to it. An unknown ARN is not an error."""
    group = aws.target_group()
    balancer = aws.load_balancer()
    listener = aws.listener(balancer, group)
    assert aws.elbv2.describe_target_groups(LoadBalancerArn=balancer)["TargetGroups"][0]["TargetGroupArn"] == group
    with refused("ResourceInUse"):
        aws.elbv2.delete_target_group(TargetGroupArn=group)
    aws.elbv2.delete_listener(ListenerArn=listener)
    assert aws.elbv2.describe_target_groups(Names=["api"])["TargetGroups"][0]["LoadBalancerArns"] == []
    aws.elbv2.delete_target_group(TargetGroupArn=group)
    aws.elbv2.delete_target_group(TargetGroupArn=group)
    with refused("TargetGroupNotFound"):
        aws.elbv2.describe_target_groups(Names=["api"])


def test_a_health_check_can_be_changed(aws: Aws) -> None:
    """ModifyTargetGroup changes only the members in the request."""
    arn = aws.target_group(HealthCheckPath="/health")
    aws.elbv2.modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=10, Matcher={"HttpCode": "200-299"})
    found = aws.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    assert (found["HealthCheckPath"], found["HealthCheckIntervalSeconds"]) == ("/health", 10)
    assert found["Matcher"] == {"HttpCode": "200-299"}


def test_target_groups_come_in_pages(aws: Aws) -> None:
    """DescribeTargetGroups has PageSize and Marker."""
    for number in range(3):
        aws.target_group(f"g{number}")
    first = aws.elbv2.describe_target_groups(PageSize=2)
    rest = aws.elbv2.describe_target_groups(PageSize=2, Marker=first["NextMarker"])
    names = [group["TargetGroupName"] for group in first["TargetGroups"] + rest["TargetGroups"]]
    assert names == ["g0", "g1", "g2"]
    assert "NextMarker" not in rest


def test_a_service_can_move_to_another_target_group(aws: Aws) -> None:
    """New tasks register with the new group, old ones leave the old group, and the old group is free at the end."""
    old = balanced(aws)
    aws.simulator.advance(200)
    new = aws.target_group("api2")
    attached = [{"targetGroupArn": new, "containerName": "api", "containerPort": 80}]
    with refused("InvalidParameterException", "does not have an associated load balancer"):
        aws.update(loadBalancers=attached)
    listener = aws.elbv2.describe_target_groups(TargetGroupArns=[old])["TargetGroups"][0]["LoadBalancerArns"][0]
    listener = aws.elbv2.describe_listeners(LoadBalancerArn=listener)["Listeners"][0]["ListenerArn"]
    both = [{"TargetGroupArn": old, "Weight": 100}, {"TargetGroupArn": new, "Weight": 0}]
    forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": both}}]
    aws.elbv2.modify_listener(ListenerArn=listener, DefaultActions=forward)
    aws.update(loadBalancers=attached)
    aws.simulator.advance(400)
    assert aws.rollouts() == [("PRIMARY", "COMPLETED", 2)]
    assert (health(aws, old), health(aws, new)) == ([], ["healthy", "healthy"])
    aws.elbv2.modify_listener(ListenerArn=listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": new}])
    aws.elbv2.delete_target_group(TargetGroupArn=old)
