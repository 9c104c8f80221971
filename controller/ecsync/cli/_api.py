"""A client of the HTTP API of a running daemon."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

from ecsync.core.wording import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.error import HTTPError
    from urllib.request import OpenerDirector

    from ecsync.config import HttpSettings

_SECONDS = 5.0
_VERSION = "ecsync/v1"
_LONGEST = 2000  # characters of an error from a daemon


class NoDaemon(Exception):
    """No daemon answered, or it returned an error; the text states what to do."""


def near(http: HttpSettings) -> str:
    """Return the URL of a daemon with the settings of this process: in one container both have the same."""
    if not http.port:
        raise NoDaemon("the URL of the daemon is unknown: http.port is 0 (any free port); set --url")
    any_address = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # nothing is bound here
    host = any_address.get(http.host, http.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{http.port}"


def get(url: str, path: str, **query: object) -> Any:
    """Return the JSON at a path of the daemon's API. Raises NoDaemon."""
    return _ask(url, path, query)


def retry(url: str, application: str, resource: str) -> None:
    """Have the daemon try an application, or its resource `Kind/name`, at once. Raises NoDaemon."""
    from urllib.parse import quote

    _ask(url, f"/api/v1/applications/{quote(application, safe='')}/retry", {"resource": resource or None}, post=True)


def _ask(url: str, path: str, query: Mapping[str, object], *, post: bool = False) -> Any:
    from http.client import HTTPException  # slow to import: `--help` does without it
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlencode
    from urllib.request import Request

    if not url.startswith(("http://", "https://")):
        raise NoDaemon(f"{url} is not an http:// or https:// URL")
    parameters = urlencode({name: value for name, value in query.items() if value is not None})
    address = f"{url.rstrip('/')}{path}{'?' + parameters if parameters else ''}"
    method, headers = ("POST", {"x-ecsync-retry": "1"}) if post else ("GET", {})
    try:
        request = Request(address, method=method, headers=headers)  # noqa: S310  # the scheme was checked
        with _opener(url).open(request, timeout=_SECONDS) as response:
            found = _document(response)
    except HTTPError as error:
        raise NoDaemon(f"{address}: {error.code} {printable(error.reason)}{_details(error)}") from None
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NoDaemon(
            f"no daemon at {url} ({printable(str(reason), _LONGEST)}): start one with `ecsync run`, set --url, "
            "or run `ecsync status PATH`, which reads AWS without a daemon"
        ) from None
    if not found:
        raise NoDaemon(f"{address} is not ecsync: set --url to the address of the daemon")
    return found


def _opener(url: str) -> OpenerDirector:
    """Return an opener for the URL. It uses no proxy for this machine, even if the environment sets one."""
    from urllib.parse import urlsplit
    from urllib.request import ProxyHandler, build_opener

    here = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    return build_opener(ProxyHandler({})) if here else build_opener()


def _document(response: IO[bytes]) -> dict[str, Any]:
    """Return the document in a response; empty if it is not from ecsync."""
    try:
        body = json.load(response)
    except ValueError:
        return {}
    return body if isinstance(body, dict) and body.get("apiVersion") == _VERSION else {}


def _details(error: HTTPError) -> str:
    """Return the reasons in the body of an error: a message, loops that are stuck, or parts that are not ready."""
    from http.client import HTTPException

    try:
        with error:
            body = _document(error)
    except (HTTPException, OSError):
        return ""
    reasons = [body["message"]] if "message" in body else []
    stuck = {name: one["ageSeconds"] for name, one in body.get("loops", {}).items() if not one["ok"]}
    reasons += [f"the {name} loop is stuck: no iteration for {age:.0f} s" for name, age in stuck.items()]
    reasons += [f"{name}: {reason}" for name, reason in body.get("because", {}).items()]
    return f": {printable('; '.join(reasons), _LONGEST)}" if reasons else ""
