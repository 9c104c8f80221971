"""The protocols through which core and engine use AWS, sources, clocks and sinks, and the errors they raise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any, Literal, Protocol, TypeAlias

from ecsync.core.model import Desired, Key
from ecsync.core.outcome import Event, Progressing, Step

ErrorClass: TypeAlias = Literal[
    "missing",  # the resource does not exist
    "denied",  # the credentials lack the permission
    "throttled",  # too many calls
    "transient",  # 5xx, timeouts, connection errors, unknown codes
    "conflict",  # in use, or an update is in progress: solved when another change ends
    "exists",  # the resource exists already: observe again
    "settling",  # too early: IAM and service-linked roles need time
    "invalid",  # AWS will reject it again
    "credentials",  # expired or missing: every answer is unknown
]


class AwsError(Exception):
    """An API call failed; its class is decided once (`aws/errors.py`). Its text contains no secret value."""

    def __init__(self, kind: ErrorClass, code: str, message: str, operation: str) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.kind = kind
        self.code = code
        self.message = message
        self.operation = operation  # `ecs.UpdateService`

    def again(self) -> AwsError:
        """Return the same failure without its traceback, which has the frames of a pass and so all that it read."""
        return AwsError(self.kind, self.code, self.message, self.operation)


class Deferred(Exception):
    """A call was not made: its token of our rate limit comes later than this pass may wait. It is not a failure.

    It is no AwsError, so that no code takes it for an answer of AWS: it ends the pass, which is made again later.
    """

    def __init__(self, bucket: str, after: float, operation: str, *, first: float = inf, each: float = 0.0) -> None:
        super().__init__(f"waits {after:.1f} s for the rate limit {bucket} ({operation})")
        self.bucket = bucket
        self.after = after  # seconds until there are several tokens
        self.operation = operation  # `ecs.UpdateService`
        self._first = first  # seconds until there is one token
        self._each = each  # seconds from one token to the next

    def after_for(self, calls: int) -> float:
        """Return the seconds until there are several tokens, or until there are enough for so many calls."""
        return min(self.after, self._first + (calls - 1) * self._each)


@dataclass(slots=True)
class Allowance:
    """The seconds that the calls of one thread may wait for the rate limit, and those that they have waited."""

    left: float = inf
    waited: float = 0.0
    whole: bool = False  # a listing is begun only if the thread may wait for as many calls as it took last time

    def spend(self, seconds: float) -> None:
        """Note a wait."""
        self.left -= seconds
        self.waited += seconds

    def for_steps(self, seconds: float) -> float:
        """Allow so many seconds for steps: they know which listings they read. Return what was waited before them."""
        self.left, self.whole = seconds, False
        return self.waited


SourceReason: TypeAlias = Literal[
    "unreachable",  # no answer, or an error of the server
    "missing",  # there is no such bucket, repository, branch or tag, or the index of releases is gone
    "denied",  # the credentials lack the permission, or the bucket has another owner
    "throttled",  # too many calls
    "untrusted",  # the identity of a server cannot be proved
    "rewritten",  # the applied commit is not in the history of the branch any more
    "unsigned",  # no listed key has signed the newest commit
    "partial",  # not all of it can be read
    "too_large",  # it exceeds our limits
    "unsafe",  # a name or a link in it may mean something else
    "empty",  # it has no manifest
    "changing",  # it changes during the read
    "internal",  # a bug in reading or loading
]


class SourceError(Exception):
    """A source could not be read completely: the last good snapshot stays in use, and nothing is deleted.

    `snapshot` is a good one that is newer than the last, where something that is newer still cannot be used.
    """

    def __init__(self, message: str, *, reason: SourceReason, snapshot: Snapshot | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.snapshot = snapshot


HookResult: TypeAlias = Literal[
    "accepted",  # the source is read now
    "repeated",  # a message with this id was accepted already
    "forged",  # the signature is not of our secret
    "expired",  # the time of the message is too far from ours
    "malformed",  # a header is missing, or not of its form
    "wrong_type",  # the body is not JSON
    "oversized",  # the body is too large
    "slow",  # the body did not come in time
    "limited",  # too many requests
    "unknown",  # no such hook, or none with a secret
]


class WritesStopped(Exception):
    """A write was not made: another process may write now, or this one cannot prove that it still may.

    The text is the reason. It is no AwsError, because AWS was not asked.
    """


class Budget(Protocol):
    """How many resources may be changed within an hour, in the account and Region of a pass. Safe across threads."""

    def take(self, step: Step) -> Progressing | None:
        """Take a place for the resource of a step; return how the step waits if there is none."""

    def give_back(self, step: Step, *, changed: bool) -> None:
        """End a step that may have a place. Its resource keeps the place for an hour if AWS may have changed it."""


class _Unlimited:
    def take(self, step: Step) -> Progressing | None:
        del step
        return None

    def give_back(self, step: Step, *, changed: bool) -> None:
        del step, changed


UNLIMITED: Budget = _Unlimited()


class LeaseError(Exception):
    """The lease can be neither taken nor kept: its place cannot be written or read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lease. It is only for people: no decision depends on it."""

    who: str  # user@host, and the process
    operation: str  # run or apply
    version: str  # of ecsync
    since: str  # wall time, ISO 8601
    reason: str = ""  # why it was taken from another holder; empty: it was free

    def __str__(self) -> str:
        why = f", by force: {self.reason}" if self.reason else ""
        return f"{self.who} (ecsync {self.version} {self.operation}, since {self.since}{why})"


class Lease(Protocol):
    """The right of one process to write. It may be lost at any moment, and time alone ends it."""

    def keep(self, *, force: bool = False) -> Holder | None:
        """Take the lease or renew it; return the other holder if there is one. `force` takes it from that holder.

        Raises AwsError or LeaseError: the lease is not renewed, and is held until its time is over.
        """

    def held(self, seconds: float = 0.0) -> bool:
        """Return whether no other process can hold it for so many seconds from now. Makes no call."""

    def release(self) -> None:
        """Give it back, if it is held. Raises AwsError or LeaseError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """For what a write is made: it decides the role and the name of the session in AWS's audit log."""

    application: str = ""
    revision: str = ""
    deletes: bool = False

    @staticmethod
    def now() -> Purpose:
        """Return the purpose of the writes of this thread."""
        return _PURPOSE.get() or Purpose()

    @contextmanager
    def applies(self) -> Iterator[None]:
        """Make it the purpose of the writes inside. Clouds that wrap others need not pass it on."""
        token = _PURPOSE.set(self)
        try:
            yield
        finally:
            _PURPOSE.reset(token)


