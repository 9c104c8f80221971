"""The HTTP side over a real socket: health that means something, readiness that says why, and a stable JSON."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecsync.core.model import (
    Create,
    Desired,
    Event,
    FieldChange,
    Health,
    Key,
    Origin,
    Outcome,
    Pass,
    Plan,
    Problem,
    Redacted,
    ResourceStatus,
    Step,
    StepId,
    Withheld,
    WithheldReason,
)
from ecsync.http.app import create_app
from ecsync.http.server import Server
from ecsync.http.view import Beat, SourceView
from tests.views import NOW, TARGET, FakeView, state

API = Key(application="shop", kind="Service", name="api")
FIELDS = (
    FieldChange(path=("cpu",), before="256", after="512"),
    FieldChange(path=("env", "KEY"), before=Redacted("a1"), after=None),
)


PASS = Pass(
    reconcile_id="r1",
    started=NOW,
    ended=NOW + timedelta(seconds=2),
    result="error",
    error="throttled",
    only_looked="read-only: sync.mode is observe",
)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[list[FakeView], int]]:
    """One server for all tests; the view is exchanged for each."""
    current = [FakeView()]

    class Delegate:
        def __getattr__(self, name: str) -> Any:
            return getattr(current[0], name)

    delegate: Any = Delegate()
    server = Server("127.0.0.1", 0, create_app(delegate, lambda accept: (accept.encode(), "text/plain; charset=utf-8")))
    port = server.start()
    yield current, port
    assert server.stop()


@pytest.fixture(autouse=True)
def view(shared: tuple[list[FakeView], int]) -> FakeView:
    """A fresh view."""
    shared[0][0] = FakeView()
    return shared[0][0]


@pytest.fixture
def ask(shared: tuple[list[FakeView], int]) -> Ask:
    """Ask the server."""

    def ask(path: str, method: str = "GET", **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", shared[1], timeout=5)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    return ask


def test_metrics_are_what_the_scraper_accepts(ask: Ask) -> None:
    """The exposition gets the Accept header and says its own content type."""
    answer = ask("/metrics", accept="application/openmetrics-text")
    assert (answer.status, answer.body) == (200, b"application/openmetrics-text")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("beats", "status"),
    [
        ({"reconcile": Beat(age=29.9, interval=10)}, 200),
        ({"reconcile": Beat(age=30, interval=10)}, 503),
        ({"reconcile": Beat(age=1, interval=10), "source": Beat(age=999, interval=30)}, 503),
        ({}, 503),
    ],
)
def test_health_is_the_heartbeat(view: FakeView, ask: Ask, beats: dict[str, Beat], status: int) -> None:
    """A loop that has not come round for three intervals is stuck, and a daemon without loops is not alive."""
    view.beats = beats
    answer = ask("/healthz")
    assert answer.status == status
    assert answer.json["ok"] is (status == 200)
    assert set(answer.json["loops"]) == set(beats)


def test_readiness_says_why_not(view: FakeView, ask: Ask) -> None:
    """Whoever asks learns what to repair."""
    assert ask("/readyz").json == {"apiVersion": "ecsync/v1", "kind": "Readiness", "ok": True, "because": {}}
    view.not_ready["source"] = "empty: no manifest in it"
    answer = ask("/readyz")
    assert answer.status == 503
    assert answer.json["because"] == {"source": "empty: no manifest in it"}


def test_applications_are_listed(ask: Ask) -> None:
    """The list has each application's state and the source's."""
    body = ask("/api/v1/applications").json
    assert (body["apiVersion"], body["kind"]) == ("ecsync/v1", "ApplicationList")
    assert body["items"] == [
        {
            "name": "shop",
            "target": {"account": "123456789012", "region": "eu-central-1", "name": "prod"},
            "sync": "Unknown",
            "health": "Unknown",
            "mode": "observe",
            "prune": False,
            "interval": 60.0,
            "revision": "3f9c1d2",
            "statusRevision": None,
            "problems": 0,
            "lastPass": None,
            "lastSuccess": None,
            "nextPass": None,
        }
    ]
    assert body["source"]["ready"] is True
    assert body["source"]["ageSeconds"] == 4.2


def test_an_application_is_shown_whole(view: FakeView, ask: Ask) -> None:
    """Resources with fields, problems, what is held, the last pass and the source; masked values stay masked."""
    status = ResourceStatus(
        key=API,
        sync="OutOfSync",
        health=Health(status="Degraded", why="1 of 2"),
        fields=FIELDS,
        physical="arn:api",
        origin="api.yaml:1",
        origins={"/cpu": "api.yaml:4"},
    )
    held = Step(id=StepId(key=API), change=Create(desired=Desired(key=API, body={}), marks={}), calls=())
    plan = Plan(
        application="shop",
        target=TARGET,
        revision="0a1b2c3",
        withheld=(Withheld(step=held, because=WithheldReason("suspended", "suspended by ecsync/suspend")),),
        unreadable={API: "throttled"},
        stopped={API: "rolled back"},
        incomplete="not listed",
    )
    view.apps = [
        state(
            outcome=Outcome(plan=plan, statuses=(status,)),
            problems=(Problem(Origin("a.yaml", 9, 5), "unknown field"),),
            last_pass=PASS,
            last_success=NOW,
            next_pass=NOW + timedelta(seconds=60),
        )
    ]
    view.source_view = SourceView(url="s3://bucket/prod", reason="denied", error="no")
    body = ask("/api/v1/applications/shop").json
    assert (body["kind"], body["sync"], body["health"]) == ("Application", "OutOfSync", "Degraded")
    (resource,) = body["resources"]
    assert (resource["key"], resource["why"], resource["physical"]) == ("Service/shop/api", "1 of 2", "arn:api")
    assert (body["revision"], body["statusRevision"]) == ("3f9c1d2", "0a1b2c3")
    assert resource["origin"] == "api.yaml:1"
    common = {"effect": "in-place", "reason": "drift"}
    assert resource["fields"] == [
        {"path": "/cpu", "before": "256", "after": "512", "origin": "api.yaml:4"} | common,
        {"path": "/env/KEY", "before": "(sensitive) #a1", "after": None, "origin": None} | common,
    ]
    assert body["problems"] == [{"file": "a.yaml", "line": 9, "column": 5, "message": "unknown field"}]
    (held_back,) = body["held"]
    words = "suspended by ecsync/suspend"
    assert held_back == {"key": "Service/shop/api", "reason": words, "obstacle": "suspended"}
    assert body["unreadable"] == {"Service/shop/api": "throttled"}
    assert body["stopped"] == {"Service/shop/api": "rolled back"}
    assert body["incomplete"] == "not listed"
    assert body["lastPass"] == {
        "reconcileId": "r1",
        "started": "2026-01-01T12:00:00.000Z",
        "ended": "2026-01-01T12:00:02.000Z",
        "result": "error",
        "error": "throttled",
        "onlyLooked": "read-only: sync.mode is observe",
    }
    assert body["nextPass"] == "2026-01-01T12:01:00.000Z"
    assert (body["source"]["ready"], body["source"]["reason"]) == (False, "denied")


def test_events_are_filtered_by_the_engine(view: FakeView, ask: Ask) -> None:
    """Parameters reach the view typed, and an event has its fields with their lines."""
    view.told = [
        Event(
            type="drift.detected",
            time=NOW,
            application="shop",
            message="changed",
            severity="warning",
            key=API,
            target=TARGET,
            revision="1",
            reconcile_id="r1",
            fields=FIELDS[:1],
            origins={"/cpu": "api.yaml:4"},
            detail={"action": "modified", "odd": Redacted("a1")},
        )
    ]
    body = ask("/api/v1/events?application=shop&type=drift.*&since=2026-01-01T11:00:00Z&limit=5").json
    assert view.asked == {
        "application": "shop",
        "of_type": "drift.*",
        "since": datetime(2026, 1, 1, 11, tzinfo=UTC),
        "limit": 5,
    }
    (event,) = body["items"]
    assert (event["type"], event["resource"], event["severity"]) == ("drift.detected", "Service/shop/api", "warning")
    assert event["fields"][0]["origin"] == "api.yaml:4"
    assert event["detail"] == {"action": "modified", "odd": "(sensitive) #a1"}


def test_events_have_a_default_limit(view: FakeView, ask: Ask) -> None:
    """Without parameters the newest hundred are asked for."""
    ask("/api/v1/events")
    assert view.asked == {"application": None, "of_type": None, "since": None, "limit": 100}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=99999", "limit=%D9%A3", "since=yesterday", "app=shop"])
def test_a_wrong_parameter_is_refused(ask: Ask, query: str) -> None:
    """A misspelt filter would show everything and look right."""
    answer = ask("/api/v1/events?" + query)
    assert answer.status == 400
    assert answer.json["kind"] == "Error"


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v1/applications/nobody", "/api/v1/applications/", "/metrics/"])
def test_what_is_unknown_is_404_in_json(ask: Ask, path: str) -> None:
    """Errors have the form of everything else, and nothing redirects."""
    answer = ask(path)
    assert (answer.status, answer.json["status"]) == (404, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_can_be_written(ask: Ask, method: str) -> None:
    """Only GET and HEAD, on every path."""
    for path in ("/api/v1/applications", "/nothing"):
        answer = ask(path, method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_head_is_get_without_the_body(ask: Ask) -> None:
    """Health checks may use HEAD."""
    answer = ask("/healthz", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/api/v1/events", "/nothing"])
def test_every_answer_has_the_security_headers(ask: Ask, path: str) -> None:
    """Nothing is cached, framed, sniffed or run, and the server does not say what it is."""
    headers = ask(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_a_bug_is_a_500_that_says_nothing(view: FakeView, ask: Ask) -> None:
    """The text of an exception goes to the log, not to whoever asked."""
    view.apps = None  # type: ignore[assignment]
    answer = ask("/api/v1/applications")
    assert answer.status == 500
    assert answer.json["message"] == "a bug of ours; the log has it"
    assert answer.headers["x-content-type-options"] == "nosniff"


def empty_app() -> Any:
    """The application over a view that nobody asks."""
    return create_app(FakeView(), lambda _: (b"", "text/plain"))


def test_the_server_leaves_signals_alone() -> None:
    """SIGTERM is the daemon's business."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    server = Server("127.0.0.1", 0, empty_app())
    server.start()
    during = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert server.stop()
    assert during == before


def test_a_taken_port_is_an_error_that_names_it() -> None:
    """The operator learns which port, at once."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
            Server("127.0.0.1", port, empty_app()).start()


def test_stopping_ends_the_thread() -> None:
    """After `stop` nothing listens and no thread is left; stopping what never started is fine."""
    server = Server("127.0.0.1", 0, empty_app())
    assert server.stop()
    port = server.start()
    assert server.stop()
    assert not [thread for thread in threading.enumerate() if thread is server._thread]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
