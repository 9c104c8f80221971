"""Application Auto Scaling of services."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.ecsim.aws import Aws, Body, refused
from tests.ecsim.http.test_ledger_and_control import control

TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/prod/api",
    "ScalableDimension": "ecs:service:DesiredCount",
}
CPU = {"PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}, "TargetValue": 60}


@pytest.fixture
def scaling(aws: Aws) -> Any:
    """A client of Application Auto Scaling in an account with the steady service `api`."""
    aws.steady_service()
    return getattr(aws, "application-autoscaling")


def register(scaling: Any, **members: Any) -> str:
    """Register the service with bounds of 2 and 4, and return the target's ARN."""
    answer = scaling.register_scalable_target(**TARGET, **{"MinCapacity": 2, "MaxCapacity": 4, **members})
    return str(answer["ScalableTargetARN"])


def target(scaling: Any) -> Body:
    """The present state of the one target."""
    found: Body = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]
    return found


def track(scaling: Any, name: str = "cpu", **settings: Any) -> Body:
    """Put a target tracking policy at 60 %."""
    answer: Body = scaling.put_scaling_policy(
        **TARGET,
        PolicyName=name,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={**CPU, **settings},
    )
    return answer


def test_a_target_needs_a_service_and_bounds(aws: Aws) -> None:
    """An unknown service is a ValidationException; so are missing or contradictory bounds."""
    scaling = getattr(aws, "application-autoscaling")
    aws.ecs.create_cluster(clusterName="prod")
    with refused("ValidationException", "ECS service doesn't exist: service/prod/api"):
        register(scaling)
    aws.service()
    with refused("ValidationException", "MaxCapacity"):
        scaling.register_scalable_target(**TARGET, MinCapacity=1)
    with refused("ValidationException", "Maximum capacity cannot be less than minimum capacity"):
        register(scaling, MinCapacity=5)
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []


def test_a_target_is_returned_with_the_service_linked_role(scaling: Any) -> None:
    """The caller's role is replaced, suspension has defaults, and tags are separate."""
    arn = register(
        scaling,
        RoleARN="arn:aws:iam::123456789012:role/mine",
        SuspendedState={"ScheduledScalingSuspended": True},
        Tags={"team": "web"},
    )
    found = target(scaling)
    assert found["ScalableTargetARN"] == arn
    assert found["RoleARN"].endswith("/AWSServiceRoleForApplicationAutoScaling_ECSService")
    assert found["SuspendedState"] == {
        "DynamicScalingInSuspended": False,
        "DynamicScalingOutSuspended": False,
        "ScheduledScalingSuspended": True,
    }
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "web"}
    scaling.tag_resource(ResourceARN=arn, Tags={"owner": "me"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"owner": "me"}
    register(scaling, MaxCapacity=6)
    assert (target(scaling)["ScalableTargetARN"], target(scaling)["MaxCapacity"]) == (arn, 6)


def test_registering_moves_the_desired_count_into_the_bounds(aws: Aws, scaling: Any) -> None:
    """This happens at once, without a deployment and without a call in the ledger."""
    deployment = aws.described()["deployments"][0]["id"]
    position = len(aws.simulator.ledger)
    register(scaling, MinCapacity=3)
    assert aws.described()["desiredCount"] == 3
    aws.simulator.advance(60)
    service = aws.described()
    assert (service["runningCount"], service["deployments"][0]["id"]) == (3, deployment)
    assert aws.simulator.ledger.operations(position) == ("application-autoscaling:RegisterScalableTarget",)
    activity = scaling.describe_scaling_activities(ServiceNamespace="ecs")["ScalingActivities"][0]
    assert activity["Description"] == "Setting desired count to 3."


def test_a_policy_is_kept_with_its_defaults_and_alarms(scaling: Any) -> None:
    """Target tracking has two alarms. Step and predictive scaling are unchanged. Another put replaces a policy."""
    with refused("ObjectNotFoundException", "No scalable target registered"):
        track(scaling)
    register(scaling)
    first = track(scaling)
    assert len(first["Alarms"]) == 2
    assert track(scaling, TargetValue=50, ScaleInCooldown=120)["PolicyARN"] == first["PolicyARN"]
    steps = {
        "AdjustmentType": "ChangeInCapacity",
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    }
    scaling.put_scaling_policy(
        **TARGET, PolicyName="steps", PolicyType="StepScaling", StepScalingPolicyConfiguration=steps
    )
    pairs = [
        {"TargetValue": 40.0, "PredefinedMetricPairSpecification": {"PredefinedMetricType": "ECSServiceCPUUtilization"}}
    ]
    scaling.put_scaling_policy(
        **TARGET,
        PolicyName="forecast",
        PolicyType="PredictiveScaling",
        PredictiveScalingPolicyConfiguration={"MetricSpecifications": pairs},
    )
    found = {
        one["PolicyName"]: one for one in scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    }
    assert found["cpu"]["TargetTrackingScalingPolicyConfiguration"] == {
        **CPU,
        "TargetValue": 50,
        "ScaleInCooldown": 120,
        "DisableScaleIn": False,
    }
    assert found["steps"]["StepScalingPolicyConfiguration"]["Cooldown"] == 300
    assert found["forecast"]["PredictiveScalingPolicyConfiguration"]["Mode"] == "ForecastOnly"
    with refused("ValidationException"):
        scaling.put_scaling_policy(**TARGET, PolicyName="x", PolicyType="TargetTrackingScaling")
    scaling.delete_scaling_policy(**TARGET, PolicyName="cpu")
    with refused("ObjectNotFoundException", "No scaling policy found"):
        scaling.delete_scaling_policy(**TARGET, PolicyName="cpu")


def test_resources_and_names_are_matched_exactly(aws: Aws, scaling: Any) -> None:
    """A prefix of a service name does not match. A page has 10 policies."""
    aws.service("api-two")
    other = {**TARGET, "ResourceId": "service/prod/api-two"}
    register(scaling)
    scaling.register_scalable_target(**other, MinCapacity=1, MaxCapacity=2)
    for number in range(12):
        track(scaling, f"cpu-{number}")
    find = scaling.describe_scaling_policies
    assert find(ServiceNamespace="ecs", ResourceId="service/prod/api-two")["ScalingPolicies"] == []
    assert find(ServiceNamespace="ecs", ResourceId="service/prod/ap")["ScalingPolicies"] == []
    assert [p["PolicyName"] for p in find(ServiceNamespace="ecs", PolicyNames=["cpu-1"])["ScalingPolicies"]] == [
        "cpu-1"
    ]
    first = find(ServiceNamespace="ecs")
    rest = find(ServiceNamespace="ecs", NextToken=first["NextToken"])
    assert (len(first["ScalingPolicies"]), len(rest["ScalingPolicies"])) == (10, 2)
    found = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[other["ResourceId"]])
    assert [one["ResourceId"] for one in found["ScalableTargets"]] == [other["ResourceId"]]


