"""Metrics of what takes time: drift until its end, deployments, commits until they are healthy; exemplars; bounds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from ecsync.core.model import Change, FieldChange, Key, Origin, Problem, Target
from ecsync.core.outcome import (
    ApplicationState,
    Done,
    Event,
    LeftBehind,
    Pass,
    ReadOnly,
    Withheld,
    WithheldReason,
)
from ecsync.kinds import ALL
from ecsync.kinds.ecs._service_rollout import _verdict
from ecsync.report.collectors.watched import Budget, Lease, SourceAge, Watched
from ecsync.report.gauges import HELD, MOST_SERIES
from ecsync.report.metrics import Metrics
from tests.report.outcomes import API, NOW, TARGET, WEB, create, delete, outcome, status, step, update
from tests.report.outcomes import field as change

ROLLS = replace(change("taskDefinition", "web:1", "web:2", "pending"), effect="rolls-tasks")
APPS = (ApplicationState(name="shop", target=TARGET),)


def at(seconds: float) -> datetime:
    """Return a time after NOW."""
    return NOW + timedelta(seconds=seconds)


def event(type_: str, seconds: float = 0.0, key: Key | None = API, application: str = "shop", **rest: Any) -> Event:
    """Return an event."""
    return Event(type=type_, time=at(seconds), application=application, message="", key=key, **rest)


class Clocked:
    """Metrics with one application and a clock."""

    def __init__(self, drift: Iterable[Key] = (), **rest: Any) -> None:
        self.now = NOW.timestamp()
        self.apps: tuple[ApplicationState, ...] = APPS
        self.metrics = Metrics(version="1", now=lambda: self.now, **rest)
        self.metrics.watch(Watched(applications=lambda: self.apps, drift=lambda _: list(drift)))

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return a sample; None if it does not exist."""
        return self.metrics.registry.get_sample_value(f"ecsync_{name}", labels)

    def ended(self, seconds: float, *statuses: Any, steps: tuple[Any, ...] = (), **plan: Any) -> None:
        """A pass ended with an outcome; its steps are done."""
        found = outcome(*statuses, steps=steps, results=tuple(Done() for _ in steps), **plan)
        self.metrics.followed(found, at(seconds), f"pass-{seconds:g}")


# ---------------------------------------------------------------- drift


def test_drift_is_counted_by_application_from_0_and_a_removed_one_has_no_series() -> None:
    """The first drift of an application is an increase from 0, which `increase()` sees."""
    one = Clocked()
    assert one.value("drift_detected_total", app="shop", action="missing") == 0
    one.metrics.record(event("drift.detected", detail={"action": "missing"}))
    assert one.value("drift_detected_total", app="shop", action="missing") == 1
    assert one.value("resource_drift_total", kind="Service", state="detected") == 1
    one.apps = ()
    assert one.value("drift_detected_total", app="shop", action="missing") is None


def test_an_application_with_the_name_of_a_removed_one_begins_at_0() -> None:
    """Its counters are not those of the removed one."""
    one = Clocked()
    one.metrics.record(event("drift.detected", detail={"action": "modified"}))
    one.metrics.forget("shop")
    assert one.value("drift_detected_total", app="shop", action="modified") == 0


def test_the_age_of_the_oldest_drift_is_that_of_the_first_that_is_open() -> None:
    """0 without drift."""
    one = Clocked(drift=[API, WEB])
    assert one.value("drift_oldest_age_seconds", app="shop") == 0
    one.metrics.record(event("drift.detected", 0, WEB))
    one.metrics.record(event("drift.detected", 60))
    one.now += 100
    assert one.value("drift_oldest_age_seconds", app="shop") == 100
    one.metrics.record(event("drift.resolved", 100, WEB))
    assert one.value("drift_oldest_age_seconds", app="shop") == 40


@pytest.mark.parametrize(("between", "by"), [(["resource.updated"], "ecsync"), ([], "other")])
def test_the_end_of_drift_is_a_repair_only_if_ecsync_changed_the_resource(between: list[str], by: str) -> None:
    """Another client may have changed it back, or a manifest."""
    one = Clocked()
    for type_ in ("drift.detected", *between):
        one.metrics.record(event(type_))
    one.metrics.record(event("drift.resolved", 90))
    assert one.value("drift_resolved_total", by=by) == 1
    assert one.value("drift_duration_seconds_sum", by=by) == 90


