"""The vocabulary: every noun that the project speaks in. Read this first.

AWS bodies are plain trees in AWS's own field names (`json.py`); our nouns are frozen dataclasses. A body may hold
`Text` where the manifest wrote a reference whose value is not known yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from ecsync.core.trees import Body, Json, Path

# ---------------------------------------------------------------- identity


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Key:
    """What the manifest calls a resource: used in logs, metrics, plans and references."""

    application: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def full(self) -> str:
        """The form of plans as JSON: `Service/shop/api`."""
        return f"{self.kind}/{self.application}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PhysicalId:
    """What AWS calls a resource: identity across applications, for claims and orphans."""

    account: str
    region: str
    kind: str
    natural: str


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference to an output of another resource: `${TargetGroup/web.arn}`."""

    key: Key
    output: str

    def __str__(self) -> str:
        return f"${{{self.key}.{self.output}}}"


@dataclass(frozen=True, slots=True)
class Text:
    """A string with references inside: a value that is known once every one of them is."""

    parts: tuple[str | Ref, ...]

    def __str__(self) -> str:
        return "".join(str(part) for part in self.parts)

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The references in it, in order."""
        return tuple(part for part in self.parts if isinstance(part, Ref))

    @property
    def sole(self) -> Ref | None:
        """The reference, where the text is nothing but one; it then takes the type of the output."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Ref) else None


@dataclass(frozen=True, slots=True)
class Redacted:
    """A sensitive value in a place that people see: only its fingerprint, keyed for this process alone."""

    fingerprint: str

    def __str__(self) -> str:
        return f"(sensitive) #{self.fingerprint}" if self.fingerprint else "(sensitive)"