def test_a_target_is_deregistered_with_its_policies_and_actions(aws: Aws, scaling: Any) -> None:
    """Deregistering removes policies and scheduled actions. Deleting the service deregisters the target."""
    register(scaling)
    track(scaling)
    schedule(scaling, "night", "cron(0 22 * * ? *)", MinCapacity=2)
    scaling.deregister_scalable_target(**TARGET)
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    assert scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"] == []
    with refused("ObjectNotFoundException", "No scalable target found"):
        scaling.deregister_scalable_target(**TARGET)
    register(scaling)
    aws.ecs.delete_service(cluster="prod", service="api", force=True)
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []


def schedule(scaling: Any, name: str, when: str, **action: Any) -> None:
    """Put a scheduled action."""
    scaling.put_scheduled_action(**TARGET, ScheduledActionName=name, Schedule=when, ScalableTargetAction=action)


def now(aws: Aws) -> datetime:
    """The simulated time."""
    return datetime.fromtimestamp(aws.simulator.clock.now(), UTC)


def midnight_before_friday(aws: Aws) -> datetime:
    """Advance to a Friday, 00:00."""
    begin = now(aws).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    while begin.isoweekday() != 5:
        begin += timedelta(days=1)
    aws.simulator.advance((begin - now(aws)).total_seconds())
    return begin


def test_a_one_time_action_runs_once(aws: Aws, scaling: Any) -> None:
    """At its time it sets the bounds, and the desired count follows."""
    register(scaling)
    when = (now(aws) + timedelta(seconds=600)).strftime("%Y-%m-%dT%H:%M:%S")
    schedule(scaling, "launch", f"at({when})", MinCapacity=5, MaxCapacity=8)
    aws.simulator.advance(590)
    assert (aws.described()["desiredCount"], target(scaling)["MinCapacity"]) == (2, 2)
    aws.simulator.advance(20)
    assert (aws.described()["desiredCount"], target(scaling)["MinCapacity"], target(scaling)["MaxCapacity"]) == (
        5,
        5,
        8,
    )
    assert scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"] == []


