"""Scheduled actions: they set the bounds of a target at their times, and so the desired count of its service."""

from __future__ import annotations

from functools import partial

from ecsim.account.errors import validation_exception
from ecsim.account.world import Body, Call, Handler, World
from ecsim.application_autoscaling import scalable_targets, schedule_expressions
from ecsim.application_autoscaling.scalable_targets import check, identity, missing, page
from ecsim.application_autoscaling.store import AppAutoScalingRegion, ScalableTarget

# An update that omits these members keeps them ...
KEPT = ("Schedule", "Timezone", "ScalableTargetAction")
# ... and unsets these.
DROPPED = ("StartTime", "EndTime")


def put_scheduled_action(call: Call) -> Body:
    """Create or change an action. An update without StartTime and EndTime unsets them."""
    params = call.params
    check(params)
    target, name = call.store(AppAutoScalingRegion).target(params["ResourceId"]), params["ScheduledActionName"]
    existing = target.schedules.get(name)
    action: Body = {
        "ScheduledActionName": name,
        "ScheduledActionARN": (
            f"arn:aws:autoscaling:{call.region}:{call.account}:scheduledAction:{call.world.uuid()}:resource/"
            f"ecs/{target.resource}:scheduledActionName/{name}"
        ),
        **identity(target),
        "CreationTime": call.world.now,
    }
    if existing is not None:
        action.update({member: value for member, value in existing.items() if member not in DROPPED})
    action.update({member: params[member] for member in (*KEPT, *DROPPED) if params.get(member) is not None})
    if "Schedule" not in action or not action.get("ScalableTargetAction"):
        raise validation_exception("Schedule and ScalableTargetAction are required for a new scheduled action")
    try:
        schedule = schedule_expressions.parse(action["Schedule"], action.get("Timezone", "UTC"))
    except (ValueError, KeyError, OSError) as error:
        raise validation_exception(f"Invalid schedule expression: {action['Schedule']}") from error
    target.schedules[name] = action
    _arm(call.world, call.store(AppAutoScalingRegion), target, action, schedule)
    return {}


def _arm(
    world: World,
    region: AppAutoScalingRegion,
    target: ScalableTarget,
    action: Body,
    schedule: schedule_expressions.Schedule,
) -> None:
    start = float(action.get("StartTime") or action["CreationTime"])
    after = max(world.now, start - 1)
    run = next(schedule.times(after, start), None)
    if run is None or run > float(action.get("EndTime") or float("inf")):
        return
    world.after(run - world.now, partial(_run, world, region, target, action, schedule))


def _run(
    world: World,
    region: AppAutoScalingRegion,
    target: ScalableTarget,
    action: Body,
    schedule: schedule_expressions.Schedule,
) -> None:
    name = action["ScheduledActionName"]
    if target.schedules.get(name) is not action or region.targets.get(target.resource) is not target:
        return
    if not target.suspended["ScheduledScalingSuspended"]:
        wanted = action["ScalableTargetAction"]
        target.minimum = wanted.get("MinCapacity", target.minimum)
        target.maximum = max(wanted.get("MaxCapacity", target.maximum), target.minimum)
        cause = f"scheduled action name {name} was triggered"
        scalable_targets.clamp(world, region, target, cause)
    if schedule.kind == "at":
        del target.schedules[name]
    else:
        _arm(world, region, target, action, schedule)


def describe_scheduled_actions(call: Call) -> Body:
    """Describe actions by name and exact resource ID, 50 on a page."""
    check(call.params)
    names, resource = call.params.get("ScheduledActionNames"), call.params.get("ResourceId")
    found = [
        action
        for target in call.store(AppAutoScalingRegion).targets.values()
        for action in target.schedules.values()
        if resource in (None, target.resource) and (not names or action["ScheduledActionName"] in names)
    ]
    return page("ScheduledActions", found, call.params, 50)


def delete_scheduled_action(call: Call) -> Body:
    """Delete an action."""
    check(call.params)
    resource = call.params["ResourceId"]
    target = call.store(AppAutoScalingRegion).targets.get(resource)
    if target is None or target.schedules.pop(call.params["ScheduledActionName"], None) is None:
        raise missing("scheduled action", resource)
    return {}


OPERATIONS: dict[str, Handler] = {
    "DeleteScheduledAction": delete_scheduled_action,
    "DescribeScheduledActions": describe_scheduled_actions,
    "PutScheduledAction": put_scheduled_action,
}
