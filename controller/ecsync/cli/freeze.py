"""`ecsync freeze`, `unfreeze`, `suspend`, `resume` and `override`: people keep controllers from writing, for a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from ecsync.cli import _exits, _options, _show

if TYPE_CHECKING:
    from ecsync.guards.records import Entry, Record

Reason = Annotated[str, typer.Option("--reason", help="Why: status, events and the log have it.")]
For = Annotated[
    str, typer.Option("--for", metavar="TIME", help="End by itself after this time: 90s, 30m or 2h. Default: never.")
]
Name = Annotated[str, typer.Argument(metavar="APP", help="The name of an application.")]
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_LONGEST = 200  # characters of a reason


def freeze(reason: Reason, time: For = "", config: _options.Config = None, profile: _options.Profile = None) -> int:
    """Keep every controller from writing.

    It lasts until `unfreeze`, or for the time given. Drift is still seen and reported. It is noticed within 15 seconds,
    also in the middle of a pass. It needs the setting `freeze`: the file or the parameter of Systems Manager that the
    controllers read.

    Example: ecsync freeze --reason "incident 4711" --for 2h
    """
    return _set("frozen", "*", reason, time, config, profile)


def unfreeze(config: _options.Config = None, profile: _options.Profile = None) -> int:
    """End a freeze.

    Applications that were suspended stay so.

    Example: ecsync unfreeze
    """
    return _unset("frozen", "*", config, profile)


def suspend(
    application: Name,
    reason: Reason,
    time: For = "",
    config: _options.Config = None,
    profile: _options.Profile = None,
) -> int:
    """Keep controllers from writing to one application.

    It lasts until `resume`, or for the time given.

    Example: ecsync suspend shop --reason "load test" --for 30m
    """
    return _set("frozen", application, reason, time, config, profile)


def resume(application: Name, config: _options.Config = None, profile: _options.Profile = None) -> int:
    """End the suspension of one application.

    A freeze of all applications stays.

    Example: ecsync resume shop
    """
    return _unset("frozen", application, config, profile)


def override(
    reason: Reason,
    time: For,
    application: Annotated[str, typer.Argument(metavar="[APP]", help="Only this application.")] = "*",
    config: _options.Config = None,
    profile: _options.Profile = None,
) -> int:
    """Ignore the windows for a time, in an emergency.

    A freeze stays. Controllers report the override as an event.

    Example: ecsync override shop --reason "fix of incident 4711" --for 1h
    """
    if not time:
        raise typer.BadParameter("--for is missing: an override ends by itself")
    return _set("overrides", application, reason, time, config, profile)


def _set(
    what: str, application: str, reason: str, time: str, config: _options.Config, profile: _options.Profile
) -> int:
    from ecsync.guards.records import Entry
    from ecsync.wiring.system import person

    if not reason.strip():
        raise typer.BadParameter("--reason is empty")
    now = datetime.now(UTC)
    until = now + _duration(time) if time else None
    entry = Entry(who=person(), why=" ".join(reason.split())[:_LONGEST], since=now, until=until)

    def change(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
        return {**entries, application: entry}

    _edit(what, change, config, profile)
    _show.message(f"{_named(what, application)} {entry}")
    return _exits.OK


def _unset(what: str, application: str, config: _options.Config, profile: _options.Profile) -> int:
    there = False

    def change(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
        nonlocal there
        there = application in entries
        return {name: one for name, one in entries.items() if name != application}

    _edit(what, change, config, profile)
    _show.message(f"{_named(what, application)}: ended" if there else f"{_named(what, application)}: it was not set")
    return _exits.OK


def _edit(
    what: str,
    change: Callable[[Mapping[str, Entry]], Mapping[str, Entry]],
    config: _options.Config,
    profile: _options.Profile,
) -> None:
    from ecsync import wiring
    from ecsync.config import ConfigError
    from ecsync.guards.guard import edit
    from ecsync.guards.records import Unusable
    from ecsync.guards.stores import Unreadable
    from ecsync.wiring import guards

    settings = _options.settings(config, profile=profile)
    store = guards.store(settings, wiring.Clouds(settings=settings, read_only=False))
    if store is None:
        raise ConfigError("freeze is not set: use file:PATH or ssm:NAME, the same for this command and the controllers")

    def edited(record: Record) -> Record:
        current = record.current(datetime.now(UTC))
        return replace(current, **{what: change(getattr(current, what))})

    try:
        edit(store, edited)
    except (Unreadable, Unusable) as error:
        raise ConfigError(f"freeze: {error}") from error


def _named(what: str, application: str) -> str:
    name = "all applications" if application == "*" else application
    return f"{name}: {'frozen' if what == 'frozen' else 'windows are ignored'}"


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"(\d+)([smhd]?)", text.strip())
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter("--for must be a time such as 90s, 30m, 2h or 1d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])
