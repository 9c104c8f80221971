"""Kind: one AWS kind as one frozen value. To add a kind, copy the smallest file in `kinds/` and change it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ecsync.core.constraints.rows import Constraints
from ecsync.core.model import (
    Call,
    Create,
    Delete,
    Desired,
    Documents,
    Effect,
    Facts,
    FieldChange,
    Key,
    Marks,
    Observed,
    PhysicalId,
    Present,
    Reason,
    Replace,
    Tags,
    Target,
    Update,
)
from ecsync.core.outcome import HEALTHY, LOOK_AGAIN, Health
from ecsync.core.ports import Reader
from ecsync.core.rules import Rules
from ecsync.core.schema import Shape
from ecsync.core.trees import Body, Path

World: TypeAlias = Mapping[Key, Observed]  # the observed resources of the application, as far as they are read


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A resource to read. References in its body are resolved as far as their values are known."""

    key: Key
    body: Body
    owner: str  # the value of `ecsync:owner` for this document
    managed: bool = True  # False: a lookup (`ecsync/manage: read`), found by name, not by mark
    replaceable: bool = False  # the document has `ecsync/replace: allow`
    keep: int = 0  # how many of the newest revisions stay; 0: all
    ignore: tuple[tuple[str, ...], ...] = ()  # patterns of paths that another client decides
    revision: str = ""  # a revision of which an earlier read found that it has the content of this same body


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A live resource with a mark of this installation: an orphan if no document declares it."""

    marks: Marks
    natural: str
    present: Present


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeOf:
    """The place of a kind's shape in botocore's model. `ecs.CreateService` is the input of that operation."""

    operation: str
    omit: tuple[str, ...] = ()  # members that a manifest cannot declare
    # Members that a second call sets, under the name that describe uses. The value is the path of a shape
    # (`logs.PutRetentionPolicy:retentionInDays`), or `any` (free-form), `boolean`, `string`, `strings` (list), `map`
    # (string to string).
    extra: Mapping[str, str] = field(default_factory=dict)
    # The path of the shape that describe returns (`ecs.DescribeServices:services[]`). Its members that are not in the
    # input are server-owned: accepted in a manifest, and dropped with a note.
    describe: str = ""
    required: tuple[str, ...] = ()  # required by us, not by AWS's model
    optional: tuple[str, ...] = ()  # required by AWS's model, and filled in by us (the name)


Cadence: TypeAlias = Literal["fast", "medium", "slow"]  # how old an answer may be, see `engine/views.py`


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """How all applications of an account and Region share the answers to one read operation.

    Without a declaration an answer is kept by its parameters, at the fast cadence. With `ids` it is kept by identifier,
    and one call is filled with the identifiers of several applications. With `tags_of` the answer is the tags of ARNs:
    one listing of the tagging API has them too.
    """

    operation: str  # `ecs.DescribeServices`
    cadence: Cadence = "fast"
    settled: Callable[[Body], bool] | None = None  # an answer that is not settled is read at the fast cadence
    guards: bool = False  # writes wait for this answer: what a difference depends on is read at the fast cadence
    ids: str = ""  # the parameter that takes a list of identifiers
    size: int = 0  # the most identifiers of one call
    items: str = ""  # the member of the answer that holds the items
    key: str = ""  # the member of an item that holds its identifier
    failures: str = ""  # the member of the answer with what AWS could not describe, by `arn`
    tags_of: str = ""  # the parameter that takes an ARN, or with `ids` a list of ARNs (`Kind.tagged_as`)
    part: Callable[[Body], Body] | None = None  # what `Reader.call` returns and keeps of an answer; None: all of it
    # For `Reader.cached`: another answer that this one contains, as (operation, its parameters, its answer).
    contains: Callable[[Body], tuple[str, Body, Body]] | None = None
    as_tagged: Callable[[str, Tags], Body] | None = None  # (ARN, its tags) -> the answer, or with `ids` the item


Derive: TypeAlias = Callable[[Mapping[str, str | tuple[str, ...]]], str | None]  # from the outputs that are read


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An output that takes a call of its own. `read` gets the resource; None: this resource has no such output."""

    operation: str  # `elbv2.DescribeRules`; it is one of the kind's `reads`
    read: Callable[[Reader, Present], str | None]


