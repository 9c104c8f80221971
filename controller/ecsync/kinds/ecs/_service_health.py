"""The health of a service: its tasks, its deployment, and how long ECS may take for either."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile

from ecsync.core.model import Desired, Present
from ecsync.core.outcome import Health, Progress
from ecsync.core.trees import Body, Json
from ecsync.kinds._common import moment
from ecsync.kinds.ecs._service_rollout import IN_FLIGHT, paused

_REPLACEMENT = 300.0  # seconds in which ECS replaces a stopped task
_DEPLOYMENT = 1800.0  # seconds in which a deployment starts or stops one more task; pauses that it declares come on top
_PAUSE = 1440  # minutes: the default of ecs.DeploymentLifecycleHookTimeoutConfiguration


def health(_: Desired, present: Present) -> Health:
    """Return the health of a service, with ECS's own reason if ECS returns one."""
    facts = present.facts
    deployments = facts.get("deployments") or ()
    primary: Body = next((one for one in deployments if one.get("status") == "PRIMARY"), {})
    running, wanted = facts.get("runningCount", 0), facts.get("desiredCount", 0)
    counts = f"{running} of {wanted} tasks running"
    failure = _failure(deployments, facts.get("attempt") or facts.get("newestDeployment"))
    if facts.get("status") == "DRAINING":
        return Health(status="Progressing", why=draining(present))
    if failure:
        return Health(status="Degraded", why=failure)
    if primary.get("rolloutState") == "IN_PROGRESS":
        return _rolling_out(present, primary, counts)
    if facts.get("steady"):
        return Health(status="Healthy", why="" if wanted else "scaled to 0")
    if running < wanted:
        return _short_of_tasks(present, counts)
    return Health(status="Progressing", why=counts)


def draining(present: Present) -> str:
    """Return what ECS waits for before it deletes the service; empty if the service is not draining."""
    if present.facts.get("status") != "DRAINING":
        return ""
    return f"draining: {present.facts.get('runningCount', 0)} tasks left"


def _failure(deployments: Sequence[Body], attempt: Json) -> str:
    """Return the reason why a deployment failed; empty if none did."""
    for one in deployments:
        if one.get("rolloutState") == "FAILED":
            return str(one.get("rolloutStateReason") or "the deployment failed")
    if attempt and attempt["status"] not in (*IN_FLIGHT, "SUCCESSFUL") and not attempt.get("superseded"):
        return str(attempt.get("statusReason") or f"the newest deployment is {attempt['status']}")
    return ""


# A deployment in progress --------------------------------------------------------------------------------------------


def _rolling_out(present: Present, primary: Body, counts: str) -> Health:
    """Return the health of a service with a deployment in progress.

    Degraded while ECS rolls it back, and where as many tasks in a row failed as trip ECS's circuit breaker by default:
    without one, ECS tries for ever.
    """
    reason = primary.get("rolloutStateReason") or "deployment in progress"
    failed = primary.get("failedTasks", 0)
    if "circuit breaker" in reason and "rolling back" in reason:
        return Health(status="Degraded", why=reason)
    why = f"{counts}{f', {failed} failed' if failed else ''}: {paused(present.facts) or _message(present) or reason}"
    if failed >= max(3, min(200, math.ceil(primary.get("desiredCount", 0) / 2))):
        return Health(status="Degraded", why=why)
    running = primary.get("runningCount", 0)
    progress = Progress(
        of=str(primary.get("id", "")),
        done=running - _old_tasks(present),
        within=_DEPLOYMENT + 60 * _pauses(present.body.get("deploymentConfiguration") or {}),
        since=moment(primary.get("createdAt")) if failed and not running else None,
    )
    awaits = str((present.facts.get("pause") or {}).get("hookId", ""))
    return Health(status="Progressing", why=why, progress=progress, awaits=awaits)


def _old_tasks(present: Present) -> int:
    deployments = present.facts.get("deployments") or ()
    return sum(one.get("runningCount", 0) for one in deployments if one.get("status") != "PRIMARY")


def _pauses(configuration: Body) -> float:
    """Return the minutes in which a deployment may wait because it is declared so."""
    canary, linear = configuration.get("canaryConfiguration") or {}, configuration.get("linearConfiguration") or {}
    steps = math.ceil(100 / (linear.get("stepPercent") or 10)) if linear else 0
    hooks = [
        (one.get("timeoutConfiguration") or {}).get("timeoutInMinutes") or _PAUSE
        for one in configuration.get("lifecycleHooks") or ()
    ]
    minutes = (configuration.get("bakeTimeInMinutes"), canary.get("canaryBakeTimeInMinutes"), *hooks)
    return float(sum(one or 0 for one in minutes)) + steps * (linear.get("stepBakeTimeInMinutes") or 6)


# Too few tasks -------------------------------------------------------------------------------------------------------


def _short_of_tasks(present: Present, counts: str) -> Health:
    """Return the health of a service with too few tasks and no deployment in flight.

    Degraded if ECS is "unable to", or has not replaced the tasks in time: no more of them run, whatever its events are.
    """
    message = _message(present)
    why = f"{counts}: {message}" if message else counts
    if "unable to" in message:
        return Health(status="Degraded", why=why)
    facts = present.facts
    recent, events = _since_steady(present), facts.get("events") or ()
    ended = [one.get("updatedAt") for one in facts.get("deployments") or ()]
    acted = [moment(one) for one in (*(event.get("createdAt") for event in recent), *ended)]
    # After a steady state ECS has not reacted yet, so it is not known since when the tasks are missing.
    known = [one for one in acted if one is not None] if recent or not events else []
    progress = Progress(
        of=f"{facts.get('desiredCount', 0)} tasks",
        done=facts.get("runningCount", 0),
        within=_REPLACEMENT,
        since=max(known, default=None),
    )
    return Health(status="Progressing", why=why, progress=progress)


def _since_steady(present: Present) -> list[Body]:
    """Return the events since the service was last steady, newest first."""
    return list(takewhile(lambda one: "steady state" not in one.get("message", ""), present.facts.get("events") or ()))


def _message(present: Present) -> str:
    """Return the event of ECS about the tasks since the service was last steady: what it cannot do, else the newest."""
    messages = [str(one.get("message", "")) for one in _since_steady(present)]
    return next((one for one in messages if "unable to" in one), messages[0] if messages else "")