_PURPOSE: ContextVar[Purpose | None] = ContextVar("purpose", default=None)


class Reader(Protocol):
    """Read operations only. Raises AwsError."""

    def call(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make one call; return its response without metadata."""

    def pages(self, service: str, operation: str, result: str, /, **params: Any) -> Iterator[Any]:
        """Yield every item of the list member `result`, from all pages."""

    def cached(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """As `call`, for data that AWS never changes (the content of a task definition): read once per process."""


class Cloud(Reader, Protocol):
    """One account and Region: reads, and the only method that writes."""

    def keeps(self, service: str, operation: str, /, **params: Any) -> bool:
        """Return whether `cached` has the response already, without a call."""

    def call_unless(
        self, known: bytes, service: str, operation: str, /, **params: Any
    ) -> tuple[bytes, Mapping[str, Any] | None]:
        """Make one call; return the digest of AWS's answer, and the response: None if the digest is the known one.

        The digest is of 32 bytes, of the whole answer but the id of the request. It is empty where there is none.
        """

    @property
    def account(self) -> str:
        """The id of the account that the credentials belong to. Calls AWS at most once; may raise AwsError."""

    def write(self, service: str, operation: str, /, **params: Any) -> Mapping[str, Any]:
        """Make one mutating call; return its response without metadata. Raises AwsError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The complete content of a source at one moment: file name (relative, with slashes) to content."""

    revision: str
    files: Mapping[str, bytes]
    source: str = ""  # the source, as in the operator's config
    about: Mapping[str, str] = field(default_factory=dict)  # for people: commit, author, subject; decides nothing
    durable: bool = False  # from an index or a git commit: complete by construction (docs/rules.md R27)
    # Of several sources: the revision of each by its name, with which the names of its files begin.
    revisions: Mapping[str, str] = field(default_factory=dict)


class Source(Protocol):
    """A source of manifests."""

    def fetch(self) -> Snapshot:
        """Return the complete snapshot, or raise SourceError. A partial snapshot is never returned."""


class Clock(Protocol):
    """Time; tests use their own clock."""

    def now(self) -> datetime:
        """Return wall time with a zone, for display only."""

    def monotonic(self) -> float:
        """Return seconds that never jump, for every decision."""


Sink: TypeAlias = Callable[[Event], None]  # must not raise and must not block


class PackedResources(Sequence[Desired], ABC):
    """The resources of an application, packed: each iteration makes new objects."""

    @abstractmethod
    def keys(self) -> Collection[Key]:
        """Return the keys of all, without making one."""

    @abstractmethod
    def has(self, key: Key) -> bool:
        """Return whether a resource has this key, without making one."""

    @abstractmethod
    def of(self, keys: Collection[Key]) -> Mapping[Key, Desired]:
        """Return the resources of these keys that there are."""
