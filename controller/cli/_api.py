"""Ask a running daemon over its HTTP API."""

from __future__ import annotations

import json
from typing import Any

DEFAULT = "http://127.0.0.1:8080"
_SECONDS = 5.0


class NoDaemon(Exception):
    """No daemon answered; the text says what to do."""


def get(url: str, path: str, **query: object) -> Any:
    """Return the JSON at a path of the daemon's API. Raises NoDaemon."""
    from urllib.error import HTTPError, URLError  # a quarter of what `--help` would take
    from urllib.parse import urlencode
    from urllib.request import urlopen

    if not url.startswith(("http://", "https://")):
        raise NoDaemon(f"{url}: not an http address")
    asked = urlencode({name: value for name, value in query.items() if value})
    address = f"{url.rstrip('/')}{path}{'?' + asked if asked else ''}"
    try:
        with urlopen(address, timeout=_SECONDS) as answer:  # noqa: S310  # the scheme was checked
            return json.load(answer)
    except HTTPError as error:
        raise NoDaemon(f"{address}: {error.code} {error.reason}") from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NoDaemon(
            f"no daemon at {url} ({reason}); start one with `ecsync run`, name it with --url, "
            "or give the manifests' PATH to look without one"
        ) from None