def test_recurring_actions_run_repeatedly(aws: Aws, scaling: Any) -> None:
    """A cron expression runs in its time zone, a rate by its period. A suspended target does not change."""
    midnight_before_friday(aws)
    register(scaling)
    schedule(scaling, "day", "cron(0 8 ? * MON-FRI *)", MinCapacity=4, MaxCapacity=4)
    scaling.put_scheduled_action(
        **TARGET,
        ScheduledActionName="night",
        Schedule="cron(0 22 * * ? *)",
        Timezone="Asia/Tokyo",
        ScalableTargetAction={"MinCapacity": 1, "MaxCapacity": 1},
    )
    aws.simulator.advance(8 * 3600)
    assert aws.described()["desiredCount"] == 4
    aws.simulator.advance(5 * 3600)  # 13:00 is 22:00 in Tokyo
    assert aws.described()["desiredCount"] == 1
    aws.simulator.advance(24 * 3600)
    assert aws.described()["desiredCount"] == 1  # a Saturday
    register(scaling, SuspendedState={"ScheduledScalingSuspended": True}, MinCapacity=1)
    aws.simulator.advance(24 * 3600)
    assert target(scaling)["MinCapacity"] == 1
    register(scaling, SuspendedState={"ScheduledScalingSuspended": False}, MinCapacity=1, MaxCapacity=4)
    schedule(scaling, "often", "rate(2 hours)", MinCapacity=3)
    aws.simulator.advance(2 * 3600)
    assert aws.described()["desiredCount"] == 3


def test_an_update_of_an_action_unsets_omitted_times(aws: Aws, scaling: Any) -> None:
    """Start and end are unset. The schedule and its action are kept."""
    register(scaling)
    start = midnight_before_friday(aws) + timedelta(days=1)
    schedule(scaling, "day", "cron(0 8 * * ? *)", MinCapacity=3)
    put = scaling.put_scheduled_action
    put(**TARGET, ScheduledActionName="day", StartTime=start, EndTime=start + timedelta(days=9))
    found = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"][0]
    assert (found["StartTime"], found["ScalableTargetAction"]) == (start, {"MinCapacity": 3})
    aws.simulator.advance(9 * 3600)
    assert target(scaling)["MinCapacity"] == 2
    aws.simulator.advance(24 * 3600)
    assert target(scaling)["MinCapacity"] == 3
    put(**TARGET, ScheduledActionName="day", Timezone="UTC")
    found = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"][0]
    assert "StartTime" not in found
    assert "EndTime" not in found
    with refused("ValidationException", "Invalid schedule expression"):
        schedule(scaling, "wrong", "cron(61 8 * * ? *)", MinCapacity=3)
    with refused("ObjectNotFoundException"):
        scaling.delete_scheduled_action(**TARGET, ScheduledActionName="ghost")


def test_target_tracking_follows_the_load(aws: Aws, scaling: Any) -> None:
    """It scales from 2 to 4 within minutes and to 3 after 15 minutes, without a call or a deployment."""
    register(scaling)
    track(scaling)
    position = len(aws.simulator.ledger.mutations())
    deployment = aws.described()["deployments"][0]["id"]
    aws.simulator.set_load("prod", "api", cpu=110)
    seen = [2]
    for minute in range(60):
        aws.simulator.advance(60)
        if minute == 20:
            load = {"cluster": "prod", "service": "api", "cpu": 40}
            assert control(aws, "load", load) == {"cluster": "prod", "service": "api"}
        desired = aws.described()["desiredCount"]
        if desired != seen[-1]:
            seen.append(desired)
    assert seen == [2, 4, 3]
    service = aws.described()
    assert (service["runningCount"], service["deployments"][0]["id"]) == (3, deployment)
    assert len(aws.simulator.ledger.mutations()) == position
    causes = [a["Cause"] for a in scaling.describe_scaling_activities(ServiceNamespace="ecs")["ScalingActivities"]]
    assert ["AlarmLow" in cause for cause in causes] == [True, False]


def test_tracking_respects_bounds_and_suspension(aws: Aws, scaling: Any) -> None:
    """It never exceeds the maximum, and never scales in when that is disabled or suspended."""
    register(scaling, MaxCapacity=3)
    track(scaling, DisableScaleIn=True)
    aws.simulator.set_load("prod", "api", cpu=300)
    aws.simulator.advance(600)
    assert aws.described()["desiredCount"] == 3
    aws.simulator.set_load("prod", "api", cpu=1)
    aws.simulator.advance(3600)
    assert aws.described()["desiredCount"] == 3
    register(scaling, SuspendedState={"DynamicScalingInSuspended": True})
    track(scaling)
    aws.simulator.advance(3600)
    assert aws.described()["desiredCount"] == 3
    register(scaling, SuspendedState={"DynamicScalingInSuspended": False})
    aws.simulator.advance(3600)
    assert aws.described()["desiredCount"] == 2