def test_what_is_open_ends_with_a_move_and_what_was_counted_stays() -> None:
    """In another account or Region the key is another resource."""
    one = Clocked(drift=[API])
    one.metrics.record(event("drift.detected", detail={"action": "modified"}))
    one.ended(0, status(API), steps=(step(API, update(API, ROLLS)),))
    one.metrics.moved("shop")
    one.ended(60, status(API))
    one.now += 100
    assert one.value("drift_oldest_age_seconds", app="shop") == 0
    assert one.value("deployments_total", app="shop", outcome="completed") == 0
    assert one.value("drift_detected_total", app="shop", action="modified") == 1


# ---------------------------------------------------------------- deployments


def test_a_deployment_lasts_until_the_service_is_healthy() -> None:
    """From the pass that changed the service; its id is the exemplar."""
    one = Clocked()
    one.ended(0, status(API), steps=(step(API, update(API, ROLLS)),))
    one.ended(30, status(API, health="Progressing"))
    assert one.value("deployments_total", app="shop", outcome="completed") == 0
    one.ended(75, status(API))
    one.ended(90, status(API))
    assert one.value("deployments_total", app="shop", outcome="completed") == 1
    assert one.value("deployment_duration_seconds_sum", outcome="completed") == 75
    assert exemplars(one.metrics, "ecsync_deployment_duration_seconds") == {"pass-0"}
    assert exemplars(one.metrics, "ecsync_deployments") == {"pass-0"}


def test_a_change_that_restarts_no_task_is_no_deployment() -> None:
    """Nor is one of another kind."""
    one = Clocked()
    one.ended(0, status(API), status(WEB), steps=(step(API, update(API, change("n", 1, 2))), step(WEB, create(WEB))))
    one.ended(75, status(API), status(WEB))
    assert one.value("deployment_duration_seconds_count", outcome="completed") == 0


@pytest.mark.parametrize(("by_ecs", "ended"), [("ROLLBACK_SUCCESSFUL", "rolled_back"), ("STOPPED", "failed")])
def test_a_deployment_that_ecs_ended_is_rolled_back_or_failed(by_ecs: str, ended: str) -> None:
    """By the reason that the kind gives, with which it is not retried."""
    one = Clocked()
    one.ended(0, status(API, health="Progressing"), steps=(step(API, create(API)),))
    one.ended(30, status(API, health="Degraded"))
    one.ended(60, status(API, health="Degraded"), stopped={API: f"{_verdict(by_ecs)}: why"})
    assert one.value("deployments_total", app="shop", outcome=ended) == 1
    assert one.value("deployment_duration_seconds_sum", outcome=ended) == 60


def test_a_service_that_stays_degraded_has_a_failed_deployment() -> None:
    """After five minutes: before, it may recover, or ECS rolls it back."""
    one = Clocked()
    one.ended(0, status(API), steps=(step(API, update(API, ROLLS)),))
    one.ended(60, status(API, health="Degraded"))
    one.ended(300, status(API, health="Degraded"))
    assert one.value("deployments_total", app="shop", outcome="failed") == 0
    one.ended(361, status(API, health="Degraded"))
    one.ended(700, status(API))
    assert one.value("deployments_total", app="shop", outcome="failed") == 1
    assert one.value("deployments_total", app="shop", outcome="completed") == 0


def test_a_deployment_that_another_one_replaces_is_not_counted() -> None:
    """The time of the second one counts from its own start."""
    one = Clocked()
    for seconds in (0, 100):
        one.ended(seconds, status(API, health="Progressing"), steps=(step(API, update(API, ROLLS)),))
    one.ended(120, status(API))
    assert one.value("deployments_total", app="shop", outcome="completed") == 1
    assert one.value("deployment_duration_seconds_sum", outcome="completed") == 20


# ---------------------------------------------------------------- commits


def pushed(one: Clocked, revision: str, committed: str) -> None:
    """A revision is in use."""
    one.metrics.source_at("git", revision, "", {"committed": committed})


