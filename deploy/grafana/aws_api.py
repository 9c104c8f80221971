"""AWS API: how many calls ecsync makes, which fail or are throttled, how long they take, and what limits them."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from deploy.grafana.panels import THIRD, Steps, board, lines, number, query, ranking, rows
from deploy.grafana.queries import added, per_second, quantile

_JOB = 'job=~"$job"'
_SERVICE = 'job=~"$job", service=~"$service"'
_SITE = 'job=~"$job", account=~"$account"'
_FAILED: Steps = ((None, "green"), (0.01, "orange"), (0.05, "red"))


def build() -> Dashboard:
    """Return the dashboard."""
    made = board(
        "ecsync-aws",
        "ecsync / AWS API",
        "The calls of ecsync to AWS: rate, errors, throttles, duration, rate limits and credentials.",
        ["job", "service", "account"],
    )
    made = made.with_row(Row("Now"))
    for panel in (
        number(
            "Calls per second",
            "Calls of all processes to AWS.",
            per_second("ecsync_aws_requests_total", _SERVICE),
            unit="reqps",
            size=(6, 4),
            decimals=2,
        ),
        number(
            "Failed",
            "Part of the calls that failed within 5 minutes, without throttles. It needs the recording rules.",
            f"max(job:ecsync_aws_requests_failed:ratio_rate5m{{{_JOB}}})",
            unit="percentunit",
            steps=_FAILED,
            size=(6, 4),
            decimals=1,
        ),
        number(
            "Throttled",
            "Part of the calls that AWS throttled within 5 minutes. It needs the recording rules.",
            f"max(job:ecsync_aws_requests_throttled:ratio_rate5m{{{_JOB}}})",
            unit="percentunit",
            steps=_FAILED,
            size=(6, 4),
            decimals=1,
        ),
        number(
            "Credentials end in",
            "Time until the first credentials end. They are renewed before. Empty where credentials do not end.",
            f"min(ecsync_aws_credentials_expiry_timestamp_seconds{{{_SITE}}} - time())",
            unit="s",
            steps=((None, "red"), (600, "green")),
            size=(6, 4),
            decimals=0,
        ),
    ):
        made = made.with_panel(panel)
    made = made.with_row(Row("Calls"))
    for graph in (
        lines(
            "Calls by service",
            "Calls per second.",
            query(per_second("ecsync_aws_requests_total", _SERVICE, "service"), "{{service}}"),
            unit="reqps",
            stacked=True,
            size=THIRD,
        ),
        lines(
            "Calls by result",
            "2xx: good. 4xx: refused. 5xx and error: AWS or the network failed. throttled: too many calls.",
            query(per_second("ecsync_aws_requests_total", _SERVICE, "code"), "{{code}}"),
            unit="reqps",
            stacked=True,
            size=THIRD,
        ),
        lines(
            "Duration, 19 of 20",
            "Time of a call by service.",
            query(
                quantile(0.95, "ecsync_aws_request_duration_seconds", _SERVICE, "service"),
                "{{service}}",
            ),
            unit="s",
            size=THIRD,
        ),
        ranking(
            "Most frequent calls",
            "The ten operations with the most calls within the time range.",
            f"topk(10, sum by (service, operation) (increase(ecsync_aws_requests_total{{{_SERVICE}}}[$__range])))",
            "{{service}} {{operation}}",
            unit="short",
            steps=((None, "blue"),),
        ),
        rows(
            "Calls that did not succeed",
            "By operation, within the time range.",
            [("service", "Service"), ("operation", "Operation"), ("code", "Result")],
            [
                (
                    added(
                        "ecsync_aws_requests_total",
                        f'{_SERVICE}, code!="2xx"',
                        "service",
                        "operation",
                        "code",
                        over="$__range",
                    )
                    + " > 0",
                    "Calls",
                    "short",
                )
            ],
            size=(12, 8),
        ),
    ):
        made = made.with_panel(graph)
    made = made.with_row(Row("Limits"))
    for graph in (
        lines(
            "Throttles by rate limit",
            "Calls that AWS throttled, per second. Each throttle halves the rate that ecsync allows itself.",
            query(
                per_second("ecsync_aws_bucket_throttles_total", _SITE, "account", "region", "bucket"),
                "{{account}}/{{region}} {{bucket}}",
            ),
            unit="reqps",
            size=THIRD,
        ),
        lines(
            "Rate that ecsync allows itself",
            "Calls per second for each family of operations. It grows again after a throttle.",
            query(f"ecsync_aws_bucket_rate{{{_SITE}}}", "{{account}}/{{region}} {{bucket}}"),
            unit="reqps",
            size=THIRD,
        ),
        lines(
            "Waits for a rate limit",
            "Seconds that calls waited, per second.",
            query(
                per_second("ecsync_aws_bucket_wait_seconds_total", _SITE, "bucket"),
                "{{bucket}}",
            ),
            query(
                per_second("ecsync_aws_rate_limiter_wait_seconds_total", _SERVICE, "service"),
                "service {{service}}",
            ),
            unit="s",
            size=THIRD,
        ),
        lines(
            "Retries by service",
            "Calls that were repeated, per second.",
            query(per_second("ecsync_aws_retries_total", _SERVICE, "service"), "{{service}}"),
            unit="reqps",
            size=THIRD,
        ),
        lines(
            "Reads by reason",
            "cadence: the answer was too old. confirm: a difference is read again. fresh: before a write.",
            query(per_second("ecsync_inventory_reads_total", _SITE, "reason"), "{{reason}}"),
            unit="reqps",
            stacked=True,
            size=THIRD,
        ),
        lines(
            "Age of what is kept",
            "Age of the oldest answer that is in use, by account and Region.",
            query(f"max by (account, region) (ecsync_inventory_age_seconds{{{_SITE}}})", "{{account}}/{{region}}"),
            unit="s",
            size=THIRD,
        ),
        lines(
            "Answers that are kept",
            "Answers of AWS in memory.",
            query(f"sum by (account, region) (ecsync_inventory_answers{{{_SITE}}})", "{{account}}/{{region}}"),
            size=THIRD,
        ),
    ):
        made = made.with_panel(graph)
    return made
