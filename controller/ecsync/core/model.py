"""The vocabulary: every noun of the project. Read this first.

AWS bodies are plain trees with AWS's own field names (`trees.py`); our nouns are frozen dataclasses. A body contains
`Text` where the manifest has a reference with a value that is not known yet.
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
    """The name of a resource in the manifest: used in logs, metrics, plans and references."""

    application: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def full(self) -> str:
        """Return the form in JSON plans: `Service/shop/api`."""
        return f"{self.kind}/{self.application}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PhysicalId:
    """The identity of a resource in AWS, across applications: for claims and orphans."""

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
    """A string that contains references: its value is known when each reference is."""

    parts: tuple[str | Ref, ...]

    def __str__(self) -> str:
        return "".join(str(part) for part in self.parts)

    @property
    def refs(self) -> tuple[Ref, ...]:
        """Return the references in the text, in order."""
        return tuple(part for part in self.parts if isinstance(part, Ref))

    @property
    def sole(self) -> Ref | None:
        """Return the reference where the text is one reference alone; the value then has the type of the output."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Ref) else None


@dataclass(frozen=True, slots=True)
class Redacted:
    """A sensitive value as people see it: a fingerprint, with a key that only this process has."""

    fingerprint: str

    def __str__(self) -> str:
        return f"(sensitive) #{self.fingerprint}" if self.fingerprint else "(sensitive)"


# ---------------------------------------------------------------- places in manifests


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
    """An error in a manifest: where it is, what it is, and what to do."""

    origin: Origin
    message: str
    application: str = ""  # the application that it blocks; empty: all

    def __str__(self) -> str:
        return f"{self.origin.file}:{self.origin.line}:{self.origin.column}: {self.message}"


