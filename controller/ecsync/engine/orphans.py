"""Orphans: live resources that carry our marks and that no document declares.

A list of them is kept per application and read again for a new revision. The mark of a document that cannot be read is
not verified: the list is incomplete, and nothing is removed. A step that removes one reads it once more.
The order of the removals is decided in `core/deletes.py`.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ecsync.core import marks
from ecsync.core.deletes import deletion
from ecsync.core.inputs import Inputs
from ecsync.core.kind import Kind, Owned
from ecsync.core.model import Application, Delete, Desired, Forget, Key, Present, Unreadable
from ecsync.core.outcome import Step, WithheldReason
from ecsync.core.ports import AwsError, Reader
from ecsync.engine.inventory import Inventory
from ecsync.engine.packing import NEVER, Listed, content_of
from ecsync.engine.views import View

_MOST_ALONE = 5  # marks that are verified one by one; more of them take one listing of the kind
RETRY = 60.0  # seconds until a list that is incomplete is read again
RELIST = 600.0  # seconds: within one revision the list changes only if another client copies our marks

_Mark: TypeAlias = tuple[str, str, str]  # owner mark, ARN or id, and id in the mark or name


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The orphans of one application as of one read; `incomplete` is the reason why some may be missing."""

    revision: str  # of the manifests that the live resources were compared with
    at: float  # monotonic seconds
    made: float  # when the marks were compared with the world; `at` may be later, see `renewed`
    orphans: tuple[Owned, ...] = ()
    incomplete: str = ""
    unread: frozenset[Key] = frozenset()  # documents with our mark in AWS that could not be read: the only reason
    content: bytes = NEVER  # of the marks that it was made from, where nothing but the world was compared with them

    def stands(self, revision: str, now: float) -> bool:
        """Return whether the list is complete, and can be used again."""
        return self.revision == revision and not self.incomplete and now - self.at <= RELIST

    def usable(self, inputs: Inputs, now: float) -> bool:
        """Return whether the list can be used again instead of reading AWS."""
        if self.revision != inputs.revision:
            return False
        if self.unread:
            return now - self.at <= RELIST and any(_is_unread(inputs, key) for key in self.unread)
        return now - self.at <= (RETRY if self.incomplete else RELIST)


@dataclass(frozen=True, slots=True)
class Scope:
    """The marks that are listed: those of an application of an installation."""

    inventory: Inventory
    view: View
    kinds: Mapping[str, Kind]
    installation: str
    application: Application

    @property
    def prefixes(self) -> Iterator[str]:
        """The first parts of its owner marks."""
        for name in (self.application.name, *self.application.formerly):
            yield f"v1/{self.installation}/{name}"

    def marks(self, kind: Kind) -> list[_Mark]:
        """Return the marks of a kind that the tagging API lists."""
        marked = self.inventory.marked(self.view, kind)
        return sorted(one for prefix in self.prefixes for one in marked.marks(prefix, kind.name))

    def listed(self, kind: Kind) -> list[Listed]:
        """Return the live resources with marks of a kind that the tagging API does not list."""
        by_application = self.inventory.owned(self.view, kind, self.installation)
        return [one for prefix in self.prefixes for one in by_application.get(prefix, ())]


# ---------------------------------------------------------------- list


def listing(inventory: Inventory, view: View, inputs: Inputs, last: Listing | None, now: float) -> Listing:
    """Return the last list while it is usable, else a new one. Raises AwsError only for lost credentials."""
    if last is not None and last.usable(inputs, now):
        return last
    scope = Scope(inventory, view, inputs.kinds, inputs.installation, inputs.application)
    orphans: list[Owned] = []
    incomplete = ""
    suspects: set[Key] = set()
    contents: list[Any] = []
    for kind in inputs.kinds.values():
        try:
            owned = _owned(scope, inputs, kind, suspects, contents)
            orphans += [one.owned for one in owned if _is_orphan(inputs, kind, one)]
        except AwsError as failure:
            if failure.kind == "credentials":
                raise
            text = f"{kind.name} resources with our marks could not be listed: {failure}"
            incomplete = WithheldReason("not_listed", text)
    unread = frozenset(key for key in suspects if _is_unread(inputs, key))
    found = Listing(revision=inputs.revision, at=now, made=now, orphans=tuple(orphans), incomplete=incomplete)
    if unread and not incomplete:
        text = f"{min(unread)} cannot be read: it is not known which resource its mark in AWS is on"
        return replace(found, incomplete=WithheldReason("not_listed", text), unread=unread)
    return found if suspects or incomplete else replace(found, content=content_of(contents))


