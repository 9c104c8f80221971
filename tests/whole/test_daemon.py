"""The daemon as a process: it converges, serves HTTP, prints no secret, and a new process continues after SIGKILL."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ecsim import Simulator
from ecsync.aws.clients import Clients
from ecsync.wiring import metrics_page
from tests.whole.support.command import Command, Result
from tests.whole.support.daemon_process import Process, daemon
from tests.whole.support.environment import QUICKSTART, QUICKSTART_CREATES, SETTLE_SECONDS, Environment, count_creates
from tests.whole.support.in_process_daemon import advancing_time, get, wait_until

CANARY = "canary-3f9c1d2e"


def is_converged(process: Process) -> bool:
    """Return whether the daemon reports the quickstart as Synced and Healthy."""
    status, body = get(f"{process.url}/api/v1/applications/quickstart")
    application = json.loads(body)
    return status == 200 and (application["sync"], application["health"]) == ("Synced", "Healthy")


@dataclass
class DaemonRun:
    """What one daemon process did and printed, from start to end."""

    creates: object = None
    responses: dict[str, tuple[int, str]] = field(default_factory=dict)  # path -> HTTP status and body
    commands: dict[str, Result] = field(default_factory=dict)  # results of other commands
    log: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    code: int | None = None
    seconds: float = 0.0

    def json(self, path: str) -> Any:
        """Return the JSON body of a path."""
        return json.loads(self.responses[path][1])


@pytest.fixture(scope="module")
def canary_environment(simulator: Simulator, clients: Clients, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An empty account, and manifests with a canary value in a container's environment."""
    manifests = tmp_path_factory.mktemp("source") / "manifests"
    shutil.copytree(QUICKSTART, manifests)
    environment = Environment(simulator, clients, manifests)
    environment.edit("GREETING: hello", f"GREETING: {CANARY}")
    environment.edit("interval: 30s", "interval: 5s", "application.yaml")
    return environment


HOME = "/api/v1/applications/{name}"
PATHS = ("/metrics", "/healthz", "/readyz", "/api/v1/applications", "/api/v1/applications/quickstart", "/api/v1/events")


@pytest.fixture(scope="module")
def daemon_run(canary_environment: Environment) -> DaemonRun:
    """Run a daemon: it converges the quickstart, repairs a drift, serves every path, and ends on SIGTERM."""
    environment, run = canary_environment, DaemonRun()
    where = environment.manifests
    with advancing_time(environment), daemon(where) as process, pytest.MonkeyPatch.context() as patch:
        ecsync = Command(environment, patch)
        run.commands["plan json"] = ecsync("plan", where, "-o", "json", "--calls")
        wait_until(lambda: is_converged(process), timeout=60)
        run.creates = count_creates(environment.simulator.ledger.mutations())
        environment.aws("ecs").update_service(
            cluster="quickstart", service="web", desiredCount=0, healthCheckGracePeriodSeconds=30
        )
        wait_until(lambda: "drift.resolved" in get(f"{process.url}/api/v1/events?type=drift.*")[1], timeout=30)
        wait_until(lambda: is_converged(process), timeout=30)
        run.responses = {path: get(process.url + path) for path in PATHS}
        run.commands |= {
            "plan text": ecsync("plan", where, "--calls", "--full"),
            "plan markdown": ecsync("plan", where, "-o", "markdown"),
            "status": ecsync("status", "--url", process.url),
            "status json": ecsync("status", "--url", process.url, "-o", "json"),
            "events": ecsync("events", "--url", process.url),
            "events json": ecsync("events", "--url", process.url, "-o", "json", "--limit", "1000"),
        }
        run.code, run.seconds = process.terminate()
        run.out, run.log = process.out, process.err
    return run


def test_the_daemon_converges_and_creates_nothing_twice(daemon_run: DaemonRun) -> None:
    """Each resource of the quickstart is created once."""
    assert daemon_run.creates == QUICKSTART_CREATES


def test_sigterm_ends_the_daemon_with_exit_code_0(daemon_run: DaemonRun) -> None:
    """It ends within twenty seconds."""
    assert daemon_run.code == 0, daemon_run.log[-5:]
    assert daemon_run.seconds < 20


def test_every_http_path_returns_200(daemon_run: DaemonRun) -> None:
    """Metrics, health, readiness and API return the expected content."""
    assert {path: status for path, (status, _) in daemon_run.responses.items()} == dict.fromkeys(PATHS, 200)
    assert daemon_run.json("/healthz")["ok"] is True
    assert daemon_run.json("/readyz")["because"] == {}
    (application,) = daemon_run.json("/api/v1/applications")["items"]
    assert (application["name"], application["mode"]) == ("quickstart", "enforce")
    assert len(daemon_run.json("/api/v1/applications/quickstart")["resources"]) == 12


def test_the_metrics_are_exactly_those_of_their_page(daemon_run: DaemonRun) -> None:
    """The exposition parses, and contains each metric family of docs/metrics.md and no other."""
    found = {family.name for family in text_string_to_metric_families(daemon_run.responses["/metrics"][1])}
    assert found == {one.name.removesuffix("_total") for one in metrics_page.families()}


