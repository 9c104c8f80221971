"""The load AWS as a process: `python -m benchmarks.load.server`. It prints its port, and serves until its input ends.

One thread. The hot reads are answered from templates, all other reads by the simulator, once for each request. Writes
are refused and counted, except the repair of a log group that the settings let drift. Control: `GET /_load/counts`,
`POST /_load/settings` with the fields of `Options`, `fleets` and `drifts`.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import parse_qsl

from benchmarks.fleet import REGION, Fleet
from benchmarks.load.buckets import Buckets
from benchmarks.load.record import EVENTS, Recording, record
from benchmarks.load.site import Site
from ecsim.account.errors import AwsError
from ecsim.account.exchange import Request
from ecsim.account.faults import Fault
from ecsim.account.ledger import is_mutating
from ecsim.http.protocol import SIGNING_NAMES, decode, encode_error

CREDENTIAL = re.compile(rb"Credential=[^/]+/[^/]+/([^/]+)/([^/]+)/aws4_request")
MEMBER = re.compile(r"(\w+)\.member\.\d+")
JSON, XML = "application/x-amz-json-1.1", "text/xml"


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the load AWS answers. `speed` is the number of its seconds in one second; `latency` is in its seconds."""

    buckets: bool = False
    others: float = 0.0  # the part of each bucket that other clients use
    latency: float = 0.0
    speed: float = 1.0
    throttled: tuple[str, ...] = ()  # operations that are always throttled


@dataclass
class Counts:
    """The calls since the last settings, by site and operation; refused and throttled ones are among the calls."""

    calls: Counter[str] = field(default_factory=Counter)  # `eu-west-1 ecs.DescribeServices`
    throttles: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)  # writes that undo a drift; all others are refused
    errors: Counter[str] = field(default_factory=Counter)  # with the message

    def as_json(self) -> dict[str, dict[str, int]]:
        """Return the counts for the control URL."""
        return {one.name: dict(getattr(self, one.name)) for one in fields(self)}


