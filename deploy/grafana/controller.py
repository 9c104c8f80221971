"""Controller: whether the processes are alive, what they do, and whether they get the manifests."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from deploy.grafana.panels import (
    BAD_IF_ZERO,
    GOOD_IF_ZERO,
    SMALL,
    THIRD,
    Colour,
    bars,
    board,
    lines,
    names,
    number,
    query,
    rows,
    spectrum,
    timeline,
)
from deploy.grafana.queries import added, per_second, quantile

_ONE = 'job=~"$job", instance=~"$instance"'
_HELD: Mapping[str, tuple[str, Colour]] = {"0": ("no", "gray"), "1": ("yes", "green")}


def build() -> Dashboard:
    """Return the dashboard."""
    made = board(
        "ecsync-controller",
        "ecsync / Controller",
        "The processes of ecsync: loops, passes, sources, lease, events and memory.",
        ["job", "instance"],
    )
    made = _now(made.with_row(Row("Now")))
    made = _passes(made.with_row(Row("Passes")))
    made = _sources(made.with_row(Row("Manifests")))
    return _process(made.with_row(Row("Process")))


def _now(made: Dashboard) -> Dashboard:
    for panel in (
        number(
            "Processes",
            "Processes of ecsync from which Prometheus gets metrics.",
            f"count(ecsync_build_info{{{_ONE}}})",
            steps=BAD_IF_ZERO,
        ),
        number(
            "Lease holders",
            "Processes that hold the lease and may write. It should be 1, or 0 where the settings need no lease.",
            f"sum(ecsync_lease_held{{{_ONE}}})",
            steps=((None, "blue"), (1, "green"), (2, "red")),
        ),
        number(
            "Oldest heartbeat",
            "Longest time since an iteration of a loop, in expected intervals of that loop. From 5 on it is stuck.",
            f"max((time() - ecsync_heartbeat_timestamp_seconds{{{_ONE}}}) "
            f"/ on (job, instance, loop) ecsync_heartbeat_interval_seconds{{{_ONE}}})",
            steps=((None, "green"), (3, "orange"), (5, "red")),
            decimals=1,
        ),
        number(
            "Running for",
            "Time since the youngest process started.",
            'time() - max(process_start_time_seconds{job=~"$job", instance=~"$instance"})',
            unit="s",
            decimals=0,
        ),
        number(
            "Internal errors",
            "Passes within the time range that ended with an internal error. Each one is a bug.",
            f"sum(increase(ecsync_reconcile_panics_total{{{_ONE}}}[$__range])) "
            f"+ sum(increase(ecsync_shortcut_mismatches_total{{{_ONE}}}[$__range]))",
            steps=GOOD_IF_ZERO,
            decimals=0,
        ),
        names(
            "Version", "Versions of ecsync and of Python.", f"count by (version, python) (ecsync_build_info{{{_ONE}}})",
            "{{version}} · Python {{python}}", size=SMALL,
        ),
        timeline(
            "Who holds the lease",
            "The process that may write.",
            f"ecsync_lease_held{{{_ONE}}}",
            "{{instance}}",
            _HELD,
            size=(12, 5),
        ),
        lines(
            "Lease rounds",
            "Rounds of each process for the lease: it is held, another process has it (other), or an error.",
            query(per_second("ecsync_lease_renewals_total", _ONE, "instance", "result"), "{{instance}} {{result}}"),
            unit="ops",
            size=(12, 5),
        ),
    ):  # fmt: skip
        made = made.with_panel(panel)
    return made


def _passes(made: Dashboard) -> Dashboard:
    for panel in (
        lines(
            "Passes by result",
            "A pass looks at one application. throttled: AWS or our own rate limit held it; frozen: it may not write.",
            query(per_second("ecsync_reconcile_total", _ONE, "result"), "{{result}}"),
            unit="ops",
            stacked=True,
            size=THIRD,
        ),
        lines(
            "Duration of passes, 19 of 20",
            "By phase. total is the whole pass. It needs the recording rules of deploy/prometheus/rules.yaml.",
            query('job_phase:ecsync_reconcile_duration_seconds:p95_rate5m{job=~"$job"}', "{{phase}}"),
            unit="s",
            size=THIRD,
            steps=((None, "green"), (60, "red")),
        ),
        spectrum(
            "Duration of passes",
            "Each column has the passes that ended in it, by how long they took.",
            added("ecsync_reconcile_duration_seconds_bucket", f'{_ONE}, phase="total"', "le"),
            size=THIRD,
        ),
        bars(
            "Errors by reason",
            "Errors of passes and of reads of the manifests.",
            query(added("ecsync_reconcile_errors_total", _ONE, "reason"), "{{reason}}"),
            size=THIRD,
        ),
        lines(
            "Workers",
            "Workers that reconcile now, of how many, and applications that wait for one.",
            query(f"sum(ecsync_active_workers{{{_ONE}}})", "busy"),
            query(f"sum(ecsync_workers{{{_ONE}}})", "workers"),
            query(f"sum(ecsync_workqueue_depth{{{_ONE}}})", "waiting applications"),
            size=THIRD,
        ),
        lines(
            "Waiting and running",
            "Oldest application that waits for a worker, longest running pass, and the time in the queue (19 of 20).",
            query(f"max(ecsync_workqueue_oldest_age_seconds{{{_ONE}}})", "oldest wait"),
            query(f"max(ecsync_workqueue_longest_running_seconds{{{_ONE}}})", "longest pass"),
            query(
                quantile(0.95, "ecsync_workqueue_queue_duration_seconds", _ONE, over="$__range"),
                "time in the queue",
            ),
            unit="s",
            size=THIRD,
            steps=((None, "green"), (300, "red")),
        ),
        lines(
            "Heartbeats",
            "Time since the last iteration of each loop.",
            query(f"time() - ecsync_heartbeat_timestamp_seconds{{{_ONE}}}", "{{instance}} {{loop}}"),
            unit="s",
            size=THIRD,
        ),
        bars(
            "Scheduler",
            "Jobs that were not run as planned: too late (missed), still running (skipped), or with an error.",
            query(added("ecsync_scheduler_jobs_missed_total", _ONE), "missed"),
            query(added("ecsync_scheduler_jobs_skipped_total", _ONE), "skipped"),
            query(added("ecsync_scheduler_jobs_errors_total", _ONE), "error"),
            size=THIRD,
        ),
        lines(
            "Resources decided",
            "Resources that passes compared in full, and those that were unchanged since the last pass.",
            query(per_second("ecsync_resources_decided_total", _ONE, "how"), "{{how}}"),
            unit="ops",
            stacked=True,
            size=THIRD,
        ),
        rows(
            "Resources by kind",
            "Declared resources by kind and sync status.",
            [("kind", "Kind"), ("sync_status", "Sync")],
            [('sum by (kind, sync_status) (ecsync_resources{job=~"$job"}) > 0', "Resources", "short")],
            size=THIRD,
        ),
        bars(
            "Passes put off by a rate limit",
            "Passes that wait because a rate limit is used up, by its name. They are no failures.",
            query(
                f"sum by (bucket) (increase(ecsync_reconcile_deferred_total{{{_ONE}}}[$__interval])) "
                'or label_replace(vector(0), "bucket", "none", "", "")',
                "{{bucket}}",
            ),
            size=THIRD,
        ),
    ):
        made = made.with_panel(panel)
    return made


def _sources(made: Dashboard) -> Dashboard:
    for panel in (
        lines(
            "Age of the manifests",
            "Time since the last good read of each source. The line is three intervals: from there on it is late.",
            query(f"ecsync_source_age_seconds{{{_ONE}}}", "source {{name}}"),
            query(f"3 * max(ecsync_source_interval_seconds{{{_ONE}}})", "late"),
            unit="s",
            size=THIRD,
        ),
        bars(
            "Reads of the manifests",
            "Reads by result: ok, or the reason of the failure.",
            query(
                f"sum by (name, result) (increase(ecsync_source_fetch_total{{{_ONE}}}[$__interval])) > 0",
                "{{name}} {{result}}",
            ),
            size=THIRD,
        ),
        lines(
            "Duration of reads, 19 of 20",
            "Time of a read of the manifests.",
            query(
                quantile(0.95, "ecsync_source_fetch_duration_seconds", _ONE, "name", over="$__range"),
                "source {{name}}",
            ),
            unit="s",
            size=THIRD,
        ),
        rows(
            "Revisions",
            "The revision of each source that is in use: of git the commit.",
            [("instance", "Instance"), ("name", "Name"), ("source", "Type"), ("revision", "Revision")],
            [(f"sum by (instance, name, source, revision) (ecsync_source_info{{{_ONE}}})", "In use", "")],
            size=THIRD,
        ),
        bars(
            "Webhooks",
            "Requests of webhooks by sender and result.",
            query(added("ecsync_webhooks_total", _ONE, "hook", "result"), "{{hook}} {{result}}"),
            size=THIRD,
        ),
        timeline(
            "Sources that can be read",
            "Whether the last read of each source was good.",
            f"ecsync_source_ready{{{_ONE}}}",
            "{{instance}} {{name}}",
            {"0": ("no", "red"), "1": ("yes", "green")},
            size=THIRD,
        ),
    ):
        made = made.with_panel(panel)
    return made


def _process(made: Dashboard) -> Dashboard:
    for panel in (
        lines(
            "CPU",
            "Processor cores that each process uses.",
            query(f"rate(process_cpu_seconds_total{{{_ONE}}}[$__rate_interval])", "{{instance}}"),
            unit="none",
            size=THIRD,
        ),
        lines(
            "Memory",
            "Resident memory of each process.",
            query(f"process_resident_memory_bytes{{{_ONE}}}", "{{instance}}"),
            unit="bytes",
            size=THIRD,
        ),
        lines(
            "Files and threads",
            "Open files of each process, and threads. At the limit of files, connections fail.",
            query(f"process_open_fds{{{_ONE}}}", "{{instance}} files"),
            query(f"ecsync_threads{{{_ONE}}}", "{{instance}} threads"),
            size=THIRD,
        ),
        bars(
            "Events by sink",
            "Events that were sent to a sink, and those that were dropped because it was full.",
            query(added("ecsync_events_total", _ONE, "sink", "result"), "{{sink}} {{result}}"),
            query(added("ecsync_events_dropped_total", _ONE, "sink"), "{{sink}} dropped"),
            size=THIRD,
        ),
        lines(
            "Requests to the API",
            "Requests of HTTP by route and code.",
            query(
                per_second("ecsync_http_requests_total", _ONE, "route", "code"),
                "{{route}} {{code}}",
            ),
            unit="reqps",
            size=THIRD,
        ),
        lines(
            "Duration of requests, 19 of 20",
            "Time of an answer by route.",
            query(
                quantile(0.95, "ecsync_http_request_duration_seconds", _ONE, "route"),
                "{{route}}",
            ),
            unit="s",
            size=THIRD,
        ),
    ):
        made = made.with_panel(panel)
    return made