Printed: TypeAlias = Callable[[Body, Body], Present]  # (the output of describe, the declared body) -> the resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagging:
    """How a kind's tags are written: in the create input, and later by separate calls.

    In a manifest, tags are a map or AWS's list. In a body that a kind reads or sends, they have AWS's spelling.
    """

    member: str = "tags"  # the member of the body that holds them
    style: Literal["key/value", "Key/Value", "map"] = "key/value"  # AWS's spelling
    put: Callable[[Present, Tags], tuple[Call, ...]]
    remove: Callable[[Present, Sequence[str]], tuple[Call, ...]]
    operations: frozenset[str] = frozenset()  # every operation that `put` and `remove` use: `ecs.TagResource`


# ---------------------------------------------------------------- what AWS prints about its own work


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """A change that AWS makes after it has answered the call: AWS is at work on it, or has given it up.

    It is no drift. In progress is waited for. A step with a change that AWS gave up has failed, and is retried slowly.
    """

    state: Literal["in progress", "failed"]
    why: str  # AWS's own reason
    usable: bool = True  # False: what needs the resource waits
    members: tuple[str, ...] = ()  # the members of the body that it is about; empty: all

    def concerns(self, path: Path) -> bool:
        """Return whether the change is about a path of the body."""
        return not self.members or path[0] in self.members


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A value that `adjust` took from another controller, in place of the declared one."""

    path: Path
    owner: str  # the controller, for people
    note: str = ""  # why the value is written, where the live one is not what the controller allows


# ---------------------------------------------------------------- what a gate returns


@dataclass(frozen=True, slots=True, kw_only=True)
class Proceed:
    """Write this body now. `waiting` is the reason why it is not the desired body yet; empty: it is.

    While it waits, requeue after `after` seconds.
    """

    body: Body
    waiting: str = ""
    after: float = LOOK_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Write nothing now, because AWS is busy. Requeue after `after` seconds."""

    why: str
    after: float = LOOK_AGAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Write nothing but `rest` until the manifest changes (docs/rules.md R15). `why` is AWS's own reason."""

    why: str
    rest: tuple[FieldChange, ...] = ()  # the differences that the refused change does not need


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Write nothing but `rest`, because the change is not safe. `reason` contains what a person can do."""

    reason: str
    rest: tuple[FieldChange, ...] = ()  # the differences that the held change does not need


Gate: TypeAlias = Proceed | Wait | GiveUp | Hold


# ---------------------------------------------------------------- the kind


def _healthy(_: Desired, __: Present) -> Health:
    return HEALTHY


def _no_outputs(_: Body) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One AWS kind: identity, shape, rules, read, calls; then the fields that only some kinds set.

    R13 in a comment is rule 13 of docs/rules.md.
    """

    name: str
    example: str = ""  # a document below `resources:`, as YAML; `ecsync explain KIND` prints it

    # 1 IDENTITY
    natural: Callable[[Body], str | None]  # the name in AWS; None while a reference in it is unknown
    claim: Callable[[Body], str | None] | None = None  # a value that two documents cannot share; None: the natural name
    name_member: str = ""  # the member that gets metadata.name where spec has no name
    name_limit: int = 255  # the longest name, in characters
    regional: bool = True  # False: its names are of the account, for all Regions
    primary: str  # the output that `${Kind/name}` without an output means
    outputs: Mapping[str, str]  # the outputs that other documents can refer to, each with what it is for
    list_outputs: frozenset[str] = frozenset()  # those of them that are lists
    known: Callable[[Body], Mapping[str, str]] = _no_outputs  # outputs that follow from the body alone (names)
    derived: Mapping[str, Derive] = field(default_factory=dict)  # outputs that are a part of another one: of the ARN
    asked: Mapping[str, Asked] = field(default_factory=dict)  # outputs that are read only where a document uses them
    # Outputs that get another value by an update, a new revision or a replacement (default for a replacement: all).
    invalidates: Mapping[Literal["update", "revise", "replace"], tuple[str, ...]] = field(default_factory=dict)
    tagging: Tagging | None = None  # None: AWS has no tags on this kind

    # 2 SHAPE
    shape: ShapeOf | None = None  # None: a document of our own (Network); only `check` validates it
    own_shape: Shape | None = None  # of such a document, for people and editors
    notes: Mapping[str, str] = field(default_factory=dict)  # what the language adds to a field, by path (`_notes.py`)
    # AWS's shape -> the members that `rules` take into account.
    reviewed: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[Body], Iterable[tuple[tuple[str | int, ...], str]]] = lambda _: ()  # errors: (path, message)
    constraints: Constraints = ()  # what AWS accepts beyond the shape, see `constraints/rows.py`

    # 3 RULES
    rules: Rules = ()  # see `rules.py`
    # Other kinds, and the paths of their bodies that hold the name of this kind: they get a `Refers` row.
    referred_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unreviewed: Callable[[], Sequence[tuple[str, ...]]] = (
        tuple  # members of AWS's model that no row was written for yet
    )

    # 4 READ: the only impure part. A resource that `read` does not yield is Unreadable, never Absent.
    read: Callable[[Reader, Sequence[Wanted], World], Iterator[tuple[Key, Observed]]]
    # Live resources with a mark of a scope: of an installation (`prod`), or of one document (`prod/shop/Service/web`).
    owned: Callable[[Reader, str], Iterator[Owned]] | None = None
    tagged_as: str = ""  # the resource type in the tagging API, where it lists the kind: `logs:log-group`
    reads_after: tuple[str, ...] = ()  # kinds: their live state decides which calls `read` makes
    apart: bool = False  # `read` makes calls for each resource alone: then several threads can read them
    reads: frozenset[str]  # every operation that `read`, `owned` and `inquire` use: `ecs.DescribeServices`
    collections: tuple[Collection, ...] = ()  # of those operations; the others are kept by their parameters
    looks_for: Callable[[Body], str] | None = None  # a lookup, as text; None: kind and name
    from_describe: Printed | None = None  # None: the output of describe has the members of the create input

    # 5 CALLS: pure
    calls: Callable[[Create | Update | Replace | Delete], tuple[Call, ...]] | None = None  # None: never written
    writes: frozenset[str] = frozenset()  # every operation of a create and an update, tag calls apart
    deletes: frozenset[str] = frozenset()  # every operation of a delete and of a replacement's delete
    rights: tuple[str, ...] = ()  # IAM actions that AWS asks for beside those operations: `iam:PassRole`

    # The rest is for some kinds only; the default is right for the others.

    # Documents: what the other documents of the application add. Use `Documents.find`, never a loop over all of them.
    needs: Callable[[Desired, Documents], Iterable[Key]] | None = None  # dependencies that are not references
    cross_check: Callable[[Desired, Documents], Iterable[tuple[Path, str]]] | None = None  # errors (R13)
    complete_create: Callable[[Desired, Documents], Body] | None = None  # the body to create (R13)

    # Comparison
    any_change: Effect | None = None  # every change has this effect (a task definition is revised)
    adjust: Callable[[Body, Present], Body] | None = None  # the desired body, after another controller's decisions

    decided: Callable[[Body, Present], Iterable[Decided]] = lambda *_: ()  # which of them, to be reported

    # A resource that differs: more facts, then the reason per path, then what may be written now
    inquire: Callable[[Reader, Desired, Present, Sequence[FieldChange]], Facts] | None = None  # reads (R15)
    reason: Callable[[Path, Present], Reason | None] | None = None  # None as a result: the default reason
    gate: Callable[[Desired, Present, Sequence[FieldChange], World], Gate] | None = None

    # Writes
    only_removes: Callable[[Update], bool] | None = None  # a change that nothing needs: no other step waits for it
    unsettled: Callable[[Present], Unsettled | None] | None = None  # for a kind that AWS changes after the call
    # Why no call of a delete can be made now; empty: one can.
    delete_waits: Callable[[Present], str] | None = None
    serial_domain: Callable[[Body], str] | None = None  # one mutation at a time in it, in all applications (R31)
    replaces_itself: bool = False  # a replacement needs no `ecsync/replace: allow` (R9)
    # Why such a replacement is an outage nevertheless, and for how long; empty if it is none. Then it needs `allow`.
    interrupts: Callable[[Replace, World, Documents], str] = lambda *_: ""
    superseded: Callable[[Present, World], Iterable[tuple[Present, str]]] | None = None  # to delete, and why not yet
    # Live resources that send traffic to it. While one of them is to change, it is not deleted (R9).
    serves: Callable[[Present, World], Iterable[Key]] = lambda *_: ()

    # Health, by the live resource; the references of the document are not resolved
    health: Callable[[Desired, Present], Health] = _healthy

    # Import: the body that `read` needs, from a name or ARN that another body holds; None: never a document
    from_reference: Callable[[str], Body | None] | None = None

    # Annotations
    adopt_default: Literal["never", "if-untagged"] = "never"  # the default of `ecsync/adopt`
    retain_default: bool = False  # the default of `ecsync/deletion` is `retain`
    keeps_revisions: bool = False  # the kind has `ecsync/keep-revisions`

    @property
    def has_health(self) -> bool:
        """Whether a live resource can be other than healthy."""
        return self.health is not _healthy or self.unsettled is not None

    def physical(self, target: Target, natural: str) -> PhysicalId:
        """Return the identity of a resource of this name in a target."""
        region = target.region if self.regional else ""
        return PhysicalId(account=target.account, region=region, kind=self.name, natural=natural)

    def condition(self, observed: Observed | None) -> Unsettled | None:
        """Return what AWS prints about its own work on a live resource; None if it is at rest."""
        return self.unsettled(observed) if self.unsettled and isinstance(observed, Present) else None

    def judge(self, desired: Desired, present: Present) -> Health:
        """Return the health of a live resource."""
        condition = self.condition(present)
        if condition is None:
            return self.health(desired, present)
        return Health(status="Degraded" if condition.state == "failed" else "Progressing", why=condition.why)

    def decide(self, desired: Desired, present: Present, fields: Sequence[FieldChange], world: World) -> Gate | None:
        """Return what may be written of a difference now; None if all of it may."""
        condition = self.condition(present)
        at_work = condition is not None and condition.state == "in progress"
        if condition is not None and at_work and any(condition.concerns(one.path) for one in fields):
            return Wait(why=condition.why)
        return self.gate(desired, present, fields, world) if self.gate else None

    @property
    def asked_together(self) -> bool:
        """Whether `read` asks for its resources by one list of names, and the answer is kept by that list.

        Then a part of them is read with all of them: the answer to another list may be older, and contradict it.
        """
        return not self.apart and not any(one.ids for one in self.collections)

    @property
    def actions(self) -> Mapping[Literal["read", "write", "delete"], tuple[str, ...]]:
        """The IAM actions that the kind needs: of its declared operations, and its `rights` (R29)."""
        if self.calls is None:
            return {"read": _iam_actions(self.reads)}
        tags = self.tagging.operations if self.tagging else frozenset()
        return {
            "read": _iam_actions(self.reads),
            "write": (*_iam_actions(self.writes | tags), *self.rights),
            "delete": _iam_actions(self.deletes),
        }


# IAM's prefix of a service, where it is not boto3's name of the service (Service Authorization Reference).
_IAM_PREFIXES = {"elbv2": "elasticloadbalancing", "resourcegroupstaggingapi": "tag"}


def _iam_actions(operations: Iterable[str]) -> tuple[str, ...]:
    names = (operation.split(".") for operation in sorted(operations))
    return tuple(f"{_IAM_PREFIXES.get(service, service)}:{name}" for service, name in names)
