"""ECR, EC2 and autoscaling, beyond single fields: deleted parents, moved scaling bounds, adoption."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ecsync.core.trees import pointer
from ecsync.engine.reconciler import PassOptions
from tests.whole.support.environment import SETTLE_SECONDS, Controller, Environment, operations
from tests.whole.support.manual_changes import WEB, ManualChanges

MANIFESTS = Path(__file__).parent.parent / "cases" / "all_fields"
APPLICATION = "all-fields"
LOOKED_UP = """
apiVersion: ecsync/v1
resources:
  ScalableTarget/web:
    Service: main/web
    MinCapacity: 1
    MaxCapacity: 5
  ScalingPolicy/cpu:
    Service: main/web
    TargetTrackingScalingPolicyConfiguration:
      TargetValue: 70
      PredefinedMetricSpecification: {PredefinedMetricType: ECSServiceAverageCPUUtilization}
  ScheduledAction/night:
    Service: main/web
    Schedule: rate(10 days)
    ScalableTargetAction: {MinCapacity: 1}
"""
ONE_TIME = """
apiVersion: ecsync/v1
resources:
  ScheduledAction/sale:
    Service: ${Service/web}
    Schedule: at(2026-01-01T00:01:00)
    ScalableTargetAction: {MinCapacity: 3, MaxCapacity: 9}
