"""The daemon as a process of its own: it converges, answers, keeps its secrets, and survives its own death."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.loaders import Loader
from prometheus_client.parser import text_string_to_metric_families

from ecsim import Simulator
from ecsync.aws.clients import Clients
from tests.whole.support.command import Answer, Command
from tests.whole.support.live import get, time_runs, until
from tests.whole.support.process import Process, daemon
from tests.whole.support.stage import LONG, MADE_ONCE, QUICKSTART, Stage, made

CANARY = "canary-3f9c1d2e"
METRICS = {
    "ecsync_active_workers",
    "ecsync_app_condition",
    "ecsync_app_info",
    "ecsync_app_last_reconcile_timestamp_seconds",
    "ecsync_app_last_success_timestamp_seconds",
    "ecsync_aws_rate_limiter_wait_seconds",
    "ecsync_aws_request_duration_seconds",
    "ecsync_aws_requests",
    "ecsync_aws_retries",
    "ecsync_build_info",
    "ecsync_changes",
    "ecsync_drift_detected",
    "ecsync_drifted_resources",
    "ecsync_events",
    "ecsync_events_dropped",
    "ecsync_heartbeat_timestamp_seconds",
    "ecsync_plan_changes",
    "ecsync_prune_blocked",
    "ecsync_reconcile",
    "ecsync_reconcile_duration_seconds",
    "ecsync_reconcile_errors",
    "ecsync_reconcile_panics",
    "ecsync_scheduler_jobs_errors",
    "ecsync_scheduler_jobs_missed",
    "ecsync_scheduler_jobs_skipped",
    "ecsync_source_fetch",
    "ecsync_source_fetch_duration_seconds",
    "ecsync_source_last_success_timestamp_seconds",
    "ecsync_workqueue_depth",
    "ecsync_workqueue_longest_running_seconds",
}


def well(process: Process) -> bool:
    """Whether the daemon says that the quickstart is in sync and healthy."""
    status, body = get(f"{process.url}/api/v1/applications/quickstart")
    application = json.loads(body)
    return status == 200 and (application["sync"], application["health"]) == ("Synced", "Healthy")


@dataclass
class Story:
    """What one daemon did and said from start to end."""

    made: object = None
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)  # over HTTP
    said: dict[str, Answer] = field(default_factory=dict)  # by other verbs
    log: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    code: int | None = None
    seconds: float = 0.0

    def json(self, path: str) -> Any:
        """What was answered at a path."""
        return json.loads(self.answers[path][1])


@pytest.fixture(scope="module")
def stage_of_all(served: Simulator, clients: Clients, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """An empty account and manifests in which a container's environment has a value to look for."""
    manifests = tmp_path_factory.mktemp("source") / "manifests"
    shutil.copytree(QUICKSTART, manifests)
    stage = Stage(served, clients, manifests)
    stage.edit("GREETING: hello", f"GREETING: {CANARY}")
    stage.edit("interval: 30s", "interval: 5s", "application.yaml")
    return stage


PATHS = ("/metrics", "/healthz", "/readyz", "/api/v1/applications", "/api/v1/applications/quickstart", "/api/v1/events")


@pytest.fixture(scope="module")
def story(stage_of_all: Stage, loader: Loader) -> Story:
    """Let a daemon converge the quickstart, repair a drift, answer everything that can be asked, and end."""
    stage, told = stage_of_all, Story()
    where = stage.manifests
    with time_runs(stage), daemon(where) as process, pytest.MonkeyPatch.context() as patch:
        ecsync = Command(stage, loader, patch)
        told.said["plan json"] = ecsync("plan", where, "-o", "json", "--calls")
        until(lambda: well(process), patience=60)
        told.made = made(stage.simulator.ledger.mutations())
        stage.aws("ecs").update_service(
            cluster="quickstart", service="web", desiredCount=0, healthCheckGracePeriodSeconds=30
        )
        until(lambda: "drift.resolved" in get(f"{process.url}/api/v1/events?type=drift.*")[1], patience=30)
        until(lambda: well(process), patience=30)
        told.answers = {path: get(process.url + path) for path in PATHS}
        told.said |= {
            "plan text": ecsync("plan", where, "--calls", "--full"),
            "plan markdown": ecsync("plan", where, "-o", "markdown"),
            "status": ecsync("status", "--url", process.url),
            "status json": ecsync("status", "--url", process.url, "-o", "json"),
            "events": ecsync("events", "--url", process.url),
            "events json": ecsync("events", "--url", process.url, "-o", "json", "--limit", "1000"),
        }
        told.code, told.seconds = process.terminate()
        told.out, told.log = process.out, process.err
    return told


def test_it_converges_and_makes_nothing_twice(story: Story) -> None:
    """From nothing to in sync and healthy, each thing made once."""
    assert story.made == MADE_ONCE


