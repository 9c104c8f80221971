"""A manual change is reported once, with its `file:line`, and repaired by one call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ecsync.core.trees import pointer
from ecsync.engine.reconciler import PassOptions
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations


def set_desired_count_to_0(environment: Environment) -> None:
    """Set the desired count to 0, as the console does: with the grace period, which AWS resets if it is missing."""
    environment.aws("ecs").update_service(
        cluster="quickstart", service="web", desiredCount=0, healthCheckGracePeriodSeconds=30
    )


def change_health_check_path(environment: Environment) -> None:
    """Change the health check path of the target group."""
    elb = environment.aws("elbv2")
    group = elb.describe_target_groups(Names=["quickstart-web"])["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/wrong")


def delete_listener_rule(environment: Environment) -> None:
    """Delete the listener rule."""
    environment.aws("elbv2").delete_rule(RuleArn=rules(environment)[0])


def open_port_22(environment: Environment) -> None:
    """Open port 22 to the internet."""
    ec2 = environment.aws("ec2")
    found = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["quickstart-web"]}])
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = found["SecurityGroups"][0]["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])


def change_declared_tag(environment: Environment) -> None:
    """Change the value of a declared tag."""
    arn = environment.service()["serviceArn"]
    environment.aws("ecs").tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "another"}])


def deploy_another_image(environment: Environment) -> None:
    """Register a revision with another image, and deploy it."""
    ecs = environment.aws("ecs")
    live = ecs.describe_task_definition(taskDefinition="quickstart-web")["taskDefinition"]
    members = ("family", "cpu", "memory", "networkMode", "requiresCompatibilities", "executionRoleArn")
    container = {**live["containerDefinitions"][0], "image": "public.ecr.aws/nginx/nginx:1.0"}
    body = {member: live[member] for member in members}
    revision = ecs.register_task_definition(**body, containerDefinitions=[container])
    ecs.update_service(
        cluster="quickstart",
        service="web",
        taskDefinition=revision["taskDefinition"]["taskDefinitionArn"],
        healthCheckGracePeriodSeconds=30,
    )
    environment.simulator.advance(SETTLE_SECONDS)


def rules(environment: Environment) -> list[str]:
    """Return the ARNs of all rules except the default rule."""
    elb = environment.aws("elbv2")
    balancer = elb.describe_load_balancers(Names=["quickstart"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    return [one["RuleArn"] for one in elb.describe_rules(ListenerArn=listener)["Rules"] if not one["IsDefault"]]


@pytest.mark.parametrize(
    ("change", "key", "path", "before", "after", "place", "call"),
    [
        (set_desired_count_to_0, "Service/web", "/desiredCount", 0, 2, "desiredCount", "ecs.UpdateService"),
        (
            change_health_check_path,
            "TargetGroup/web",
            "/HealthCheckPath",
            "/wrong",
            "/",
            "CheckPath",
            "elbv2.ModifyTargetGroup",
        ),
        (change_declared_tag, "Service/web", "/tags/team", "another", "quickstart", "team:", "ecs.TagResource"),
    ],
    ids=["desired count", "health check", "tag"],
)
def test_a_changed_field_is_reported_once_and_repaired_by_one_call(
    converged: Controller,
    change: Callable[[Environment], None],
    key: str,
    path: str,
    before: object,
    after: object,
    place: str,
    call: str,
) -> None:
    """One event has path, before, after and `file:line`; one call repairs it; one event reports the end."""
    change(converged.environment)
    with converged.environment.writes() as writes:
        converged.converge(pause=SETTLE_SECONDS)
        converged.run_passes(2)
    assert operations(writes) == [call]
    (detected,) = converged.events_of_type("drift.detected")
    (field,) = detected.fields
    assert (str(detected.key), pointer(field.path), field.before, field.after) == (key, path, before, after)
    file = "network.yaml" if key == "TargetGroup/web" else "service.yaml"
    assert detected.origins[path] == converged.environment.location(place, file)
    assert [str(event.key) for event in converged.events_of_type("drift.resolved")] == [key]
    assert converged.events_of_type("drift.changed") == []


def test_a_deleted_rule_is_created_again(converged: Controller) -> None:
    """The event reports it as missing; one call creates it."""
    delete_listener_rule(converged.environment)
    with converged.environment.writes() as writes:
        converged.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["elbv2.CreateRule"]
    (detected,) = converged.events_of_type("drift.detected")
    assert (str(detected.key), detected.detail["action"]) == ("ListenerRule/web", "missing")
    assert len(rules(converged.environment)) == 1


def test_an_undeclared_port_is_closed(converged: Controller) -> None:
    """The undeclared permission is revoked; the declared one is unchanged."""
    open_port_22(converged.environment)
    with converged.environment.writes() as writes:
        converged.converge(pause=SETTLE_SECONDS)
    (revoke,) = writes
    assert revoke.operation == "RevokeSecurityGroupIngress"
    assert [one["FromPort"] for one in revoke.params["IpPermissions"]] == [22]
    assert [str(event.key) for event in converged.events_of_type("drift.detected")] == ["SecurityGroup/web"]


def test_a_manually_deployed_image_is_replaced_by_the_declared_one(converged: Controller) -> None:
    """The declared revision still exists and is not registered again."""
    deploy_another_image(converged.environment)
    with converged.environment.writes() as writes:
        converged.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == ["ecs.UpdateService"]
    assert converged.environment.service()["taskDefinition"].endswith(":1")
    (detected,) = converged.events_of_type("drift.detected")
    assert [pointer(field.path) for field in detected.fields] == ["/taskDefinition"]


def test_drift_of_several_resources_is_one_call_each(converged: Controller) -> None:
    """Three resources drift in one interval: three events, three calls."""
    for change in (set_desired_count_to_0, change_health_check_path, delete_listener_rule):
        change(converged.environment)
    with converged.environment.writes() as writes:
        converged.converge(pause=SETTLE_SECONDS)
    assert sorted(operations(writes)) == ["ecs.UpdateService", "elbv2.CreateRule", "elbv2.ModifyTargetGroup"]
    assert len(converged.events_of_type("drift.detected")) == 3


def test_stopped_tasks_change_the_health_and_are_no_drift(converged: Controller) -> None:
    """Two tasks stop: the service is reported as unhealthy and then as Healthy, without a call."""
    converged.environment.simulator.stop_task("quickstart", "web", count=2)
    with converged.environment.writes() as writes:
        converged.run_pass()
        assert converged.status("Service/web").health.status != "Healthy"
        assert converged.status("Service/web").sync == "Synced"
        converged.converge(pause=SETTLE_SECONDS)
    assert operations(writes) == []
    assert converged.events_of_type("drift.detected") == []
    reported = [
        event.detail["after"] for event in converged.events_of_type("health.changed") if str(event.key) == "Service/web"
    ]
    assert reported[-1] == "Healthy"
    assert len(reported) >= 2


def test_mode_observe_reports_drift_and_writes_nothing(converged: Controller) -> None:
    """The drift is reported once and stays."""
    change_health_check_path(converged.environment)
    with converged.environment.writes() as writes:
        for _ in range(5):
            converged.run_pass(PassOptions(enforce=False))
    assert operations(writes) == []
    assert len(converged.events_of_type("drift.detected")) == 1
    assert converged.status("TargetGroup/web").sync == "OutOfSync"


def test_a_resource_of_another_installation_is_held(converged: Controller) -> None:
    """It is never written, whatever differs."""
    other = converged.environment.controller(installation="other")
    set_desired_count_to_0(converged.environment)
    with converged.environment.writes() as writes:
        for _ in range(5):
            other.run_pass()
    assert operations(writes) == []
    held = {str(one.step.id): one.reason for one in other.outcomes["quickstart"].plan.withheld}
    assert held["Service/web"].startswith("owned by installation test")
    assert other.events_of_type("drift.detected") == []


SECOND = """
apiVersion: ecsync/v1
resources:
  Service/second:
    serviceName: second
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/web}
    desiredCount: 3
    launchType: FARGATE
    networkConfiguration:
      awsvpcConfiguration:
        subnets: ${Network/main.publicSubnetIds}
"""


def test_a_copied_mark_does_not_give_ownership(converged: Controller) -> None:
    """Services with a mark that was copied from another are held, and not pruned."""
    service = converged.environment.service()
    copied = [tag for tag in service["tags"] if tag["key"].startswith("ecsync:")]
    for name in ("first", "second"):
        converged.environment.aws("ecs").create_service(
            cluster="quickstart",
            serviceName=name,
            taskDefinition="quickstart-web",
            launchType="FARGATE",
            desiredCount=1,
            networkConfiguration=service["networkConfiguration"],
            tags=copied,
        )
    (converged.environment.manifests / "second.yaml").write_text(SECOND)
    converged.environment.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    converged.environment.simulator.advance(SETTLE_SECONDS)
    converged.read()
    with converged.environment.writes() as writes:
        converged.run_passes(3)
    assert operations(writes) == []
    held = {str(one.step.id): one.reason for one in converged.outcomes["quickstart"].plan.withheld}
    assert held == {"Service/second": "owned by Service/quickstart/web, which is still declared"}
