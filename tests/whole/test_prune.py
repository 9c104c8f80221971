"""Orphans: held until `sync.prune: true`, then deleted in the right order, and nothing else is."""

from __future__ import annotations

import re

import pytest

from ecsync.core.model import Delete, Forget
from tests.whole.support.account_contents import contents
from tests.whole.support.command import Command
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations

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


def enable_prune(controller: Controller, limit: int = 0) -> None:
    """Declare `sync.prune: true`, and the most resources that may be pruned together."""
    sync = f"prune: true\n    pruneLimit: {limit}\n    mode: enforce"
    controller.environment.edit("mode: enforce", sync, "application.yaml")


def settle(controller: Controller) -> None:
    """Make passes until the plan is empty: a deleted resource has no status to wait for."""
    for _ in range(40):
        controller.run_pass()
        if not controller.outcomes["quickstart"].plan.steps:
            return
        controller.environment.simulator.advance(30)
    raise AssertionError("\n".join(controller.explain()))


@pytest.fixture
def extra(environment: Environment) -> Controller:
    """The quickstart and a second service, converged; then the second service's file is removed."""
    (environment.manifests / "extra.yaml").write_text(EXTRA)
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    (environment.manifests / "extra.yaml").unlink()
    controller.read()
    return controller


def services(environment: Environment) -> list[str]:
    """Return the names of the services that ECS lists."""
    arns = environment.aws("ecs").list_services(cluster="quickstart")["serviceArns"]
    return sorted(arn.rpartition("/")[2] for arn in arns)


def test_without_prune_orphans_are_held(extra: Controller) -> None:
    """The plan shows the deletes and the setting that would allow them; nothing is written."""
    with extra.environment.writes() as writes:
        extra.run_passes(4)
    assert operations(writes) == []
    held = {str(one.step.id): one for one in extra.outcomes["quickstart"].plan.withheld}
    assert set(held) == {"LogGroup/extra", "Service/extra"}
    assert isinstance(held["Service/extra"].step.change, Delete)
    assert isinstance(held["LogGroup/extra"].step.change, Forget)
    assert all("sync.prune: true" in one.reason for one in held.values())


def test_with_prune_orphans_are_deleted_and_nothing_else_is(extra: Controller) -> None:
    """The service is drained and deleted; the retained log group only loses its marks; the rest is unchanged."""
    environment = extra.environment
    before = contents(environment)
    enable_prune(extra)
    extra.read()
    with environment.writes() as writes:
        settle(extra)
        extra.run_passes(3)
    assert [one for one in operations(writes) if one.startswith("ecs.")] == ["ecs.UpdateService", "ecs.DeleteService"]
    assert {one.params["service"] for one in writes if one.service == "ecs"} == {"extra"}
    assert [one.operation for one in writes if one.service != "ecs"] == ["UntagResource"]
    assert services(environment) == ["web"]
    groups = [one["logGroupName"] for one in environment.aws("logs").describe_log_groups()["logGroups"]]
    assert "/quickstart/extra" in groups
    assert _without_extra(contents(environment)) == _without_extra(before)


def test_a_service_behind_no_load_balancer_any_more_is_deleted(converged: Controller) -> None:
    """A person has deleted its rule: ECS refuses to change its count, so it is not scaled to 0 before."""
    environment = converged.environment
    elb = environment.aws("elbv2")
    balancer = elb.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    rules = elb.describe_rules(ListenerArn=listener)["Rules"]
    elb.delete_rule(RuleArn=next(one["RuleArn"] for one in rules if not one["IsDefault"]))
    enable_prune(converged, limit=20)
    for file, start in (("network.yaml", "  ListenerRule/web:"), ("service.yaml", "  Service/web:")):
        path = environment.manifests / file
        path.write_text(path.read_text().partition(start)[0])
    converged.read()
    with environment.writes() as writes:
        settle(converged)
    assert [one for one in operations(writes) if one.startswith("ecs.")] == ["ecs.DeleteService"]
    assert services(environment) == []


def _without_extra(text: str) -> list[str]:
    """Return the lines that do not depend on the second service."""
    return [line for line in text.splitlines() if not re.search(r"extra|Count|RUNNING|logGroup|Bytes", line)]


def test_an_unconfirmed_source_prunes_nothing(extra: Controller) -> None:
    """While the source may be incomplete, orphans are held with that reason."""
    enable_prune(extra)
    extra.read(pruning="the source must read the same twice")
    with extra.environment.writes() as writes:
        extra.run_passes(3)
    assert operations(writes) == []
    held = extra.outcomes["quickstart"].plan.withheld
    assert {one.reason for one in held} == {"the source must read the same twice"}


