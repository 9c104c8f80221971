"""A plan as a value, and the outcome of a pass: steps, results, statuses, events. Read it after `model.py`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal, TypeAlias

from ecsync.core.model import Adopt, Call, Change, FieldChange, Key, Problem, Replace, Sync, Target, Update
from ecsync.core.trees import Json, Path, canonical

LOOK_AGAIN = 15.0  # seconds until the next look at what is under way, where nothing else is given

# ---------------------------------------------------------------- plan

Phase: TypeAlias = Literal["main", "late", "prune"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class StepId:
    """The identity of a step in a plan: a resource, and one of its phases.

    `main` is the change of the resource. `late` is the fields that are sent after other steps, and the deletion of what
    a replacement superseded. `prune` is the deletion of an orphan: a live resource that we own and that no document
    declares. The key of an orphan may still be declared, for another resource.
    """

    key: Key
    phase: Phase = "main"

    def __str__(self) -> str:
        return f"{self.key} (second step)" if self.phase == "late" else str(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change, its exact calls, and the steps before it.

    `waiting` is the reason why it is not complete yet; the next look comes after `again` seconds. `needs` are the
    declared resources that it refers to or that its kind needs, also those without a step.
    """

    id: StepId
    change: Change
    calls: tuple[Call, ...]
    after: frozenset[StepId] = frozenset()
    needs: frozenset[Key] = frozenset()
    waiting: str = ""
    again: float = LOOK_AGAIN

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """Return the fields that it changes; none for a create, a delete or a mark."""
        return self.change.fields if isinstance(self.change, Update | Replace | Adopt) else ()


Obstacle: TypeAlias = Literal[
    "off", "empty", "stale_source", "invalid_manifest", "not_listed", "not_managed", "suspended", "no_ownership",
    "replacement", "lookup", "not_converging", "budget", "approval", "unsafe",
]  # fmt: skip


class WithheldReason(str):
    """The reason why a step is withheld, as text for people; `obstacle` is one of a closed set, for programs.

    `named` is the digest of a step that needs an approval.
    """

    __slots__ = ("named", "obstacle")
    obstacle: Obstacle
    named: str

    def __new__(cls, obstacle: Obstacle, text: str, *, named: str = "") -> WithheldReason:
        """Return the text with its obstacle."""
        made = super().__new__(cls, text)
        made.obstacle, made.named = obstacle, named
        return made


