"""Metrics: zeros from the start, state from the last outcomes, and no series of a removed application."""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as attribute
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ecsync.core.model import Key, Origin, Problem
from ecsync.core.outcome import ApplicationState, Done, Event, Failed, Pass, Withheld, WithheldReason
from ecsync.core.ports import ErrorClass, SourceReason
from ecsync.report.collectors.labels import Fetch, Reason
from ecsync.report.collectors.watched import Watched
from ecsync.report.metrics import Metrics
from tests.report.outcomes import API, NOW, TARGET, WEB, create, delete, outcome, status, step, update
from tests.report.outcomes import field as change

PASS = Pass(reconcile_id="r1", started=NOW, ended=NOW, result="synced")


def state(name: str = "shop", **fields: Any) -> ApplicationState:
    """Return an application with the given fields."""
    return ApplicationState(name=name, target=TARGET, **fields)


@pytest.fixture
def metrics() -> Metrics:
    """Return a new registry."""
    return Metrics(version="1.2.3", revision="abc")


def value(metrics: Metrics, name: str, /, **labels: str) -> float | None:
    """Return a sample; None if it does not exist."""
    return metrics.registry.get_sample_value(name, labels)


def test_fixed_label_sets_start_at_zero(metrics: Metrics) -> None:
    """So an alert on a rate works for the first failure."""
    assert value(metrics, "ecsync_reconcile_total", result="error") == 0
    assert value(metrics, "ecsync_reconcile_errors_total", reason="panic") == 0
    assert value(metrics, "ecsync_reconcile_panics_total") == 0
    assert value(metrics, "ecsync_reconcile_duration_seconds_count", phase="apply") == 0
    assert value(metrics, "ecsync_scheduler_jobs_missed_total", job="poll") == 0
    assert value(metrics, "ecsync_events_total", sink="log", result="ok") == 0
    assert value(metrics, "ecsync_events_total", sink="log", result="error") == 0
    assert value(metrics, "ecsync_webhooks_total", hook="generic", result="forged") == 0
    assert value(metrics, "ecsync_events_dropped_total", sink="log") == 0
    metrics.declare_sources(["apps"])
    assert value(metrics, "ecsync_source_fetch_total", name="apps", result="empty") == 0
    metrics.declare_kinds(["Service"])
    assert value(metrics, "ecsync_resource_drift_total", kind="Service", state="detected") == 0
    assert value(metrics, "ecsync_changes_total", kind="Service", action="delete", result="failed") == 0
    metrics.declare_operations(["ecs.ListTasks"])
    assert value(metrics, "ecsync_aws_retries_total", service="ecs") == 0
    assert value(metrics, "ecsync_aws_requests_total", service="ecs", operation="ListTasks", code="throttled") == 0


def test_reasons_are_those_of_the_ports() -> None:
    """Every class of AWS error and every reason of a source is a label value."""
    assert set(get_args(ErrorClass)) < set(get_args(Reason))
    assert set(get_args(Fetch)) == {"ok", *get_args(SourceReason)}


def test_what_happens_is_counted(metrics: Metrics) -> None:
    """Each method moves its own series."""
    metrics.reconciled("synced", NOW)
    metrics.phase("plan", 0.3)
    metrics.panic()
    metrics.mishap("missed", "poll")
    metrics.fetched("ok", 0.1)
    metrics.source_good("s3", NOW)
    metrics.source_at("s3", "abc")
    metrics.source_at("s3", "def")
    metrics.observe_request("ecs", "DescribeServices", "2xx", 0.02)
    metrics.retried("ecs", 2)
    metrics.limited("ecs", 1.5)
    metrics.delivered("log", worked=False)
    metrics.dropped("log")
    assert value(metrics, "ecsync_reconcile_total", result="synced") == 1
    assert value(metrics, "ecsync_heartbeat_timestamp_seconds", loop="reconcile") == NOW.timestamp()
    assert value(metrics, "ecsync_reconcile_duration_seconds_bucket", phase="plan", le="0.5") == 1
    assert value(metrics, "ecsync_reconcile_panics_total") == 1
    assert value(metrics, "ecsync_reconcile_errors_total", reason="panic") == 1
    assert value(metrics, "ecsync_scheduler_jobs_missed_total", job="poll") == 1
    assert value(metrics, "ecsync_source_fetch_total", name="", result="ok") == 1
    assert value(metrics, "ecsync_source_last_success_timestamp_seconds", source="s3", name="") == NOW.timestamp()
    assert value(metrics, "ecsync_source_info", source="s3", name="", revision="abc") is None
    assert value(metrics, "ecsync_source_info", source="s3", name="", revision="def") == 1
    assert value(metrics, "ecsync_aws_requests_total", service="ecs", operation="DescribeServices", code="2xx") == 1
    assert value(metrics, "ecsync_aws_request_duration_seconds_count", service="ecs", operation="DescribeServices") == 1
    assert value(metrics, "ecsync_aws_retries_total", service="ecs") == 2
    assert value(metrics, "ecsync_aws_rate_limiter_wait_seconds_total", service="ecs") == 1.5
    assert value(metrics, "ecsync_events_total", sink="log", result="error") == 1
    assert value(metrics, "ecsync_events_dropped_total", sink="log") == 1


