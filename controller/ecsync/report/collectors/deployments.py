"""How long the deployments take that ecsync starts, and how they end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import NamedTuple

from ecsync.core.model import Create, Key, Replace, Update
from ecsync.core.outcome import Done, Outcome, Progressing, Step
from ecsync.report.collectors.app_counts import DeploymentOutcome

FAILED_AFTER = 300.0  # seconds for which a service must be Degraded: before, ECS may roll the deployment back
_ROLLS = ("rolls-tasks", "needs-force")  # effects of a change that start a deployment
_ROLLED_BACK = "ECS rolled back"  # the beginning of the reason (`kinds.ecs._service_rollout`)


class Ended(NamedTuple):
    """A deployment that ended. `reconcile_id` is of the pass that started it."""

    outcome: DeploymentOutcome
    seconds: float
    reconcile_id: str


@dataclass(frozen=True, slots=True)
class _Open:
    since: float
    reconcile_id: str
    degraded: float | None = None


class Deployments:
    """The deployments that are under way, as this process started them. Times are Unix times in seconds.

    One that another replaces before it ended is not counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, dict[Key, _Open]] = {}  # by application

    def follow(self, outcome: Outcome, now: float, reconcile_id: str) -> tuple[Ended, ...]:
        """Take the outcome of a pass, and return the deployments that ended."""
        found = []
        with self._lock:
            own = self._open.pop(outcome.plan.application, {})
            health = {status.key: status.health.status for status in outcome.statuses} if own else {}
            replaced = {step.id.key for step in outcome.plan.steps if _starts(step)} if own else frozenset()
            still: dict[Key, _Open] = {}
            for key, before in own.items():
                one = _seen(before, health.get(key, ""), now)
                ended = _ended(key, one, outcome, health.get(key, ""), now, replaced=key in replaced)
                if ended is not None:
                    found.append(Ended(ended, max(0.0, now - one.since), one.reconcile_id))
                elif key in health:
                    still[key] = one
            for step in outcome.plan.steps:
                result, key = outcome.results.get(step.id), step.id.key
                accepted = isinstance(result, Progressing) and result.accepted and key not in still
                if _starts(step) and (isinstance(result, Done) or accepted):
                    still[key] = _Open(now, reconcile_id)
            if still:
                self._open[outcome.plan.application] = still
        return tuple(found)

    def forget(self, application: str) -> None:
        """Forget the deployments of an application."""
        with self._lock:
            self._open.pop(application, None)


def _seen(one: _Open, health: str, now: float) -> _Open:
    """Return a deployment with the time since when its service is Degraded."""
    return replace(one, degraded=None if health != "Degraded" else now if one.degraded is None else one.degraded)


def _ended(
    key: Key, one: _Open, outcome: Outcome, health: str, now: float, *, replaced: bool
) -> DeploymentOutcome | None:
    if key in outcome.plan.stopped:
        return "rolled_back" if outcome.plan.stopped[key].startswith(_ROLLED_BACK) else "failed"
    if health == "Healthy" and not replaced:
        return "completed"
    return "failed" if one.degraded is not None and now - one.degraded >= FAILED_AFTER else None


def _starts(step: Step) -> bool:
    """Return whether a step starts a deployment of a service."""
    if step.id.key.kind != "Service":
        return False
    change = step.change
    rolls = isinstance(change, Update) and any(field.effect in _ROLLS for field in change.fields)
    return rolls or isinstance(change, Create | Replace)
