"""The HTTP server: each request passes faults, throttling, policies, ecsim or moto, and the ledger; one at a time."""

from __future__ import annotations

import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from ecsim.access import requests as access
from ecsim.account.account import Account, Hook
from ecsim.account.clock import VirtualClock
from ecsim.account.errors import AwsError
from ecsim.account.exchange import Request, Response
from ecsim.account.faults import Fault
from ecsim.account.ledger import LedgerEntry, is_mutating
from ecsim.account.policy import Check
from ecsim.account.world import Call, World
from ecsim.http import adjustments, operations, protocol, validation
from ecsim.http.consistency import Replica
from ecsim.http.control import Control
from ecsim.http.throttling import Buckets
from ecsim.moto import seams
from ecsim.moto.answers import Answers

StartResponse = Callable[..., Any]


class Dropped(Exception):  # not an error: the connection is dropped on purpose
    """The caller gets a reset connection."""


class QuietHandler(seams.RequestHandler):
    """A request handler that keeps connections open, sends without delay and logs nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing: the ledger has the requests."""


class Gateway:
    """The WSGI application.

    Its token buckets and its stale reads are states of the world, so that a reset discards them too.
    """

    def __init__(self, account: Account, control: Control) -> None:
        self._account = account
        self._control = control
        self._moto = seams.application()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else _read(environ, length)
        environ["wsgi.input"] = io.BytesIO(body)
        if environ.get("PATH_INFO", "").startswith("/_sim"):
            response = self._control.answer(environ, body)
        else:
            try:
                response = self._answer(environ, body)
            except Dropped as dropped:
                _reset(environ)
                raise ConnectionAbortedError("dropped on purpose") from dropped
        headers = dict(response.headers)
        if environ["REQUEST_METHOD"] != "HEAD":  # a response to HEAD has the length of the body of GET
            headers["Content-Length"] = str(len(response.body))
        start_response(f"{response.status} {'OK' if response.status < 400 else 'ERROR'}", list(headers.items()))
        return [response.body]

    def _answer(self, environ: dict[str, Any], body: bytes) -> Response:
        account = self._account
        request = protocol.decode(environ, body, account.settings.region)
        with account.lock:
            receiver = account.world_for(request.access_key).settings.account
            fault = account.faults.next(request.service, request.operation, receiver)
        if fault and fault.kind == "latency":
            self._wait(fault.seconds)
        with account.lock:
            _call(account.before_call, request)
            account.tick()
            world = account.world_for(request.access_key)
            if fault and fault.kind == "reset":
                raise Dropped
            asked = self._asked(world, request)
            response = (
                self._refused(world, request, fault)
                or self._denied(world, request, asked)
                or self._replied(world, request, environ, body)
            )
            if is_mutating(request.operation):
                world.changes += 1
                world.state(Answers).forget(request.service)
            self._record(world, request, response.error_code, asked)
            _call(account.after_call, request)
        if fault and fault.kind == "lost-response":
            raise Dropped
        return response

    def _wait(self, seconds: float) -> None:
        clock = self._account.clock
        if isinstance(clock, VirtualClock):
            with self._account.lock:
                clock.advance(seconds)
        else:
            time.sleep(seconds / self._account.settings.speed)

    def _refused(self, world: World, request: Request, fault: Fault | None) -> Response | None:
        if _throttled(world, request):
            fault = Fault("throttle")
        if fault is None or fault.kind not in ("throttle", "error", "deny"):
            return None
        return protocol.encode_error(request, AwsError(*fault.error(request.service, request.operation)))

    def _asked(self, world: World, request: Request) -> tuple[Check, ...]:
        """Return what IAM is asked about a request: nothing, if the caller may do everything."""
        if world.sessions.subject(request.access_key) not in self._account.settings.policies:
            return ()
        return access.checks(Call(world, request.region, request.params, request.caller), request)

    def _denied(self, world: World, request: Request, asked: tuple[Check, ...]) -> Response | None:
        policies = self._account.settings.policies.get(world.sessions.subject(request.access_key), ())
        error = access.denial(policies, request, asked, world.sessions.caller(request.access_key))
        return protocol.encode_error(request, error) if error else None

    def _replied(self, world: World, request: Request, environ: dict[str, Any], body: bytes) -> Response:
        """Return the account's answer, or the stale one of a replica."""
        replica, lags, now = world.state(Replica), world.settings.lags, world.now
        response = replica.stale(request, lags, now)
        if response is None:
            response = self._served(world, request, environ, body)
            replica.note(request, response, lags, now)
        return response

    def _served(self, world: World, request: Request, environ: dict[str, Any], body: bytes) -> Response:
        call = Call(world, request.region, request.params, request.caller)
        handler = operations.find(request.service, request.operation)
        try:
            if request.protocol != "rest":  # of a REST request the body is not decoded
                validation.check(request.service, request.operation, request.params)
            if handler is not None:
                return protocol.encode(request, handler(call))
            adjustments.before(request, environ, call)
            response = self._from_moto(world, request, environ, body)
            if response.status < 400:
                response = adjustments.after(request, response, call)
        except AwsError as error:
            return protocol.encode_error(request, error)
        except NotImplementedError:
            return protocol.encode_error(request, AwsError("NotImplemented", f"{request.name} is not simulated", 501))
        except Exception as error:  # noqa: BLE001  # the ledger must have a failure of ecsim or moto
            message = f"the simulator failed at {request.name}: {error!r}"
            return protocol.encode_error(request, AwsError("InternalFailure", message, 500))
        return response

    def _from_moto(self, world: World, request: Request, environ: dict[str, Any], body: bytes) -> Response:
        answers = world.state(Answers)
        response = answers.find(request, body)
        if response is None:
            response = self._ask_moto(world.settings.account, environ, body)
            answers.keep(request, body, response)
        return response

    def _ask_moto(self, account: str, environ: dict[str, Any], body: bytes) -> Response:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
            started[:] = [int(status.split(" ", 1)[0]), dict(headers)]
            return lambda _: None

        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        environ["wsgi.input"] = io.BytesIO(body)
        parts = self._moto(environ, start_response)
        answer = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        return Response(started[0], answer, started[1])

    def _record(self, world: World, request: Request, error_code: str | None, asked: tuple[Check, ...]) -> None:
        self._account.ledger.append(
            LedgerEntry(
                time=world.now,
                service=request.service,
                operation=request.operation,
                params=request.params,
                mutating=is_mutating(request.operation),
                ok=error_code is None,
                error_code=error_code,
                caller=request.caller,
                region=request.region,
                account=world.settings.account,
                identity=world.sessions.caller(request.access_key),
                checks=asked,
            )
        )


def _throttled(world: World, request: Request) -> bool:
    take = world.state(Buckets).take
    return world.settings.throttling and not take(request.region, request.service, request.operation, world.now)


def _call(hook: Hook | None, request: Request) -> None:
    """Call a hook. An exception breaks the caller's connection."""
    if hook is None:
        return
    try:
        hook(request.service, request.operation)
    except Exception as error:
        raise Dropped from error


def _read(environ: dict[str, Any], length: int) -> bytes:
    return bytes(environ["wsgi.input"].read(length)) if length else b""


def _reset(environ: dict[str, Any]) -> None:
    """Reset the caller's connection without a response, as a failing host does. A caller in this process has none."""
    connection = environ.get("werkzeug.socket")
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)


def serve(gateway: Gateway, port: int, host: str = "127.0.0.1") -> tuple[BaseWSGIServer, threading.Thread]:
    """Serve on an address of this machine, in a new thread. Raises OSError if the port is in use."""
    try:
        server = make_server(host, port, gateway, threaded=True, request_handler=QuietHandler)
    except SystemExit:  # werkzeug exits the process
        raise OSError(f"port {port} of {host} is in use") from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    return server, thread