def test_executed_steps_are_counted_by_result(metrics: Metrics) -> None:
    """Done and failed changes are counted; progressing ones are not."""
    steps = (step(API, update(API)), step(WEB, create(WEB)))
    metrics.executed(outcome(steps=steps, results=(Done(), Failed(error="no"))))
    assert value(metrics, "ecsync_changes_total", kind="Service", action="update", result="done") == 1
    assert value(metrics, "ecsync_changes_total", kind="TargetGroup", action="create", result="failed") == 1


def test_a_failure_is_counted_in_the_pass_that_sent_the_step(metrics: Metrics) -> None:
    """The next passes keep the error until the retry, and count nothing."""
    steps = (step(API, update(API)),)
    for sent in (True, False, False):
        metrics.executed(outcome(steps=steps, results=(Failed(error="no", retry="slow", after=900.0, sent=sent),)))
    assert value(metrics, "ecsync_changes_total", kind="Service", action="update", result="failed") == 1


def test_a_deletion_is_counted_from_its_event(metrics: Metrics) -> None:
    """A deletion of a current or an old resource counts once, although its step is Done too."""
    metrics.executed(
        outcome(steps=(step(API, delete(API)), step(WEB, delete(WEB))), results=(Done(), Failed(error="")))
    )
    assert value(metrics, "ecsync_changes_total", kind="Service", action="delete", result="done") is None
    assert value(metrics, "ecsync_changes_total", kind="TargetGroup", action="delete", result="failed") == 1
    for kind in ("resource.deleted", "leftover.deleted"):
        metrics.record(Event(type=kind, time=NOW, application="shop", message="", key=API))
    assert value(metrics, "ecsync_changes_total", kind="Service", action="delete", result="done") == 2


def test_the_queue_is_read_at_each_scrape(metrics: Metrics) -> None:
    """Gauges of the queue are functions, so no code has to update them."""
    depth = [3.0]
    metrics.watch(Watched(depth=lambda: depth[0], active=lambda: 2, longest=lambda: 7.5, oldest=lambda: 30.0))
    assert value(metrics, "ecsync_workqueue_depth") == 3
    depth[0] = 4
    assert value(metrics, "ecsync_workqueue_depth") == 4
    assert value(metrics, "ecsync_active_workers") == 2
    assert value(metrics, "ecsync_workqueue_longest_running_seconds") == 7.5
    assert value(metrics, "ecsync_workqueue_oldest_age_seconds") == 30


def test_state_is_read_from_the_last_outcomes(metrics: Metrics) -> None:
    """The state of an application: status, conditions, drift, plan and held steps."""
    drifted = outcome(
        status(API, change("cpu", 1, 2)),
        status(WEB, change("Port", 1, 2, "pending")),
        steps=(step(API, update(API)),),
        held=(step(WEB, delete(WEB)),),
    )
    apps = [state(outcome=drifted, last_pass=PASS, last_success=NOW)]
    metrics.watch(Watched(applications=lambda: apps, drift=lambda _: [API]))
    info = {"account": TARGET.account, "region": TARGET.region, "mode": "observe", "suspended": "false", "source": ""}
    sample = value(metrics, "ecsync_app_info", app="shop", sync_status="OutOfSync", health_status="Healthy", **info)
    assert sample == 1
    assert value(metrics, "ecsync_app_condition", app="shop", type="Ready") == 0
    assert value(metrics, "ecsync_app_condition", app="shop", type="Drifted") == 1
    assert value(metrics, "ecsync_app_condition", app="shop", type="PruneBlocked") == 1
    assert value(metrics, "ecsync_drifted_resources", app="shop", kind="Service") == 1
    assert value(metrics, "ecsync_drifted_resources", app="shop", kind="TargetGroup") is None
    assert value(metrics, "ecsync_plan_changes", app="shop", action="update") == 1
    assert value(metrics, "ecsync_plan_changes", app="shop", action="create") is None
    assert value(metrics, "ecsync_plan_changes", app="shop", action="held") == 1
    assert value(metrics, "ecsync_prune_blocked", app="shop", reason="no_ownership") == 1
    assert value(metrics, "ecsync_app_last_success_timestamp_seconds", app="shop") == NOW.timestamp()
    assert value(metrics, "ecsync_app_last_reconcile_timestamp_seconds", app="shop") == NOW.timestamp()