def test_sigterm_ends_it_well(story: Story) -> None:
    """It exits 0 within twenty seconds."""
    assert story.code == 0, story.log[-5:]
    assert story.seconds < 20


def test_every_path_answers(story: Story) -> None:
    """Metrics, health, readiness and API all answer 200."""
    assert {path: status for path, (status, _) in story.answers.items()} == dict.fromkeys(PATHS, 200)
    assert story.json("/healthz")["ok"] is True
    assert story.json("/readyz")["because"] == {}
    (application,) = story.json("/api/v1/applications")["items"]
    assert (application["name"], application["mode"]) == ("quickstart", "enforce")
    assert len(story.json("/api/v1/applications/quickstart")["resources"]) == 12


def test_metrics_have_every_name(story: Story) -> None:
    """The exposition parses, and has each family that observability asks for and exists."""
    found = {family.name for family in text_string_to_metric_families(story.answers["/metrics"][1])}
    assert METRICS - found == set()
    ours = {name for name in found if name.startswith("ecsync_") and not name.endswith("_created")}
    assert ours - METRICS == set(), "new metrics belong into this list"


def test_metrics_count_what_happened(story: Story) -> None:
    """The application's state, the drift and its repair, and the calls that made it are counted."""
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(story.answers["/metrics"][1])
        for sample in family.samples
    }
    (info,) = (set(labels) for name, *labels in samples if name == "ecsync_app_info")
    assert {("app", "quickstart"), ("sync_status", "Synced"), ("health_status", "Healthy"), ("mode", "enforce")} < info
    drift = ("ecsync_drift_detected_total", ("action", "modified"), ("app", "quickstart"), ("kind", "Service"))
    assert samples[drift] == 1
    created = ("ecsync_aws_requests_total", ("code", "2xx"), ("operation", "CreateService"), ("service", "ecs"))
    assert samples[created] == 1
    assert samples[("ecsync_reconcile_panics_total",)] == 0


def test_other_verbs_show_it(story: Story) -> None:
    """`status` and `events` print what the daemon knows; their data parses."""
    assert {name: answer.code for name, answer in story.said.items()} == dict.fromkeys(story.said, 0)
    assert "Synced · Healthy" in story.said["status"].out
    assert story.said["status json"].json["applications"][0]["sync"] == "Synced"
    types = [event["type"] for event in story.said["events json"].json["events"]]
    assert {"sync.started", "resource.created", "drift.detected", "drift.resolved"} <= set(types)
    assert "drift.detected" in story.said["events"].out


def test_the_log_is_one_json_object_a_line(story: Story) -> None:
    """Every line of the log parses, and the drift is in it with path, before, after and place."""
    lines = [json.loads(line) for line in story.log if line.startswith("{")]
    assert len(lines) >= len(story.log) - 1  # but for what people are told on SIGTERM
    detected = [line for line in lines if line["event"] == "drift.detected"]
    assert len(detected) == 1, lines[:5]
    text = json.dumps(detected[0])
    assert all(word in text for word in ("/desiredCount", "service.yaml:"))


def test_no_output_has_a_value_of_the_environment(story: Story) -> None:
    """Neither streams nor log, plans, events, metrics or API ever show it."""
    outputs = {name: answer.out + answer.err for name, answer in story.said.items()}
    outputs |= {path: body for path, (_, body) in story.answers.items()}
    outputs |= {"stdout": "".join(story.out), "stderr": "".join(story.log)}
    assert [name for name, text in outputs.items() if CANARY in text] == []
    assert "GREETING" in story.said["plan json"].out, "the plan was to show the variable"


def test_a_daemon_that_is_killed_is_taken_over(stage: Stage) -> None:
    """`kill -9` in the middle of the first converge, and a new process goes on: nothing is made twice."""
    stage.edit("interval: 30s", "interval: 5s", "application.yaml")
    with time_runs(stage):
        with daemon(stage.manifests) as process:
            until(lambda: len(stage.simulator.ledger.mutations()) >= 9, patience=30)
            process.kill()
        with daemon(stage.manifests) as process:
            until(lambda: well(process), patience=60)
            assert process.terminate()[0] == 0
    assert made(stage.simulator.ledger.mutations()) == MADE_ONCE


def test_a_daemon_of_another_installation_changes_nothing(stage: Stage) -> None:
    """A second one beside the first sees whose everything is, says so, and keeps its hands off."""
    stage.controller().converge(pause=LONG)
    with stage.writes() as writes, time_runs(stage), daemon(stage.manifests, "--installation", "other") as process:
        held = f"{process.url}/api/v1/applications/quickstart"
        until(lambda: json.loads(get(held)[1]).get("held"))
        reasons = {one["reason"] for one in json.loads(get(held)[1])["held"]}
    assert writes == []
    assert all(reason.startswith("owned by installation test") for reason in reasons)
