"""What ECS accepts of the deployments of a service."""

from __future__ import annotations

import math

from ecsync.core.constraints.rows import Constraint, Constraints, Range, Spot
from ecsync.core.trees import Body
from ecsync.kinds._constraint_parts import blocks, member, number
from ecsync.kinds.ecs.constraints.service import controller, is_daemon, strategy


def _with_ecs(body: Body) -> bool:
    return controller(body) == "ECS"


def _progress(spot: Spot) -> str:
    least, most = number(spot.value.get("minimumHealthyPercent")), number(spot.value.get("maximumPercent"))
    if least is None or most is None:
        return ""
    if least == most == 100:
        return "both percentages are 100, so no task can be replaced; use maximumPercent 200, or a lower minimum"
    if least > most:
        return f"minimumHealthyPercent {least} is above maximumPercent {most}; use a minimum below the maximum"
    return ""


def _progress_by_count(spot: Spot) -> str:
    count, settings = number(spot.body.get("desiredCount")), spot.value
    least, most = number(settings.get("minimumHealthyPercent")), number(settings.get("maximumPercent"))
    if not count or is_daemon(spot.body) or (least is None and most is None) or strategy(spot.body) != "ROLLING":
        return ""
    least, most = 100 if least is None else least, 200 if most is None else most
    stays, may_run = math.ceil(count * least / 100), math.floor(count * most / 100)
    if least == most == 100 or least > most or stays < count or may_run > count:
        return ""
    return (
        f"with {count} tasks ECS can neither stop one ({least} % of {count} is {stays}) nor start one ({most} % is"
        f" {may_run}), so no deployment ends; use maximumPercent 200, or a lower minimum"
    )


def _daemon_maximum(spot: Spot) -> str:
    most = number(spot.value)
    return f"maximumPercent {most} is not for DAEMON services; use 100" if most is not None and most > 100 else ""


def _breaker_of_ecs(spot: Spot) -> str:
    return "" if spot.value is not True else f"the controller is {controller(spot.body)}; leave the circuit breaker out"


def _rollback_without_breaker(spot: Spot) -> str:
    if spot.value is not True or spot.block.get("enable") is not False:
        return ""
    return "rollback has no effect while enable is false; set enable: true"


def _alarms_named(spot: Spot) -> str:
    if spot.value is not True or spot.block.get("alarmNames"):
        return ""
    return "no alarm is named; declare alarmNames, or set enable: false"


def _of_strategy(spot: Spot) -> str:
    wanted = {"canaryConfiguration": "CANARY", "linearConfiguration": "LINEAR"}[str(spot.path[-1])]
    declared = strategy(spot.body)
    if not spot.value or not declared or declared == wanted:
        return ""
    return f"it is for the strategy {wanted}, and the strategy is {declared}; set strategy: {wanted}, or leave it out"


def _pairs(spot: Spot) -> str:
    declared = strategy(spot.body)
    if spot.value or declared in ("", "ROLLING") or not spot.block.get("targetGroupArn"):
        return ""
    return f"the strategy {declared} shifts traffic between two target groups; declare advancedConfiguration"


def _rolling_has_no_pair(spot: Spot) -> str:
    if not spot.value or strategy(spot.body) != "ROLLING":
        return ""
    return "ROLLING does not use it; leave it out, or set strategy: BLUE_GREEN"


def _tenths(least: float) -> Range:
    return Range(least=least, most=100)


def _rebalancing(spot: Spot) -> str:
    if spot.value != "ENABLED":
        return ""
    if is_daemon(spot.body):
        return "a DAEMON service runs one task on each instance; use DISABLED, or leave it out"
    if number(member(spot.body.get("deploymentConfiguration"), "maximumPercent")) == 100:
        return "with maximumPercent 100 no task can be started elsewhere first; use DISABLED, or a higher maximum"
    if any(one.get("loadBalancerName") for one in blocks(spot.body.get("loadBalancers"))):
        return "a service with a Classic Load Balancer is not rebalanced; use DISABLED, or leave it out"
    return ""


