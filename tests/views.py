"""A fake engine for the tests of HTTP and of the command: its state is what a test sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ecsync.core.model import Target
from ecsync.core.outcome import ApplicationState, Event
from ecsync.http.view import Beat, SourceView

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TARGET = Target(account="123456789012", region="eu-central-1", name="prod")


def state(**fields: Any) -> ApplicationState:
    """Return an application with the given fields."""
    return ApplicationState(**{"name": "shop", "target": TARGET, "revision": "3f9c1d2", **fields})


class FakeView:
    """A `View` with attributes that a test sets."""

    def __init__(self) -> None:
        self.apps: list[ApplicationState] = [state()]
        self.beats: dict[str, Beat] = {"reconcile": Beat(age=1, interval=10)}
        self.not_ready: dict[str, str] = {"config": "", "source": ""}
        self.source_view = SourceView(url="s3://bucket/prod", revision="3f9c1d2", fetched_at=NOW, age=4.25)
        self.query: dict[str, Any] = {}
        self.found: list[Event] = []
        self.retries: list[tuple[str, str]] = []

    def applications(self) -> Sequence[ApplicationState]:
        return self.apps

    def application(self, name: str) -> ApplicationState | None:
        return next((app for app in self.apps if app.name == name), None)

    def sources(self) -> Sequence[SourceView]:
        return [self.source_view]

    def events(
        self, *, application: str | None, of_type: str | None, since: datetime | None, limit: int
    ) -> Sequence[Event]:
        self.query = {"application": application, "of_type": of_type, "since": since, "limit": limit}
        return self.found

    def heartbeat(self) -> Mapping[str, Beat]:
        return self.beats

    def lease(self) -> str:
        return ""

    def readiness(self) -> Mapping[str, str]:
        return self.not_ready

    def retry(self, name: str, resource: str) -> str:
        if self.application(name) is None:
            return f"application {name!r} is not declared"
        self.retries.append((name, resource))
        return ""