def test_drifted_resources_are_those_with_reported_drift_that_has_not_ended(metrics: Metrics) -> None:
    """By application, changed or deleted; a resource that is not adopted does not drift."""
    unclaimed = outcome(status(API, change("cpu", 1, 2)))
    drift = {"blog": [Key(application="blog", kind="TargetGroup", name=each) for each in "ab"]}
    apps = [state("shop", outcome=unclaimed), state("blog")]
    metrics.watch(Watched(applications=lambda: apps, drift=lambda name: drift.get(name, ())))
    assert value(metrics, "ecsync_drifted_resources", app="blog", kind="TargetGroup") == 2
    assert value(metrics, "ecsync_app_condition", app="blog", type="Drifted") == 1
    assert value(metrics, "ecsync_drifted_resources", app="shop", kind="Service") is None
    assert value(metrics, "ecsync_app_condition", app="shop", type="Drifted") == 0


def test_held_changes_are_counted_by_a_fixed_set_of_reasons(metrics: Metrics) -> None:
    """Without the deletions, which have a metric of their own."""
    held = outcome(held=(step(API, update(API, change("cpu", 1, 2))), step(WEB, delete(WEB))))
    reasons = (WithheldReason("not_converging", "written in vain"), WithheldReason("off", "prune is off"))
    withheld = tuple(replace(one, reason=reason) for one, reason in zip(held.plan.withheld, reasons, strict=True))
    metrics.watch(
        Watched(applications=lambda: [state(outcome=replace(held, plan=replace(held.plan, withheld=withheld)))])
    )
    found = {
        reason: value(metrics, "ecsync_held_changes", app="shop", reason=reason)
        for reason in ("not_converging", "replacement", "off")
    }
    assert found == {"not_converging": 1, "replacement": None, "off": None}