# AWS's error codes while another deletion is in progress, for example of a draining service.
CONFLICTS = {
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "DependencyViolation",
    "ResourceInUse",
    "ResourceInUseException",
}


def test_the_whole_stack_is_deleted_in_order_and_retained_resources_stay(converged: Controller) -> None:
    """Only conflicts fail; log group, revision and role stay, without marks."""
    environment = converged.environment
    for name in ("network.yaml", "service.yaml"):
        (environment.manifests / name).unlink()
    (environment.manifests / "nothing.yaml").write_text(NOTHING)
    enable_prune(converged, limit=20)
    converged.read()
    with environment.writes() as writes:
        settle(converged)
    refused = {one.error_code for one in writes if not one.ok}
    assert refused <= CONFLICTS
    assert remaining(environment) == ["log group", "revision", "role"]
    assert marked(environment) == []
    with environment.writes() as more:
        converged.run_passes(3)
        converged.environment.controller().run_passes(2)
    assert operations(more) == []


@pytest.mark.parametrize("limit", [0, 3])
@pytest.mark.parametrize("left", [NOTHING, ""])
def test_an_application_without_documents_is_not_deleted(converged: Controller, left: str, limit: int) -> None:
    """A directory that is empty but for its Application is a complete reading, and may be half a release."""
    environment = converged.environment
    for name in ("network.yaml", "service.yaml"):
        (environment.manifests / name).unlink()
    (environment.manifests / "nothing.yaml").write_text(left)
    enable_prune(converged, limit)
    converged.read()
    with environment.writes() as writes:
        converged.run_passes(5)
    assert [one for one in operations(writes) if "Delete" in one or "UpdateService" in one] == []
    assert {one.obstacle for one in converged.outcomes["quickstart"].plan.withheld} == {"budget"}


def test_apply_deletes_only_with_prune(extra: Controller, ecsync: Command) -> None:
    """Also where the application has `sync.prune: true`: one reading is no warrant."""
    environment = extra.environment
    enable_prune(extra)
    with environment.writes() as writes:
        ended = ecsync("apply", environment.manifests)
    assert (ended.code, operations(writes)) == (4, [])
    assert "deletes only with --prune" in ended.err
    with environment.writes() as writes:
        ended = ecsync("apply", environment.manifests, "--prune", "--yes")
    assert ended.code == 0, ended.err
    assert "ecs.DeleteService" in operations(writes)
    assert services(environment) == ["web"]


def remaining(environment: Environment) -> list[str]:
    """Return the sorts of quickstart resources that still exist."""
    ecs, elb, ec2 = environment.aws("ecs"), environment.aws("elbv2"), environment.aws("ec2")
    clusters = ecs.describe_clusters(clusters=["quickstart"])["clusters"]
    groups = ec2.describe_security_groups()["SecurityGroups"]
    roles = environment.aws("iam").list_roles()["Roles"]
    found = {
        "cluster": [one for one in clusters if one["status"] == "ACTIVE"],
        "target group": elb.describe_target_groups()["TargetGroups"],
        "load balancer": elb.describe_load_balancers()["LoadBalancers"],
        "security group": [one for one in groups if one["GroupName"].startswith("quickstart")],
        "log group": environment.aws("logs").describe_log_groups()["logGroups"],
        "revision": ecs.list_task_definitions()["taskDefinitionArns"],
        "role": [one for one in roles if one["RoleName"].startswith("quickstart")],
    }
    return sorted(name for name, some in found.items() if some)


def marked(environment: Environment) -> list[str]:
    """Return the sorts of resources that still carry a mark."""
    ecs, iam, logs = environment.aws("ecs"), environment.aws("iam"), environment.aws("logs")
    revision = ecs.describe_task_definition(taskDefinition="quickstart-web", include=["TAGS"])
    tags = {
        "revision": [tag["key"] for tag in revision.get("tags", ())],
        "role": [tag["Key"] for tag in iam.list_role_tags(RoleName="quickstart-execution")["Tags"]],
        "log group": list(logs.list_tags_log_group(logGroupName="/quickstart/web")["tags"]),
    }
    return sorted(name for name, keys in tags.items() if any(key.startswith("ecsync:") for key in keys))


def test_a_renamed_service_leaves_the_old_one_as_an_orphan(converged: Controller) -> None:
    """A new AWS name is a new service (docs/rules.md R5); the old one is held, and deleted with prune."""
    environment = converged.environment
    environment.edit("serviceName: web", "serviceName: renamed")
    converged.read()
    converged.run_passes(6)
    assert services(environment) == ["renamed", "web"]
    held = [str(one.step.id) for one in converged.outcomes["quickstart"].plan.withheld]
    assert held == ["Service/web"]
    enable_prune(converged)
    converged.read()
    settle(converged)
    assert services(environment) == ["renamed"]
