"""The guard of this process: the windows of the settings, and the record of freezes where one is configured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ecsync import config
from ecsync.config import ConfigError, Settings, WindowSettings
from ecsync.core.ports import Clock
from ecsync.guards.guard import Guard
from ecsync.guards.records import Record
from ecsync.guards.stores import FileStore, ParameterStore, Store
from ecsync.guards.windows import Window, check
from ecsync.wiring.clouds import Clouds


def guard(
    settings: Settings,
    clouds: Clouds,
    clock: Clock,
    changed: Callable[[Record, Record], None] = lambda _before, _now: None,
) -> Guard:
    """Return the guard. Raises ConfigError for a window that cannot be used."""
    return Guard([_window(one) for one in settings.windows], store(settings, clouds), clock, changed)


def store(settings: Settings, clouds: Clouds) -> Store | None:
    """Return where freezes are; None if the operator has set no place."""
    kind, _, place = settings.freeze.partition(":")
    if kind == "ssm":
        return ParameterStore(clouds.of_lease(settings.region or config.default_region()), place)
    return FileStore(Path(place)) if kind == "file" else None


def _window(one: WindowSettings) -> Window:
    found = Window(
        effect="deny" if one.deny else "allow",
        schedule=one.deny or one.allow,
        seconds=one.duration,
        zone=one.zone,
        applications=one.applications,
        reason=one.reason,
    )
    try:
        if bool(one.allow) == bool(one.deny):
            raise ValueError("needs either allow or deny, with a cron expression")
        check(found)
    except ValueError as error:
        raise ConfigError(f"windows: {one.deny or one.allow or 'an entry'}: {error}") from None
    return found
