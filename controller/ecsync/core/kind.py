"""Kind: the parts of an AWS kind as one frozen value. To add one, copy the smallest file in `kinds/` and fill it in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ecsync.core.model import (
    Call,
    Create,
    Delete,
    Desired,
    Effect,
    Facts,
    FieldChange,
    Health,
    Key,
    Marks,
    Observed,
    Present,
    Reason,
    Replace,
    Tags,
    Update,
)
from ecsync.core.ports import Reader
from ecsync.core.rules import Rules
from ecsync.core.trees import Body, Path

World: TypeAlias = Mapping[Key, Observed]  # what has been observed of the application so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A resource to look for: its body with every reference that is known by now resolved, and our mark on it."""

    key: Key
    body: Body
    owner: str  # value of `ecsync:owner` that marks it as this document's
    managed: bool = True  # False: a lookup (`manage: read`), found by name, not by mark
    keep: int = 0  # how many of the newest revisions stay; 0: nothing is cleaned up


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A live resource that carries a mark of this installation: a candidate orphan."""

    marks: Marks
    natural: str
    present: Present


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeOf:
    """Where botocore's model has the shape of a kind's body: `ecs.CreateService` is that operation's input.

    `extra` are the members that a second call sets, under the name that describe uses; a value is either the
    path of a shape (`logs.PutRetentionPolicy:retentionInDays`), or one of the words `any` (free-form), `boolean`,
    `string`, `strings` (list), `map` (string to string).
    `describe` is the path of the shape that describe prints (`ecs.DescribeServices:services[]`): what it has
    beyond the input is server-owned, accepted in a manifest and dropped with a note.
    """

    operation: str
    omit: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    describe: str = ""
    required: tuple[str, ...] = ()  # beyond what AWS's model says
    optional: tuple[str, ...] = ()  # required by AWS's model, but filled in by us (the name)


Printed: TypeAlias = Callable[[Body, Body], Present]  # (what describe prints, what is declared) as a resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Tagging:
    """How a kind's tags are written: in the create input, and later by calls of their own.

    `style` is AWS's spelling in the body: `key/value`, `Key/Value`, or `map`. Bodies from a manifest may have a
    map or that list; a body that a kind reads or sends has AWS's.
    """

    member: str = "tags"
    style: Literal["key/value", "Key/Value", "map"] = "key/value"
    put: Callable[[Present, Tags], tuple[Call, ...]]
    remove: Callable[[Present, Sequence[str]], tuple[Call, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proceed:
    """The next safe body on the way to the desired one; `waiting` when it is not the last."""

    body: Body
    waiting: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing to do now: AWS is at work. Look again after so many seconds."""

    why: str
    after: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """Given up until what is desired changes (rule 15), with AWS's own reason."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """It could be done, but not safely by us: `reason` says what a person can do."""

    reason: str


Gate: TypeAlias = Proceed | Wait | GiveUp | Hold


def _healthy(_: Desired, __: Present) -> Health:
    return Health(status="Healthy")


def _nothing_known(_: Body) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One AWS kind: identity, shape, rules, read, calls; then what only some kinds have."""

    name: str

    # 1 IDENTITY
    natural: Callable[[Body], str | None]  # AWS's name of it; None while a reference in it is unknown
    claim: Callable[[Body], str | None] | None = None  # what no two documents may both be; None: the natural name
    name_member: str = ""  # the member that is filled from metadata.name where spec gives none
    name_limit: int = 255
    primary: str  # the output of `${Kind/name}`
    outputs: tuple[str, ...]
    list_outputs: frozenset[str] = frozenset()
    known: Callable[[Body], Mapping[str, str]] = _nothing_known  # outputs that the body alone tells (names)
    invalidates: Mapping[Literal["update", "revise", "replace"], tuple[str, ...]] = field(default_factory=dict)
    tagging: Tagging | None = None

    # 2 SHAPE
    shape: ShapeOf | None = None  # None: our own document (Network), checked by `check` alone
    check: Callable[[Body], Iterable[tuple[tuple[str | int, ...], str]]] = lambda _: ()  # path, message

    # 3 RULES
    rules: Rules = ()
    unreviewed: Callable[[], Sequence[tuple[str, ...]]] = (
        tuple  # members of AWS's model that no row was written for yet
    )

    # 4 READ: the only impure part. What it does not yield is Unreadable, never Absent.
    read: Callable[[Reader, Sequence[Wanted], World], Iterator[tuple[Key, Observed]]]
    owned: Callable[[Reader, str], Iterator[Owned]] | None = None  # installation -> what carries its marks
    reads: frozenset[str]  # every operation that `read`, `owned` and `inquire` use: `ecs.DescribeServices`
    from_describe: Printed | None = None  # None: describe prints the members of the create input under their own names

    # 5 CALLS: pure
    calls: Callable[[Create | Update | Replace | Delete], tuple[Call, ...]] | None = None  # None: never written

    # Only some kinds
    needs: Callable[[Desired, Sequence[Desired]], Iterable[Key]] | None = None  # edges that are not references
    any_change: Effect | None = None  # any change at all has this effect (a task definition is revised)
    # Facts that are read only when it differs (rule 15).
    inquire: Callable[[Reader, Desired, Present, Sequence[FieldChange]], Facts] | None = None
    reason: Callable[[Path, Present], Reason | None] | None = None  # overrides drift or pending, after `inquire`
    # What is wrong with a document beside the others, and the body of its create beside them (rule 13).
    cross_check: Callable[[Desired, Sequence[Desired]], Iterable[tuple[Path, str]]] | None = None
    complete_create: Callable[[Desired, Sequence[Desired]], Body] | None = None
    adjust: Callable[[Body, Present], Body] | None = None  # desired body, given what another controller decided
    gate: Callable[[Desired, Present, Sequence[FieldChange], World], Gate] | None = None  # asked when it differs
    superseded: Callable[[Present, World], Iterable[tuple[Present, str]]] | None = None  # superseded, why not yet
    health: Callable[[Desired, Present], Health] = _healthy
    serial_domain: Callable[[Body], str] | None = None  # one mutation at a time in it, across applications (rule 30)
    replaces_itself: bool = False  # a Replace runs without `ecsync/replace: allow` (rule 9)
    adopt_default: Literal["never", "if-untagged"] = "never"
    retain_default: bool = False  # `ecsync/deletion` is `retain` where the document says nothing
    keeps_revisions: bool = False  # `ecsync/keep-revisions` may be said of it
    actions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # IAM actions: read, write, delete
