"""What people ask for by the command and by the API: a freeze, a suspension, an override or an approval."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias, get_args

from ecsync.core.wording import A_TIME, seconds
from ecsync.guards.records import ALL, Entry, Record, approved

Verb: TypeAlias = Literal["freeze", "unfreeze", "suspend", "resume", "override", "approve"]
VERBS: tuple[Verb, ...] = get_args(Verb)

APPROVED_FOR = "24h"  # where a person states no time
_LONGEST = 200  # characters of a reason
_LONGEST_NAME = 200
_LONGEST_TIME = 366 * 86_400  # seconds
_DIGEST = re.compile(r"[0-9a-f]{12}")
_OF_ONE: tuple[Verb, ...] = ("suspend", "resume", "approve")
_ENDS: tuple[Verb, ...] = ("unfreeze", "resume")
_PARTS: Mapping[Verb, str] = {"override": "overrides", "approve": "approvals"}  # of the record
_STATES: Mapping[Verb, str] = {"override": "windows are ignored", "approve": "approved"}


class Invalid(ValueError):
    """A request lacks something. The text begins with the name of the parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request; `time` is how long it lasts, such as `2h`: without it until it is ended."""

    verb: Verb
    who: str
    application: str = ""  # empty: all of them
    reason: str = ""
    time: str = ""
    digest: str = ""  # of what is approved

    def checked(self) -> Request:
        """Return it. Raises Invalid."""
        if self.verb in _OF_ONE and self.application in ("", ALL):
            raise Invalid("application is missing")
        if self.verb in ("freeze", "unfreeze") and self.application:
            raise Invalid("application is not used: suspend and resume are for one application")
        if len(self.application) > _LONGEST_NAME or not self.application.isprintable():
            raise Invalid("application is not a name")
        if self.verb not in _ENDS and not self.reason.strip():
            raise Invalid("reason is empty")
        if self.verb == "override" and not self.time:
            raise Invalid("for is missing: an override ends by itself")
        if self.verb == "approve" and not _DIGEST.fullmatch(self.digest):
            raise Invalid("digest must be the 12 characters that `ecsync status` prints")
        _duration(self.time or APPROVED_FOR)
        return self

    def change(self, record: Record, now: datetime) -> tuple[Record, str]:
        """Return the changed record, and a message for people."""
        part = _PARTS.get(self.verb, "frozen")
        name = approved(self.application, self.digest) if self.verb == "approve" else self.application or ALL
        entry = None if self.verb in _ENDS else self._entry(now)
        current = record.current(now)
        before: Mapping[str, Entry] = getattr(current, part)
        entries = {key: one for key, one in before.items() if key != name}
        state = f"{self.application or 'all applications'}: {_STATES.get(self.verb, 'frozen')}"
        if entry is None:
            return replace(current, **{part: entries}), f"{state}: {'ended' if name in before else 'it was not set'}"
        return replace(current, **{part: {**entries, name: entry}}), f"{state} {entry}"

    def _entry(self, now: datetime) -> Entry:
        time = self.time or (APPROVED_FOR if self.verb == "approve" else "")
        until = now + _duration(time) if time else None
        return Entry(who=_short(self.who), why=_short(self.reason), since=now, until=until)


def _short(text: str) -> str:
    return "".join(one for one in " ".join(text.split()) if one.isprintable())[:_LONGEST]


def _duration(text: str) -> timedelta:
    try:
        found = seconds(text)
    except ValueError:
        found = 0
    if not 0 < found <= _LONGEST_TIME:
        raise Invalid(f"for must be {A_TIME}, of at most a year")
    return timedelta(seconds=found)
