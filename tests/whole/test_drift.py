"""What somebody changes is told once, with where it is written, and put right by one call."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ecsync.core.trees import pointer
from ecsync.engine.reconciler import PassOptions
from tests.whole.support.stage import LONG, Controller, Stage, names


def set_to_nothing(stage: Stage) -> None:
    """As the console does, which sends the grace period again because AWS resets what is left out."""
    stage.aws("ecs").update_service(
        cluster="quickstart", service="web", desiredCount=0, healthCheckGracePeriodSeconds=30
    )


def change_the_path(stage: Stage) -> None:
    """Somebody changes where the load balancer looks for health."""
    elb = stage.aws("elbv2")
    group = elb.describe_target_groups(Names=["quickstart-web"])["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=group, HealthCheckPath="/wrong")


def delete_the_rule(stage: Stage) -> None:
    """Somebody deletes the listener rule."""
    stage.aws("elbv2").delete_rule(RuleArn=rules(stage)[0])


def open_a_port(stage: Stage) -> None:
    """Somebody lets the world in by another port."""
    ec2 = stage.aws("ec2")
    found = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["quickstart-web"]}])
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = found["SecurityGroups"][0]["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])


def change_our_tag(stage: Stage) -> None:
    """Somebody changes the value of a declared tag."""
    arn = stage.service()["serviceArn"]
    stage.aws("ecs").tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "another"}])


def deploy_another_image(stage: Stage) -> None:
    """Somebody deploys a revision of their own."""
    ecs = stage.aws("ecs")
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
    stage.simulator.advance(LONG)


def rules(stage: Stage) -> list[str]:
    """The ARNs of all rules but the default one."""
    elb = stage.aws("elbv2")
    balancer = elb.describe_load_balancers(Names=["quickstart"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    return [one["RuleArn"] for one in elb.describe_rules(ListenerArn=listener)["Rules"] if not one["IsDefault"]]


@pytest.mark.parametrize(
    ("happens", "key", "path", "before", "after", "place", "call"),
    [
        (set_to_nothing, "Service/web", "/desiredCount", 0, 2, "desiredCount", "ecs.UpdateService"),
        (change_the_path, "TargetGroup/web", "/HealthCheckPath", "/wrong", "/", "CheckPath", "elbv2.ModifyTargetGroup"),
        (change_our_tag, "Service/web", "/tags/team", "another", "quickstart", "team:", "ecs.TagResource"),
    ],
    ids=["desired count", "health check", "tag"],
)
def test_a_changed_field_is_told_and_put_right(
    kept: Controller,
    happens: Callable[[Stage], None],
    key: str,
    path: str,
    before: object,
    after: object,
    place: str,
    call: str,
) -> None:
    """One event has path, before, after and file:line; one call repairs it; one event says that it is over."""
    happens(kept.stage)
    with kept.stage.writes() as writes:
        kept.converge(pause=LONG)
        kept.passes(2)
    assert names(writes) == [call]
    (detected,) = kept.told("drift.detected")
    (field,) = detected.fields
    assert (str(detected.key), pointer(field.path), field.before, field.after) == (key, path, before, after)
    file = "network.yaml" if key == "TargetGroup/web" else "service.yaml"
    assert detected.origins[path] == kept.stage.line(place, file)
    assert [str(event.key) for event in kept.told("drift.resolved")] == [key]
    assert kept.told("drift.changed") == []


def test_a_deleted_rule_is_made_again(kept: Controller) -> None:
    """What is gone is told as missing, and is made again by one call."""
    delete_the_rule(kept.stage)
    with kept.stage.writes() as writes:
        kept.converge(pause=LONG)
    assert names(writes) == ["elbv2.CreateRule"]
    (detected,) = kept.told("drift.detected")
    assert (str(detected.key), detected.detail["action"]) == ("ListenerRule/web", "missing")
    assert len(rules(kept.stage)) == 1


def test_an_opened_port_is_closed_again(kept: Controller) -> None:
    """A permission that nobody declared is revoked, and the declared one is not touched."""
    open_a_port(kept.stage)
    with kept.stage.writes() as writes:
        kept.converge(pause=LONG)
    (revoke,) = writes
    assert revoke.operation == "RevokeSecurityGroupIngress"
    assert [one["FromPort"] for one in revoke.params["IpPermissions"]] == [22]
    assert [str(event.key) for event in kept.told("drift.detected")] == ["SecurityGroup/web"]


def test_another_image_is_replaced_by_the_declared_one(kept: Controller) -> None:
    """A revision that is not ours is drift; the one that is declared is found, not registered again."""
    deploy_another_image(kept.stage)
    with kept.stage.writes() as writes:
        kept.converge(pause=LONG)
    assert names(writes) == ["ecs.UpdateService"]
    assert kept.stage.service()["taskDefinition"].endswith(":1")
    (detected,) = kept.told("drift.detected")
    assert [pointer(field.path) for field in detected.fields] == ["/taskDefinition"]


def test_several_things_at_once_are_each_one_call(kept: Controller) -> None:
    """Three resources drift in one interval: three events, three calls."""
    for happens in (set_to_nothing, change_the_path, delete_the_rule):
        happens(kept.stage)
    with kept.stage.writes() as writes:
        kept.converge(pause=LONG)
    assert sorted(names(writes)) == ["ecs.UpdateService", "elbv2.CreateRule", "elbv2.ModifyTargetGroup"]
    assert len(kept.told("drift.detected")) == 3


def test_tasks_that_die_are_health_and_no_drift(kept: Controller) -> None:
    """Two tasks are stopped: the service is told to be unwell and then well again, and nobody calls anything."""
    kept.stage.simulator.stop_task("quickstart", "web", count=2)
    with kept.stage.writes() as writes:
        kept.once()
        assert kept.status("Service/web").health.status != "Healthy"
        assert kept.status("Service/web").sync == "Synced"
        kept.converge(pause=LONG)
    assert names(writes) == []
    assert kept.told("drift.detected") == []
    told = [event.detail["after"] for event in kept.told("health.changed") if str(event.key) == "Service/web"]
    assert told[-1] == "Healthy"
    assert len(told) >= 2


def test_observing_tells_and_does_not_touch(kept: Controller) -> None:
    """In mode observe the same drift is told, once, and stays."""
    change_the_path(kept.stage)
    with kept.stage.writes() as writes:
        for _ in range(5):
            kept.once(PassOptions(enforce=False))
    assert names(writes) == []
    assert len(kept.told("drift.detected")) == 1
    assert kept.status("TargetGroup/web").sync == "OutOfSync"


def test_what_another_installation_owns_is_held(kept: Controller) -> None:
    """A service with the mark of another installation is never written, whatever differs."""
    other = kept.stage.controller(installation="other")
    set_to_nothing(kept.stage)
    with kept.stage.writes() as writes:
        for _ in range(5):
            other.once()
    assert names(writes) == []
    held = {str(one.step.id): one.reason for one in other.outcomes["quickstart"].plan.withheld}
    assert held["Service/web"].startswith("owned by installation test")
    assert other.told("drift.detected") == []


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


def test_a_copied_mark_is_foreign(kept: Controller) -> None:
    """Marks that somebody copied to other services make none of them ours: they are held, and not pruned."""
    service = kept.stage.service()
    copied = [tag for tag in service["tags"] if tag["key"].startswith("ecsync:")]
    for name in ("first", "second"):
        kept.stage.aws("ecs").create_service(
            cluster="quickstart",
            serviceName=name,
            taskDefinition="quickstart-web",
            launchType="FARGATE",
            desiredCount=1,
            networkConfiguration=service["networkConfiguration"],
            tags=copied,
        )
    (kept.stage.manifests / "second.yaml").write_text(SECOND)
    kept.stage.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    kept.stage.simulator.advance(LONG)
    kept.read()
    with kept.stage.writes() as writes:
        kept.passes(3)
    assert names(writes) == []
    held = {str(one.step.id): one.reason for one in kept.outcomes["quickstart"].plan.withheld}
    assert held == {"Service/second": "owned by Service/quickstart/web, which is still declared"}
