"""The rule table of the deployment configuration of a service: strategy, circuit breaker, alarms and hooks."""

from __future__ import annotations

from ecsync.core.rules import Clears, Computed, Default, Drop, Keyed, Rewrite, Rules, Unordered
from ecsync.core.trees import Body, Json

# Sources of rows of the whole service.
CLEARED = "ecs.UpdateService: an empty list removes it; a list that is left out stays"
SET = "ECS ignores the order"
RETURNED = "ecs.DescribeServices returns it where it is not declared"


def is_daemon(body: Body) -> bool:
    """Return whether a service runs one task per instance."""
    return body.get("schedulingStrategy") == "DAEMON"


def _strategy(body: Body) -> Json:
    return (body.get("deploymentConfiguration") or {}).get("strategy", "ROLLING")


def _early_success(block: Json) -> Json:
    return block if block.get("enable") else None


_D = "deploymentConfiguration"
_BREAKER = f"{_D}.deploymentCircuitBreaker"
_ALARMS = f"{_D}.alarms"
HOOK = f"{_D}.lifecycleHooks[]"
_PERCENT = "ECS sets 200/100 where deploymentConfiguration is left out; DAEMON 100/0"
_BREAKER_DEFAULT = "ecs.DeploymentCircuitBreaker: the default, returned where it is not declared"
_BREAKER_CASES = ("der-sv-cb-oob", "der-sv-cb-reset", "der-sv-cb-threshold", "cap-ECS-Service.Service")
_ALARMS_OFF = "ECS returns alarms that are off where they are not declared"
_HOOK_DEFAULT = "ecs.DeploymentLifecycleHook: the default"
_CANARY_DEFAULT = "ecs.CanaryConfiguration: the default"
_LINEAR_DEFAULT = "ecs.LinearConfiguration: the default"
_EARLY_DEFAULT = "ECS fills it in where earlySuccessCriteria is enabled"

# ECS keeps and prints what was sent for another strategy.
_OF_ONE_STRATEGY: Rules = tuple(
    Drop(
        path=f"{_D}.{member}",
        when=lambda body, only=only: _strategy(body) != only,  # type: ignore[misc]
        source=f"ecs.DeploymentConfiguration: {member} is valid with strategy {only} alone",
    )
    for member, only in (
        ("canaryConfiguration", "CANARY"),
        ("linearConfiguration", "LINEAR"),
        ("earlySuccessCriteria", "ROLLING"),
    )
)

