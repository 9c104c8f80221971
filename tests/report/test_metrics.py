"""Metrics: zeros from the start, state from the last outcomes, and no series of what is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ecsync.core.model import (
    ApplicationState,
    Done,
    Event,
    Failed,
    Key,
    Origin,
    Pass,
    Problem,
    Withheld,
    WithheldReason,
)
from ecsync.core.ports import ErrorClass
from ecsync.report.metrics import Fetch, Metrics, Reason
from tests.report.outcomes import API, NOW, TARGET, WEB, create, delete, outcome, status, step, update
from tests.report.outcomes import field as change

PASS = Pass(reconcile_id="r1", started=NOW, ended=NOW, result="synced")


def state(name: str = "shop", **known: Any) -> ApplicationState:
    """An application that is known as far as given."""
    return ApplicationState(name=name, target=TARGET, **known)


def nothing(_application: str) -> tuple[Key, ...]:
    """No drift."""
    return ()


@pytest.fixture
def metrics() -> Metrics:
    """A registry of its own."""
    return Metrics(version="1.2.3", revision="abc")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """A sample, None where it does not exist."""
    return metrics.registry.get_sample_value(name, labels)


def test_what_is_known_beforehand_starts_at_zero(metrics: Metrics) -> None:
    """An alert on a rate works for the first failure too."""
    assert value(metrics, "ecsync_reconcile_total", result="error") == 0
    assert value(metrics, "ecsync_reconcile_errors_total", reason="panic") == 0
    assert value(metrics, "ecsync_reconcile_panics_total") == 0
    assert value(metrics, "ecsync_reconcile_duration_seconds_count", phase="apply") == 0
    assert value(metrics, "ecsync_scheduler_jobs_missed_total", job="poll") == 0
    assert value(metrics, "ecsync_source_fetch_total", result="empty") == 0
    assert value(metrics, "ecsync_events_total", sink="log", result="error") == 0
    assert value(metrics, "ecsync_events_dropped_total", sink="log") == 0
    metrics.declare_kinds(["Service"])
    assert value(metrics, "ecsync_changes_total", kind="Service", action="delete", result="failed") == 0
    metrics.declare_services(["ecs"])
    assert value(metrics, "ecsync_aws_retries_total", service="ecs") == 0


def test_reasons_are_those_of_the_ports() -> None:
    """Every class of AWS error and every reason of a source is one of the labels."""
    assert set(get_args(ErrorClass)) < set(get_args(Reason))
    assert set(get_args(Fetch)) == {"ok", "unreachable", "denied", "partial", "empty", "changing"}


def test_what_happens_is_counted(metrics: Metrics) -> None:
    """Each method moves its own series."""
    metrics.reconciled("synced", NOW)
    metrics.phase("plan", 0.3)
    metrics.panic()
    metrics.mishap("missed", "poll")
    metrics.fetched("ok", 0.1)
    metrics.source_good("s3", NOW)
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
    assert value(metrics, "ecsync_source_fetch_total", result="ok") == 1
    assert value(metrics, "ecsync_source_last_success_timestamp_seconds", source="s3") == NOW.timestamp()
    assert value(metrics, "ecsync_aws_requests_total", service="ecs", operation="DescribeServices", code="2xx") == 1
    assert value(metrics, "ecsync_aws_request_duration_seconds_count", service="ecs", operation="DescribeServices") == 1
    assert value(metrics, "ecsync_aws_retries_total", service="ecs") == 2
    assert value(metrics, "ecsync_aws_rate_limiter_wait_seconds_total", service="ecs") == 1.5
    assert value(metrics, "ecsync_events_total", sink="log", result="error") == 1
    assert value(metrics, "ecsync_events_dropped_total", sink="log") == 1


def test_executed_steps_are_counted_by_what_became_of_them(metrics: Metrics) -> None:
    """Done and failed changes are counted; what still goes on is not."""
    steps = (step(API, update(API)), step(WEB, create(WEB)))
    metrics.executed(outcome(steps=steps, results=(Done(), Failed(error="no"))))
    assert value(metrics, "ecsync_changes_total", kind="Service", action="update", result="done") == 1
    assert value(metrics, "ecsync_changes_total", kind="TargetGroup", action="create", result="failed") == 1


def test_a_removal_is_counted_from_its_event(metrics: Metrics) -> None:
    """Of a resource or of what one left over; that it was found gone by its step does not count it twice."""
    metrics.executed(
        outcome(steps=(step(API, delete(API)), step(WEB, delete(WEB))), results=(Done(), Failed(error="")))
    )
    assert value(metrics, "ecsync_changes_total", kind="Service", action="delete", result="done") is None
    assert value(metrics, "ecsync_changes_total", kind="TargetGroup", action="delete", result="failed") == 1
    for kind in ("resource.deleted", "leftover.deleted"):
        metrics.record(Event(type=kind, time=NOW, application="shop", message="", key=API))
    assert value(metrics, "ecsync_changes_total", kind="Service", action="delete", result="done") == 2


def test_drift_is_counted_from_its_events_until_the_application_is_gone(metrics: Metrics) -> None:
    """Metrics are a sink like any other, and forget what is gone."""
    event = Event(
        type="drift.detected", time=NOW, application="shop", message="", key=API, detail={"action": "missing"}
    )
    metrics.record(event)
    labels = {"app": "shop", "kind": "Service", "action": "missing"}
    assert value(metrics, "ecsync_drift_detected_total", **labels) == 1
    metrics.forget("shop")
    assert value(metrics, "ecsync_drift_detected_total", **labels) is None


def test_the_queue_is_asked_at_each_scrape(metrics: Metrics) -> None:
    """Gauges of the queue are functions, so nobody has to keep them up to date."""
    depth = [3.0]
    metrics.watch_queue(lambda: depth[0], lambda: 2, lambda: 7.5)
    assert value(metrics, "ecsync_workqueue_depth") == 3
    depth[0] = 4
    assert value(metrics, "ecsync_workqueue_depth") == 4
    assert value(metrics, "ecsync_active_workers") == 2
    assert value(metrics, "ecsync_workqueue_longest_running_seconds") == 7.5


def test_state_is_read_from_the_last_outcomes(metrics: Metrics) -> None:
    """What an application is now: status, conditions, drift, plan and what is held."""
    drifted = outcome(
        status(API, change("cpu", 1, 2)),
        status(WEB, change("Port", 1, 2, "pending")),
        steps=(step(API, update(API)),),
        held=(step(WEB, delete(WEB)),),
    )
    metrics.watch_applications(lambda: [state(outcome=drifted, last_pass=PASS, last_success=NOW)], lambda _: [API])
    info = {"account": TARGET.account, "region": TARGET.region, "mode": "observe"}
    sample = value(metrics, "ecsync_app_info", app="shop", sync_status="OutOfSync", health_status="Healthy", **info)
    assert sample == 1
    assert value(metrics, "ecsync_app_condition", app="shop", type="Ready") == 0
    assert value(metrics, "ecsync_app_condition", app="shop", type="Drifted") == 1
    assert value(metrics, "ecsync_app_condition", app="shop", type="PruneBlocked") == 1
    assert value(metrics, "ecsync_drifted_resources", app="shop", kind="Service") == 1
    assert value(metrics, "ecsync_drifted_resources", app="shop", kind="TargetGroup") is None
    assert value(metrics, "ecsync_plan_changes", app="shop", action="update") == 1
    assert value(metrics, "ecsync_plan_changes", app="shop", action="create") == 0
    assert value(metrics, "ecsync_plan_changes", app="shop", action="held") == 1
    assert value(metrics, "ecsync_prune_blocked", app="shop", reason="no_ownership") == 1
    assert value(metrics, "ecsync_app_last_success_timestamp_seconds", app="shop") == NOW.timestamp()
    assert value(metrics, "ecsync_app_last_reconcile_timestamp_seconds", app="shop") == NOW.timestamp()


def test_drifted_resources_are_those_that_were_told_and_are_not_as_declared_again(metrics: Metrics) -> None:
    """Changed or removed by somebody else, application by application; what nobody adopted is nobody's drift."""
    unclaimed = outcome(status(API, change("cpu", 1, 2)))
    metrics.watch_applications(
        lambda: [state("shop", outcome=unclaimed), state("blog")],
        lambda name: (
            [Key(application="blog", kind="TargetGroup", name=each) for each in "ab"] if name == "blog" else []
        ),
    )
    assert value(metrics, "ecsync_drifted_resources", app="blog", kind="TargetGroup") == 2
    assert value(metrics, "ecsync_app_condition", app="blog", type="Drifted") == 1
    assert value(metrics, "ecsync_drifted_resources", app="shop", kind="Service") is None
    assert value(metrics, "ecsync_app_condition", app="shop", type="Drifted") == 0


