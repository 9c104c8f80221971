"""The wire without sockets: botocore's requests go straight into the simulated AWS, in this process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError

from ecsim import Simulator
from ecsync.aws.clients import Access, Clients

URL = "http://127.0.0.1:9"  # no process listens there
SERVICES = (
    "ecs", "elbv2", "iam", "ec2", "logs", "autoscaling", "application-autoscaling", "ecr", "sts", "ssm", "cloudwatch",
    "resourcegroupstaggingapi",
)  # fmt: skip

Environ = dict[str, Any]
Answer = Callable[[Environ, Callable[..., Any]], Any]  # a WSGI application


class _Raw(io.BytesIO):
    """The body of a response, as urllib3 has it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def connected(simulator: Simulator, region: str, answer: Answer | None = None) -> Clients:
    """Return clients that send every request to `answer`, by default the simulator."""
    clients = Clients(Access(region=region, endpoint_url=URL))
    gateway = answer or simulator.gateway

    def send(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]]) -> None:
            started[:] = int(status.split()[0]), dict(headers)

        try:
            body = b"".join(gateway(_environ(request), start))
        except ConnectionAbortedError as error:
            raise ConnectionClosedError(endpoint_url=URL, error=error) from error
        return AWSResponse(request.url, started[0], started[1], _Raw(body))

    emitter(clients).register("before-send", send)
    return clients


def emitter(clients: Clients) -> Any:
    """Return botocore's event emitter, which all clients share."""
    return clients._session.get_component("event_emitter")


def warm(clients: Clients, *regions: str) -> None:
    """Make every client once, before a process is copied."""
    for region in regions:
        for service in SERVICES:
            for once in (False, True):
                clients.get(service, region, once=once)


def _environ(request: AWSPreparedRequest) -> Environ:
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
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = text
    return environ
