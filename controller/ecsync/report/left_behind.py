"""The events of an application that left the source, or an account or Region: its resources stay (docs/rules.md R5)."""

from __future__ import annotations

from datetime import datetime

from ecsync.core.model import Target
from ecsync.core.outcome import Event, LeftBehind

_MANY = 5  # names in a message; the detail of the event has all


def application_removed(application: str, left: LeftBehind | None, time: datetime) -> Event:
    """Return the event that an application left the source."""
    what = _named(left) if left is not None else "its resources"
    where = f" in {left.target}" if left is not None else ""
    text = f"nothing is deleted: {application} is no longer declared; {what}{where} keep the ecsync tags"
    return _event("app.removed", application, text, left, time)


def application_moved(application: str, left: LeftBehind, to: Target, time: datetime) -> Event:
    """Return the event that the manifests of an application mean another account or Region now."""
    text = (
        f"nothing is deleted: {application} is in {to} now; {_named(left)} in {left.target} keep the ecsync tags. "
        "To remove them, declare that target again, remove the documents there, and then change the target"
    )
    return _event("app.moved", application, text, left, time)


def _named(left: LeftBehind) -> str:
    names = [str(key) for key in left.resources]
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return f"{', '.join(names[:_MANY])}{more}" if names else "no resource"


def _event(type_: str, application: str, message: str, left: LeftBehind | None, time: datetime) -> Event:
    resources = {key.full: physical for key, physical in left.resources.items()} if left is not None else {}
    return Event(
        type=type_,
        time=time,
        application=application,
        message=message,
        severity="warning",
        target=left.target if left is not None else None,
        detail={"resources": resources} if resources else {},
    )