# ---------------------------------------------------------------- desired


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a resource is handled, from the annotations of its document (docs/manifests.md)."""

    manage: bool = True  # False: a lookup, read-only
    adopt: Literal["never", "if-untagged"] = "never"
    replace: Literal["hold", "allow"] = "hold"
    deletion: Literal["delete", "retain"] = "delete"
    state: Literal["present", "absent"] = "present"
    undeclared: Literal["default", "ignore", "adopted"] = "adopted"  # adopted: as ignore, while the mark has the flag
    suspend: bool = False
    refresh: Literal["hold", "follow"] = "hold"  # a looked-up value changed, and applying it restarts tasks
    after: tuple[Key, ...] = ()
    ignore: tuple[tuple[str, ...], ...] = ()  # patterns of paths that are not compared and not written
    keep_revisions: int = 0  # how many of the newest revisions stay; 0: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """One resource as the manifest declares it.

    `body` is AWS's create input plus what a second call sets. It is checked and coerced to AWS's types, not normalised;
    its references are `Text`. `origins` maps paths of `body` (with list indexes) to their place in the manifest; it
    takes no part in equality.
    """

    key: Key
    body: Body
    options: Options = Options()
    origin: Origin = Origin("")
    origins: Mapping[Path, Origin] = field(default_factory=dict, compare=False, repr=False, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The account and Region that an application is reconciled against. An empty account is not checked."""

    account: str
    region: str
    name: str = ""  # the entry of the operator's config, if one is named

    def __str__(self) -> str:
        return f"{self.name or self.account or 'unasserted account'}/{self.region}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """How an application is reconciled: observe reports, enforce writes. `interval` is in seconds."""

    mode: Literal["observe", "enforce"] = "observe"
    prune: bool = False
    interval: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The unit of reconciliation and reports: settings and resources."""

    name: str
    account: str = ""  # an entry of the operator's config, or the account id to check
    region: str = ""
    declared: bool = True  # False: a directory without an Application document; it cannot prune
    sync: Sync = Sync()
    manage: tuple[str, ...] = ()  # kinds that may be written; empty: all but Role
    after: tuple[str, ...] = ()
    formerly: tuple[str, ...] = ()
    resources: tuple[Desired, ...] = ()
    origin: Origin = Origin("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The complete content of a source at one moment: file name (relative, with slashes) to content."""

    revision: str
    files: Mapping[str, bytes]
    source: str = ""  # the source, as in the operator's config
    durable: bool = False  # from an index or a git commit: complete by construction (docs/rules.md R27)


# ---------------------------------------------------------------- observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What we last applied, as hashes: one per top-level member, and one per tag (`tags/<key>`)."""

    members: Mapping[str, str]  # hash of the path -> hash of the value
    retain: bool = False  # the document had `ecsync/deletion: retain`
    adopted: bool = False  # undeclared members stay as they were at adoption
    form: int = 1  # the version of the canonical form (`marks.FORM`)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Our three tags on a live resource. `applied` is None where its format is not supported."""

    owner: str
    id: str
    applied: Applied | None = None


Facts: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A live resource, in the shape of the create input plus additions; without our tags and without `aws:*` tags.

    `facts` is what rules, gates and calls need beyond the body (deployments, scalable target, health …).
    `foreign` is the name of another tool that manages the resource (CloudFormation, Terraform, Copilot).
    """

    body: Body
    outputs: Mapping[str, str | tuple[str, ...]]
    marks: Marks | None = None
    facts: Facts = field(default_factory=dict)
    foreign: str = ""
    read_at: datetime | None = field(default=None, compare=False)

    @property
    def called(self) -> str:
        """Return its ARN, or else its first output that is a name."""
        names = (self.outputs.get("arn", ""), *self.outputs.values())
        return next((name for name in names if isinstance(name, str) and name), "")


@dataclass(frozen=True, slots=True)
class Absent:
    """AWS reported that the resource does not exist. Never inferred from a failed or partial read."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A read failed or did not return the resource: nothing is created, changed or deleted because of it."""

    error: str


Observed: TypeAlias = Present | Absent | Unreadable

# ---------------------------------------------------------------- change

Effect: TypeAlias = Literal["in-place", "rolls-tasks", "needs-force", "revise", "replace"]
Reason: TypeAlias = Literal["drift", "pending", "lookup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One difference, in canonical form: `before` is live, `after` is declared. Sensitive values are redacted."""

    path: Path
    before: Json
    after: Json
    effect: Effect = "in-place"
    reason: Reason = "drift"


Tags: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Create an absent resource. `marks` are our tags, sent in the same call where AWS accepts tags there."""

    desired: Desired
    marks: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Change exactly these fields. `desired.body` is the next body, which a gate may have staged."""

    desired: Desired
    observed: Present
    fields: tuple[FieldChange, ...]
    marks: Tags = field(default_factory=dict)  # empty: the marks are up to date
    untag: tuple[str, ...] = ()  # tag keys that we applied and that are no longer declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Replace a resource: AWS cannot change these fields in place. The kind compiles the next safe call only."""

    desired: Desired
    observed: Present
    fields: tuple[FieldChange, ...]
    marks: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete a live resource that we own. The kind compiles the next safe call only."""

    key: Key
    observed: Present


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """Put our marks on a resource without marks. `fields` is what a later update would change.

    `resets` are those of the fields that the manifest does not declare.
    """

    desired: Desired
    observed: Present
    fields: tuple[FieldChange, ...]
    resets: tuple[FieldChange, ...]
    marks: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Update our marks on a resource that is in sync."""

    desired: Desired
    observed: Present
    marks: Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Remove our marks from a resource that stays."""

    key: Key
    observed: Present


Change: TypeAlias = Create | Update | Replace | Delete | Adopt | Mark | Forget


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One API call as data. `params` may contain `Text`. `captures` maps an output to its path in the response."""

    service: str
    operation: str
    params: Body
    captures: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the form in ledgers, metrics and permissions: `ecs.UpdateService`."""
        return f"{self.service}.{self.operation}"


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
        return f"{self.key} (late)" if self.phase == "late" else str(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change, its exact calls, and the steps before it. `waiting` is the reason why it is not complete yet."""

    id: StepId
    change: Change
    calls: tuple[Call, ...]
    after: frozenset[StepId] = frozenset()
    waiting: str = ""

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """Return the fields that it changes; none for a create, a delete or a mark."""
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
    """The reason why a step is withheld, as text for people; `obstacle` is one of a closed set, for programs."""

    __slots__ = ("obstacle",)
    obstacle: Obstacle

    def __new__(cls, obstacle: Obstacle, text: str) -> WithheldReason:
        """Return the text with its obstacle."""
        made = super().__new__(cls, text)
        made.obstacle = obstacle
        return made


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """A live value that AWS or another controller decides: reported, never written."""

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
    stopped: Mapping[Key, str] = field(
        default_factory=dict
    )  # not retried until the manifest changes (docs/rules.md R15)
    incomplete: str = ""  # the reason why orphans may be missing; nothing is pruned then

    @property
    def empty(self) -> bool:
        """Return whether the plan has no step other than adoptions."""
        return all(isinstance(step.change, Adopt) for step in self.steps)


# ---------------------------------------------------------------- outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """All calls succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressing:
    """No error so far; requeue after `after` seconds."""

    why: str
    after: float = 15.0


DELETING = "deleting"  # AWS accepted a deletion; a later pass observes that the resource is absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Not tried, because of another step."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A call failed, or a rule forbids a retry. `retry`: soon (transient), slow (denied, invalid), never."""

    error: str
    retry: Literal["soon", "slow", "never"] = "soon"


Result: TypeAlias = Done | Progressing | Skipped | Failed

SyncStatus: TypeAlias = Literal["Synced", "OutOfSync", "Unknown"]
HealthStatus: TypeAlias = Literal["Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"]
WORST_FIRST: tuple[HealthStatus, ...] = ("Degraded", "Missing", "Unknown", "Progressing", "Suspended", "Healthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The health of a live resource: apart from its sync status."""

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
    """One pass over one application: the plan, the result of each step, and the status of each resource."""

    plan: Plan
    results: Mapping[StepId, Result] = field(default_factory=dict)
    statuses: tuple[ResourceStatus, ...] = ()

    @property
    def sync(self) -> SyncStatus:
        """Return OutOfSync if any resource is, else Unknown if any is, else Synced."""
        seen = {status.sync for status in self.statuses}
        return "OutOfSync" if "OutOfSync" in seen else "Unknown" if "Unknown" in seen else "Synced"

    @property
    def health(self) -> HealthStatus:
        """Return the worst health of the resources."""
        seen = {status.health.status for status in self.statuses}
        return next((status for status in WORST_FIRST if status in seen), "Healthy")


PassResult: TypeAlias = Literal["synced", "changed", "error", "terminal", "throttled", "frozen", "skipped"]


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
class ApplicationState:
    """The current state of one application. `outcome` is of the last pass with a plan, which may be an earlier pass."""

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
