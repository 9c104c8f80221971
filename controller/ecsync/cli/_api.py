"""Ask a running daemon over its HTTP API."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from ecsync.core.wording import printable

if TYPE_CHECKING:
    from urllib.error import HTTPError
    from urllib.request import OpenerDirector

    from ecsync.config import HttpSettings

_SECONDS = 5.0
_VERSION = "ecsync/v1"
_LONGEST = 2000  # characters of what a daemon says is wrong


class NoDaemon(Exception):
    """No daemon answered, or it has nothing good to say; the text says what to do."""


def near(http: HttpSettings) -> str:
    """Return where a daemon with the settings of this process is: in its container, it has the same."""
    if not http.port:
        raise NoDaemon("http.port is 0, so that a daemon takes any free one: name where it is with --url")
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing is bound here
    host = everywhere.get(http.host, http.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{http.port}"


def get(url: str, path: str, **query: object) -> Any:
    """Return the JSON at a path of the daemon's API. Raises NoDaemon."""
    from http.client import HTTPException  # a quarter of what `--help` would take
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlencode

    if not url.startswith(("http://", "https://")):
        raise NoDaemon(f"{url}: not an http address")
    asked = urlencode({name: value for name, value in query.items() if value is not None})
    address = f"{url.rstrip('/')}{path}{'?' + asked if asked else ''}"
    try:
        with _opener(url).open(address, timeout=_SECONDS) as answer:
            found = _document(answer)
    except HTTPError as error:
        raise NoDaemon(f"{address}: {error.code} {printable(error.reason)}{_why(error)}") from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NoDaemon(
            f"no daemon at {url} ({printable(str(reason), _LONGEST)}); start one with `ecsync run`, name it with "
            "--url, or give `ecsync status` the manifests' PATH to look without one"
        ) from None
    if not found:
        raise NoDaemon(f"{address}: what answers there is not ecsync; name the daemon with --url")
    return found


def _opener(url: str) -> OpenerDirector:
    """Return what opens the address: this machine is never asked for through a proxy, whatever the environment says."""
    from urllib.parse import urlsplit
    from urllib.request import ProxyHandler, build_opener

    here = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    return build_opener(ProxyHandler({})) if here else build_opener()


def _document(answer: IO[bytes]) -> dict[str, Any]:
    """Return the document in an answer; nothing where it is none of ours."""
    try:
        body = json.load(answer)
    except ValueError:
        return {}
    return body if isinstance(body, dict) and body.get("apiVersion") == _VERSION else {}


def _why(error: HTTPError) -> str:
    """Say what the body of an error tells of it: a message, loops that are stuck, or why it is not ready."""
    from http.client import HTTPException

    try:
        with error:
            body = _document(error)
    except (HTTPException, OSError):
        return ""
    said = [body["message"]] if "message" in body else []
    stuck = {name: one["ageSeconds"] for name, one in body.get("loops", {}).items() if not one["ok"]}
    said += [f"its {name} loop has not come round for {age:.0f} s" for name, age in stuck.items()]
    said += [f"{name}: {why}" for name, why in body.get("because", {}).items()]
    return f": {printable('; '.join(said), _LONGEST)}" if said else ""