_DEPLOYMENT = "API Reference ecs.DeploymentConfiguration"

ROWS: Constraints = (
    Constraint(path="deploymentConfiguration", rule="percentages that let a deployment go on", test=_progress,
               source=_DEPLOYMENT, when=_with_ecs,
               answer="Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments"),
    Constraint(path="deploymentConfiguration", rule="percentages that let a deployment of so many tasks go on",
               test=_progress_by_count, source=_DEPLOYMENT, when=_with_ecs, level="note"),
    Constraint(path="deploymentConfiguration.minimumHealthyPercent", rule="0 or more",
               test=Range(least=0, most=2**31 - 1),
               source=_DEPLOYMENT),
    Constraint(path="deploymentConfiguration.maximumPercent", rule="at most 100 with DAEMON", test=_daemon_maximum,
               when=is_daemon, source=_DEPLOYMENT,
               answer="The daemon scheduling strategy does not support values above 100 for maximumPercent"),
    Constraint(path="deploymentConfiguration.deploymentCircuitBreaker.enable", rule="with the controller ECS alone",
               test=_breaker_of_ecs, when=lambda body: controller(body) in ("CODE_DEPLOY", "EXTERNAL"),
               source="API Reference ecs.DeploymentCircuitBreaker",
               answer="DeploymentCircuitBreaker feature can only be enabled with ECS deployment controller"),
    Constraint(path="deploymentConfiguration.deploymentCircuitBreaker.rollback", rule="with enable",
               test=_rollback_without_breaker, source="API Reference ecs.DeploymentCircuitBreaker", level="note"),
    Constraint(path="deploymentConfiguration.alarms.enable", rule="with alarmNames", test=_alarms_named,
               source="API Reference ecs.DeploymentAlarms"),
    Constraint(path="deploymentConfiguration.canaryConfiguration", rule="with the strategy CANARY", test=_of_strategy,
               source="API Reference ecs.CanaryConfiguration"),
    Constraint(path="deploymentConfiguration.linearConfiguration", rule="with the strategy LINEAR", test=_of_strategy,
               source="API Reference ecs.LinearConfiguration"),
    Constraint(path="deploymentConfiguration.canaryConfiguration.canaryPercent", rule="0.1 to 100", test=_tenths(0.1),
               source="botocore ecs-2014-11-13 CanaryConfiguration.canaryPercent"),
    Constraint(path="deploymentConfiguration.linearConfiguration.stepPercent", rule="3 to 100", test=_tenths(3.0),
               source="botocore ecs-2014-11-13 LinearConfiguration.stepPercent"),
    *(
        Constraint(path=f"deploymentConfiguration.{name}", rule="0 to 1440 minutes", test=Range(least=0, most=1440),
                   source="botocore ecs-2014-11-13: 0 to 1440 minutes (24 hours)")
        for name in ("bakeTimeInMinutes", "canaryConfiguration.canaryBakeTimeInMinutes",
                     "linearConfiguration.stepBakeTimeInMinutes")
    ),
    Constraint(path="loadBalancers[].advancedConfiguration", rule="required with BLUE_GREEN, LINEAR and CANARY",
               test=_pairs, absent=True, source="API Reference ecs.AdvancedConfiguration", when=_with_ecs,
               answer="advancedConfiguration field is required for all loadBalancers"),
    Constraint(path="loadBalancers[].advancedConfiguration", rule="not with ROLLING", test=_rolling_has_no_pair,
               source="API Reference ecs.AdvancedConfiguration", level="note", when=_with_ecs),
    Constraint(path="availabilityZoneRebalancing", rule="with REPLICA and a maximumPercent above 100",
               test=_rebalancing, source="developer guide, Availability Zone rebalancing", level="note"),
)  # fmt: skip