def approval_of(named: Iterable[str]) -> str:
    """Return the digest by which steps are approved together."""
    return sha256(" ".join(sorted(named)).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A step that is not in the plan, with the reason and what a person can do."""

    step: Step
    reason: str

    @property
    def obstacle(self) -> Obstacle:
        """Return the obstacle. A reason without one is the plan's own: another owner, or a gate that holds a change."""
        if isinstance(self.reason, WithheldReason):
            return self.reason.obstacle
        return "unsafe" if isinstance(self.step.change, Update | Replace) else "no_ownership"

    @property
    def named(self) -> str:
        """Return the digest of the step if it needs an approval; else an empty text."""
        return self.reason.named if isinstance(self.reason, WithheldReason) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """A live value that AWS or another controller decides: reported, never written."""

    key: Key
    path: Path
    value: Json
    owner: str = "AWS"
    declared: Json = None  # what the manifest has there, where that is another value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A resource that was in sync, with nothing to write and nothing withheld, and what it was decided from.

    While that is equal, so is the decision (`inputs.basis`). The state between two passes has one for each resource:
    digests, no bodies.
    """

    content: bytes  # of its document, `Desired.content`
    values: bytes  # digest of the values of its references; empty: it has none
    rest: bytes  # digest of everything else
    unmanaged: tuple[Unmanaged, ...] = ()
    revision: str = ""  # `Present.revision`: the next read need not compare its content again


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a pass would do to one application: a value that is printed, tested, gated and then applied."""

    application: str
    target: Target
    revision: str
    steps: tuple[Step, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    unmanaged: Sequence[Unmanaged] = ()
    unreadable: Mapping[Key, str] = field(default_factory=dict)
    stopped: Mapping[Key, str] = field(default_factory=dict)  # until the manifest changes (docs/rules.md R15)
    incomplete: str = ""  # the reason why orphans may be missing; nothing is pruned then
    settled: Mapping[Key, Settled] = field(default_factory=dict, compare=False, repr=False)  # for the next pass
    unchanged: int = field(default=0, compare=False)  # resources that were not compared: nothing of them has moved
    mismatches: tuple[Key, ...] = ()  # a full comparison found what the shortcut would have missed: a bug

    @property
    def empty(self) -> bool:
        """Return whether the plan has no step other than adoptions."""
        return all(isinstance(step.change, Adopt) for step in self.steps)

    @property
    def unapproved(self) -> frozenset[str]:
        """Return the digests of the steps that need an approval."""
        return frozenset(one.named for one in self.withheld if one.named)

    @property
    def approval(self) -> str:
        """Return the digest for `ecsync approve`; empty if no step needs an approval."""
        return approval_of(self.unapproved) if self.unapproved else ""

    @property
    def digest(self) -> str:
        """Return a short hash of what the plan would do and where: `apply --digest` applies no other plan.

        What needs an approval is a part of it.
        """
        steps = [
            [str(step.id), type(step.change).__name__, [[call.name, call.params] for call in step.calls]]
            for step in (*self.steps, *(one.step for one in self.withheld if one.named))
        ]
        content = canonical(
            [self.application, self.target.account, self.target.region, steps, *sorted(self.unapproved)]
        )
        return sha256(content.encode()).hexdigest()[:12]


# ---------------------------------------------------------------- outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """All calls succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressing:
    """No error so far; requeue after `after` seconds.

    `deferred`: a call waits for our rate limit. `budget`: it waits for that of an hour. `accepted`: AWS works on it.
    """

    why: str
    after: float = LOOK_AGAIN
    deferred: bool = False
    accepted: bool = False
    budget: bool = False


DELETING = "deleting"  # AWS accepted a deletion; a later pass observes that the resource is absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Not tried, because of another step."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call failed, or a rule forbids a retry. `retry`: soon (transient), slow (denied, invalid), never.

    `after` is the seconds until the step is sent again; None: with the next pass, or never. If `sent` is False, the
    error is of an earlier pass, and this pass did not send the step.
    """

    error: str
    retry: Literal["soon", "slow", "never"] = "soon"
    after: float | None = None
    sent: bool = True


Result: TypeAlias = Done | Progressing | Skipped | Failed

SyncStatus: TypeAlias = Literal["Synced", "OutOfSync", "Unknown"]
HealthStatus: TypeAlias = Literal["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"]
Counts: TypeAlias = Mapping[tuple[str, SyncStatus, HealthStatus], int]
WORST_FIRST: tuple[HealthStatus, ...] = ("Degraded", "Missing", "Unknown", "Progressing", "Suspended", "Healthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far AWS is with what is under way. Without progress for `within` seconds the resource is Degraded."""

    of: str = ""  # what is under way; the time begins again with another
    done: float = 0.0  # the time begins again with more than ever before
    within: float = 3600.0
    since: datetime | None = None  # no progress since then, by AWS's own record; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The health of a live resource: apart from its sync status. `progress` is of one that is Progressing.

    `awaits` is the id of what waits for a person: it is reported once, although the status stays.
    """

    status: HealthStatus
    why: str = ""
    progress: Progress | None = None
    awaits: str = ""


_NO_FIELDS: Mapping[str, str] = {}  # one for all: most resources are in sync
HEALTHY = Health(status="Healthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceStatus:
    """One resource of one application after a pass."""

    key: Key
    sync: SyncStatus
    health: Health
    fields: tuple[FieldChange, ...] = ()
    message: str = ""
    physical: str = ""  # its primary output, where it has one
    origin: str = ""  # file:line of its document
    origins: Mapping[str, str] = field(default_factory=lambda: _NO_FIELDS)  # JSON pointer of a field -> file:line


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One pass over one application: the plan, the result of each step, and the status of each resource."""

    plan: Plan
    results: Mapping[StepId, Result] = field(default_factory=dict)
    statuses: Sequence[ResourceStatus] = ()
    packed: Counts | None = None  # of statuses that are packed

    @property
    def counts(self) -> Counts:
        """Return the number of resources by kind, sync status and health."""
        return self.packed or Counter((one.key.kind, one.sync, one.health.status) for one in self.statuses)

    @property
    def sync(self) -> SyncStatus:
        """Return OutOfSync if any resource is, else Unknown if any is or a listing failed, else Synced."""
        seen = {sync for _, sync, _ in self.counts}
        if "OutOfSync" in seen:
            return "OutOfSync"
        return "Unknown" if "Unknown" in seen or self.plan.incomplete else "Synced"

    @property
    def held(self) -> tuple[Withheld, ...]:
        """Return what the plan withholds, and the steps that wait for the budget of an hour."""
        waiting = ((step, self.results.get(step.id)) for step in self.plan.steps)
        return self.plan.withheld + tuple(
            Withheld(step=step, reason=WithheldReason("budget", result.why))
            for step, result in waiting
            if isinstance(result, Progressing) and result.budget
        )

    @property
    def health(self) -> HealthStatus:
        """Return the worst health of the resources."""
        seen = {health for _, _, health in self.counts}
        return next((status for status in WORST_FIRST if status in seen), "Healthy")


PassResult: TypeAlias = Literal["synced", "changed", "error", "terminal", "throttled", "frozen", "skipped"]
ReadOnlyCode: TypeAlias = Literal["observe", "not_enabled", "lease", "suspended", "frozen", "after"]


class ReadOnly(str):
    """Why a pass may write nothing, as text for people; `code` is one of a closed set, for programs."""

    __slots__ = ("code",)
    code: ReadOnlyCode

    def __new__(cls, code: ReadOnlyCode, text: str) -> ReadOnly:
        """Return the text with its code."""
        made = super().__new__(cls, f"read-only: {text}")
        made.code = code
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass over one application, as it is reported."""

    reconcile_id: str
    started: datetime
    ended: datetime
    result: PassResult
    error: str = ""  # the reason why it has no plan
    only_looked: str = ""  # the reason why it was read-only; empty: it was not


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """What an application had in an account and Region that its manifests do not mean any more. Nothing deletes it."""

    target: Target
    seen: datetime | None  # when its last pass there ended
    resources: Mapping[Key, str]  # its managed resources there, each with its primary output where it has one


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The last change that this process made to a resource."""

    time: datetime
    action: str  # created, updated, replaced, adopted
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationState:
    """The current state of one application. `outcome` is of the last pass with a plan, which may be an earlier pass."""

    name: str
    target: Target
    sync: Sync = field(default_factory=Sync)
    source: str = ""  # the name of its source, where there are several
    revision: str = ""
    problems: tuple[Problem, ...] = ()
    outcome: Outcome | None = None
    last_pass: Pass | None = None
    last_success: datetime | None = None
    next_pass: datetime | None = None
    left_behind: tuple[LeftBehind, ...] = ()  # as this process saw it
    suspended: str = ""  # why, by its Application document
    # The rest is as this process saw it: a state is at least as old.
    since: datetime | None = None  # sync and health of the application are as they are
    resources_since: Mapping[Key, datetime] = field(default_factory=dict)  # the same of each resource
    changes: Mapping[Key, Changed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of state, reported once: the input of the log, the metrics, the store and other sinks."""

    type: str  # drift.detected, resource.updated, sync.failed … (docs/cli.md)
    time: datetime
    application: str
    message: str
    severity: Literal["info", "warning", "error"] = "info"
    key: Key | None = None
    target: Target | None = None
    revision: str = ""
    reconcile_id: str = ""
    fields: tuple[FieldChange, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)  # JSON pointer -> file:line
    detail: Mapping[str, Json] = field(default_factory=dict)
