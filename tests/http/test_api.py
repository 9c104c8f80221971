"""The HTTP server over a real socket: health from heartbeats, readiness with reasons, and stable JSON."""

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

from ecsync.core.model import Create, Desired, FieldChange, Key, Origin, Problem
from ecsync.core.outcome import (
    Event,
    Health,
    Outcome,
    Pass,
    Plan,
    ResourceStatus,
    Step,
    StepId,
    Withheld,
    WithheldReason,
)
from ecsync.core.redact import Redacted
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
class Response:
    """A response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Get = Callable[..., Response]


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[list[FakeView], int]]:
    """Yield one server for all tests; each test replaces the view."""
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
    """Return a new view."""
    shared[0][0] = FakeView()
    return shared[0][0]


@pytest.fixture
def get(shared: tuple[list[FakeView], int]) -> Get:
    """Return a function that sends a request to the server."""

    def get(path: str, method: str = "GET", **headers: str) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", shared[1], timeout=5)
        try:
            connection.request(method, path, headers=headers)
            got = connection.getresponse()
            return Response(got.status, {k.lower(): v for k, v in got.getheaders()}, got.read())
        finally:
            connection.close()

    return get


def test_metrics_have_the_format_that_the_scraper_accepts(get: Get) -> None:
    """The exposition receives the Accept header and sets its own content type."""
    response = get("/metrics", accept="application/openmetrics-text")
    assert (response.status, response.body) == (200, b"application/openmetrics-text")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("beats", "status"),
    [
        ({"reconcile": Beat(age=29.9, interval=10)}, 200),
        ({"reconcile": Beat(age=30, interval=10)}, 503),
        ({"reconcile": Beat(age=1, interval=10), "source": Beat(age=999, interval=30)}, 503),
        ({}, 503),
    ],
)
def test_health_is_the_heartbeat(view: FakeView, get: Get, beats: dict[str, Beat], status: int) -> None:
    """A loop without an iteration for three intervals is stuck, and a daemon without loops is not healthy."""
    view.beats = beats
    response = get("/healthz")
    assert response.status == status
    assert response.json["ok"] is (status == 200)
    assert set(response.json["loops"]) == set(beats)


def test_readiness_has_the_reason(view: FakeView, get: Get) -> None:
    """The response names the part that is not ready, and why."""
    assert get("/readyz").json == {
        "apiVersion": "ecsync/v1",
        "kind": "Readiness",
        "ok": True,
        "because": {},
        "lease": "",
    }
    view.not_ready["source"] = "empty: no manifest in it"
    response = get("/readyz")
    assert response.status == 503
    assert response.json["because"] == {"source": "empty: no manifest in it"}


def test_applications_are_listed(get: Get) -> None:
    """The list has the state of each application and of the source."""
    body = get("/api/v1/applications").json
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


def test_an_application_has_every_part_of_its_state(view: FakeView, get: Get) -> None:
    """Resources with fields, problems, held steps, last pass and source; redacted values stay redacted."""
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
        withheld=(Withheld(step=held, reason=WithheldReason("suspended", "suspended by ecsync/suspend")),),
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
    body = get("/api/v1/applications/shop").json
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
    (held_step,) = body["held"]
    reason = "suspended by ecsync/suspend"
    assert held_step == {"key": "Service/shop/api", "reason": reason, "obstacle": "suspended"}
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


def test_events_are_filtered_by_the_engine(view: FakeView, get: Get) -> None:
    """The view receives typed parameters, and an event has its fields with their lines."""
    view.found = [
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
    body = get("/api/v1/events?application=shop&type=drift.*&since=2026-01-01T11:00:00Z&limit=5").json
    assert view.query == {
        "application": "shop",
        "of_type": "drift.*",
        "since": datetime(2026, 1, 1, 11, tzinfo=UTC),
        "limit": 5,
    }
    (event,) = body["items"]
    assert (event["type"], event["resource"], event["severity"]) == ("drift.detected", "Service/shop/api", "warning")
    assert event["fields"][0]["origin"] == "api.yaml:4"
    assert event["detail"] == {"action": "modified", "odd": "(sensitive) #a1"}


def test_events_have_a_default_limit(view: FakeView, get: Get) -> None:
    """Without parameters the newest 100 are returned."""
    get("/api/v1/events")
    assert view.query == {"application": None, "of_type": None, "since": None, "limit": 100}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=99999", "limit=%D9%A3", "since=yesterday", "app=shop"])
def test_a_wrong_parameter_is_rejected(get: Get, query: str) -> None:
    """A misspelt filter would return every event without an error."""
    response = get("/api/v1/events?" + query)
    assert response.status == 400
    assert response.json["kind"] == "Error"


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/v1/applications/unknown", "/api/v1/applications/", "/metrics/"]
)
def test_an_unknown_path_is_404_in_json(get: Get, path: str) -> None:
    """Errors are JSON, and no path redirects."""
    response = get(path)
    assert (response.status, response.json["status"]) == (404, 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_can_be_written(get: Get, method: str) -> None:
    """Only GET and HEAD, on every path."""
    for path in ("/api/v1/applications", "/nothing"):
        response = get(path, method)
        assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


def test_head_is_get_without_the_body(get: Get) -> None:
    """Health checks may use HEAD."""
    response = get("/healthz", "HEAD")
    assert (response.status, response.body) == (200, b"")


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/api/v1/events", "/nothing"])
def test_every_response_has_the_security_headers(get: Get, path: str) -> None:
    """No response is cached, framed, sniffed or executed, and no header names the server."""
    headers = get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "server" not in headers


def test_an_internal_error_is_a_500_without_details(view: FakeView, get: Get) -> None:
    """The text of an exception is in the log, not in the response."""
    view.apps = None  # type: ignore[assignment]
    response = get("/api/v1/applications")
    assert response.status == 500
    assert response.json["message"] == "internal error; see the log of the daemon"
    assert response.headers["x-content-type-options"] == "nosniff"


def empty_app() -> Any:
    """Return an application over an unused view."""
    return create_app(FakeView(), lambda _: (b"", "text/plain"))


def test_the_server_installs_no_signal_handler() -> None:
    """The daemon handles SIGTERM."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    server = Server("127.0.0.1", 0, empty_app())
    server.start()
    during = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert server.stop()
    assert during == before


def test_a_port_in_use_is_an_error_that_names_it() -> None:
    """`start` raises before anything is served."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
            Server("127.0.0.1", port, empty_app()).start()


def test_stopping_ends_the_thread() -> None:
    """After `stop` nothing listens and no thread is left; `stop` before `start` is allowed."""
    server = Server("127.0.0.1", 0, empty_app())
    assert server.stop()
    port = server.start()
    assert server.stop()
    assert not [thread for thread in threading.enumerate() if thread is server._thread]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=1):
        pass
