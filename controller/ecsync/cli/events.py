"""`ecsync events`: the latest events of a running daemon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from ecsync.cli import _api, _exits, _options, _show

_MOST = 1000  # events of one answer


def events(
    url: _options.Url = None,
    application: Annotated[str | None, typer.Option("--app", help="Only this application.")] = None,
    of_type: Annotated[
        str | None, typer.Option("--type", help="Only this type; `drift.*` is every type of drift.")
    ] = None,
    since: Annotated[
        float | None,
        typer.Option(
            "--since", parser=_options.time, metavar="TIME", help="Only those of this time: 30, 30s, 5m or 2h."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=_MOST, help="The number of events; the newest are printed.")
    ] = 50,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Also print new events, until Ctrl-C.")] = False,
    every: _options.Every = 5.0,
    config: _options.Config = None,
    output: _options.Wide = "text",
) -> int:
    """Print the latest events of a running daemon, oldest first.

    A terminal shows ages, a pipe the times. `-o wide` adds the target, the revision and the pass.

    Examples:
      ecsync events --app shop --since 2h
      ecsync events --type 'drift.*' --limit 10
      ecsync events --watch --app shop
    """
    _options.choice(output, "text", "wide", "json")
    if watch and output == "json":
        raise typer.BadParameter("--watch prints text: remove -o json, or repeat the command without --watch")
    if of_type:
        _known(of_type)
    address = url or _api.near(_options.settings(config).http)
    began = None if since is None else (datetime.now(UTC) - timedelta(seconds=since)).isoformat()

    def look(after: str | None = None) -> list[dict[str, Any]]:
        most = _MOST if after else limit
        query = {"application": application, "type": of_type, "since": after or began, "limit": most}
        found: list[dict[str, Any]] = _api.get(address, "/api/v1/events", **query)["items"]
        return found[::-1]

    if output == "json":
        _show.put_json({"apiVersion": "ecsync/v1", "kind": "Events", "events": look()[::-1]})
        return _exits.OK
    from ecsync.cli.tables.events import Table, follow
    from ecsync.cli.tables.watch import SystemClock

    width = _show.width()
    table = Table(aged=width is not None and not watch, wide=output == "wide", width=width)
    if watch:
        try:
            follow(look, table, every=every, clock=SystemClock())
        except KeyboardInterrupt:
            return _exits.OK
    if found := look():
        _show.put_lines(table.lines(found, datetime.now(UTC)))
    else:
        _show.message("no event fits the options" if application or of_type or since else "no event yet")
    return _exits.OK


def _known(of_type: str) -> None:
    """Raise a usage error for a type that no event has; `drift.*` is a part of some."""
    from ecsync.core.wording import suggestion
    from ecsync.report.event_types import TYPES

    begin = of_type.removesuffix("*")
    if of_type not in TYPES and not (begin != of_type and any(one.startswith(begin) for one in TYPES)):
        groups = {f"{one.partition('.')[0]}.*" for one in TYPES}
        close = suggestion(of_type, sorted({*TYPES, *groups}))
        raise typer.BadParameter(f"--type {of_type}: no event has this type{close}")