def test_the_lead_time_is_from_the_commit_until_the_application_is_healthy() -> None:
    """Of the commit that changed something of it."""
    one = Clocked()
    pushed(one, "abc", at(-40).isoformat())
    pushed(one, "def", at(10).isoformat())
    one.metrics.record(event("resource.updated", 5, revision="abc", fields=(ROLLS,)))
    one.metrics.record(event("sync.succeeded", 60, None, revision="def", reconcile_id="r7"))
    assert one.value("lead_time_seconds_sum") == 100
    assert exemplars(one.metrics, "ecsync_lead_time_seconds") == {"r7"}
    one.metrics.record(event("sync.succeeded", 90, None, revision="def"))
    assert one.value("lead_time_seconds_count") == 1


@pytest.mark.parametrize(
    ("committed", "before", "fields"),
    [
        ("", [], (ROLLS,)),
        ("yesterday", [], (ROLLS,)),
        ("2026-01-01T11:00:00", [], (ROLLS,)),
        (at(-40).isoformat(), [], (change("cpu", 1, 2),)),
        (at(-40).isoformat(), ["drift.detected"], (ROLLS,)),
    ],
    ids=["no time", "no date", "no zone", "a repair", "a repair with what is pending"],
)
def test_nothing_is_observed_for_an_unknown_time_or_a_repair(
    committed: str, before: list[str], fields: tuple[FieldChange, ...]
) -> None:
    """A repair applies an old commit again: its age is no lead time."""
    one = Clocked()
    pushed(one, "abc", committed)
    for type_ in before:
        one.metrics.record(event(type_))
    one.metrics.record(event("resource.updated", 5, revision="abc", fields=fields))
    one.metrics.record(event("sync.succeeded", 60, None, revision="abc"))
    assert one.value("lead_time_seconds_count") == 0


# ---------------------------------------------------------------- exposition


def exemplars(metrics: Metrics, family: str) -> set[str]:
    """Return the ids of passes among the exemplars of a family, as OpenMetrics has them."""
    text = metrics.render("application/openmetrics-text; version=1.0.0")[0].decode()
    return {
        sample.exemplar.labels["reconcile_id"]
        for one in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        if one.name == family
        for sample in one.samples
        if sample.exemplar
    }


def test_openmetrics_has_the_id_of_a_pass_as_exemplar_and_the_plain_text_has_none() -> None:
    """The log has the same id."""
    metrics = Metrics(version="1")
    metrics.reconciled("error", NOW, "r1")
    metrics.phase("plan", 0.3, "r2")
    metrics.phase("parse", 0.3)
    assert exemplars(metrics, "ecsync_reconcile") == {"r1"}
    assert exemplars(metrics, "ecsync_reconcile_duration_seconds") == {"r2"}
    assert b"reconcile_id" not in metrics.render("text/plain")[0]


# ---------------------------------------------------------------- the state of parts


def test_the_state_of_parts_is_read_at_each_scrape() -> None:
    """Sources, lease, credentials, guards and budgets; what is not known has no series."""
    lease = [Lease(required=True, held=False, age=None)]
    metrics = Metrics(version="1")
    metrics.watch(
        Watched(
            sources=lambda: [SourceAge("apps", 12.0, True), SourceAge("infra", None, False)],
            lease=lambda: lease[0],
            expiries=lambda: [("prod", "111111111111", 1e9)],
            guards=lambda: {"freeze": 1},
            budgets=lambda: [Budget("111111111111", "eu-west-1", "removals", 3, 60)],
            loops=lambda: {"source": 30.0},
        )
    )

    def value(name: str, /, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"ecsync_{name}", labels)

    assert value("source_age_seconds", name="apps") == 12
    assert value("source_age_seconds", name="infra") is None
    assert (value("source_ready", name="apps"), value("source_ready", name="infra")) == (1, 0)
    assert (value("lease_required"), value("lease_held"), value("lease_age_seconds")) == (1, 0, None)
    lease[0] = Lease(required=True, held=True, age=4.0)
    assert (value("lease_held"), value("lease_age_seconds")) == (1, 4)
    assert value("aws_credentials_expiry_timestamp_seconds", target="prod", account="111111111111") == 1e9
    assert value("guards", guard="freeze") == 1
    assert value("budget_used", account="111111111111", region="eu-west-1", budget="removals") == 3
    assert value("heartbeat_interval_seconds", loop="source") == 30
    assert (value("threads") or 0) >= 1


