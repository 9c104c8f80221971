"""The health check of a daemon on this machine, as a small program: it runs every 30 s in every container.

It loads a few modules of Python, and PyYAML only if the address may be in a config file. `ecsync status --health` runs
it.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping

SECONDS = 5.0  # for the answer
_LONGEST = 65_536  # bytes of an answer
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing is bound here


class Unknown(Exception):
    """The settings are not ones that this program can read: the command with all settings reports why."""


def main() -> int | None:
    """Check the daemon of the settings of this process, and return the exit code; None where these are not usable."""
    try:
        why = problem(*address(os.environ))
    except Unknown:
        return None  # the command has the message
    if why:
        sys.stderr.write(f"ecsync: {why}\n")
    return 1 if why else 0


def address(environment: Mapping[str, str]) -> tuple[str, int]:
    """Return host and port of the daemon (`http.host`, `http.port`). Raises Unknown."""
    given = {"host": environment.get("ECSYNC_HTTP_HOST"), "port": environment.get("ECSYNC_HTTP_PORT")}
    own: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    file = environment.get("ECSYNC_CONFIG")
    if file and len(own) < len(given):
        own = {**_of_file(file), **own}
    host, port = str(own.get("host", "127.0.0.1")), str(own.get("port", 8080))
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65_536):
        raise Unknown
    return _ANY.get(host, host), int(port)


def problem(host: str, port: int, within: float = SECONDS) -> str:
    """Return why the daemon at an address is not healthy; empty if it is. It has `within` seconds to answer."""
    name = f"[{host}]" if ":" in host else host
    at, deadline = f"http://{name}:{port}", time.monotonic() + within
    try:
        with socket.create_connection((host, port), within) as connection:
            connection.sendall(f"GET /healthz HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            answer = _answer(connection, deadline)
    except (OSError, UnicodeError) as error:
        return f"no daemon at {at} ({error}): start one with `ecsync run`, or set http.host and http.port"
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.partition(b"\r\n")[0].split(b" ")
    if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or b'"ecsync/v1"' not in body:
        return f"{at} is not ecsync: set http.host and http.port to the address of the daemon"
    return "" if status[1] == b"200" else f"{at}/healthz: {status[1].decode(errors='replace')}{_stuck(body)}"


def _answer(connection: socket.socket, deadline: float) -> bytes:
    """Return everything until the other side closes the connection. Raises TimeoutError."""
    found = b""
    while len(found) < _LONGEST:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        connection.settimeout(left)
        part = connection.recv(4096)
        if not part:
            break
        found += part
    return found


def _stuck(body: bytes) -> str:
    """Return which loops are stuck, by the body of an answer."""
    import json  # only for a daemon that is not healthy

    try:
        loops = json.loads(body)["loops"]
        stuck = {name: float(one["ageSeconds"]) for name, one in loops.items() if not one["ok"]}
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
    each = "; ".join(f"the {name} loop is stuck: no iteration for {age:.0f} s" for name, age in stuck.items())
    return f": {each}" if each else ""


def _of_file(file: str) -> Mapping[str, object]:
    """Return the group `http` of a config file. Raises Unknown for a file that is not usable."""
    import yaml

    try:
        with open(file, encoding="utf-8") as content:  # noqa: PTH123  # pathlib takes as long to load as all of this
            tree = yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # both are safe
    except (OSError, ValueError, yaml.YAMLError):
        raise Unknown from None
    own = tree.get("http") or {} if isinstance(tree, dict) else {}
    if not isinstance(own, dict):
        raise Unknown
    return own
