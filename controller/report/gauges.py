"""What every application is now, as a collector over the last outcomes: what is gone has no series any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.core.model import (
    Adopt,
    ApplicationState,
    Create,
    Delete,
    Failed,
    Forget,
    Mark,
    Outcome,
    Replace,
    Update,
)

# What the change of a step is called in labels.
ACTIONS = {
    Create: "create",
    Update: "update",
    Replace: "replace",
    Delete: "delete",
    Adopt: "adopt",
    Mark: "mark",
    Forget: "forget",
}


class Applications(Collector):
    """The state gauges, made anew at each scrape."""

    def __init__(
        self, applications: Callable[[], Sequence[ApplicationState]], source_ready: Callable[[], bool]
    ) -> None:
        self._applications = applications
        self._source_ready = source_ready

    def collect(self) -> Iterator[Metric]:
        """Yield every family, also those without series."""
        info = _family(
            "app_info",
            "What an application is; always 1",
            "app",
            "account",
            "region",
            "sync_status",
            "health_status",
            "mode",
        )
        condition = _family("app_condition", "What holds of an application", "app", "type")
        success = _family("app_last_success_timestamp_seconds", "When a pass last came through", "app")
        reconciled = _family("app_last_reconcile_timestamp_seconds", "When a pass last ended", "app")
        drifted = _family("drifted_resources", "Resources that somebody else changed", "app", "kind")
        changes = _family("plan_changes", "Changes that the last plan has, and what is held", "app", "action")
        blocked = _family("prune_blocked", "Deletions that are held", "app")
        source_ready = self._source_ready()
        for app in self._applications():
            name, outcome = app.name, app.outcome
            sync, health = (outcome.sync, outcome.health) if outcome else ("Unknown", "Unknown")
            info.add_metric([name, app.target.account, app.target.region, sync, health, app.sync.mode], 1)
            for condition_type, holds in _conditions(app, source_ready).items():
                condition.add_metric([name, condition_type], float(holds))
            if app.last_success is not None:
                success.add_metric([name], app.last_success.timestamp())
            if app.last_pass is not None:
                reconciled.add_metric([name], app.last_pass.ended.timestamp())
            for kind, count in _drifted(outcome).items():
                drifted.add_metric([name, kind], count)
            for action, count in _planned(outcome).items():
                changes.add_metric([name, action], count)
            blocked.add_metric([name], _blocked(outcome))
        yield from (info, condition, success, reconciled, drifted, changes, blocked)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"ecsync_{name}", text, labels=labels)


def _conditions(app: ApplicationState, source_ready: bool) -> dict[str, bool]:
    outcome = app.outcome
    in_order = outcome is not None and outcome.sync == "Synced" and outcome.health in ("Healthy", "Suspended")
    failed = [result for result in outcome.results.values() if isinstance(result, Failed)] if outcome else []
    stopped = bool(outcome and outcome.plan.stopped)
    return {
        "Ready": in_order and not failed and not app.problems,
        "SourceReady": source_ready,
        "Valid": not app.problems,
        "Drifted": bool(_drifted(outcome)),
        "Terminal": stopped or any(result.retry != "soon" for result in failed),
        "PruneBlocked": bool(_blocked(outcome)),
    }


def _drifted(outcome: Outcome | None) -> Counter[str]:
    statuses = outcome.statuses if outcome else ()
    return Counter(status.key.kind for status in statuses if any(change.reason == "drift" for change in status.fields))


def _planned(outcome: Outcome | None) -> dict[str, int]:
    steps = outcome.plan.steps if outcome else ()
    counts = Counter(ACTIONS[type(step.change)] for step in steps)
    held = len(outcome.plan.withheld) if outcome else 0
    return {action: counts[action] for action in ACTIONS.values()} | {"held": held}


def _blocked(outcome: Outcome | None) -> int:
    withheld = outcome.plan.withheld if outcome else ()
    return sum(isinstance(held.step.change, Delete) for held in withheld)
