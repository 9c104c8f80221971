"""`status` and `events` of a running daemon: exit codes, the URL that they use, and their output."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ecsync.core.model import FieldChange, Key, Origin, Problem, Target
from ecsync.core.outcome import Event, Health, Outcome, Pass, Plan, ResourceStatus
from ecsync.http.app import create_app
from ecsync.http.server import Server
from ecsync.http.view import Beat, SourceView
from tests.cli.other_server import other_server
from tests.views import NOW, FakeView, state
from tests.whole.support.command import Command

API = Key(application="shop", kind="Service", name="api")
CHANGE = FieldChange(path=("desiredCount",), before=0, after=2)
PASS = Pass(reconcile_id="r1", started=NOW, ended=NOW, result="synced")


@pytest.fixture
def view() -> FakeView:
    """Return the state of a daemon."""
    return FakeView()


@pytest.fixture
def url(view: FakeView) -> Iterator[str]:
    """Yield the URL of the daemon."""
    server = Server("127.0.0.1", 0, create_app(view, lambda _: (b"", "text/plain")))
    yield f"http://127.0.0.1:{server.start()}"
    assert server.stop()


def http(body: str, status: str = "200 OK") -> bytes:
    """Return a response over HTTP."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body.encode())}\r\n\r\n{body}".encode()


# ---------------------------------------------------------------- health


def test_a_daemon_that_works_is_healthy(ecsync: Command, url: str) -> None:
    """0, and no output."""
    answer = ecsync("status", "--health", "--url", url)
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_a_daemon_with_a_stuck_loop_is_not_healthy(ecsync: Command, url: str, view: FakeView) -> None:
    """1, and the message names the loop."""
    view.beats = {"source": Beat(age=1, interval=30), "worker": Beat(age=312.4, interval=60)}
    answer = ecsync("status", "--health", "--url", url)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.endswith("503 Service Unavailable: the worker loop is stuck: no iteration for 312 s\n")


def test_a_daemon_that_does_not_run_is_not_healthy(ecsync: Command) -> None:
    """1: no process listens."""
    answer = ecsync("status", "--health", "--url", "http://127.0.0.1:9")
    assert (answer.code, answer.out) == (1, "")
    assert "no daemon at http://127.0.0.1:9" in answer.err


def test_a_daemon_that_does_not_answer_is_not_healthy(ecsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """1: it accepts the connection, but sends no response before the timeout."""
    monkeypatch.setattr("ecsync.cli._api._SECONDS", 0.1)
    with other_server(b"") as there:
        answer = ecsync("status", "--health", "--url", f"http://127.0.0.1:{there}")
    assert (answer.code, answer.out) == (1, "")
    assert "timed out" in answer.err


@pytest.mark.parametrize(
    "response",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        http("<html>"),
        http('{"status":"ok"}'),
        http("[]"),
        http("no", "500 Oh"),
        b"HTTP/1.1",
        b"HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\n{",
    ],
    ids=["another protocol", "a page", "other JSON", "a list", "an error", "half a response", "half an error"],
)
def test_another_server_is_not_healthy(ecsync: Command, response: bytes) -> None:
    """1, not an internal error, for any response."""
    with other_server(response) as there:
        answer = ecsync("status", "--health", "--url", f"http://127.0.0.1:{there}")
    assert (answer.code, answer.out) == (1, "")
    assert f"http://127.0.0.1:{there}" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [("--health", "manifests"), ("--url", "http://127.0.0.1:9", "manifests"), ("--health", "--nonsense")],
    ids=["health of a path", "a path and a URL", "unknown option"],
)
def test_contradicting_arguments_are_a_usage_error(ecsync: Command, arguments: tuple[str, ...]) -> None:
    """64."""
    answer = ecsync("status", *arguments)
    assert (answer.code, answer.out) == (64, "")
    assert answer.err.startswith("ecsync: ")


@pytest.mark.parametrize("where", ["nowhere", "http://a b:1", "http://127.0.0.1:x", "http://[::1"])
def test_an_invalid_url_is_an_error(ecsync: Command, where: str) -> None:
    """1, not an internal error."""
    for verb in ("status", "events"):
        answer = ecsync(verb, "--url", where)
        assert (answer.code, answer.out) == (1, ""), (verb, answer)