# ---------------------------------------------------------------- where things come from


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in a manifest; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong with what was written: where, what, and what to do about it."""

    origin: Origin
    message: str
    application: str = ""  # the application that it holds; empty: every one

    def __str__(self) -> str:
        return f"{self.origin.file}:{self.origin.line}:{self.origin.column}: {self.message}"


# ---------------------------------------------------------------- desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a document's annotations say about how we treat the resource (`manifests.md`, *Applications*)."""

    manage: bool = True  # False: a lookup, never written
    adopt: Literal["never", "if-untagged"] = "never"
    replace: Literal["hold", "allow"] = "hold"
    deletion: Literal["delete", "retain"] = "delete"
    state: Literal["present", "absent"] = "present"
    undeclared: Literal["default", "ignore", "adopted"] = "adopted"  # adopted: ignore while the mark says adopted
    suspend: bool = False
    refresh: Literal["hold", "follow"] = "hold"  # a looked-up value that moved, where following it restarts tasks
    after: tuple[Key, ...] = ()
    ignore: tuple[tuple[str, ...], ...] = ()  # patterns of paths that status, plan and apply leave alone
    keep_revisions: int = 0  # how many of the newest stay; 0: nothing is cleaned up


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """One resource as the manifest has it.

    `body` is AWS's create input plus what a second call sets, checked and coerced to AWS's types, not normalised;
    references stand in it as `Text`. `origins` maps paths of `body` (list indexes as they are) to where they were
    written; it takes no part in equality.
    """

    key: Key
    body: Body
    options: Options = Options()
    origin: Origin = Origin("")
    origins: Mapping[Path, Origin] = field(default_factory=dict, compare=False, repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One account and one Region: what an application is reconciled against. An empty account is not asserted."""

    account: str
    region: str
    name: str = ""  # the entry of the operator's config, where one is named

    def __str__(self) -> str:
        return f"{self.name or self.account or 'unasserted account'}/{self.region}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """How an application is kept: observe reports, enforce repairs. `interval` in seconds."""

    mode: Literal["observe", "enforce"] = "observe"
    prune: bool = False
    interval: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The unit that is reconciled, reported and targeted: its settings and its resources."""

    name: str
    account: str = ""  # an entry of the operator's config, or an account id to assert
    region: str = ""
    declared: bool = True  # False: a directory without an Application document, which may not prune
    sync: Sync = Sync()
    manage: tuple[str, ...] = ()  # kinds that may be written; empty: all but Role
    after: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()
    resources: tuple[Desired, ...] = ()
    origin: Origin = Origin("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a source held at one instant: file name (relative, with slashes) to content, all or nothing."""

    revision: str
    files: Mapping[str, bytes]
    source: str = ""  # where it came from, as the operator wrote it
    durable: bool = False  # from an index or a git commit: complete by construction (rule 27)


# ---------------------------------------------------------------- observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What we last applied, per top-level member (tag keys are members `tags/<key>`): hashes, not values."""

    members: Mapping[str, str]  # hash of the path -> hash of the value
    retain: bool = False  # the document said `ecsync/deletion: retain`
    adopted: bool = False  # undeclared members are left as they were found
    form: int = 1  # which canonical forms the hashes are of (`marks.FORM`)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Our three tags on a live resource. `applied` is None where its format is not ours: origin unknown."""

    owner: str
    id: str
    applied: Applied | None = None


Facts: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A live resource, in the shape of the create input plus additions; our tags and `aws:*` taken out of the tags.

    `facts` are what rules, gates and calls need beyond the body (deployments, scalable target, health …);
    `foreign` names another tool that manages it (CloudFormation, Terraform, Copilot).
    """

    body: Body
    outputs: Mapping[str, str | tuple[str, ...]]
    marks: Marks | None = None
    facts: Facts = field(default_factory=dict)
    foreign: str = ""
    read_at: datetime | None = field(default=None, compare=False)

    @property
    def called(self) -> str:
        """What AWS calls it: its ARN, or else the first of its outputs that is a name."""
        names = (self.outputs.get("arn", ""), *self.outputs.values())
        return next((name for name in names if isinstance(name, str) and name), "")


@dataclass(frozen=True, slots=True)
class Absent:
    """AWS said that it is not there: never inferred from a failed or partial read."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A read failed or told nothing: nothing is created, changed or deleted on it."""

    error: str


Observed: TypeAlias = Present | Absent | Unreadable

# ---------------------------------------------------------------- change

Effect: TypeAlias = Literal["in-place", "rolls-tasks", "needs-force", "revise", "replace"]
Reason: TypeAlias = Literal["drift", "pending", "lookup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One difference, in canonical form: `before` is live, `after` is what was written; sensitive values redacted."""

    path: Path
    before: Json
    after: Json
    effect: Effect = "in-place"
    reason: Reason = "drift"


Tags: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make what is not there; `marks` are our tags, written in the same call where AWS takes tags."""

    desired: Desired
    marks: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Change exactly these fields. `desired.body` is the body to go to, which a gate may have staged."""

    desired: Desired
    observed: Present
    fields: tuple[FieldChange, ...]
    marks: Tags = field(default_factory=dict)  # empty: the mark is right as it is
    untag: tuple[str, ...] = ()  # tag keys that were ours and are not declared any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Change what AWS cannot change in place; the kind compiles the next safe call only."""

    desired: Desired
    observed: Present
    fields: tuple[FieldChange, ...]
    marks: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Remove a live resource that is ours; the kind compiles the next safe call only."""

    key: Key
    observed: Present


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Put our marks on a resource that nobody marked; `fields` are what enforcing would change.

    `resets` are the fields among them that the manifest does not declare.
    """

    desired: Desired
    observed: Present
    fields: tuple[FieldChange, ...]
    resets: tuple[FieldChange, ...]
    marks: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Bring our marks up to date on a resource that is in sync."""

    desired: Desired
    observed: Present
    marks: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Take our marks off a resource that stays."""

    key: Key
    observed: Present


Change: TypeAlias = Create | Update | Replace | Delete | Adopt | Mark | Forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One API call as data. `params` may hold `Text`; `captures` maps an output to its place in the response."""

    service: str
    operation: str
    params: Body
    captures: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The form of ledgers, metrics and permissions: `ecs.UpdateService`."""
        return f"{self.service}.{self.operation}"


# ---------------------------------------------------------------- plan

Phase: TypeAlias = Literal["main", "late", "prune"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class StepId:
    """A step of a plan: a resource, and which of its steps.

    `main` is its own change, `late` the fields that must come after others, `prune` the end of one that is ours and
    declared nowhere (its key may be declared: the document means another resource by now).
    """

    key: Key
    phase: Phase = "main"

    def __str__(self) -> str:
        return f"{self.key} (late)" if self.phase == "late" else str(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change, its exact calls, and the steps that must be done before it. `waiting` says why calls are empty."""

    id: StepId
    change: Change
    calls: tuple[Call, ...]
    after: frozenset[StepId] = frozenset()
    waiting: str = ""

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """What it changes, field by field; nothing for a create, a delete or a mark."""
        match self.change:
            case Update(fields=fields) | Replace(fields=fields) | Adopt(fields=fields):
                return fields
            case _:
                return ()


Obstacle: TypeAlias = Literal[
    "off", "empty", "stale_source", "invalid_manifest", "not_listed", "not_managed", "suspended", "no_ownership",
    "replacement", "lookup", "contention", "unsafe",
]  # fmt: skip


class WithheldReason(str):
    """Why a step is withheld, in words for people; `obstacle` says it in one of a closed set, for machines."""

    __slots__ = ("obstacle",)
    obstacle: Obstacle

    def __new__(cls, obstacle: Obstacle, words: str) -> WithheldReason:
        """Return the words, and what they stand for."""
        made = super().__new__(cls, words)
        made.obstacle = obstacle
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A step that a policy took out of the plan, and why, in words that say what would let it through."""

    step: Step
    reason: str

    @property
    def obstacle(self) -> Obstacle:
        """What stands in its way. Plain words are the plan's own: whose it is, or a gate that holds a change."""
        if isinstance(self.reason, WithheldReason):
            return self.reason.obstacle
        return "unsafe" if isinstance(self.step.change, Update | Replace) else "no_ownership"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """A live value that nobody declared and AWS or another controller decides; listed, never touched."""

    key: Key
    path: Path
    value: Json
    owner: str = "AWS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a pass would do to one application: a value that is printed, tested, gated and then applied."""

    application: str
    target: Target
    revision: str
    steps: tuple[Step, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    unmanaged: tuple[Unmanaged, ...] = ()
    unreadable: Mapping[Key, str] = field(default_factory=dict)
    stopped: Mapping[Key, str] = field(default_factory=dict)  # given up until the manifest changes (rule 15)
    incomplete: str = ""  # why there may be more of ours that nobody declares than this says; nothing is pruned then

    @property
    def empty(self) -> bool:
        """True when no step but `adopt` is in it."""
        return all(isinstance(step.change, Adopt) for step in self.steps)


# ---------------------------------------------------------------- outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The calls went through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressing:
    """Right so far; look again after so many seconds."""

    why: str
    after: float = 15.0


DELETING = "deleting"  # why a removal that AWS has taken is progressing: it is seen gone by a later pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Not tried, because of another step."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """AWS refused, or a rule says not to try again. `retry`: soon (transient), slow (denied, invalid), never."""

    error: str
    retry: Literal["soon", "slow", "never"] = "soon"


Result: TypeAlias = Done | Progressing | Skipped | Failed

SyncStatus: TypeAlias = Literal["Synced", "OutOfSync", "Unknown"]
HealthStatus: TypeAlias = Literal["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"]
WORST_FIRST: tuple[HealthStatus, ...] = ("Degraded", "Missing", "Unknown", "Progressing", "Suspended", "Healthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a live resource is doing, apart from whether it is as declared."""

    status: HealthStatus
    why: str = ""


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
    origins: Mapping[str, str] = field(default_factory=dict)  # JSON pointer of a field -> file:line


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One pass over one application: the plan, what became of each step, and what each resource is now."""

    plan: Plan
    results: Mapping[StepId, Result] = field(default_factory=dict)
    statuses: tuple[ResourceStatus, ...] = ()

    @property
    def sync(self) -> SyncStatus:
        """OutOfSync if any resource is, else Unknown if any is, else Synced."""
        seen = {status.sync for status in self.statuses}
        return "OutOfSync" if "OutOfSync" in seen else "Unknown" if "Unknown" in seen else "Synced"

    @property
    def health(self) -> HealthStatus:
        """The worst of the resources."""
        seen = {status.health.status for status in self.statuses}
        return next((status for status in WORST_FIRST if status in seen), "Healthy")


PassResult: TypeAlias = Literal["synced", "changed", "error", "terminal", "throttled", "frozen", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass over one application, as people are told of it."""

    reconcile_id: str
    started: datetime
    ended: datetime
    result: PassResult
    error: str = ""  # why it came to no plan
    only_looked: str = ""  # why nothing may be written


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationState:
    """One application as of now. `outcome` is of the last pass that came to a plan, which may be an earlier one."""

    name: str
    target: Target
    sync: Sync = Sync()
    revision: str = ""
    problems: tuple[Problem, ...] = ()
    outcome: Outcome | None = None
    last_pass: Pass | None = None
    last_success: datetime | None = None
    next_pass: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of state, told once: what the log, the metrics, the store and other sinks are given."""

    type: str  # `observability.md` §6: drift.detected, resource.updated, sync.failed …
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
