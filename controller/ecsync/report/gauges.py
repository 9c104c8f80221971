"""The state of every application as gauges, from the last outcomes. A removed application has no series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ecsync.core.model import Adopt, Create, Delete, Forget, Key, Mark, Replace, Update
from ecsync.core.outcome import ApplicationState, Failed, Obstacle, Outcome

# The value of the label `action` for a change.
ACTIONS = {
    Create: "create",
    Update: "update",
    Replace: "replace",
    Delete: "delete",
    Adopt: "adopt",
    Mark: "mark",
    Forget: "forget",
}

Drift = Callable[[str], Collection[Key]]  # application -> the resources that drift

# The obstacles of a change. Each has a series from the start.
_HELD: tuple[Obstacle, ...] = (
    "not_managed", "suspended", "no_ownership", "replacement", "lookup", "not_converging", "budget", "approval",
    "unsafe",
)  # fmt: skip

# The obstacles of a deletion. Each has a series from the start.
_PRUNE_BLOCKED: tuple[Obstacle, ...] = (
    "off", "empty", "stale_source", "invalid_manifest", "not_listed", "not_managed", "suspended", "no_ownership",
    "budget", "approval",
)  # fmt: skip


class Applications(Collector):
    """The state gauges, computed at each scrape."""

    def __init__(
        self,
        applications: Callable[[], Sequence[ApplicationState]],
        drift: Drift,
        sources_ready: Callable[[], Collection[str]],
    ) -> None:
        self._applications = applications
        self._drift = drift
        self._sources_ready = sources_ready

    def collect(self) -> Iterator[Metric]:
        """Yield every family, those without series too."""
        info = _family(
            "app_info",
            "Target, mode, sync and health of an application; always 1",
            "app",
            "account",
            "region",
            "sync_status",
            "health_status",
            "mode",
        )
        condition = _family("app_condition", "Conditions of an application: 1 is true, 0 is false", "app", "type")
        success = _family("app_last_success_timestamp_seconds", "Time of the last pass without an error", "app")
        reconciled = _family("app_last_reconcile_timestamp_seconds", "Time of the last pass", "app")
        drifted = _family(
            "drifted_resources",
            "Resources that were changed or deleted outside ecsync and not yet repaired",
            "app",
            "kind",
        )
        changes = _family("plan_changes", "Changes in the last plan by action, and those held", "app", "action")
        blocked = _family("prune_blocked", "Deletions that are held, by reason", "app", "reason")
        held = _family("held_changes", "Changes of declared resources that are held, by reason", "app", "reason")
        left = _family(
            "left_behind_resources",
            "Resources in an account or Region that the manifests of the application do not mean any more",
            "app",
        )
        sources_ready = self._sources_ready()
        for app in self._applications():
            name, outcome, drift = app.name, app.outcome, self._drift(app.name)
            sync, health = (outcome.sync, outcome.health) if outcome else ("Unknown", "Unknown")
            info.add_metric([name, app.target.account, app.target.region, sync, health, app.sync.mode], 1)
            for condition_type, holds in _conditions(app, bool(drift), app.source in sources_ready).items():
                condition.add_metric([name, condition_type], float(holds))
            if app.last_success is not None:
                success.add_metric([name], app.last_success.timestamp())
            if app.last_pass is not None:
                reconciled.add_metric([name], app.last_pass.ended.timestamp())
            left.add_metric([name], sum(len(one.resources) for one in app.left_behind))
            for kind, count in Counter(key.kind for key in drift).items():
                drifted.add_metric([name, kind], count)
            for action, count in _planned(outcome).items():
                changes.add_metric([name, action], count)
            for reason, count in _blocked(outcome).items():
                blocked.add_metric([name, reason], count)
            for reason, count in _held(outcome).items():
                held.add_metric([name, reason], count)
        yield from (info, condition, success, reconciled, drifted, changes, blocked, held, left)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ecsync_{name}", text, labels=labels)


def _conditions(app: ApplicationState, drifted: bool, source_ready: bool) -> dict[str, bool]:
    outcome = app.outcome
    current = app.last_pass is None or not app.last_pass.error  # with an error, the outcome is from an earlier pass
    in_order = outcome is not None and outcome.sync == "Synced" and outcome.health in ("Healthy", "Suspended")
    failed = [result for result in outcome.results.values() if isinstance(result, Failed)] if outcome else []
    stopped = bool(outcome and outcome.plan.stopped)
    return {
        "Ready": in_order and current and not failed and not app.problems,
        "SourceReady": source_ready,
        "Valid": not app.problems,
        "Drifted": drifted,
        "Terminal": stopped or any(result.retry != "soon" for result in failed),
        "PruneBlocked": any(_blocked(outcome).values()),
    }


def _planned(outcome: Outcome | None) -> dict[str, int]:
    steps = outcome.plan.steps if outcome else ()
    counts = Counter(ACTIONS[type(step.change)] for step in steps)
    held = len(outcome.held) if outcome else 0
    return {action: counts[action] for action in ACTIONS.values()} | {"held": held}


def _blocked(outcome: Outcome | None) -> dict[Obstacle, int]:
    """Count by obstacle the held deletions, and the held releases of resources that are no longer declared."""
    withheld = outcome.held if outcome else ()
    counts = Counter(
        held.obstacle for held in withheld if isinstance(held.step.change, Delete) or held.step.id.phase == "prune"
    )
    return {**dict.fromkeys(_PRUNE_BLOCKED, 0), **counts}


def _held(outcome: Outcome | None) -> dict[Obstacle, int]:
    """Count the held changes by obstacle, without the deletions that `_blocked` counts."""
    withheld = outcome.held if outcome else ()
    counts = Counter(
        held.obstacle for held in withheld if not isinstance(held.step.change, Delete) and held.step.id.phase != "prune"
    )
    return {**dict.fromkeys(_HELD, 0), **counts}
