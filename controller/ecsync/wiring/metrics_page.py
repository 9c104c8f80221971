"""docs/metrics.md, from the registry itself: `python -m ecsync.wiring.metrics_page > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from prometheus_client.core import Metric

from ecsync.core.outcome import HealthStatus, PassResult, ReadOnlyCode, SyncStatus
from ecsync.core.ports import HookResult
from ecsync.http.app import READS
from ecsync.report.collectors import labels as of
from ecsync.report.collectors.app_counts import Action, DeploymentOutcome
from ecsync.report.collectors.drift_times import By
from ecsync.report.collectors.watched import Watched
from ecsync.report.gauges import ACTIONS, CONDITIONS, HELD, PRUNE_BLOCKED
from ecsync.report.metrics import Metrics

_SECTIONS: Mapping[str, tuple[str, ...]] = {  # the title of a section -> the beginnings of its names
    "Applications": ("app_", "apps", "resources", "manifest_", "plan_", "prune_", "held_", "left_", "approvals_"),
    "Drift": ("drift", "resource_drift"),
    "Changes, deployments, lead time": ("changes", "deployment", "lead_time"),
    "Passes": (
        "reconcile", "workqueue", "active_workers", "workers", "heartbeat", "scheduler", "shortcut",
    ),
    "Sources and webhooks": ("source_", "webhooks"),
    "Who may write": ("lease_", "guards", "budget_"),
    "AWS": ("aws_", "inventory_"),
    "Events and HTTP": ("events", "http_"),
    "The process": ("build_info", "threads", "process_"),
}  # fmt: skip

_UNITS = (  # the end of a name -> its unit
    ("_timestamp_seconds", "Unix time"), ("_start_time_seconds", "Unix time"), ("_seconds", "s"), ("_bytes", "bytes"),
    ("_rate", "calls/s"), ("_info", "always 1"), ("_ready", "0 or 1"), ("_held", "0 or 1"), ("_required", "0 or 1"),
    ("_condition", "0 or 1"), ("_read_only", "always 1"),
)  # fmt: skip

# The values of labels, by the name of the label, or by metric and label where these differ.
_VALUES: Mapping[str, tuple[str, ...] | str] = {
    "app": "the name of an application; no metric has it with `metrics.per_app: false`",
    "account": "the id of the account",
    "region": "the Region",
    "source": "disk, s3, git",
    "ecsync_app_info source": "the name of the source; empty for the only one",
    "name": "the name of a source; empty for the only one",
    "revision": "the revision; of git the commit. One series at a time",
    "ecsync_build_info revision": "the commit that this ecsync was built from, if it is known",
    "version": "the version of ecsync",
    "python": "the version of Python",
    "sync_status": get_args(SyncStatus),
    "health_status": get_args(HealthStatus),
    "mode": ("observe", "enforce"),
    "suspended": ("true", "false"),
    "type": CONDITIONS,
    "kind": "the kinds of docs/manifests.md; `other` for the least where an application would have too many series",
    "ecsync_drift_detected action": get_args(Action),
    "ecsync_changes action": tuple(ACTIONS.values()),
    "ecsync_plan_changes action": (*ACTIONS.values(), "held"),
    "ecsync_prune_blocked reason": PRUNE_BLOCKED,
    "ecsync_held_changes reason": HELD,
    "ecsync_app_read_only reason": get_args(ReadOnlyCode),
    "ecsync_reconcile_errors reason": get_args(of.Reason),
    "ecsync_inventory_reads reason": ("cadence", "confirm", "fresh"),
    "ecsync_reconcile result": get_args(PassResult),
    "ecsync_changes result": ("done", "failed"),
    "ecsync_events result": ("ok", "error"),
    "ecsync_source_fetch result": get_args(of.Fetch),
    "ecsync_webhooks result": get_args(HookResult),
    "ecsync_lease_renewals result": get_args(of.Round),
    "phase": get_args(of.Phase),
    "state": get_args(of.DriftState),
    "by": get_args(By),
    "outcome": get_args(DeploymentOutcome),
    "loop": "source, worker-0, worker-1, …, and reconcile: any pass",
    "job": ("poll",),
    "how": ("compared", "unchanged"),
    "hook": of.HOOKS,
    "service": "the service as boto3 names it",
    "operation": "the operation as AWS names it; of the inventory with its service, such as `ecs.ListTasks`",
    "ecsync_aws_requests code": get_args(of.Code),
    "ecsync_http_requests code": "the HTTP status",
    "bucket": "a rate limit of AWS, by its name in ecsync",
    "target": "an entry of `targets`; empty for the operator's own account",
    "guard": ("freeze", "override", "approval"),
    "budget": ("changes", "removals"),
    "route": (*READS, "/api/v1/applications/{name}/retry", "/api/v1/guards/{verb}", "/hooks/{hook}", "other"),
    "method": of.METHODS,
    "sink": ("log", "metrics", "store"),
}


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `name` is as it is queried: a counter ends in `_total`."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str

    @property
    def unit(self) -> str:
        """Return the unit; empty for a number of something."""
        base = self.name.removesuffix("_total")
        return next((unit for end, unit in _UNITS if base.endswith(end)), "")

    def values(self, label: str) -> tuple[str, ...] | str:
        """Return the values of a label, or what they are. Raises KeyError for a label that is not described."""
        own = f"{self.name.removesuffix('_total')} {label}"
        return _VALUES[own] if own in _VALUES else _VALUES[label]


def families() -> list[Family]:
    """Return every metric of a daemon, by name."""
    metrics = Metrics(version="")
    metrics.watch(Watched())
    found = [_family(one, metrics.families.labels) for one in metrics.registry.collect()]
    return sorted(found, key=lambda one: one.name)


def _family(one: Metric, known: Mapping[str, tuple[str, ...]]) -> Family:
    own: Any = getattr(one, "_labelnames", ())  # of the families of collectors; prometheus-client has no public name
    name = f"{one.name}_total" if one.type == "counter" else one.name
    return Family(name, one.type, known.get(one.name, tuple(own)), one.documentation)


_HEAD = """# Metrics

