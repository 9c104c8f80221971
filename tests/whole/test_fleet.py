"""Images, instances and autoscaling where more than a leaf changes: parents go, bands move, marks come."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ecsync.core.trees import pointer
from ecsync.engine.reconciler import PassOptions
from tests.whole.support.hands import WEB, Hands
from tests.whole.support.stage import LONG, Controller, Stage, names

LEAVES = Path(__file__).parent.parent / "cases" / "leaves"
APPLICATION = "leaves"
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
def fleet(stage: Stage) -> Controller:
    """A controller that has converged all of it."""
    shutil.rmtree(stage.manifests)
    shutil.copytree(LEAVES, stage.manifests)
    controller = stage.controller()
    controller.converge(pause=LONG)
    return controller


@pytest.fixture
def hands(fleet: Controller) -> Hands:
    """Somebody else in the account."""
    return Hands(fleet.stage)


def planned(controller: Controller) -> list[tuple[str, str]]:
    """What a controller that has just been started would do: each step, and what it is."""
    plan = controller.stage.controller(controller.where).plan(APPLICATION)
    assert not plan.unreadable
    steps = [(str(step.id), type(step.change).__name__) for step in plan.steps]
    return [*steps, *((f"{one.step.id} held", type(one.step.change).__name__) for one in plan.withheld)]


def template_of(hands: Hands, group: str) -> str:
    """The id of the template that a group launches from."""
    groups = hands.groups.describe_auto_scaling_groups(AutoScalingGroupNames=[group])["AutoScalingGroups"]
    return str(groups[0]["LaunchTemplate"]["LaunchTemplateId"])


def test_a_template_that_is_deleted_is_made_again_and_its_groups_follow(fleet: Controller, hands: Hands) -> None:
    """By its id and by its name: a group goes on with the id of the one that is gone, and launches nothing."""
    for name in ("plain", "nodes"):
        hands.ec2.delete_launch_template(LaunchTemplateName=name)
    fleet.converge(pause=LONG)
    templates = hands.ec2.describe_launch_templates()["LaunchTemplates"]
    ids = {one["LaunchTemplateName"]: one["LaunchTemplateId"] for one in templates}
    assert {name: template_of(hands, name) for name in ("plain", "nodes")} == ids
    assert planned(fleet) == []


def test_a_provider_whose_group_was_deleted_is_held(fleet: Controller, hands: Hands) -> None:
    """The group is made again; the provider over the one that is gone is not deleted by itself, named or by its ARN."""
    for name in ("plain", "mixed"):
        hands.groups.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)
    fleet.stage.simulator.advance(LONG)
    with fleet.stage.writes() as writes:
        fleet.passes(5)
    assert names(writes) == ["autoscaling.CreateAutoScalingGroup"] * 2
    assert sorted(planned(fleet)) == [
        ("CapacityProvider/nodes held", "Replace"),
        ("CapacityProvider/plain held", "Replace"),
    ]
    assert "`ecsync/replace: allow`" in fleet.status("CapacityProvider/plain").message


def test_what_goes_with_a_service_comes_again_with_it(fleet: Controller, hands: Hands) -> None:
    """AWS deregisters the target of a service that is deleted, and with it all that hangs on it."""
    before = hands.everything()
    hands.ecs.delete_service(cluster="main", service="web", force=True)
    fleet.stage.simulator.advance(1000)
    assert hands.scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    fleet.converge(pause=LONG)
    now = hands.everything()
    assert [now[of] for of in ("actions", "target tags")] == [before[of] for of in ("actions", "target tags")]
    assert [one["PolicyName"] for one in now["policies"]] == [one["PolicyName"] for one in before["policies"]]
    assert planned(fleet) == []


def test_a_repository_that_somebody_else_made_is_not_taken_over(fleet: Controller, hands: Hands) -> None:
    """It was deleted and made by hand: it carries no mark of ours, and nothing is put into it."""
    hands.ecr.delete_repository(repositoryName="team/images", force=True)
    hands.ecr.create_repository(repositoryName="team/images")
    with fleet.stage.writes() as writes:
        fleet.passes(3)
    assert names(writes) == []
    assert planned(fleet) == [("Repository/images", "Adopt")]


def test_what_a_one_time_action_has_set_stays_after_aws_has_forgotten_it(fleet: Controller, hands: Hands) -> None:
    """It is declared and has run: putting the band back would undo what it is there for."""
    hands.target(MinCapacity=3, MaxCapacity=9)
    (fleet.stage.manifests / "sale.yaml").write_text(ONE_TIME)
    fleet.read()
    with fleet.stage.writes() as writes:
        fleet.passes(3)
    assert names(writes) == []
    assert fleet.status("ScalableTarget/web").sync == "Synced"
    (fleet.stage.manifests / "sale.yaml").unlink()
    fleet.read()
    with fleet.stage.writes() as writes:
        fleet.converge(pause=LONG)
    assert [one.params for one in writes] == [{**WEB, "MinCapacity": 1, "MaxCapacity": 5}]


def test_adopting_a_target_changes_nothing_of_what_hangs_on_it(fleet: Controller, hands: Hands) -> None:
    """Marks go onto the target alone, and what its children were given by hand stays."""
    for path in fleet.stage.manifests.glob("*.yaml"):
        if path.name != "application.yaml":
            path.unlink()
    hands.scaling.deregister_scalable_target(**WEB)
    hands.target(MinCapacity=1, MaxCapacity=5)
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    tracking: dict[str, Any] = {"TargetValue": 70.0, "ScaleInCooldown": 10, "PredefinedMetricSpecification": metric}
    hands.scaling.put_scaling_policy(
        **WEB,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=tracking,
    )
    hands.scaling.put_scheduled_action(
        **WEB,
        ScheduledActionName="night",
        Schedule="rate(10 days)",
        Timezone="Asia/Seoul",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 3},
    )
    (fleet.stage.manifests / "scaling.yaml").write_text(LOOKED_UP)
    new = fleet.stage.controller()
    with fleet.stage.writes() as writes:
        new.once(PassOptions(adopt=frozenset()))
        new.passes(3)
    assert names(writes) == ["application-autoscaling.TagResource"]
    mine = ("ScalableTarget/web", "ScalingPolicy/cpu", "ScheduledAction/night")
    assert {name: new.status(name).sync for name in mine} == dict.fromkeys(mine, "Synced")


def test_a_subnet_that_somebody_took_away_is_drift_and_one_that_is_gone_is_not(fleet: Controller, hands: Hands) -> None:
    """What the lookup was worth when all was well tells one from the other."""
    fleet.passes(1)
    hands.group("nodes", VPCZoneIdentifier=hands.one_subnet())
    fleet.once()
    (detected,) = fleet.told("drift.detected")
    assert [(pointer(one.path), one.reason) for one in detected.fields] == [("/VPCZoneIdentifier", "drift")]
    fleet.converge(pause=LONG)
    vpc = hands.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    hands.ec2.create_subnet(VpcId=vpc, CidrBlock="172.31.240.0/24", AvailabilityZone="eu-west-1a")
    fleet.once()
    outcome = fleet.outcomes[APPLICATION]
    moved = {field.reason for step in outcome.plan.steps for field in step.fields}
    assert moved == {"lookup"}
    assert len(fleet.told("drift.detected")) == 1
