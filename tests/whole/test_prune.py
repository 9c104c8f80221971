"""What is declared no more: held until a word is said, then deleted in the right order and nothing else with it."""

from __future__ import annotations

import re

import pytest

from ecsync.core.model import Delete, Forget
from tests.whole.support.account import contents
from tests.whole.support.stage import LONG, Controller, Stage, names

EXTRA = """
apiVersion: ecsync/v1
resources:
  LogGroup/extra:
    logGroupName: /quickstart/extra
  Service/extra:
    serviceName: extra
    cluster: ${Cluster/main}
    taskDefinition: ${TaskDefinition/web}
    desiredCount: 1
    launchType: FARGATE
    networkConfiguration:
      awsvpcConfiguration:
        subnets: ${Network/main.publicSubnetIds}
        assignPublicIp: ENABLED
"""
NOTHING = """
apiVersion: ecsync/v1
resources:
  Network/main: {default: true}
"""


def prune(controller: Controller) -> None:
    """Say that what is declared no more is to go."""
    controller.stage.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")


def settle(controller: Controller) -> None:
    """Make passes until none has anything left to do: what is deleted is in no status."""
    for _ in range(40):
        controller.once()
        if not controller.outcomes["quickstart"].plan.steps:
            return
        controller.stage.simulator.advance(30)
    raise AssertionError("\n".join(controller.explained()))


@pytest.fixture
def extra(stage: Stage) -> Controller:
    """The quickstart and a second service, converged; then the second service's file is removed."""
    (stage.manifests / "extra.yaml").write_text(EXTRA)
    controller = stage.controller()
    controller.converge(pause=LONG)
    (stage.manifests / "extra.yaml").unlink()
    controller.read()
    return controller


def services(stage: Stage) -> list[str]:
    """The names of the services that ECS lists."""
    arns = stage.aws("ecs").list_services(cluster="quickstart")["serviceArns"]
    return sorted(arn.rpartition("/")[2] for arn in arns)


def test_with_prune_off_it_is_held(extra: Controller) -> None:
    """The plan shows what would go and what would let it; nothing is written."""
    with extra.stage.writes() as writes:
        extra.passes(4)
    assert names(writes) == []
    held = {str(one.step.id): one for one in extra.outcomes["quickstart"].plan.withheld}
    assert set(held) == {"LogGroup/extra", "Service/extra"}
    assert isinstance(held["Service/extra"].step.change, Delete)
    assert isinstance(held["LogGroup/extra"].step.change, Forget)
    assert all("sync.prune: true" in one.reason for one in held.values())


def test_with_prune_on_it_goes_and_nothing_else_does(extra: Controller) -> None:
    """The service is drained and deleted; the log group, which is retained, loses our marks; the rest is untouched."""
    stage = extra.stage
    before = contents(stage)
    prune(extra)
    extra.read()
    with stage.writes() as writes:
        settle(extra)
        extra.passes(3)
    assert [one for one in names(writes) if one.startswith("ecs.")] == ["ecs.UpdateService", "ecs.DeleteService"]
    assert {one.params["service"] for one in writes if one.service == "ecs"} == {"extra"}
    assert [one.operation for one in writes if one.service != "ecs"] == ["UntagResource"]
    assert services(stage) == ["web"]
    groups = [one["logGroupName"] for one in stage.aws("logs").describe_log_groups()["logGroups"]]
    assert "/quickstart/extra" in groups
    assert _without_extra(contents(stage)) == _without_extra(before)


def _without_extra(text: str) -> list[str]:
    """Lines in which the second service does not show, as counts of services and tasks do."""
    return [line for line in text.splitlines() if not re.search(r"extra|Count|RUNNING|logGroup|Bytes", line)]


def test_a_source_that_may_be_half_a_release_prunes_nothing(extra: Controller) -> None:
    """While the source cannot prove that it was read whole, the same is held with that reason."""
    prune(extra)
    extra.read(pruning="the source must read the same twice")
    with extra.stage.writes() as writes:
        extra.passes(3)
    assert names(writes) == []
    held = extra.outcomes["quickstart"].plan.withheld
    assert {one.reason for one in held} == {"the source must read the same twice"}


# What AWS says while something else is still going: a draining service, say, which ListServices does not list.
CONFLICTS = {
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "DependencyViolation",
    "ResourceInUse",
    "ResourceInUseException",
}


def test_the_whole_stack_goes_in_order_and_leaves_what_is_retained(kept: Controller) -> None:
    """No call but conflicts fails, nothing is left but log group, revision and role, and those have no mark of ours."""
    stage = kept.stage
    for name in ("network.yaml", "service.yaml"):
        (stage.manifests / name).unlink()
    (stage.manifests / "nothing.yaml").write_text(NOTHING)
    prune(kept)
    kept.read()
    with stage.writes() as writes:
        settle(kept)
    refused = {one.error_code for one in writes if not one.ok}
    assert refused <= CONFLICTS
    assert left(stage) == ["log group", "revision", "role"]
    assert marked(stage) == []
    with stage.writes() as more:
        kept.passes(3)
        kept.stage.controller().passes(2)
    assert names(more) == []


def left(stage: Stage) -> list[str]:
    """What is still there of the quickstart."""
    ecs, elb, ec2 = stage.aws("ecs"), stage.aws("elbv2"), stage.aws("ec2")
    clusters = ecs.describe_clusters(clusters=["quickstart"])["clusters"]
    groups = ec2.describe_security_groups()["SecurityGroups"]
    roles = stage.aws("iam").list_roles()["Roles"]
    found = {
        "cluster": [one for one in clusters if one["status"] == "ACTIVE"],
        "target group": elb.describe_target_groups()["TargetGroups"],
        "load balancer": elb.describe_load_balancers()["LoadBalancers"],
        "security group": [one for one in groups if one["GroupName"].startswith("quickstart")],
        "log group": stage.aws("logs").describe_log_groups()["logGroups"],
        "revision": ecs.list_task_definitions()["taskDefinitionArns"],
        "role": [one for one in roles if one["RoleName"].startswith("quickstart")],
    }
    return sorted(name for name, some in found.items() if some)


def marked(stage: Stage) -> list[str]:
    """What still carries a mark of ours."""
    ecs, iam, logs = stage.aws("ecs"), stage.aws("iam"), stage.aws("logs")
    revision = ecs.describe_task_definition(taskDefinition="quickstart-web", include=["TAGS"])
    tags = {
        "revision": [tag["key"] for tag in revision.get("tags", ())],
        "role": [tag["Key"] for tag in iam.list_role_tags(RoleName="quickstart-execution")["Tags"]],
        "log group": list(logs.list_tags_log_group(logGroupName="/quickstart/web")["tags"]),
    }
    return sorted(name for name, keys in tags.items() if any(key.startswith("ecsync:") for key in keys))


def test_a_service_of_another_name_leaves_the_old_one_to_be_pruned(kept: Controller) -> None:
    """Rule 5: the same key under a new name is a new service; the old one is an orphan, shown, and goes with prune."""
    stage = kept.stage
    stage.edit("serviceName: web", "serviceName: renamed")
    kept.read()
    kept.passes(6)
    assert services(stage) == ["renamed", "web"]
    held = [str(one.step.id) for one in kept.outcomes["quickstart"].plan.withheld]
    assert held == ["Service/web"]
    prune(kept)
    kept.read()
    settle(kept)
    assert services(stage) == ["renamed"]
