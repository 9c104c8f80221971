"""The routes: reads, `retry` from this machine, hooks, guards; security headers on every response, errors as JSON."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecsync.core.ports import HookResult
from ecsync.core.trees import Json
from ecsync.http import bodies
from ecsync.http.guards import Guards, Refused
from ecsync.http.hooks import LARGEST, Hooks
from ecsync.http.view import View

Exposition = Callable[[str], tuple[bytes, str]]  # Accept header -> the metrics, their content type
Answered = Callable[[str, str, int, float], None]  # template of the route, method, status, seconds

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
_METHODS = ("GET", "HEAD")
READS = (  # the routes of reads, in the order of `_Routes.reads`
    "/metrics",
    "/healthz",
    "/readyz",
    "/api/v1/applications",
    "/api/v1/applications/{name}",
    "/api/v1/events",
)
_FAST = 1  # level of gzip: a scrape comes each 15 s, and text of metrics shrinks to a tenth at any level
_RETRY = "/retry"  # the end of a path that takes POST
_HOOKS = "/hooks/"  # the start of other paths that take POST
_GUARDS = "/api/v1/guards/"  # the same
RETRY_HEADER = "x-ecsync-retry"
_HEALTH = ("/healthz", "/readyz")
_MOST_REQUESTS = 20  # at a time, health checks apart: fewer than the threads that answer requests
_LATE = 3  # intervals without a heartbeat after which a loop counts as stuck
_MOST_EVENTS = 1000
_EVENT_FILTERS = ("application", "type", "since", "limit")
_OF_HOOKS: Mapping[HookResult, tuple[int, str]] = {
    "accepted": (202, ""),
    "repeated": (200, ""),  # the sender may have lost our answer: it must not send it again
    "forged": (401, "the signature is not of this secret"),
    "expired": (401, "the time of this message is more than 5 minutes away: check the clocks"),
    "malformed": (400, "a header of the signature is missing or malformed"),
    "wrong_type": (415, "the content type must be application/json"),
    "oversized": (413, f"the body must not be larger than {LARGEST} bytes"),
    "slow": (408, "the body did not come in time"),
    "limited": (429, "too many requests; the source is read at its interval too"),
    "unknown": (404, "this path does not exist"),
}


def create_app(
    view: View,
    metrics: Exposition,
    hosts: Collection[str] = (),
    hooks: Hooks | None = None,
    guards: Guards | None = None,
    answered: Answered = lambda _route, _method, _status, _seconds: None,
) -> ASGIApp:
    """Build the application. Each read runs on a thread: `view` and `metrics` must be thread-safe.

    `hosts` are the names under which clients may reach it, beside `localhost` and every IP address. `answered` receives
    each answer, and must not block.
    """
    routes = _Routes(view, metrics)
    posts = [Route("/hooks/{hook}", partial(_hook, hooks), methods=["POST"])] if hooks else []
    posts += [Route(_GUARDS + "{verb}", partial(_guard, guards), methods=["POST"])] if guards else []
    starlette = Starlette(
        routes=[
            *(Route(path, read, methods=["GET"]) for path, read in zip(READS, routes.reads, strict=True)),
            Route("/api/v1/applications/{name}/retry", routes.retry, methods=["POST"]),
            *posts,
        ],
        exception_handlers={HTTPException: _rejected, Exception: _internal_error},
    )
    starlette.router.redirect_slashes = False  # a redirect would repeat the Host header of the client
    return _Guard(starlette, {"localhost", *(host.lower() for host in hosts)}, answered)


class _Routes:
    """One method per route; each reads the view and writes JSON."""

    def __init__(self, view: View, metrics: Exposition) -> None:
        self._view = view
        self._metrics = metrics
        self.reads = (
            self.metrics, self.healthz, self.readyz, self.applications, self.application, self.events,
        )  # fmt: skip

    def metrics(self, request: Request) -> Response:
        content, content_type = self._metrics(request.headers.get("accept", ""))
        headers = {"content-type": content_type, "vary": "accept, accept-encoding"}
        if _takes_gzip(request.headers.get("accept-encoding", "")):
            content, headers["content-encoding"] = gzip.compress(content, _FAST), "gzip"
        return Response(content, headers=headers)

    def healthz(self, _request: Request) -> Response:
        """Return 200 while every loop makes iterations: an open port does not prove that."""
        beats = self._view.heartbeat()
        loops = {
            name: {"ageSeconds": round(beat.age, 1), "ok": beat.age < _LATE * beat.interval}
            for name, beat in beats.items()
        }
        healthy = bool(loops) and all(loop["ok"] for loop in loops.values())
        return _json(bodies.envelope("Health", ok=healthy, loops=loops), 200 if healthy else 503)

    def readyz(self, _request: Request) -> Response:
        reasons = {name: reason for name, reason in self._view.readiness().items() if reason}
        body = bodies.envelope("Readiness", ok=not reasons, because=reasons, lease=self._view.lease())
        return _json(body, 503 if reasons else 200)

    def applications(self, _request: Request) -> Response:
        items = [bodies.summary(app) for app in self._view.applications()]
        states = self._view.sources()
        source = bodies.source_state(next((one for one in states if one.error), states[0]))
        sources = [bodies.source_state(one) for one in states]
        lease = self._view.lease()
        return _json(bodies.envelope("ApplicationList", items=items, source=source, sources=sources, lease=lease))

    def application(self, request: Request) -> Response:
        name = request.path_params["name"]
        app = self._view.application(name)
        if app is None:
            raise HTTPException(404, f"application {name!r} does not exist; /api/v1/applications lists all")
        sources = self._view.sources()
        source = next((one for one in sources if one.name == app.source), sources[0])
        return _json(bodies.envelope("Application", **bodies.application(app, source)))

    def retry(self, request: Request) -> Response:
        """Have an application, or one resource of it, tried at once. It gives no right that the daemon does not have.

        Only this machine may ask, with a header that a web page cannot send without being asked for it first.
        """
        if not _is_here(request) or RETRY_HEADER not in request.headers:
            raise HTTPException(403, "retry is only accepted from the machine or container of the daemon")
        name, resource = request.path_params["name"], request.query_params.get("resource", "")
        reason = self._view.retry(name, resource)
        if reason:
            raise HTTPException(404, reason)
        return _json(bodies.envelope("Retry", application=name, resource=resource), 202)

    def events(self, request: Request) -> Response:
        query = request.query_params
        unknown = sorted(query.keys() - set(_EVENT_FILTERS))
        if unknown:
            raise HTTPException(400, f"unknown parameter {unknown[0]!r}; use one of {', '.join(_EVENT_FILTERS)}")
        found = self._view.events(
            application=query.get("application"),
            of_type=query.get("type"),
            since=_since(query.get("since")),
            limit=_limit(query.get("limit", "100")),
        )
        return _json(bodies.envelope("EventList", items=[bodies.event(event) for event in found]))


async def _hook(hooks: Hooks, request: Request) -> Response:
    """Receive a hook. It has limits of its own, so that it takes no place of another request."""
    result = await hooks.receive(request.path_params["hook"], request.headers, _body(request))
    status, message = _OF_HOOKS[result]
    return _json(bodies.envelope("Hook", result=result), status) if status < 400 else _error(status, message)


async def _guard(guards: Guards, request: Request) -> Response:
    """Set what a person with the token asks for."""
    client = request.client.host if request.client else "?"
    try:
        status, message = await guards.receive(request.path_params["verb"], request.headers, _body(request), client)
    except Refused as refused:
        more = {"www-authenticate": "Bearer"} if refused.status == 401 else {}
        return _error(refused.status, str(refused), **more)
    return _json(bodies.envelope("Guard", message=message), status)


async def _body(request: Request) -> AsyncIterator[bytes]:
    """Yield the parts of a body. Raises ConnectionError if the client leaves."""
    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect:
        raise ConnectionError from None


class _Guard:
    """Rejects other methods, unknown hosts and too many requests, and adds the security headers to every response.

    A health check is always admitted: a busy API is no reason to restart the daemon. Hooks have limits of their own.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], answered: Answered) -> None:
        self._app = app
        self._hosts = hosts
        self._answered = answered
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began, status = time.monotonic(), 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        try:
            await self._answer(scope, receive, send_with_headers)
        finally:
            if status:  # else the client left
                route = getattr(scope.get("route"), "path", "other")
                self._answered(route, scope["method"], status, time.monotonic() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        hook = scope["path"].startswith(_HOOKS) and scope["method"] == "POST"
        post = scope["path"].endswith(_RETRY) or scope["path"].startswith(_GUARDS)
        if not hook and scope["method"] not in (("POST",) if post else _METHODS):
            await _error(405, "only reads, POST …/retry, hooks and guards", allow="GET, HEAD")(scope, receive, send)
            return
        if not self._knows(Headers(scope=scope).get("host", "")):
            await _error(421, "this host name is not served: add it to http.hosts")(scope, receive, send)
            return
        if hook or scope["path"] in _HEALTH:
            await self._app(scope, receive, send)
            return
        if self._running >= _MOST_REQUESTS:
            await _error(503, "too many requests; try again")(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1

    def _knows(self, host: str) -> bool:
        """Return whether a Host header is an address or a known name; HTTP/1.0 may have none.

        A web page can make a browser send requests to this server under a name of its own, and only under a name.
        """
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        try:
            ip_address(name)
        except ValueError:
            return not host or name.lower() in self._hosts
        return True


def _takes_gzip(accepted: str) -> bool:
    """Return whether an Accept-Encoding header names gzip, and does not refuse it with `q=0` (RFC 9110, 12.5.3)."""
    for one in accepted.split(","):
        coding, _, weight = one.partition(";")
        if coding.strip().lower() == "gzip":
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _is_here(request: Request) -> bool:
    """Return whether the client is on this machine, or in this container."""
    return request.client is not None and ip_address(request.client.host).is_loopback


def _since(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise HTTPException(400, "since must be a time such as 2026-01-31T12:00:00Z") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= _MOST_EVENTS):
        raise HTTPException(400, f"limit must be a number from 1 to {_MOST_EVENTS}")
    return int(text)


async def _rejected(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "this path does not exist" if error.detail == "Not Found" else error.detail)


async def _internal_error(_request: Request, _exception: Exception) -> Response:
    return _error(500, "internal error; see the log of the daemon")


def _error(status: int, message: str, **headers: str) -> Response:
    return _json(bodies.envelope("Error", status=status, message=message), status, **headers)


def _json(body: dict[str, Json], status: int = 200, **headers: Any) -> Response:
    content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    return Response(content, status_code=status, media_type="application/json", headers=headers)