class LoadAws:
    """The sites, and the way from a request to its answer."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._sites: dict[str, Site] = {}
        self._buckets: dict[str, Buckets] = {}
        self._proxied: dict[tuple[str, str, bytes], tuple[int, str, bytes]] = {}
        self.options = Options()
        self.counts = Counts()

    def set(self, wanted: dict[str, Any]) -> None:
        """Change options or, with `fleets`, the sites. Counts begin again, and every bucket is full.

        `drifts` has the retention of log groups, as a person sets it: by Region and number. `minutes` is the time.
        """
        wanted = dict(wanted)
        fleets = wanted.pop("fleets", None)
        if fleets is not None:
            made = [Fleet(**fleet) for fleet in fleets]
            self._sites = {fleet.region: Site(fleet, self._recording) for fleet in made}
        for region, retentions in wanted.pop("drifts", {}).items():
            self._sites[region].drifted |= {int(number): days for number, days in retentions.items()}
        for site in self._sites.values() if "minutes" in wanted else ():
            site.minutes = wanted["minutes"]
        wanted.pop("minutes", None)
        if "throttled" in wanted:
            wanted["throttled"] = tuple(wanted["throttled"])
        self.options = replace(self.options, **wanted)
        self.counts = Counts()
        self._buckets = {region: Buckets(self.options.others) for region in self._sites}

    def answer(self, path: str, headers: bytes, body: bytes) -> tuple[int, str, bytes]:
        """Return status, content type and body."""
        if path.startswith("/_load"):
            if path == "/_load/settings":
                self.set(json.loads(body or b"{}"))
            return 200, JSON, json.dumps(self.counts.as_json()).encode()
        request = _request(path, headers, body)
        where = f"{request.region} {request.service}.{request.operation}"
        self.counts.calls[where] += 1
        try:
            return self._answer(request, path, headers, body, where)
        except AwsError as error:
            if error.message != "Rate exceeded":
                self.counts.errors[f"{where}: {error}"] += 1
            response = encode_error(request, error)
            return response.status, response.headers["Content-Type"], response.body

    def _answer(self, request: Request, path: str, headers: bytes, body: bytes, where: str) -> tuple[int, str, bytes]:
        name = f"{request.service}.{request.operation}"
        site = self._sites.get(request.region)
        if site is None:
            raise AwsError("UnrecognizedClientException", f"the load AWS has no Region {request.region}", 403)
        if self._is_throttled(request.region, name):
            self.counts.throttles[where] += 1
            raise AwsError(*Fault("throttle").error(request.service, request.operation))
        if is_mutating(request.operation):
            self.counts.writes[where] += 1
            if site.repair(name, request.params):
                self.counts.repairs[where] += 1
                return 200, JSON, b"{}"
            raise AwsError(*Fault("deny").error(request.service, request.operation))
        answer = site.answer(name, request.params) if name in site.operations else None
        if answer is not None:
            return 200, JSON if request.protocol == "json" else XML, answer
        return self._proxy(request, site, path, headers, body)

    def _is_throttled(self, region: str, name: str) -> bool:
        now = time.monotonic() * self.options.speed
        return name in self.options.throttled or (self.options.buckets and not self._buckets[region].take(name, now))

    def _proxy(self, request: Request, site: Site, path: str, headers: bytes, body: bytes) -> tuple[int, str, bytes]:
        key = (request.region, f"{request.name} {path}", body)
        if key not in self._proxied:
            own = site.fleet.region.encode()
            environ = _environ(path, headers.replace(own, REGION.encode()), body.replace(own, REGION.encode()))
            started: list[Any] = []
            gateway = self._recording.simulator.gateway
            parts = gateway(environ, lambda status, pairs: started.extend((int(status.split()[0]), dict(pairs))))
            content_type = started[1].get("Content-Type", JSON)
            self._proxied[key] = (started[0], content_type, site.localised(b"".join(parts)))
        if self._proxied[key][0] >= 400:
            self.counts.errors[f"{request.region} {request.name}: {self._proxied[key][2][:200]!r}"] += 1
        return self._proxied[key]


def _request(path: str, headers: bytes, body: bytes) -> Request:
    """Decode a request. Only the hot protocols are decoded here, the others as the simulator does it."""
    signed = CREDENTIAL.search(headers)
    target = _header(headers, b"x-amz-target")
    if signed and target:
        service = SIGNING_NAMES.get(signed[2].decode(), signed[2].decode())
        params = json.loads(body or b"{}")
        return Request(service, target.rpartition(".")[2], signed[1].decode(), "json", params, "")
    if signed and signed[2] == b"elasticloadbalancing":
        values = parse_qsl(body.decode(), keep_blank_values=True)
        form: dict[str, Any] = {}
        for name, value in values:
            member = MEMBER.fullmatch(name)
            if member:
                form.setdefault(member[1], []).append(value)
            else:
                form[name] = value
        return Request("elbv2", form["Action"], signed[1].decode(), "query", form, "")
    return decode(_environ(path, headers, body), body, REGION)


def _environ(path: str, headers: bytes, body: bytes) -> dict[str, Any]:
    """Return the request as WSGI has it, for the simulator."""
    lines = headers.decode("latin-1").split("\r\n")
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": lines[0].split(" ")[0],
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "CONTENT_LENGTH": str(len(body)),
    }
    for line in lines[1:]:
        name, _, value = line.partition(":")
        key = name.strip().upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value.strip()
        elif key and key != "CONTENT_LENGTH":
            environ[f"HTTP_{key}"] = value.strip()
    return environ


def _header(headers: bytes, name: bytes) -> str:
    found = re.search(rb"(?im)^" + re.escape(name) + rb":[ \t]*([^\r\n]*)", headers)
    return found[1].decode() if found else ""


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection. A client sends its next request after the answer."""

    def __init__(self, aws: LoadAws) -> None:
        self._aws = aws
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            length = int(_header(head, b"content-length") or 0) if end else 0
            if not end or len(rest) < length:
                return
            self._buffer = rest[length:]
            path = head.split(b" ", 2)[1].decode()
            status, content_type, body = self._aws.answer(path, head, rest[:length])
            answer = b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (
                status,
                content_type.encode(),
                len(body),
                body,
            )
            options = self._aws.options
            if options.latency and not path.startswith("/_load"):
                asyncio.get_running_loop().call_later(options.latency / options.speed, self._write, answer)
            else:
                self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def serve(aws: LoadAws) -> None:
    """Serve on a free port of the loopback interface until the input of this process ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(aws), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Record the simulator, then serve."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    recording = record(events)
    try:
        asyncio.run(serve(LoadAws(recording)))
    finally:
        recording.simulator.stop()


if __name__ == "__main__":
    main()