Every metric of `ecsync run`, at `/metrics`. `make metrics` writes this page from the registry, a test compares both.

- The format is the text format of Prometheus, or OpenMetrics where `Accept` asks for it. OpenMetrics has exemplars:
  `reconcile_id`, by which the log finds the pass. A scraper that accepts gzip gets it.
- A label has few values. No ARN, task, user, message or image is a label, and a revision only in `_info`.
- A counter with known labels is 0 from the start, so `increase()` sees the first failure. Counters begin at 0 with the
  process, and a histogram or an age knows only what this process saw.
- The state of applications is computed at each scrape. A removed application has no series any more.
- An application has at most 40 series. `metrics.per_app: false` (`--metrics-per-app=false`) leaves out the label
  `app`: there are sums under the same names, and what has no sum is left out (`ecsync_app_…`).
  `sum by (kind) (ecsync_drifted_resources)` works in both cases.
- Each metric is there since 0.1.0, unless its meaning states a later version.
- A histogram has `_bucket`, `_sum` and `_count`.
- Without Prometheus, a few of them go to CloudWatch ([cli.md](cli.md#metrics-without-prometheus)).
"""


def page() -> str:
    """Return the page."""
    every = families()
    return "\n".join([_HEAD, *_tables(every), *_labels(every)]).rstrip() + "\n"


def _tables(every: list[Family]) -> Iterator[str]:
    for title in _SECTIONS:
        yield f"## {title}\n\n| metric | type | labels | unit | meaning |\n|---|---|---|---|---|"
        for one in every:
            if section(one.name) == title:
                labels = ", ".join(f"`{label}`" for label in one.labels)
                yield f"| `{one.name}` | {one.kind} | {labels} | {one.unit} | {one.text.rstrip('.')} |"
        yield ""


def section(name: str) -> str:
    """Return the section of a metric: that with the longest beginning of its name. Raises ValueError without one."""
    own = name.removeprefix("ecsync_")
    fits = [(len(start), title) for title, starts in _SECTIONS.items() for start in starts if own.startswith(start)]
    return max(fits)[1]


def _labels(every: list[Family]) -> Iterator[str]:
    yield "## Labels\n\n| label | values |\n|---|---|"
    seen: dict[tuple[str, tuple[str, ...] | str], list[str]] = {}
    for one in every:
        for label in one.labels:
            seen.setdefault((label, one.values(label)), []).append(one.name)
    several = {label for label, _ in seen if sum(label == other for other, _ in seen) > 1}
    for (label, values), names in sorted(seen.items(), key=lambda item: (item[0][0], item[1])):
        text = values if isinstance(values, str) else ", ".join(f"`{value}`" for value in values)
        where = f" of {', '.join(f'`{name}`' for name in names)}" if label in several else ""
        yield f"| `{label}`{where} | {text} |"


if __name__ == "__main__":
    sys.stdout.write(page())
