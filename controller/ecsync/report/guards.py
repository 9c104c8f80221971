"""Events of freezes, overrides and approvals: who, why and until when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from ecsync.core.outcome import Event

_LONGEST = 1000  # characters of a message


class Entry(Protocol):
    """What a person has set (`guards.records.Entry`)."""

    @property
    def who(self) -> str:
        """The person."""

    @property
    def why(self) -> str:
        """The reason."""

    @property
    def until(self) -> datetime | None:
        """When it ends by itself."""


def changed(type_: str, before: Mapping[str, Entry], now: Mapping[str, Entry], time: datetime) -> tuple[Event, ...]:
    """Return an event for each entry that is new, was changed or has ended.

    `type_` is `freeze`, `override` or `approval`. The name of an approval has its digest after the application.
    """
    found = []
    for name in sorted(before.keys() | now.keys()):
        entry = now.get(name)
        if entry == before.get(name):
            continue
        of, _, digest = name.rpartition("/") if type_ == "approval" else (name, "", "")
        application = "" if of == "*" else of
        what = (application or "all applications") + (f" ({digest})" if digest else "")
        state = ("given" if type_ == "approval" else "began") if entry is not None else "ended"
        one = entry or before[name]
        detail = {"who": one.who, "why": one.why, "until": one.until.isoformat() if one.until else ""}
        detail |= {"digest": digest} if digest else {}
        text = f"the {type_} of {what} {state}: {one}" if entry is not None else f"the {type_} of {what} has ended"
        found.append(
            Event(
                type=f"{type_}.{state}",
                time=time,
                application=application,
                message=text[:_LONGEST],
                severity="warning",
                detail=detail,
            )
        )
    return tuple(found)