DEPLOYMENT_RULES: Rules = (
    *_OF_ONE_STRATEGY,
    Default(path=_D, value={}, source=_PERCENT),
    Default(
        path=f"{_D}.maximumPercent",
        value=lambda _, body: 100 if is_daemon(body) else 200,
        description="200 with schedulingStrategy REPLICA, 100 with DAEMON",
        source=_PERCENT,
        cases=("ecspresso-sv-maxpercent-unset", "cap-ECS-Service.DaemonService"),
    ),
    Default(
        path=f"{_D}.minimumHealthyPercent",
        value=lambda _, body: 0 if is_daemon(body) else 100,
        description="100 with schedulingStrategy REPLICA, 0 with DAEMON",
        source=_PERCENT,
        cases=("ecspresso-sv-minpercent-unset", "der-sv-daemon-minhealthy"),
    ),
    Default(path=f"{_D}.strategy", value="ROLLING", source=RETURNED),
    Default(
        path=f"{_D}.bakeTimeInMinutes",
        value=0,
        when=lambda body: _strategy(body) == "ROLLING",
        description="0 with strategy ROLLING",
        source=RETURNED,
        cases=("cap-ECS-Service.HuntEc2Service", "der-sv-rolling-bake-unset"),
    ),
    # botocore's text requires it with BLUE_GREEN, but ECS accepts a service without it.
    Computed(
        path=f"{_D}.bakeTimeInMinutes",
        when=lambda body: _strategy(body) != "ROLLING",
        description="with strategy BLUE_GREEN, LINEAR or CANARY",
        source="ECS developer guide, Required resources for blue/green deployments: the bake time is optional",
        cases=("der-sv-bluegreen-bake-unset", "der-sv-bluegreen-bake-declared"),
    ),
    Default(path=_BREAKER, value={}, source=_BREAKER_DEFAULT, cases=_BREAKER_CASES),
    *(
        Default(path=f"{_BREAKER}.{member}", value=value, source=_BREAKER_DEFAULT, cases=_BREAKER_CASES)
        for member, value in (
            ("enable", False),
            ("rollback", False),
            ("resetOnHealthyTask", True),
            ("thresholdConfiguration", {}),
            ("thresholdConfiguration.type", "BOUNDED_PERCENT"),
            ("thresholdConfiguration.value", 50),
        )
    ),
    Default(path=_ALARMS, value={}, source=_ALARMS_OFF),
    Default(path=f"{_ALARMS}.enable", value=False, source=_ALARMS_OFF, cases=("cap-ECS-Service.ServiceD69D759B",)),
    Default(path=f"{_ALARMS}.rollback", value=False, source=_ALARMS_OFF, cases=("oob-10-service-alarms",)),
    Unordered(path=f"{_ALARMS}.alarmNames", source=SET),
    Clears(path=f"{_ALARMS}.alarmNames", value=[], source=CLEARED),
    Default(path=f"{HOOK}.targetType", value="AWS_LAMBDA", source=_HOOK_DEFAULT),
    Default(path=f"{HOOK}.timeoutConfiguration", value={}, source=_HOOK_DEFAULT),
    Default(path=f"{HOOK}.timeoutConfiguration.action", value="ROLLBACK", source=_HOOK_DEFAULT),
    Default(path=f"{HOOK}.timeoutConfiguration.timeoutInMinutes", value=1440, source=_HOOK_DEFAULT),
    Unordered(path=f"{HOOK}.lifecycleStages", source=SET),
    Keyed(path=f"{_D}.lifecycleHooks", key=("hookTargetArn", "lifecycleStages"), source=SET),
    Clears(path=f"{_D}.lifecycleHooks", value=[], source=CLEARED),
    Default(
        path=f"{_D}.canaryConfiguration",
        value={},
        when=lambda body: _strategy(body) == "CANARY",
        description="the defaults of its fields, with strategy CANARY",
        source=_CANARY_DEFAULT,
    ),
    Default(path=f"{_D}.canaryConfiguration.canaryPercent", value=5.0, source=_CANARY_DEFAULT),
    Default(path=f"{_D}.canaryConfiguration.canaryBakeTimeInMinutes", value=10, source=_CANARY_DEFAULT),
    Default(
        path=f"{_D}.linearConfiguration",
        value={},
        when=lambda body: _strategy(body) == "LINEAR",
        description="the defaults of its fields, with strategy LINEAR",
        source=_LINEAR_DEFAULT,
        cases=("der-sv-linear-defaults",),
    ),
    Default(
        path=f"{_D}.linearConfiguration.stepPercent",
        value=10.0,
        source=_LINEAR_DEFAULT,
        cases=("der-sv-linear-defaults",),
    ),
    Default(path=f"{_D}.linearConfiguration.stepBakeTimeInMinutes", value=6, source=_LINEAR_DEFAULT),
    Rewrite(path=f"{_D}.earlySuccessCriteria", to=_early_success, source="a block that is not enabled has no effect"),
    Default(path=f"{_D}.earlySuccessCriteria.healthyPercent", value=100, source=_EARLY_DEFAULT),
    Default(path=f"{_D}.earlySuccessCriteria.sourceServiceRevisionCleanup", value="BLOCKING", source=_EARLY_DEFAULT),
    Clears(path=f"{_D}.earlySuccessCriteria", value={"enable": False}, source="enable: false turns it off"),
)
