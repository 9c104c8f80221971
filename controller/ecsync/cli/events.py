"""`ecsync events`: the latest events of a running daemon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ecsync.cli import _api, _exits, _options, _show


def events(
    url: _options.Url = None,
    application: Annotated[str | None, typer.Option("--app", help="Only this application.")] = None,
    of_type: Annotated[
        str | None, typer.Option("--type", help="Only this type; `drift.*` is every type of drift.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=1000, help="The number of events; the newest are printed.")
    ] = 50,
    config: _options.Config = None,
    output: _options.Data = "text",
) -> int:
    """Print the latest events of a running daemon, oldest first.

    Example: ecsync events --type 'drift.*' --limit 10
    """
    _options.choice(output, "text", "json")
    url = url or _api.near(_options.settings(config).http)
    found = _api.get(url, "/api/v1/events", application=application, type=of_type, limit=limit)["items"]
    if output == "json":
        _show.put_json({"apiVersion": "ecsync/v1", "kind": "Events", "events": found})
    else:
        _show.put(line for one in reversed(found) for line in _lines(one))
    return _exits.OK


def _lines(one: dict[str, Any]) -> Iterator[tuple[str, str]]:
    style = {"error": "danger", "warning": "change"}.get(one["severity"], "")
    yield f"{one['time']}  {one['application']:<20} {one['type']:<20} {one['message']}", style
    for field in one["fields"]:
        for line in _show.change(field):
            yield f"    {line}", "dim"