# ---------------------------------------------------------------- the URL


@pytest.mark.parametrize("arguments", [("status", "--health"), ("status",), ("events",)])
def test_the_url_comes_from_the_settings(
    ecsync: Command, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """The settings of the daemon (variable or file) are its URL; --url overrides them."""
    port = url.rpartition(":")[2]
    assert ecsync(*arguments, "--url", url).code == 0
    config = tmp_path / "config.yaml"
    config.write_text(f"http: {{host: 0.0.0.0, port: {port}}}\n")
    assert ecsync(*arguments, "--config", config).code == 0
    monkeypatch.setenv("ECSYNC_HTTP_PORT", "9")
    assert ecsync(*arguments).code == 1
    monkeypatch.setenv("ECSYNC_HTTP_PORT", port)
    assert ecsync(*arguments).code == 0
    monkeypatch.setenv("ECSYNC_HTTP_PORT", "0")
    answer = ecsync(*arguments)
    assert answer.code == 1
    assert "--url" in answer.err


def test_this_machine_is_reached_without_a_proxy(ecsync: Command, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a container with a proxy can check its own health."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert ecsync("status", "--health", "--url", url).code == 0


def test_an_error_of_a_daemon_is_printed(ecsync: Command) -> None:
    """The message in the body is printed, without control characters."""
    error = {"apiVersion": "ecsync/v1", "kind": "Error", "status": 503, "message": "too busy \x1b[31m now"}
    with other_server(http(json.dumps(error), "503 Service Unavailable")) as there:
        answer = ecsync("events", "--url", f"http://127.0.0.1:{there}")
    assert answer.code == 1
    assert answer.err.endswith("503 Service Unavailable: too busy �[31m now\n")


# ---------------------------------------------------------------- output


def resource(**fields: Any) -> ResourceStatus:
    """Return a resource with the given fields; by default in sync and healthy."""
    return ResourceStatus(**{"key": API, "sync": "Synced", "health": Health(status="Healthy"), **fields})


def outcome(*statuses: ResourceStatus, revision: str = "3f9c1d2") -> Outcome:
    """Return the outcome of a pass."""
    plan = Plan(application="shop", target=Target(account="123456789012", region="eu-west-1"), revision=revision)
    return Outcome(plan=plan, statuses=statuses)


def test_a_change_has_its_place_in_the_manifest(ecsync: Command, url: str, view: FakeView) -> None:
    """Live value, declared value, and file:line, in text and in JSON."""
    drifted = resource(sync="OutOfSync", fields=(CHANGE,), origins={"/desiredCount": "api.yaml:9"})
    view.apps = [state(outcome=outcome(drifted), last_pass=PASS)]
    text = ecsync("status", "--url", url).out
    assert [line.split()[:3] for line in text.splitlines()[1:2]] == [["shop", "OutOfSync", "Healthy"]]
    assert "    desiredCount: 0 → 2 [drift] api.yaml:9\n" in text
    (found,) = ecsync("status", "--url", url, "-o", "json").json["applications"][0]["resources"]
    assert found["fields"][0]["origin"] == "api.yaml:9"


def test_a_pass_without_a_plan_is_reported(ecsync: Command, url: str, view: FakeView) -> None:
    """The state below it is older, and the line states that."""
    failed = replace(PASS, result="error", error="sts.X: ExpiredToken: expired")
    view.apps = [state(outcome=outcome(resource(), revision="0a1b2c3"), last_pass=failed)]
    titles, row, _, _, resource_row = ecsync("status", "--url", url).out.splitlines()
    assert titles.split() == ["APP", "SYNC", "HEALTH", "REVISION", "LAST", "PASS", "AGE", "MESSAGE"]
    assert row.split()[:4] == ["shop", "Synced", "Healthy", "0a1b2c3"]
    assert row.endswith("  no plan was made: sts.X: ExpiredToken: expired; the state is older, of revision 0a1b2c3")
    assert resource_row.startswith("Service/api  Synced")


def test_reasons_why_nothing_changes_are_reported(ecsync: Command, url: str, view: FakeView) -> None:
    """Invalid manifests, a revision that is not reconciled yet, and why the daemon is read-only."""
    broken = state(problems=(Problem(Origin("a.yaml", 9, 5), "unknown field"),))
    looked = replace(PASS, only_looked="read-only: sync.mode is observe")
    view.apps = [broken, state(name="blog", revision="2", outcome=outcome(revision="1"), last_pass=looked)]
    text = ecsync("status", "--url", url).out
    assert "  ✖ a.yaml:9:5: unknown field\n" in text
    assert "  revision 2 is not reconciled yet; read-only: sync.mode is observe\n" in text


def test_a_source_that_cannot_be_read_is_reported(ecsync: Command, url: str, view: FakeView) -> None:
    """The output is of the last good revision, or empty if none was read."""
    view.source_view = SourceView(url="s3://bucket/prod", revision="3f9c1d2", reason="denied", error="AccessDenied")
    assert ecsync("status", "--url", url).out.startswith("✖ the source cannot be read: AccessDenied\nAPP ")
    view.source_view, view.apps = SourceView(url="s3://bucket/prod"), []
    assert ecsync("status", "--url", url).out == "s3://bucket/prod is not read yet\n"


def test_each_reason_is_printed_once(ecsync: Command, url: str, view: FakeView) -> None:
    """The reason of the step and the reason of the health, unless they are equal."""
    unhealthy = Health(status="Progressing", why="1 of 2 running")
    view.apps = [state(outcome=outcome(resource(health=unhealthy, message="in use")))]
    assert "  Progressing  -    in use; 1 of 2 running\n" in ecsync("status", "--url", url).out
    view.apps = [state(outcome=outcome(resource(health=unhealthy, message="1 of 2 running")))]
    assert "  Progressing  -    1 of 2 running\n" in ecsync("status", "--url", url).out


def test_app_selects_one_application(ecsync: Command, url: str, view: FakeView, small: Path) -> None:
    """With and without a daemon; an unknown name is a usage error that suggests the nearest one."""
    view.apps = [state(name="shop"), state(name="blog")]
    only = ecsync("status", "--url", url, "--app", "blog", "-o", "json").json["applications"]
    assert [one["name"] for one in only] == ["blog"]
    for arguments in (("--url", url, "--app", "blogg"), (small, "--app", "smal")):
        answer = ecsync("status", *arguments)
        assert (answer.code, answer.out) == (64, "")
        assert 'did you mean "blog"' in answer.err or 'did you mean "small"' in answer.err


def test_the_options_select_rows(ecsync: Command, url: str, view: FakeView) -> None:
    """Kinds and states in any case, repeated or with commas; JSON has the same rows."""
    web = resource(key=API._replace(name="web"), health=Health(status="Degraded"))
    main = resource(key=API._replace(kind="Cluster", name="main"))
    view.apps = [state(outcome=outcome(resource(), web, main))]

    def names(*options: str) -> list[str]:
        answer = ecsync("status", "--url", url, "-o", "json", *options)
        return [each["name"] for one in answer.json["applications"] for each in one["resources"]]

    assert names() == ["api", "web", "main"]
    assert names("--kind", "service") == ["api", "web"]
    assert names("--kind", "service,cluster", "--health", "degraded") == ["web"]
    assert names("--health=Healthy", "--health", "Degraded", "--sync", "synced") == ["api", "web", "main"]
    assert names("--not-ready") == ["web"]
    assert "Cluster/main" not in ecsync("status", "--url", url, "--limit", "2").out
    for options in (("--sync", "sync"), ("--health", "ill"), ("--limit", "-1"), ("--every", "0"), ("--every", "soon")):
        answer = ecsync("status", "--url", url, *options)
        assert (answer.code, answer.out) == (64, ""), options


def test_an_empty_selection_has_a_reason(ecsync: Command, url: str, view: FakeView) -> None:
    """On stderr, with exit code 0."""
    view.apps = [state(outcome=outcome(resource()))]
    for options, text in (
        (("--not-ready",), "everything is Synced and Healthy"),
        (("--kind", "Cluster"), "no application or resource fits the options"),
        (("--health", "Missing"), "no application or resource fits the options"),
    ):
        answer = ecsync("status", "--url", url, *options)
        assert (answer.code, answer.out, answer.err) == (0, "", text + "\n")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("status", "--kind", "Servce"), 'did you mean "Service"?'),
        (("status", "--kind", "Service,Pod"), "--kind Pod: not one of Alarm, AutoScalingGroup"),
        (("status", "--health", "Degrade"), 'did you mean "Degraded"?'),
        (("events", "--type", "drift.detectd"), 'no event has this type; did you mean "drift.detected"?'),
        (("events", "--type", "drft.*"), 'did you mean "drift.*"?'),
    ],
)
def test_a_filter_that_fits_nothing_at_all_is_a_usage_error(
    ecsync: Command, url: str, command: tuple[str, ...], message: str
) -> None:
    """With the nearest value: an empty answer would look like good news."""
    answer = ecsync(*command, "--url", url)
    assert (answer.code, answer.out) == (64, "")
    assert message in answer.err.replace("\n", " ")


