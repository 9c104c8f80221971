"""All that a plan is made from, and the questions it is asked: what a reference is worth, how a resource differs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ecsync.core import graph, marks
from ecsync.core.diff import Difference, declared_form, differences, effect_of, looser
from ecsync.core.kind import Kind, Owned, World
from ecsync.core.model import (
    Application,
    Applied,
    Desired,
    FieldChange,
    Key,
    PhysicalId,
    Present,
    Reason,
    Ref,
    Step,
    Target,
    Unreadable,
)
from ecsync.core.normalise import normalise
from ecsync.core.redact import masked
from ecsync.core.resolve import resolve
from ecsync.core.rules import CommaList, Released, WriteOnly
from ecsync.core.trees import Body, Elements, Json, Path, locate, matches

UNTOLD = "(AWS does not tell it)"
Policy = Callable[[Step, "Inputs"], str]  # why a step is withheld; empty: let through
Looked = Mapping[Ref, str | tuple[str, ...] | None]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The manifest, the world as it was read, and who we are."""

    application: Application
    kinds: Mapping[str, Kind]
    world: World
    target: Target
    installation: str
    revision: str = ""
    lookups: tuple[Desired, ...] = ()  # resources of other applications that this one refers to
    orphans: tuple[Owned, ...] = ()  # ours, and declared by no application of the latest complete snapshot
    others: frozenset[str] = frozenset()  # owner marks that documents of this installation claim, all applications
    young: frozenset[Key] = frozenset()  # made by us and not seen complete yet: what they lack is pending, not drift
    settled: Mapping[Key, Applied] = field(default_factory=dict)  # of what takes no tags: as it was last seen in sync
    looked: Mapping[Key, Looked] = field(default_factory=dict)  # what its lookups were worth when it was last in sync
    policies: tuple[Policy, ...] = ()

    @cached_property
    def _documents(self) -> Mapping[Key, Desired]:
        return {d.key: d for d in (*self.lookups, *self.application.resources)}

    def desired(self, key: Key) -> Desired | None:
        """Return what a manifest says of a key."""
        return self._documents.get(key)

    def kind(self, key: Key) -> Kind:
        """Return the kind of a key."""
        return self.kinds[key.kind]

    def writable(self, desired: Desired) -> bool:
        """Tell whether we may ever write the resource; a lookup is only read."""
        return desired.options.manage and self.kind(desired.key).calls is not None

    def looks_up(self, ref: Ref) -> bool:
        """Tell whether a reference is to what we only look up."""
        found = self.desired(ref.key)
        return found is not None and not self.writable(found)

    def physical(self, kind: str, natural: str) -> PhysicalId:
        """Return the identity of a resource in the target."""
        return PhysicalId(account=self.target.account, region=self.target.region, kind=kind, natural=natural)

    def value_of(self, ref: Ref) -> str | tuple[str, ...] | None:
        """Return the live value of an output, or what the body alone tells of it; None where it is not known."""
        observed = self.world.get(ref.key)
        if isinstance(observed, Present) and ref.output in observed.outputs:
            return observed.outputs[ref.output]
        desired = self.desired(ref.key)
        if desired is None:
            return None
        known = self.kind(ref.key).known(desired.body).get(ref.output)
        return known if isinstance(known, str) else None

    def resolved(self, desired: Desired, invalid: Collection[tuple[Key, str]] = ()) -> Desired:
        """Return the document with every reference replaced whose value is known and not about to change."""

        def value(ref: Ref) -> str | tuple[str, ...] | None:
            return None if (ref.key, ref.output) in invalid else self.value_of(ref)

        commas = tuple(rule.segments for rule in self.kind(desired.key).rules if isinstance(rule, CommaList))
        return replace(desired, body=resolve(desired.body, value, commas))


def difference(
    inputs: Inputs, desired: Desired, written: Desired, observed: Present, changing: Collection[Key] = ()
) -> Difference:
    """Compare a document whose references are resolved with what is live.

    `written` is the same document with its references as they are: what marks are made of. `changing` are the
    resources that change in the same plan.
    """
    kind = inputs.kind(desired.key)
    found = between(
        kind,
        released(kind, desired, written, observed).body,
        observed,
        undeclared=not _leaves_undeclared(desired, observed),
        ignore=desired.options.ignore,
        reason=lambda path: reason(inputs, written, observed, path, changing),
    )
    seen = {one.path[0] for one in found.fields}
    unseen = tuple(one for one in _write_only(kind, written, observed) if one.path[0] not in seen)
    return replace(found, fields=(*found.fields, *unseen))


def _write_only(kind: Kind, written: Desired, observed: Present) -> Iterator[FieldChange]:
    """Yield what AWS never tells and the document has, where the mark says that something else was applied."""
    applied = observed.marks.applied if observed.marks else None
    rows = [row for row in kind.rules if isinstance(row, WriteOnly)]
    if not rows or applied is None or applied.form != marks.FORM:
        return
    form = declared_form(written.body, kind.rules)
    for row in rows:
        for container, name, path in locate(form, row.segments):
            member = str(path[0])
            ignored = any(matches(path, pattern) for pattern in written.options.ignore)
            if (
                ignored
                or name not in container
                or any(
                    marks.applied_equals(applied, member, words)
                    for words in (form[member], *looser(written.body, kind.rules, member))
                )
            ):
                continue
            after = masked(container[name], path, kind.rules)
            yield FieldChange(
                path=path, before=UNTOLD, after=after, effect=effect_of(path, kind.rules), reason="pending"
            )


def released_maps(kind: Kind) -> tuple[str, ...]:
    """Return the members whose keys count one by one in the mark, beside the tags."""
    return tuple(rule.path for rule in kind.rules if isinstance(rule, Released))


