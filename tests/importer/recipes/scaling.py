"""Services with Application Auto Scaling."""

from __future__ import annotations

from tests.importer.account_builder import AccountBuilder
from tests.importer.recipes.recipe import (
    discard_result,
    put_scheduled_action,
    put_step_policy,
    put_tracking_policy,
    recipe,
)


@recipe(
    "tracking",
    "ScalingPolicy/tracking-cpu /TargetTrackingScalingPolicyConfiguration/TargetValue",
    lambda aws: put_tracking_policy(aws, 70),
)
def tracking(aws: AccountBuilder) -> None:
    aws.service("tracking", desiredCount=2)
    aws.make_scalable("tracking", 2, 6)
    put_tracking_policy(aws, 60)


@recipe(
    "stepped",
    "ScalingPolicy/stepped-out /StepScalingPolicyConfiguration/Cooldown",
    lambda aws: put_step_policy(aws, 120),
)
def stepped(aws: AccountBuilder) -> None:
    aws.service("stepped", desiredCount=2)
    aws.make_scalable("stepped", 2, 6)
    put_step_policy(aws, 60)


@recipe(
    "nightly", "ScheduledAction/nightly-down /Schedule", lambda aws: put_scheduled_action(aws, "cron(0 22 * * ? *)")
)
def nightly(aws: AccountBuilder) -> None:
    aws.service("nightly", desiredCount=2)
    aws.make_scalable("nightly", 2, 8)
    put_scheduled_action(aws, "cron(0 20 * * ? *)")


@recipe(
    "bounded", "ScalableTarget/bounded /MaxCapacity", lambda aws: discard_result(aws.make_scalable("bounded", 1, 9))
)
def bounded(aws: AccountBuilder) -> None:
    aws.service("bounded", desiredCount=2)
    aws.make_scalable("bounded", 1, 4, SuspendedState={"DynamicScalingInSuspended": True})