def test_what_holds_removals_is_one_of_few_reasons(metrics: Metrics) -> None:
    """A series for each from the start; the words are for people, and are no label."""
    why = [
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
                *(Withheld(step=one, because=words) for one, words in zip(orphans, why, strict=True)),
            ),
        ),
    )
    metrics.watch_applications(lambda: [state(outcome=held)], nothing)
    found = {
        sample.labels["reason"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if family.name == "ecsync_prune_blocked"
    }
    assert found == {
        "off": 1, "empty": 0, "stale_source": 0, "invalid_manifest": 1, "not_listed": 0, "not_managed": 0,
        "suspended": 0, "no_ownership": 1,
    }  # fmt: skip


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
    """Each condition says one thing, and an application without an outcome is not ready."""
    metrics.watch_applications(lambda: [app], nothing)
    assert {name: value(metrics, "ecsync_app_condition", app="shop", type=name) for name in conditions} == conditions


def test_series_of_a_gone_application_vanish(metrics: Metrics) -> None:
    """There is no stale status to alert on."""
    apps = [state("shop"), state("blog")]
    metrics.watch_applications(lambda: apps, nothing)
    del apps[0]
    text = metrics.render()[0].decode()
    assert 'app="blog"' in text
    assert 'app="shop"' not in text


def test_a_thousand_applications_stay_within_bounds(metrics: Metrics) -> None:
    """At most 40 series for each application, and no second series for a counter."""
    full = outcome(status(API, change("a", 1, 2)), status(WEB, change("b", 1, 2)))
    metrics.watch_applications(
        lambda: [state(f"app-{n}", outcome=full, last_pass=PASS, last_success=NOW) for n in range(1000)],
        lambda _: [API, WEB],
    )
    text = metrics.render()[0].decode()
    samples = [line for line in text.splitlines() if line.startswith("ecsync_")]
    assert len(samples) < 40_000
    assert not any("_created" in line for line in samples)


def test_the_exposition_is_what_scrapers_read(metrics: Metrics) -> None:
    """The text parses, and a scraper that asks for OpenMetrics gets it."""
    content, content_type = metrics.render("")
    families = {family.name: family for family in text_string_to_metric_families(content.decode())}
    assert content_type.startswith("text/plain")
    assert all(name.startswith("ecsync_") for name in families)
    assert families["ecsync_build_info"].samples[0].labels["version"] == "1.2.3"
    content, content_type = metrics.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert content.endswith(b"# EOF\n")


def test_two_registries_do_not_meet() -> None:
    """Nothing is global, so two may live in one process."""
    Metrics(version="1")
    Metrics(version="1")
