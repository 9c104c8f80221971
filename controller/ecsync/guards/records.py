"""Freezes, overrides and approvals of people: who, why and until when, as a record that outlives the process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ALL = "*"  # in the place of the name of an application
_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a person has set. Without `until` it lasts until it is ended."""

    who: str
    why: str
    since: datetime
    until: datetime | None = None

    def lasts(self, now: datetime) -> bool:
        """Return whether it is in force."""
        return self.until is None or now < self.until

    def __str__(self) -> str:
        until = f" until {self.until.isoformat(timespec='minutes')}" if self.until else ""
        return f"by {self.who} since {self.since.isoformat(timespec='minutes')}{until}: {self.why}"


class Unusable(ValueError):
    """A record is not one of ours."""


@dataclass(frozen=True, slots=True)
class Record:
    """The entries by application; `*` is all. A freeze stops writes, an override ignores the windows.

    An approval is of one digest of one application (`approved`).
    """

    frozen: Mapping[str, Entry] = field(default_factory=dict)
    overrides: Mapping[str, Entry] = field(default_factory=dict)
    approvals: Mapping[str, Entry] = field(default_factory=dict)

    def freeze_of(self, application: str, now: datetime) -> Entry | None:
        """Return the freeze of an application that is in force."""
        return _in_force(self.frozen, application, now)

    def override_of(self, application: str, now: datetime) -> Entry | None:
        """Return the override of an application that is in force."""
        return _in_force(self.overrides, application, now)

    def approvals_of(self, application: str, now: datetime) -> frozenset[str]:
        """Return the digests that are approved now."""
        names = (name.rpartition("/") for name, one in self.approvals.items() if one.lasts(now))
        return frozenset(digest for of, _, digest in names if of == application)

    def current(self, now: datetime) -> Record:
        """Return the record without what is over."""
        parts = (self.frozen, self.overrides, self.approvals)
        return Record(*({name: one for name, one in part.items() if one.lasts(now)} for part in parts))

    def text(self) -> str:
        """Return it as JSON."""
        parts = {"frozen": self.frozen, "overrides": self.overrides, "approvals": self.approvals}
        return json.dumps({"version": _VERSION, **{name: _plain(part) for name, part in parts.items()}}, sort_keys=True)

    @classmethod
    def of(cls, text: str) -> Record:
        """Return the record of a text. Raises Unusable."""
        try:
            tree = json.loads(text)
            if tree["version"] != _VERSION:
                raise Unusable(f"version {tree['version']!r} is not known")
            return cls(*(_entries(tree.get(name) or {}) for name in ("frozen", "overrides", "approvals")))
        except Unusable:
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unusable(f"it cannot be read ({type(error).__name__}: {error})") from error


def approved(application: str, digest: str) -> str:
    """Return the name of an approval in a record."""
    return f"{application}/{digest}"


def _in_force(entries: Mapping[str, Entry], application: str, now: datetime) -> Entry | None:
    found = (entries.get(ALL), entries.get(application))
    return next((one for one in found if one is not None and one.lasts(now)), None)


def _plain(entries: Mapping[str, Entry]) -> dict[str, dict[str, str]]:
    return {
        name: {
            "who": one.who,
            "why": one.why,
            "since": one.since.isoformat(),
            **({"until": one.until.isoformat()} if one.until else {}),
        }
        for name, one in entries.items()
    }


def _entries(tree: Mapping[str, Any]) -> dict[str, Entry]:
    return {
        str(name): Entry(
            who=str(one["who"]),
            why=str(one["why"]),
            since=_time(one["since"]),
            until=_time(one["until"]) if one.get("until") else None,
        )
        for name, one in tree.items()
    }


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise Unusable(f"the time {text!r} has no zone")
    return found
