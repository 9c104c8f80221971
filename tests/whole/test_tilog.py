"""The tutorial's stack: EC2 behind a load balancer, FireLens, dynamic host ports, instance and task autoscaling."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ecsync import wiring
from ecsync.config import Settings
from ecsync.wiring import seeding
from tests.whole.support.environment import Controller, Environment, operations

TILOG = Path(__file__).resolve().parents[2] / "manifests" / "tilog"
REGION = "ap-northeast-2"
NOTHING = """
apiVersion: ecsync/v1
resources:
  Network/main: {tags: {Name: tilog-vpc}}
"""
# AWS's error codes while another deletion is in progress (docs/rules.md R4).
CONFLICTS = {
    "ClusterContainsContainerInstancesException",
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "DependencyViolation",
    "ResourceInUse",
    "ResourceInUseException",
    "ScalingActivityInProgress",
    "UpdateInProgressException",
}


@pytest.fixture
def tilog(environment: Environment) -> Controller:
    """The stack's manifests, and an account that settles as a real one does, with what the manifests look up."""
    environment.reset(settling=True)
    shutil.rmtree(environment.manifests)
    shutil.copytree(TILOG, environment.manifests)
    prepare(environment)
    return environment.controller()


def prepare(environment: Environment) -> str:
    """Create what the stack looks up, as `run --aws simulated` does, and return the program that causes drift."""
    workspace = wiring.workspace(Settings(), str(TILOG), read_only=True)
    catalogue = workspace.catalogue(workspace.source(str(TILOG)).fetch())
    (line,) = seeding.seed(catalogue, Settings(), environment.simulator.url)
    assert line.endswith("because Network/main looks it up: a VPC with Name=tilog-vpc in ap-northeast-2")
    return seeding.drift(catalogue, Settings(), environment.simulator.url)


def aws(environment: Environment, service: str) -> Any:
    """Return a boto3 client in the Region of the stack: another client of the account."""
    return environment.clients.get(service, REGION, once=True)


def desired_count(environment: Environment) -> int:
    """Return the desired count of the service."""
    services = aws(environment, "ecs").describe_services(cluster="tilog", services=["tilog"])["services"]
    return int(services[0]["desiredCount"])


def test_the_stack_converges_in_an_empty_account_and_stays(tilog: Controller) -> None:
    """It converges while the account settles; then ten passes write nothing."""
    environment = tilog.environment
    with environment.writes() as writes:
        tilog.converge()
    refused = [one for one in writes if not one.ok]
    assert {one.error_code for one in refused} <= {"InvalidParameterException", "ValidationError", *CONFLICTS}
    creates = Counter(name for name in operations([one for one in writes if one.ok]) if ".Create" in name)
    assert {name: count for name, count in creates.items() if count > 1} == {
        "logs.CreateLogGroup": 2,
        "ec2.CreateSecurityGroup": 2,
    }
    health = aws(environment, "elbv2").describe_target_health(TargetGroupArn=_group(environment))[
        "TargetHealthDescriptions"
    ]
    assert len({target["Target"]["Port"] for target in health}) == 2  # a dynamic port for each task
    with environment.writes() as more:
        tilog.run_passes(10)
    assert operations(more) == []


def test_the_line_to_paste_fits_the_manifests(environment: Environment) -> None:
    """It stops the tasks of the stack's service, in the stack's Region."""
    program = prepare(environment)
    assert "region_name='ap-northeast-2'" in program
    assert program.endswith(".update_service(cluster='tilog', service='tilog', desiredCount=0)")


def test_the_autoscaler_alone_changes_the_desired_count(tilog: Controller) -> None:
    """Within the bounds the controller writes nothing: 2, 4 and 3 tasks."""
    environment = tilog.environment
    tilog.converge()
    seen = [desired_count(environment)]
    with environment.writes() as writes:
        for load, count in ((120.0, 4), (45.0, 3)):
            environment.simulator.set_load("tilog", "tilog", load, region=REGION)
            for _ in range(60):
                environment.simulator.advance(30)
                tilog.run_pass()
                if desired_count(environment) == count:
                    break
            seen.append(desired_count(environment))
            tilog.converge()
    assert seen == [2, 4, 3]
    assert operations(writes) == []
    assert all(not event.type.startswith("drift") for event in tilog.events)


def test_a_count_outside_the_bounds_is_set_to_the_nearest_bound(tilog: Controller) -> None:
    """The count is set to 0 manually: one call sets it to the minimum."""
    environment = tilog.environment
    tilog.converge()
    aws(environment, "ecs").update_service(cluster="tilog", service="tilog", desiredCount=0)
    with environment.writes() as writes:
        tilog.converge()
    assert [(one.operation, one.params) for one in writes] == [
        ("UpdateService", {"cluster": "tilog", "service": "tilog", "desiredCount": 2})
    ]


def test_prune_deletes_the_whole_stack_and_only_conflicts_fail(tilog: Controller) -> None:
    """A resource is deleted before those that it uses; retained resources stay without marks."""
    environment = tilog.environment
    tilog.converge()
    for name in ("network.yaml", "service.yaml", "cluster.yaml"):
        (environment.manifests / name).unlink()
    (environment.manifests / "nothing.yaml").write_text(NOTHING)
    environment.edit("mode: enforce", "prune: true\n    pruneLimit: 30\n    mode: enforce", "application.yaml")
    tilog.read()
    with environment.writes() as writes:
        for _ in range(80):
            tilog.run_pass()
            if not tilog.outcomes["tilog"].plan.steps:
                break
            environment.simulator.advance(30)
    assert [str(step.id) for step in tilog.outcomes["tilog"].plan.steps] == [], tilog.outcomes["tilog"].results
    assert {one.error_code for one in writes if not one.ok} <= CONFLICTS
    assert remaining(environment) == []


def remaining(environment: Environment) -> list[str]:
    """Return the names of the remaining resources that cost money."""
    clusters = aws(environment, "ecs").describe_clusters(clusters=["tilog"])["clusters"]
    providers = aws(environment, "ecs").describe_capacity_providers()["capacityProviders"]
    groups = aws(environment, "ec2").describe_security_groups()["SecurityGroups"]
    fleets = aws(environment, "autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    found = [
        *(one["clusterName"] for one in clusters if one["status"] != "INACTIVE"),
        *(one["name"] for one in providers if not one["name"].startswith("FARGATE") and one["status"] == "ACTIVE"),
        *(one["AutoScalingGroupName"] for one in fleets),
        *(one["LaunchTemplateName"] for one in aws(environment, "ec2").describe_launch_templates()["LaunchTemplates"]),
        *(one["LoadBalancerName"] for one in aws(environment, "elbv2").describe_load_balancers()["LoadBalancers"]),
        *(one["TargetGroupName"] for one in aws(environment, "elbv2").describe_target_groups()["TargetGroups"]),
        *(one["GroupName"] for one in groups if one["GroupName"] != "default"),
    ]
    scaling = aws(environment, "application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    return [*found, *(one["ResourceId"] for one in targets)]


def _group(environment: Environment) -> str:
    return str(aws(environment, "elbv2").describe_target_groups(Names=["tilog"])["TargetGroups"][0]["TargetGroupArn"])
