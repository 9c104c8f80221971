"""A few metrics as lines of JSON in CloudWatch's embedded metric format, for those who have no Prometheus.

CloudWatch makes metrics of the lines that CloudWatch Logs receives. Each metric costs money for each set of values of
its dimensions, so the only dimension is the installation. Source: "Specification: Embedded metric format" in the user
guide of CloudWatch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry

NAMESPACE = "ecsync"
DIMENSION = "Installation"

How: TypeAlias = Literal["sum", "max", "increase", "age"]  # `age`: of the oldest of some times
Unit: TypeAlias = Literal["Count", "Seconds"]


class Exported(NamedTuple):
    """A metric in CloudWatch, and the samples that it is made of: of a name, with these values of labels."""

    name: str
    unit: Unit
    how: How
    sample: str
    labels: Mapping[str, str] = {}


EXPORTED = (
    Exported("AppsSynced", "Count", "sum", "ecsync_apps", {"sync_status": "Synced"}),
    Exported("AppsOutOfSync", "Count", "sum", "ecsync_apps", {"sync_status": "OutOfSync"}),
    Exported("AppsSyncUnknown", "Count", "sum", "ecsync_apps", {"sync_status": "Unknown"}),
    Exported("AppsHealthy", "Count", "sum", "ecsync_apps", {"health_status": "Healthy"}),
    Exported("AppsProgressing", "Count", "sum", "ecsync_apps", {"health_status": "Progressing"}),
    Exported("AppsDegraded", "Count", "sum", "ecsync_apps", {"health_status": "Degraded"}),
    Exported("AppsSuspended", "Count", "sum", "ecsync_apps", {"health_status": "Suspended"}),
    Exported("AppsMissing", "Count", "sum", "ecsync_apps", {"health_status": "Missing"}),
    Exported("AppsHealthUnknown", "Count", "sum", "ecsync_apps", {"health_status": "Unknown"}),
    Exported("DriftedResources", "Count", "sum", "ecsync_drifted_resources"),
    Exported("OldestDrift", "Seconds", "max", "ecsync_drift_oldest_age_seconds"),
    Exported("HeldChanges", "Count", "sum", "ecsync_held_changes"),
    Exported("HeldDeletions", "Count", "sum", "ecsync_prune_blocked"),
    Exported("ApprovalsPending", "Count", "sum", "ecsync_approvals_pending"),
    Exported("ManifestProblems", "Count", "sum", "ecsync_manifest_problems"),
    Exported("HeartbeatAge", "Seconds", "age", "ecsync_heartbeat_timestamp_seconds"),
    Exported("SourceAge", "Seconds", "max", "ecsync_source_age_seconds"),
    Exported("LeaseHeld", "Count", "sum", "ecsync_lease_held"),
    Exported("ReconcileErrors", "Count", "increase", "ecsync_reconcile_errors_total"),
    Exported("Changes", "Count", "increase", "ecsync_changes_total", {"result": "done"}),
    Exported("ChangesFailed", "Count", "increase", "ecsync_changes_total", {"result": "failed"}),
    Exported("DriftDetected", "Count", "increase", "ecsync_resource_drift_total", {"state": "detected"}),
    Exported(
        "DeploymentsRolledBack", "Count", "increase", "ecsync_deployment_duration_seconds_count",
        {"outcome": "rolled_back"},
    ),
    Exported("AwsThrottles", "Count", "increase", "ecsync_aws_requests_total", {"code": "throttled"}),
)  # fmt: skip

_IDLE = {"loop": "reconcile"}  # beats with each pass: no loop of its own


@dataclass(slots=True)
class Emf:
    """Makes a line each time it is asked; counters are the increase since the line before, or since the start.

    Without an installation there is no dimension. One thread at a time.
    """

    registry: CollectorRegistry
    installation: str
    _before: dict[str, float] = field(default_factory=dict)

    def line(self, now: float) -> str:
        """Return the line for a Unix time in seconds, without an end of line. What has no sample is left out."""
        samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for family in self.registry.collect():
            for sample in family.samples:
                samples.setdefault(sample.name, []).append((sample.labels, sample.value))
        values: dict[str, float] = {}
        for one in EXPORTED:
            value = self._value(one, samples.get(one.sample, ()), now)
            if value is not None and math.isfinite(value):
                values[one.name] = value
        metrics = [{"Name": one.name, "Unit": one.unit} for one in EXPORTED if one.name in values]
        dimensions = {DIMENSION: self.installation} if self.installation else {}
        directive = {"Namespace": NAMESPACE, "Dimensions": [[*dimensions]], "Metrics": metrics}
        head = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": head, **dimensions, **values}, separators=(",", ":"), allow_nan=False)

    def _value(self, one: Exported, samples: Iterable[tuple[Mapping[str, str], float]], now: float) -> float | None:
        found = [value for labels, value in samples if one.labels.items() <= labels.items() and labels != _IDLE]
        if one.how == "age":
            return max(0.0, now - min(found)) if found else None
        if one.how == "max":
            return max(found, default=0.0)
        if one.how == "sum":
            return sum(found)
        total = sum(found)
        increase, self._before[one.name] = max(0.0, total - self._before.get(one.name, 0.0)), total
        return increase
