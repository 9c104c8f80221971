"""The tutorial's whole stack: EC2 behind a load balancer, FireLens, dynamic host ports, both sorts of autoscaling."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.whole.support.stage import Controller, Stage, names

TILOG = Path(__file__).resolve().parents[2] / "manifests" / "tilog"
REGION = "ap-northeast-2"
NOTHING = """
apiVersion: ecsync/v1
resources:
  Network/main: {tags: {Name: tilog-vpc}}
"""
# What AWS says while something else is still on its way out (core-rules.md 4).
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
def tilog(stage: Stage) -> Controller:
    """The stack in an account that settles as a real one does, with the VPC that it is to live in."""
    stage.empty(settling=True)
    shutil.rmtree(stage.manifests)
    shutil.copytree(TILOG, stage.manifests)
    make_vpc(aws(stage, "ec2"))
    return stage.controller()


def aws(stage: Stage, service: str) -> Any:
    """A client of somebody else's, in the Region of the stack."""
    return stage.clients.get(service, REGION, once=True)


def make_vpc(ec2: Any) -> None:
    """Make a VPC with a public subnet in each of two availability zones."""
    named = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "tilog-vpc"}]}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=named)["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ec2.create_route(RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    for number, zone in enumerate("ac"):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}")


def desired(stage: Stage) -> int:
    """How many tasks ECS is asked for."""
    services = aws(stage, "ecs").describe_services(cluster="tilog", services=["tilog"])["services"]
    return int(services[0]["desiredCount"])


def test_it_converges_from_nothing_and_stays(tilog: Controller) -> None:
    """Through everything that settles; then ten passes write nothing."""
    stage = tilog.stage
    with stage.writes() as writes:
        tilog.converge()
    refused = [one for one in writes if not one.ok]
    assert {one.error_code for one in refused} <= {"InvalidParameterException", "ValidationError", *CONFLICTS}
    made = Counter(name for name in names([one for one in writes if one.ok]) if ".Create" in name)
    assert {name: count for name, count in made.items() if count > 1} == {
        "logs.CreateLogGroup": 2,
        "ec2.CreateSecurityGroup": 2,
    }
    health = aws(stage, "elbv2").describe_target_health(TargetGroupArn=_group(stage))["TargetHealthDescriptions"]
    assert len({target["Target"]["Port"] for target in health}) == 2  # a dynamic port for each task
    with stage.writes() as more:
        tilog.passes(10)
    assert names(more) == []


def test_the_autoscaler_moves_the_service_and_we_do_not(tilog: Controller) -> None:
    """Inside the band the count is its own: 2, 4 and 3 tasks, and no call of ours."""
    stage = tilog.stage
    tilog.converge()
    seen = [desired(stage)]
    with stage.writes() as writes:
        for load, count in ((120.0, 4), (45.0, 3)):
            stage.simulator.set_load("tilog", "tilog", load, region=REGION)
            for _ in range(60):
                stage.simulator.advance(30)
                tilog.once()
                if desired(stage) == count:
                    break
            seen.append(desired(stage))
            tilog.converge()
    assert seen == [2, 4, 3]
    assert names(writes) == []
    assert all(not event.type.startswith("drift") for event in tilog.events)


def test_a_count_outside_the_band_takes_one_call_to_its_nearest_bound(tilog: Controller) -> None:
    """Somebody sets it to 0: the autoscaler's least is put back, and nothing else is said."""
    stage = tilog.stage
    tilog.converge()
    aws(stage, "ecs").update_service(cluster="tilog", service="tilog", desiredCount=0)
    with stage.writes() as writes:
        tilog.converge()
    assert [(one.operation, one.params) for one in writes] == [
        ("UpdateService", {"cluster": "tilog", "service": "tilog", "desiredCount": 2})
    ]


def test_all_of_it_goes_with_prune_and_no_call_fails_but_conflicts(tilog: Controller) -> None:
    """Users before what they use; what is retained stays without our marks."""
    stage = tilog.stage
    tilog.converge()
    for name in ("network.yaml", "service.yaml", "cluster.yaml"):
        (stage.manifests / name).unlink()
    (stage.manifests / "nothing.yaml").write_text(NOTHING)
    stage.edit("mode: enforce", "prune: true\n    mode: enforce", "application.yaml")
    tilog.read()
    with stage.writes() as writes:
        for _ in range(80):
            tilog.once()
            if not tilog.outcomes["tilog"].plan.steps:
                break
            stage.simulator.advance(30)
    assert [str(step.id) for step in tilog.outcomes["tilog"].plan.steps] == [], tilog.outcomes["tilog"].results
    assert {one.error_code for one in writes if not one.ok} <= CONFLICTS
    assert left(stage) == []


def left(stage: Stage) -> list[str]:
    """What is still there of what costs something."""
    clusters = aws(stage, "ecs").describe_clusters(clusters=["tilog"])["clusters"]
    providers = aws(stage, "ecs").describe_capacity_providers()["capacityProviders"]
    groups = aws(stage, "ec2").describe_security_groups()["SecurityGroups"]
    fleets = aws(stage, "autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    found = [
        *(one["clusterName"] for one in clusters if one["status"] != "INACTIVE"),
        *(one["name"] for one in providers if not one["name"].startswith("FARGATE") and one["status"] == "ACTIVE"),
        *(one["AutoScalingGroupName"] for one in fleets),
        *(one["LaunchTemplateName"] for one in aws(stage, "ec2").describe_launch_templates()["LaunchTemplates"]),
        *(one["LoadBalancerName"] for one in aws(stage, "elbv2").describe_load_balancers()["LoadBalancers"]),
        *(one["TargetGroupName"] for one in aws(stage, "elbv2").describe_target_groups()["TargetGroups"]),
        *(one["GroupName"] for one in groups if one["GroupName"] != "default"),
    ]
    scaling = aws(stage, "application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    return [*found, *(one["ResourceId"] for one in targets)]


def _group(stage: Stage) -> str:
    return str(aws(stage, "elbv2").describe_target_groups(Names=["tilog"])["TargetGroups"][0]["TargetGroupArn"])
