"""The vocabulary: every noun of the project. Read this first.

Nouns are frozen dataclasses. AWS bodies are plain trees (`trees.py`), with `Text` where a reference has no value yet.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Literal, NamedTuple, TypeAlias

from ecsync.core.trees import Body, Json, Path, leaves


class Key(NamedTuple):
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


class Ref(NamedTuple):
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


class Origin(NamedTuple):
    """A place in a manifest; line and column count from 1. A tuple, because there is one for each value."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE = Origin("")
Facts: TypeAlias = Mapping[str, Json]
_Derived: TypeAlias = tuple[tuple[Ref, ...], tuple[str, ...], bytes]  # refs, referring and content


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """An error in a manifest: where it is, what it is, and what to do."""

    origin: Origin
    message: str
    application: str = ""  # the application that it blocks; empty: all

    def __str__(self) -> str:
        return f"{self.origin.file}:{self.origin.line}:{self.origin.column}: {self.message}"


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
    its references are `Text`. `origins` has the places of paths of `body`, and takes no part in equality.
    """

    key: Key
    body: Body
    options: Options = Options()
    origin: Origin = NOWHERE
    origins: Mapping[Path, Origin] = field(default_factory=dict, compare=False, repr=False, hash=False)
    _derived: _Derived | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def content(self) -> bytes:
        """Return 16 bytes that are equal for equal options and bodies. `1`, `1.0` and `True` differ."""
        return self._found()[2]

    @property
    def refs(self) -> tuple[Ref, ...]:
        """Return the references in the body, each once, in order."""
        return self._found()[0]

    @property
    def referring(self) -> tuple[str, ...]:
        """Return the members of the body that contain references."""
        return self._found()[1]

    def moved(self, origin: Origin, origins: Mapping[Path, Origin]) -> Desired:
        """Return the document at another place, with what was derived of it."""
        there = replace(self, origin=origin, origins=origins)
        object.__setattr__(there, "_derived", self._derived)
        return there

    def _found(self) -> _Derived:
        if self._derived is None:
            texts = [(str(path[0]), leaf) for path, leaf in leaves(self.body) if isinstance(leaf, Text)]
            refs = tuple(dict.fromkeys(ref for _, text in texts for ref in text.refs))
            plain = repr((self.options, self.body)).encode(errors="surrogatepass")
            derived = refs, tuple(dict.fromkeys(name for name, _ in texts)), blake2b(plain, digest_size=16).digest()
            object.__setattr__(self, "_derived", derived)
            return derived
        return self._derived


class Documents:
    """The documents of one application, in order. Each index is built once, so a check of all is linear."""

    def __init__(self, documents: Iterable[Desired], region: str = "") -> None:
        self.region = region  # of the target; empty: not known
        self._all = tuple(documents)
        self._by_key = {desired.key: desired for desired in reversed(self._all)}  # of two with one key, the first
        self._indexes: dict[tuple[str, Values], dict[Hashable, list[Desired]]] = {}

    def __iter__(self) -> Iterator[Desired]:
        return iter(self._all)

    def get(self, key: Key) -> Desired | None:
        """Return the document of a key; None if it is not declared."""
        return self._by_key.get(key)

    def find(self, kind: str, values: Values, value: Hashable) -> Sequence[Desired]:
        """Return the documents of a kind that have the value among their `values`, a function of a module."""
        index = self._indexes.get((kind, values))
        if index is None:
            index = {}
            for desired in (one for one in self._all if one.key.kind == kind):
                for found in dict.fromkeys(values(desired, self)):
                    index.setdefault(found, []).append(desired)
            self._indexes[kind, values] = index
        return index.get(value, ())


Values: TypeAlias = Callable[[Desired, Documents], Iterable[Hashable]]


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
    prune_limit: int = 0  # resources that may be pruned although they are all, or more than a third
    interval: float = 60.0


@dataclass(frozen=True, kw_only=True)
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
    suspend: str = ""  # why nothing of it is written; empty: it may be
    resources: Sequence[Desired] = ()  # between passes `ports.PackedResources`
    origin: Origin = NOWHERE
    source: str = ""  # the name of its source in the operator's config; empty: the only one

    @cached_property
    def documents(self) -> Documents:
        """The resources with their indexes."""
        return Documents(self.resources, self.region)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """A live resource, in the shape of the create input plus additions; without our tags and without `aws:*` tags.

    `facts` is what rules, gates and calls need beyond the body (deployments, scalable target, health …).
    """

    body: Body
    outputs: Mapping[str, str | tuple[str, ...]]
    marks: Marks | None = None
    facts: Facts = field(default_factory=dict)
    foreign: str = ""  # the name of another tool that manages it (CloudFormation, Terraform, Copilot)
    revision: str = field(default="", compare=False)  # an immutable revision with exactly the content asked for
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
    behind: Key | None = None  # the resource that it waits for; None: its own read failed


Observed: TypeAlias = Present | Absent | Unreadable

# ---------------------------------------------------------------- change

Effect: TypeAlias = Literal["in-place", "new-tasks", "rolls-tasks", "needs-force", "revise", "replace"]
Reason: TypeAlias = Literal["drift", "pending", "lookup"]
Tags: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One difference, in canonical form: `before` is live, `after` is declared. Sensitive values are redacted."""

    path: Path
    before: Json
    after: Json
    effect: Effect = "in-place"
    reason: Reason = "drift"
    note: str = ""  # why `after` is not the value in the manifest: another controller bounds it


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
    """Put our marks on a resource without marks. `fields` is what a later update would change."""

    desired: Desired
    observed: Present
    fields: tuple[FieldChange, ...]
    resets: tuple[FieldChange, ...]  # those of the fields that the manifest does not declare
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
