"""What the HTTP side needs of the engine, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from controller.core.model import Event, Outcome, Problem, Sync, Target


class Pass(Protocol):
    """A pass over an application, as people are told of it."""

    @property
    def reconcile_id(self) -> str:
        """What its log lines and events carry."""

    @property
    def started(self) -> datetime:
        """Wall time."""

    @property
    def ended(self) -> datetime:
        """Wall time."""

    @property
    def result(self) -> str:
        """Synced, changed, error or such: one word."""

    @property
    def error(self) -> str:
        """What went wrong, if anything did."""


class ApplicationState(Protocol):
    """One application as of now (`engine.store.ApplicationState`)."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def target(self) -> Target:
        """Where it runs."""

    @property
    def sync(self) -> Sync:
        """How it is kept."""

    @property
    def revision(self) -> str:
        """Of its manifests."""

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with its manifests."""

    @property
    def outcome(self) -> Outcome | None:
        """Of the last pass that came to a plan."""

    @property
    def last_pass(self) -> Pass | None:
        """Whatever came of it."""

    @property
    def last_success(self) -> datetime | None:
        """When a pass last came through."""

    @property
    def next_pass(self) -> datetime | None:
        """When it is due."""


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
