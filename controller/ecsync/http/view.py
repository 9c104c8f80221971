"""What the HTTP server reads from the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ecsync.core.outcome import ApplicationState, Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """The state of the source; `error` and `reason` are empty while it can be read."""

    url: str
    name: str = ""  # where there are several
    revision: str = ""
    about: Mapping[str, str] = field(default_factory=dict)  # commit, author, subject of the revision
    fetched_at: datetime | None = None
    age: float | None = None  # seconds
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The heartbeat of a loop: the seconds since its last iteration, and its interval."""

    age: float
    interval: float


class View(Protocol):
    """Access to the engine. Every method returns from memory, without waiting, on any thread."""

    def applications(self) -> Sequence[ApplicationState]:
        """Return every application, ordered by name."""

    def application(self, name: str) -> ApplicationState | None:
        """Return one application; None if it does not exist."""

    def sources(self) -> Sequence[SourceView]:
        """Return the state of each source; there is at least one."""

    def events(
        self, *, application: str | None, of_type: str | None, since: datetime | None, limit: int
    ) -> Sequence[Event]:
        """Return the newest events that match, newest first."""

    def heartbeat(self) -> Mapping[str, Beat]:
        """Return the heartbeat of each loop."""

    def lease(self) -> str:
        """Return who holds the lease, as text; empty if the daemon needs none."""

    def readiness(self) -> Mapping[str, str]:
        """Return what is wrong with each part that the daemon needs (config, source, credentials); empty if ready."""

    def retry(self, name: str, resource: str) -> str:
        """Have an application, or its resource `Kind/name`, tried at once; return why not, or nothing."""
