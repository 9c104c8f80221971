"""The HTTP side: one request at a time through faults, the simulator's own services or moto, and the ledger."""

from __future__ import annotations

import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from ecsim.account.clock import Clock, VirtualClock
from ecsim.account.errors import AwsError
from ecsim.account.faults import Fault, Faults
from ecsim.account.ledger import Ledger, LedgerEntry, is_mutating
from ecsim.account.world import Call, World
from ecsim.http import adjustments, operations, protocol, required
from ecsim.http.consistency import Replica
from ecsim.http.control import Control
from ecsim.moto import seams

Hook = Callable[[str, str], None]
StartResponse = Callable[..., Any]


class Dropped(Exception):  # not an error: the connection is dropped on purpose
    """The caller will see a reset connection."""


class QuietHandler(seams.RequestHandler):
    """Keeps connections open, sends at once, and logs nothing."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, *args: Any, **kwargs: Any) -> None:
        """Requests are in the ledger, not in a log."""


class Gateway:
    """The WSGI application."""

    def __init__(self, world: World, clock: Clock, control: Control) -> None:
        self.world = world
        self.clock = clock
        self.control = control
        self.faults = Faults()
        self.ledger = Ledger()
        self.before_call: Hook | None = None
        self.after_call: Hook | None = None
        self.replica = Replica()
        self.lock = threading.RLock()
        self._moto = seams.application()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read() if environ.get("wsgi.input_terminated") else _read(environ, length)
        environ["wsgi.input"] = io.BytesIO(body)
        if environ.get("PATH_INFO", "").startswith("/_sim"):
            with self.lock:
                response = self.control.answer(environ, body)
        else:
            try:
                response = self._answer(environ, body)
            except Dropped as dropped:
                _reset(environ)
                raise ConnectionAbortedError("dropped on purpose") from dropped
        headers = dict(response.headers)
        if environ["REQUEST_METHOD"] != "HEAD":  # there the length is that of the body that GET would have
            headers["Content-Length"] = str(len(response.body))
        start_response(f"{response.status} {'OK' if response.status < 400 else 'ERROR'}", list(headers.items()))
        return [response.body]

    def _answer(self, environ: dict[str, Any], body: bytes) -> protocol.Response:
        request = protocol.decode(environ, body, self.world.settings.region)
        with self.lock:
            fault = self.faults.next(request.service, request.operation)
        if fault and fault.kind == "latency":
            self._wait(fault.seconds)
        with self.lock:
            _call(self.before_call, request)
            self.world.run()
            if fault and fault.kind == "reset":
                raise Dropped
            response = self._refused(request, fault) or self._replied(request, environ, body)
            self._record(request, response.error_code)
            _call(self.after_call, request)
        if fault and fault.kind == "lost-response":
            raise Dropped
        return response

    def _wait(self, seconds: float) -> None:
        if isinstance(self.clock, VirtualClock):
            with self.lock:
                self.clock.advance(seconds)
        else:
            time.sleep(seconds / self.world.settings.speed)

    def _refused(self, request: protocol.Request, fault: Fault | None) -> protocol.Response | None:
        if self._throttled(request):
            fault = Fault("throttle")
        if fault is None or fault.kind not in ("throttle", "error", "deny"):
            return None
        return protocol.encode_error(request, AwsError(*fault.error(request.service, request.operation)))

    def _throttled(self, request: protocol.Request) -> bool:
        world = self.world
        take = world.buckets.take
        return world.settings.throttling and not take(request.region, request.service, request.operation, world.now)

    def _replied(self, request: protocol.Request, environ: dict[str, Any], body: bytes) -> protocol.Response:
        """The answer of the account, or the one that a replica still has."""
        lags, now = self.world.settings.lags, self.world.now
        response = self.replica.stale(request, lags, now)
        if response is None:
            response = self._served(request, environ, body)
            self.replica.note(request, response, lags, now)
        return response

    def _served(self, request: protocol.Request, environ: dict[str, Any], body: bytes) -> protocol.Response:
        call = Call(self.world, request.region, request.params, request.caller)
        handler = operations.find(request.service, request.operation)
        try:
            if handler is not None:
                required.check(request.service, request.operation, request.params)
                return protocol.encode(request, handler(call))
            adjustments.before(request, environ, call)
            response = self._ask_moto(environ, body)
            if response.status < 400:
                response = adjustments.after(request, response, call)
        except AwsError as error:
            return protocol.encode_error(request, error)
        except NotImplementedError:
            return protocol.encode_error(request, AwsError("NotImplemented", f"{request.name} is not simulated", 501))
        except Exception as error:  # noqa: BLE001  # a fault of ours or of moto's must be in the ledger
            message = f"the simulator failed at {request.name}: {error!r}"
            return protocol.encode_error(request, AwsError("InternalFailure", message, 500))
        return response

    def _ask_moto(self, environ: dict[str, Any], body: bytes) -> protocol.Response:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], None]:
            started[:] = [int(status.split(" ", 1)[0]), dict(headers)]
            return lambda _: None

        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.world.settings.account
        environ["wsgi.input"] = io.BytesIO(body)
        parts = self._moto(environ, start_response)
        answer = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        return protocol.Response(started[0], answer, started[1])

    def _record(self, request: protocol.Request, error_code: str | None) -> None:
        self.ledger.append(
            LedgerEntry(
                time=self.world.now,
                service=request.service,
                operation=request.operation,
                params=request.params,
                mutating=is_mutating(request.operation),
                ok=error_code is None,
                error_code=error_code,
                caller=request.caller,
                region=request.region,
            )
        )


def _call(hook: Hook | None, request: protocol.Request) -> None:
    """Run a test's hook; whatever it raises is, for the caller, a connection that breaks here."""
    if hook is None:
        return
    try:
        hook(request.service, request.operation)
    except Exception as error:
        raise Dropped from error


def _read(environ: dict[str, Any], length: int) -> bytes:
    return bytes(environ["wsgi.input"].read(length)) if length else b""


def _reset(environ: dict[str, Any]) -> None:
    """Break the caller's connection as a dying host or load balancer does, with nothing answered."""
    connection = environ["werkzeug.socket"]
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RDWR)


def serve(gateway: Gateway, port: int) -> tuple[BaseWSGIServer, threading.Thread]:
    """Serve on the loopback interface only, in a thread of its own."""
    try:
        server = make_server("127.0.0.1", port, gateway, threaded=True, request_handler=QuietHandler)
    except SystemExit:  # werkzeug is made for command lines
        raise OSError(f"port {port} of 127.0.0.1 is in use") from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    return server, thread
