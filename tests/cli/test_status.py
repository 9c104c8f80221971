"""`status` and `events` of a running daemon: exit codes, where they ask, and what a person reads."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecsync.core.model import (
    Event,
    FieldChange,
    Health,
    Key,
    Origin,
    Outcome,
    Pass,
    Plan,
    Problem,
    ResourceStatus,
    Target,
)
from ecsync.http.app import create_app
from ecsync.http.server import Server
from ecsync.http.view import Beat, SourceView
from tests.views import NOW, FakeView, state
from tests.whole.support.command import Command

API = Key(application="shop", kind="Service", name="api")
CHANGE = FieldChange(path=("desiredCount",), before=0, after=2)
PASS = Pass(reconcile_id="r1", started=NOW, ended=NOW, result="synced")


@pytest.fixture
def view() -> FakeView:
    """What a daemon says."""
    return FakeView()


@pytest.fixture
def url(view: FakeView) -> Iterator[str]:
    """Where the daemon is."""
    server = Server("127.0.0.1", 0, create_app(view, lambda _: (b"", "text/plain")))
    yield f"http://127.0.0.1:{server.start()}"
    assert server.stop()


@contextmanager
def something_else(answer: bytes) -> Iterator[str]:
    """Something that is not ecsync: it says these bytes to whoever connects, and nothing if there are none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def say() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        if answer:
            threading.Thread(target=say, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def http(body: str, status: str = "200 OK") -> bytes:
    """An answer over HTTP."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body.encode())}\r\n\r\n{body}".encode()


# ---------------------------------------------------------------- health


def test_a_daemon_that_works_is_healthy(ecsync: Command, url: str) -> None:
    """0, and not a word."""
    answer = ecsync("status", "--health", "--url", url)
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_a_daemon_whose_loop_is_stuck_is_not_and_says_which(ecsync: Command, url: str, view: FakeView) -> None:
    """1: it answers, but one of its loops does not come round."""
    view.beats = {"source": Beat(age=1, interval=30), "worker": Beat(age=312.4, interval=60)}
    answer = ecsync("status", "--health", "--url", url)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.endswith("503 Service Unavailable: its worker loop has not come round for 312 s\n")


def test_a_daemon_that_is_not_there_is_not_healthy(ecsync: Command) -> None:
    """1: nobody listens."""
    answer = ecsync("status", "--health", "--url", "http://127.0.0.1:9")
    assert (answer.code, answer.out) == (1, "")
    assert "no daemon at http://127.0.0.1:9" in answer.err


def test_a_daemon_that_does_not_answer_is_not_healthy(ecsync: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """1: it takes the connection, and then says nothing for as long as anybody waits."""
    monkeypatch.setattr("ecsync.cli._api._SECONDS", 0.1)
    with something_else(b"") as there:
        answer = ecsync("status", "--health", "--url", there)
    assert (answer.code, answer.out) == (1, "")
    assert "timed out" in answer.err


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        http("<html>"),
        http('{"status":"ok"}'),
        http("[]"),
        http("no", "500 Oh"),
        b"HTTP/1.1",
        b"HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\n{",
    ],
    ids=["another protocol", "a page", "other JSON", "a list", "an error", "half an answer", "half an error"],
)
def test_what_is_no_daemon_is_not_healthy(ecsync: Command, answer: bytes) -> None:
    """1, and no bug of ours, whatever answers at that port."""
    with something_else(answer) as there:
        said = ecsync("status", "--health", "--url", there)
    assert (said.code, said.out) == (1, "")
    assert there in said.err


@pytest.mark.parametrize(
    "arguments",
    [("--health", "manifests"), ("--url", "http://127.0.0.1:9", "manifests"), ("--health", "--nonsense")],
    ids=["health of a path", "a path at a daemon", "unknown option"],
)
def test_what_makes_no_sense_is_usage(ecsync: Command, arguments: tuple[str, ...]) -> None:
    """64."""
    answer = ecsync("status", *arguments)
    assert (answer.code, answer.out) == (64, "")
    assert answer.err.startswith("ecsync: ")


@pytest.mark.parametrize("where", ["nowhere", "http://a b:1", "http://127.0.0.1:x", "http://[::1"])
def test_an_address_that_is_none_is_an_error(ecsync: Command, where: str) -> None:
    """1, and no bug of ours."""
    for verb in ("status", "events"):
        answer = ecsync(verb, "--url", where)
        assert (answer.code, answer.out) == (1, ""), (verb, answer)


# ---------------------------------------------------------------- where they ask


@pytest.mark.parametrize("arguments", [("status", "--health"), ("status",), ("events",)])
def test_they_ask_where_the_settings_say(
    ecsync: Command, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """The daemon's own settings, by variable or file, are where it is asked; a flag says otherwise."""
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


def test_this_machine_is_asked_without_a_proxy(ecsync: Command, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container whose way out is a proxy checks its own health all the same."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert ecsync("status", "--health", "--url", url).code == 0


def test_what_a_daemon_refuses_says_why(ecsync: Command) -> None:
    """The body of an error is told, and cannot move the cursor."""
    error = {"apiVersion": "ecsync/v1", "kind": "Error", "status": 503, "message": "too busy \x1b[31m now"}
    with something_else(http(json.dumps(error), "503 Service Unavailable")) as there:
        answer = ecsync("events", "--url", there)
    assert answer.code == 1
    assert answer.err.endswith("503 Service Unavailable: too busy �[31m now\n")


# ---------------------------------------------------------------- what is told


def resource(**known: Any) -> ResourceStatus:
    """A resource, in sync and healthy unless told otherwise."""
    return ResourceStatus(**{"key": API, "sync": "Synced", "health": Health(status="Healthy"), **known})


def outcome(*statuses: ResourceStatus, revision: str = "3f9c1d2") -> Outcome:
    """What a pass found."""
    plan = Plan(application="shop", target=Target(account="123456789012", region="eu-west-1"), revision=revision)
    return Outcome(plan=plan, statuses=statuses)


def test_a_field_that_differs_says_where_it_is_written(ecsync: Command, url: str, view: FakeView) -> None:
    """Live, declared, and file:line, in text as in JSON."""
    drifted = resource(sync="OutOfSync", fields=(CHANGE,), origins={"/desiredCount": "api.yaml:9"})
    view.apps = [state(outcome=outcome(drifted), last_pass=PASS)]
    text = ecsync("status", "--url", url).out
    assert "shop                                   OutOfSync · Healthy" in text
    assert "      /desiredCount  0 → 2   api.yaml:9  (drift)" in text
    (told,) = ecsync("status", "--url", url, "-o", "json").json["applications"][0]["resources"]
    assert told["fields"][0]["origin"] == "api.yaml:9"


def test_a_pass_that_came_to_nothing_is_told(ecsync: Command, url: str, view: FakeView) -> None:
    """What is shown below is older than it, and says so."""
    failed = replace(PASS, result="error", error="sts.X: ExpiredToken: expired")
    view.apps = [state(outcome=outcome(resource(), revision="0a1b2c3"), last_pass=failed)]
    lines = ecsync("status", "--url", url).out.splitlines()
    assert lines[0].endswith("@ 0a1b2c3")
    assert lines[1] == (
        "  ✖ the pass of 2026-01-01T12:00:00.000Z came to nothing: sts.X: ExpiredToken: expired; "
        "below is what revision 0a1b2c3 was before that"
    )
    assert "Service/api" in lines[2]


def test_what_holds_an_application_is_told(ecsync: Command, url: str, view: FakeView) -> None:
    """Manifests that are wrong, a revision that nobody has looked at yet, and why nothing is written."""
    broken = state(problems=(Problem(Origin("a.yaml", 9, 5), "unknown field"),))
    looked = replace(PASS, only_looked="read-only: sync.mode is observe")
    view.apps = [broken, state(name="blog", revision="2", outcome=outcome(revision="1"), last_pass=looked)]
    text = ecsync("status", "--url", url).out
    assert "  ✖ a.yaml:9:5: unknown field\n" in text
    assert "  revision 2 is not looked at yet\n" in text
    assert "  read-only: sync.mode is observe\n" in text


def test_a_source_that_cannot_be_read_is_told(ecsync: Command, url: str, view: FakeView) -> None:
    """What is shown is of the last good revision, or nothing was read at all."""
    view.source_view = SourceView(url="s3://bucket/prod", revision="3f9c1d2", reason="denied", error="AccessDenied")
    assert ecsync("status", "--url", url).out.startswith("✖ the source cannot be read: AccessDenied\nshop ")
    view.source_view, view.apps = SourceView(url="s3://bucket/prod"), []
    assert ecsync("status", "--url", url).out == "s3://bucket/prod is not read yet\n"


def test_all_that_there_is_to_say_of_a_resource_is_said_once(ecsync: Command, url: str, view: FakeView) -> None:
    """Why its step waits and why it is unwell are two things, unless they are the same."""
    unwell = Health(status="Progressing", why="1 of 2 running")
    view.apps = [state(outcome=outcome(resource(health=unwell, message="in use")))]
    assert "Synced · Progressing  in use; 1 of 2 running\n" in ecsync("status", "--url", url).out
    view.apps = [state(outcome=outcome(resource(health=unwell, message="1 of 2 running")))]
    assert "Synced · Progressing  1 of 2 running\n" in ecsync("status", "--url", url).out


def test_one_application_is_asked_for_by_name(ecsync: Command, url: str, view: FakeView, small: Path) -> None:
    """With a daemon or without; a name that there is not is usage, with the nearest one."""
    view.apps = [state(name="shop"), state(name="blog")]
    only = ecsync("status", "--url", url, "--app", "blog", "-o", "json").json["applications"]
    assert [one["name"] for one in only] == ["blog"]
    for arguments in (("--url", url, "--app", "blogg"), (small, "--app", "smal")):
        answer = ecsync("status", *arguments)
        assert (answer.code, answer.out) == (64, "")
        assert 'did you mean "blog"' in answer.err or 'did you mean "small"' in answer.err


def test_events_say_what_differs_as_plans_do(ecsync: Command, url: str, view: FakeView) -> None:
    """Values as JSON, with file:line; of what was removed only where it is declared."""
    gone = FieldChange(path=(), before=None, after="declared")
    common: dict[str, Any] = {"type": "drift.detected", "time": NOW, "application": "shop", "key": API}
    view.told = [
        Event(**common, message="removed", fields=(gone,), origins={"": "api.yaml:1"}),
        Event(**common, message="changed", fields=(CHANGE, replace(CHANGE, before=None, after={"a": True}))),
    ]
    assert ecsync("events", "--url", url).out.splitlines() == [
        "2026-01-01T12:00:00.000Z  shop                 drift.detected       changed",
        "    /desiredCount  0 → 2",
        '    /desiredCount  (none) → {"a": true}',
        "2026-01-01T12:00:00.000Z  shop                 drift.detected       removed",
        "    declared in api.yaml:1",
    ]
    assert ecsync("events", "--url", url, "--limit", "0").code == 64
