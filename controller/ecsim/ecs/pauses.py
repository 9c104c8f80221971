"""Lifecycle hooks of type PAUSE: a deployment waits at a stage until a person continues it, or until its time is over.

Simulated for deployments that move traffic, from POST_SCALE_UP on. A hook with a Lambda function succeeds at once.
"""

from __future__ import annotations

from ecsim.account.world import Body, World
from ecsim.ecs.store import Deployment, Service

BEFORE = (
    "POST_SCALE_UP",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
)  # of the traffic; PAUSE has no more
AFTER = ("POST_PRODUCTION_TRAFFIC_SHIFT",)
WAITS = "AWAITING_ACTION"
REJECTED = "Service deployment rolled back because of a lifecycle hook."


def passed(world: World, service: Service, stages: tuple[str, ...]) -> bool:
    """Return whether the PRIMARY deployment may go on after these stages. It begins to wait where a hook is a pause."""
    primary = service.primary
    hooks = primary.history.get("deploymentConfiguration", {}).get("lifecycleHooks", []) if primary.history else []
    places = [(stage, number) for stage in stages for number in range(len(hooks))]
    for stage, number in places if primary.rolling_back is None else ():
        hook = hooks[number]
        if hook.get("targetType") != "PAUSE" or stage not in hook["lifecycleStages"]:
            continue
        detail = primary.hooks.get((stage, number)) or _begin(world, service, primary, stage, number, hook)
        if detail["status"] == WAITS or is_rejected(detail):
            return False
    return True


def _begin(world: World, service: Service, primary: Deployment, stage: str, number: int, hook: Body) -> Body:
    timeout = hook.get("timeoutConfiguration", {})
    seconds = 60.0 * timeout.get("timeoutInMinutes", 1440)
    detail = primary.hooks[stage, number] = {
        "hookId": f"hook-{world.hex(16)}",
        "targetType": "PAUSE",
        "status": WAITS,
        "expiresAt": world.now + seconds,
        "timeoutAction": timeout.get("action", "ROLLBACK"),
    }
    primary.history.update(lifecycleStage=stage, lifecycleHookDetails=list(primary.hooks.values()))
    world.after(seconds, service.wake)
    return detail


def is_rejected(detail: Body) -> bool:
    """Return whether a hook ends its deployment."""
    late = detail["status"] == "TIMED_OUT" and detail["timeoutAction"] == "ROLLBACK"
    return late or bool(detail["status"] == "FAILED")


def expire(world: World, service: Service) -> bool:
    """End the hooks of the PRIMARY deployment that wait for too long; return whether one of its hooks rejects it."""
    details = service.primary.hooks.values() if service.primary.rolling_back is None else ()
    for detail in details:
        if detail["status"] == WAITS and detail["expiresAt"] <= world.now:
            detail["status"] = "TIMED_OUT"
    return any(map(is_rejected, details)) and service.primary.rollout_state == "IN_PROGRESS"