def test_held_deletions_are_counted_by_a_fixed_set_of_reasons(metrics: Metrics) -> None:
    """A reason has a series while it holds something; the text for people is no label."""
    reasons = [
        WithheldReason("off", "prune is off"),
        WithheldReason("invalid_manifest", "a.yaml:3 is not valid"),
        "has no mark of ours",
    ]
    orphans = [step(Key(application="shop", kind="LogGroup", name=str(n)), delete(API), "prune") for n in range(3)]
    held = outcome(held=(step(API, update(API, change("cpu", 1, 2))),))
    held = replace(
        held,
        plan=replace(
            held.plan,
            withheld=(
                *held.plan.withheld,
                *(Withheld(step=one, reason=reason) for one, reason in zip(orphans, reasons, strict=True)),
            ),
        ),
    )
    metrics.watch(Watched(applications=lambda: [state(outcome=held)]))
    found = {
        sample.labels["reason"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if family.name == "ecsync_prune_blocked"
    }
    assert found == {"off": 1, "invalid_manifest": 1, "no_ownership": 1}


@pytest.mark.parametrize(
    ("app", "conditions"),
    [
        (state(outcome=outcome(status(API))), {"Ready": 1, "Valid": 1, "Terminal": 0}),
        (state(outcome=outcome(status(API)), problems=(Problem(Origin("a"), "x"),)), {"Ready": 0, "Valid": 0}),
        (state(outcome=outcome(status(API, health="Degraded"))), {"Ready": 0}),
        (state(outcome=outcome(status(API)), last_pass=PASS), {"Ready": 1}),
        (state(outcome=outcome(status(API)), last_pass=replace(PASS, error="expired")), {"Ready": 0}),
        (state(outcome=outcome(status(API), stopped={API: "rolled back"})), {"Terminal": 1}),
        (state(), {"Ready": 0, "Drifted": 0, "SourceReady": 1}),
    ],
)
def test_conditions(metrics: Metrics, app: ApplicationState, conditions: dict[str, int]) -> None:
    """Each condition has one meaning, and an application without an outcome is not ready."""
    metrics.watch(Watched(applications=lambda: [app]))
    assert {name: value(metrics, "ecsync_app_condition", app="shop", type=name) for name in conditions} == conditions


def test_a_removed_application_has_no_series(metrics: Metrics) -> None:
    """No alert can fire on a stale status."""
    apps = [state("shop"), state("blog")]
    metrics.watch(Watched(applications=lambda: apps))
    del apps[0]
    text = metrics.render()[0].decode()
    assert 'app="blog"' in text
    assert 'app="shop"' not in text


def test_scrapers_can_parse_the_exposition(metrics: Metrics) -> None:
    """The text parses, and a scraper that accepts OpenMetrics receives it."""
    content, content_type = metrics.render("")
    families = {family.name: family for family in text_string_to_metric_families(content.decode())}
    assert content_type.startswith("text/plain")
    assert all(name.startswith(("ecsync_", "process_")) for name in families)
    assert families["ecsync_build_info"].samples[0].labels["version"] == "1.2.3"
    content, content_type = metrics.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert content.endswith(b"# EOF\n")


def test_two_registries_are_independent() -> None:
    """Nothing is global, so two can exist in one process."""
    Metrics(version="1")
    Metrics(version="1")


@dataclass(frozen=True)
class Bucket:
    """The state of a rate limit."""

    account: str = "111111111111"
    region: str = "eu-west-1"
    bucket: str = "elb-read"
    rate: float = 2.5
    waited: float = 12.5
    throttles: int = 3


def test_the_rate_limits_are_read_at_each_scrape(metrics: Metrics) -> None:
    """The waits, the throttles and the rate after them, by account, Region and bucket."""
    now = [Bucket()]
    metrics.watch(Watched(buckets=lambda: now))
    labels = {"account": "111111111111", "region": "eu-west-1", "bucket": "elb-read"}
    assert value(metrics, "ecsync_aws_bucket_wait_seconds_total", **labels) == 12.5
    assert value(metrics, "ecsync_aws_bucket_throttles_total", **labels) == 3
    assert value(metrics, "ecsync_aws_bucket_rate", **labels) == 2.5
    now[0] = Bucket(rate=5.0)
    assert value(metrics, "ecsync_aws_bucket_rate", **labels) == 5.0


def test_passes_that_were_put_off_are_counted_by_bucket(metrics: Metrics) -> None:
    """They are no results and no errors."""
    metrics.deferred("elb-read")
    assert value(metrics, "ecsync_reconcile_deferred_total", bucket="elb-read") == 1
    assert value(metrics, "ecsync_reconcile_errors_total", reason="throttled") == 0


@dataclass
class Inventory:
    """What was read of one account and Region."""

    reads: dict[tuple[str, str], int]
    size: int = 7
    oldest: dict[str, float] = attribute(default_factory=dict)

    def ages(self) -> dict[str, float]:
        """Return the ages by operation."""
        return self.oldest


def test_reads_are_shown_by_reason_and_age(metrics: Metrics) -> None:
    """Two roles of one account and Region count together."""
    one = Inventory({("ecs.DescribeServices", "cadence"): 4}, oldest={"ecs.DescribeServices": 12.0})
    other = Inventory(
        {("ecs.DescribeServices", "cadence"): 1, ("ecs.DescribeServices", "fresh"): 2},
        oldest={"ecs.DescribeServices": 48.0},
    )
    site = ("111111111111", "eu-west-1")
    metrics.watch(Watched(inventories=lambda: [(*site, one), (*site, other)]))
    labels = {"account": site[0], "region": site[1]}
    read = {**labels, "operation": "ecs.DescribeServices"}
    assert value(metrics, "ecsync_inventory_reads_total", **read, reason="cadence") == 5
    assert value(metrics, "ecsync_inventory_reads_total", **read, reason="fresh") == 2
    assert value(metrics, "ecsync_inventory_age_seconds", **read) == 48.0
    assert value(metrics, "ecsync_inventory_answers", **labels) == 14


def test_resources_are_counted_by_how_they_were_decided(metrics: Metrics) -> None:
    """A mistake of the shortcut is counted apart: there should be none."""
    of_two = outcome(status(WEB), status(API))
    metrics.decided(replace(of_two, plan=replace(of_two.plan, unchanged=1, mismatches=(WEB,))))
    assert value(metrics, "ecsync_resources_decided_total", how="unchanged") == 1
    assert value(metrics, "ecsync_resources_decided_total", how="compared") == 1
    assert value(metrics, "ecsync_shortcut_mismatches_total") == 1