def renewed(last: Listing, scope: Scope, now: float) -> Listing | None:
    """Return the last list as of now, if AWS has the same marks. Then the orphans are the same in the same world."""
    if last.content == NEVER:
        return None
    try:
        contents = [
            scope.marks(kind) if kind.tagged_as else _content(scope.listed(kind)) for kind in scope.kinds.values()
        ]
    except AwsError:
        return None  # the pass meets it again
    return replace(last, at=now) if content_of(contents) == last.content else None


def _owned(scope: Scope, inputs: Inputs, kind: Kind, suspects: set[Key], contents: list[Any]) -> Iterator[Listed]:
    """Yield the live resources of a kind that may be orphans of the application. Adds the marks to `contents`.

    Where the tagging API lists the kind, only the marks that it returns and that no document explains are verified:
    the `suspects`. Those of documents that cannot be read are not: AWS would get a call for each.
    """
    if not kind.tagged_as:
        listed = scope.listed(kind)
        contents.append(_content(listed))
        yield from listed
        return
    found = scope.marks(kind)
    contents.append(found)
    unexplained = _unexplained(inputs, kind, found)
    suspects |= set(unexplained.values())
    wanted = [owner.removeprefix("v1/") for owner, key in sorted(unexplained.items()) if not _is_unread(inputs, key)]
    for one in wanted if len(wanted) <= _MOST_ALONE else [inputs.installation]:
        for verified in scope.inventory.owned(scope.view, kind, one).values():
            yield from verified


def _content(listed: Iterable[Listed]) -> list[_Mark]:
    return [(one.owner, one.id, one.natural) for one in listed]


def _unexplained(inputs: Inputs, kind: Kind, found: Iterable[_Mark]) -> dict[str, Key]:
    """Return the owner marks of the application on resources that are not those that its documents were read as."""
    unexplained = {}
    for owner, arn, _ in found:
        parsed = marks.key_of(owner)
        if parsed and parsed[1].kind == kind.name and not _explained(inputs, kind, parsed[1], owner, arn):
            unexplained[owner] = parsed[1]
    return unexplained


def _explained(inputs: Inputs, kind: Kind, key: Key, owner: str, arn: str) -> bool:
    """Return whether a document of this key has this resource, or an older revision of it."""
    observed = inputs.world.get(key)
    if owner not in inputs.others or not isinstance(observed, Present):
        return False
    return kind.keeps_revisions or arn in (*observed.outputs.values(), observed.facts.get("arn"))


def _is_unread(inputs: Inputs, key: Key) -> bool:
    """Return whether a document of this key cannot be read now."""
    return isinstance(inputs.world.get(key), Unreadable)


def _is_orphan(inputs: Inputs, kind: Kind, listed: Listed) -> bool:
    """Return whether the mark is of this application, belongs to this resource, and no document has its key."""
    key = _key_of(listed.owner)
    if key is None or key.kind != kind.name or not _is_own(inputs, listed, key) or _copied(inputs, kind, listed):
        return False
    declared = listed.owner in inputs.others
    return not declared or _means_another(inputs, kind, key, listed)


def _is_own(inputs: Inputs, listed: Listed, key: Key) -> bool:
    application = inputs.application
    own = listed.owner == marks.owner(inputs.installation, key)
    return own and key.application in (application.name, *application.formerly)


def _copied(inputs: Inputs, kind: Kind, listed: Listed) -> bool:
    """Return whether the id in the mark is of another resource: then the mark was copied and is foreign."""
    if kind.tagging is None:
        return False  # the kind has the mark of its parent, which is checked with the parent
    return listed.id != marks.identity(inputs.physical(kind.name, listed.natural))


def _means_another(inputs: Inputs, kind: Kind, key: Key, listed: Listed) -> bool:
    """Return whether the document of the key has another natural name, cluster or Region now (docs/rules.md R5)."""
    desired = inputs.desired(key)
    natural = kind.natural(inputs.resolved(desired).body) if desired else None
    return natural is not None and natural != listed.natural


# ---------------------------------------------------------------- decide


@dataclass(frozen=True, slots=True)
class Claims:
    """What the documents of an application are in AWS, as a pass resolved their names (docs/rules.md R5)."""

    ids: array[int]  # hashes of PhysicalId: 8 bytes for each document
    unread: frozenset[str]  # kinds with a document of which the name is not known, because a read failed


def claims(inputs: Inputs) -> Claims:
    """Return what the documents of the application are in AWS, whatever marks the live resources carry."""
    ids, unread = set(), set()
    for desired in inputs.application.resources:
        name = _claimed_name(inputs, desired)
        if name is not None:
            ids.add(hash(inputs.physical(desired.key.kind, name)))
        elif _is_unread(inputs, desired.key):
            unread.add(desired.key.kind)
    return Claims(array("q", ids), frozenset(unread))