def test_why_a_pass_wrote_nothing_has_one_of_a_fixed_set_of_reasons() -> None:
    """No series if it may write."""
    one = Clocked()
    done = Pass(reconcile_id="r", started=NOW, ended=NOW, result="synced")
    frozen = replace(done, only_looked=ReadOnly("frozen", "frozen by ada: audit"))
    one.apps = (replace(APPS[0], last_pass=frozen), ApplicationState(name="blog", target=TARGET, last_pass=done))
    assert one.value("app_read_only", app="shop", reason="frozen") == 1
    assert b'app_read_only{app="blog"' not in one.metrics.render()[0]


# ---------------------------------------------------------------- bounds

CODES = ("2xx", "4xx", "5xx", "throttled", "error")


def worst(name: str) -> ApplicationState:
    """Return an application with a series of everything that can come together."""
    keys = [Key(application=name, kind=kind.name, name=str(n)) for n, kind in enumerate(ALL)]
    named = [WithheldReason(reason, "text") for reason in HELD]
    held = tuple(Withheld(step=step(API, update(API, ROLLS)), reason=reason) for reason in named)
    gone = tuple(Withheld(step=step(WEB, delete(WEB)), reason=WithheldReason(reason, "")) for reason in HELD[:3])
    changes: tuple[Change, ...] = (update(API), create(API), delete(API))
    steps = tuple(step(key, each) for key, each in zip(keys, changes, strict=False))
    full = outcome(*(status(key, change("a", 1, 2)) for key in keys), steps=steps)
    return ApplicationState(
        name=name,
        target=TARGET,
        outcome=replace(full, plan=replace(full.plan, withheld=held + gone)),
        problems=(Problem(Origin("a"), "x"),),
        last_pass=Pass(
            reconcile_id="r", started=NOW, ended=NOW, result="synced", only_looked=ReadOnly("frozen", "by ada")
        ),
        last_success=NOW,
        left_behind=(LeftBehind(target=Target(account="", region="x"), seen=NOW, resources={API: ""}),),
    )


def fleet(count: int, *, per_app: bool) -> list[str]:
    """Return the lines of samples of so many applications, all of them in the worst state, after a long life."""
    metrics = Metrics(version="1", per_app=per_app)
    metrics.declare_kinds(kind.name for kind in ALL)
    metrics.declare_sources(f"source-{n}" for n in range(10))
    operations = [f"ecs.Operation{n}" for n in range(120)]
    metrics.declare_operations(operations)
    for operation in operations:
        metrics.observe_request("ecs", operation.partition(".")[2], "2xx", 0.1)
    full = worst("app")
    assert full.outcome is not None
    keys = [one.key for one in full.outcome.statuses]
    apps = [replace(full, name=f"app-{n}") for n in range(count)]
    for app in apps:
        metrics.record(event("drift.detected", application=app.name))
    metrics.watch(Watched(applications=lambda: apps, drift=lambda _: keys))
    return [line for line in metrics.render()[0].decode().splitlines() if not line.startswith("#")]


def test_a_thousand_applications_in_the_worst_state_have_at_most_45000_series() -> None:
    """And each of them at most 40; the kinds with the least drift are added up as `other`."""
    lines = fleet(1000, per_app=True)
    own = [line for line in lines if 'app="app-7"' in line]
    assert len(lines) <= 45_000
    assert len(own) <= MOST_SERIES, own
    kinds = [line for line in own if line.startswith("ecsync_drifted_resources")]
    assert sum(float(line.split()[-1]) for line in kinds) == len(ALL)
    assert any('kind="other"' in line for line in kinds)
    assert not any("_created" in line for line in lines)


def test_without_series_by_application_there_are_sums() -> None:
    """So the number of series does not depend on the number of applications."""
    lines = fleet(50, per_app=False)
    assert not any("app=" in line for line in lines)
    assert len(lines) == len(fleet(2, per_app=False))
    assert 'ecsync_drifted_resources{kind="Service"} 50.0' in lines
    assert 'ecsync_drift_detected_total{action="modified"} 50.0' in lines
    assert 'ecsync_apps{health_status="Healthy",sync_status="OutOfSync"} 50.0' in lines
    assert "ecsync_manifest_problems 50.0" in lines


def test_a_sum_of_counters_keeps_what_a_removed_application_has_counted() -> None:
    """A counter never decreases."""
    one = Clocked(per_app=False)
    one.metrics.record(event("drift.detected", detail={"action": "modified"}))
    one.apps = ()
    one.metrics.forget("shop")
    assert one.value("drift_detected_total", action="modified") == 1
