"""`ecsync events`: what happened lately, from a running daemon."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from controller.cli import _api, _exits, _options, _show


def events(
    url: Annotated[str, typer.Option("--url", help="Where the daemon's API is.")] = _api.DEFAULT,
    application: Annotated[str | None, typer.Option("--app", help="Only this application.")] = None,
    of_type: Annotated[str | None, typer.Option("--type", help="Only this type; `drift.*` for all of drift.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="How many at most, the newest.")] = 50,
    output: _options.Output = "text",
) -> int:
    """Print what happened lately, oldest first.

    Example: ecsync events --type drift.* --limit 10
    """
    _options.choice(output, "text", "json")
    found = _api.get(url, "/api/v1/events", application=application, type=of_type, limit=limit)["items"]
    if output == "json":
        _show.put_json({"apiVersion": "ecsync/v1", "kind": "Events", "events": found})
    else:
        _show.put(line for one in reversed(found) for line in _lines(one))
    return _exits.OK


def _lines(one: dict[str, Any]) -> list[tuple[str, str]]:
    style = {"error": "danger", "warning": "change"}.get(one["severity"], "")
    lines = [(f"{one['time']}  {one['application']:<20} {one['type']:<20} {one['message']}", style)]
    for field in one["fields"]:
        where = f"   {field['origin']}" if field["origin"] else ""
        lines.append((f"    {field['path']}  {field['before']!r} → {field['after']!r}{where}", "dim"))
    return lines