"""


@pytest.fixture
def fleet(environment: Environment) -> Controller:
    """A controller that has converged the resources."""
    shutil.rmtree(environment.manifests)
    shutil.copytree(MANIFESTS, environment.manifests)
    controller = environment.controller()
    controller.converge(pause=SETTLE_SECONDS)
    return controller


@pytest.fixture
def manual(fleet: Controller) -> ManualChanges:
    """Another client of the account."""
    return ManualChanges(fleet.environment)


def planned(controller: Controller) -> list[tuple[str, str]]:
    """Return the steps of a controller that has just started, with the type of each change."""
    plan = controller.environment.controller(controller.where).plan(APPLICATION)
    assert not plan.unreadable
    steps = [(str(step.id), type(step.change).__name__) for step in plan.steps]
    return [*steps, *((f"{one.step.id} held", type(one.step.change).__name__) for one in plan.withheld)]


def template_of(manual: ManualChanges, group: str) -> str:
    """Return the id of the template that a group launches from."""
    groups = manual.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
    return str(groups[0]["LaunchTemplate"]["LaunchTemplateId"])


def test_a_deleted_template_is_created_again_and_its_groups_use_it(fleet: Controller, manual: ManualChanges) -> None:
    """A group that keeps the id of the deleted template launches nothing."""
    for name in ("plain", "nodes"):
        manual.ec2.delete_launch_template(LaunchTemplateName=name)
    fleet.converge(pause=SETTLE_SECONDS)
    templates = manual.ec2.describe_launch_templates()["LaunchTemplates"]
    ids = {one["LaunchTemplateName"]: one["LaunchTemplateId"] for one in templates}
    assert {name: template_of(manual, name) for name in ("plain", "nodes")} == ids
    assert planned(fleet) == []


def test_a_capacity_provider_of_a_deleted_group_is_held(fleet: Controller, manual: ManualChanges) -> None:
    """The group is created again; the capacity provider of the deleted group is not replaced automatically."""
    for name in ("plain", "mixed"):
        manual.groups.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    fleet.environment.simulator.advance(SETTLE_SECONDS)
    with fleet.environment.writes() as writes:
        fleet.run_passes(5)
    assert operations(writes) == ["autoscaling.CreateAutoScalingGroup"] * 2
    assert sorted(planned(fleet)) == [
        ("CapacityProvider/nodes held", "Replace"),
        ("CapacityProvider/plain held", "Replace"),
    ]
    assert "`ecsync/replace: allow`" in fleet.status("CapacityProvider/plain").message


def test_the_scaling_of_a_deleted_service_is_created_again(fleet: Controller, manual: ManualChanges) -> None:
    """AWS deregisters the scalable target of a deleted service, with its policies and actions."""
    before = manual.contents()
    manual.ecs.delete_service(cluster="main", service="web", force=True)
    fleet.environment.simulator.advance(1000)
    assert manual.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    fleet.converge(pause=SETTLE_SECONDS)
    now = manual.contents()
    assert [now[name] for name in ("actions", "target tags")] == [before[name] for name in ("actions", "target tags")]
    assert [one["PolicyName"] for one in now["policies"]] == [one["PolicyName"] for one in before["policies"]]
    assert planned(fleet) == []


def test_a_repository_of_another_client_is_not_adopted(fleet: Controller, manual: ManualChanges) -> None:
    """It was deleted and created manually: it carries no mark, and nothing is written to it."""
    manual.ecr.delete_repository(repositoryName="team/images", force=True)
    manual.ecr.create_repository(repositoryName="team/images")
    with fleet.environment.writes() as writes:
        fleet.run_passes(3)
    assert operations(writes) == []
    assert planned(fleet) == [("Repository/images", "Adopt")]


def test_bounds_that_a_one_time_action_has_set_are_not_drift(fleet: Controller, manual: ManualChanges) -> None:
    """AWS deletes the action after its run; while it is declared, restoring the bounds would undo it."""
    manual.update_scalable_target(MinCapacity=3, MaxCapacity=9)
    (fleet.environment.manifests / "sale.yaml").write_text(ONE_TIME)
    fleet.read()
    with fleet.environment.writes() as writes:
        fleet.run_passes(3)
    assert operations(writes) == []
    assert fleet.status("ScalableTarget/web").sync == "Synced"
    (fleet.environment.manifests / "sale.yaml").unlink()
    fleet.read()
    with fleet.environment.writes() as writes:
        fleet.converge(pause=SETTLE_SECONDS)
    assert [one.params for one in writes] == [{**WEB, "MinCapacity": 1, "MaxCapacity": 5}]


def test_adopting_a_scalable_target_does_not_change_its_children(fleet: Controller, manual: ManualChanges) -> None:
    """Only the scalable target is marked; undeclared members of its children stay."""
    for path in fleet.environment.manifests.glob("*.yaml"):
        if path.name != "application.yaml":
            path.unlink()
    manual.scaling.deregister_scalable_target(**WEB)
    manual.update_scalable_target(MinCapacity=1, MaxCapacity=5)
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    tracking: dict[str, Any] = {"TargetValue": 70.0, "ScaleInCooldown": 10, "PredefinedMetricSpecification": metric}
    manual.scaling.put_scaling_policy(
        **WEB,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    manual.scaling.put_scheduled_action(
        **WEB,
        ScheduledActionName="night",
        Schedule="rate(10 days)",
        Timezone="Asia/Seoul",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 3},
    )
    (fleet.environment.manifests / "scaling.yaml").write_text(LOOKED_UP)
    new = fleet.environment.controller()
    with fleet.environment.writes() as writes:
        new.run_pass(PassOptions(adopt=frozenset()))
        new.run_passes(3)
    assert operations(writes) == ["application-autoscaling.TagResource"]
    adopted = ("ScalableTarget/web", "ScalingPolicy/cpu", "ScheduledAction/night")
    assert {name: new.status(name).sync for name in adopted} == dict.fromkeys(adopted, "Synced")


def test_a_subnet_removed_from_a_group_is_drift_and_a_new_subnet_is_a_lookup_change(
    fleet: Controller, manual: ManualChanges
) -> None:
    """The value of the lookup at the last converged pass decides which of the two it is."""
    fleet.run_passes(1)
    manual.update_group("nodes", VPCZoneIdentifier=manual.one_subnet())
    fleet.run_pass()
    (detected,) = fleet.events_of_type("drift.detected")
    assert [(pointer(one.path), one.reason) for one in detected.fields] == [("/VPCZoneIdentifier", "drift")]
    fleet.converge(pause=SETTLE_SECONDS)
    vpc = manual.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    manual.ec2.create_subnet(VpcId=vpc, CidrBlock="172.31.240.0/24", AvailabilityZone="eu-west-1a")
    fleet.run_pass()
    outcome = fleet.outcomes[APPLICATION]
    moved = {field.reason for step in outcome.plan.steps for field in step.fields}
    assert moved == {"lookup"}
    assert len(fleet.events_of_type("drift.detected")) == 1