@pytest.mark.parametrize("of_type", ["drift.detected", "drift.*", "sync.*"])
def test_a_type_of_event_or_a_group_of_them_is_taken(ecsync: Command, url: str, of_type: str) -> None:
    """As the API takes it."""
    answer = ecsync("events", "--url", url, "--type", of_type)
    assert (answer.code, answer.err) == (0, "no event fits the options\n")


def test_a_watch_ends_with_0(
    ecsync: Command, url: str, view: FakeView, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Ctrl-C. It needs a daemon, and prints no JSON."""

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ecsync.cli.tables.watch.SystemClock.sleep", lambda _self, seconds: interrupt(seconds))
    view.apps = [state(outcome=outcome(resource()))]
    answer = ecsync("status", "--watch", "--every", "1m", "--url", url)
    assert (answer.code, answer.err) == (0, "")
    assert [line.split()[2] for line in answer.out.splitlines()] == ["RESOURCE", "-", "Service/api"]
    assert ecsync("status", "--watch", "--url", url, "-o", "json").code == 64
    assert ecsync("status", "--watch", small).code == 64
    assert ecsync("status", "--watch", "--url", "http://127.0.0.1:9").code == 1


def test_events_print_changes_as_plans_do(ecsync: Command, url: str, view: FakeView) -> None:
    """Values as JSON, with file:line; for a deleted resource the line of its document."""
    gone = FieldChange(path=(), before=None, after="declared")
    common: dict[str, Any] = {"type": "drift.detected", "time": NOW, "application": "shop", "key": API}
    view.found = [
        Event(**common, message="removed", fields=(gone,), origins={"": "api.yaml:1"}),
        Event(**common, message="changed", fields=(CHANGE, replace(CHANGE, before=None, after={"a": True}))),
    ]
    assert ecsync("events", "--url", url).out.splitlines() == [
        "TIME                      SEVERITY  TYPE            APP   MESSAGE",
        "2026-01-01T12:00:00.000Z  info      drift.detected  shop  changed",
        "    desiredCount: 0 → 2 [drift]",
        '    desiredCount: (not set) → {"a": true} [drift]',
        "2026-01-01T12:00:00.000Z  info      drift.detected  shop  removed",
        "    (resource): missing → declared [drift] api.yaml:1",
    ]
    assert ecsync("events", "--url", url, "--limit", "0").code == 64
    assert ecsync("events", "--url", url, "--since", "2h").code == 0
    assert view.query["since"] < datetime.now(UTC) - timedelta(hours=1.9)
    view.found = []
    answer = ecsync("events", "--url", url, "--type", "drift.*")
    assert (answer.code, answer.out, answer.err) == (0, "", "no event fits the options\n")


# ---------------------------------------------------------------- retry


def test_a_retry_reaches_the_daemon(ecsync: Command, url: str, view: FakeView) -> None:
    """Of an application, or of one resource of it."""
    assert ecsync("retry", "shop", "--url", url).code == 0
    assert ecsync("retry", "shop/Service/api", "--url", url).code == 0
    assert view.retries == [("shop", ""), ("shop", "Service/api")]


def test_a_retry_of_an_unknown_application_fails(ecsync: Command, url: str) -> None:
    """1, with the daemon's reason."""
    answer = ecsync("retry", "blog", "--url", url)
    assert (answer.code, "'blog' is not declared" in answer.err) == (1, True)