def test_the_metrics_count_drift_and_calls(daemon_run: DaemonRun) -> None:
    """They contain the application's state, the drift, and the calls."""
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(daemon_run.responses["/metrics"][1])
        for sample in family.samples
    }
    (info,) = (set(labels) for name, *labels in samples if name == "ecsync_app_info")
    assert {("app", "quickstart"), ("sync_status", "Synced"), ("health_status", "Healthy"), ("mode", "enforce")} < info
    drift = ("ecsync_drift_detected_total", ("action", "modified"), ("app", "quickstart"))
    assert samples[drift] == 1
    created = ("ecsync_aws_requests_total", ("code", "2xx"), ("operation", "CreateService"), ("service", "ecs"))
    assert samples[created] == 1
    assert samples[("ecsync_reconcile_panics_total",)] == 0
    assert samples[("ecsync_drift_resolved_total", ("by", "ecsync"))] == 1
    assert samples[("ecsync_drift_duration_seconds_count", ("by", "ecsync"))] == 1
    assert samples[("ecsync_deployments_total", ("app", "quickstart"), ("outcome", "completed"))] == 1
    assert samples[("ecsync_apps", ("health_status", "Healthy"), ("sync_status", "Synced"))] == 1
    assert samples[("ecsync_source_ready", ("name", ""))] == 1
    assert samples[("ecsync_lease_held",)] == samples[("ecsync_lease_required",)] == 1
    assert samples[("ecsync_lease_renewals_total", ("result", "held"))] > 0
    assert samples[("ecsync_http_requests_total", ("code", "200"), ("method", "GET"), ("route", HOME))] > 0
    assert samples[("process_resident_memory_bytes",)] > 0


def test_status_and_events_show_the_daemons_state(daemon_run: DaemonRun) -> None:
    """`status` and `events` print the daemon's state, also as JSON."""
    assert {name: answer.code for name, answer in daemon_run.commands.items()} == dict.fromkeys(daemon_run.commands, 0)
    assert "Synced · Healthy" in daemon_run.commands["status"].out
    assert daemon_run.commands["status json"].json["applications"][0]["sync"] == "Synced"
    types = [event["type"] for event in daemon_run.commands["events json"].json["events"]]
    assert {"sync.started", "resource.created", "drift.detected", "drift.resolved"} <= set(types)
    assert "drift.detected" in daemon_run.commands["events"].out


def test_the_log_is_one_json_object_a_line(daemon_run: DaemonRun) -> None:
    """Every line of the log parses, and nothing else is printed; one line reports the drift, with its `file:line`."""
    assert daemon_run.out == []
    lines = [json.loads(line) for line in daemon_run.log]
    detected = [line for line in lines if line["event"] == "drift.detected"]
    assert len(detected) == 1, lines[:5]
    text = json.dumps(detected[0])
    assert all(part in text for part in ("/desiredCount", "service.yaml:"))


def test_no_output_contains_a_value_of_the_environment(daemon_run: DaemonRun) -> None:
    """Neither streams, log, plans, events, metrics nor API contain it."""
    outputs = {name: answer.out + answer.err for name, answer in daemon_run.commands.items()}
    outputs |= {path: body for path, (_, body) in daemon_run.responses.items()}
    outputs |= {"stdout": "".join(daemon_run.out), "stderr": "".join(daemon_run.log)}
    assert [name for name, text in outputs.items() if CANARY in text] == []
    assert "GREETING" in daemon_run.commands["plan json"].out, "the plan must show the variable"


def test_a_new_daemon_continues_after_a_sigkill(environment: Environment) -> None:
    """The first daemon is killed while it converges; the second creates nothing twice."""
    environment.edit("interval: 30s", "interval: 5s", "application.yaml")
    with advancing_time(environment):
        with daemon(environment.manifests) as process:
            wait_until(lambda: len(environment.simulator.ledger.mutations()) >= 9, timeout=30)
            process.kill()
        with daemon(environment.manifests) as process:
            wait_until(lambda: is_converged(process), timeout=60)
            assert process.terminate()[0] == 0
    assert count_creates(environment.simulator.ledger.mutations()) == QUICKSTART_CREATES


@pytest.mark.parametrize("by", [signal.SIGHUP, signal.SIGINT], ids=str)
def test_a_daemon_ends_in_order_on_every_signal_that_asks_for_it(environment: Environment, by: signal.Signals) -> None:
    """A closed terminal (SIGHUP) and Ctrl-C (SIGINT) are as SIGTERM: exit 0, within the time for a call under way."""
    with daemon(environment.manifests) as process:
        wait_until(lambda: process.url and get(f"{process.url}/healthz")[0] == 200, timeout=30)
        code, seconds = process.terminate(by)
    assert (code, seconds < 10) == (0, True)


def test_a_daemon_of_another_installation_writes_nothing(environment: Environment) -> None:
    """Every resource is held, with its owner as the reason."""
    environment.controller().converge(pause=SETTLE_SECONDS)
    with (
        environment.writes() as writes,
        advancing_time(environment),
        daemon(environment.manifests, "--installation", "other") as process,
    ):
        held = f"{process.url}/api/v1/applications/quickstart"
        wait_until(lambda: json.loads(get(held)[1]).get("held"))
        reasons = {one["reason"] for one in json.loads(get(held)[1])["held"]}
    assert writes == []
    assert all(reason.startswith("owned by installation test") for reason in reasons)
