"""What the HTTP side needs of the engine, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ecsync.core.model import ApplicationState, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """The state of the source: `error` and `reason` are empty while it can be read."""

    url: str
    revision: str = ""
    fetched_at: datetime | None = None
    age: float | None = None  # seconds
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A loop's heartbeat: the seconds since it last came round, and how often it should."""

    age: float
    interval: float


class View(Protocol):
    """What the engine must offer. Every method answers from memory, at once, on any thread."""

    def applications(self) -> Sequence[ApplicationState]:
        """Every application, by name."""

    def application(self, name: str) -> ApplicationState | None:
        """One application; None where it is not known."""

    def source(self) -> SourceView:
        """The state of the source."""

    def events(
        self, *, application: str | None, of_type: str | None, since: datetime | None, limit: int
    ) -> Sequence[Event]:
        """The newest events that fit, newest first."""

    def heartbeat(self) -> Mapping[str, Beat]:
        """Each loop's heartbeat."""

    def readiness(self) -> Mapping[str, str]:
        """What must be good before the daemon is of use (config, source, credentials): what is wrong, or nothing."""