def _claimed_name(inputs: Inputs, desired: Desired) -> str | None:
    kind = inputs.kind(desired.key)
    return (kind.claim or kind.natural)(inputs.resolved(desired).body)


def removable(
    inputs: Inputs, listed: Listing, applications: Collection[Application], known: Mapping[str, Claims]
) -> tuple[Owned, ...]:
    """Return the listed orphans that no document of any application claims.

    `known` has the claims of the applications with a pass over these manifests.
    """
    if not listed.orphans:
        return ()
    claimed = set(claims(inputs).ids).union(*(one.ids for one in known.values()))
    uncertain = _uncertain_kinds(inputs, (desired for one in applications for desired in one.resources))
    return tuple(
        one for one in listed.orphans if not (_claimed_hash(inputs, one) in claimed or _kind(one) in uncertain)
    )


def _claimed_hash(inputs: Inputs, owned: Owned) -> int | None:
    name = _name_of(inputs, owned)
    return hash(inputs.physical(_kind(owned), name)) if name is not None else None


def _name_of(inputs: Inputs, owned: Owned) -> str | None:
    """Return the name by which documents claim a live resource."""
    kind = inputs.kinds.get(_kind(owned))
    if kind is None:
        return None
    return kind.claim(owned.present.body) if kind.claim else owned.natural


def doubts(
    inputs: Inputs, orphans: Iterable[Owned], applications: Collection[Application], known: Mapping[str, Claims]
) -> Mapping[Key, str]:
    """Return why orphans are not removed yet, by the key of their mark: a document may claim them.

    That is one of another application that has had no pass over these manifests, or that could not be read.
    """
    by_kind: dict[str, list[Owned]] = {}
    for one in orphans:
        by_kind.setdefault(_kind(one), []).append(one)
    own = inputs.application
    others = [one for one in applications if one.name != own.name] if by_kind else []
    beside = replace(inputs, lookups=(*inputs.lookups, *(desired for one in others for desired in one.resources)))
    found: dict[Key, str] = {}
    undecided = ((one, desired) for one in others for desired in _undecided(one, by_kind, known.get(one.name)))
    for desired in (desired for one, desired in undecided if _may_claim(inputs.kind(desired.key), own, one)):
        name = _claimed_name(beside, desired)
        for one in by_kind[desired.key.kind]:
            key = _key_of(one.marks.owner)
            if key is not None and name in (None, _name_of(inputs, one)):
                who = f"{desired.key} of {desired.key.application}"
                found[key] = f"{who} may mean it, and was not looked at since the manifests changed"
    return found


def _may_claim(kind: Kind, own: Application, other: Application) -> bool:
    """Return whether documents of another application may mean the same resource: it may be in the same Region."""
    return not (kind.regional and own.region and other.region and own.region != other.region)


def _undecided(application: Application, kinds: Container[str], claims: Claims | None) -> Iterator[Desired]:
    """Yield the documents of these kinds of which it is not known what they are in AWS."""
    for desired in application.resources:
        kind = desired.key.kind
        if kind in kinds and (claims is None or kind in claims.unread):
            yield desired


def _uncertain_kinds(inputs: Inputs, documents: Iterable[Desired]) -> frozenset[str]:
    """Return the untagged kinds of which no resource can be called an orphan now.

    A resource without a mark of its own is claimed by its name alone. So the name of every document of the kind must
    be resolved, and must belong to this application.
    """
    untagged = [desired for desired in documents if inputs.kind(desired.key).tagging is None]
    return frozenset(
        desired.key.kind
        for desired in untagged
        if desired.key.application != inputs.application.name
        or inputs.kind(desired.key).natural(inputs.resolved(desired).body) is None
    )


def _key_of(owner: str) -> Key | None:
    parsed = marks.key_of(owner)
    return parsed[1] if parsed else None


def _kind(owned: Owned) -> str:
    key = _key_of(owned.marks.owner)
    return key.kind if key else ""


# ---------------------------------------------------------------- remove


def planned_again(reader: Reader, inputs: Inputs, step: Step) -> Step | None:
    """List what has the mark anew and return the step for the same orphan; None where it is gone, or not ours now."""
    assert isinstance(step.change, Delete | Forget)
    owner, kind = marks.owner(inputs.installation, step.id.key), inputs.kind(step.id.key)
    for owned in kind.owned(reader, owner.removeprefix("v1/")) if kind.owned else ():
        if _unchanged(owned, step.change.observed) and owned.marks.owner == owner:
            again = deletion(inputs, step.id.key, owned.present, waiting=step.waiting, phase=step.id.phase)
            return replace(again, after=step.after)
    return None


def _unchanged(owned: Owned, before: Present) -> bool:
    return owned.present.outputs == before.outputs and owned.marks == before.marks
