"""The HTTP server over a real socket: health from heartbeats, readiness with reasons, and stable JSON."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
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
    Changed,
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
from ecsync.http.connections import Bounds
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
    app = create_app(delegate, lambda accept: (accept.encode(), "text/plain; charset=utf-8"), ["ecsync.internal"])
    server = Server("127.0.0.1", 0, app)
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
            "since": None,
            "mode": "observe",
            "suspended": "",
            "approval": "",
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
            since=NOW,
            resources_since={API: NOW + timedelta(seconds=1)},
            changes={API: Changed(time=NOW, action="updated", revision="0a1b2c3")},
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
    assert (body["since"], resource["since"]) == ("2026-01-01T12:00:00.000Z", "2026-01-01T12:00:01.000Z")
    assert resource["lastChange"] == {"time": "2026-01-01T12:00:00.000Z", "action": "updated", "revision": "0a1b2c3"}
    common = {"effect": "in-place", "reason": "drift", "note": ""}
    assert resource["fields"] == [
        {"path": "/cpu", "shown": "cpu", "before": "256", "after": "512", "origin": "api.yaml:4"} | common,
        {"path": "/env/KEY", "shown": "env.KEY", "before": "(sensitive) #a1", "after": None, "origin": None} | common,
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


def test_a_retry_is_passed_on(view: FakeView, get: Get) -> None:
    """Of an application, or of one resource."""
    for query in ("", "?resource=Service/api"):
        assert get(f"/api/v1/applications/shop/retry{query}", "POST", **{"x-ecsync-retry": "1"}).status == 202
    assert view.retries == [("shop", ""), ("shop", "Service/api")]
    assert get("/api/v1/applications/none/retry", "POST", **{"x-ecsync-retry": "1"}).status == 404


def test_a_web_page_cannot_ask_for_a_retry(view: FakeView, get: Get) -> None:
    """A page can send a POST to this machine, but not with this header."""
    assert get("/api/v1/applications/shop/retry", "POST").status == 403
    assert get("/api/v1/applications/shop/retry", "OPTIONS").status == 405
    assert view.retries == []


@pytest.mark.parametrize(("client", "code"), [("10.0.0.9", 403), ("127.0.0.1", 202), ("::1", 202)])
def test_another_machine_cannot_ask_for_a_retry(client: str, code: int) -> None:
    """The metrics are open to a network, this is not."""
    codes: list[int] = []

    async def send(message: Any) -> None:
        codes.append(message.get("status", 0))

    async def receive() -> Any:
        return {"type": "http.request"}

    path = "/api/v1/applications/shop/retry"
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "client": (client, 50000)}
    scope["headers"] = [(b"host", b"localhost"), (b"x-ecsync-retry", b"1")]

    async def request() -> None:
        await create_app(FakeView(), lambda _: (b"", "text/plain"))(scope, receive, send)

    asyncio.run(request())
    assert codes[0] == code


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_else_can_be_written(get: Get, method: str) -> None:
    """Only GET and HEAD, on every other path."""
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


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("10.0.0.7:8080", 200),
        ("[::1]:8080", 200),
        ("LOCALHOST:8080", 200),
        ("ecsync.internal:8080", 200),
        ("attacker.example.com", 421),
        ("127.0.0.1.attacker.example.com:8080", 421),
    ],
)
def test_an_unknown_host_is_rejected(get: Get, host: str, status: int) -> None:
    """A web page that resolves its own name to this address cannot read the API through a browser."""
    assert get("/api/v1/applications", host=host).status == status


def test_a_request_without_a_host_is_answered(shared: tuple[list[FakeView], int]) -> None:
    """Health checks of load balancers may use HTTP/1.0; browsers always send a host."""
    with socket.create_connection(("127.0.0.1", shared[1]), timeout=5) as client:
        client.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")


@pytest.fixture
def narrow() -> Iterator[int]:
    """Yield the port of a server with three connections, and a tenth of a second for the head of a request."""
    server = Server("127.0.0.1", 0, empty_app(), Bounds(connections=3, head=0.1))
    yield server.start()
    assert server.stop()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: local"], ids=["nothing", "half a head"])
def test_a_head_that_does_not_come_ends_the_connection(narrow: int, sent: bytes) -> None:
    """A client that sends nothing, or sends it slowly, keeps no place."""
    with socket.create_connection(("127.0.0.1", narrow), timeout=5) as client:
        client.sendall(sent)
        assert ended(client)


def test_a_half_head_after_a_response_ends_the_connection(narrow: int) -> None:
    """The time begins again after each response."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", narrow, timeout=5)) as client:
        client.request("GET", "/healthz")
        response = client.getresponse()
        assert (response.status, bool(response.read())) == (200, True)
        assert client.sock is not None
        client.sock.sendall(b"GET /he")
        assert ended(client.sock)