def released(kind: Kind, desired: Desired, written: Desired, observed: Present) -> Desired:
    """Return the document with AWS's own value for each key of a map that we applied and that left the document."""
    applied = observed.marks.applied if observed.marks else None
    body = dict(desired.body)
    for rule in kind.rules if applied else ():
        if not isinstance(rule, Released) or applied is None:
            continue
        declared = marks.tag_map(written.body.get(rule.path))
        ours = marks.gone(applied, rule.path, declared, marks.tag_map(observed.body.get(rule.path)))
        values = {key: rule.value(key, desired.body) for key in ours}
        known = [{"Key": key, "Value": value} for key, value in values.items() if value is not None]
        if known:
            said = marks.tag_map(desired.body.get(rule.path))
            body[rule.path] = [*({"Key": key, "Value": said[key]} for key in said if key not in values), *known]
    return replace(desired, body=body)


def between(
    kind: Kind,
    desired: Body,
    observed: Present,
    *,
    undeclared: bool = True,
    ignore: tuple[tuple[str, ...], ...] = (),
    reason: Callable[[Path], Reason] = lambda _: "drift",
) -> Difference:
    """Compare a body with what is live as the kind sees it: what others decided, its rules, its effects."""
    body = kind.adjust(desired, observed) if kind.adjust else desired
    found = differences(
        body,
        observed.body,
        kind.rules,
        facts=observed.facts,
        undeclared=undeclared,
        newer=kind.unreviewed(),
        ignore=ignore,
        reason=reason,
        whole=kind.any_change,
    )
    if kind.tagging is None or kind.any_change is None:
        return found
    tags = kind.tagging.member  # tags never make a new revision
    fields = tuple(replace(one, effect="in-place") if one.path[0] == tags else one for one in found.fields)
    return replace(found, fields=fields)


def fields_of(inputs: Inputs, desired: Desired, observed: Present) -> tuple[FieldChange, ...]:
    """Return how a live resource differs from its document, nothing else of the plan considered."""
    return difference(inputs, inputs.resolved(desired), desired, observed).fields


def _leaves_undeclared(desired: Desired, observed: Present) -> bool:
    adopted = bool(observed.marks and observed.marks.applied and observed.marks.applied.adopted)
    return desired.options.undeclared == "ignore" or (desired.options.undeclared == "adopted" and adopted)


def reason(inputs: Inputs, written: Desired, observed: Present, path: Path, changing: Collection[Key]) -> Reason:
    """Tell drift (somebody changed it), pending (we have not applied it yet) and lookup (what we look up moved)."""
    if written.key in changing or written.key in inputs.young:
        return "pending"
    kind = inputs.kind(written.key)
    told = kind.reason(path, observed) if kind.reason else None
    if told:
        return told
    said = _references_at(kind, written, path)
    if {ref.key for ref in said} & set(changing):
        return "pending"
    applied = observed.marks.applied if kind.tagging and observed.marks else inputs.settled.get(written.key)
    if applied is None:
        return "drift"
    if not _as_applied(kind, written, applied, path):
        return "pending"
    before = inputs.looked.get(written.key, {})
    moved = (ref for ref in said if inputs.looks_up(ref) and (ref not in before or before[ref] != inputs.value_of(ref)))
    return "lookup" if any(moved) else "drift"


def _references_at(kind: Kind, written: Desired, path: Path) -> frozenset[Ref]:
    """Return what the document refers to at a canonical path; in a list that is keyed by a reference, anywhere."""
    tree: Json = normalise(written.body, kind.rules, fill=False)
    for part in path:
        if not isinstance(tree, Mapping) or (part not in tree and isinstance(tree, Elements)):
            break
        tree = tree.get(part)
    return frozenset(ref for _, ref in graph.references(tree))


def _as_applied(kind: Kind, written: Desired, applied: Applied, path: Path) -> bool:
    """Tell whether the member that a path is in is declared as it was when it was last applied."""
    tags, maps = kind.tagging.member if kind.tagging else "tags", released_maps(kind)
    declared = dict(marks.members(declared_form(written.body, kind.rules), tags, maps))
    names = [member := str(path[0])]
    if member == tags or member in maps:  # where the block differs as a whole, all that is declared of it
        block = "tags" if member == tags else member
        keyed = [marks.by_key(block, str(path[1]))] if len(path) > 1 else []
        names = keyed or [name for name in declared if name.startswith(marks.by_key(block, ""))]
    return all(marks.applied_equals(applied, name, declared.get(name)) for name in names)


def as_declared(kind: Kind, written: Desired) -> Applied | None:
    """Return what a mark on a resource that is as its document says would say of its members."""
    tags = kind.tagging.member if kind.tagging else "tags"
    return marks.unpack(marks.pack(declared_form(written.body, kind.rules), tags, released_maps(kind)))


def declares(desired: Desired, kind: Kind) -> Callable[[Path], bool]:
    """Return a test for whether the manifest itself speaks of a canonical path, or a default does."""
    written = normalise(desired.body, kind.rules, fill=False)

    def stands(path: Path) -> bool:
        tree: Json = written
        for part in path:
            if not isinstance(tree, Mapping):
                return True  # the manifest has a whole value here
            if part not in tree:
                return False
            tree = tree[part]
        return True

    return stands


def blocked(inputs: Inputs, desired: Desired, unreadable: Mapping[Key, str]) -> str:
    """Say which reference cannot be known because its resource could not be read; empty where all can."""
    for _, ref in graph.references(desired.body):
        observed = inputs.world.get(ref.key)
        why = observed.error if isinstance(observed, Unreadable) else unreadable.get(ref.key)
        if why:
            return f"{ref} is not known: {why}"
    return ""
