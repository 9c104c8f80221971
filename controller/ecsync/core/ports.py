"""What the core and the engine need of the world: narrow protocols, and the one error that crosses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias

from ecsync.core.model import Event, Snapshot

ErrorClass: TypeAlias = Literal[
    "missing",  # AWS says that it is not there
    "denied",  # the credentials may not
    "throttled",  # too many calls
    "transient",  # 5xx, timeouts, connection errors, unknown codes
    "conflict",  # in use, update in progress: goes away when something else has happened
    "exists",  # already there: observe again
    "settling",  # right call, too early: IAM and service-linked roles take a while
    "invalid",  # AWS will refuse it again
    "credentials",  # expired or absent: nothing can be said about anything
]


class AwsError(Exception):
    """An API call that did not work, classified once (`aws/errors.py`). Its text names no secret value."""

    def __init__(self, kind: ErrorClass, code: str, message: str, operation: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.kind = kind
        self.code = code
        self.message = message
        self.operation = operation  # `ecs.UpdateService`


class SourceError(Exception):
    """A source that could not be read whole: the last good snapshot stays, and nothing is deleted."""

    def __init__(
        self, message: str, *, reason: Literal["unreachable", "denied", "partial", "empty", "changing"]
    ) -> None:
        super().__init__(message)
        self.reason = reason


class Reader(Protocol):
    """Read operations only. Raises AwsError."""

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make one call and return its response without metadata."""

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item of the list member `result` over all pages."""

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """As `call`, for what AWS never changes (a task definition's content): read once per process."""


class Cloud(Reader, Protocol):
    """One account and Region: reads, and the only way to write."""

    @property
    def account(self) -> str:
        """The id of the account that the credentials belong to. Calls AWS at most once; may raise AwsError."""

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make one mutating call and return its response without metadata. Raises AwsError."""


class Source(Protocol):
    """Where manifests come from."""

    def fetch(self) -> Snapshot:
        """Return everything, or raise SourceError: a partial snapshot is no snapshot."""


class Clock(Protocol):
    """Time, so that tests have their own."""

    def now(self) -> datetime:
        """Wall time with a zone, for display only."""

    def monotonic(self) -> float:
        """Seconds that never jump, for every decision."""


Sink: TypeAlias = Callable[[Event], None]  # must not raise and must not block