def test_a_health_check_finds_a_place() -> None:
    """Other clients hold every connection: the one that was idle for longest ends."""
    server = Server("127.0.0.1", 0, empty_app(), Bounds(connections=3))
    port = server.start()
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5)) for _ in range(3)]
        check = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        check.request("GET", "/healthz")
        assert check.getresponse().status == 200
        check.close()
        assert ended(held[0])
    assert server.stop()


def test_a_busy_api_answers_health_checks() -> None:
    """Twenty requests are answered at a time; another one is rejected, a health check is not."""
    go_on, waiting = threading.Event(), threading.Semaphore(0)

    def slow(_: str) -> tuple[bytes, str]:
        waiting.release()
        go_on.wait(5)
        return b"", "text/plain"

    server = Server("127.0.0.1", 0, create_app(FakeView(), slow))
    port = server.start()

    def ask(path: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection

    busy = [ask("/metrics") for _ in range(20)]
    assert all(waiting.acquire(timeout=5) for _ in busy)
    others = [ask(path) for path in ("/metrics", "/healthz", "/readyz")]
    statuses = [one.getresponse().status for one in others]
    go_on.set()
    assert statuses == [503, 200, 200]
    assert {one.getresponse().status for one in busy} == {200}
    for one in (*busy, *others):
        one.close()
    assert server.stop()


def ended(client: socket.socket) -> bool:
    """Return whether the server ends the connection, within the timeout of the socket."""
    try:
        while client.recv(100):  # the rest of a response
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


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


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
        ("gzip; q=0", False),
    ],
)
def test_metrics_are_compressed_for_those_who_ask(get: Get, accepted: str, packed: bool) -> None:
    """A scrape of many applications is megabytes of text that repeats."""
    response = get("/metrics", **{"accept": "text/plain", "accept-encoding": accepted})
    assert (response.headers.get("content-encoding") == "gzip") == packed
    assert (gzip.decompress(response.body) if packed else response.body) == b"text/plain"
    assert response.headers["vary"] == "accept, accept-encoding"
    assert int(response.headers["content-length"]) == len(response.body)


def test_each_answer_is_counted_by_the_template_of_its_route() -> None:
    """A path of a client is no label: a name may be anything."""
    seen: list[tuple[str, str, int]] = []

    def answered(route: str, method: str, status: int, seconds: float) -> None:
        assert seconds >= 0
        seen.append((route, method, status))

    server = Server("127.0.0.1", 0, create_app(FakeView(), lambda _: (b"", "text/plain"), answered=answered))
    port = server.start()
    for method, path in [
        ("GET", "/metrics"), ("HEAD", "/healthz"), ("GET", "/api/v1/applications/unknown"), ("GET", "/nothing/at/all"),
        ("DELETE", "/metrics"), ("GET", "/api/v1/events?limit=x"),
    ]:  # fmt: skip
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        client.request(method, path)
        client.getresponse().read()
        client.close()
    assert server.stop()
    assert seen == [
        ("/metrics", "GET", 200),
        ("/healthz", "HEAD", 200),
        ("/api/v1/applications/{name}", "GET", 404),
        ("other", "GET", 404),
        ("other", "DELETE", 405),
        ("/api/v1/events", "GET", 400),
    ]
