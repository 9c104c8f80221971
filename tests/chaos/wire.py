"""The wire without sockets: botocore's requests go straight into the simulated AWS, in this process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.signers import RequestSigner

from ecsync.aws import lean
from ecsync.aws.clients import Clients

URL = "http://127.0.0.1:9"  # no process listens there
SERVICES = (
    "ecs", "elbv2", "iam", "ec2", "logs", "autoscaling", "application-autoscaling", "ecr", "sts", "ssm", "cloudwatch",
    "resourcegroupstaggingapi", "s3", "dynamodb",
)  # fmt: skip

Environ = dict[str, Any]
Answer = Callable[[Environ, Callable[..., Any]], Any]  # a WSGI application


@dataclass(frozen=True)
class Exchange:
    """A request and its response."""

    environ: Environ
    sent: bytes
    status: int
    headers: Mapping[str, str]
    received: bytes


class _Raw(io.BytesIO):
    """The body of a response, as urllib3 has it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class Wire:
    """Sends every request of some clients to `answer`, a WSGI application."""

    answer: Answer
    last: Exchange | None = None

    def connect(self, clients: Clients) -> None:
        """Send the requests of these clients, with their credentials and without a signature: nothing checks it."""
        events = clients._session.get_component("event_emitter")
        events.register("choose-signer", lambda **_: UNSIGNED)
        events.register("before-sign", _named)
        events.register("before-send", self._send)

    def again(self, exchange: Exchange, protocol: str) -> bool:
        """Send the same request once more; return whether the answer is the same but for the id of its request."""
        now = self._exchanged(exchange.environ, exchange.sent)
        return now.status == exchange.status and (
            now.received == exchange.received
            or lean.digest_of(now.received, protocol) == lean.digest_of(exchange.received, protocol)
        )

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.last = exchange = self._exchanged(*_environ(request))
        return AWSResponse(request.url, exchange.status, exchange.headers, _Raw(exchange.received))

    def _exchanged(self, environ: Environ, sent: bytes) -> Exchange:
        started: list[Any] = []
        request = {**environ, "wsgi.input": io.BytesIO(sent), "wsgi.errors": io.StringIO()}
        try:
            received = b"".join(self.answer(request, lambda *start: started.extend(start)))
        except ConnectionAbortedError as error:
            raise ConnectionClosedError(endpoint_url=URL, error=error) from error
        return Exchange(environ, sent, int(started[0].split()[0]), dict(started[1]), received)


def warm(clients: Clients, *regions: str) -> Iterator[Any]:
    """Make every client once, before a process is copied."""
    for region in regions:
        for service in SERVICES:
            for once in (False, True):
                yield clients.get(service, region, once=once)


def _named(request: AWSRequest, signing_name: str, region_name: str, request_signer: RequestSigner, **_: Any) -> None:
    """Name the caller, the Region and the service, as the header of a signature does."""
    own = request.context.get("signing", {}).get("request_credentials")  # of a role that writes
    key = (own or request_signer._credentials).get_frozen_credentials().access_key
    scope = f"{key}/20000101/{region_name}/{signing_name}/aws4_request"
    request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}"


def _environ(request: AWSPreparedRequest) -> tuple[Environ, bytes]:
    parts = urlsplit(request.url)
    body = request.body or b""
    body = body.read() if hasattr(body, "read") else body
    body = body.encode() if isinstance(body, str) else body
    environ: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(parts.path) or "/",
        "QUERY_STRING": parts.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "9",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:9",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = text
    return environ, body
