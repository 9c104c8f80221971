"""The guard of this process: the windows of the settings, the record of what people set, budgets and approvals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import cast

from ecsync import config
from ecsync.config import ConfigError, Settings, WindowSettings
from ecsync.core.ports import Clock
from ecsync.guards.guard import Guard, edit
from ecsync.guards.records import Record, Unusable
from ecsync.guards.requests import VERBS, Invalid, Request, Verb
from ecsync.guards.stores import FileStore, ParameterStore, Store, Unreadable
from ecsync.guards.windows import Window, check
from ecsync.http.guards import Answer, Guards
from ecsync.wiring.clouds import Clouds

NOT_SET = "freeze is not set: use file:PATH or ssm:NAME, the same for this command and the controllers"
_SHORTEST = 16  # characters of a token


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


def ask(store: Store | None, request: Request, now: datetime) -> str:
    """Change the record as a person asks, and return a message. Raises ConfigError."""
    if store is None:
        raise ConfigError(NOT_SET)
    text = ""

    def change(record: Record) -> Record:
        nonlocal text
        changed, text = request.change(record, now)
        return changed

    try:
        edit(store, change)
    except (Unreadable, Unusable) as error:
        raise ConfigError(f"freeze: {error}") from error
    return text


def api(settings: Settings, clouds: Clouds, clock: Clock, changed: Callable[[], None]) -> Guards:
    """Return what the API sets; `changed` is called after each change. Raises ConfigError for a token."""
    place, lock = store(settings, clouds), threading.Lock()

    def asked(verb: str, given: Mapping[str, str], who: str) -> Answer:
        if clouds.read_only and isinstance(place, ParameterStore):
            return "unset", "this daemon makes no write (--enforce): use the command, which writes the parameter itself"
        try:
            request = Request(
                verb=cast(Verb, verb),
                who=who,
                application=given.get("application", ""),
                reason=given.get("reason", ""),
                time=given.get("for", ""),
                digest=given.get("digest", ""),
            ).checked()
            with lock:
                text = ask(place, request, clock.now())
        except Invalid as error:
            return "invalid", str(error)
        except ConfigError as error:
            return "unset" if place is None else "failed", str(error)
        changed()
        return "done", text

    return Guards(_token(settings), VERBS, asked)


def _token(settings: Settings) -> bytes:
    """Return the token of the API; empty without one. Raises ConfigError; its text has no token."""
    token, file = settings.http.token.get_secret_value().strip().encode(), settings.http.token_file
    if file and token:
        raise ConfigError("http: set ECSYNC_HTTP_TOKEN or http.token_file, not both")
    if file:
        try:
            token = Path(file).read_bytes().strip()
        except OSError as error:
            raise ConfigError(f"http.token_file: {file}: cannot be read ({error.strerror})") from None
    if (file or token) and not (len(token) >= _SHORTEST and token.isascii() and token.decode().isprintable()):
        raise ConfigError(
            f"http.token: must be {_SHORTEST} or more printable characters of ASCII, such as the output of "
            "`openssl rand -hex 32`"
        )
    return token


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
