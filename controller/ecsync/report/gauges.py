"""The state of every application as gauges, from the last outcomes. A removed application has no series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ecsync.core.model import Adopt, Create, Delete, Forget, Key, Mark, Replace, Update
from ecsync.core.outcome import ApplicationState, Failed, HealthStatus, Obstacle, Outcome, ReadOnly, SyncStatus
from ecsync.report.collectors.app_counts import COUNTED, SERIES, AppCounts

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
CONDITIONS = ("Ready", "SourceReady", "Valid", "Drifted", "Terminal", "PruneBlocked")
MOST_SERIES = 40  # of one application

Drift = Callable[[str], Collection[Key]]  # application -> the resources that drift

# The obstacles of a change.
HELD: tuple[Obstacle, ...] = (
    "not_managed", "suspended", "no_ownership", "replacement", "lookup", "not_converging", "budget", "approval",
    "unsafe",
)  # fmt: skip

# The obstacles of a deletion. The first five hold all deletions of an application, each of the others single ones.
PRUNE_BLOCKED: tuple[Obstacle, ...] = (
    "off", "empty", "stale_source", "invalid_manifest", "not_listed", "not_managed", "suspended", "no_ownership",
    "budget", "approval",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Family:
    """A family of gauges. `without_app` is what it has if applications have no series of their own."""

    name: str
    text: str
    labels: tuple[str, ...]
    without_app: Literal["absent", "sum", "max"] = "sum"


_FAMILIES = (
    _Family(
        "app_info",
        "An application: its target, source, mode, sync and health status of its last pass; always 1",
        ("app", "account", "region", "sync_status", "health_status", "mode", "suspended", "source"),
        "absent",
    ),
    _Family("app_condition", "Conditions of an application: 1 is true, 0 is false", ("app", "type"), "absent"),
    _Family(
        "app_last_success_timestamp_seconds", "Time of the last pass without an error (Unix time)", ("app",), "absent"
    ),
    _Family("app_last_reconcile_timestamp_seconds", "Time of the last pass (Unix time)", ("app",), "absent"),
    _Family(
        "app_read_only",
        "Why the last pass of an application wrote nothing; always 1, and no series if it may write",
        ("app", "reason"),
        "absent",
    ),
    _Family("apps", "Applications by sync and health status", ("sync_status", "health_status")),
    _Family("resources", "Resources of all applications by kind and sync status", ("kind", "sync_status")),
    _Family("manifest_problems", "Problems of the manifests of all applications; one with a problem is frozen", ()),
    _Family("approvals_pending", "Applications with a replacement or deletion that waits for an approval", ()),
    _Family(
        "drifted_resources",
        "Resources that were changed or deleted outside ecsync and not yet repaired; no series for 0",
        ("app", "kind"),
    ),
    _Family(
        "drift_oldest_age_seconds",
        "Seconds since the drift was detected that is open for longest, as this process saw it; 0 without drift",
        ("app",),
        "max",
    ),
    _Family("plan_changes", "Changes in the last plan, and those held; no series for 0", ("app", "action")),
    _Family("prune_blocked", "Deletions that are held, by reason; no series for 0", ("app", "reason")),
    _Family(
        "held_changes", "Changes of declared resources that are held, by reason; no series for 0", ("app", "reason")
    ),
    _Family(
        "left_behind_resources",
        "Resources in an account or Region that the manifests of the application do not mean any more; no series for 0",
        ("app",),
    ),
)

_Values = dict[str, dict[tuple[str, ...], float]]  # family -> values of its labels -> value


@dataclass(frozen=True, slots=True, kw_only=True)
class Applications(Collector):
    """The state gauges and the counters by application, computed at each scrape.

    `oldest` returns the seconds since the first of some resources drifts. Without `per_app` no series has the label
    `app`: there are sums.
    """

    applications: Callable[[], Sequence[ApplicationState]]
    drift: Drift
    sources_ready: Callable[[], Collection[str]]
    oldest: Callable[[Collection[Key]], float]
    counts: AppCounts
    per_app: bool

    def collect(self) -> Iterator[Metric]:
        """Yield every family, those without series too."""
        ready, apps = self.sources_ready(), self.applications()
        values: _Values = {family.name: {} for family in _FAMILIES}
        every = ((sync, health) for sync in get_args(SyncStatus) for health in get_args(HealthStatus))
        values["apps"] = dict.fromkeys(every, 0.0)
        values["manifest_problems"][()] = values["approvals_pending"][()] = 0.0
        if not self.per_app:
            values["drift_oldest_age_seconds"][()] = values["left_behind_resources"][()] = 0.0
        for app in apps:
            self._add(values, app, app.source in ready)
        for family in _FAMILIES:
            if self.per_app or family.without_app != "absent":
                labels = tuple(one for one in family.labels if self.per_app or one != "app")
                gauge = GaugeMetricFamily(f"ecsync_{family.name}", family.text, labels=labels)
                for of, value in values[family.name].items():
                    gauge.add_metric(of, value)
                yield gauge
        yield from self._counters([app.name for app in apps])

    def _add(self, values: _Values, app: ApplicationState, source_ready: bool) -> None:
        """Add the values of one application."""
        drifted = self.drift(app.name)
        own = _of_app(app, bool(drifted), source_ready) | {"drift_oldest_age_seconds": {(): self.oldest(drifted)}}
        left = MOST_SERIES - SERIES - sum(map(len, own.values()))
        kinds = Counter(key.kind for key in drifted)
        own |= {"drifted_resources": _folded(kinds, left) if self.per_app else _positive(kinds)} | _of_all(app)
        for family in _FAMILIES:
            into = values[family.name]
            for labels, value in own.get(family.name, {}).items():
                if family.labels[:1] != ("app",):
                    into[labels] = into.get(labels, 0.0) + value
                elif self.per_app:
                    into[app.name, *labels] = value
                else:
                    before = into.get(labels, 0.0)
                    into[labels] = max(before, value) if family.without_app == "max" else before + value

    def _counters(self, names: Sequence[str]) -> Iterator[Metric]:
        for counted in COUNTED:
            labels = ("app", counted.label) if self.per_app else (counted.label,)
            family = CounterMetricFamily(f"ecsync_{counted.name}", counted.text, labels=labels)
            for name in names if self.per_app else ("",):
                for value, (number, exemplar) in self.counts.of(counted, name).items():
                    family.add_metric([name, value] if self.per_app else [value], number, exemplar=exemplar)
            yield family


def _of_app(app: ApplicationState, drifts: bool, source_ready: bool) -> _Values:
    """Return the values of the families with the label `app`, by the other labels."""
    outcome, last = app.outcome, app.last_pass
    status = (outcome.sync, outcome.health) if outcome else ("Unknown", "Unknown")
    suspended = "true" if app.suspended else "false"
    info = (app.target.account, app.target.region, *status, app.sync.mode, suspended, app.source)
    conditions = _conditions(app, drifts, source_ready)
    left = sum(len(one.resources) for one in app.left_behind)
    return {
        "app_info": {info: 1.0},
        "app_condition": {(name,): float(holds) for name, holds in conditions.items()},
        "app_last_success_timestamp_seconds": {(): app.last_success.timestamp()} if app.last_success else {},
        "app_last_reconcile_timestamp_seconds": {(): last.ended.timestamp()} if last else {},
        "app_read_only": {(last.only_looked.code,): 1.0} if last and isinstance(last.only_looked, ReadOnly) else {},
        "plan_changes": _positive(_planned(outcome)),
        "prune_blocked": _positive(_blocked(outcome)),
        "held_changes": _positive(_held(outcome)),
        "left_behind_resources": {(): float(left)} if left else {},
    }


def _of_all(app: ApplicationState) -> _Values:
    """Return what an application adds to the families of all applications."""
    outcome = app.outcome
    resources: Counter[tuple[str, ...]] = Counter()
    for (kind, sync, _), count in outcome.counts.items() if outcome else ():
        resources[kind, sync] += count
    return {
        "apps": {(outcome.sync, outcome.health) if outcome else ("Unknown", "Unknown"): 1.0},
        "resources": {of: float(count) for of, count in resources.items()},
        "manifest_problems": {(): float(len(app.problems))},
        "approvals_pending": {(): float(app.sync.mode == "enforce" and bool(outcome and outcome.plan.approval))},
    }


def _positive(counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    return {(name,): float(count) for name, count in counts.items() if count}


def _folded(counts: Counter[str], most: int) -> dict[tuple[str, ...], float]:
    """Return the largest counts, and the sum of the others as `other`: an application has few series (MOST_SERIES)."""
    if len(counts) <= most:
        return _positive(counts)
    first = dict(counts.most_common(max(0, most - 1)))
    return _positive({**first, "other": sum(counts.values()) - sum(first.values())})


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


def _planned(outcome: Outcome | None) -> Mapping[str, int]:
    steps = outcome.plan.steps if outcome else ()
    counts = Counter(ACTIONS[type(step.change)] for step in steps)
    return {**counts, "held": len(outcome.held) if outcome else 0}


def _blocked(outcome: Outcome | None) -> Mapping[str, int]:
    """Count by obstacle the held deletions, and the held releases of resources that are no longer declared."""
    withheld = outcome.held if outcome else ()
    return Counter[str](
        held.obstacle for held in withheld if isinstance(held.step.change, Delete) or held.step.id.phase == "prune"
    )


def _held(outcome: Outcome | None) -> Mapping[str, int]:
    """Count the held changes by obstacle, without the deletions that `_blocked` counts."""
    withheld = outcome.held if outcome else ()
    return Counter[str](
        held.obstacle for held in withheld if not isinstance(held.step.change, Delete) and held.step.id.phase != "prune"
    )
